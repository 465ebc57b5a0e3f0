/*
 * machines: `rouse add`, `rouse remove`, `rouse unpair` and `rouse version`: one question, one answer.
 */
#include "cli/cli.h"
#include "cli/connection.h"
#include "cli/spec_options.h"

#include <getopt.h>
#include <string.h>

static void say(const struct cli *c, const char *name, const char *what)
{
	cli_put(c->out, name);
	fprintf(c->out, ": %s\n", what);
}

enum cli_exit cli_add(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "mac", required_argument, NULL, SPEC_OPTION_MAC },
		{ "address", required_argument, NULL, SPEC_OPTION_ADDRESS },
		{ "on", required_argument, NULL, SPEC_OPTION_ON },
		{ "from", required_argument, NULL, SPEC_OPTION_FROM },
		{ "ignore-from", required_argument, NULL, SPEC_OPTION_IGNORE },
		{ "secureon", required_argument, NULL, SPEC_OPTION_SECUREON },
		{ "interface", required_argument, NULL, SPEC_OPTION_INTERFACE },
		{ "watts", required_argument, NULL, SPEC_OPTION_WATTS },
		{ NULL, 0, NULL, 0 },
	};
	struct command request = { .kind = COMMAND_ADD };
	enum cli_exit status;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		const char *why = o == '?' ? "" : spec_option_take(o, optarg, &request.spec);

		if (why)
			return o == '?' ? cli_usage(c, NULL) : cli_usage(c, "'%s' %s", optarg, why);
	}
	if (!cli_take_name(c, argc, argv, true, request.name))
		return CLI_USAGE;
	if (mac_is_zero(&request.spec.mac))
		return cli_usage(c, "--mac is needed");
	status = connection_ask(c, &request, false, NULL, NULL);
	if (status == CLI_DONE)
		say(c, request.name, "guarded from now on");
	return status;
}

/* What needs the machine's name and nothing else. */
static enum cli_exit do_to_machine(struct cli *c, int argc, char **argv, enum command_kind kind,
				   const char *done)
{
	static const struct option options[] = { { NULL, 0, NULL, 0 } };
	struct command request = { .kind = (uint8_t)kind };
	enum cli_exit status;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return cli_usage(c, NULL);
	if (!cli_take_name(c, argc, argv, true, request.name))
		return CLI_USAGE;
	status = connection_ask(c, &request, false, NULL, NULL);
	if (status == CLI_DONE)
		say(c, request.name, done);
	return status;
}

enum cli_exit cli_remove(struct cli *c, int argc, char **argv)
{
	return do_to_machine(c, argc, argv, COMMAND_REMOVE, "not guarded any more");
}

enum cli_exit cli_unpair(struct cli *c, int argc, char **argv)
{
	return do_to_machine(c, argc, argv, COMMAND_UNPAIR, "not paired any more");
}

enum cli_exit cli_version(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = { { NULL, 0, NULL, 0 } };
	static struct connection k;
	struct command request = { .kind = COMMAND_VERSION };
	struct json *answer;
	const char *version;

	if (getopt_long(argc, argv, "", options, NULL) != -1 || optind != argc)
		return cli_usage(c, "version takes no arguments");
	fputs("rouse " ROUSE_VERSION "\n", c->out);
	if (connection_open(&k, c, &request, false) < 0)
		return CLI_FAILED;
	if (connection_answer(&k, &answer) < 0) {
		connection_close(&k);
		return CLI_FAILED;
	}
	version = json_word(json_member(answer, "version"));
	fputs("roused ", c->out);
	cli_put(c->out, version ? version : "?");
	fputc('\n', c->out);
	json_drop(answer);
	connection_close(&k);
	return CLI_DONE;
}
