/*
 * pair: `rouse pair`: shows the code that a machine's sleeper is paired with, and waits for it; `rouse sleep` for a machine
 * whose sleeper holds a lease.
 */
#include "cli/cli.h"
#include "cli/connection.h"
#include "cli/human.h"
#include "cli/json_list.h"

#include "proto/time_text.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct asking {
	const struct cli *cli;
	const struct command *request;
	bool as_json;
	struct table table; /* LIST */
	struct json_list list; /* likewise */
	bool shown;
};

static const char *word_of(const struct json *v, const char *key)
{
	const char *word = json_word(json_member(v, key));

	return word ? word : "?";
}

static void print_as_data(const struct cli *c, const struct json *v)
{
	char *text = json_print(v);

	fprintf(c->out, "%s\n", text ? text : "null");
	free(text);
	(void)fflush(c->out);
}

/* --- pair --- */

static void say_code(const struct cli *c, const struct json *pair)
{
	const char *code = word_of(pair, "code");
	int64_t seconds = json_whole(json_member(pair, "seconds"));

	fprintf(c->out,
		"Type this code on the machine that is to be paired (sudo rouse setup asks for "
		"it):\n\n        %s%.3s %s%s\n\nIt is good for %" PRId64
		" minutes and three tries; Ctrl-C ends it.\n",
		c->colour ? "\x1b[1m" : "", code, strlen(code) > 3 ? code + 3 : "",
		c->colour ? "\x1b[0m" : "", seconds / 60);
}

static void say_progress(const struct asking *a, const struct json *answer)
{
	const struct json *pair = json_member(answer, "pair");
	int64_t tries = json_whole(json_member(pair, "tries"));

	if (a->as_json) {
		print_as_data(a->cli, answer);
		return;
	}
	if (json_member(pair, "code")) {
		say_code(a->cli, pair);
	} else {
		cli_put(a->cli->out, word_of(pair, "wrong_from"));
		fprintf(a->cli->out, " tried another code; %" PRId64 " %s left\n", tries,
			tries == 1 ? "try is" : "tries are");
	}
	(void)fflush(a->cli->out);
}

/*
 * Whoever has the code says which machine he is, and from then on speaks for it: for one that was guarded already its owner
 * has to look. Only who sits at a terminal is asked; without his word it stays.
 */
static bool is_another(const struct cli *c, const char *name)
{
	char typed[16];

	cli_put(c->out, name);
	if (!isatty(STDIN_FILENO) || !isatty(fileno(c->out))) {
		fputs(" was guarded already. If you meant another machine: rouse unpair ", c->out);
		cli_put(c->out, name);
		fputc('\n', c->out);
		return false;
	}
	fputs(" was guarded already. Is it the machine on which the code was typed? [Y/n] ",
	      c->out);
	(void)fflush(c->out);
	return fgets(typed, sizeof(typed), stdin) && (typed[0] == 'n' || typed[0] == 'N');
}

static enum cli_exit take_back(const struct cli *c, const char *name)
{
	struct command request = { .kind = COMMAND_UNPAIR };

	if (!spec_name_valid(name, strlen(name)))
		return CLI_FAILED;
	memcpy(request.name, name, strlen(name) + 1);
	if (connection_ask(c, &request, false, NULL, NULL) == CLI_DONE) {
		cli_put(c->out, name);
		fputs(": not paired any more\n", c->out);
	}
	return CLI_FAILED;
}

static enum cli_exit say_paired(const struct cli *c, const struct json *answer)
{
	const char *name = word_of(answer, "machine");

	cli_put(c->out, name);
	fputs(" (", c->out);
	cli_put(c->out, word_of(answer, "mac"));
	fputs(") is paired, from ", c->out);
	cli_put(c->out, word_of(answer, "from"));
	fputs(".\n", c->out);
	if (json_truth(json_member(answer, "guarded")) && is_another(c, name))
		return take_back(c, name);
	return CLI_DONE;
}

static enum cli_exit finish_pair(const struct asking *a, const struct json *answer)
{
	enum answer_result r = connection_result(answer);

	if (a->as_json)
		print_as_data(a->cli, answer);
	if (r == ANSWER_PAIRED)
		return a->as_json ? CLI_DONE : say_paired(a->cli, answer);
	(void)connection_end(a->cli, "", answer);
	return r == ANSWER_EXPIRED ? CLI_NO_SIGN_OF_LIFE : CLI_FAILED;
}

static enum cli_exit finish_sleep(const struct asking *a, const struct json *answer)
{
	enum answer_result r = connection_result(answer);
	const char *words = r == ANSWER_OK		 ? ": goes to sleep\n"
			    : r == ANSWER_ASLEEP	 ? ": asleep\n"
			    : r == ANSWER_ALREADY_ASLEEP ? ": asleep already\n"
							 : NULL;

	if (a->as_json) {
		print_as_data(a->cli, answer);
	} else if (words) {
		cli_put(a->cli->out, a->request->name);
		fputs(words, a->cli->out);
	}
	return connection_end(a->cli, a->request->name, answer);
}

/* One request, and all that comes of it. */
static enum cli_exit ask(const struct asking *a,
			 enum cli_exit (*finish)(const struct asking *a, const struct json *answer))
{
	static struct connection k;
	enum cli_exit status = CLI_FAILED;
	struct json *answer;
	bool more = true;

	if (connection_open(&k, a->cli, a->request, true) < 0)
		return CLI_FAILED;
	while (more && connection_answer(&k, &answer) == 0) {
		more = !json_member(answer, "result");
		if (!more)
			status = finish(a, answer);
		else if (a->request->kind == COMMAND_PAIR)
			say_progress(a, answer);
		json_drop(answer);
	}
	connection_close(&k);
	return status;
}

/* --- the list --- */

static void take_pairing(void *context, const struct json *answer)
{
	struct asking *a = context;
	const struct json *p = json_member(answer, "pairing");
	const char *since = json_word(json_member(p, "since"));
	char when[HUMAN_TIME] = "-";
	uint64_t then;

	if (!p)
		return;
	if (a->as_json) {
		json_list_add(&a->list, p);
	} else {
		if (since && time_text_parse(since, &then) == 0)
			human_ago(a->cli->now_ms, then, when);
		table_add(&a->table, word_of(p, "name"), "1");
		table_add(&a->table, word_of(p, "mac"), NULL);
		table_add(&a->table, when, NULL);
	}
	a->shown = true;
}

static enum cli_exit list(struct asking *a)
{
	static const char *const head[] = { "NAME", "MAC", "SINCE" };
	enum cli_exit status;

	table_init(&a->table, 3);
	for (size_t i = 0; i < 3; i++)
		table_add(&a->table, head[i], NULL);
	status = connection_ask(a->cli, a->request, false, take_pairing, a);
	if (a->as_json)
		json_list_end(&a->list, status == CLI_DONE);
	else if (a->shown)
		table_print(&a->table, a->cli->out, a->cli->colour);
	else if (status == CLI_DONE)
		fputs("No machine is paired. Pair one: rouse pair\n", a->cli->out);
	table_done(&a->table);
	return status;
}

enum cli_exit cli_pair(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "list", no_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct command request = { .kind = COMMAND_PAIR };
	struct asking a = { .cli = c,
			    .request = &request,
			    .list = { .to = c->out, .name = "pairings" } };
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == '?')
			return cli_usage(c, NULL);
		if (o == 'l')
			request.kind = COMMAND_PAIRINGS;
		a.as_json = a.as_json || o == 'j';
	}
	if (optind != argc)
		return cli_usage(c, "'%s' is one word too many", argv[optind]);
	return request.kind == COMMAND_PAIR ? ask(&a, finish_pair) : list(&a);
}

/* --- sleep --- */

enum cli_exit cli_sleep_machine(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct command request = { .kind = COMMAND_SLEEP };
	struct asking a = { .cli = c, .request = &request };
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == '?')
			return cli_usage(c, NULL);
		a.as_json = a.as_json || o == 'j';
	}
	if (!cli_take_name(c, argc, argv, true, request.name))
		return CLI_USAGE;
	return ask(&a, finish_sleep);
}
