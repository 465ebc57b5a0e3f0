/*
 * services: `rouse services`, what listens on this machine and would wake it; `rouse service RULE on|off`.
 */
#include "cli/cli.h"
#include "cli/connection.h"
#include "cli/human.h"
#include "cli/json_list.h"

#include <getopt.h>
#include <string.h>

#define PATIENCE 10 /* seconds */

struct services {
	struct cli *cli;
	struct table table;
	struct json_list list;
	bool as_json;
	size_t shown, on;
};

static const char *words_for(const char *why)
{
	static const struct {
		const char *why, *words;
	} all[] = {
		{ "listening", "listens" },
		{ "chatter", "known chatter" },
		{ "ephemeral", "a port that the kernel chose" },
		{ "elsewhere", "not at a guarded address" },
		{ "configured", "rouse-sleeper.conf" },
		{ "switched", "rouse service" },
	};

	for (size_t i = 0; why && i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i].why, why) == 0)
			return all[i].words;
	}
	return why ? why : "?";
}

static void take(void *context, const struct json *answer)
{
	struct services *s = context;
	const struct json *one = json_member(answer, "service");
	const char *rule = json_word(json_member(one, "rule"));
	const char *unit = json_word(json_member(one, "unit"));
	bool on = json_truth(json_member(one, "on"));

	if (!one)
		return;
	if (s->as_json) {
		json_list_add(&s->list, one);
	} else {
		table_add(&s->table, rule ? rule : "?", "1");
		table_add(&s->table, on ? "on" : "off", on ? "32" : "2");
		table_add(&s->table, unit ? unit : "-", NULL);
		table_add(&s->table, words_for(json_word(json_member(one, "why"))), NULL);
	}
	s->shown++;
	s->on += on;
}

static void finish(const struct services *s, enum cli_exit status)
{
	FILE *out = s->cli->out;

	if (s->as_json) {
		json_list_end(&s->list, status == CLI_DONE);
		return;
	}
	if (status != CLI_DONE)
		return;
	if (s->shown)
		table_print(&s->table, out, s->cli->colour);
	else
		fputs("Nothing listens here that others can reach.\n", out);
	fputs(s->on ? "\nA connection to a service that is on wakes this machine. To change one: "
		      "rouse service RULE on|off\n"
		    : "\nNothing is on: a connection to any TCP port wakes this machine.\n",
	      out);
}

enum cli_exit cli_services(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { NULL, 0, NULL, 0 } };
	static const char *const head[] = { "RULE", "WAKES", "UNIT", "WHY" };
	struct services s = { .cli = c, .list = { .to = c->out, .name = "services" } };
	enum cli_exit status;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o != 'j')
			return cli_usage(c, NULL);
		s.as_json = true;
	}
	if (optind != argc)
		return cli_usage(c, "it is about this machine alone, and takes no name");
	table_init(&s.table, sizeof(head) / sizeof(head[0]));
	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		table_add(&s.table, head[i], NULL);
	status = connection_ask_sleeper(c, "{\"command\":\"services\"}\n", PATIENCE, take, &s);
	finish(&s, status);
	table_done(&s.table);
	return status;
}

enum cli_exit cli_service(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = { { NULL, 0, NULL, 0 } };
	char line[256], rule_text[RULE_TEXT];
	enum cli_exit status;
	struct rule rule;
	bool on;

	while (getopt_long(argc, argv, "", options, NULL) != -1)
		return cli_usage(c, NULL);
	if (argc - optind != 2)
		return cli_usage(c, "a rule is needed, and on or off");
	on = strcmp(argv[optind + 1], "on") == 0;
	if (rule_parse(argv[optind], &rule) < 0)
		return cli_usage(
			c, "'%s' is no rule: tcp/22, tcp/8000-8010, tcp/22+data, udp/9987, echo",
			argv[optind]);
	if (!on && strcmp(argv[optind + 1], "off") != 0)
		return cli_usage(c, "'%s' is neither on nor off", argv[optind + 1]);
	(void)snprintf(line, sizeof(line), "{\"command\":\"service\",\"rule\":\"%s\",\"on\":%s}\n",
		       rule_format(&rule, rule_text), on ? "true" : "false");
	status = connection_ask_sleeper(c, line, PATIENCE, NULL, NULL);
	if (status == CLI_DONE)
		fprintf(c->out, "%s %s this machine from now on.\n", rule_text,
			on ? "wakes" : "does not wake");
	return status;
}
