/*
 * monitor_relay_tell: what the uplink is told, and so what the relay may know: machines, the public part of grants, and
 * events without the LAN's addresses.
 *
 * The guard's key and the grants' secrets do not pass here.
 */
#include "guard/monitor_relay.h"

#include "guard/monitor.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_PAGE 64

static int by_duration(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The median of the wakes that are remembered; RELAY_NULL: none is. */
static uint64_t expected_us(const struct store *store, uint32_t machine)
{
	uint64_t took[STORE_EVENTS];
	size_t n = 0;
	const struct event *e;

	for (size_t i = 0; (e = store_event(store, i)) != NULL; i++) {
		if (e->machine == machine && e->kind == EVENT_AWAKE && e->took_us != 0 &&
		    !e->late && e->by != BY_HAND && e->by != BY_NOBODY && n < STORE_EVENTS)
			took[n++] = e->took_us;
	}
	if (n == 0)
		return RELAY_NULL;
	qsort(took, n, sizeof(took[0]), by_duration);
	return took[n / 2];
}

static void tell_machine(struct relay_side *s, const struct store_machine *m)
{
	const struct listing *l = directory_find(&s->monitor->directory, m->id);
	const struct wake_record *w = &m->past.last_wake;
	struct ipc_message q = { .kind = IPC_RELAY_MACHINE };
	struct relay_machine *r = &q.relay_machine;

	r->id = m->id;
	r->state = l ? l->state : MACHINE_UNKNOWN;
	memcpy(r->name, m->spec.name, sizeof(r->name));
	r->since_ms = m->past.since_wall_ms ? m->past.since_wall_ms : clock_wall_ms();
	r->expected_us = expected_us(s->monitor->store, m->id);
	r->watts_u = m->spec.watts ? m->spec.watts * UINT64_C(1000000) : RELAY_NULL;
	r->slept = m->has_past && m->past.slept_since_ms != 0;
	r->slept_since_ms = m->past.slept_since_ms;
	r->slept_us = m->past.slept_ms * 1000;
	r->woken = m->has_past && w->by != BY_NOBODY;
	r->woken_ms = w->at_wall_ms;
	r->woken_us = w->awake_us ? w->awake_us : RELAY_NULL;
	(void)snprintf(r->by, sizeof(r->by), "%s", wake_by_name(w->by));
	if (w->by == BY_GRANT)
		memcpy(r->who, w->who, sizeof(r->who));
	uplink_tell(s, &q);
}

void relay_side_tell_grant(struct relay_side *s, const struct grant *g)
{
	struct ipc_message q = { .kind = IPC_RELAY_GRANT };

	grant_public(g, &q.relay_grant);
	uplink_tell(s, &q);
}

void relay_side_tell_uplink(struct relay_side *s)
{
	struct ipc_message q = { .kind = IPC_RELAY };
	struct store_machine m = { .id = 0 };
	const struct grant *g;
	size_t n = 0;

	q.relay.joined = s->wanted;
	memcpy(q.relay.invitation, s->invitation, sizeof(q.relay.invitation));
	uplink_tell(s, &q);
	while (n < RELAY_MACHINES_MAX && store_next(s->monitor->store, m.id, &m)) {
		tell_machine(s, &m);
		n++;
	}
	for (size_t i = 0; (g = store_grant(s->monitor->store, i)) != NULL; i++)
		relay_side_tell_grant(s, g);
	q = (struct ipc_message){ .kind = IPC_GO };
	uplink_tell(s, &q);
}

/* Nothing that names the LAN's addresses leaves the house. */
static struct event without_addresses(const struct event *e)
{
	struct event x = *e;

	memset(&x.from_mac, 0, sizeof(x.from_mac));
	x.from = ADDR_NONE;
	x.to = ADDR_NONE;
	x.from_port = 0;
	return x;
}

void relay_side_answer_log(struct relay_side *s, const struct ipc_message *q)
{
	static struct event events[LOG_PAGE];
	struct ipc_message a = { .kind = IPC_LOG_ENTRY, .request = q->request };
	bool more;
	size_t n = store_events(s->monitor->store, q->page.id, false, NULL, LOG_PAGE, events,
				&more);

	for (size_t i = 0; i < n; i++) {
		a.event = without_addresses(&events[i]);
		uplink_tell(s, &a);
	}
	a = (struct ipc_message){ .kind = IPC_LOG_END, .request = q->request };
	uplink_tell(s, &a);
}

void relay_side_machine(struct monitor *m, uint32_t id)
{
	struct store_machine machine;

	if (m->relay.channel && store_machine(m->store, id, &machine) == 0)
		tell_machine(&m->relay, &machine);
}

void relay_side_machine_gone(struct monitor *m, uint32_t id)
{
	struct ipc_message q = { .kind = IPC_RELAY_GONE, .id = id };

	uplink_tell(&m->relay, &q);
}

void relay_side_event(struct monitor *m, const struct event *e)
{
	struct ipc_message q = { .kind = IPC_HAPPENED };

	q.event = without_addresses(e);
	uplink_tell(&m->relay, &q);
}
