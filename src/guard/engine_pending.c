/*
 * engine_pending: requests over the relay that were admitted, until their last answer. They follow what happens to their
 * machine, and say each step.
 *
 * The last answer of each is kept for a while: a relay, or an uplink, that was away is told it again.
 */
#include "guard/engine_relay.h"

#include "proto/keys.h"
#include "proto/time_text.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

#define PENDING_LIFE 290000000 /* us: the relay waits 300 s for the final answer */
#define PENDING_KEPT 60000000 /* us after the final one */
#define READY_LIFE 15000000 /* us for ports to answer after the machine did */
#define READY_EVERY 100000

/* --- what is said --- */

static void put_word(struct json_writer *w, const char *key, const char *word)
{
	json_write_key(w, key);
	if (word)
		json_write_word(w, word);
	else
		json_write_null(w);
}

static void put_number(struct json_writer *w, const char *key, uint64_t v)
{
	json_write_key(w, key);
	json_write_u64(w, v);
}

static void put_port(struct json_writer *w, uint16_t port)
{
	char text[16];
	struct text t = text_over(text, sizeof(text));

	text_string(&t, "tcp/");
	text_u64(&t, port);
	put_word(w, "port", text);
}

static void put_seconds(struct json_writer *w, const char *key, uint64_t us)
{
	json_write_key(w, key);
	if (us)
		json_write_seconds(w, us);
	else
		json_write_null(w);
}

static void begin_step(struct json_writer *w, char body[static SEALED_BODY], const char *step)
{
	*w = json_writer_over(body, SEALED_BODY);
	json_write_open(w, '{');
	if (step)
		put_word(w, "step", step);
}

/* The members of a RESULT (docs/protocol.md, 5). */
static void put_result(struct json_writer *w, const struct pending *p, const char *result,
		       const char *why)
{
	put_word(w, "result", result);
	put_word(w, "why", why);
	put_word(w, "machine", p->name[0] ? p->name : NULL);
	put_number(w, "attempts", p->attempt);
	put_seconds(w, "awake_seconds", p->awake_us);
	json_write_key(w, "ready");
	json_write_open(w, '[');
	for (uint32_t i = 0; i < p->ready_n; i++) {
		json_write_open(w, '{');
		put_port(w, p->ready[i].port);
		put_seconds(w, "seconds", p->ready[i].us);
		json_write_close(w, '}');
	}
	json_write_close(w, ']');
	if (p->asleep_us)
		put_seconds(w, "asleep_seconds", p->asleep_us);
	if (p->text[0])
		put_word(w, "text", p->text);
}

/* Sends the body that was written to one who asked; `outcome` NULL: more comes. */
static void say(struct relayed *r, struct pending *p, struct json_writer *w, const char *outcome)
{
	struct ipc_message *m = p->last ? p->last : calloc(1, sizeof(*m));

	json_write_close(w, '}');
	p->final = p->final || outcome;
	if (!m)
		return;
	p->last = m;
	memset(m, 0, sizeof(*m));
	if (p->sealed) {
		struct ipc_sealed_answer *a = &m->sealed_answer;

		m->kind = IPC_SEALED_ANSWER;
		a->id = p->id;
		a->final = outcome != NULL;
		strncpy(a->outcome, outcome ? outcome : "", sizeof(a->outcome) - 1);
		memcpy(a->answer.nonce, p->nonce, sizeof(a->answer.nonce));
		a->answer.seq = p->seq++;
		memcpy(a->answer.body, w->out.start, w->out.used + 1);
		sealed_answer_seal(r->home, p->grant, &a->answer, p->key);
	} else {
		struct ipc_plain_answer *a = &m->plain_answer;

		m->kind = IPC_PLAIN_ANSWER;
		a->id = p->id;
		a->final = outcome != NULL;
		strncpy(a->outcome, outcome ? outcome : "", sizeof(a->outcome) - 1);
		memcpy(a->body, w->out.start, w->out.used + 1);
	}
	relayed_answer(r, m);
}

/* A token's holder is told that it was accepted, and the result; nothing between. */
static void say_step(struct relayed *r, struct pending *p, struct json_writer *w)
{
	if (p->sealed)
		say(r, p, w, NULL);
}

static void finish(struct relayed *r, struct pending *p, const char *result, const char *why)
{
	char body[SEALED_BODY];
	struct json_writer w;

	if (p->final)
		return;
	begin_step(&w, body, p->sealed ? "result" : NULL);
	put_result(&w, p, result, why);
	say(r, p, &w, result);
	p->due = clock_monotonic_us() + PENDING_KEPT;
	p->ports_n = 0;
}

void pending_refuse(struct relayed *r, struct pending *p, const char *why)
{
	finish(r, p, "refused", why);
}

void pending_see(struct relayed *r, struct pending *p, const struct machine *machine)
{
	char body[SEALED_BODY];
	char at[TIME_TEXT];
	struct machine_past past;
	struct json_writer w;

	machine_past_of(machine, &past);
	begin_step(&w, body, p->sealed ? "result" : NULL);
	put_result(&w, p, "seen", NULL);
	put_word(&w, "state", machine_state_name(machine_state_of(machine)));
	put_word(&w, "since", past.since_wall_ms ? time_text(past.since_wall_ms, 0, at) : NULL);
	say(r, p, &w, "seen");
	p->due = clock_monotonic_us() + PENDING_KEPT;
}

static void accept(struct relayed *r, struct pending *p)
{
	char body[SEALED_BODY];
	struct json_writer w;

	p->accepted = true;
	if (p->sealed) {
		begin_step(&w, body, "accepted");
	} else {
		begin_step(&w, body, NULL);
		put_word(&w, "result", "accepted");
		put_word(&w, "machine", p->name);
	}
	say(r, p, &w, NULL);
}

/* Bursts that went out; those of before it was accepted as well. */
static void tell_attempts(struct relayed *r, struct pending *p)
{
	char body[SEALED_BODY];
	struct json_writer w;

	if (!p->accepted || p->final || p->told == p->attempt)
		return;
	p->told = p->attempt;
	begin_step(&w, body, "sent");
	put_number(&w, "attempt", p->attempt);
	put_number(&w, "attempts", p->attempts);
	say_step(r, p, &w);
}

/* --- ports --- */

/* The ports that the machine is woken for: single TCP ports of its rules. */
static void choose_ports(struct relayed *r, struct pending *p, struct moment now)
{
	const struct machine *m = home_by_id(r->engine->home, p->machine);
	struct spec s;

	if (!m)
		return;
	machine_spec_of(m, &s);
	if (s.addresses_n == 0 || machine_interface(m) == HOME_NO_INTERFACE)
		return;
	p->address = s.addresses[0];
	p->interface = machine_interface(m);
	for (uint16_t i = 0; i < s.rules_n && p->ports_n < PENDING_PORTS; i++) {
		const struct rule *rule = &s.rules[i];
		bool known = false;

		if ((rule->kind != RULE_TCP && rule->kind != RULE_TCP_DATA) ||
		    rule->first != rule->last)
			continue;
		for (uint32_t k = 0; k < p->ports_n; k++)
			known = known || p->ports[k] == rule->first;
		if (!known)
			p->ports[p->ports_n++] = rule->first;
	}
	p->ask_at = now.us;
	p->due = now.us + READY_LIFE;
}

static void ask_ports(struct relayed *r, struct pending *p, uint64_t now)
{
	p->ask_at = now + READY_EVERY;
	for (uint32_t i = 0; i < p->ports_n; i++) {
		struct ipc_message m = { .kind = IPC_PROBE_PORT };

		m.lan.interface = p->interface;
		m.lan.machine = p->machine;
		m.lan.addr = p->address;
		m.lan.port = p->ports[i];
		engine_tell_monitor(r->engine, &m);
	}
}

static void ready(struct relayed *r, struct pending *p, uint16_t port, uint64_t us)
{
	char body[SEALED_BODY];
	struct json_writer w;

	for (uint32_t i = 0; i < p->ready_n; i++) {
		if (p->ready[i].port == port)
			return;
	}
	if (p->ready_n == PENDING_PORTS)
		return;
	p->ready[p->ready_n].port = port;
	p->ready[p->ready_n++].us = us;
	begin_step(&w, body, "ready");
	put_port(&w, port);
	put_seconds(&w, "seconds", us);
	say_step(r, p, &w);
	for (uint32_t i = 0; i < p->ports_n; i++) {
		if (p->ports[i] != port)
			continue;
		p->ports[i] = p->ports[--p->ports_n];
		if (p->ports_n == 0)
			finish(r, p, "awake", NULL);
		return;
	}
}

void pending_port_open(struct relayed *r, uint8_t interface, const struct addr *a, uint16_t port,
		       struct moment now)
{
	list_each_safe(it, &r->pendings)
	{
		struct pending *p = container_of(it, struct pending, in);

		if (p->final || p->ports_n == 0 || p->interface != interface ||
		    !addr_equal(&p->address, a))
			continue;
		for (uint32_t i = 0; i < p->ports_n; i++) {
			if (p->ports[i] != port)
				continue;
			ready(r, p, port, now.us - p->knocked);
			break;
		}
	}
}

/* --- what happens to the machine --- */

static void woke(struct relayed *r, struct pending *p, const struct event *e, struct moment now)
{
	char body[SEALED_BODY];
	struct json_writer w;

	if (p->awake_us)
		return;
	p->awake_us = e->took_us ? e->took_us : 1;
	p->knocked = now.us - p->awake_us;
	if (e->attempt > p->attempt)
		p->attempt = e->attempt;
	begin_step(&w, body, "awake");
	put_seconds(&w, "seconds", p->awake_us);
	say_step(r, p, &w);
	choose_ports(r, p, now);
	if (p->ports_n == 0)
		finish(r, p, "awake", NULL);
}

/* To one that is to sleep. */
static void happened_sleeping(struct relayed *r, struct pending *p, const struct event *e,
			      struct moment now)
{
	if (e->kind == EVENT_ASLEEP) {
		p->asleep_us = now.us - p->knocked + 1;
		finish(r, p, "asleep", NULL);
	} else if (e->kind == EVENT_STAYED_AWAKE || e->kind == EVENT_STAYS) {
		finish(r, p, "stayed-awake", NULL);
	} else if (e->kind == EVENT_REMOVED) {
		finish(r, p, "refused", "no-such-machine");
	}
}

static void happened(struct relayed *r, struct pending *p, const struct event *e, struct moment now)
{
	switch ((enum event_kind)e->kind) {
	case EVENT_KNOCK:
	case EVENT_REQUEST:
	case EVENT_ATTEMPT:
		p->attempt = e->attempt;
		p->attempts = e->attempts;
		tell_attempts(r, p);
		return;
	case EVENT_AWAKE:
		woke(r, p, e, now);
		return;
	case EVENT_READY:
		if (p->awake_us)
			ready(r, p, e->to_port, e->took_us);
		return;
	case EVENT_NO_SIGN_OF_LIFE:
		if (!p->awake_us)
			finish(r, p, "no-sign-of-life", NULL);
		return;
	case EVENT_REMOVED:
		finish(r, p, "refused", "no-such-machine");
		return;
	case EVENT_ADDED:
	case EVENT_UPDATED:
	case EVENT_GOODBYE:
	case EVENT_STAYED_AWAKE:
	case EVENT_ASLEEP:
	case EVENT_REPLAYED:
	case EVENT_CONFLICT:
	case EVENT_YIELDED:
	case EVENT_RECLAIMED:
	case EVENT_NIC_ANSWERS:
	case EVENT_GATE_OVER:
	case EVENT_SCANNER:
	case EVENT_WAKE_LIMIT:
	case EVENT_LEFT_OUT:
	case EVENT_PAIRED:
	case EVENT_UNPAIRED:
	case EVENT_STAYS:
	case EVENT_KINDS:
		return;
	}
}

void pending_event(struct relayed *r, const struct event *e, struct moment now)
{
	list_each_safe(it, &r->pendings)
	{
		struct pending *p = container_of(it, struct pending, in);

		if (p->final || p->machine != e->machine || e->machine == 0)
			continue;
		if (p->sleeping)
			happened_sleeping(r, p, e, now);
		else
			happened(r, p, e, now);
	}
}

void pending_wake(struct relayed *r, struct pending *p, struct machine *machine, const char *who,
		  const struct addr *from, struct moment now)
{
	p->machine = machine_id(machine);
	p->knocked = now.us;
	switch (home_wake_granted(r->engine->home, machine, who, from, now)) {
	case WAKE_STARTED:
		accept(r, p);
		tell_attempts(r, p);
		return;
	case WAKE_ALREADY_AWAKE:
		finish(r, p, "already-awake", NULL);
		return;
	case WAKE_UNREACHABLE:
		/* No interface with a link leads to it: nothing was sent, and nothing will answer. */
		finish(r, p, "no-sign-of-life", NULL);
		return;
	}
}

/* --- sleep --- */

void pending_sleep(struct relayed *r, struct pending *p, const struct machine *machine,
		   const char *who, struct moment now)
{
	enum ipc_code code;

	p->machine = machine_id(machine);
	p->knocked = now.us;
	p->sleeping = true;
	if (machine_state_of(machine) == MACHINE_ASLEEP) {
		finish(r, p, "already-asleep", NULL);
		return;
	}
	/* One that has said goodbye is on its way. */
	if (machine_state_of(machine) != MACHINE_DROWSY) {
		code = engine_lease_ask(r->engine, machine, 0, who, &p->ask);
		if (code != RESULT_OK) {
			finish(r, p, "refused", code == RESULT_FULL ? "busy" : "no-sleeper");
			return;
		}
	}
	accept(r, p);
}

/* What its sleeper said, as much as there is room for, whole characters. */
static void keep_text(struct pending *p, const char *text)
{
	size_t n = strnlen(text, sizeof(p->text) - 1);

	while (n > 0 && text[n] && ((uint8_t)text[n] & 0xc0) == 0x80)
		n--;
	memcpy(p->text, text, n);
	p->text[n] = 0;
}

void engine_relay_slept(struct engine *e, uint32_t number, enum ipc_code code, const char *text)
{
	struct relayed *r = e->relayed;
	char body[SEALED_BODY];
	struct json_writer w;

	list_each_safe(it, &r->pendings)
	{
		struct pending *p = container_of(it, struct pending, in);

		if (p->final || p->ask != number)
			continue;
		if (code == RESULT_OK) {
			begin_step(&w, body, "going");
			say_step(r, p, &w);
			return;
		}
		if (code == RESULT_REFUSED)
			keep_text(p, text);
		finish(r, p, "refused", code == RESULT_REFUSED ? "sleeper-refused" : "no-sleeper");
		return;
	}
}

/* --- life --- */

static void forget(struct relayed *r, struct pending *p)
{
	list_remove(&p->in);
	r->pendings_n--;
	free(p->last);
	keys_wipe(p, sizeof(*p));
	free(p);
}

/* Makes room: one that is answered goes before its time. */
static bool make_room(struct relayed *r)
{
	if (r->pendings_n < PENDING_MAX)
		return true;
	list_each(it, &r->pendings)
	{
		struct pending *p = container_of(it, struct pending, in);

		if (p->final) {
			forget(r, p);
			return true;
		}
	}
	return false;
}

struct pending *pending_new(struct relayed *r, uint64_t id, struct pending *over)
{
	struct pending *p = make_room(r) ? calloc(1, sizeof(*p)) : NULL;

	memset(over, 0, sizeof(*over));
	over->id = id;
	if (!p)
		return over;
	p->id = id;
	p->due = clock_monotonic_us() + PENDING_LIFE;
	list_append(&r->pendings, &p->in);
	r->pendings_n++;
	return p;
}

void pending_done(struct pending *over)
{
	free(over->last);
	over->last = NULL;
}

void pending_again(struct relayed *r)
{
	list_each(it, &r->pendings)
	{
		struct pending *p = container_of(it, struct pending, in);

		if (p->last)
			relayed_answer(r, p->last);
	}
}

void pending_forget_all(struct relayed *r)
{
	list_each_safe(it, &r->pendings) forget(r, container_of(it, struct pending, in));
}

uint64_t pending_due(const struct relayed *r)
{
	uint64_t due = NEVER;

	list_each(it, &r->pendings)
	{
		const struct pending *p = container_of(it, struct pending, in);

		if (p->due < due)
			due = p->due;
		if (!p->final && p->ports_n > 0 && p->ask_at < due)
			due = p->ask_at;
	}
	return due;
}

void pending_tick(struct relayed *r, struct moment now)
{
	list_each_safe(it, &r->pendings)
	{
		struct pending *p = container_of(it, struct pending, in);

		if (!p->final && p->ports_n > 0 && p->ask_at <= now.us)
			ask_ports(r, p, now.us);
		if (p->due > now.us)
			continue;
		if (p->final)
			forget(r, p);
		else if (p->sleeping)
			finish(r, p, "stayed-awake", NULL);
		else
			finish(r, p, p->awake_us ? "awake" : "no-sign-of-life", NULL);
	}
}
