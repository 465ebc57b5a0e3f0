/*
 * guard_lines: what is said on a connection to the guard, and what it answers (docs/lease-protocol.md, 3).
 */
#include "sleeper/guard_parts.h"

#include "sleeper/config.h"
#include "sleeper/control.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SECOND UINT64_C(1000000)
#define RESULT_US (10 * SECOND)

/* --- saying --- */

static int say(struct guard *g, const struct lease_said *said, sleeper_done *done, void *context)
{
	char json[LEASE_LINE_MAX], line[LEASE_LINE_MAX];
	int n;

	if (g->pending_n == GUARD_PENDING)
		return -EBUSY;
	n = lease_said_write(said, json, sizeof(json));
	if (n >= 0)
		n = lease_seal(&g->to_guard, json, line, sizeof(line));
	if (n >= 0)
		n = link_send(g->link, line, (size_t)n);
	if (n < 0)
		return n;
	/* An answer of ours has no result. */
	if (said->say == SAY_ANSWER)
		return 0;
	g->pending[g->pending_n++] = (struct guard_pending){
		.of = g->to_guard.counter, .say = said->say, .done = done, .context = context
	};
	if (g->pending_n == 1)
		loop_timer_set(&g->patience, clock_monotonic_us() + RESULT_US);
	return 0;
}

/* What cannot be said ends the connection: the next one starts anew. */
static void must_say(struct guard *g, const struct lease_said *said)
{
	int r = say(g, said, NULL, NULL);
	char problem[LEASE_TEXT];

	if (r == 0)
		return;
	(void)snprintf(problem, sizeof(problem), "cannot speak with the guard: %s", strerror(-r));
	guard_failed(g, GUARD_CONNECTING, problem);
}

void guard_lines_lease(struct guard *g, enum lease_why why)
{
	struct lease_said said = { .say = SAY_LEASE, .why = why };

	/* Behind a goodbye it would take it back: a lease says that the machine is awake. */
	if (g->leaving.on && g->leaving.say == SAY_GOODBYE)
		return;
	sleeper_describe(g->s, &said.spec);
	loop_timer_set(&g->change, UINT64_MAX);
	loop_timer_set(&g->renew, clock_monotonic_us() + LEASE_RENEW_SECONDS * SECOND);
	/* Network managers take addresses away after a wake; they come back as a change. */
	if (said.spec.addresses_n == 0)
		return;
	g->said = said.spec;
	must_say(g, &said);
}

void guard_lines_changed(struct guard *g)
{
	struct spec now;

	sleeper_describe(g->s, &now);
	if (!spec_equal(&now, &g->said))
		guard_lines_lease(g, WHY_CHANGE);
}

void guard_lines_leave(struct guard *g)
{
	struct lease_said said = { .say = g->leaving.say, .why = g->leaving.why };

	if (said.say == SAY_GOODBYE)
		sleeper_describe(g->s, &said.spec);
	/* The addresses are gone already: those of the lease are meant. */
	if (said.say == SAY_GOODBYE && said.spec.addresses_n == 0)
		said.spec = g->said;
	must_say(g, &said);
}

void guard_test(struct guard *g, uint32_t after_seconds, sleeper_done *done, void *context)
{
	const struct lease_said said = { .say = SAY_TEST, .after = after_seconds };
	int r = g->stage == GUARD_SESSION ? say(g, &said, done, context) : -ENOTCONN;

	if (r < 0)
		done(context, r, r == -ENOTCONN ? "there is no lease" : strerror(-r));
}

void guard_answer(struct guard *g, uint32_t ask, bool ok, const char *text)
{
	struct lease_said said = { .say = SAY_ANSWER, .ask = ask, .ok = ok };

	(void)snprintf(said.text, sizeof(said.text), "%s", text);
	if (g->stage == GUARD_SESSION && say(g, &said, NULL, NULL) < 0)
		log_warning("the guard is not told whether this machine sleeps");
}

void guard_lines_forget(struct guard *g)
{
	struct guard_pending was[GUARD_PENDING];
	size_t n = g->pending_n;

	memcpy(was, g->pending, sizeof(was));
	g->pending_n = 0;
	for (size_t i = 0; i < n; i++) {
		if (was[i].done)
			was[i].done(was[i].context, -ECONNRESET,
				    "the connection to the guard broke");
	}
}

/* --- opening --- */

static void opened(struct guard *g, const struct lease_opening *o)
{
	lease_ways(g->s->state.pairing.key, g->nonce, o->nonce, &g->to_guard, &g->to_sleeper);
	g->stage = GUARD_SESSION;
	loop_timer_set(&g->patience, UINT64_MAX);
	if (g->leaving.on)
		guard_lines_leave(g);
	else
		guard_lines_lease(g, g->why);
}

static void refused(struct guard *g, const struct lease_opening *o)
{
	static const struct {
		const char *word;
		enum guard_lease verdict;
		const char *text;
	} words[] = {
		{ "unknown-pairing", GUARD_REFUSED,
		  "does not know this pairing: run 'rouse setup'" },
		{ "unpaired", GUARD_REFUSED, "has ended the pairing: run 'rouse setup'" },
		{ "not-authentic", GUARD_REFUSED,
		  "says that this machine's key is not the pairing's: run 'rouse setup'" },
		{ "version", GUARD_REFUSED, "speaks another version of the protocol" },
		{ "replaced", GUARD_REFUSED,
		  "has a newer connection with this pairing: is this machine's disk a copy?" },
		{ "expired", GUARD_CONNECTING, "had not heard of this machine for too long" },
		{ "busy", GUARD_CONNECTING, "has no room now" },
	};
	enum guard_lease verdict = GUARD_CONNECTING;
	const char *text = o->text;
	char problem[LEASE_TEXT];
	char end[LINK_END_TEXT];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(o->word, words[i].word) == 0) {
			verdict = words[i].verdict;
			text = words[i].text;
		}
	}
	(void)snprintf(problem, sizeof(problem), "the guard at %s %.150s",
		       link_end_format(&g->end, end), text);
	guard_failed(g, verdict, problem);
}

void guard_lines_opening(struct guard *g, const char *line, size_t n)
{
	struct lease_opening o;
	char problem[LEASE_TEXT];
	char end[LINK_END_TEXT];

	if (lease_opening_read(line, n, &o) == 0 && o.kind == LEASE_OPENED) {
		opened(g, &o);
	} else if (lease_opening_read(line, n, &o) == 0 && o.kind == LEASE_ERROR) {
		refused(g, &o);
	} else {
		(void)snprintf(problem, sizeof(problem), "what answers at %s is no guard",
			       link_end_format(&g->end, end));
		guard_failed(g, GUARD_CONNECTING, problem);
	}
}

/* --- what it tells --- */

/* It is the paired one: its lines prove it. */
static void prove(struct guard *g)
{
	struct pairing_state *p = &g->s->state.pairing;
	struct link_end known;
	char end[LINK_END_TEXT];
	int r;

	if (g->proven)
		return;
	g->proven = true;
	g->last = g->end;
	g->rounds = 0;
	/* What a person or mDNS said may be right again tomorrow; what an address in the file said is not. */
	if (!ends_literal(p->guard, p->port, &known) ||
	    (addr_equal(&known.addr, &g->end.addr) && known.port == g->end.port))
		return;
	(void)snprintf(p->guard, sizeof(p->guard), "%s", link_end_host(&g->end, end));
	p->port = g->end.port;
	log_notice("the paired guard is at %s now", link_end_format(&g->end, end));
	r = state_save(g->s->config->state_dir, p);
	if (r < 0)
		log_warning("cannot store where the guard is: %s", strerror(-r));
}

static void take_lease_result(struct guard *g, const struct lease_told *t)
{
	char problem[LEASE_TEXT + 32];

	if (t->ok) {
		g->backoff_us = SECOND;
		guard_stand(g, GUARD_HELD, "");
		if (t->seconds && t->seconds / 3 < LEASE_RENEW_SECONDS)
			loop_timer_set(&g->renew,
				       clock_monotonic_us() + (t->seconds / 3 + 1) * SECOND);
		return;
	}
	(void)snprintf(problem, sizeof(problem), "the guard refuses: %s", t->text);
	guard_stand(g, GUARD_REFUSED, problem);
}

static void take_result(struct guard *g, const struct lease_told *t)
{
	struct guard_pending p;

	if (g->pending_n == 0 || g->pending[0].of != t->of) {
		guard_failed(g, GUARD_CONNECTING, "the guard answers what was not said");
		return;
	}
	p = g->pending[0];
	memmove(g->pending, g->pending + 1, --g->pending_n * sizeof(p));
	loop_timer_set(&g->patience, g->pending_n ? clock_monotonic_us() + RESULT_US : UINT64_MAX);
	if (p.done)
		p.done(p.context, t->ok ? 0 : -EACCES, t->text);
	if (p.say == SAY_LEASE)
		take_lease_result(g, t);
	if (g->leaving.on && p.say == g->leaving.say) {
		bool stays = p.say == SAY_STAY;

		guard_leaving_over(g, t->ok ? 0 : -EACCES, t->text);
		if (stays && g->stage == GUARD_SESSION)
			guard_lines_lease(g, WHY_RESUME);
	}
}

void guard_lines_sealed(struct guard *g, const char *line, size_t n)
{
	struct lease_told told;
	struct lease_opening o;
	char problem[LEASE_TEXT];
	char end[LINK_END_TEXT];
	const char *json;
	size_t json_n;

	/* An error that ends the connection is in the clear: believed only when it is said again, guard_failed(). */
	if (line[0] == '{' && lease_opening_read(line, n, &o) == 0 && o.kind == LEASE_ERROR) {
		refused(g, &o);
		return;
	}
	if (lease_unseal(&g->to_sleeper, line, n, &json, &json_n) < 0) {
		(void)snprintf(problem, sizeof(problem),
			       "what answers at %s cannot prove that it is the paired guard",
			       link_end_format(&g->end, end));
		guard_failed(g, GUARD_CONNECTING, problem);
		return;
	}
	prove(g);
	if (lease_told_read(json, json_n, &told) < 0) {
		log_debug("the guard tells something this version does not know");
		return;
	}
	switch (told.tell) {
	case TELL_RESULT:
		take_result(g, &told);
		break;
	case TELL_ASK:
		control_asked(g->s, told.ask, told.text);
		break;
	case TELL_TESTED:
		control_tested(g->s, &told);
		break;
	case TELL_KINDS:
		break;
	}
}
