#include "guard/config.h"

#include "guard/config_keys.h"
#include "guard/config_report.h"
#include "guard/config_unique.h"
#include "proto/ini_lines.h"
#include "proto/keys.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 64 /* more than there are: asserted */
#define WORD_MAX 256

/* Where we are in a file. */
struct parser {
	struct config *config;
	struct config_report *report;
	struct config_unique unique;
	const char *section; /* of the table; NULL: none, or one that is not understood */
	bool headed; /* there was a heading */
	size_t room; /* machines there is memory for */
	uint32_t seen
		[KEYS_MAX]; /* the line where each key was given, for machines: the current one */
	int error; /* -ENOMEM */
};

/* The field's owner: the configuration, or the machine the current section is about. */
static void *owner_of(struct config *c, const struct config_key *k)
{
	return strcmp(k->section, "machine") == 0 ? (void *)&c->machines[c->machines_n - 1]
						  : (void *)c;
}

void config_init(struct config *c)
{
	*c = (struct config){ 0 };
	for (size_t i = 0; i < config_keys_n; i++) {
		const struct config_key *k = &config_keys[i];

		const char *why = NULL;

		if (*k->fallback)
			why = k->type->parse(k, k->fallback, config_field(k, c));
		assert(!why);
	}
}

void config_drop_machines(struct config *c)
{
	free(c->machines);
	c->machines = NULL;
	c->machines_n = 0;
}

void config_done(struct config *c)
{
	config_drop_machines(c);
	explicit_bzero(c->token, sizeof(c->token));
}

/* --- values --- */

static void bad_word(struct parser *p, uint32_t line, const char *said, const struct config_key *k,
		     const char *word, const char *why)
{
	config_error(p->report, line, "%s: \"%s\" %s; expected %s", said, k->secret ? "…" : word,
		     why, k->expected);
}

/* Names, MACs and addresses belong to one machine. */
static void check_unique(struct parser *p, uint32_t line, const char *kind, const char *value)
{
	struct config *c = p->config;
	size_t self = c->machines_n - 1;
	size_t other = self;
	int64_t first = config_unique_add(&p->unique, kind, value, self, line, &other);

	if (first < 0)
		p->error = (int)first;
	else if (first > 0 && strcmp(kind, "name") == 0)
		config_error(p->report, line, "machine \"%s\" is there already, in line %u", value,
			     (uint32_t)first);
	else if (first > 0)
		config_error(p->report, line,
			     "%s: \"%s\" is that of machine \"%s\" already, in line %u", kind,
			     value, c->machines[other].name, (uint32_t)first);
}

/* The newest value in its printed form, which is the same for every way to write it. */
static void last_word(const struct config_key *k, const void *field, char last[static WORD_MAX])
{
	for (size_t i = 0;; i++) {
		char word[WORD_MAX];
		struct text t = text_over(word, sizeof(word));

		if (!k->type->format(k, field, i, &t))
			return;
		memcpy(last, word, t.used + 1);
		if (!k->type->list)
			return;
	}
}

static void take_word(struct parser *p, uint32_t line, const char *said, const struct config_key *k,
		      const char *word)
{
	void *field = config_field(k, owner_of(p->config, k));
	const char *why = k->type->parse(k, word, field);
	char last[WORD_MAX] = "";

	if (why) {
		bad_word(p, line, said, k, word, why);
		return;
	}
	if (!k->unique)
		return;
	last_word(k, field, last);
	check_unique(p, line, k->key, last);
}

/* The words of a list one by one; anything else is one word. */
static void take_value(struct parser *p, uint32_t line, const char *said,
		       const struct config_key *k, const char *value)
{
	const char *at = value;

	if (!*value) {
		if (!k->empty)
			config_error(p->report, line, "%s: a value is missing; expected %s", said,
				     k->expected);
		return;
	}
	if (!k->type->list) {
		take_word(p, line, said, k, value);
		return;
	}
	while (*(at += strspn(at, " \t,"))) {
		char word[WORD_MAX];
		size_t n = strcspn(at, " \t,");

		if (n >= sizeof(word)) {
			config_error(p->report, line, "%s: a word is too long; expected %s", said,
				     k->expected);
		} else {
			memcpy(word, at, n);
			word[n] = 0;
			take_word(p, line, said, k, word);
		}
		at += n;
	}
}

/* --- lines --- */

static struct spec *new_machine(struct parser *p)
{
	struct config *c = p->config;
	struct spec *s;

	if (c->machines_n == p->room) {
		size_t room = p->room ? p->room * 2 : 8;

		s = realloc(c->machines, room * sizeof(*s));
		if (!s) {
			p->error = -ENOMEM;
			return NULL;
		}
		c->machines = s;
		p->room = room;
	}
	s = &c->machines[c->machines_n++];
	*s = (struct spec){ .origin = SPEC_FILE };
	return s;
}

/* What is missing in the machine whose section ends here. */
static void end_machine(struct parser *p)
{
	const struct spec *s;

	if (!p->section || strcmp(p->section, "machine") != 0)
		return;
	s = &p->config->machines[p->config->machines_n - 1];
	if (!p->seen[config_key_find("machine", "mac") - config_keys])
		config_error(p->report, s->line, "machine \"%s\": mac is missing", s->name);
}

static void start_machine(struct parser *p, uint32_t line, const char *name)
{
	struct spec *s;

	if (!name || !spec_name_valid(name, strlen(name))) {
		config_error(p->report, line,
			     "a machine's heading is [machine \"NAME\"], with a name of 1 to %d "
			     "bytes, without "
			     "control characters, '/', and blanks at its ends",
			     SPEC_NAME_MAX);
		p->section = NULL;
		return;
	}
	s = new_machine(p);
	if (!s) {
		p->section = NULL;
		return;
	}
	for (size_t i = 0; i < config_keys_n; i++) {
		if (strcmp(config_keys[i].section, "machine") == 0)
			p->seen[i] = 0;
	}
	s->line = line;
	memcpy(s->name, name, strlen(name) + 1);
	check_unique(p, line, "name", name);
}

static void on_heading(void *who, uint32_t line, const char *section, const char *name)
{
	struct parser *p = who;

	end_machine(p);
	p->headed = true;
	p->section = NULL;
	if (!*section)
		return;
	for (size_t i = 0; i < config_keys_n; i++) {
		if (strcmp(config_keys[i].section, section) == 0)
			p->section = config_keys[i].section;
	}
	if (!p->section)
		config_error(
			p->report, line,
			"there is no section [%s]; expected [guard], [wake] or [machine \"NAME\"]",
			section);
	else if (strcmp(section, "machine") == 0)
		start_machine(p, line, name);
	else if (name)
		config_error(p->report, line, "[%s] has no name; expected [%s]", section, section);
}

/* A key that the section does not have: the likeliest mistakes are a slip and the wrong section. */
static void unknown_key(struct parser *p, uint32_t line, const char *key)
{
	const struct config_key *near = config_key_nearest(p->section, key);

	for (size_t i = 0; i < config_keys_n; i++) {
		if (strcmp(config_keys[i].key, key) == 0) {
			config_error(p->report, line, "%s is no key of [%s]; it belongs to [%s]",
				     key, p->section, config_keys[i].section);
			return;
		}
	}
	if (near)
		config_error(p->report, line, "%s is no key of [%s]; did you mean %s?", key,
			     p->section, near->key);
	else
		config_error(p->report, line,
			     "%s is no key of [%s]; roused.conf(5) has all of them", key,
			     p->section);
}

static void on_key(void *who, uint32_t line, const char *key, const char *value, bool more)
{
	struct parser *p = who;
	const struct config_key *k;
	uint32_t *seen;

	if (!p->section) {
		if (!p->headed)
			config_error(
				p->report, line,
				"%s stands before the first heading; expected [guard], [wake] or "
				"[machine \"NAME\"] above it",
				key);
		/* Once is enough; the keys of a section that is unknown mean nothing. */
		p->headed = true;
		return;
	}
	k = config_key_find(p->section, key);
	if (!k) {
		if (!more)
			unknown_key(p, line, key);
		return;
	}
	seen = &p->seen[k - config_keys];
	if (more && !k->type->list)
		config_error(p->report, line,
			     "%s takes one value: this line begins with a blank and continues it",
			     key);
	else if (*seen && !k->type->list)
		config_error(p->report, line, "%s takes one value and has one already, in line %u",
			     key, *seen);
	else
		take_value(p, line, key, k, value);
	if (!*seen)
		*seen = line;
}

static void on_wrong(void *who, uint32_t line, const char *what)
{
	struct parser *p = who;

	config_error(p->report, line, "%s", what);
}

/* --- the whole --- */

static uint32_t line_of(const struct parser *p, const char *section, const char *key)
{
	return p->seen[config_key_find(section, key) - config_keys];
}

/* What only several keys together show. */
static void check_together(struct parser *p)
{
	const struct config *c = p->config;

	if (c->register_mode == REGISTER_TOKEN && !*c->token)
		config_error(p->report, line_of(p, "guard", "register"),
			     "register = token needs a token; add token = …");
	if (c->register_mode != REGISTER_TOKEN && *c->token)
		config_warning(p->report, line_of(p, "guard", "token"),
			       "token counts with register = token only");
	if (c->virtual_mac.kind == VIRTUAL_MAC_GIVEN && !(c->virtual_mac.mac.b[0] & 2))
		config_warning(
			p->report, line_of(p, "guard", "virtual-mac"),
			"virtual-mac is not locally administered: make sure that no NIC has it");
	for (size_t i = 0; i < c->machines_n; i++) {
		const struct spec *s = &c->machines[i];

		if (s->addresses_n == 0 && s->rules_n > 0)
			config_warning(p->report, s->line,
				       "machine \"%s\" has no address: wake-on means nothing",
				       s->name);
	}
}

int config_parse(struct config *c, const char *bytes, size_t n, struct config_report *r)
{
	struct parser p = { .config = c, .report = r };
	const struct ini_listener listener = {
		.heading = on_heading, .key = on_key, .wrong = on_wrong, .who = &p
	};
	int result;

	assert(config_keys_n <= KEYS_MAX);
	result = config_unique_init(&p.unique);
	if (result < 0)
		return result;
	result = ini_lines(bytes, n, &listener);
	if (result == 0)
		result = p.error;
	if (result == 0) {
		end_machine(&p);
		check_together(&p);
		config_report_sort(r);
	}
	config_unique_done(&p.unique);
	if (result == 0 && r->errors)
		result = -EINVAL;
	return result;
}

int config_set(struct config *c, const char *section, const char *key, const char *value,
	       const char *said, struct config_report *r)
{
	struct parser p = { .config = c, .report = r };
	const struct config_key *k = config_key_find(section, key);
	size_t before = r->errors;

	assert(k && !k->unique);
	k->type->clear(k, config_field(k, c));
	take_value(&p, 0, said, k, value);
	return r->errors > before ? -EINVAL : 0;
}

void config_settings(const struct config *c, struct ipc_settings *ret_settings)
{
	*ret_settings = (struct ipc_settings){
		.interval = c->interval,
		.hold = c->hold,
		.shutdown_timeout = c->shutdown_timeout,
		.probe_interval = c->probe_interval,
		.watch = c->watch,
		.scan_window = c->scan_limit.window,
		.wake_window = c->wake_limit.window,
		.attempts = (uint16_t)c->attempts,
		.scan_limit = c->scan_limit.limit,
		.wake_limit = c->wake_limit.limit,
		.keep = (uint8_t)c->keep,
		.observe = (uint8_t)c->observe,
		.local = (uint8_t)c->local,
		.register_mode = (uint8_t)c->register_mode,
		.machines_max = (uint32_t)c->machines_max,
		.connections_max = (uint16_t)c->connections_max,
		.connections_per_source = (uint16_t)c->connections_per_source,
	};
	if (*c->token)
		(void)keys_hash_hex(c->token, strlen(c->token), ret_settings->token);
}
