/*
 * discover: finds the guards of a LAN by multicast DNS (docs/lease-protocol.md, 1): one question, and what answers it within
 * a while. What is found is a hint: only pairing and the lease prove who it is.
 *
 * Owns its sockets for as long as a call lasts. Refuses to know which guard is the right one.
 */
#ifndef ROUSE_SYS_DISCOVER_H
#define ROUSE_SYS_DISCOVER_H

#include "base/addr.h"

#include <stddef.h>
#include <stdint.h>

#define DISCOVER_ADDRESSES 8
#define DISCOVER_NAME 64

struct discovered {
	char name[DISCOVER_NAME]; /* of the instance; its bytes are text_is_control-free UTF-8 */
	struct addr addresses[DISCOVER_ADDRESSES];
	size_t addresses_n; /* at least 1 */
	uint16_t port;
	int ifindex; /* where it was heard: the scope of its link-local addresses */
};

/*
 * Asks on one interface (NULL: on all that are up and can multicast, but loopback), twice, and collects for `wait_ms`.
 * BLOCKS for all of that time: for commands. A daemon with a loop calls discover_open() and its sisters.
 * How many guards are at `ret`, each once a name and interface; or a negative errno.
 */
int discover_guards(unsigned int wait_ms, const char *interface, struct discovered *ret,
		    size_t max);

#endif
