/*
 * monitor_discovery: whether machines may find this guard, and the sockets that they find it by (multicast DNS): one that hears the
 * group and can send nothing, one that is connected to the group, for each interface and family. Both are for control.
 *
 * Owns them. They exist only while there is something to be found for: a machine that is guarded, or somebody who pairs one. It
 * never reads what comes in.
 */
#ifndef ROUSE_GUARD_MONITOR_DISCOVERY_H
#define ROUSE_GUARD_MONITOR_DISCOVERY_H

#include "guard/lan.h"
#include "proto/ipc.h"
#include "sys/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct monitor;

struct announcement {
	bool there;
	int ifindex;
	int hear, tell;
	struct ipc_discovery said;
	int failed; /* why the sockets could not be opened; 0 after they could */
};

struct discovery_side {
	struct announcement list[LAN_INTERFACES][2]; /* IPv4, IPv6 */
	struct loop_timer pairing; /* when it is over */
	char name[IPC_DISCOVERY_NAME];
};

int discovery_init(struct monitor *m);
void discovery_done(struct monitor *m);
/* Something changed that decides about it: interfaces, addresses, machines, the configuration. */
void discovery_update(struct monitor *m);
/* For so many seconds somebody may pair; 0: that is over. */
void discovery_pairing(struct monitor *m, uint32_t seconds);
/* All there is, to a new control. */
void discovery_tell_all(struct monitor *m);

#endif
