#include "sys/net.h"

#include "sys/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Default routes are read anew this long after something touched them, once for many changes. */
#define ROUTES_AFTER_US 50000
/* When asking again failed (no memory, most likely). */
#define AGAIN_AFTER_US 1000000

struct net_view {
	struct netlink *events;
	struct netlink *queries;
	struct loop_watch watch;
	struct loop_timer again;
	void (*changed)(void *context);
	void *context;
	struct list interfaces;
	size_t interfaces_n;
	bool forwards6; /* IPv6 forwards everywhere or nowhere, whatever an interface says */
	bool dirty; /* something changed in this round */
	bool routes_due;
	bool forwarding_due; /* an interface is new */
	bool all_due; /* notifications were lost */
};

/* --- interfaces --- */

static struct net_interface *by_index(const struct net_view *v, int ifindex)
{
	list_each(it, &v->interfaces)
	{
		struct net_interface *i = container_of(it, struct net_interface, node);

		if (i->ifindex == ifindex)
			return i;
	}
	return NULL;
}

static void interface_free(struct net_view *v, struct net_interface *i)
{
	list_remove(&i->node);
	v->interfaces_n--;
	free(i->addresses);
	free(i);
}

static bool is_wireless(const char *name)
{
	static const char *const signs[] = { "phy80211", "wireless" };
	char path[64];

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/sys/class/net/%s/%s", name, signs[i]);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

static struct net_interface *interface_new(struct net_view *v, int ifindex)
{
	struct net_interface *i;

	if (v->interfaces_n == NET_INTERFACES_MAX)
		return NULL;
	i = calloc(1, sizeof(*i));
	if (!i) {
		v->all_due = true;
		return NULL;
	}
	i->ifindex = ifindex;
	list_init(&i->node);
	list_append(&v->interfaces, &i->node);
	v->interfaces_n++;
	/* The kernel spoke of its forwarding before it spoke of the interface. */
	v->forwarding_due = true;
	return i;
}

static bool link_equal(const struct netlink_link *a, const struct netlink_link *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->kind, b->kind) == 0 &&
	       mac_equal(&a->mac, &b->mac) && a->ethernet == b->ethernet &&
	       a->loopback == b->loopback && a->up == b->up && a->carrier == b->carrier &&
	       a->mtu == b->mtu && a->master == b->master;
}

static void take_link(struct net_view *v, const struct netlink_message *m)
{
	struct net_interface *i = by_index(v, m->ifindex);

	if (m->gone) {
		if (i)
			interface_free(v, i);
		v->dirty = v->dirty || i;
		return;
	}
	if (!i) {
		i = interface_new(v, m->ifindex);
		if (!i)
			return;
	} else if (link_equal(&i->link, &m->link)) {
		return;
	}
	/* IPv4 says nothing of the routes that go away with a link. */
	v->routes_due = v->routes_due || i->link.carrier != m->link.carrier ||
			i->link.up != m->link.up;
	i->link = m->link;
	i->wireless = is_wireless(i->link.name);
	v->dirty = true;
}

/* --- addresses --- */

static struct netlink_address *find_address(const struct net_interface *i, const struct addr *a)
{
	for (size_t n = 0; n < i->addresses_n; n++) {
		if (addr_equal(&i->addresses[n].addr, a))
			return &i->addresses[n];
	}
	return NULL;
}

static void add_address(struct net_view *v, struct net_interface *i,
			const struct netlink_address *a)
{
	struct netlink_address *more;

	if (i->addresses_n == NET_ADDRESSES_MAX)
		return;
	more = realloc(i->addresses, (i->addresses_n + 1) * sizeof(*more));
	if (!more) {
		v->all_due = true;
		return;
	}
	i->addresses = more;
	i->addresses[i->addresses_n++] = *a;
	v->dirty = true;
}

static void take_address(struct net_view *v, const struct netlink_message *m)
{
	struct net_interface *i = by_index(v, m->ifindex);
	struct netlink_address *old;

	if (!i)
		return;
	old = find_address(i, &m->address.addr);
	if (m->gone) {
		if (!old)
			return;
		*old = i->addresses[--i->addresses_n];
		v->dirty = true;
		v->routes_due = true;
	} else if (!old) {
		add_address(v, i, &m->address);
	} else if (memcmp(old, &m->address, sizeof(*old)) != 0) {
		*old = m->address;
		v->dirty = true;
	}
}

/* --- routes and forwarding --- */

static bool route_equal(const struct netlink_route *a, const struct netlink_route *b)
{
	return a->family == b->family && a->metric == b->metric &&
	       addr_equal(&a->gateway, &b->gateway);
}

static void take_route(struct net_view *v, const struct netlink_message *m)
{
	struct net_interface *i = by_index(v, m->ifindex);

	if (!i || i->gateways_n == NET_GATEWAYS_MAX)
		return;
	for (size_t n = 0; n < i->gateways_n; n++) {
		if (route_equal(&i->gateways[n], &m->route))
			return;
	}
	i->gateways[i->gateways_n++] = m->route;
}

static void take_forwarding(struct net_view *v, const struct netlink_message *m)
{
	struct net_interface *i = by_index(v, m->ifindex);
	bool six = m->forwarding.family == 6;
	bool *where = i ? six ? &i->own6 : &i->forwards4 : NULL;

	if (m->ifindex == NETLINK_ALL_INTERFACES && six)
		where = &v->forwards6;
	if (!where || *where == m->forwarding.on)
		return;
	*where = m->forwarding.on;
	v->dirty = true;
}

/* --- asking --- */

static void take_dumped(void *context, const struct netlink_message *m)
{
	struct net_view *v = context;

	switch ((enum netlink_kind)m->kind) {
	case NET_LINK:
		take_link(v, m);
		break;
	case NET_ADDRESS:
		take_address(v, m);
		break;
	case NET_ROUTE:
		take_route(v, m);
		break;
	case NET_FORWARDING:
		take_forwarding(v, m);
		break;
	case NET_NEIGHBOUR:
		break;
	}
}

static void take_notified(void *context, const struct netlink_message *m)
{
	struct net_view *v = context;

	/* One of several hops, an order of metrics: easier to read anew than to follow. */
	if (m->kind == NET_ROUTE)
		v->routes_due = true;
	else
		take_dumped(v, m);
}

static int read_one(struct net_view *v, enum netlink_kind kind)
{
	int r = netlink_dump(v->queries, kind, 0, take_dumped, v);

	/* Interrupted by changes again and again: those are notified, too. */
	return r == -EINTR ? 0 : r;
}

static int read_routes(struct net_view *v)
{
	int r;

	list_each(it, &v->interfaces) container_of(it, struct net_interface, node)->gateways_n = 0;
	v->routes_due = false;
	r = netlink_dump(v->queries, NET_ROUTE, 0, take_dumped, v);
	v->dirty = true;
	return r == -EINTR ? 0 : r;
}

static int read_forwarding(struct net_view *v)
{
	v->forwarding_due = false;
	return read_one(v, NET_FORWARDING);
}

static int read_all(struct net_view *v)
{
	int r;

	list_each_safe(it, &v->interfaces)
		interface_free(v, container_of(it, struct net_interface, node));
	v->all_due = false;
	v->dirty = true;
	r = read_one(v, NET_LINK);
	if (r == 0)
		r = read_one(v, NET_ADDRESS);
	if (r == 0)
		r = read_forwarding(v);
	return r < 0 ? r : read_routes(v);
}

static void view_derive(struct net_view *v)
{
	list_each(it, &v->interfaces)
	{
		struct net_interface *i = container_of(it, struct net_interface, node);

		i->forwards6 = i->own6 || v->forwards6;
	}
}

static void view_settle(struct net_view *v)
{
	if (v->all_due)
		loop_timer_set(&v->again, clock_monotonic_us() + AGAIN_AFTER_US);
	else if (v->routes_due && v->again.at == UINT64_MAX)
		loop_timer_set(&v->again, clock_monotonic_us() + ROUTES_AFTER_US);
	if (!v->dirty)
		return;
	v->dirty = false;
	view_derive(v);
	v->changed(v->context);
}

static void view_again(void *context)
{
	struct net_view *v = context;
	int r = v->all_due ? read_all(v) : read_routes(v);

	if (r < 0)
		v->all_due = true;
	view_settle(v);
}

static void view_ready(void *context, unsigned int what)
{
	struct net_view *v = context;
	int r = netlink_receive(v->events, take_notified, v);

	(void)what;
	if (r < 0) {
		/* What is still queued is older than what we read now, and would undo it. */
		netlink_discard(v->events);
		r = read_all(v);
	} else if (v->forwarding_due) {
		r = read_forwarding(v);
	}
	if (r < 0)
		v->all_due = true;
	view_settle(v);
}

int net_view_new(struct loop *l, void (*changed)(void *context), void *context,
		 struct net_view **ret_view)
{
	struct net_view *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return -ENOMEM;
	v->changed = changed;
	v->context = context;
	list_init(&v->interfaces);
	/* Subscribed before reading: nothing that happens in between is missed. */
	r = netlink_open(true, &v->events);
	if (r == 0)
		r = netlink_open(false, &v->queries);
	if (r == 0)
		r = loop_timer_init(&v->again, l, view_again, v);
	if (r == 0)
		r = loop_watch_init(&v->watch, l, netlink_fd(v->events), LOOP_READ, view_ready, v);
	if (r == 0)
		r = read_all(v);
	if (r < 0) {
		net_view_free(v);
		return r;
	}
	v->dirty = false;
	view_derive(v);
	*ret_view = v;
	return 0;
}

void net_view_free(struct net_view *v)
{
	if (!v)
		return;
	list_each_safe(it, &v->interfaces)
		interface_free(v, container_of(it, struct net_interface, node));
	loop_watch_done(&v->watch);
	loop_timer_done(&v->again);
	netlink_close(v->events);
	netlink_close(v->queries);
	free(v);
}

/* --- looking --- */

const struct net_interface *net_by_index(const struct net_view *v, int ifindex)
{
	return by_index(v, ifindex);
}

const struct net_interface *net_by_name(const struct net_view *v, const char *name)
{
	for (const struct net_interface *i = net_next(v, NULL); i; i = net_next(v, i)) {
		if (strcmp(i->link.name, name) == 0)
			return i;
	}
	return NULL;
}

const struct net_interface *net_next(const struct net_view *v, const struct net_interface *i)
{
	struct list *next = i ? i->node.next : v->interfaces.next;

	return next == &v->interfaces ? NULL : container_of(next, struct net_interface, node);
}

/* A lower rank is better: IPv4 routes first, then by metric. */
static uint64_t route_rank(const struct netlink_route *r)
{
	return (uint64_t)(r->family != 4) << 32 | r->metric;
}

const struct net_interface *net_default(const struct net_view *v)
{
	const struct net_interface *best = NULL;
	uint64_t best_rank = UINT64_MAX;

	for (const struct net_interface *i = net_next(v, NULL); i; i = net_next(v, i)) {
		for (size_t n = 0; i->link.ethernet && n < i->gateways_n; n++) {
			uint64_t rank = route_rank(&i->gateways[n]);

			if (rank < best_rank) {
				best = i;
				best_rank = rank;
			}
		}
	}
	return best;
}

bool net_owns(const struct net_interface *i, const struct addr *a)
{
	return find_address(i, a) != NULL;
}

bool net_view_owns(const struct net_view *v, const struct addr *a)
{
	for (const struct net_interface *i = net_next(v, NULL); i; i = net_next(v, i)) {
		if (net_owns(i, a))
			return true;
	}
	return false;
}

bool net_is_gateway(const struct net_interface *i, const struct addr *a)
{
	for (size_t n = 0; n < i->gateways_n; n++) {
		if (addr_equal(&i->gateways[n].gateway, a))
			return true;
	}
	return false;
}

static struct prefix prefix_of(const struct netlink_address *a)
{
	return (struct prefix){ .addr = a->addr, .length = a->prefix };
}

bool net_on_link(const struct net_interface *i, const struct addr *a)
{
	for (size_t n = 0; n < i->addresses_n; n++) {
		struct prefix p = prefix_of(&i->addresses[n]);

		if (prefix_contains(&p, a))
			return true;
		if (a->family == 6 && p.addr.family == 6 && addr_is_link_local(a))
			return true;
	}
	return false;
}

bool net_is_broadcast(const struct net_interface *i, const struct addr *a)
{
	for (size_t n = 0; n < i->addresses_n; n++) {
		struct prefix p = prefix_of(&i->addresses[n]);
		uint32_t host, bits;

		/* RFC 3021: a /31 has neither. */
		if (p.addr.family != 4 || p.length > 30 || !prefix_contains(&p, a))
			continue;
		host = (uint32_t)a->b[0] << 24 | (uint32_t)a->b[1] << 16 | (uint32_t)a->b[2] << 8 |
		       a->b[3];
		bits = UINT32_MAX >> p.length;
		if ((host & bits) == bits || (host & bits) == 0)
			return true;
	}
	return false;
}

/* How well an own address fits as the source towards `to`; negative: not at all. */
static int source_fit(const struct netlink_address *a, const struct addr *to)
{
	struct prefix p = prefix_of(a);

	if (a->tentative || a->addr.family != to->family)
		return -1;
	return (addr_is_link_local(&a->addr) == addr_is_link_local(to) ? 8 : 0) +
	       (prefix_contains(&p, to) ? 4 : 0) + (a->deprecated ? 0 : 2) + (a->temporary ? 0 : 1);
}

const struct netlink_address *net_source_for(const struct net_interface *i, const struct addr *to)
{
	const struct netlink_address *best = NULL;
	int best_fit = -1;

	for (size_t n = 0; n < i->addresses_n; n++) {
		int fit = source_fit(&i->addresses[n], to);

		if (fit > best_fit) {
			best = &i->addresses[n];
			best_fit = fit;
		}
	}
	return best;
}

/* --- neighbours --- */

int net_neighbour(struct net_view *v, int ifindex, const struct addr *a,
		  struct netlink_neighbour *ret_neighbour)
{
	return netlink_neighbour(v->queries, ifindex, a, ret_neighbour);
}

struct neighbours {
	int ifindex;
	void (*take)(void *context, const struct netlink_neighbour *n);
	void *context;
};

static void neighbours_take(void *context, const struct netlink_message *m)
{
	const struct neighbours *n = context;

	if (m->kind == NET_NEIGHBOUR && m->ifindex == n->ifindex)
		n->take(n->context, &m->neighbour);
}

int net_neighbours(struct net_view *v, int ifindex,
		   void (*take)(void *context, const struct netlink_neighbour *n), void *context)
{
	struct neighbours n = { .ifindex = ifindex, .take = take, .context = context };

	return netlink_dump(v->queries, NET_NEIGHBOUR, ifindex, neighbours_take, &n);
}

int net_neighbour_set(struct net_view *v, int ifindex, const struct addr *a, const struct mac *mac)
{
	return netlink_neighbour_set(v->queries, ifindex, a, mac);
}

int net_neighbour_delete(struct net_view *v, int ifindex, const struct addr *a)
{
	return netlink_neighbour_delete(v->queries, ifindex, a);
}
