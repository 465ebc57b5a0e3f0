/*
 * knock: is this packet a reason to wake? Rules, sources that are wanted or not, and limits for those that touch too much.
 *
 * Owns what is remembered of sources. Refuses to know how a machine is woken.
 */
#ifndef ROUSE_CORE_KNOCK_H
#define ROUSE_CORE_KNOCK_H

#include "core/home_state.h"

struct knocker {
	struct hash_node node;
	struct list list; /* of home: free or idle; in none while something of it is held */
	struct addr addr;
	bool limit_named; /* in this window of wake-limit */
	uint16_t held; /* packets */
	uint16_t touches, wakes; /* in their windows */
	uint64_t muted_until;
	uint64_t touch_since, wake_since; /* windows; 0: none */
	uint32_t touched[KNOCK_REMEMBERED];
	uint32_t woken[KNOCK_REMEMBERED];
};

void knock_init(struct home *h, const struct home_memory *memory);
/* A packet for an address of ours: forward, hold, wake, or nothing. */
void knock_packet(struct home *h, struct claim *c, const struct packet *p);
/* The source as it is remembered, making room for it; NULL when there is none. */
struct knocker *knock_source(struct home *h, const struct addr *a);
/* Something of it is held (+1) or no more (-1). */
void knock_held(struct home *h, struct knocker *k, int by);

#endif
