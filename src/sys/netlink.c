#include "sys/netlink.h"

#include <assert.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define BUFFER 32768 /* what the kernel fills at most with one part of a dump */
#define RECEIVE_ROUND 64 /* packets of notifications taken at once */
#define DISCARD_MAX 65536
#define DUMP_TRIES 3
#define ATTRIBUTES 64 /* of one message that are looked at, by number */

struct netlink {
	struct mnl_socket *socket;
	unsigned int port;
	uint32_t sequence;
	alignas(struct nlmsghdr) char buffer[BUFFER];
};

static const int groups[] = {
	RTNLGRP_LINK,	    RTNLGRP_IPV4_IFADDR,  RTNLGRP_IPV6_IFADDR,	RTNLGRP_IPV4_ROUTE,
	RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF,
};

int netlink_open(bool subscribe, struct netlink **ret_netlink)
{
	struct netlink *n = calloc(1, sizeof(*n));
	int r = 0;

	if (!n)
		return -ENOMEM;
	n->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | (subscribe ? SOCK_NONBLOCK : 0));
	if (!n->socket || mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		r = -errno;
	for (size_t i = 0; r == 0 && subscribe && i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i];

		/* Without IPv6 its groups do not exist. */
		if (mnl_socket_setsockopt(n->socket, NETLINK_ADD_MEMBERSHIP, &group,
					  sizeof(group)) < 0 &&
		    errno != EINVAL && errno != ENOENT)
			r = -errno;
	}
	if (r == 0 && !subscribe) {
		/* The kernel answers within the call; should it not, the guard must not hang. */
		struct timeval patience = { .tv_sec = 1 };

		setsockopt(mnl_socket_get_fd(n->socket), SOL_SOCKET, SO_RCVTIMEO, &patience,
			   sizeof(patience));
	}
	if (r < 0) {
		netlink_close(n);
		return r;
	}
	n->port = mnl_socket_get_portid(n->socket);
	*ret_netlink = n;
	return 0;
}

void netlink_close(struct netlink *n)
{
	if (!n)
		return;
	if (n->socket)
		mnl_socket_close(n->socket);
	free(n);
}

int netlink_fd(const struct netlink *n)
{
	return mnl_socket_get_fd(n->socket);
}

/* --- attributes --- */

struct attributes {
	const struct nlattr *of[ATTRIBUTES];
};

static int attribute_take(const struct nlattr *a, void *context)
{
	struct attributes *all = context;

	if (mnl_attr_get_type(a) < ATTRIBUTES)
		all->of[mnl_attr_get_type(a)] = a;
	return MNL_CB_OK;
}

static struct attributes attributes_of(const struct nlmsghdr *h, unsigned int offset)
{
	struct attributes all = { { NULL } };

	mnl_attr_parse(h, offset, attribute_take, &all);
	return all;
}

static uint32_t attribute_u32(const struct attributes *all, int type, uint32_t otherwise)
{
	const struct nlattr *a = all->of[type];

	return a && mnl_attr_get_payload_len(a) == sizeof(uint32_t) ? mnl_attr_get_u32(a)
								    : otherwise;
}

static void attribute_name(const struct nlattr *a, char to[static NETLINK_NAME])
{
	memset(to, 0, NETLINK_NAME);
	if (a)
		memcpy(to, mnl_attr_get_payload(a),
		       mnl_attr_get_payload_len(a) < NETLINK_NAME ? mnl_attr_get_payload_len(a)
								  : NETLINK_NAME - 1);
}

static bool attribute_mac(const struct nlattr *a, struct mac *ret_mac)
{
	if (!a || mnl_attr_get_payload_len(a) != sizeof(ret_mac->b))
		return false;
	memcpy(ret_mac->b, mnl_attr_get_payload(a), sizeof(ret_mac->b));
	return true;
}

static struct addr attribute_addr(const struct nlattr *a)
{
	if (a && mnl_attr_get_payload_len(a) == 4)
		return addr_v4(mnl_attr_get_payload(a));
	if (a && mnl_attr_get_payload_len(a) == 16)
		return addr_v6(mnl_attr_get_payload(a));
	return ADDR_NONE;
}

static uint8_t family_of(uint8_t af)
{
	return af == AF_INET ? 4 : af == AF_INET6 ? 6 : 0;
}

/* --- messages: each decoder fills *m and says whether it is of any interest --- */

static void link_kind(const struct nlattr *info, char to[static NETLINK_NAME])
{
	struct attributes all = { { NULL } };

	if (!info)
		return;
	mnl_attr_parse_nested(info, attribute_take, &all);
	attribute_name(all.of[IFLA_INFO_KIND], to);
}

static bool decode_link(const struct nlmsghdr *h, struct netlink_message *m)
{
	const struct ifinfomsg *i = mnl_nlmsg_get_payload(h);
	struct netlink_link *l = &m->link;

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*i) || i->ifi_family == AF_BRIDGE)
		return false; /* a bridge says that a port left it, not that the link is gone */

	struct attributes all = attributes_of(h, sizeof(*i));

	m->ifindex = i->ifi_index;
	attribute_name(all.of[IFLA_IFNAME], l->name);
	link_kind(all.of[IFLA_LINKINFO], l->kind);
	l->ethernet = attribute_mac(all.of[IFLA_ADDRESS], &l->mac) && i->ifi_type == ARPHRD_ETHER;
	l->loopback = (i->ifi_flags & IFF_LOOPBACK) != 0;
	l->up = (i->ifi_flags & IFF_UP) != 0;
	l->carrier = l->up && (i->ifi_flags & IFF_RUNNING) != 0;
	l->mtu = attribute_u32(&all, IFLA_MTU, 0);
	l->master = (int)attribute_u32(&all, IFLA_MASTER, 0);
	return true;
}

static bool decode_address(const struct nlmsghdr *h, struct netlink_message *m)
{
	const struct ifaddrmsg *i = mnl_nlmsg_get_payload(h);
	struct netlink_address *a = &m->address;

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*i))
		return false;

	struct attributes all = attributes_of(h, sizeof(*i));
	uint32_t flags = attribute_u32(&all, IFA_FLAGS, i->ifa_flags);
	const struct nlattr *local = all.of[IFA_LOCAL];

	m->ifindex = (int)i->ifa_index;
	/* On a point-to-point link IFA_ADDRESS is the other end's. */
	a->addr = attribute_addr(local ? local : all.of[IFA_ADDRESS]);
	a->prefix = i->ifa_prefixlen;
	a->scope = i->ifa_scope;
	/* An optimistic address (RFC 4429) may be used, but not to speak for it. */
	a->tentative = (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_OPTIMISTIC)) != 0;
	a->deprecated = (flags & IFA_F_DEPRECATED) != 0;
	a->temporary = i->ifa_family == AF_INET6 && (flags & IFA_F_TEMPORARY);
	a->expires = !(flags & IFA_F_PERMANENT);
	return a->addr.family != 0 && i->ifa_prefixlen <= addr_size(&a->addr) * 8;
}

/* The gateway among the attributes of one hop. */
static void route_hop(const struct attributes *all, struct addr *ret_gateway)
{
	const struct nlattr *via = all->of[RTA_VIA];

	*ret_gateway = attribute_addr(all->of[RTA_GATEWAY]);
	/* An IPv4 route over an IPv6 gateway: struct rtvia is the family and the address. */
	if (via && mnl_attr_get_payload_len(via) == sizeof(struct rtvia) + 16)
		*ret_gateway = addr_v6((const uint8_t *)mnl_attr_get_payload(via) +
				       sizeof(struct rtvia));
}

static void route_multipath(const struct nlattr *list, struct netlink_message *m,
			    netlink_take *take, void *context)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(list);
	size_t left = mnl_attr_get_payload_len(list);

	while (left >= sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) && hop->rtnh_len <= left) {
		struct attributes all = { { NULL } };
		unsigned int step = (hop->rtnh_len + 3u) & ~3u;

		mnl_attr_parse_payload(hop + 1, hop->rtnh_len - sizeof(*hop), attribute_take, &all);
		m->ifindex = hop->rtnh_ifindex;
		route_hop(&all, &m->route.gateway);
		take(context, m);
		left -= step < left ? step : left;
		hop = (const struct rtnexthop *)(const void *)((const char *)hop + step);
	}
}

/* A route may have several hops: says each by itself. */
static void decode_route(const struct nlmsghdr *h, struct netlink_message *m, netlink_take *take,
			 void *context)
{
	const struct rtmsg *i = mnl_nlmsg_get_payload(h);

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*i) || i->rtm_dst_len != 0 ||
	    i->rtm_type != RTN_UNICAST || (i->rtm_flags & RTM_F_CLONED))
		return;

	struct attributes all = attributes_of(h, sizeof(*i));

	if (attribute_u32(&all, RTA_TABLE, i->rtm_table) != RT_TABLE_MAIN)
		return;
	m->route.family = family_of(i->rtm_family);
	m->route.metric = attribute_u32(&all, RTA_PRIORITY, 0);
	if (all.of[RTA_MULTIPATH]) {
		route_multipath(all.of[RTA_MULTIPATH], m, take, context);
		return;
	}
	m->ifindex = (int)attribute_u32(&all, RTA_OIF, 0);
	route_hop(&all, &m->route.gateway);
	if (m->ifindex > 0 && m->route.family)
		take(context, m);
}

static enum netlink_neighbour_state neighbour_state(uint16_t state)
{
	if (state & (NUD_PERMANENT | NUD_NOARP))
		return NEIGHBOUR_PERMANENT;
	if (state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE))
		return NEIGHBOUR_KNOWN;
	if (state & NUD_INCOMPLETE)
		return NEIGHBOUR_INCOMPLETE;
	return state & NUD_FAILED ? NEIGHBOUR_FAILED : NEIGHBOUR_NONE;
}

static bool decode_neighbour(const struct nlmsghdr *h, struct netlink_message *m)
{
	const struct ndmsg *i = mnl_nlmsg_get_payload(h);

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*i) || !family_of(i->ndm_family))
		return false;

	struct attributes all = attributes_of(h, sizeof(*i));

	m->ifindex = i->ndm_ifindex;
	m->neighbour.addr = attribute_addr(all.of[NDA_DST]);
	attribute_mac(all.of[NDA_LLADDR], &m->neighbour.mac);
	m->neighbour.state = (uint8_t)neighbour_state(i->ndm_state);
	return m->neighbour.addr.family != 0;
}

static bool decode_forwarding(const struct nlmsghdr *h, struct netlink_message *m)
{
	const struct netconfmsg *i = mnl_nlmsg_get_payload(h);

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*i) || !family_of(i->ncm_family))
		return false;

	struct attributes all = attributes_of(h, sizeof(*i));

	/* Absent when the notification is about another setting. */
	if (!all.of[NETCONFA_IFINDEX] || !all.of[NETCONFA_FORWARDING])
		return false;
	m->ifindex = (int)attribute_u32(&all, NETCONFA_IFINDEX, 0);
	m->forwarding.family = family_of(i->ncm_family);
	m->forwarding.on = attribute_u32(&all, NETCONFA_FORWARDING, 0) != 0;
	return m->ifindex > 0 || m->ifindex == NETLINK_ALL_INTERFACES;
}

/* NOLINTNEXTLINE(misc-redundant-expression): that they are equal is the point */
static_assert(NETCONFA_IFINDEX_ALL == NETLINK_ALL_INTERFACES, "what the kernel calls all");

struct taker {
	netlink_take *take;
	void *context;
};

static void message_decode(const struct nlmsghdr *h, const struct taker *t)
{
	uint16_t type = h->nlmsg_type;
	struct netlink_message m;
	bool good = false;

	memset(&m, 0, sizeof(m));
	m.gone = type == RTM_DELLINK || type == RTM_DELADDR || type == RTM_DELROUTE ||
		 type == RTM_DELNEIGH;
	switch (type) {
	case RTM_DELLINK:
	case RTM_NEWLINK:
		m.kind = NET_LINK;
		good = decode_link(h, &m);
		break;
	case RTM_DELADDR:
	case RTM_NEWADDR:
		m.kind = NET_ADDRESS;
		good = decode_address(h, &m);
		break;
	case RTM_DELNEIGH:
	case RTM_NEWNEIGH:
		m.kind = NET_NEIGHBOUR;
		good = decode_neighbour(h, &m);
		break;
	case RTM_NEWNETCONF:
		m.kind = NET_FORWARDING;
		good = decode_forwarding(h, &m);
		break;
	case RTM_DELROUTE:
	case RTM_NEWROUTE:
		m.kind = NET_ROUTE;
		decode_route(h, &m, t->take, t->context);
		break;
	}
	if (good)
		t->take(t->context, &m);
}

/* --- notifications --- */

static const struct nlmsghdr *first(const struct netlink *n)
{
	return (const struct nlmsghdr *)(const void *)n->buffer;
}

int netlink_receive(struct netlink *n, netlink_take *take, void *context)
{
	struct taker t = { .take = take, .context = context };

	for (int i = 0; i < RECEIVE_ROUND; i++) {
		ssize_t got = mnl_socket_recvfrom(n->socket, n->buffer, sizeof(n->buffer));

		if (got < 0 && errno == EAGAIN)
			return 0;
		if (got < 0 && errno == EINTR)
			continue;
		/* ENOSPC: one message larger than the buffer, cut: as good as lost. */
		if (got < 0)
			return errno == ENOSPC ? -ENOBUFS : -errno;

		int left = (int)got;

		for (const struct nlmsghdr *h = first(n); mnl_nlmsg_ok(h, left);
		     h = mnl_nlmsg_next(h, &left))
			message_decode(h, &t);
	}
	return 0;
}

void netlink_discard(struct netlink *n)
{
	/* Bounded: a kernel that never stops talking is asked again when it is heard next. */
	for (int i = 0; i < DISCARD_MAX; i++) {
		if (recv(netlink_fd(n), n->buffer, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
			return;
	}
}

/* --- requests --- */

static struct nlmsghdr *request(struct netlink *n, uint16_t type, unsigned int flags,
				const void *body, size_t body_n)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(n->buffer);

	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = ++n->sequence;
	memcpy(mnl_nlmsg_put_extra_header(h, body_n), body, body_n);
	return h;
}

static int error_of(const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

	return mnl_nlmsg_get_payload_len(h) < sizeof(*e) || e->error > 0 ? -EPROTO : e->error;
}

/* One packet of an answer: 1 more follows, 0 complete, negative errno. */
static int answer_part(const struct netlink *n, int left, const struct taker *t, bool *interrupted)
{
	for (const struct nlmsghdr *h = first(n); mnl_nlmsg_ok(h, left);
	     h = mnl_nlmsg_next(h, &left)) {
		/* What is left of an answer that was given up earlier. */
		if (!mnl_nlmsg_portid_ok(h, n->port) || !mnl_nlmsg_seq_ok(h, n->sequence))
			continue;
		if (h->nlmsg_flags & NLM_F_DUMP_INTR)
			*interrupted = true;
		if (h->nlmsg_type == NLMSG_ERROR)
			return error_of(h);
		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		message_decode(h, t);
	}
	return 1;
}

/* Sends, and takes everything up to the end of the answer. */
static int ask(struct netlink *n, const struct nlmsghdr *h, netlink_take *take, void *context)
{
	struct taker t = { .take = take, .context = context };
	bool interrupted = false;
	int r;

	if (mnl_socket_sendto(n->socket, h, h->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t got = mnl_socket_recvfrom(n->socket, n->buffer, sizeof(n->buffer));

		if (got < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		r = answer_part(n, (int)got, &t, &interrupted);
	} while (r > 0);
	return r == 0 && interrupted ? -EINTR : r;
}

static int dump_family(struct netlink *n, enum netlink_kind kind, uint8_t af, int ifindex,
		       netlink_take *take, void *context)
{
	/* The fixed part's size matters: what follows it is taken for attributes. */
	static const struct {
		uint16_t type;
		uint8_t size;
	} about[] = {
		[NET_LINK] = { RTM_GETLINK, sizeof(struct ifinfomsg) },
		[NET_ADDRESS] = { RTM_GETADDR, sizeof(struct ifaddrmsg) },
		[NET_ROUTE] = { RTM_GETROUTE, sizeof(struct rtmsg) },
		[NET_NEIGHBOUR] = { RTM_GETNEIGH, sizeof(struct ndmsg) },
		[NET_FORWARDING] = { RTM_GETNETCONF, sizeof(struct netconfmsg) },
	};
	/* All of them start with the family, and are zero otherwise. */
	uint8_t body[sizeof(struct ifinfomsg)] = { af };
	struct nlmsghdr *h = request(n, about[kind].type, NLM_F_DUMP, body, about[kind].size);

	if (kind == NET_LINK)
		mnl_attr_put_u32(h, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (kind == NET_NEIGHBOUR && ifindex)
		mnl_attr_put_u32(h, NDA_IFINDEX, (uint32_t)ifindex);
	return ask(n, h, take, context);
}

int netlink_dump(struct netlink *n, enum netlink_kind kind, int ifindex, netlink_take *take,
		 void *context)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int r = 0;

	for (int i = 0; i < DUMP_TRIES; i++) {
		if (kind == NET_LINK) {
			r = dump_family(n, kind, AF_UNSPEC, 0, take, context);
		} else {
			r = dump_family(n, kind, families[0], ifindex, take, context);
			if (r == 0)
				r = dump_family(n, kind, families[1], ifindex, take, context);
		}
		if (r != -EINTR)
			break;
	}
	return r;
}

/* --- neighbours --- */

static struct nlmsghdr *neighbour_request(struct netlink *n, uint16_t type, unsigned int flags,
					  int ifindex, const struct addr *a)
{
	struct ndmsg body = { .ndm_family = a->family == 4 ? AF_INET : AF_INET6,
			      .ndm_ifindex = ifindex,
			      .ndm_state = type == RTM_NEWNEIGH ? NUD_REACHABLE : 0 };
	struct nlmsghdr *h = request(n, type, NLM_F_ACK | flags, &body, sizeof(body));

	mnl_attr_put(h, NDA_DST, addr_size(a), a->b);
	return h;
}

static void neighbour_take(void *context, const struct netlink_message *m)
{
	if (m->kind == NET_NEIGHBOUR)
		*(struct netlink_neighbour *)context = m->neighbour;
}

int netlink_neighbour(struct netlink *n, int ifindex, const struct addr *a,
		      struct netlink_neighbour *ret_neighbour)
{
	struct netlink_neighbour found = { .state = NEIGHBOUR_NONE };
	int r = ask(n, neighbour_request(n, RTM_GETNEIGH, 0, ifindex, a), neighbour_take, &found);

	if (r < 0)
		return r;
	if (found.addr.family == 0)
		return -ENOENT;
	*ret_neighbour = found;
	return 0;
}

static int neighbour_is_free(struct netlink *n, int ifindex, const struct addr *a)
{
	struct netlink_neighbour old;
	int r = netlink_neighbour(n, ifindex, a, &old);

	return r == 0 && old.state == NEIGHBOUR_PERMANENT ? -EEXIST : r;
}

int netlink_neighbour_set(struct netlink *n, int ifindex, const struct addr *a,
			  const struct mac *mac)
{
	int r = neighbour_is_free(n, ifindex, a);
	struct nlmsghdr *h;

	if (r < 0 && r != -ENOENT)
		return r;
	h = neighbour_request(n, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, ifindex, a);
	mnl_attr_put(h, NDA_LLADDR, sizeof(mac->b), mac->b);
	return ask(n, h, neighbour_take, &(struct netlink_neighbour){ 0 });
}

int netlink_neighbour_delete(struct netlink *n, int ifindex, const struct addr *a)
{
	int r = neighbour_is_free(n, ifindex, a);

	if (r == 0)
		r = ask(n, neighbour_request(n, RTM_DELNEIGH, 0, ifindex, a), neighbour_take,
			&(struct netlink_neighbour){ 0 });
	return r == -ENOENT ? 0 : r;
}
