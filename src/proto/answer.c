#include "proto/answer.h"

#include "proto/event_text.h"
#include "proto/spec_json.h"
#include "proto/time_text.h"

#include <string.h>

static const char *const result_names[ANSWER_RESULTS] = {
	[ANSWER_OK] = "ok",
	[ANSWER_STARTED] = "started",
	[ANSWER_AWAKE] = "awake",
	[ANSWER_ALREADY_AWAKE] = "already-awake",
	[ANSWER_NO_SIGN_OF_LIFE] = "no-sign-of-life",
	[ANSWER_TIMEOUT] = "timeout",
	[ANSWER_NOT_FOUND] = "not-found",
	[ANSWER_REFUSED] = "refused",
	[ANSWER_UNREACHABLE] = "unreachable",
	[ANSWER_INVALID] = "invalid",
	[ANSWER_BUSY] = "busy",
	[ANSWER_GUARD_OFFLINE] = "guard-offline",
	[ANSWER_FAILED] = "failed",
	[ANSWER_PAIRED] = "paired",
	[ANSWER_EXPIRED] = "expired",
	[ANSWER_SPENT] = "spent",
	[ANSWER_NO_SLEEPER] = "no-sleeper",
	[ANSWER_ASLEEP] = "asleep",
	[ANSWER_ALREADY_ASLEEP] = "already-asleep",
};

const char *answer_result_name(enum answer_result r)
{
	return result_names[r];
}

enum answer_result answer_result_of(const char *word)
{
	unsigned int r = 0;

	while (r < ANSWER_RESULTS && strcmp(word, result_names[r]) != 0)
		r++;
	return (enum answer_result)r;
}

static void end_line(struct json_writer *w)
{
	json_write_close(w, '}');
	text_char(&w->out, '\n');
	w->comma = false;
}

static void write_field(struct json_writer *w, const char *key, const char *word)
{
	json_write_key(w, key);
	json_write_word(w, word);
}

static void write_seconds_or_null(struct json_writer *w, const char *key, uint64_t us)
{
	json_write_key(w, key);
	if (us)
		json_write_seconds(w, us);
	else
		json_write_null(w);
}

void answer_write_result(struct json_writer *w, enum answer_result r, const char *error)
{
	json_write_open(w, '{');
	write_field(w, "result", result_names[r]);
	if (error)
		write_field(w, "error", error);
	end_line(w);
}

void answer_write_wake(struct json_writer *w, enum answer_result r, const struct answer_wake *wake,
		       const char *error)
{
	char port[16];
	struct text t;

	json_write_open(w, '{');
	write_field(w, "result", result_names[r]);
	write_field(w, "machine", wake->machine);
	json_write_key(w, "attempts");
	json_write_u64(w, wake->attempts);
	write_seconds_or_null(w, "awake_seconds", wake->awake_us);
	json_write_key(w, "ready");
	json_write_open(w, '[');
	for (uint32_t i = 0; i < wake->ready_n; i++) {
		json_write_open(w, '{');
		json_write_key(w, "port");
		t = text_over(port, sizeof(port));
		event_put_service(&t, KNOCK_TCP, wake->ready[i].port);
		json_write_word(w, port);
		json_write_key(w, "seconds");
		json_write_seconds(w, wake->ready[i].us);
		json_write_close(w, '}');
	}
	json_write_close(w, ']');
	if (error)
		write_field(w, "error", error);
	end_line(w);
}

void answer_write_event(struct json_writer *w, const struct event *e)
{
	json_write_open(w, '{');
	json_write_key(w, "event");
	event_write_json(w, e);
	end_line(w);
}

void answer_write_version(struct json_writer *w, const char *version)
{
	json_write_open(w, '{');
	write_field(w, "result", result_names[ANSWER_OK]);
	write_field(w, "version", version);
	end_line(w);
}

/* --- a machine --- */

static void write_time(struct json_writer *w, const char *key, uint64_t wall_ms)
{
	char at[TIME_TEXT];

	json_write_key(w, key);
	if (wall_ms)
		json_write_word(w, time_text(wall_ms, 0, at));
	else
		json_write_null(w);
}

static bool said_before(const struct spec *s, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		if (s->rules[i].kind == s->rules[n].kind &&
		    s->rules[i].first == s->rules[n].first && s->rules[i].last == s->rules[n].last)
			return true;
	}
	return false;
}

/* As a person writes them; one that holds for several addresses is said once. */
static void write_rules(struct json_writer *w, const struct spec *s)
{
	char rule[RULE_TEXT];

	json_write_key(w, "rules");
	json_write_open(w, '[');
	if (s->rules_n == 0 && s->addresses_n > 0)
		json_write_word(w, "tcp");
	for (uint16_t i = 0; i < s->rules_n; i++) {
		if (!said_before(s, i))
			json_write_word(w, rule_format(&s->rules[i], rule));
	}
	json_write_close(w, ']');
}

static void write_last_wake(struct json_writer *w, const struct wake_record *r)
{
	char bytes[80];
	struct text t = text_over(bytes, sizeof(bytes));

	json_write_key(w, "last_wake");
	if (r->by == BY_NOBODY) {
		json_write_null(w);
		return;
	}
	json_write_open(w, '{');
	write_field(w, "by", wake_by_name(r->by));
	json_write_key(w, "who");
	if ((r->by == BY_GRANT || r->by == BY_REQUEST) && r->who[0])
		json_write_word(w, r->who);
	else
		json_write_null(w);
	json_write_key(w, "from");
	if (r->from.family) {
		event_put_endpoint(&t, &r->from, r->from_port);
		json_write_word(w, bytes);
	} else {
		json_write_null(w);
	}
	json_write_key(w, "to");
	t = text_over(bytes, sizeof(bytes));
	event_put_service(&t, r->knock, r->to_port);
	if (t.used)
		json_write_word(w, bytes);
	else
		json_write_null(w);
	write_time(w, "at", r->at_wall_ms);
	json_write_key(w, "attempts");
	json_write_u64(w, r->attempts);
	write_seconds_or_null(w, "awake_seconds", r->awake_us);
	write_seconds_or_null(w, "ready_seconds", r->ready_us);
	json_write_key(w, "replayed");
	json_write_u64(w, r->replayed);
	json_write_close(w, '}');
}

static void write_sleeper(struct json_writer *w, const struct answer_sleeper *s)
{
	char source[ADDR_TEXT];

	json_write_key(w, "sleeper");
	if (!s) {
		json_write_null(w);
		return;
	}
	json_write_open(w, '{');
	write_field(w, "lease", s->held ? "held" : "none");
	write_time(w, "since", s->since_ms);
	json_write_key(w, "source");
	if (s->source.family)
		json_write_word(w, addr_format(&s->source, source));
	else
		json_write_null(w);
	json_write_close(w, '}');
}

void answer_write_machine(struct json_writer *w, uint32_t id, const struct spec *s,
			  const struct machine_past *p, const struct answer_sleeper *sleeper)
{
	char mac[MAC_TEXT];

	json_write_open(w, '{');
	json_write_key(w, "machine");
	json_write_open(w, '{');
	json_write_key(w, "id");
	json_write_u64(w, id);
	write_field(w, "name", s->name);
	write_field(w, "mac", mac_format(&s->mac, mac));
	write_field(w, "state", machine_state_name(p->state));
	write_time(w, "since", p->since_wall_ms);
	spec_json_addresses(w, s);
	write_rules(w, s);
	json_write_key(w, "watts");
	if (s->watts)
		json_write_u64(w, s->watts);
	else
		json_write_null(w);
	write_last_wake(w, &p->last_wake);
	write_sleeper(w, sleeper);
	json_write_close(w, '}');
	end_line(w);
}
