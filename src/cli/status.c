/*
 * status: `rouse status`, the guard's machines as a table, one machine in full, or as data.
 */
#include "cli/cli.h"
#include "cli/connection.h"
#include "cli/human.h"
#include "cli/json_list.h"

#include "base/text.h"
#include "proto/time_text.h"

#include <getopt.h>
#include <string.h>

#define SOME 3 /* addresses or rules in the table; then "+2" */

struct status {
	struct cli *cli;
	struct table table;
	struct json_list list;
	bool as_json;
	bool one;
	size_t shown;
};

static const char *state_colour(const char *state)
{
	static const struct {
		const char *state, *colour;
	} colours[] = { { "awake", "32" },
			{ "drowsy", "36" },
			{ "asleep", "34" },
			{ "waking", "33" },
			{ "unknown", "2" } };

	for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
		if (strcmp(state, colours[i].state) == 0)
			return colours[i].colour;
	}
	return NULL;
}

static const char *word_or(const struct json *map, const char *key, const char *none)
{
	const char *word = json_word(json_member(map, key));

	return word ? word : none;
}

static const char *ago(const struct cli *c, const struct json *map, const char *key,
		       char to[static HUMAN_TIME])
{
	const char *at = json_word(json_member(map, key));
	uint64_t then;

	if (!at || time_text_parse(at, &then) < 0)
		return "-";
	return human_ago(c->now_ms, then, to);
}

/* The first `most` of a list with blanks between, and how many more there are. */
static void put_list(struct text *t, const struct json *list, size_t most)
{
	size_t n = json_count(list);

	for (size_t i = 0; i < n && i < most; i++) {
		const char *word = json_word(json_item(list, i));

		if (i)
			text_char(t, ' ');
		text_string(t, word ? word : "?");
	}
	if (n > most) {
		text_string(t, " +");
		text_u64(t, n - most);
	}
	if (n == 0)
		text_char(t, '-');
}

static void put_seconds(struct text *t, const char *words, const struct json *seconds)
{
	if (json_kind_of(seconds) != JSON_KIND_FRACTION && json_kind_of(seconds) != JSON_KIND_WHOLE)
		return;
	text_string(t, words);
	text_seconds(t, (uint64_t)(json_amount(seconds) * 1e6));
	text_string(t, " s");
}

/* "2 h ago by 192.0.2.10:51234 to tcp/22, awake after 6.4 s" */
static void put_last_wake(const struct cli *c, struct text *t, const struct json *wake)
{
	const char *by = word_or(wake, "by", "");
	const char *from = json_word(json_member(wake, "from"));
	const char *to = json_word(json_member(wake, "to"));
	char when[HUMAN_TIME];

	if (json_kind_of(wake) != JSON_KIND_MAP) {
		text_char(t, '-');
		return;
	}
	text_string(t, ago(c, wake, "at", when));
	text_string(t, " by ");
	text_string(t, from ? from : by);
	if (to) {
		text_string(t, " to ");
		text_string(t, to);
	}
	put_seconds(t, ", awake after ", json_member(wake, "awake_seconds"));
}

/* "holds a lease since 3 min ago, from 192.0.2.50" */
static void put_sleeper(const struct cli *c, struct text *t, const struct json *sleeper)
{
	const char *source = json_word(json_member(sleeper, "source"));
	bool held = strcmp(word_or(sleeper, "lease", ""), "held") == 0;
	char when[HUMAN_TIME];

	if (json_kind_of(sleeper) != JSON_KIND_MAP) {
		text_string(t, "not paired");
		return;
	}
	text_string(t, held ? "holds a lease" : "paired, holds no lease");
	if (json_word(json_member(sleeper, "since"))) {
		text_string(t, held ? ", since " : ", ended ");
		text_string(t, ago(c, sleeper, "since", when));
	}
	if (source) {
		text_string(t, ", from ");
		text_string(t, source);
	}
}

static void add_row(struct status *s, const struct json *m)
{
	const char *state = word_or(m, "state", "?");
	char when[HUMAN_TIME];
	char bytes[1024];
	struct text t = text_over(bytes, sizeof(bytes));

	table_add(&s->table, word_or(m, "name", "?"), "1");
	table_add(&s->table, state, state_colour(state));
	table_add(&s->table, ago(s->cli, m, "since", when), NULL);
	put_list(&t, json_member(m, "addresses"), SOME);
	table_add(&s->table, bytes, NULL);
	t = text_over(bytes, sizeof(bytes));
	put_list(&t, json_member(m, "rules"), SOME);
	table_add(&s->table, bytes, NULL);
	t = text_over(bytes, sizeof(bytes));
	put_last_wake(s->cli, &t, json_member(m, "last_wake"));
	table_add(&s->table, bytes, NULL);
}

static void add_field(struct status *s, const char *key, const char *value, const char *colour)
{
	table_add(&s->table, key, NULL);
	table_add(&s->table, value, colour);
}

static void add_fields(struct status *s, const struct json *m)
{
	const char *state = word_or(m, "state", "?");
	const struct json *wake = json_member(m, "last_wake");
	char when[HUMAN_TIME];
	char bytes[8192];
	struct text t = text_over(bytes, sizeof(bytes));

	add_field(s, "name", word_or(m, "name", "?"), "1");
	add_field(s, "mac", word_or(m, "mac", "?"), NULL);
	add_field(s, "state", state, state_colour(state));
	add_field(s, "since", ago(s->cli, m, "since", when), NULL);
	put_list(&t, json_member(m, "addresses"), SIZE_MAX);
	add_field(s, "addresses", bytes, NULL);
	t = text_over(bytes, sizeof(bytes));
	put_list(&t, json_member(m, "rules"), SIZE_MAX);
	add_field(s, "wakes on", bytes, NULL);
	t = text_over(bytes, sizeof(bytes));
	put_last_wake(s->cli, &t, wake);
	put_seconds(&t, ", ready after ", json_member(wake, "ready_seconds"));
	add_field(s, "last wake", bytes, NULL);
	t = text_over(bytes, sizeof(bytes));
	put_sleeper(s->cli, &t, json_member(m, "sleeper"));
	add_field(s, "sleeper", bytes, NULL);
}

static void take_machine(void *context, const struct json *answer)
{
	struct status *s = context;
	const struct json *m = json_member(answer, "machine");

	if (!m)
		return;
	if (s->as_json)
		json_list_add(&s->list, m);
	else if (s->one)
		add_fields(s, m);
	else
		add_row(s, m);
	s->shown++;
}

static void say_how_to_add(FILE *to)
{
	fputs("No machine is guarded yet. Add one:\n"
	      "  rouse add NAME --mac MAC --address IP\n"
	      "or let it register itself, on the machine:\n"
	      "  rouse register --guard THIS-HOST\n",
	      to);
}

static void finish(struct status *s, enum cli_exit status)
{
	if (s->as_json) {
		json_list_end(&s->list, status == CLI_DONE);
		return;
	}
	if (s->shown)
		table_print(&s->table, s->cli->out, s->cli->colour);
	else if (status == CLI_DONE)
		say_how_to_add(s->cli->out);
}

static void add_head(struct table *t)
{
	static const char *const head[] = { "NAME",	 "STATE",    "SINCE",
					    "ADDRESSES", "WAKES ON", "LAST WAKE" };

	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		table_add(t, head[i], NULL);
}

enum cli_exit cli_status(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { NULL, 0, NULL, 0 } };
	struct command request = { .kind = COMMAND_STATUS };
	struct status s = { .cli = c, .list = { .to = c->out, .name = "machines" } };
	enum cli_exit status;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o != 'j')
			return cli_usage(c, NULL);
		s.as_json = true;
	}
	if (!cli_take_name(c, argc, argv, false, request.name))
		return CLI_USAGE;
	s.one = request.name[0] != 0;
	table_init(&s.table, s.one ? 2 : 6);
	if (!s.one)
		add_head(&s.table);
	status = connection_ask(c, &request, false, take_machine, &s);
	finish(&s, status);
	table_done(&s.table);
	return status;
}
