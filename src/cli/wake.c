/*
 * wake: `rouse wake`, with the whole story while it waits.
 */
#include "cli/cli.h"
#include "cli/connection.h"

#include "base/text.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct wake {
	struct cli *cli;
	const struct command *request;
	bool as_json;
};

/* The last event is what the result says too. */
static bool ends(const char *kind)
{
	return strcmp(kind, "awake") == 0 || strcmp(kind, "no-sign-of-life") == 0;
}

static void tell(const struct wake *w, const struct json *answer)
{
	const struct json *event = json_member(answer, "event");
	const char *kind = json_word(json_member(event, "event"));
	const char *text = json_word(json_member(event, "text"));

	if (w->as_json || !kind || !text || ends(kind))
		return;
	cli_put(w->cli->out, text);
	fputc('\n', w->cli->out);
	(void)fflush(w->cli->out);
}

static void say_awake(const struct cli *c, const char *name, const struct json *answer)
{
	const struct json *seconds = json_member(answer, "awake_seconds");
	char bytes[64];
	struct text t = text_over(bytes, sizeof(bytes));

	cli_put(c->out, name);
	if (json_kind_of(seconds) == JSON_KIND_NULL) {
		fputs(": awake\n", c->out);
		return;
	}
	text_seconds(&t, (uint64_t)(json_amount(seconds) * 1e6));
	fprintf(c->out, ": awake after %s s\n", bytes);
	for (size_t i = 0; i < json_count(json_member(answer, "ready")); i++) {
		const struct json *ready = json_item(json_member(answer, "ready"), i);
		const char *port = json_word(json_member(ready, "port"));

		t = text_over(bytes, sizeof(bytes));
		text_seconds(&t, (uint64_t)(json_amount(json_member(ready, "seconds")) * 1e6));
		cli_put(c->out, name);
		fputs(": ", c->out);
		cli_put(c->out, port ? port : "?");
		fprintf(c->out, " answered after %s s\n", bytes);
	}
}

static void say_dead(const struct cli *c, const char *name, const struct json *answer)
{
	int64_t attempts = json_whole(json_member(answer, "attempts"));
	const char *hint = json_word(json_member(answer, "error"));

	cli_complain(c, "%s: no sign of life after %" PRId64 " attempt%s%s%s", name, attempts,
		     attempts == 1 ? "" : "s", hint ? "; " : "", hint ? hint : "");
}

/* What came out, in words. */
static void say_result(const struct wake *w, const struct json *answer)
{
	const struct cli *c = w->cli;
	const char *name = w->request->name;

	switch (connection_result(answer)) {
	case ANSWER_AWAKE:
		say_awake(c, name, answer);
		return;
	case ANSWER_ALREADY_AWAKE:
		cli_put(c->out, name);
		fputs(": awake already\n", c->out);
		return;
	case ANSWER_STARTED:
		cli_put(c->out, name);
		fputs(": wake requested\n", c->out);
		return;
	case ANSWER_NO_SIGN_OF_LIFE:
		say_dead(c, name, answer);
		return;
	case ANSWER_TIMEOUT:
		cli_complain(c, "%s: no sign of life yet; the guard goes on trying", name);
		return;
	case ANSWER_OK:
	case ANSWER_NOT_FOUND:
	case ANSWER_REFUSED:
	case ANSWER_UNREACHABLE:
	case ANSWER_INVALID:
	case ANSWER_BUSY:
	case ANSWER_GUARD_OFFLINE:
	case ANSWER_FAILED:
	case ANSWER_PAIRED:
	case ANSWER_EXPIRED:
	case ANSWER_SPENT:
	case ANSWER_NO_SLEEPER:
	case ANSWER_ASLEEP:
	case ANSWER_ALREADY_ASLEEP:
	case ANSWER_RESULTS:
		return; /* connection_end() says it */
	}
}

static enum cli_exit finish(const struct wake *w, const struct json *answer)
{
	enum cli_exit status;

	if (w->as_json) {
		char *text = json_print(answer);

		fprintf(w->cli->out, "%s\n", text ? text : "null");
		free(text);
	} else {
		say_result(w, answer);
	}
	status = connection_end(w->cli, w->request->name, answer);
	return status;
}

static enum cli_exit ask(const struct wake *w)
{
	static struct connection k;
	enum cli_exit status = CLI_FAILED;
	struct json *answer;
	bool more = true;

	if (connection_open(&k, w->cli, w->request, w->request->waits) < 0)
		return CLI_FAILED;
	while (more && connection_answer(&k, &answer) == 0) {
		more = !json_member(answer, "result");
		if (more)
			tell(w, answer);
		else
			status = finish(w, answer);
		json_drop(answer);
	}
	connection_close(&k);
	return status;
}

static bool parse_wait(const char *text, struct command *request)
{
	uint64_t seconds;

	request->waits = true;
	if (!text)
		return true;
	if (text_parse_u64(text, COMMAND_WAIT_MAX, &seconds) < 0 || seconds == 0)
		return false;
	request->wait_seconds = (uint32_t)seconds;
	return true;
}

enum cli_exit cli_wake(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "wait", optional_argument, NULL, 'w' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct command request = { .kind = COMMAND_WAKE };
	struct wake w = { .cli = c, .request = &request };
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'w' && !parse_wait(optarg, &request))
			return cli_usage(c, "--wait: '%s' is not a number of seconds, 1 to %d",
					 optarg, COMMAND_WAIT_MAX);
		if (o == 'j')
			w.as_json = true;
		if (o == '?')
			return cli_usage(c, NULL);
	}
	if (!cli_take_name(c, argc, argv, true, request.name))
		return CLI_USAGE;
	return ask(&w);
}
