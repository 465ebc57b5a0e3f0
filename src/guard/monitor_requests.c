/*
 * monitor_requests: what engine and control ask of the monitor. Each kind is checked against the monitor's own view before
 * anything is done.
 */
#include "guard/monitor.h"

#include "guard/transmit.h"
#include "proto/event_text.h"
#include "sys/log.h"

#include <string.h>

#define LOG_PAGE 64

/* What its owner should look at; the rest is what the guard is for. */
static const bool to_worry_about[EVENT_KINDS] = {
	[EVENT_STAYED_AWAKE] = true, [EVENT_NO_SIGN_OF_LIFE] = true, [EVENT_CONFLICT] = true,
	[EVENT_GATE_OVER] = true,    [EVENT_SCANNER] = true,	     [EVENT_WAKE_LIMIT] = true,
};

void monitor_event(struct monitor *m, struct event *e)
{
	struct ipc_message q = { .kind = IPC_HAPPENED };
	char line[EVENT_LINE];

	store_put_event(m->store, e);
	machines_sync_soon(m);
	event_line(e, line);
	log_line(to_worry_about[e->kind] ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE, "%s", line);
	q.event = *e;
	role_tell(m, ROLE_CONTROL, &q);
	relay_side_event(m, e);
}

static void forbidden(const struct ipc_message *q)
{
	log_warning("the engine asked for what it may not have: %s", ipc_kind_name(q->kind));
}

/* A claim is of an address of that very machine. */
static bool claim_permitted(const struct monitor *m, const struct ipc_message *q)
{
	const struct listing *l = directory_find(&m->directory, q->lan.machine);
	const struct lan_interface *i = &m->lan.slots[q->lan.interface];

	return l && listing_has(l, &q->lan.addr) &&
	       (!i->net ||
		(!net_owns(i->net, &q->lan.addr) && !net_is_gateway(i->net, &q->lan.addr)));
}

static void on_claim(struct monitor *m, const struct ipc_message *q)
{
	if (!claim_permitted(m, q)) {
		forbidden(q);
		return;
	}
	lan_claim(&m->lan, q->lan.interface, &q->lan.addr);
	local_claimed(&m->local, q->lan.interface, &q->lan.addr);
}

static void on_release(struct monitor *m, const struct ipc_message *q)
{
	const struct listing *l = directory_find(&m->directory, q->lan.machine);

	lan_release(&m->lan, q->lan.interface, &q->lan.addr);
	local_released(&m->local, q->lan.interface, &q->lan.addr, l ? &l->mac : NULL);
}

static void on_local(struct monitor *m, const struct ipc_message *q)
{
	const struct listing *l = directory_find(&m->directory, q->lan.machine);

	if (!claim_permitted(m, q) ||
	    (!mac_is_zero(&q->lan.mac) && !mac_equal(&q->lan.mac, &l->mac))) {
		forbidden(q);
		return;
	}
	local_point(&m->local, q->lan.interface, &q->lan.addr,
		    mac_is_zero(&q->lan.mac) ? NULL : &l->mac);
}

void monitor_engine_said(struct monitor *m, const struct ipc_message *q)
{
	struct event e;

	switch (q->kind) {
	case IPC_ANSWER:
	case IPC_ANNOUNCE:
	case IPC_REPOINT:
	case IPC_SOLICIT:
	case IPC_PROBE_PORT:
	case IPC_PROBE_ECHO:
	case IPC_WAKE:
	case IPC_REFRESH:
		if (transmit_lan(&m->lan, &m->directory, q) == TRANSMIT_FORBIDDEN)
			forbidden(q);
		return;
	case IPC_SEND:
		if (transmit_packet(&m->lan, &m->directory, q) == TRANSMIT_FORBIDDEN)
			forbidden(q);
		return;
	case IPC_CLAIM:
		on_claim(m, q);
		return;
	case IPC_RELEASE:
		on_release(m, q);
		return;
	case IPC_BLAME:
		role_end(m, ROLE_CONTROL);
		return;
	case IPC_LOCAL:
		on_local(m, q);
		return;
	case IPC_CHECK:
		machines_check(m, q);
		return;
	case IPC_STORE:
		machines_store(m, q);
		discovery_update(m);
		break;
	case IPC_FORGET:
		machines_forget(m, q);
		discovery_update(m);
		break;
	case IPC_PAST:
		machines_past(m, q);
		break;
	case IPC_PAIR:
		pairings_pair(m, q);
		break;
	case IPC_SEALED_ANSWER:
	case IPC_PLAIN_ANSWER:
		relay_side_answered(m, q);
		return;
	case IPC_PAIRING_OPEN:
		discovery_pairing(m, q->id);
		return;
	case IPC_EVENT:
		e = q->event;
		monitor_event(m, &e);
		break;
	default:
		forbidden(q);
		return;
	}
	machines_sync_soon(m);
}

static void answer_log(struct monitor *m, const struct ipc_message *q)
{
	static struct event events[LOG_PAGE];
	struct ipc_message a = { .kind = IPC_LOG_ENTRY, .request = q->request };
	size_t most = q->page.most < LOG_PAGE ? q->page.most : LOG_PAGE;
	bool more;
	size_t n = store_events(m->store, q->page.id, q->page.backwards, q->page.name, most, events,
				&more);

	for (size_t k = 0; k < n; k++) {
		a.event = events[k];
		role_tell(m, ROLE_CONTROL, &a);
	}
	a.kind = IPC_LOG_END;
	role_tell(m, ROLE_CONTROL, &a);
}

void monitor_control_said(struct monitor *m, const struct ipc_message *q)
{
	if (q->kind == IPC_LOG)
		answer_log(m, q);
	else if (q->kind == IPC_UNPAIR)
		pairings_unpair(m, q);
	else if (q->kind == IPC_PAIRINGS)
		pairings_list(m, q);
	else if (!relay_side_asked(m, q))
		log_warning("control asked for what it may not have: %s", ipc_kind_name(q->kind));
}
