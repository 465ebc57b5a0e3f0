/*
 * net: the monitor's view of this host's interfaces: what they are called, which addresses they
 * have, who their gateways are, and whether they forward. Kept current by netlink; survives lost
 * notifications by asking for everything again.
 *
 * Owns the view. Refuses to know what it is needed for.
 */
#ifndef ROUSE_SYS_NET_H
#define ROUSE_SYS_NET_H

#include "base/list.h"
#include "sys/loop.h"
#include "sys/netlink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_ADDRESSES_MAX 256 /* of one interface that are looked at; further ones are ignored */
#define NET_GATEWAYS_MAX 16
#define NET_INTERFACES_MAX 4096

struct net_interface {
	struct list node;
	int ifindex;
	struct netlink_link link;
	bool wireless; /* has a phy80211 or wireless folder in sysfs */
	bool forwards4; /* the kernel forwards IPv4 packets that arrive here */
	bool forwards6; /* likewise IPv6: it does for all interfaces, or this one is forced to */
	bool own6; /* the interface's own IPv6 setting, alone not decisive */
	struct netlink_address *addresses;
	size_t addresses_n;
	struct netlink_route gateways[NET_GATEWAYS_MAX]; /* default routes through it */
	size_t gateways_n;
};

struct net_view;

/*
 * Reads everything, then watches. `changed` is called from the loop after any change, once for
 * many; the pointers into the view are stable only until then.
 */
int net_view_new(struct loop *l, void (*changed)(void *context), void *context,
		 struct net_view **ret_view);
void net_view_free(struct net_view *v);

const struct net_interface *net_by_index(const struct net_view *v, int ifindex);
const struct net_interface *net_by_name(const struct net_view *v, const char *name);
/* In no particular order; NULL starts and ends. */
const struct net_interface *net_next(const struct net_view *v, const struct net_interface *i);
/* The Ethernet interface of the default route with the lowest metric, IPv4 before IPv6; NULL: none.
 */
const struct net_interface *net_default(const struct net_view *v);

/* One of the interface's own addresses. */
bool net_owns(const struct net_interface *i, const struct addr *a);
/* Any interface's own address. */
bool net_view_owns(const struct net_view *v, const struct addr *a);
bool net_is_gateway(const struct net_interface *i, const struct addr *a);
/* Within a prefix of one of the interface's addresses (fe80::/10 always is, where it has IPv6). */
bool net_on_link(const struct net_interface *i, const struct addr *a);
/* The directed broadcast address, or network address, of one of its IPv4 prefixes (up to /30). */
bool net_is_broadcast(const struct net_interface *i, const struct addr *a);
/*
 * Its own address that fits best as the source towards `to`: same prefix first, link-local for
 * link-local, never tentative, deprecated last. NULL: there is none of that family.
 */
const struct netlink_address *net_source_for(const struct net_interface *i, const struct addr *to);

/* --- the kernel's neighbour table, asked now --- */

int net_neighbour(struct net_view *v, int ifindex, const struct addr *a,
		  struct netlink_neighbour *ret_neighbour);
int net_neighbours(struct net_view *v, int ifindex,
		   void (*take)(void *context, const struct netlink_neighbour *n), void *context);
int net_neighbour_set(struct net_view *v, int ifindex, const struct addr *a, const struct mac *mac);
int net_neighbour_delete(struct net_view *v, int ifindex, const struct addr *a);

#endif
