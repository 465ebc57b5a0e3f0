/*
 * home_state: the insides of struct home, for the modules of the core alone.
 *
 * `now` is the moment of the call that is being served: time comes in as an argument of every public function and is
 * kept here while the call runs.
 */
#ifndef ROUSE_CORE_HOME_STATE_H
#define ROUSE_CORE_HOME_STATE_H

#include "core/home.h"
#include "core/limits.h"
#include "core/machine.h"

struct home_link {
	struct home_interface is;
	uint32_t claims; /* held there */
	uint64_t refresh_at; /* or NEVER */
};

struct home {
	struct home_settings set;
	struct effect_sink sink;
	struct moment now;
	struct hash_table addresses, macs; /* struct index_entry; names and ids are with the MACs */
	struct hash_key key;
	struct list machines;
	size_t count;
	struct heap heap;
	struct heap_node timer; /* of what belongs to no machine */
	struct home_link links[HOME_INTERFACES];
	uint8_t links_n; /* the rest was never there, and need not be looked at for each frame */
	struct list slots, gates; /* free ones */
	struct list knockers; /* free ones */
	struct list idle; /* knockers in use that hold nothing, the longest unseen first */
	struct hash_table sources;
	struct bucket askers[CLAIM_ASKERS]; /* by hash of their MAC */
	struct bucket source_events;
	uint32_t left_out; /* events */
	uint64_t left_out_at; /* when to say so, or NEVER */
};

/* Time since `then`; for ever when it never was. */
static inline uint64_t home_ago(const struct home *h, uint64_t then)
{
	return then == 0 ? NEVER : h->now.us - then;
}

static inline uint64_t home_in(const struct home *h, uint64_t us)
{
	return us >= NEVER - h->now.us ? NEVER : h->now.us + us;
}

/* One is spent of `burst`, of which one comes back every `gap`; false when there is none left. */
bool home_take(struct bucket *b, uint32_t burst, uint64_t gap, uint64_t now);
/* Gives an effect to the sink; in `observe` nothing that would be seen on the LAN. */
void home_emit(struct home *h, struct effect e);
/* An event of this machine (may be NULL); fills in who and when. */
void home_tell(struct home *h, struct machine *m, struct event e);
/* After anything happened to `m`: tells what must be stored, and when it wants to be called next. */
void home_settle(struct home *h, struct machine *m);
/* Its interface is there and has a link. */
bool home_link_up(const struct home *h, const struct machine *m);
struct claim *home_claim(const struct home *h, uint8_t interface, const struct addr *a);
/* The machine of this MAC on this interface, or NULL. */
struct machine *home_sender(const struct home *h, uint8_t interface, const struct mac *mac);
/* Puts the machine into the indexes, and takes it out of them, the order and the timers. */
void table_insert(struct home *h, struct machine *m);
void table_remove(struct home *h, struct machine *m);
/* A MAC of the guard itself, on any interface. */
bool home_is_own(const struct home *h, const struct mac *mac);
/* Claims held on an interface: keeps the switch-table refresh going. */
void home_count_claims(struct home *h, uint8_t interface, int by);

#endif
