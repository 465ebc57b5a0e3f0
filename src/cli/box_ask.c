/*
 * box_ask: what the guard and the sleeper of this host say when `rouse doctor` asks them. Their answers become values of
 * struct box; that they do not answer is one too.
 */
#include "cli/box.h"
#include "cli/box_parts.h"
#include "cli/connection.h"

#include "base/event.h"
#include "proto/ini_lines.h"
#include "proto/registration.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE 5
#define CONFIG "etc/rouse/roused.conf"
#define CONFIG_MAX 65536

static void copy(char *to, size_t size, const char *word)
{
	(void)snprintf(to, size, "%s", word ? word : "");
}

static const char *word_of(const struct json *map, const char *key)
{
	return json_word(json_member(map, key));
}

/* --- the sleeper --- */

static void take_sleeper(struct box_sleeper *s, const struct json *v)
{
	const struct json *port = json_member(v, "port");

	copy(s->guard, sizeof(s->guard), word_of(v, "guard"));
	copy(s->lease, sizeof(s->lease), word_of(v, "lease"));
	copy(s->problem, sizeof(s->problem), word_of(v, "error"));
	copy(s->interface, sizeof(s->interface), word_of(port, "interface"));
	copy(s->wake_on_lan, sizeof(s->wake_on_lan), word_of(port, "wake_on_lan"));
	copy(s->pairing, sizeof(s->pairing), word_of(v, "pairing"));
}

/* Messages of the connection go into a text instead of to the person. */
struct quiet {
	struct cli cli;
	char *text;
	size_t n;
};

static bool quiet_start(struct quiet *q, const struct cli *c)
{
	*q = (struct quiet){ .cli = *c };
	/* This host's own, not the one behind a relay. */
	q->cli.socket_given = true;
	q->cli.home = NULL;
	q->cli.err = open_memstream(&q->text, &q->n);
	return q->cli.err != NULL;
}

static void quiet_end(struct quiet *q, char *to, size_t size)
{
	const char *said;

	(void)fclose(q->cli.err);
	said = q->text && strncmp(q->text, "rouse: ", 7) == 0 ? q->text + 7 : q->text;
	if (to)
		copy(to, size, said);
	if (to)
		to[strcspn(to, "\n")] = 0;
	free(q->text);
}

void box_ask_sleeper(struct box *b)
{
	static struct connection k;
	struct quiet q;
	struct json *answer;
	bool more = true;

	b->sleeper.error = -ENOMEM;
	if (!quiet_start(&q, b->cli))
		return;
	b->sleeper.error = connection_open_sleeper(&k, &q.cli, "{\"command\":\"status\"}\n",
						   PATIENCE);
	for (int i = 0; b->sleeper.error == 0 && more && i < 16; i++) {
		b->sleeper.error = connection_answer(&k, &answer);
		if (b->sleeper.error < 0)
			break;
		if (json_member(answer, "sleeper"))
			take_sleeper(&b->sleeper, json_member(answer, "sleeper"));
		more = !json_member(answer, "result");
		json_drop(answer);
	}
	connection_close(&k);
	quiet_end(&q, NULL, 0);
}

/* --- the guard's configuration --- */

struct configuration {
	struct box_guard *guard;
	bool within; /* [guard] */
};

static void take_heading(void *who, uint32_t line, const char *section, const char *name)
{
	struct configuration *c = who;

	(void)line;
	(void)name;
	c->within = strcmp(section, "guard") == 0;
}

static void take_key(void *who, uint32_t line, const char *key, const char *value, bool more)
{
	const struct configuration *c = who;

	(void)line;
	if (!c->within || more)
		return;
	if (strcmp(key, "interface") == 0) {
		size_t n = strcspn(value, " ");

		if (n < sizeof(c->guard->interface))
			(void)snprintf(c->guard->interface, sizeof(c->guard->interface), "%.*s",
				       (int)n, value);
	} else if (strcmp(key, "virtual-mac") == 0) {
		c->guard->own_mac = strcmp(value, "own") == 0;
	} else if (strcmp(key, "observe") == 0) {
		c->guard->observes = strcmp(value, "yes") == 0;
	} else if (strcmp(key, "port") == 0) {
		long port = strtol(value, NULL, 10);

		if (port > 0 && port < 65536)
			c->guard->port = (uint16_t)port;
	}
}

static void take_wrong(void *who, uint32_t line, const char *what)
{
	(void)who;
	(void)line;
	(void)what;
}

static void read_configuration(struct box *b)
{
	struct configuration c = { .guard = &b->roused };
	struct ini_listener listener = { take_heading, take_key, take_wrong, &c };
	char *text = malloc(CONFIG_MAX);

	b->roused.port = REGISTRATION_PORT;
	if (text && box_read(b, text, CONFIG_MAX, CONFIG) == 0)
		(void)ini_lines(text, strlen(text), &listener);
	free(text);
}

/* --- the guard --- */

static int ask(struct box *b, const struct command *request,
	       void (*take)(void *context, const struct json *answer))
{
	struct quiet q;
	enum cli_exit status;

	if (!quiet_start(&q, b->cli))
		return -ENOMEM;
	status = connection_ask(&q.cli, request, false, take, &b->roused);
	quiet_end(&q, b->roused.problem, sizeof(b->roused.problem));
	if (status == CLI_DONE)
		return 0;
	return strstr(b->roused.problem, "may not open") ? -EACCES : -ECONNREFUSED;
}

static void take_machine(void *context, const struct json *answer)
{
	struct box_guard *g = context;
	const struct json *v = json_member(answer, "machine");
	const struct json *addresses = json_member(v, "addresses");
	const char *state = word_of(v, "state");
	const char *address = json_word(json_item(addresses, 0));
	const char *mac = word_of(v, "mac");
	struct box_machine *m = &g->machines[g->machines_n];

	if (!v || !state)
		return;
	g->machines_total++;
	if (g->machines_n == BOX_MACHINES)
		return;
	*m = (struct box_machine){ .asleep = strcmp(state, "asleep") == 0,
				   .awake = strcmp(state, "awake") == 0 };
	copy(m->name, sizeof(m->name), word_of(v, "name"));
	if (address)
		(void)addr_parse(address, &m->address);
	if (mac && mac_parse(mac, &m->mac) == 0)
		g->machines_n++;
}

static void take_event(void *context, const struct json *answer)
{
	struct box_guard *g = context;
	const struct json *v = json_member(answer, "event");
	const char *what = word_of(v, "event");
	const char *text = word_of(v, "text");

	if (!what || !text)
		return;
	if (strcmp(what, "knock") == 0 && !json_truth(json_member(v, "local")))
		copy(g->knocked, sizeof(g->knocked), text);
	else if (strcmp(what, "conflict") == 0)
		copy(g->conflicted, sizeof(g->conflicted), text);
	else if (strcmp(what, "yielded") == 0)
		copy(g->yielded, sizeof(g->yielded), text);
	else if (strcmp(what, "reclaimed") == 0)
		g->yielded[0] = g->conflicted[0] = 0;
}

static void take_relay(void *context, const struct json *answer)
{
	struct box_guard *g = context;
	const struct json *v = json_member(answer, "relay");

	if (!v)
		return;
	copy(g->relay_state, sizeof(g->relay_state), word_of(v, "state"));
	copy(g->relay_url, sizeof(g->relay_url), word_of(v, "url"));
	copy(g->relay_error, sizeof(g->relay_error), word_of(v, "error"));
}

void box_ask_guard(struct box *b)
{
	struct command request = { .kind = COMMAND_STATUS };
	struct box_guard *g = &b->roused;

	read_configuration(b);
	g->here = b->cli->socket_given ||
		  box_has(b, "etc/systemd/system/multi-user.target.wants/roused.service");
	g->error = ask(b, &request, take_machine);
	if (g->error < 0)
		return;
	request = (struct command){ .kind = COMMAND_LOG, .most = COMMAND_LOG_MOST };
	(void)ask(b, &request, take_event);
	request = (struct command){ .kind = COMMAND_RELAY };
	(void)ask(b, &request, take_relay);
	g->problem[0] = 0;
}
