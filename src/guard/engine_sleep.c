/*
 * engine_sleep: somebody wants a machine to sleep now: its sleeper is asked through its lease, and decides.
 *
 * Refuses to know who may ask, and what becomes of the machine afterwards.
 */
#include "guard/engine_lease.h"

#include "sys/clock.h"

#include <stdlib.h>

#define ASK_LIFE 8000000 /* us: control waits 10 s */

/* What came of it: to control, or to who asked over the relay. */
static void report(struct leases *l, const struct ask *a, enum ipc_code code, const char *text)
{
	if (a->request)
		engine_result(l->engine, a->request, code, 0, text);
	else
		engine_relay_slept(l->engine, a->number, code, text);
}

static void drop(struct session *s, struct ask *a)
{
	list_remove(&a->in);
	s->asks_n--;
	free(a);
}

enum ipc_code engine_lease_ask(struct engine *e, const struct machine *m, uint32_t request,
			       const char *who, uint32_t *ret_number)
{
	struct leases *l = e->leases;
	struct paired *p = lease_by_mac(l, machine_mac(m));
	struct lease_told t = { .tell = TELL_ASK };
	struct text text = text_over(t.text, sizeof(t.text));
	struct session *s = p ? p->session : NULL;
	struct ask *a;

	if (!s || !p->held)
		return RESULT_NO_SLEEPER;
	a = s->asks_n < LEASE_ASKS ? calloc(1, sizeof(*a)) : NULL;
	if (!a)
		return RESULT_FULL;
	/* 31 bits of it: the number is said as JSON, and comes back. */
	a->number = t.ask = lease_number(l) & INT32_MAX;
	a->request = request;
	a->due = clock_now().us + ASK_LIFE;
	text_string(&text, who);
	list_append(&s->asks, &a->in);
	s->asks_n++;
	l->due_known = false;
	session_tell(l, s, &t);
	*ret_number = a->number;
	return RESULT_OK;
}

void asks_answered(struct leases *l, struct session *s, const struct lease_said *said)
{
	list_each_safe(it, &s->asks)
	{
		struct ask *a = container_of(it, struct ask, in);

		if (a->number != said->ask)
			continue;
		report(l, a, said->ok ? RESULT_OK : RESULT_REFUSED, said->text);
		drop(s, a);
		return;
	}
}

void asks_lost(struct leases *l, struct session *s)
{
	list_each_safe(it, &s->asks)
	{
		struct ask *a = container_of(it, struct ask, in);

		report(l, a, RESULT_NO_SLEEPER, "its sleeper went away before it answered");
		drop(s, a);
	}
}

uint64_t asks_due(const struct session *s)
{
	/* In the order of their asking. */
	return list_empty(&s->asks) ? NEVER : container_of(s->asks.next, struct ask, in)->due;
}

void asks_tick(struct leases *l, struct session *s, struct moment now)
{
	list_each_safe(it, &s->asks)
	{
		struct ask *a = container_of(it, struct ask, in);

		if (a->due > now.us)
			return;
		report(l, a, RESULT_NO_SLEEPER, "its sleeper did not answer in time");
		drop(s, a);
	}
}
