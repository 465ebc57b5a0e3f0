/* What is said on a connection, and what comes back: guard_lines.c. Here: when there is one, and to whom. */
#include "sleeper/guard.h"

#include "proto/keys.h"
#include "sleeper/config.h"
#include "sleeper/control.h"
#include "sleeper/guard_parts.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/log.h"
#include "sys/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000)
#define CONNECT_US (3 * SECOND)
#define CONNECT_LEAVING_US (SECOND * 7 / 10) /* there are 2 s in all */
#define BACKOFF_LEAST_US SECOND
#define BACKOFF_MOST_US (60 * SECOND)
#define REFUSED_AGAIN_US (120 * SECOND) /* after another refusal: not the first one any more */
#define AGAIN_LEAVING_US 200000
#define CHANGE_US SECOND /* after the last change */

const char *guard_lease_name(enum guard_lease l)
{
	static const char *const names[GUARD_LEASES] = { [GUARD_UNPAIRED] = "unpaired",
							 [GUARD_CONNECTING] = "connecting",
							 [GUARD_HELD] = "held",
							 [GUARD_REFUSED] = "refused" };

	return names[l];
}

/* --- how it stands --- */

/* What `systemctl status` shows. */
static void tell_manager(const struct guard *g, enum guard_lease l, const char *error)
{
	char end[LINK_END_TEXT], text[LEASE_TEXT + LINK_END_TEXT];

	(void)snprintf(text, sizeof(text), "%s%s%s", guard_lease_name(l), error[0] ? ": " : "",
		       error);
	if (l == GUARD_HELD)
		(void)snprintf(text, sizeof(text), "the guard at %s stands in",
			       link_end_format(&g->end, end));
	(void)notify_status(text);
}

void guard_stand(struct guard *g, enum guard_lease l, const char *error)
{
	bool same = g->lease == l && strcmp(g->error, error) == 0;
	char end[LINK_END_TEXT];

	if (same)
		return;
	if (g->lease != l)
		g->since = clock_now();
	g->lease = l;
	(void)snprintf(g->error, sizeof(g->error), "%s", error);
	switch (l) {
	case GUARD_UNPAIRED:
		log_notice("not paired with a guard: run 'rouse setup' here");
		break;
	case GUARD_CONNECTING:
		if (error[0])
			log_warning("%s", error);
		break;
	case GUARD_HELD:
		log_notice("the guard at %s stands in when this machine sleeps",
			   link_end_format(&g->end, end));
		break;
	case GUARD_REFUSED:
		log_error("%s", error);
		break;
	case GUARD_LEASES:
		break;
	}
	tell_manager(g, l, error);
	if (g->s->control)
		control_lease(g->s);
}

enum guard_lease guard_lease_state(const struct guard *g)
{
	return g->lease;
}

struct moment guard_lease_since(const struct guard *g)
{
	return g->since;
}

const char *guard_error(const struct guard *g)
{
	return g->error[0] ? g->error : NULL;
}

struct addr guard_address(const struct guard *g, uint16_t *ret_port)
{
	struct link_end e = { .port = 0 };

	if (g->end.addr.family)
		e = g->end;
	else if (g->s->state.paired)
		(void)ends_literal(g->s->state.pairing.guard, g->s->state.pairing.port, &e);
	*ret_port = e.port;
	return e.addr;
}

/* --- connecting --- */

static void try_next(struct guard *g);

void guard_drop(struct guard *g)
{
	link_close(g->link);
	g->link = NULL;
	g->stage = GUARD_APART;
	loop_timer_set(&g->patience, UINT64_MAX);
	loop_timer_set(&g->renew, UINT64_MAX);
	guard_lines_forget(g);
	keys_wipe(&g->to_guard, sizeof(g->to_guard));
	keys_wipe(&g->to_sleeper, sizeof(g->to_sleeper));
}

static void again_after(struct guard *g, uint64_t us)
{
	loop_timer_set(&g->again, clock_monotonic_us() + us);
}

/* Nobody of the list was it. */
static void round_failed(struct guard *g)
{
	uint64_t wait = g->backoff_us;

	if (g->leaving.on) {
		again_after(g, AGAIN_LEAVING_US);
		return;
	}
	if (g->verdict == GUARD_HELD)
		g->verdict = GUARD_CONNECTING;
	guard_stand(g, g->verdict, g->problem);
	g->backoff_us = wait * 2 < BACKOFF_MOST_US ? wait * 2 : BACKOFF_MOST_US;
	/* A whole LAN comes back at once after a power cut: half to all of it. */
	again_after(g, wait / 2 + entropy_u32() % (wait / 2 + 1));
}

/*
 * One that does not want us is not asked every second: the machine's disk is a copy, and the two would go on replacing each
 * other. But it says so in the clear, as anybody in between can: the first time it is asked again at once.
 */
static uint64_t refused_wait(struct guard *g)
{
	uint64_t now = clock_monotonic_us();
	bool again = g->refused_us && now - g->refused_us < REFUSED_AGAIN_US;

	g->refused_us = now;
	return again ? BACKOFF_MOST_US : BACKOFF_LEAST_US;
}

/* This one was not it, or is not any more. */
void guard_failed(struct guard *g, enum guard_lease verdict, const char *problem)
{
	bool held = g->stage == GUARD_SESSION && g->proven;

	guard_drop(g);
	if (verdict >= g->verdict) {
		g->verdict = verdict;
		(void)snprintf(g->problem, sizeof(g->problem), "%s", problem);
	}
	if (held) {
		/* It was there: look again where it is now. */
		uint64_t wait = verdict == GUARD_REFUSED ? refused_wait(g) : BACKOFF_LEAST_US;

		guard_stand(g, verdict, problem);
		again_after(g, g->leaving.on ? 0 : wait / 2 + entropy_u32() % wait);
		return;
	}
	try_next(g);
}

static void link_is_up(void *context)
{
	struct guard *g = context;
	struct lease_opening o = { .kind = LEASE_OPEN_LEASE };
	char text[512];
	int n;

	memcpy(o.id, g->s->state.pairing.id, sizeof(o.id));
	entropy_bytes(g->nonce, sizeof(g->nonce));
	memcpy(o.nonce, g->nonce, sizeof(o.nonce));
	n = lease_opening_write(&o, text, sizeof(text));
	g->stage = GUARD_OPENING;
	if (n < 0 || link_send(g->link, text, (size_t)n) < 0)
		guard_failed(g, GUARD_CONNECTING, "out of memory");
}

static void link_line(void *context, const char *line, size_t n)
{
	struct guard *g = context;

	if (g->stage == GUARD_OPENING)
		guard_lines_opening(g, line, n);
	else
		guard_lines_sealed(g, line, n);
}

static void link_is_down(void *context, int error)
{
	struct guard *g = context;
	char problem[LEASE_TEXT];
	char end[LINK_END_TEXT];

	(void)snprintf(problem, sizeof(problem), "no guard at %s: %s",
		       link_end_format(&g->end, end),
		       error ? strerror(-error) : "it ended the connection");
	guard_failed(g, GUARD_CONNECTING, problem);
}

static void out_of_patience(void *context)
{
	link_is_down(context, -ETIMEDOUT);
}

/* 0, or why not even a socket. */
static int connect_to(struct guard *g, const struct link_end *end)
{
	static const struct link_user user = { link_is_up, link_line, link_is_down, NULL };
	int r;

	g->user = user;
	g->user.context = g;
	g->end = *end;
	g->proven = false;
	r = link_open(g->s->loop, end, &g->user, &g->link);
	if (r < 0)
		return r;
	g->stage = GUARD_DIALLING;
	loop_timer_set(&g->patience,
		       clock_monotonic_us() + (g->leaving.on ? CONNECT_LEAVING_US : CONNECT_US));
	return 0;
}

static void search_over(void *context)
{
	struct guard *g = context;

	search_free(g->search);
	g->search = NULL;
	try_next(g);
}

/* True: it goes on later. */
static bool look_further(struct guard *g)
{
	const struct pairing_state *p = &g->s->state.pairing;
	struct search_for what = { .host = p->guard,
				   .port = p->port,
				   .interface = "",
				   .done = search_over,
				   .context = g };
	char host[ENDS_HOST];

	if (g->searched)
		return false;
	g->searched = true;
	if (g->s->config->guard[0] && ends_split(g->s->config->guard, host, &what.port) == 0)
		what.host = host;
	if (!g->leaving.on && g->rounds > 1)
		what.interface = g->s->port.interface;
	return search_start(g->s->loop, &g->ends, &what, &g->search) == 0;
}

static void try_next(struct guard *g)
{
	struct link_end end;
	char text[LINK_END_TEXT];

	while (ends_next(&g->ends, &end)) {
		int r = connect_to(g, &end);

		if (r == 0)
			return;
		(void)snprintf(g->problem, sizeof(g->problem), "no way to the guard at %s: %s",
			       link_end_format(&end, text), strerror(-r));
	}
	if (!look_further(g))
		round_failed(g);
}

static void round_start(struct guard *g)
{
	const struct pairing_state *p = &g->s->state.pairing;
	char host[ENDS_HOST];
	struct link_end end;
	uint16_t port;

	loop_timer_set(&g->again, UINT64_MAX);
	search_free(g->search);
	g->search = NULL;
	guard_drop(g);
	if (!g->s->state.paired) {
		guard_stand(g, GUARD_UNPAIRED, "");
		return;
	}
	g->searched = false;
	g->rounds++;
	g->verdict = GUARD_CONNECTING;
	(void)snprintf(g->problem, sizeof(g->problem), "no guard is found");
	ends_clear(&g->ends);
	if (g->last.addr.family)
		ends_add(&g->ends, &g->last);
	if (g->s->config->guard[0] && ends_split(g->s->config->guard, host, &port) == 0 &&
	    ends_literal(host, port, &end))
		ends_add(&g->ends, &end);
	if (ends_literal(p->guard, p->port, &end))
		ends_add(&g->ends, &end);
	try_next(g);
}

static void again_due(void *context)
{
	round_start(context);
}

/* --- from outside --- */

void guard_kick(struct guard *g, enum lease_why why)
{
	/* A goodbye that is still on its way would come behind the hello. */
	if (g->leaving.say == SAY_GOODBYE)
		guard_leaving_over(g, -ECANCELED, "the machine is awake");
	g->gone = false;
	g->why = why;
	g->backoff_us = BACKOFF_LEAST_US;
	g->refused_us = 0;
	g->rounds = 0;
	if (g->lease != GUARD_CONNECTING && g->s->state.paired)
		guard_stand(g, GUARD_CONNECTING, "");
	round_start(g);
}

void guard_paired(struct guard *g)
{
	g->last = (struct link_end){ .port = 0 };
	g->end = g->last;
	guard_kick(g, WHY_START);
}

void guard_changed(struct guard *g)
{
	if (g->stage == GUARD_SESSION)
		loop_timer_set(&g->change, clock_monotonic_us() + CHANGE_US);
	else if (g->lease == GUARD_CONNECTING && g->stage == GUARD_APART && !g->search && !g->gone)
		/* The way there may be another one now. */
		again_after(g, CHANGE_US);
}

void guard_check(struct guard *g)
{
	if (g->stage == GUARD_SESSION)
		guard_lines_lease(g, WHY_RENEW);
	else
		guard_changed(g);
}

static void change_due(void *context)
{
	struct guard *g = context;

	if (g->stage == GUARD_SESSION)
		guard_lines_changed(g);
}

static void renew_due(void *context)
{
	guard_lines_lease(context, WHY_RENEW);
}

/* --- leaving --- */

void guard_leaving_over(struct guard *g, int result, const char *text)
{
	struct guard_leaving was = g->leaving;

	if (!was.on)
		return;
	g->leaving.on = false;
	loop_timer_set(&g->deadline, UINT64_MAX);
	loop_timer_set(&g->hurry, UINT64_MAX);
	if (was.say == SAY_GOODBYE) {
		g->gone = true;
		loop_timer_set(&g->again, UINT64_MAX);
		search_free(g->search);
		g->search = NULL;
		guard_drop(g);
		g->lease = GUARD_CONNECTING;
		g->error[0] = 0;
		g->since = clock_now();
	}
	was.done(was.context, result, text);
}

static void deadline_due(void *context)
{
	struct guard *g = context;

	guard_leaving_over(g, -ETIMEDOUT,
			   g->problem[0] ? g->problem : "the guard did not answer in time");
}

/* What was said on an old connection is not answered: it may be dead without knowing it. */
static void hurry_due(void *context)
{
	round_start(context);
}

static void leave(struct guard *g, const struct guard_leaving *l, uint64_t within_us)
{
	uint64_t now = clock_monotonic_us();

	guard_leaving_over(g, -ECANCELED, "something else is said now");
	if (!g->s->state.paired) {
		l->done(l->context, -ENOTCONN, "not paired with a guard");
		return;
	}
	g->leaving = *l;
	g->leaving.on = true;
	g->problem[0] = 0;
	loop_timer_set(&g->deadline, now + within_us);
	loop_timer_set(&g->hurry, now + within_us / 2);
	if (g->stage == GUARD_SESSION)
		guard_lines_leave(g);
	else if (g->stage == GUARD_APART)
		round_start(g);
}

void guard_goodbye(struct guard *g, enum lease_why why, uint64_t within_us, sleeper_done *done,
		   void *context)
{
	const struct guard_leaving l = {
		.say = SAY_GOODBYE, .why = why, .done = done, .context = context
	};

	leave(g, &l, within_us);
}

void guard_stay(struct guard *g, enum lease_why why, uint64_t within_us, sleeper_done *done,
		void *context)
{
	const struct guard_leaving l = {
		.say = SAY_STAY, .why = why, .done = done, .context = context
	};

	g->gone = false;
	leave(g, &l, within_us);
}

/* --- making one --- */

int guard_new(struct sleeper *s, struct guard **ret_guard)
{
	struct guard *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	g->s = s;
	g->lease = GUARD_LEASES; /* nothing was said about it yet */
	r = loop_timer_init(&g->again, s->loop, again_due, g);
	if (r == 0)
		r = loop_timer_init(&g->renew, s->loop, renew_due, g);
	if (r == 0)
		r = loop_timer_init(&g->patience, s->loop, out_of_patience, g);
	if (r == 0)
		r = loop_timer_init(&g->change, s->loop, change_due, g);
	if (r == 0)
		r = loop_timer_init(&g->deadline, s->loop, deadline_due, g);
	if (r == 0)
		r = loop_timer_init(&g->hurry, s->loop, hurry_due, g);
	if (r < 0) {
		guard_free(g);
		return r;
	}
	*ret_guard = g;
	return 0;
}

void guard_free(struct guard *g)
{
	if (!g)
		return;
	g->leaving.on = false;
	search_free(g->search);
	link_close(g->link);
	loop_timer_done(&g->again);
	loop_timer_done(&g->renew);
	loop_timer_done(&g->patience);
	loop_timer_done(&g->change);
	loop_timer_done(&g->deadline);
	loop_timer_done(&g->hurry);
	keys_wipe(g, sizeof(*g));
	free(g);
}
