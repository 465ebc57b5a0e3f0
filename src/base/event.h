/*
 * event: what happened to a machine, as data. Made by the core, kept by the monitor, shown by `rouse log` and the
 * log: the shared vocabulary of all of them. Plain values of fixed size; rendering is proto/event_text's.
 */
#ifndef ROUSE_BASE_EVENT_H
#define ROUSE_BASE_EVENT_H

#include "base/addr.h"
#include "base/spec.h"

#include <stdbool.h>
#include <stdint.h>

/* Time as it comes in from outside: monotonic for deciding, wall clock for telling. */
struct moment {
	uint64_t us; /* CLOCK_MONOTONIC, microseconds */
	uint64_t wall_ms; /* CLOCK_REALTIME, milliseconds since the epoch */
};

enum machine_state {
	MACHINE_UNKNOWN, /* no evidence yet */
	MACHINE_AWAKE, /* it answers for itself */
	MACHINE_DROWSY, /* said goodbye, not gone yet */
	MACHINE_ASLEEP, /* silent; the guard claims its addresses */
	MACHINE_WAKING, /* on its way: woken, or showing life, not handed back yet */
	MACHINE_STATES
};

/* Why something woke or was seen awake. */
enum wake_by {
	BY_NOBODY, /* not woken yet */
	BY_KNOCK, /* a packet that matched a rule */
	BY_REQUEST, /* `rouse wake`, or a program over the control socket */
	BY_HAND, /* its button, or somebody else's magic packet */
	BY_EXIT, /* the guard stopped with on-exit = wake */
	BY_GRANT, /* somebody outside who holds a grant, over the relay */
	BY_KINDS
};

enum event_kind {
	EVENT_ADDED, /* a machine is guarded from now on */
	EVENT_UPDATED, /* its description changed */
	EVENT_REMOVED, /* it is no longer guarded */
	EVENT_GOODBYE, /* it registered: it is about to sleep */
	EVENT_STAYED_AWAKE, /* it said goodbye and was still there after shutdown-timeout */
	EVENT_ASLEEP, /* silent; addresses claimed. took_us: since its last sign of life */
	EVENT_KNOCK, /* a packet started a wake: from, to, rule; the first magic packets go out */
	EVENT_REQUEST, /* a wake was asked for */
	EVENT_ATTEMPT, /* a further burst of magic packets (attempt of attempts) */
	EVENT_AWAKE, /* it answered; by, awake_us, attempt */
	EVENT_READY, /* a port with held connections answered: ready_us, replayed */
	EVENT_REPLAYED, /* held datagrams or echo requests were given to it */
	EVENT_NO_SIGN_OF_LIFE, /* all attempts are over */
	EVENT_CONFLICT, /* another host (from_mac) uses the address `to`: not claimed any more */
	EVENT_YIELDED, /* another guard (from_mac) keeps the claim of `to` */
	EVENT_RECLAIMED, /* after CONFLICT or YIELDED the address is claimed again */
	EVENT_NIC_ANSWERS, /* its NIC answers ARP while it sleeps */
	EVENT_GATE_OVER, /* hold ended before the port answered; held packets dropped */
	EVENT_SCANNER, /* a source broke scan-limit and wakes nothing for a while */
	EVENT_WAKE_LIMIT, /* a source broke wake-limit */
	EVENT_LEFT_OUT, /* events that were not logged, to limit a flood: replayed = how many */
	EVENT_PAIRED, /* its sleeper was paired, from there: only that one speaks for it now */
	EVENT_UNPAIRED, /* the pairing was ended */
	EVENT_STAYS, /* it takes its goodbye back */
	EVENT_KINDS
};

/* What a knock was; a packet's protocol. */
enum knock_kind { KNOCK_NONE, KNOCK_TCP, KNOCK_TCP_DATA, KNOCK_UDP, KNOCK_ECHO, KNOCK_KINDS };

struct event {
	uint64_t id; /* of the store; 0 until it is stored */
	uint64_t wall_ms;
	uint32_t machine; /* 0 when it concerns none */
	uint8_t kind; /* enum event_kind */
	uint8_t by; /* enum wake_by */
	uint8_t knock; /* enum knock_kind */
	uint8_t observed; /* observe = yes: it would have happened */
	uint8_t late; /* AWAKE: after all attempts had failed */
	uint8_t local; /* the knock came from or through the guard's own host */
	struct mac from_mac;
	struct addr from;
	struct addr to;
	uint16_t from_port;
	uint16_t to_port;
	uint16_t attempt;
	uint16_t attempts;
	uint64_t took_us; /* what the kind says; from the knock for everything about waking */
	uint32_t replayed;
	char name[SPEC_NAME_MAX + 1]; /* the machine's, at that time */
	char who[SPEC_NAME_MAX +
		 1]; /* BY_GRANT: the grant's name then; BY_REQUEST: "uid 1000"; GOODBYE: "suspend" or nothing */
};

/* The last wake of a machine, for `status`. Seconds count from the knock. */
struct wake_record {
	uint8_t by; /* enum wake_by; BY_NOBODY: never */
	uint8_t knock; /* enum knock_kind */
	uint16_t from_port;
	uint16_t to_port;
	uint16_t attempts; /* bursts sent */
	struct addr from;
	struct addr to;
	uint64_t at_wall_ms;
	uint64_t awake_us; /* 0: not (yet) */
	uint64_t ready_us; /* 0: no port was waited for, or not yet */
	uint32_t replayed;
	char who[SPEC_NAME_MAX + 1]; /* as in struct event */
};

/* What survives a restart besides the spec. */
struct machine_past {
	uint8_t state; /* enum machine_state */
	uint8_t nic_answers; /* its NIC answers ARP while it sleeps */
	uint64_t since_wall_ms;
	struct wake_record last_wake;
	/* The store's account, of no meaning to the core: time asleep that is over, counted since then. */
	uint64_t slept_since_ms, slept_ms;
};

const char *machine_state_name(enum machine_state s);
const char *wake_by_name(
	enum wake_by b); /* "knock", "request", "hand", "exit", "grant"; "nobody" */
const char *event_kind_name(enum event_kind k); /* "added", "no-sign-of-life", … stable, for JSON */
const char *knock_kind_name(enum knock_kind k); /* "tcp", "tcp", "udp", "echo"; "" for none */
/* For values that crossed a process boundary. */
bool event_sane(const struct event *e);
bool machine_past_sane(const struct machine_past *p);

#endif
