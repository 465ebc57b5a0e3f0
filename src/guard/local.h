/*
 * local: knocks that the guard's own host makes or forwards (local = yes). Its packets are outgoing, which the capture does
 * not see, and its kernel's ARP requests get no answer from the wire. So, while something is claimed, the kernel's
 * neighbour table is looked at; when it asks for a claimed address, and only then, a dynamic entry points it to the virtual
 * MAC and a tap shows the engine what is sent there. Measured reasons: docs/adr/.
 *
 * Needs CAP_NET_ADMIN. Leaves nothing that outlives a crash by more than the neighbour table's ageing.
 */
#ifndef ROUSE_GUARD_LOCAL_H
#define ROUSE_GUARD_LOCAL_H

#include "guard/lan.h"
#include "sys/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCAL_ENTRIES_MAX 256 /* addresses this host is kept waiting for at once */

struct local_entry {
	struct addr addr;
	struct mac mac; /* where the kernel is pointed to */
	uint8_t slot;
	uint64_t written; /* us */
	uint64_t asked; /* when the host last had something for it, us */
};

struct local {
	bool on;
	struct lan *lan;
	struct loop_timer timer;
	int taps[LAN_INTERFACES]; /* -1: closed */
	uint64_t heard[LAN_INTERFACES]; /* when a tap last saw a packet, us */
	struct local_entry entries[LOCAL_ENTRIES_MAX];
	size_t n;
	void (*tap)(void *context, uint8_t slot, int fd); /* fd -1: closed */
	void *context;
};

int local_init(struct local *l, struct loop *loop, struct lan *lan,
	       void (*tap)(void *context, uint8_t slot, int fd), void *context);
/* Removes the entries it made. */
void local_done(struct local *l);
void local_set(struct local *l, bool on);
void local_claimed(struct local *l, uint8_t slot, const struct addr *a);
/* `machine` is where the address is now; NULL: not known. */
void local_released(struct local *l, uint8_t slot, const struct addr *a, const struct mac *machine);
/* The kernel's entry shall say this; NULL: the virtual MAC. */
void local_point(struct local *l, uint8_t slot, const struct addr *a, const struct mac *machine);
/* A new engine: its claims and taps start over. */
void local_restart(struct local *l);

#endif
