/*
 * log: `rouse log`, what happened, as lines or as data.
 */
#include "cli/cli.h"
#include "cli/connection.h"
#include "cli/human.h"

#include "base/text.h"
#include "proto/time_text.h"
#include "sys/clock.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

struct log {
	struct cli *cli;
	bool as_json;
	bool follow;
};

static void take_event(void *context, const struct json *answer)
{
	const struct log *l = context;
	const struct json *event = json_member(answer, "event");
	const char *at = json_word(json_member(event, "at"));
	const char *text = json_word(json_member(event, "text"));
	char when[HUMAN_TIME] = "-";
	uint64_t then;

	if (l->as_json) {
		char *data = json_print(event);

		fprintf(l->cli->out, "%s\n", data ? data : "null");
		free(data);
	} else {
		if (at && time_text_parse(at, &then) == 0)
			human_time(l->follow ? clock_wall_ms() : l->cli->now_ms, then, when);
		fprintf(l->cli->out, "%s ", when);
		cli_put(l->cli->out, text ? text : "?");
		fputc('\n', l->cli->out);
	}
	if (l->follow)
		(void)fflush(l->cli->out);
}

enum cli_exit cli_log(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "follow", no_argument, NULL, 'f' },
		{ "lines", required_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct command request = { .kind = COMMAND_LOG, .most = COMMAND_LOG_MOST };
	struct log l = { .cli = c };
	uint64_t lines;
	int o;

	while ((o = getopt_long(argc, argv, "fn:", options, NULL)) != -1) {
		if (o == '?')
			return cli_usage(c, NULL);
		l.follow = l.follow || o == 'f';
		l.as_json = l.as_json || o == 'j';
		if (o != 'n')
			continue;
		if (text_parse_u64(optarg, COMMAND_LOG_MOST, &lines) < 0)
			return cli_usage(c, "-n: '%s' is not a number up to %d", optarg,
					 COMMAND_LOG_MOST);
		request.most = (uint32_t)lines;
	}
	request.follow = l.follow;
	if (!cli_take_name(c, argc, argv, false, request.name))
		return CLI_USAGE;
	return connection_ask(c, &request, l.follow, take_event, &l);
}
