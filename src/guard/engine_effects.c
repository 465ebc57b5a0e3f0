/*
 * engine_effects: what the core wants -> requests to the monitor. One table says which request an effect becomes.
 */
#include "guard/engine.h"

#include "sys/log.h"
#include "sys/role.h"
#include "wire/wol.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint8_t lan_requests[EFFECT_KINDS] = {
	[EFFECT_ANSWER] = IPC_ANSWER,
	[EFFECT_ANNOUNCE] = IPC_ANNOUNCE,
	[EFFECT_REPOINT] = IPC_REPOINT,
	[EFFECT_SOLICIT] = IPC_SOLICIT,
	[EFFECT_PROBE_PORT] = IPC_PROBE_PORT,
	[EFFECT_PROBE_ECHO] = IPC_PROBE_ECHO,
	[EFFECT_WAKE] = IPC_WAKE,
	[EFFECT_CLAIM] = IPC_CLAIM,
	[EFFECT_RELEASE] = IPC_RELEASE,
	[EFFECT_LOCAL] = IPC_LOCAL,
	[EFFECT_REFRESH] = IPC_REFRESH,
};

/*
 * What is asked or said again anyway, soon. When the monitor is behind it is left out: somebody who floods the LAN must
 * not fill the queue that a wake or a store request needs as well.
 */
static const bool comes_again[IPC_KINDS] = {
	[IPC_ANSWER] = true,	 [IPC_REPOINT] = true,	  [IPC_SOLICIT] = true,
	[IPC_PROBE_PORT] = true, [IPC_PROBE_ECHO] = true, [IPC_REFRESH] = true,
};

/* The queue's packets are as many as a NIC's would be; more are lost, as they would be there. So are answers, which whoever
 * asked can ask for again. */
#define PACKETS_WAITING (1U << 20)

/* How much may wait before a message of this kind is left out. */
static size_t patience(uint32_t kind)
{
	if (kind == IPC_SEND || kind == IPC_SEALED_ANSWER || kind == IPC_PLAIN_ANSWER)
		return PACKETS_WAITING;
	return comes_again[kind] ? 0 : SIZE_MAX;
}

static void tell(struct engine *e, const struct ipc_message *m, const uint8_t *packet, size_t n)
{
	size_t waiting = channel_waiting(e->monitor);
	int r;

	if (waiting > patience(m->kind))
		return;
	r = channel_send_parts(e->monitor, m, ipc_length(m), packet, n);

	if (r < 0) {
		log_error("engine: cannot tell the monitor (%s): %s", ipc_kind_name(m->kind),
			  strerror(-r));
		exit(EXIT_FAILURE);
	}
}

void engine_tell_monitor(struct engine *e, const struct ipc_message *m)
{
	tell(e, m, NULL, 0);
}

static void tell_lan(struct engine *e, const struct effect *x)
{
	struct ipc_message m = { .kind = lan_requests[x->kind] };

	m.lan = (struct ipc_lan){
		.interface = x->interface,
		.attempt = x->attempt,
		.port = x->port,
		.machine = x->machine ? machine_id(x->machine) : 0,
		.addr = x->addr,
		.peer = x->peer,
		.mac = x->mac,
		.peer_mac = x->peer_mac,
	};
	engine_tell_monitor(e, &m);
}

/*
 * The first magic packet of a burst, said by the engine itself: to wake the monitor costs as long as all the rest of the
 * way from a SYN to here (docs/adr/0007). The monitor's raw frames follow.
 */
static void shout(struct engine *e, const struct effect *x)
{
	uint8_t payload[WOL_PAYLOAD + sizeof(((struct secureon *)0)->b)];
	struct writer w = writer_over(payload, sizeof(payload));

	if (!e->interfaces[x->interface].said.has4 || e->settings.observe)
		return;
	wol_payload(&w, machine_mac(x->machine), machine_secureon(x->machine));
	if (!w.failed && write(ROLE_FD_VOICES + x->interface, payload, w.used) < 0)
		log_debug("engine: no magic packet by UDP: %s", strerror(errno));
}

static void tell_send(struct engine *e, const struct effect *x)
{
	struct ipc_message m = { .kind = IPC_SEND };

	if (x->length > IPC_PACKET_MAX)
		return;
	m.send.interface = x->interface;
	m.send.machine = machine_id(x->machine);
	m.send.length = x->length;
	if (x->bytes == e->current_packet && e->current->large) {
		m.send.large = true;
		memcpy(m.send.vnet, e->current->vnet, sizeof(m.send.vnet));
	}
	tell(e, &m, x->bytes, x->length);
}

static void tell_past(struct engine *e, struct machine *machine)
{
	struct ipc_message m = { .kind = IPC_PAST };

	m.past.id = machine_id(machine);
	machine_past_of(machine, &m.past.past);
	engine_tell_monitor(e, &m);
}

/* The core knows who asked for a wake, since that can begin later; who adds and removes is known here. */
static void tell_event(struct engine *e, const struct event *event)
{
	struct ipc_message m = { .kind = IPC_EVENT };

	m.event = *event;
	if (e->asker && (event->kind == EVENT_ADDED || event->kind == EVENT_REMOVED)) {
		m.event.by = BY_REQUEST;
		engine_put_asker(*e->asker, m.event.who);
	}
	if (e->registrant && event->kind == EVENT_GOODBYE)
		m.event.from = *e->registrant;
	if (e->why && event->kind == EVENT_GOODBYE)
		strncpy(m.event.who, e->why, sizeof(m.event.who) - 1);
	engine_tell_monitor(e, &m);
	engine_relay_event(e, event);
	engine_lease_event(e, event);
}

void engine_effect(void *engine, const struct effect *x)
{
	struct engine *e = engine;

	switch ((enum effect_kind)x->kind) {
	case EFFECT_ANSWER:
	case EFFECT_ANNOUNCE:
	case EFFECT_REPOINT:
	case EFFECT_SOLICIT:
	case EFFECT_PROBE_PORT:
	case EFFECT_PROBE_ECHO:
	case EFFECT_CLAIM:
	case EFFECT_RELEASE:
	case EFFECT_LOCAL:
	case EFFECT_REFRESH:
		tell_lan(e, x);
		return;
	case EFFECT_WAKE:
		shout(e, x);
		tell_lan(e, x);
		return;
	case EFFECT_SEND:
		tell_send(e, x);
		return;
	case EFFECT_EVENT:
		tell_event(e, x->event);
		return;
	case EFFECT_PAST:
		tell_past(e, x->machine);
		return;
	case EFFECT_DROP: {
		/* It is removed when the monitor says FORGOTTEN: an effect must not call back into the core. */
		struct ipc_message m = { .kind = IPC_FORGET, .id = machine_id(x->machine) };

		engine_tell_monitor(e, &m);
		return;
	}
	case EFFECT_KINDS:
		break;
	}
	assert(false);
}
