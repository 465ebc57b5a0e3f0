/*
 * effect: what the core wants done, as values. The core calls nothing; it gives these to a sink, and the engine turns
 * them into requests to the monitor, records and answers.
 *
 * "solicit" is an ARP request or a neighbour solicitation, "announce" a gratuitous ARP request or an unsolicited
 * neighbour advertisement: the core does not know the difference.
 */
#ifndef ROUSE_CORE_EFFECT_H
#define ROUSE_CORE_EFFECT_H

#include "base/event.h"
#include "base/spec.h"

enum effect_kind {
	/* To the LAN; the monitor encodes and checks each. `interface` is always set. */
	EFFECT_ANSWER, /* to one asker (peer_mac, peer): `addr` is at the virtual MAC; peer unspecified: the asker probes */
	EFFECT_ANNOUNCE, /* to everybody: `addr` is at `mac` (zero: the virtual MAC) */
	EFFECT_REPOINT, /* to one host (peer_mac, peer), by unicast: `addr` is at `mac` (zero: the virtual MAC) */
	EFFECT_SOLICIT, /* from the guard's own address: who has `addr`? to `mac` alone, or everybody when zero */
	EFFECT_PROBE_PORT, /* half-open SYN from the guard's own address to `addr` at `mac`, `port` */
	EFFECT_PROBE_ECHO, /* echo request likewise */
	EFFECT_WAKE, /* a burst of magic packets for the machine */
	EFFECT_SEND, /* the IP packet `bytes`, `length` to `mac`, checksum finished: a replay, or forwarded at once */
	EFFECT_CLAIM, /* from now on the guard answers for `addr`: join its group, extend filters */
	EFFECT_RELEASE, /* from now on it does not */
	EFFECT_LOCAL, /* the guard's own host holds a connection to `addr`: its neighbour entry shall say `mac` (zero: virtual) */
	EFFECT_REFRESH, /* the switch-table refresh on `interface` */
	/* To people and the store. */
	EFFECT_EVENT, /* `event` happened */
	EFFECT_PAST, /* what must survive a restart has changed for `machine`: machine_past_of() */
	EFFECT_DROP, /* the machine is not guarded any more (wake.keep = no): forget it, then home_remove() */
	EFFECT_KINDS
};

struct machine;

struct effect {
	uint8_t kind; /* enum effect_kind */
	uint8_t interface;
	uint8_t attempt; /* WAKE: 1.. */
	uint16_t port;
	struct machine *machine; /* whose; NULL for REFRESH and events that concern none */
	struct addr addr;
	struct mac mac;
	struct mac peer_mac;
	struct addr peer;
	const uint8_t *bytes; /* valid during the call only */
	uint32_t length;
	const struct event *event; /* likewise */
};

/* Where effects go; called from within home_…() calls, and must not call back into them. */
struct effect_sink {
	void (*take)(void *context, const struct effect *e);
	void *context;
};

#endif
