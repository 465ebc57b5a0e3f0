/*
 * discover: finds the guards of a LAN by multicast DNS (docs/lease-protocol.md, 1): one question, and what answers it within
 * a while. What is found is a hint: only pairing and the lease prove who it is.
 *
 * Owns its sockets, for as long as somebody looks. Refuses to know which guard is the right one.
 */
#ifndef ROUSE_SYS_DISCOVER_H
#define ROUSE_SYS_DISCOVER_H

#include "base/addr.h"

#include <stddef.h>
#include <stdint.h>

#define DISCOVER_ADDRESSES 8
#define DISCOVER_NAME 64
#define DISCOVER_GUARDS 16 /* that are told apart, 4 of them by one source */

struct discovered {
	char name[DISCOVER_NAME]; /* of the instance; UTF-8 without control characters */
	struct addr addresses[DISCOVER_ADDRESSES]; /* as the guard orders them: the best first */
	size_t addresses_n; /* at least 1 */
	uint16_t port;
	int ifindex; /* where it was heard: the scope of its link-local addresses */
};

/*
 * Asks on one interface (NULL: on all that are up and can multicast, but loopback), twice, and collects for `wait_ms`.
 * BLOCKS for all of that time: for commands. A daemon with a loop has the functions below.
 * How many guards are at `ret`, by their best addresses (whoever is told to choose one sees the same list each time), or a
 * negative errno (-ENODEV: no such interface, or none to ask on).
 */
int discover_guards(unsigned int wait_ms, const char *interface, struct discovered *ret,
		    size_t max);

struct discover;

int discover_open(const char *interface, struct discover **ret_discover);
/* NULL is fine. */
void discover_close(struct discover *d);
/* Readable when there is something to hear. */
int discover_fd(const struct discover *d);
/* Sends the question; a guard answers within 1.2 s, and at most once a second. 0, or the error when it went out nowhere. */
int discover_ask(struct discover *d);
/* Takes in what came; never blocks. How many guards are at `ret`: all that were heard since discover_open(). */
size_t discover_hear(struct discover *d, struct discovered *ret, size_t max);

#endif
