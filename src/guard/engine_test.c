/*
 * engine_test: a test that a machine sleeps and can be woken, on its sleeper's wish: after its goodbye, once it is asleep, it
 * is woken after the time it said; what was measured is told to it when its lease is back.
 *
 * Asleep counts from the goodbye, the rest from the magic packet. Refuses to know how a machine falls asleep and wakes.
 */
#include "guard/engine_lease.h"

#include <string.h>

#define SECONDS (uint64_t)1000000
#define GO (60 * SECONDS) /* to say goodbye; a later one is no test */
#define FALL_ASLEEP (300 * SECONDS) /* then it stayed awake */
#define COME_BACK (600 * SECONDS) /* then nobody is told any more */
#define READY_LIFE (15 * SECONDS) /* for ports to answer after the machine did */
#define READY_EVERY 100000

static void enter(struct test *t, enum test_step step, uint64_t due)
{
	t->step = step;
	t->due = due;
}

void test_arm(struct paired *p, uint32_t seconds, struct moment now)
{
	p->test = (struct test){ .after = seconds * SECONDS,
				 .told = { .tell = TELL_TESTED, .ok = true } };
	enter(&p->test, TEST_ARMED, now.us + GO);
}

void test_stay(struct paired *p)
{
	if (p->test.step == TEST_ARMED || p->test.step == TEST_GOING)
		p->test.step = TEST_NONE;
}

void test_goodbye(struct paired *p, struct moment now)
{
	if (p->test.step != TEST_ARMED)
		return;
	p->test.goodbye = now.us;
	enter(&p->test, TEST_GOING, now.us + FALL_ASLEEP);
}

/* It is over, and was no success. */
static void give_up(struct test *t, const char *why, uint64_t now)
{
	struct text text = text_over(t->told.text, sizeof(t->told.text));

	t->told.ok = false;
	text_string(&text, why);
	enter(t, TEST_OVER, now + COME_BACK);
}

/* The ports that are waited for: single TCP ports of its rules. */
static void choose_ports(struct leases *l, struct paired *p, uint64_t now)
{
	struct test *t = &p->test;
	const struct machine *m = lease_machine(l, p);
	struct spec s;

	enter(t, TEST_READY, now + READY_LIFE);
	if (!m)
		return;
	machine_spec_of(m, &s);
	t->interface = machine_interface(m);
	if (s.addresses_n == 0 || t->interface == HOME_NO_INTERFACE)
		return;
	t->address = s.addresses[0];
	for (uint16_t i = 0; i < s.rules_n && t->ports_n < LEASE_PORTS; i++) {
		if ((s.rules[i].kind == RULE_TCP || s.rules[i].kind == RULE_TCP_DATA) &&
		    s.rules[i].first == s.rules[i].last)
			t->ports[t->ports_n++] = s.rules[i].first;
	}
	t->ask_at = now;
}

static void tell(struct leases *l, struct paired *p)
{
	session_tell(l, p->session, &p->test.told);
	p->test.step = TEST_NONE;
}

void test_lease(struct leases *l, struct paired *p)
{
	struct test *t = &p->test;

	if (t->step == TEST_GOING) {
		give_up(t, "it did not fall asleep: its lease came back before", 0);
		tell(l, p);
	} else if (t->step == TEST_OVER) {
		tell(l, p);
	}
	/* Where it is not awake yet for all that we know, or ports are waited for, that comes first. */
}

void test_event(struct paired *p, const struct event *e, struct moment now)
{
	struct test *t = &p->test;

	if (e->kind == EVENT_ASLEEP && t->step == TEST_GOING) {
		t->told.asleep_us = now.us - t->goodbye;
		enter(t, TEST_ASLEEP, now.us + t->after);
	} else if ((e->kind == EVENT_REQUEST || e->kind == EVENT_KNOCK) && t->step == TEST_ASLEEP) {
		/* Somebody else may have been faster: it is as good a test. */
		t->woken = now.us;
		enter(t, TEST_WAKING, NEVER);
	} else if (e->kind == EVENT_AWAKE && (t->step == TEST_WAKING || t->step == TEST_ASLEEP)) {
		t->told.awake_us = e->took_us;
		if (!t->woken)
			give_up(t, "it was woken, but not by the guard", now.us);
		else
			enter(t, TEST_READY, now.us); /* ports are chosen by the tick */
	} else if (e->kind == EVENT_NO_SIGN_OF_LIFE && t->step == TEST_WAKING) {
		give_up(t, "no sign of life after all attempts: it was woken by somebody else",
			now.us);
	} else if ((e->kind == EVENT_STAYED_AWAKE || e->kind == EVENT_STAYS) &&
		   t->step == TEST_GOING) {
		give_up(t, "it did not fall asleep", now.us);
	}
}

void test_port_open(struct paired *p, uint8_t interface, const struct addr *a, uint16_t port,
		    struct moment now)
{
	struct test *t = &p->test;
	struct lease_told *told = &t->told;

	if (t->step != TEST_READY || t->interface != interface || !addr_equal(&t->address, a))
		return;
	for (uint32_t i = 0; i < t->ports_n; i++) {
		struct rule rule = { .kind = RULE_TCP, .first = port, .last = port };

		if (t->ports[i] != port)
			continue;
		t->ports[i] = t->ports[--t->ports_n];
		(void)rule_format(&rule, told->ready[told->ready_n].port);
		told->ready[told->ready_n++].us = now.us - t->woken;
		if (t->ports_n == 0)
			t->due = now.us;
		return;
	}
}

uint64_t test_due(const struct paired *p)
{
	const struct test *t = &p->test;

	if (t->step == TEST_NONE)
		return NEVER;
	return t->step == TEST_READY && t->ports_n > 0 && t->ask_at < t->due ? t->ask_at : t->due;
}

static void ask_ports(struct leases *l, const struct paired *p)
{
	const struct machine *m = lease_machine(l, p);

	for (uint32_t i = 0; m && i < p->test.ports_n; i++) {
		struct ipc_message q = { .kind = IPC_PROBE_PORT };

		q.lan.interface = p->test.interface;
		q.lan.machine = machine_id(m);
		q.lan.addr = p->test.address;
		q.lan.port = p->test.ports[i];
		engine_tell_monitor(l->engine, &q);
	}
}

static void wake(struct leases *l, struct paired *p, struct moment now)
{
	struct machine *m = lease_machine(l, p);

	enter(&p->test, TEST_WAKING, NEVER);
	p->test.woken = now.us;
	if (!m || home_wake_asked(l->engine->home, m, "its own test", now) != WAKE_STARTED)
		give_up(&p->test, "it could not be woken: it is not asleep", now.us);
}

/* Ports that answered are known, or it is too late for the others. */
static void tick_ready(struct leases *l, struct paired *p, struct moment now)
{
	struct test *t = &p->test;

	if (t->address.family == 0)
		choose_ports(l, p, now.us);
	if (t->ports_n > 0 && t->due > now.us) {
		ask_ports(l, p);
		t->ask_at = now.us + READY_EVERY;
		return;
	}
	enter(t, TEST_OVER, now.us + COME_BACK);
	if (p->session && p->held)
		tell(l, p);
}

void test_tick(struct leases *l, struct paired *p, struct moment now)
{
	switch (p->test.step) {
	case TEST_GOING:
		give_up(&p->test, "it did not fall asleep within 5 minutes", now.us);
		return;
	case TEST_ASLEEP:
		wake(l, p, now);
		return;
	case TEST_READY:
		tick_ready(l, p, now);
		return;
	case TEST_ARMED:
	case TEST_OVER:
		p->test.step = TEST_NONE;
		return;
	case TEST_NONE:
	case TEST_WAKING:
		return;
	}
}
