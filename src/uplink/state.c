#include "uplink/state.h"

#include "proto/time_text.h"

#include <stdlib.h>
#include <string.h>

#define PART 40 /* machines or grants in one message: 40 of the longest fit */

void state_done(struct state *s)
{
	while (s->machines_n > 0)
		free(s->machines[--s->machines_n]);
	while (s->grants_n > 0)
		free(s->grants[--s->grants_n]);
}

static size_t machine_index(const struct state *s, uint32_t id)
{
	size_t i = 0;

	while (i < s->machines_n && s->machines[i]->machine.id != id)
		i++;
	return i;
}

void state_machine(struct state *s, const struct relay_machine *m)
{
	size_t i = machine_index(s, m->id);

	if (i == RELAY_MACHINES_MAX)
		return;
	if (i == s->machines_n) {
		s->machines[i] = calloc(1, sizeof(*s->machines[i]));
		if (!s->machines[i])
			return;
		s->machines_n++;
	}
	s->machines[i]->machine = *m;
	s->machines[i]->told = false;
}

void state_machine_gone(struct state *s, uint32_t id)
{
	size_t i = machine_index(s, id);

	if (i == s->machines_n)
		return;
	free(s->machines[i]);
	s->machines[i] = s->machines[--s->machines_n];
	if (s->gone_n < STATE_GONE_MAX) {
		s->gone[s->gone_n++] = id;
	} else {
		s->all_machines = true;
		s->machines_at = 0;
	}
	/* A list that is being told would leave out the one that moved. */
	s->machines_at = 0;
}

static size_t grant_index(const struct state *s, const char *id)
{
	size_t i = 0;

	while (i < s->grants_n && strcmp(s->grants[i]->id, id) != 0)
		i++;
	return i;
}

static void tell_grants(struct state *s)
{
	s->all_grants = true;
	s->grants_at = 0;
}

void state_grant(struct state *s, const struct relay_grant *g)
{
	size_t n = offsetof(struct relay_grant, machines) + g->machines_n * sizeof(g->machines[0]);
	size_t i = grant_index(s, g->id);
	struct relay_grant *copy = i < RELAY_GRANTS_MAX ? malloc(n) : NULL;

	if (!copy)
		return;
	memcpy(copy, g, n);
	if (i < s->grants_n)
		free(s->grants[i]);
	else
		s->grants_n++;
	s->grants[i] = copy;
	tell_grants(s);
}

void state_grant_gone(struct state *s, const char *id)
{
	size_t i = grant_index(s, id);

	if (i == s->grants_n)
		return;
	free(s->grants[i]);
	s->grants_n--;
	memmove(s->grants + i, s->grants + i + 1, (s->grants_n - i) * sizeof(s->grants[0]));
	tell_grants(s);
}

void state_restart(struct state *s)
{
	s->all_machines = true;
	s->machines_at = 0;
	s->gone_n = 0;
	tell_grants(s);
}

/* --- messages --- */

static void put_word(struct json_writer *w, const char *key, const char *word)
{
	json_write_key(w, key);
	if (word)
		json_write_word(w, word);
	else
		json_write_null(w);
}

static void put_b64(struct json_writer *w, const char *key, const uint8_t *bytes, size_t n)
{
	char text[RELAY_KEY_TEXT];

	put_word(w, key, bytes ? b64_encode(bytes, n, text) : NULL);
}

static void write_grant(struct json_writer *w, const struct relay_grant *g)
{
	static const char *const kinds[RELAY_GRANT_KINDS] = { "link", "phrase", "plain" };
	bool plain = g->kind == RELAY_PLAIN;
	bool phrase = g->kind == RELAY_PHRASE;
	char at[TIME_TEXT];

	json_write_open(w, '{');
	put_word(w, "id", g->id);
	put_word(w, "kind", kinds[g->kind]);
	put_b64(w, "view", plain ? NULL : g->hash, sizeof(g->hash));
	put_b64(w, "token", plain ? g->hash : NULL, sizeof(g->hash));
	put_b64(w, "salt", phrase ? g->salt : NULL, sizeof(g->salt));
	put_word(w, "label", phrase ? g->label : NULL);
	json_write_key(w, "machines");
	if (g->all) {
		json_write_null(w);
	} else {
		json_write_open(w, '[');
		for (uint16_t i = 0; i < g->machines_n; i++)
			json_write_u64(w, g->machines[i]);
		json_write_close(w, ']');
	}
	json_write_key(w, "can");
	relay_can_write(w, g->can);
	json_write_key(w, "get");
	json_write_bool(w, g->get);
	put_word(w, "expires",
		 g->expires_ms == RELAY_NULL ? NULL : time_text(g->expires_ms, 0, at));
	json_write_close(w, '}');
}

static void open_list(struct json_writer *w, const char *type)
{
	json_write_open(w, '{');
	put_word(w, "t", type);
	json_write_key(w, "list");
	json_write_open(w, '[');
}

static void close_list(struct json_writer *w, bool more)
{
	json_write_close(w, ']');
	json_write_key(w, "more");
	json_write_bool(w, more);
	json_write_close(w, '}');
}

static void next_machines(struct state *s, struct json_writer *w)
{
	size_t end = s->machines_at + PART < s->machines_n ? s->machines_at + PART : s->machines_n;

	open_list(w, "machines");
	for (; s->machines_at < end; s->machines_at++) {
		struct state_machine *m = s->machines[s->machines_at];

		relay_machine_write(w, &m->machine);
		m->told = true;
	}
	s->all_machines = s->machines_at < s->machines_n;
	close_list(w, s->all_machines);
}

static void next_grants(struct state *s, struct json_writer *w)
{
	size_t end = s->grants_at + PART < s->grants_n ? s->grants_at + PART : s->grants_n;

	open_list(w, "grants");
	for (; s->grants_at < end; s->grants_at++)
		write_grant(w, s->grants[s->grants_at]);
	s->all_grants = s->grants_at < s->grants_n;
	close_list(w, s->all_grants);
}

static void next_gone(struct state *s, struct json_writer *w)
{
	json_write_open(w, '{');
	put_word(w, "t", "machine-gone");
	json_write_key(w, "id");
	json_write_u64(w, s->gone[--s->gone_n]);
	json_write_close(w, '}');
}

/* "machine" is its members beside the type: the object is opened here, and its own brace left out. */
static void next_machine(struct state_machine *m, struct json_writer *w)
{
	char bytes[RELAY_MACHINE_JSON];
	struct json_writer inner = json_writer_over(bytes, sizeof(bytes));

	relay_machine_write(&inner, &m->machine);
	m->told = true;
	text_string(&w->out, "{\"t\":\"machine\",");
	text_string(&w->out, bytes + 1);
}

size_t state_next(struct state *s, char *to, size_t size)
{
	struct json_writer w = json_writer_over(to, size);

	if (s->all_machines) {
		next_machines(s, &w);
		return w.out.used;
	}
	if (s->all_grants) {
		next_grants(s, &w);
		return w.out.used;
	}
	if (s->gone_n > 0) {
		next_gone(s, &w);
		return w.out.used;
	}
	for (size_t i = 0; i < s->machines_n; i++) {
		if (s->machines[i]->told)
			continue;
		next_machine(s->machines[i], &w);
		return w.out.used;
	}
	return 0;
}
