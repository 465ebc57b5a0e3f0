/*
 * grants: `rouse share`, `grants` and `revoke`: who may see and wake what over the relay.
 */
#include "cli/cli.h"
#include "cli/connection.h"
#include "cli/human.h"
#include "sys/qr.h"

#include "base/text.h"
#include "proto/time_text.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char *word_of(const struct json *map, const char *key, const char *none)
{
	const char *word = json_word(json_member(map, key));

	return word ? word : none;
}

static void put_json(const struct cli *c, const struct json *v)
{
	char *text = json_print(v);

	fputs(text ? text : "null", c->out);
	free(text);
}

/* --- share --- */

enum { OPTION_PHRASE = 0x100, OPTION_PLAIN, OPTION_GET, OPTION_LABEL, OPTION_NO_QR };

struct share {
	struct cli *cli;
	struct command request;
	bool as_json, no_qr;
	enum cli_exit status;
};

static const char *take_can(struct command_share *s, const char *word)
{
	static const char *const verbs[] = { "see", "wake", "sleep" };

	for (unsigned int v = 0; v < 3; v++) {
		if (strcmp(word, verbs[v]) == 0) {
			s->can |= (uint8_t)(1U << v);
			return NULL;
		}
	}
	return "is none of see, wake, sleep";
}

static const char *take_name(char to[static SPEC_NAME_MAX + 1], const char *word)
{
	if (!spec_name_valid(word, strlen(word)))
		return "is no name: 1 to 63 bytes without '/'";
	memcpy(to, word, strlen(word) + 1);
	return NULL;
}

static const char *take_machine(struct command_share *s, const char *word)
{
	if (s->machines_n == GRANT_MACHINES_MAX)
		return "is one too many: at most 64; without --machine a grant is for all";
	return take_name(s->machines[s->machines_n++], word);
}

static const char *take_expires(struct command_share *s, const char *word)
{
	uint64_t us;

	if (text_parse_duration(word, &us) < 0 || us < 1000000)
		return "is no duration like 90d, 12h, 30min";
	s->expires_seconds = (uint32_t)(us / 1000000);
	return NULL;
}

/* One option; why it cannot be, or NULL. */
static const char *take_option(struct share *h, int option, const char *value)
{
	struct command_share *s = &h->request.share;

	switch (option) {
	case 'm':
		return take_machine(s, value);
	case 'c':
		return take_can(s, value);
	case 'n':
		return take_name(s->name, value);
	case OPTION_LABEL:
		return take_name(s->label, value);
	case 'e':
		return take_expires(s, value);
	case OPTION_PHRASE:
		s->kind = RELAY_PHRASE;
		return NULL;
	case OPTION_PLAIN:
		s->kind = RELAY_PLAIN;
		return NULL;
	case OPTION_GET:
		s->get = true;
		return NULL;
	case OPTION_NO_QR:
		h->no_qr = true;
		return NULL;
	default:
		h->as_json = true;
		return NULL;
	}
}

static void print_share(const struct share *h, const struct json *a)
{
	static const char *const keys[] = { "id", "link", "token", "label", "phrase" };
	FILE *out = h->cli->out;
	bool comma = false;

	fputc('{', out);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct json *v = json_member(a, keys[i]);

		if (!v)
			continue;
		fprintf(out, "%s\"%s\":", comma ? "," : "", keys[i]);
		put_json(h->cli, v);
		comma = true;
	}
	fputs("}\n", out);
}

static void say_share(const struct share *h, const struct json *a)
{
	FILE *out = h->cli->out;
	const char *link = word_of(a, "link", "");

	if (h->request.share.kind == RELAY_PHRASE) {
		fputs("machine  ", out);
		cli_put(out, word_of(a, "label", "?"));
		fputs("\nphrase   ", out);
		cli_put(out, word_of(a, "phrase", "?"));
		fputs("\nto be typed at ", out);
	}
	if (h->request.share.kind == RELAY_PLAIN)
		fprintf(out, "curl -X POST ");
	cli_put(out, link);
	fputc('\n', out);
	if (h->request.share.kind == RELAY_LINK && !h->no_qr && link[0])
		(void)qr_print(link, out);
	fputs("Whoever has this can use it: show it to nobody else. `rouse revoke ", out);
	cli_put(out, word_of(a, "id", "?"));
	fputs("` ends it.\n", out);
}

enum cli_exit cli_share(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "machine", required_argument, NULL, 'm' },
		{ "can", required_argument, NULL, 'c' },
		{ "name", required_argument, NULL, 'n' },
		{ "expires", required_argument, NULL, 'e' },
		{ "phrase", no_argument, NULL, OPTION_PHRASE },
		{ "label", required_argument, NULL, OPTION_LABEL },
		{ "plain", no_argument, NULL, OPTION_PLAIN },
		{ "get", no_argument, NULL, OPTION_GET },
		{ "no-qr", no_argument, NULL, OPTION_NO_QR },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	static struct connection k;
	struct share h = { .cli = c, .request = { .kind = COMMAND_SHARE } };
	struct json *answer;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		const char *why = o == '?' ? "" : take_option(&h, o, optarg);

		if (why)
			return o == '?' ? cli_usage(c, NULL) : cli_usage(c, "'%s' %s", optarg, why);
	}
	if (optind != argc)
		return cli_usage(c, "'%s': what it is for is said with --machine", argv[optind]);
	if (h.request.share.can == 0)
		h.request.share.can = h.request.share.kind == RELAY_PLAIN
					      ? RELAY_CAN_WAKE
					      : RELAY_CAN_SEE | RELAY_CAN_WAKE;
	if (connection_open(&k, c, &h.request, false) < 0)
		return CLI_FAILED;
	if (connection_answer(&k, &answer) < 0) {
		connection_close(&k);
		return CLI_FAILED;
	}
	h.status = connection_end(c, "", answer);
	if (h.status == CLI_DONE && h.as_json)
		print_share(&h, answer);
	else if (h.status == CLI_DONE)
		say_share(&h, answer);
	json_drop(answer);
	connection_close(&k);
	return h.status;
}

/* --- grants --- */

struct known {
	int64_t id;
	char name[SPEC_NAME_MAX + 1];
};

struct listing {
	struct cli *cli;
	struct table table;
	bool as_json;
	size_t shown;
	struct known *machines; /* which id is which name */
	size_t machines_n;
};

static void know_machine(void *context, const struct json *answer)
{
	struct listing *l = context;
	const struct json *m = json_member(answer, "machine");
	const char *name = word_of(m, "name", "");
	struct known *more;

	if (!m || strlen(name) > SPEC_NAME_MAX)
		return;
	more = realloc(l->machines, (l->machines_n + 1) * sizeof(*more));
	if (!more)
		return;
	l->machines = more;
	more[l->machines_n].id = json_whole(json_member(m, "id"));
	memcpy(more[l->machines_n++].name, name, strlen(name) + 1);
}

static const char *name_of(const struct listing *l, int64_t id)
{
	for (size_t i = 0; i < l->machines_n; i++) {
		if (l->machines[i].id == id)
			return l->machines[i].name;
	}
	return NULL;
}

static void put_machines(const struct listing *l, struct text *t, const struct json *list)
{
	if (json_kind_of(list) != JSON_KIND_LIST) {
		text_string(t, "all");
		return;
	}
	for (size_t i = 0; i < json_count(list); i++) {
		const char *name = name_of(l, json_whole(json_item(list, i)));

		if (i)
			text_char(t, ' ');
		text_string(t, name ? name : "(removed)");
	}
}

static void put_words(struct text *t, const struct json *list)
{
	for (size_t i = 0; i < json_count(list); i++) {
		if (i)
			text_char(t, ' ');
		text_string(t, json_word(json_item(list, i)) ? json_word(json_item(list, i)) : "?");
	}
}

static void add_row(struct listing *l, const struct json *g)
{
	const char *expires = json_word(json_member(g, "expires"));
	char bytes[1024];
	struct text t = text_over(bytes, sizeof(bytes));
	uint64_t then = 0;

	table_add(&l->table, word_of(g, "id", "?"), NULL);
	table_add(&l->table, word_of(g, "name", "?"), "1");
	table_add(&l->table, word_of(g, "kind", "?"), NULL);
	put_machines(l, &t, json_member(g, "machines"));
	table_add(&l->table, bytes, NULL);
	t = text_over(bytes, sizeof(bytes));
	put_words(&t, json_member(g, "can"));
	table_add(&l->table, bytes, NULL);
	if (expires && time_text_parse(expires, &then) == 0)
		snprintf(bytes, sizeof(bytes), then <= l->cli->now_ms ? "expired" : "%.10s",
			 expires);
	else
		snprintf(bytes, sizeof(bytes), "never");
	table_add(&l->table, bytes, NULL);
}

/* The same with the machines' names. */
static void print_grant(const struct listing *l, const struct json *g)
{
	static const char *const keys[] = { "id",  "kind", "name", "label",
					    "can", "get",  "made", "expires" };
	const struct json *list = json_member(g, "machines");
	FILE *out = l->cli->out;

	fputs(l->shown ? ",{" : "{\"grants\":[{", out);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		fprintf(out, "\"%s\":", keys[i]);
		put_json(l->cli, json_member(g, keys[i]));
		fputc(',', out);
	}
	fputs("\"machines\":", out);
	if (json_kind_of(list) != JSON_KIND_LIST) {
		fputs("null}", out);
		return;
	}
	for (size_t i = 0; i < json_count(list); i++) {
		const char *name = name_of(l, json_whole(json_item(list, i)));
		char bytes[6 * SPEC_NAME_MAX + 8];
		struct json_writer w = json_writer_over(bytes, sizeof(bytes));

		if (name)
			json_write_word(&w, name);
		else
			json_write_null(&w);
		fprintf(out, "%s%s", i ? "," : "[", bytes);
	}
	fputs(json_count(list) ? "]}" : "[]}", out);
}

static void take_grant(void *context, const struct json *answer)
{
	struct listing *l = context;
	const struct json *g = json_member(answer, "grant");

	if (!g)
		return;
	if (l->as_json)
		print_grant(l, g);
	else
		add_row(l, g);
	l->shown++;
}

enum cli_exit cli_grants(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { NULL, 0, NULL, 0 } };
	static const char *const head[] = { "ID", "NAME", "KIND", "MACHINES", "CAN", "EXPIRES" };
	struct command status = { .kind = COMMAND_STATUS };
	struct command request = { .kind = COMMAND_GRANTS };
	struct listing l = { .cli = c };
	enum cli_exit result;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o != 'j')
			return cli_usage(c, NULL);
		l.as_json = true;
	}
	if (optind != argc)
		return cli_usage(c, "grants takes no arguments");
	table_init(&l.table, 6);
	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		table_add(&l.table, head[i], NULL);
	result = connection_ask(c, &status, false, know_machine, &l);
	if (result == CLI_DONE)
		result = connection_ask(c, &request, false, take_grant, &l);
	if (result == CLI_DONE && l.as_json)
		fputs(l.shown ? "]}\n" : "{\"grants\":[]}\n", c->out);
	else if (result == CLI_DONE && l.shown)
		table_print(&l.table, c->out, c->colour);
	else if (result == CLI_DONE)
		fputs("Nothing is shared. `rouse share` makes a link.\n", c->out);
	table_done(&l.table);
	free(l.machines);
	return result;
}

enum cli_exit cli_revoke(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = { { NULL, 0, NULL, 0 } };
	struct command request = { .kind = COMMAND_REVOKE };
	uint8_t id[RELAY_GRANT_SIZE];
	enum cli_exit status;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return cli_usage(c, NULL);
	if (argc - optind != 1 ||
	    b64_decode(argv[optind], strlen(argv[optind]), id, sizeof(id)) < 0)
		return cli_usage(c,
				 "a grant's id is needed: 12 characters (rouse grants lists them)");
	memcpy(request.grant, argv[optind], sizeof(request.grant));
	status = connection_ask(c, &request, false, NULL, NULL);
	if (status == CLI_DONE)
		fputs("revoked\n", c->out);
	return status;
}
