#include "sleeper/config.h"

#include "proto/ini_lines.h"
#include "sleeper/config_keys.h"
#include "sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 64
#define WORD_MAX 512

static const char *const sections[] = { "sleeper", "services", "idle", "check" };
#define SECTIONS_N (sizeof(sections) / sizeof(sections[0]))
#define CHECK "check"

struct reading {
	struct config *c;
	const char *name;
	FILE *to;
	const char *section; /* NULL: none of ours */
	struct config_check *check; /* the section's, when it is one */
	bool seen[KEYS_MAX]; /* of the section; by row */
	bool seen_section[SECTIONS_N];
	bool failed;
};

static void complain(struct reading *r, uint32_t line, const char *key, const char *what)
{
	if (line)
		fprintf(r->to, "%s:%u: %s%s%s\n", r->name, line, key, key[0] ? ": " : "", what);
	else
		fprintf(r->to, "%s: %s%s%s\n", r->name, key, key[0] ? ": " : "", what);
	r->failed = true;
}

static void *field_of(const struct reading *r, const struct config_key *k)
{
	return (char *)(r->check ? (void *)r->check : (void *)r->c) + k->offset;
}

static void take_words(struct reading *r, uint32_t line, const struct config_key *k,
		       const char *value)
{
	char word[WORD_MAX];

	while (*value) {
		size_t n = k->type->list ? strcspn(value, " \t,") : strlen(value);
		const char *wrong;

		if (n >= sizeof(word)) {
			complain(r, line, k->name, "it is too long");
			return;
		}
		memcpy(word, value, n);
		word[n] = 0;
		wrong = n ? k->type->parse(k, word, field_of(r, k)) : NULL;
		if (wrong)
			complain(r, line, k->name, wrong);
		value += n;
		value += strspn(value, " \t,");
	}
}

/* What the keys of the section that ends here have without being said. */
static void take_fallbacks(struct reading *r)
{
	for (size_t i = 0; i < config_keys_n; i++) {
		const struct config_key *k = &config_keys[i];

		if (r->section && strcmp(k->section, r->section) == 0 && !r->seen[i])
			take_words(r, 0, k, k->fallback);
	}
	if (r->check && !r->check->command[0])
		complain(r, r->check->line, "command", "it is needed");
	r->section = NULL;
	r->check = NULL;
	memset(r->seen, 0, sizeof(r->seen));
}

static void begin_check(struct reading *r, uint32_t line, const char *name)
{
	struct config *c = r->c;

	r->section = NULL;
	if (!name || !spec_name_valid(name, strlen(name))) {
		complain(r, line, "", "the heading is [check \"NAME\"]");
		return;
	}
	for (size_t i = 0; i < c->checks_n; i++) {
		if (strcmp(c->checks[i].name, name) == 0)
			complain(r, line, name, "there is a check of that name already");
	}
	if (c->checks_n == CONFIG_CHECKS_MAX) {
		complain(r, line, name, "these are too many checks");
		return;
	}
	r->section = CHECK;
	r->check = &c->checks[c->checks_n++];
	r->check->line = line;
	memcpy(r->check->name, name, strlen(name) + 1);
}

static void on_heading(void *who, uint32_t line, const char *section, const char *name)
{
	struct reading *r = who;
	size_t i = 0;

	take_fallbacks(r);
	if (strcmp(section, CHECK) == 0) {
		begin_check(r, line, name);
		return;
	}
	while (i < SECTIONS_N && strcmp(sections[i], section) != 0)
		i++;
	if (i == SECTIONS_N || name) {
		if (section[0])
			complain(r, line, "",
				 "the sections are [sleeper], [services], [idle] and [check "
				 "\"NAME\"]");
		return;
	}
	if (r->seen_section[i])
		complain(r, line, section, "the section is there twice");
	r->seen_section[i] = true;
	r->section = sections[i];
}

static void on_wrong(void *who, uint32_t line, const char *what)
{
	complain(who, line, "", what);
}

static void on_key(void *who, uint32_t line, const char *name, const char *value, bool more)
{
	struct reading *r = who;
	const struct config_key *k = r->section ? config_key(r->section, name) : NULL;
	size_t i = k ? (size_t)(k - config_keys) : 0;

	if (!k) {
		complain(r, line, name,
			 r->section ? "there is no such key in this section"
				    : "there is no section of ours above it");
		return;
	}
	if (more && !k->type->list)
		complain(r, line, name, "it has one line only");
	else if (!more && r->seen[i])
		complain(r, line, name, "it is there twice");
	else if (!value[0] && k->fallback[0])
		complain(r, line, name, "it needs a value");
	else
		take_words(r, line, k, value);
	r->seen[i] = true;
}

int config_parse(struct config *c, const char *bytes, size_t n, const char *name, FILE *to)
{
	struct reading r = { .c = c, .name = name, .to = to };
	const struct ini_listener listener = { on_heading, on_key, on_wrong, &r };
	int result;

	memset(c, 0, sizeof(*c));
	result = ini_lines(bytes, n, &listener);
	take_fallbacks(&r);
	for (size_t i = 0; i < SECTIONS_N; i++) {
		r.section = strcmp(sections[i], CHECK) != 0 && !r.seen_section[i] ? sections[i]
										  : NULL;
		take_fallbacks(&r);
	}
	return result < 0 ? result : r.failed ? -EINVAL : 0;
}

int config_load(struct config *c, const char *file, FILE *to)
{
	char *bytes = NULL;
	size_t n = 0;
	int r = file_read(AT_FDCWD, file, CONFIG_FILE_MAX, &bytes, &n);

	if (r < 0 && !(r == -ENOENT && strcmp(file, CONFIG_DEFAULT_FILE) == 0)) {
		fprintf(to, "rouse-sleeper: cannot read the configuration %s: %s\n", file,
			strerror(-r));
		return r;
	}
	r = config_parse(c, bytes ? bytes : "", n, file, to);
	free(bytes);
	return r;
}

static void print_section(const char *section, const void *base, FILE *to)
{
	for (size_t i = 0; i < config_keys_n; i++) {
		const struct config_key *k = &config_keys[i];

		if (strcmp(k->section, section) != 0)
			continue;
		fprintf(to, "%s = ", k->name);
		k->type->print(k, (const char *)base + k->offset, to);
		fputc('\n', to);
	}
}

/* As ini_lines reads it: a quote or a backslash has one before it. */
static void print_quoted(const char *s, FILE *to)
{
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', to);
		fputc(*s, to);
	}
}

void config_print(const struct config *c, FILE *to)
{
	for (size_t i = 0; i < SECTIONS_N; i++) {
		if (strcmp(sections[i], CHECK) == 0)
			continue;
		fprintf(to, "%s[%s]\n", i ? "\n" : "", sections[i]);
		print_section(sections[i], c, to);
	}
	for (size_t i = 0; i < c->checks_n; i++) {
		fputs("\n[" CHECK " \"", to);
		print_quoted(c->checks[i].name, to);
		fputs("\"]\n", to);
		print_section(CHECK, &c->checks[i], to);
	}
}
