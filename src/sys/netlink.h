/*
 * netlink: what rtnetlink says about links, addresses, default routes, neighbours and forwarding,
 * as plain values. The only door to libmnl.
 *
 * Owns a socket and its buffer. Keeps no model: that is net's. Attributes come from the kernel, and
 * are checked for size all the same.
 */
#ifndef ROUSE_SYS_NETLINK_H
#define ROUSE_SYS_NETLINK_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETLINK_NAME 16 /* IFNAMSIZ */

enum netlink_kind {
	NET_LINK,
	NET_ADDRESS,
	NET_ROUTE, /* default routes of the main table alone */
	NET_NEIGHBOUR,
	NET_FORWARDING,
};

struct netlink_link {
	char name[NETLINK_NAME];
	char kind[NETLINK_NAME]; /* IFLA_INFO_KIND: "macvlan", "bridge", "veth"; empty for hardware
				  */
	struct mac mac;
	bool ethernet; /* ARPHRD_ETHER with a six-byte address */
	bool loopback;
	bool up; /* configured up */
	bool carrier; /* and has a link */
	uint32_t mtu;
	int master; /* ifindex of the bridge or bond it is a port of, or 0 */
};

struct netlink_address {
	struct addr addr;
	uint8_t prefix;
	uint8_t scope; /* RT_SCOPE_... */
	bool tentative; /* DAD still runs, or failed: must not be used as a source */
	bool deprecated;
	bool temporary; /* RFC 8981 */
	bool expires; /* it has a lifetime: a lease, or an announced prefix */
};

struct netlink_route {
	uint8_t family; /* 4, 6: of the destinations */
	struct addr gateway; /* none for a route that is directly on link */
	uint32_t metric;
};

enum netlink_neighbour_state {
	NEIGHBOUR_INCOMPLETE, /* being asked for */
	NEIGHBOUR_FAILED, /* asked for in vain */
	NEIGHBOUR_KNOWN, /* reachable, stale, delay, probe */
	NEIGHBOUR_PERMANENT, /* also "noarp" */
	NEIGHBOUR_NONE,
};

struct netlink_neighbour {
	struct addr addr;
	struct mac mac; /* zero when not known */
	uint8_t state; /* enum netlink_neighbour_state */
};

#define NETLINK_ALL_INTERFACES (-1) /* FORWARDING: the value for all */

struct netlink_message {
	uint8_t kind; /* enum netlink_kind */
	bool gone; /* it was deleted */
	int ifindex;
	union {
		struct netlink_link link;
		struct netlink_address address;
		struct netlink_route route;
		struct netlink_neighbour neighbour;
		struct {
			uint8_t family;
			bool on;
		} forwarding;
	};
};

typedef void netlink_take(void *context, const struct netlink_message *m);

struct netlink;

/* `subscribe`: notifications of links, addresses, IPv4 and IPv6 routes, and forwarding arrive; else
 * requests only. */
int netlink_open(bool subscribe, struct netlink **ret_netlink);
void netlink_close(struct netlink *n);
int netlink_fd(const struct netlink *n);

/* Takes what is queued (bounded; more may be left). 0; -ENOBUFS: some were lost, discard what is
 * left and dump again. */
int netlink_receive(struct netlink *n, netlink_take *take, void *context);

/* Throws away what is queued: it is older than what a dump says from now on. */
void netlink_discard(struct netlink *n);

/* --- requests: on a socket that is not subscribed; the kernel answers within the call --- */

/* All there is of a kind; ifindex restricts neighbours to one interface, 0: all. -EINTR: changed
 * meanwhile and after three tries still; what was taken may be incomplete. */
int netlink_dump(struct netlink *n, enum netlink_kind kind, int ifindex, netlink_take *take,
		 void *context);
/* One entry of the neighbour table. -ENOENT when there is none. */
int netlink_neighbour(struct netlink *n, int ifindex, const struct addr *a,
		      struct netlink_neighbour *ret_neighbour);
/* Writes a dynamic entry (reachable, replaced when it exists, but never a permanent one: -EEXIST).
 * Needs CAP_NET_ADMIN: -EPERM. */
int netlink_neighbour_set(struct netlink *n, int ifindex, const struct addr *a,
			  const struct mac *mac);
/* 0 also when there is none; a permanent entry is left alone: -EEXIST. */
int netlink_neighbour_delete(struct netlink *n, int ifindex, const struct addr *a);

#endif
