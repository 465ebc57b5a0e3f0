/*
 * join: `rouse join`, `relay` and `leave`: which relay the guard is joined to, and how that stands.
 */
#include "cli/cli.h"
#include "cli/connection.h"
#include "cli/human.h"

#include "proto/time_text.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *word_of(const struct json *map, const char *key, const char *none)
{
	const char *word = json_word(json_member(map, key));

	return word ? word : none;
}

static void print_json(FILE *to, const struct json *v)
{
	char *text = json_print(v);

	fprintf(to, "%s\n", text ? text : "null");
	free(text);
}

/* --- join --- */

struct joining {
	const struct cli *cli;
	bool as_json;
};

static void say_joined(void *context, const struct json *answer)
{
	const struct joining *j = context;
	const struct json *relay = json_member(answer, "relay");

	if (!relay)
		return;
	if (j->as_json) {
		print_json(j->cli->out, relay);
		return;
	}
	fputs("joined ", j->cli->out);
	cli_put(j->cli->out, word_of(relay, "url", "?"));
	fputs(" as home ", j->cli->out);
	cli_put(j->cli->out, word_of(relay, "home", "?"));
	fputs("\n`rouse share` makes a link for a phone.\n", j->cli->out);
}

enum cli_exit cli_join(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = { { "name", required_argument, NULL, 'n' },
						 { "json", no_argument, NULL, 'j' },
						 { NULL, 0, NULL, 0 } };
	struct command request = { .kind = COMMAND_JOIN };
	struct command_join *j = &request.join;
	struct joining how = { .cli = c };
	struct relay_url url;
	uint8_t bytes[RELAY_INVITATION_SIZE];
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == '?')
			return cli_usage(c, NULL);
		how.as_json = how.as_json || o == 'j';
		if (o != 'n')
			continue;
		if (!spec_name_valid(optarg, strlen(optarg)))
			return cli_usage(c, "'%s' is no name for a home", optarg);
		memcpy(j->name, optarg, strlen(optarg) + 1);
	}
	if (argc - optind < 1 || argc - optind > 2)
		return cli_usage(c, "a relay's address and an invitation are needed");
	if (relay_invitation_read(argv[optind], &url, j->invitation) < 0 &&
	    relay_url_read(argv[optind], &url, NULL) < 0)
		return cli_usage(c, "'%s' is no relay's address like https://relay.example",
				 argv[optind]);
	if (argc - optind == 2) {
		const char *invitation = argv[optind + 1];

		if (b64_decode(invitation, strlen(invitation), bytes, sizeof(bytes)) < 0)
			return cli_usage(
				c, "that is no invitation: it has 27 letters, digits, - and _");
		memcpy(j->invitation, invitation, sizeof(j->invitation));
	}
	memcpy(j->origin, url.origin, sizeof(j->origin));
	if (!j->name[0] && (gethostname(j->name, sizeof(j->name) - 1) < 0 ||
			    !spec_name_valid(j->name, strlen(j->name))))
		j->name[0] = 0;
	return connection_ask(c, &request, false, say_joined, &how);
}

/* --- relay --- */

static void say_since(const struct cli *c, const char *at)
{
	char ago[HUMAN_TIME];
	uint64_t then = 0;

	if (time_text_parse(at, &then) == 0)
		fprintf(c->out, ", since %s", human_ago(c->now_ms, then, ago));
}

static void say_relay(void *context, const struct json *answer)
{
	const struct joining *j = context;
	const struct json *relay = json_member(answer, "relay");
	const char *error = word_of(relay, "error", "");
	FILE *out = j->cli->out;

	if (!relay)
		return;
	if (j->as_json) {
		print_json(out, relay);
		return;
	}
	if (!word_of(relay, "url", "")[0]) {
		fputs("No relay is joined: `rouse join URL INVITATION`\n", out);
		return;
	}
	cli_put(out, word_of(relay, "url", ""));
	fputs(": ", out);
	cli_put(out, word_of(relay, "state", "?"));
	say_since(j->cli, word_of(relay, "since", ""));
	if (error[0]) {
		fputs(" (", out);
		cli_put(out, error);
		fputc(')', out);
	}
	fputs("\nhome ", out);
	cli_put(out, word_of(relay, "home", "?"));
	fputc('\n', out);
}

enum cli_exit cli_relay(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { NULL, 0, NULL, 0 } };
	struct command request = { .kind = COMMAND_RELAY };
	struct joining how = { .cli = c };
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o != 'j')
			return cli_usage(c, NULL);
		how.as_json = true;
	}
	if (optind != argc)
		return cli_usage(c, "relay takes no arguments");
	return connection_ask(c, &request, false, say_relay, &how);
}

/* --- leave --- */

enum cli_exit cli_leave(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = { { NULL, 0, NULL, 0 } };
	struct command request = { .kind = COMMAND_LEAVE };
	enum cli_exit status;

	if (getopt_long(argc, argv, "", options, NULL) != -1 || optind != argc)
		return cli_usage(c, "leave takes no arguments");
	status = connection_ask(c, &request, false, NULL, NULL);
	if (status == CLI_DONE)
		fputs("no relay is joined any more\n", c->out);
	return status;
}
