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

/* --- whole lists --- */

static void list_tell(struct state_list *l)
{
	if (l->wanted && l->at > 0) {
		l->again = true;
		return;
	}
	*l = (struct state_list){ .wanted = true };
}

/* Its entry `i` was taken out, and those behind it have moved. */
static void list_moved(struct state_list *l, size_t i)
{
	if (l->wanted && i < l->at)
		l->at--;
}

/* A part was told, up to `at`; true: another one follows. */
static bool list_told(struct state_list *l, size_t at, size_t n)
{
	l->at = at;
	if (at < n)
		return true;
	*l = (struct state_list){ .wanted = l->again };
	return false;
}

/* --- what changes --- */

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
	s->machines_n--;
	memmove(s->machines + i, s->machines + i + 1, (s->machines_n - i) * sizeof(s->machines[0]));
	list_moved(&s->all_machines, i);
	if (s->gone_n < STATE_GONE_MAX)
		s->gone[s->gone_n++] = id;
	else
		list_tell(&s->all_machines);
}

static size_t grant_index(const struct state *s, const char *id)
{
	size_t i = 0;

	while (i < s->grants_n && strcmp(s->grants[i]->id, id) != 0)
		i++;
	return i;
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
	/* A list that is being told will come to a new one by itself. */
	if (!s->all_grants.wanted || i < s->all_grants.at)
		list_tell(&s->all_grants);
}

void state_grant_gone(struct state *s, const char *id)
{
	size_t i = grant_index(s, id);

	if (i == s->grants_n)
		return;
	free(s->grants[i]);
	s->grants_n--;
	memmove(s->grants + i, s->grants + i + 1, (s->grants_n - i) * sizeof(s->grants[0]));
	if (!s->all_grants.wanted || i < s->all_grants.at)
		list_tell(&s->all_grants);
	list_moved(&s->all_grants, i);
}

void state_restart(struct state *s)
{
	s->all_machines = s->all_grants = (struct state_list){ .wanted = true };
	s->gone_n = 0;
}

void state_again(struct state *s)
{
	list_tell(&s->all_machines);
	list_tell(&s->all_grants);
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
	size_t i = s->all_machines.at;
	size_t end = i + PART < s->machines_n ? i + PART : s->machines_n;

	open_list(w, "machines");
	for (; i < end; i++) {
		relay_machine_write(w, &s->machines[i]->machine);
		s->machines[i]->told = true;
	}
	close_list(w, list_told(&s->all_machines, end, s->machines_n));
}

static void next_grants(struct state *s, struct json_writer *w)
{
	size_t i = s->all_grants.at;
	size_t end = i + PART < s->grants_n ? i + PART : s->grants_n;

	open_list(w, "grants");
	for (; i < end; i++)
		write_grant(w, s->grants[i]);
	close_list(w, list_told(&s->all_grants, end, s->grants_n));
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

	if (s->all_machines.wanted) {
		next_machines(s, &w);
		return w.out.used;
	}
	if (s->all_grants.wanted) {
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
