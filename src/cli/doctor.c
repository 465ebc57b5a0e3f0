#include "cli/doctor.h"

#include "cli/cli.h"
#include "cli/human.h"

#include "base/text.h"
#include "proto/json_write.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define CODE_WIDTH 17
#define RESULT_WIDTH 12
#define LINE_WIDTH 100
#define CHECKS_MAX 64
#define JSON_ROOM 131072

static const char *const result_names[DOCTOR_RESULTS] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_PROBLEM] = "problem",
	[DOCTOR_UNKNOWN] = "cannot know",
};

const char *doctor_result_name(enum doctor_result r)
{
	return result_names[r];
}

__attribute__((format(printf, 4, 0))) static void find(struct finding *f, enum doctor_result r,
						       const char *remedy, const char *evidence,
						       va_list args)
{
	f->result = r;
	(void)vsnprintf(f->evidence, sizeof(f->evidence), evidence, args);
	(void)snprintf(f->remedy, sizeof(f->remedy), "%s", remedy);
}

void finding_ok(struct finding *f, const char *evidence, ...)
{
	va_list args;

	va_start(args, evidence);
	find(f, DOCTOR_OK, "", evidence, args);
	va_end(args);
}

void finding_problem(struct finding *f, const char *remedy, const char *evidence, ...)
{
	va_list args;

	va_start(args, evidence);
	find(f, DOCTOR_PROBLEM, remedy, evidence, args);
	va_end(args);
}

void finding_unknown(struct finding *f, const char *remedy, const char *evidence, ...)
{
	va_list args;

	va_start(args, evidence);
	find(f, DOCTOR_UNKNOWN, remedy, evidence, args);
	va_end(args);
}

/* --- what is printed --- */

/* Words of our own, wrapped behind `indent` blanks; the first line's are printed already. */
static void put_wrapped(FILE *to, const char *text, size_t indent)
{
	size_t column = indent;

	while (*text) {
		size_t n = strcspn(text, " ");
		char word[DOCTOR_TEXT];

		if (n >= sizeof(word))
			n = sizeof(word) - 1;
		memcpy(word, text, n);
		word[n] = 0;
		if (column > indent && column + 1 + human_width(word) > LINE_WIDTH) {
			fprintf(to, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', to);
			column++;
		}
		cli_put(to, word);
		column += human_width(word);
		text += n;
		text += strspn(text, " ");
	}
	fputc('\n', to);
}

static void put_finding(const struct cli *c, const struct doctor_check *k, const struct finding *f)
{
	static const char *const colours[DOCTOR_RESULTS] = { "32", "31", "33" };
	const char *name = doctor_result_name(f->result);

	if (c->colour)
		fprintf(c->out, "\033[%sm%-*s\033[0m", colours[f->result], RESULT_WIDTH, name);
	else
		fprintf(c->out, "%-*s", RESULT_WIDTH, name);
	fprintf(c->out, " %-*s", CODE_WIDTH, k->code);
	put_wrapped(c->out, f->evidence, RESULT_WIDTH + 1 + CODE_WIDTH);
	if (!f->remedy[0])
		return;
	fprintf(c->out, "%*s", RESULT_WIDTH + 1, "");
	fputs("  -> ", c->out);
	put_wrapped(c->out, f->remedy, RESULT_WIDTH + 6);
}

static void put_word(struct json_writer *w, const char *key, const char *word)
{
	json_write_key(w, key);
	if (word && word[0])
		json_write_word(w, word);
	else
		json_write_null(w);
}

static void put_json(struct json_writer *w, const struct doctor_check *k, const struct finding *f)
{
	json_write_open(w, '{');
	put_word(w, "code", k->code);
	put_word(w, "title", k->title);
	put_word(w, "result", doctor_result_name(f->result));
	put_word(w, "evidence", f->evidence);
	put_word(w, "remedy", f->remedy);
	json_write_close(w, '}');
}

/* --- the examination --- */

struct examination {
	struct cli *cli;
	bool as_json;
	unsigned int counts[DOCTOR_RESULTS];
	struct json_writer json;
};

/* "$PORT" of a remedy, so that its commands can be copied. */
static void name_the_port(struct finding *f, const char *port)
{
	char remedy[DOCTOR_TEXT];
	struct text t = text_over(remedy, sizeof(remedy));

	for (const char *at = f->remedy; *at;) {
		if (strncmp(at, "$PORT", 5) == 0) {
			text_string(&t, port);
			at += 5;
		} else {
			text_char(&t, *at++);
		}
	}
	memcpy(f->remedy, remedy, t.used + 1);
}

static void examine(struct examination *e, const struct box *b)
{
	const char *port = b->ports_n > 0 ? b->ports[0].name : b->name[0] ? b->name : "eth0";
	unsigned int where = (b->machine ? DOCTOR_MACHINE : 0) | (b->has_guard ? DOCTOR_GUARD : 0);

	for (const struct doctor_check *k = doctor_checks; k->code; k++) {
		struct finding f = { .result = DOCTOR_UNKNOWN };

		if (!(k->where & where))
			continue;
		k->look(b, &f);
		name_the_port(&f, port);
		e->counts[f.result]++;
		if (e->as_json)
			put_json(&e->json, k, &f);
		else
			put_finding(e->cli, k, &f);
	}
}

static void put_summary(const struct examination *e, const struct box *b)
{
	fprintf(e->cli->out, "\n%s: %u ok, %u problem%s, %u that cannot be known here.",
		b->machine && b->has_guard ? "machine and guard"
		: b->has_guard		   ? "guard"
					   : "machine",
		e->counts[DOCTOR_OK], e->counts[DOCTOR_PROBLEM],
		e->counts[DOCTOR_PROBLEM] == 1 ? "" : "s", e->counts[DOCTOR_UNKNOWN]);
	fputs(" `rouse doctor CODE` explains one.\n", e->cli->out);
	if (!b->powerful)
		fputs("Root sees more: sudo rouse doctor\n", e->cli->out);
}

static enum cli_exit examine_all(struct cli *c, const struct box *b, bool as_json)
{
	struct examination e = { .cli = c, .as_json = as_json };
	char *room = as_json ? malloc(JSON_ROOM) : NULL;

	if (as_json && !room)
		return CLI_FAILED;
	if (as_json) {
		e.json = json_writer_over(room, JSON_ROOM);
		json_write_open(&e.json, '{');
		json_write_key(&e.json, "checks");
		json_write_open(&e.json, '[');
	}
	examine(&e, b);
	if (as_json) {
		json_write_close(&e.json, ']');
		json_write_close(&e.json, '}');
		fprintf(c->out, "%s\n", room);
	} else {
		put_summary(&e, b);
	}
	free(room);
	return e.counts[DOCTOR_PROBLEM] > 0 ? CLI_FAILED : CLI_DONE;
}

/* --- explaining --- */

static enum cli_exit explain(struct cli *c, const char *code)
{
	for (const struct doctor_check *k = doctor_checks; k->code; k++) {
		if (!text_equal_ignoring_case(k->code, code))
			continue;
		fprintf(c->out, "%s: %s\n\n", k->code, k->title);
		put_wrapped(c->out, k->about, 0);
		fputs("\nMore: man rouse-doctor\n", c->out);
		return CLI_DONE;
	}
	return cli_usage(c, "there is no check '%s'; rouse doctor --list names them", code);
}

static enum cli_exit list(struct cli *c)
{
	for (const struct doctor_check *k = doctor_checks; k->code; k++)
		fprintf(c->out, "%-*s%s\n", CODE_WIDTH, k->code, k->title);
	return CLI_DONE;
}

enum cli_exit cli_doctor(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "list", no_argument, NULL, 'l' },
		{ "guard", required_argument, NULL, 'g' },
		{ "interface", required_argument, NULL, 'i' },
		{ "state", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	static struct box box;
	struct box_options wanted = { .guard = NULL };
	struct dial d;
	bool as_json = false;
	enum cli_exit status;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == '?')
			return cli_usage(c, NULL);
		if (o == 'l')
			return list(c);
		as_json |= o == 'j';
		wanted.guard = o == 'g' ? optarg : wanted.guard;
		wanted.interface = o == 'i' ? optarg : wanted.interface;
		wanted.state = o == 's' ? optarg : wanted.state;
	}
	if (wanted.guard && !dial_parse(wanted.guard, &d))
		return cli_usage(c, "'%s' is no HOST or HOST:PORT", wanted.guard);
	if (argc - optind > 1)
		return cli_usage(c, "one code at most");
	if (optind < argc)
		return explain(c, argv[optind]);
	if (box_open(&box, c, &wanted) < 0) {
		box_close(&box);
		return CLI_FAILED;
	}
	if (wanted.interface && strcmp(box.name, wanted.interface) != 0) {
		cli_complain(c, "there is no interface '%s'", wanted.interface);
		status = CLI_USAGE;
	} else {
		status = examine_all(c, &box, as_json);
	}
	box_close(&box);
	return status;
}
