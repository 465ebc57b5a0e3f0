/*
 * why: `rouse why`, what keeps this machine awake, or when it will sleep: one screen of what its sleeper says.
 */
#include "cli/cli.h"
#include "cli/connection.h"
#include "cli/human.h"

#include "base/text.h"
#include "proto/time_text.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE 30 /* seconds: a check of the user's own may take its time */

struct why {
	struct cli *cli;
	struct table table;
	bool as_json;
	size_t checks;
	char *idle; /* JSON, for later */
	char said[512]; /* the first line */
	char next[256]; /* the last one; empty: none */
};

static void put_span(struct text *t, int64_t seconds)
{
	uint64_t s = seconds > 0 ? (uint64_t)seconds : 0;
	bool minutes = s >= 100 && s < 100 * 60;

	text_u64(t, s < 100 ? s : minutes ? s / 60 : s / 3600);
	text_string(t, s < 100 ? " s" : minutes ? " min" : " h");
}

static bool is_number(const struct json *v)
{
	return json_kind_of(v) == JSON_KIND_WHOLE;
}

/* "Sleeps in 12 min: idle for 8 min, of 20 min" and its like. */
static void take_idle(struct why *w, const struct json *idle)
{
	const struct json *in = json_member(idle, "sleeps_in_seconds");
	const struct json *timer = json_member(idle, "next_timer");
	const char *unit = json_word(json_member(timer, "unit"));
	const char *at = json_word(json_member(timer, "at"));
	int64_t grace = json_whole(json_member(idle, "grace_seconds"));
	struct text t = text_over(w->said, sizeof(w->said));
	char when[HUMAN_TIME];
	uint64_t wall;

	if (!json_truth(json_member(idle, "on"))) {
		text_string(&t, "Never sleeps by itself: [idle] after is not set in "
				"rouse-sleeper.conf. It was last needed ");
		put_span(&t, json_whole(json_member(idle, "idle_seconds")));
		text_string(&t, " ago.");
	} else if (!is_number(in)) {
		text_string(&t, "Stays awake, because of what is marked below. It sleeps ");
		put_span(&t, json_whole(json_member(idle, "after_seconds")));
		text_string(&t, " after it was last needed.");
	} else {
		text_string(&t, "Sleeps in ");
		put_span(&t, json_whole(in));
		text_string(&t, " if nothing happens: idle for ");
		put_span(&t, json_whole(json_member(idle, "idle_seconds")));
		text_string(&t, ", sleeps after ");
		put_span(&t, json_whole(json_member(idle, "after_seconds")));
		text_char(&t, '.');
	}
	if (json_truth(json_member(idle, "on")) && grace > 0) {
		text_string(&t, " It woke a short time ago, and stays awake for ");
		put_span(&t, grace);
		text_string(&t, " at least.");
	}
	t = text_over(w->next, sizeof(w->next));
	if (unit && at && time_text_parse(at, &wall) == 0) {
		text_string(&t, "Next timer that must fire: ");
		text_string(&t, unit);
		text_string(&t, ", ");
		text_string(&t, human_time(w->cli->now_ms, wall, when));
	}
}

static void take_check(struct why *w, const struct json *check)
{
	bool busy = json_truth(json_member(check, "busy"));
	bool waits = json_truth(json_member(check, "postpones"));
	const char *name = json_word(json_member(check, "check"));
	const char *text = json_word(json_member(check, "text"));
	const char *since = json_word(json_member(check, "since"));
	char when[HUMAN_TIME] = "-";
	uint64_t then;

	if (busy)
		(void)snprintf(when, sizeof(when), "now");
	else if (since && time_text_parse(since, &then) == 0)
		(void)human_ago(w->cli->now_ms, then, when);
	table_add(&w->table, busy || waits ? "*" : "", busy || waits ? "1;33" : NULL);
	table_add(&w->table, name ? name : "?", busy || waits ? "1" : NULL);
	table_add(&w->table,
		  busy	  ? "busy"
		  : waits ? "wait"
			  : "quiet",
		  busy	  ? "33"
		  : waits ? "36"
			  : "2");
	table_add(&w->table, when, NULL);
	table_add(&w->table, text ? text : "", NULL);
}

static void take(void *context, const struct json *answer)
{
	struct why *w = context;
	const struct json *check = json_member(answer, "check");
	const struct json *idle = json_member(answer, "idle");
	char *text = NULL;

	if (w->as_json && check) {
		text = json_print(check);
		fprintf(w->cli->out, "%s%s", w->checks ? "," : "{\"checks\":[",
			text ? text : "null");
	} else if (w->as_json && idle && !w->idle) {
		w->idle = json_print(idle);
	} else if (check) {
		take_check(w, check);
	} else if (idle) {
		take_idle(w, idle);
	}
	w->checks += check != NULL;
	free(text);
}

static void finish(const struct why *w, enum cli_exit status)
{
	FILE *out = w->cli->out;

	if (w->as_json) {
		/* Half a list must not look like a whole one. */
		if (status == CLI_DONE)
			fprintf(out, "%s],\"idle\":%s}\n", w->checks ? "" : "{\"checks\":[",
				w->idle ? w->idle : "null");
		else if (w->checks)
			fputc('\n', out);
		return;
	}
	if (status != CLI_DONE)
		return;
	cli_put(out, w->said);
	fputs("\n\n", out);
	table_print(&w->table, out, w->cli->colour);
	if (w->next[0]) {
		fputc('\n', out);
		cli_put(out, w->next);
		fputc('\n', out);
	}
}

enum cli_exit cli_why(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { NULL, 0, NULL, 0 } };
	static const char *const head[] = { "", "CHECK", "NOW", "LAST NEEDED", "WHAT IT SAW" };
	struct why w = { .cli = c };
	enum cli_exit status;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o != 'j')
			return cli_usage(c, NULL);
		w.as_json = true;
	}
	if (optind != argc)
		return cli_usage(c, "it is about this machine alone, and takes no name");
	table_init(&w.table, sizeof(head) / sizeof(head[0]));
	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		table_add(&w.table, head[i], NULL);
	status = connection_ask_sleeper(c, "{\"command\":\"why\"}\n", PATIENCE, take, &w);
	finish(&w, status);
	table_done(&w.table);
	free(w.idle);
	return status;
}
