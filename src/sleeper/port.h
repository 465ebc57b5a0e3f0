/*
 * port: the interface that leads to the guard, the hardware below it (the ports of a bridge or a bond, the device of a
 * VLAN), and the addresses that the guard shall stand in for.
 *
 * Owns nothing: a value. Refuses to know Wake-on-LAN (arm.h).
 */
#ifndef ROUSE_SLEEPER_PORT_H
#define ROUSE_SLEEPER_PORT_H

#include "base/addr.h"
#include "base/spec.h"
#include "sys/netlink.h"

#include <stdbool.h>
#include <stddef.h>

#define PORT_PHYSICAL_MAX 8

enum port_wake {
	PORT_WAKE_UNKNOWN,
	PORT_WAKE_ARMED,
	PORT_WAKE_UNSUPPORTED, /* the hardware or its driver has no magic packet */
	PORT_WAKE_FAILED, /* could not be set */
	PORT_WAKE_LEFT, /* wake-on-lan = leave, and it is not armed */
	PORT_WAKES
};

/* "unknown", "armed", "unsupported", "failed", "left" */
const char *port_wake_name(enum port_wake w);

/* One piece of hardware. */
struct port_physical {
	char name[NETLINK_NAME];
	struct mac permanent; /* zero: not known */
	enum port_wake wake;
	bool told; /* that it was armed by us */
	bool carrier; /* sleeper.c's, like what arm.h knows */
};

struct port {
	int ifindex; /* 0: there is none now */
	char interface[NETLINK_NAME];
	struct mac mac; /* as the LAN sees it */
	bool carrier;
	size_t physical_n; /* 0: nothing below it is hardware */
	struct port_physical physical[PORT_PHYSICAL_MAX];
	struct secureon secureon; /* what the hardware wants in a magic packet; length 0: nothing */
	size_t addresses_n;
	struct addr addresses[SPEC_ADDRESSES_MAX]; /* best first */
};

struct net_view;
struct net_interface;

/*
 * Which interface: `name` when not empty; else the one with `guard` on link; else that of the default route; else the only
 * Ethernet interface with an address. NULL: none.
 */
const struct net_interface *port_choose(const struct net_view *v, const char *name,
					const struct addr *guard);
/*
 * Fills everything but what arm.h knows (wake, permanent, secureon) and the carriers of the hardware; these are kept where the
 * hardware is the same.
 */
void port_look(struct port *p, const struct net_interface *i);
/* The hardware below `name`, as that folder (/sys/class/net) shows it. */
void port_hardware(struct port *p, const char *sysfs, const char *name);
/* The addresses of an interface that are worth guarding, best first: IPv4, stable, link-local, temporary, deprecated. */
size_t port_addresses(const struct net_interface *i, struct addr ret[static SPEC_ADDRESSES_MAX]);

#endif
