#include "proto/relay_state.h"

#include "base/text.h"
#include "proto/time_text.h"

#include <errno.h>
#include <stdlib.h>

/* What a decoder asks for; the first thing wrong sticks. */
struct asking {
	const struct json *of;
	bool wrong;
};

static uint64_t ask_whole(struct asking *a, const char *key, uint64_t least, uint64_t most)
{
	const struct json *v = json_member(a->of, key);
	int64_t n = json_whole(v);

	if (json_kind_of(v) != JSON_KIND_WHOLE || n < 0 || (uint64_t)n < least ||
	    (uint64_t)n > most)
		a->wrong = true;
	return (uint64_t)n;
}

static bool ask_null(const struct asking *a, const char *key)
{
	enum json_kind k = json_kind_of(json_member(a->of, key));

	return k == JSON_KIND_NULL || k == JSON_KIND_NOTHING;
}

static uint64_t ask_whole_or_null(struct asking *a, const char *key)
{
	return ask_null(a, key) ? RELAY_NULL : ask_whole(a, key, 0, RELAY_WHOLE_MAX);
}

static bool ask_bool(struct asking *a, const char *key)
{
	const struct json *v = json_member(a->of, key);

	if (json_kind_of(v) != JSON_KIND_BOOL)
		a->wrong = true;
	return json_truth(v);
}

/* Not negative, below 10^9, in millionths. */
static uint64_t ask_amount(struct asking *a, const char *key)
{
	const struct json *v = json_member(a->of, key);
	enum json_kind k = json_kind_of(v);
	double n;

	if (ask_null(a, key))
		return RELAY_NULL;
	n = k == JSON_KIND_WHOLE ? (double)json_whole(v) : json_amount(v);
	if ((k != JSON_KIND_WHOLE && k != JSON_KIND_FRACTION) || !(n >= 0 && n < 1e9)) {
		a->wrong = true;
		return RELAY_NULL;
	}
	return (uint64_t)(n * 1e6 + 0.5);
}

static uint64_t ask_time(struct asking *a, const char *key)
{
	const char *text = json_word(json_member(a->of, key));
	uint64_t ms = 0;

	if (!text || time_text_parse(text, &ms) < 0)
		a->wrong = true;
	return ms;
}

static const char *ask_text(struct asking *a, const char *key)
{
	const char *text = json_word(json_member(a->of, key));

	if (!text)
		a->wrong = true;
	return text ? text : "";
}

bool relay_name_valid(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n;) {
		size_t length = text_utf8_length(name + i, n - i);

		if (length == 0 || text_is_control(name + i, length))
			return false;
		i += length;
	}
	return n >= 1 && n <= RELAY_NAME_MAX;
}

static void ask_name(struct asking *a, const char *key, bool null,
		     char to[static RELAY_NAME_MAX + 1])
{
	const char *text;

	to[0] = 0;
	if (null && ask_null(a, key))
		return;
	text = ask_text(a, key);
	if (!relay_name_valid(text))
		a->wrong = true;
	else
		memcpy(to, text, strlen(text) + 1);
}

/* A word of ours: "no-sign-of-life", "tcp/22". */
static void ask_word(struct asking *a, const char *key, bool null,
		     char to[static RELAY_WORD_MAX + 1])
{
	const char *text;
	size_t n;

	to[0] = 0;
	if (null && ask_null(a, key))
		return;
	text = ask_text(a, key);
	n = strlen(text);
	if (n < 1 || n > RELAY_WORD_MAX ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-/") != n)
		a->wrong = true;
	else
		memcpy(to, text, n + 1);
}

static void ask_b64(struct asking *a, const char *key, void *to, size_t n)
{
	const char *text = ask_text(a, key);

	if (b64_decode(text, strlen(text), to, n) < 0)
		a->wrong = true;
}

/* --- machines --- */

static void read_slept(struct asking *a, struct relay_machine *m)
{
	struct asking inner = { json_member(a->of, "slept"), false };

	m->slept = true;
	m->slept_since_ms = ask_time(&inner, "since");
	m->slept_us = ask_amount(&inner, "seconds");
	a->wrong = a->wrong || inner.wrong || m->slept_us == RELAY_NULL;
}

static void read_last_wake(struct asking *a, struct relay_machine *m)
{
	struct asking inner = { json_member(a->of, "last_wake"), false };

	m->woken = true;
	m->woken_ms = ask_time(&inner, "at");
	m->woken_us = ask_amount(&inner, "seconds");
	ask_word(&inner, "by", false, m->by);
	ask_name(&inner, "who", true, m->who);
	a->wrong = a->wrong || inner.wrong;
}

static uint8_t ask_state(struct asking *a)
{
	const char *text = ask_text(a, "state");

	for (unsigned int s = 0; s < MACHINE_STATES; s++)
		if (strcmp(text, machine_state_name(s)) == 0)
			return (uint8_t)s;
	a->wrong = true;
	return MACHINE_UNKNOWN;
}

int relay_machine_read(const struct json *v, struct relay_machine *ret)
{
	struct asking a = { v, false };
	struct relay_machine m = { 0 };

	m.id = (uint32_t)ask_whole(&a, "id", 1, UINT32_MAX);
	ask_name(&a, "name", false, m.name);
	m.state = ask_state(&a);
	m.since_ms = ask_time(&a, "since");
	m.expected_us = ask_amount(&a, "expected_seconds");
	m.watts_u = ask_amount(&a, "watts");
	if (!ask_null(&a, "slept"))
		read_slept(&a, &m);
	if (!ask_null(&a, "last_wake"))
		read_last_wake(&a, &m);
	if (a.wrong)
		return -EINVAL;
	*ret = m;
	return 0;
}

static void write_word(struct json_writer *w, const char *key, const char *text)
{
	json_write_key(w, key);
	if (text[0])
		json_write_word(w, text);
	else
		json_write_null(w);
}

static void write_time(struct json_writer *w, const char *key, uint64_t ms)
{
	char text[TIME_TEXT];

	write_word(w, key, time_text(ms, 0, text));
}

static void write_amount(struct json_writer *w, const char *key, uint64_t micros)
{
	json_write_key(w, key);
	if (micros == RELAY_NULL)
		json_write_null(w);
	else
		json_write_seconds(w, micros);
}

static void write_whole(struct json_writer *w, const char *key, uint64_t v)
{
	json_write_key(w, key);
	if (v == RELAY_NULL)
		json_write_null(w);
	else
		json_write_u64(w, v);
}

static void write_slept(struct json_writer *w, const struct relay_machine *m)
{
	json_write_key(w, "slept");
	if (!m->slept) {
		json_write_null(w);
		return;
	}
	json_write_open(w, '{');
	write_time(w, "since", m->slept_since_ms);
	write_amount(w, "seconds", m->slept_us);
	json_write_close(w, '}');
}

static void write_last_wake(struct json_writer *w, const struct relay_machine *m)
{
	json_write_key(w, "last_wake");
	if (!m->woken) {
		json_write_null(w);
		return;
	}
	json_write_open(w, '{');
	write_time(w, "at", m->woken_ms);
	write_word(w, "by", m->by);
	write_word(w, "who", m->who);
	write_amount(w, "seconds", m->woken_us);
	json_write_close(w, '}');
}

void relay_machine_write(struct json_writer *w, const struct relay_machine *m)
{
	json_write_open(w, '{');
	write_whole(w, "id", m->id);
	write_word(w, "name", m->name);
	write_word(w, "state", machine_state_name(m->state));
	write_time(w, "since", m->since_ms);
	write_amount(w, "expected_seconds", m->expected_us);
	write_amount(w, "watts", m->watts_u);
	write_slept(w, m);
	write_last_wake(w, m);
	json_write_close(w, '}');
}

/* --- grants --- */

static const char *const kinds[RELAY_GRANT_KINDS] = { "link", "phrase", "plain" };
static const char *const verbs[] = { "see", "wake", "sleep" };

static uint8_t ask_kind(struct asking *a)
{
	const char *text = ask_text(a, "kind");

	for (unsigned int k = 0; k < RELAY_GRANT_KINDS; k++)
		if (strcmp(text, kinds[k]) == 0)
			return (uint8_t)k;
	a->wrong = true;
	return RELAY_LINK;
}

static uint8_t ask_can(struct asking *a)
{
	const struct json *list = json_member(a->of, "can");
	uint8_t can = 0;

	if (json_kind_of(list) != JSON_KIND_LIST)
		a->wrong = true;
	for (size_t i = 0; i < json_count(list); i++) {
		const char *word = json_word(json_item(list, i));
		unsigned int v = 0;

		while (word && v < 3 && strcmp(word, verbs[v]) != 0)
			v++;
		/* A verb of a later version is nothing that this relay could show. */
		if (!word)
			a->wrong = true;
		else if (v < 3)
			can |= (uint8_t)(1U << v);
	}
	return can;
}

static void read_machines(struct asking *a, struct relay_grant *g)
{
	const struct json *list = json_member(a->of, "machines");
	size_t n = json_count(list);

	if (json_kind_of(list) == JSON_KIND_NULL) {
		g->all = true;
		return;
	}
	if (json_kind_of(list) != JSON_KIND_LIST || n > RELAY_MACHINES_MAX) {
		a->wrong = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const struct json *v = json_item(list, i);
		int64_t id = json_whole(v);

		if (json_kind_of(v) != JSON_KIND_WHOLE || id < 1 || id > UINT32_MAX)
			a->wrong = true;
		g->machines[g->machines_n++] = (uint32_t)id;
	}
}

int relay_grant_read(const struct json *v, struct relay_grant *ret)
{
	struct asking a = { v, false };
	uint8_t id[RELAY_GRANT_SIZE];

	*ret = (struct relay_grant){ .expires_ms = RELAY_NULL };
	ask_b64(&a, "id", id, sizeof(id));
	b64_encode(id, sizeof(id), ret->id);
	ret->kind = ask_kind(&a);
	ask_b64(&a, ret->kind == RELAY_PLAIN ? "token" : "view", ret->hash, sizeof(ret->hash));
	if (ret->kind == RELAY_PHRASE) {
		ask_b64(&a, "salt", ret->salt, sizeof(ret->salt));
		ask_name(&a, "label", false, ret->label);
	}
	ret->can = ask_can(&a);
	ret->get = ask_bool(&a, "get");
	read_machines(&a, ret);
	if (!ask_null(&a, "expires"))
		ret->expires_ms = ask_time(&a, "expires");
	return a.wrong ? -EINVAL : 0;
}

void relay_can_write(struct json_writer *w, unsigned int can)
{
	json_write_open(w, '[');
	for (unsigned int v = 0; v < 3; v++)
		if (can & 1U << v)
			json_write_word(w, verbs[v]);
	json_write_close(w, ']');
}

/* --- events --- */

int relay_event_read(const struct json *v, struct relay_event *ret)
{
	struct asking a = { v, false };
	struct relay_event e = { 0 };

	e.id = ask_whole(&a, "id", 1, RELAY_WHOLE_MAX);
	e.at_ms = ask_time(&a, "at");
	if (!ask_null(&a, "machine"))
		e.machine = (uint32_t)ask_whole(&a, "machine", 1, UINT32_MAX);
	ask_name(&a, "name", true, e.name);
	ask_word(&a, "event", false, e.event);
	ask_word(&a, "by", true, e.by);
	ask_name(&a, "who", true, e.who);
	ask_word(&a, "to", true, e.to);
	e.attempt = ask_whole_or_null(&a, "attempt");
	e.attempts = ask_whole_or_null(&a, "attempts");
	e.seconds_us = ask_amount(&a, "seconds");
	e.late = ask_bool(&a, "late");
	if (a.wrong)
		return -EINVAL;
	*ret = e;
	return 0;
}

void relay_event_write(struct json_writer *w, const struct relay_event *e)
{
	json_write_open(w, '{');
	write_whole(w, "id", e->id);
	write_time(w, "at", e->at_ms);
	write_whole(w, "machine", e->machine ? e->machine : RELAY_NULL);
	write_word(w, "name", e->name);
	write_word(w, "event", e->event);
	write_word(w, "by", e->by);
	write_word(w, "who", e->who);
	write_word(w, "to", e->to);
	write_whole(w, "attempt", e->attempt);
	write_whole(w, "attempts", e->attempts);
	write_amount(w, "seconds", e->seconds_us);
	json_write_key(w, "late");
	json_write_bool(w, e->late);
	json_write_close(w, '}');
}
