#include "sleeper/port.h"

#include "sys/net.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 4 /* a VLAN on a bridge on a bond on a card */
#define SYSFS "/sys/class/net"
#define PATH_SIZE 256

const char *port_wake_name(enum port_wake w)
{
	static const char *const names[PORT_WAKES] = {
		[PORT_WAKE_UNKNOWN] = "unknown",
		[PORT_WAKE_ARMED] = "armed",
		[PORT_WAKE_UNSUPPORTED] = "unsupported",
		[PORT_WAKE_FAILED] = "failed",
		[PORT_WAKE_LEFT] = "left",
	};

	return names[w];
}

/* --- which interface --- */

static bool usable(const struct net_interface *i)
{
	return i->link.ethernet && !i->link.loopback && i->addresses_n > 0;
}

static const struct net_interface *towards(const struct net_view *v, const struct addr *guard)
{
	for (const struct net_interface *i = net_next(v, NULL); i; i = net_next(v, i)) {
		if (usable(i) && net_on_link(i, guard))
			return i;
	}
	return NULL;
}

static const struct net_interface *only(const struct net_view *v)
{
	const struct net_interface *found = NULL;

	for (const struct net_interface *i = net_next(v, NULL); i; i = net_next(v, i)) {
		if (!usable(i))
			continue;
		if (found)
			return NULL;
		found = i;
	}
	return found;
}

const struct net_interface *port_choose(const struct net_view *v, const char *name,
					const struct addr *guard)
{
	const struct net_interface *i = NULL;

	if (name[0])
		return net_by_name(v, name);
	/* Every interface with IPv6 has link-local addresses on link. */
	if (guard->family && !addr_is_link_local(guard))
		i = towards(v, guard);
	if (!i)
		i = net_default(v);
	return i ? i : only(v);
}

/* --- addresses --- */

/* A lower rank is worth more; 16 at most are said. */
static int rank_of(const struct netlink_address *a)
{
	int rank = a->addr.family == 4 ? 0 : addr_is_link_local(&a->addr) ? 2 : 1;

	if (a->temporary)
		rank = 3;
	return a->deprecated ? 4 : rank;
}

#define RANKS 5

size_t port_addresses(const struct net_interface *i, struct addr ret[static SPEC_ADDRESSES_MAX])
{
	size_t n = 0;

	for (int rank = 0; rank < RANKS; rank++) {
		for (size_t k = 0; k < i->addresses_n && n < SPEC_ADDRESSES_MAX; k++) {
			const struct netlink_address *a = &i->addresses[k];

			if (!a->tentative && rank_of(a) == rank && !addr_is_loopback(&a->addr))
				ret[n++] = a->addr;
		}
	}
	return n;
}

/* --- what is below it --- */

static bool is_hardware(const char *sysfs, const char *name)
{
	char path[PATH_SIZE];

	(void)snprintf(path, sizeof(path), "%s/%s/device", sysfs, name);
	return access(path, F_OK) == 0;
}

static void add_physical(struct port *p, const char *name)
{
	struct port_physical *to = &p->physical[p->physical_n];

	for (size_t i = 0; i < p->physical_n; i++) {
		if (strcmp(p->physical[i].name, name) == 0)
			return;
	}
	if (p->physical_n == PORT_PHYSICAL_MAX || strlen(name) >= sizeof(to->name))
		return;
	p->physical_n++;
	*to = (struct port_physical){ .wake = PORT_WAKE_UNKNOWN };
	memcpy(to->name, name, strlen(name) + 1);
}

/* Follows the links lower_NAME that bridges, bonds, VLANs and teams have in sysfs. */
static void look_below(struct port *p, const char *sysfs, const char *name, int depth)
{
	char path[PATH_SIZE];
	struct dirent *e;
	DIR *d;

	if (is_hardware(sysfs, name)) {
		add_physical(p, name);
		return;
	}
	(void)snprintf(path, sizeof(path), "%s/%s", sysfs, name);
	d = depth < DEPTH_MAX ? opendir(path) : NULL;
	/* cppcheck-suppress readdirCalled ; one thread reads this stream */
	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, "lower_", 6) == 0 && strlen(e->d_name + 6) < NETLINK_NAME)
			look_below(p, sysfs, e->d_name + 6, depth + 1);
	}
	if (d)
		closedir(d);
}

void port_hardware(struct port *p, const char *sysfs, const char *name)
{
	p->physical_n = 0;
	look_below(p, sysfs, name, 0);
}

/* What arm.h knows of the same hardware stays. */
static void keep_known(struct port *p, const struct port *old)
{
	for (size_t i = 0; i < p->physical_n; i++) {
		for (size_t k = 0; k < old->physical_n; k++) {
			if (strcmp(p->physical[i].name, old->physical[k].name) == 0)
				p->physical[i] = old->physical[k];
		}
	}
}

void port_look(struct port *p, const struct net_interface *i)
{
	struct port old = *p;

	*p = (struct port){ .secureon = old.secureon };
	if (!i)
		return;
	p->ifindex = i->ifindex;
	memcpy(p->interface, i->link.name, sizeof(p->interface));
	p->mac = i->link.mac;
	p->carrier = i->link.carrier;
	port_hardware(p, SYSFS, i->link.name);
	keep_known(p, &old);
	p->addresses_n = port_addresses(i, p->addresses);
}
