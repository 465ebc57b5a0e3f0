/*
 * machine: one machine as the core keeps it: its description, its state, and the state of each of its addresses.
 *
 * Owns the layout in the caller's memory and the one function that changes the state. Refuses to know why a state
 * changes (life, wake) and what is done about it (claim, gate, hold).
 */
#ifndef ROUSE_CORE_MACHINE_H
#define ROUSE_CORE_MACHINE_H

#include "base/event.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/spec.h"

struct machine;

enum index_kind { INDEX_MAC, INDEX_NAME, INDEX_ID, INDEX_ADDRESS };

/* What the tables of struct home hold; one form for all, so that a collision of hashes is only a comparison. */
struct index_entry {
	struct hash_node node;
	struct machine *machine;
	uint8_t kind; /* enum index_kind */
	uint8_t address; /* INDEX_ADDRESS: which */
	bool inserted;
};

enum claim_state {
	CLAIM_NONE, /* the machine answers for it, or nobody */
	CLAIM_HELD, /* the guard answers for it */
	CLAIM_YIELDED, /* another guard does */
	CLAIM_CONFLICT, /* another host uses it */
	CLAIM_STATES
};

/* One address of a machine. 0 in a time means never. */
struct claim {
	struct index_entry index;
	struct addr addr;
	uint8_t state; /* enum claim_state */
	uint8_t announces; /* left to make */
	uint8_t looks; /* YIELDED, CONFLICT: questions asked in the present look */
	bool real; /* they tell the machine's own MAC: the address is handed back */
	bool answered; /* it answered our own solicit since it last slept: may be handed back */
	bool local; /* the guard's own host talks to it */
	uint64_t announce_at; /* or NEVER */
	uint64_t look_at; /* or NEVER */
	uint64_t defended_at;
	uint64_t rival_at; /* another host was heard using it */
	struct mac rival;
	struct mac asker; /* observe: who asked for it last, and when */
	uint64_t asked_at;
};

/* Evidence about a machine, and when to look for more. */
struct life {
	uint8_t verify_from; /* UNKNOWN: what it was before */
	uint8_t probes; /* in this state, unanswered */
	uint8_t looks; /* while it sleeps, one address each */
	bool restarted; /* UNKNOWN: after a restart of the guard */
	bool nic_answers; /* its NIC answers ARP while it sleeps */
	bool proved; /* since it slept: more than a NIC's answers was heard */
	bool moved; /* it showed life while claimed: neighbours may have its own MAC */
	bool adopted; /* UNKNOWN: neighbours have the virtual MAC, though nothing is claimed (a restart) */
	uint64_t since; /* of the state */
	uint64_t since_wall_ms;
	uint64_t heard_at; /* last sign of life */
	uint64_t must_at; /* last that no NIC gives by itself */
	uint64_t answered_at; /* last answer to a solicit of ours */
	uint64_t run_since; /* of the present run of life */
	uint64_t goodbye_at;
	uint64_t probe_at; /* or NEVER */
	uint64_t nic_since; /* DROWSY: ports are asked since */
	uint64_t nic_probe_at; /* not before: ports are asked again */
	uint64_t repoint_at; /* or NEVER */
	uint64_t repointed_at;
};

/* Who knocked. */
struct caller {
	struct mac mac;
	struct addr from, to;
	uint16_t from_port, to_port;
	uint8_t knock; /* enum knock_kind; KNOCK_NONE: a request */
	bool local;
};

/* The series of bursts. */
struct wake {
	bool running;
	bool came_up; /* the machine came up after the last series */
	uint8_t by; /* enum wake_by, of the last series */
	uint8_t pending_by; /* a cause that waits; BY_NOBODY: none */
	uint16_t attempt; /* bursts sent */
	uint64_t started; /* the knock */
	uint64_t next; /* the next burst, or the end */
	uint64_t failed_at;
	uint64_t pending_at; /* when it may start, or NEVER: when the machine is asleep */
	struct caller caller;
	struct caller pending;
	char who[SPEC_NAME_MAX + 1]; /* BY_GRANT, BY_REQUEST, running or pending: who asked */
	struct wake_record record;
};

struct bucket {
	uint32_t spent;
	uint64_t refilled;
};

struct machine {
	struct heap_node timer;
	struct list node; /* of home, in order of adding */
	struct index_entry by_mac, by_name, by_id;
	uint32_t id;
	uint32_t line;
	uint16_t watts;
	struct mac mac;
	struct secureon secureon;
	uint8_t origin;
	uint8_t interface;
	uint8_t state; /* enum machine_state; changed by machine_enter() alone */
	bool dirty; /* EFFECT_PAST is due */
	bool dropped; /* EFFECT_DROP was given: nothing is done for it any more */
	bool has_sleeper; /* home_watch() */
	uint8_t held; /* slots in `holds` */
	struct life life;
	struct wake wake;
	struct bucket events;
	struct bucket changes; /* of its description, by registrations */
	struct list holds; /* struct hold_slot, the oldest first */
	struct list replays; /* struct hold_slot: SYNs that were sent, and are sent again soon */
	struct list gates; /* struct gate */
	uint16_t claims_n, rules_n, from_n, ignore_n;
	struct claim *claims;
	struct rule *rules;
	struct source *from, *ignore;
	char *name;
	char link[16]; /* the interface it was described with, or empty */
};

/* The one function that changes the state; asserts that the step is one of the life cycle's. */
void machine_enter(struct machine *m, enum machine_state to, struct moment now);
/* The claim for this address, or NULL. */
struct claim *machine_claim(const struct machine *m, const struct addr *a);
uint8_t machine_claim_index(const struct machine *m, const struct claim *c);
bool machine_holds_claims(const struct machine *m);
/* A person described it (file or `rouse add`), or it has a sleeper: its silence is watched. */
bool machine_is_watched(const struct machine *m);

#endif
