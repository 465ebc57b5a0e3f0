#include "guard/monitor_discovery.h"

#include "guard/monitor.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "wire/dns.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRING_SECONDS_MAX 3600
#define RECEIVE_BYTES 32768 /* of queries that wait: more says nothing new */
#define HOPS 255

/* --- sockets --- */

static socklen_t socket_address(uint8_t family, int ifindex, bool group,
				struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(DNS_PORT);
		if (group)
			memcpy(&v4->sin_addr, DNS_GROUP_V4.b, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(DNS_PORT);
	if (group) {
		v6->sin6_scope_id = (uint32_t)ifindex;
		memcpy(&v6->sin6_addr, DNS_GROUP_V6.b, 16);
	}
	return sizeof(*v6);
}

static bool set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

/* At the port that others on this host have as well, on one interface. */
static int open_socket(const struct lan_interface *i, uint8_t family)
{
	int fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);
	const char *name = i->said.name;

	if (fd < 0)
		return -errno;
	if (set(fd, SOL_SOCKET, SO_REUSEADDR, 1) && set(fd, SOL_SOCKET, SO_REUSEPORT, 1) &&
	    (family == 4 || set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)) == 0)
		return fd;
	close(fd);
	return -errno;
}

static bool join(int fd, uint8_t family, int ifindex)
{
	struct ip_mreqn v4 = { .imr_ifindex = ifindex };
	struct ipv6_mreq v6 = { .ipv6mr_interface = (unsigned int)ifindex };

	memcpy(&v4.imr_multiaddr, DNS_GROUP_V4.b, 4);
	memcpy(&v6.ipv6mr_multiaddr, DNS_GROUP_V6.b, 16);
	if (family == 4)
		return set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) &&
		       setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &v4, sizeof(v4)) == 0;
	return setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &v6, sizeof(v6)) == 0;
}

/*
 * Bound to the group's address: nothing that is meant for this host alone is taken away from avahi or systemd-resolved. Nobody
 * sends with it: shut down for writing, which Linux reports as an error on a socket that is not connected, and does all the same.
 */
static bool make_hearing(int fd, const struct lan_interface *i, uint8_t family)
{
	struct sockaddr_storage group;
	socklen_t n = socket_address(family, i->ifindex, true, &group);

	(void)set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BYTES);
	if (bind(fd, (const struct sockaddr *)&group, n) < 0 || !join(fd, family, i->ifindex))
		return false;
	(void)shutdown(fd, SHUT_WR);
	return true;
}

/* Connected to the group: it hears nothing, since nothing comes from there. */
static bool make_telling(int fd, const struct lan_interface *i, uint8_t family)
{
	struct ip_mreqn v4 = { .imr_ifindex = i->ifindex };
	struct sockaddr_storage own, group;
	socklen_t n = socket_address(family, i->ifindex, false, &own);

	(void)socket_address(family, i->ifindex, true, &group);
	if (family == 4 ? setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &v4, sizeof(v4)) < 0 ||
				  !set(fd, IPPROTO_IP, IP_MULTICAST_TTL, HOPS)
			: !set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, i->ifindex) ||
				  !set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, HOPS))
		return false;
	return bind(fd, (const struct sockaddr *)&own, n) == 0 &&
	       connect(fd, (const struct sockaddr *)&group, n) == 0;
}

static int make(const struct lan_interface *i, uint8_t family,
		bool (*fit)(int fd, const struct lan_interface *i, uint8_t family))
{
	int fd = open_socket(i, family);
	int r = fd;

	if (fd >= 0 && !fit(fd, i, family)) {
		r = -errno;
		close(fd);
	}
	return r;
}

/* --- what is said --- */

/* The best first: what a machine can use longest. */
static int rank(const struct netlink_address *a)
{
	if (addr_is_link_local(&a->addr))
		return a->addr.family == 6 ? 3 : 4;
	if (a->temporary)
		return 2;
	return a->addr.family == 4 ? 0 : 1;
}

static bool listens_at(const struct config *c, const struct addr *a)
{
	for (uint16_t i = 0; i < c->listen.n; i++) {
		if (addr_equal(&c->listen.list[i], a))
			return true;
	}
	return c->listen.n == 0;
}

static void add_addresses(const struct config *c, const struct lan_interface *i,
			  struct ipc_discovery *d)
{
	for (int r = 0; r <= 4; r++) {
		for (size_t k = 0; k < i->net->addresses_n; k++) {
			const struct netlink_address *a = &i->net->addresses[k];

			if (rank(a) != r || a->tentative || a->deprecated ||
			    !listens_at(c, &a->addr) || d->addresses_n == IPC_DISCOVERY_ADDRESSES)
				continue;
			d->addresses[d->addresses_n++] = (struct prefix){ .addr = a->addr,
									  .length = a->prefix };
		}
	}
}

static bool has_family(const struct lan_interface *i, uint8_t family)
{
	for (size_t k = 0; k < i->net->addresses_n; k++) {
		if (i->net->addresses[k].addr.family == family && !i->net->addresses[k].tentative)
			return true;
	}
	return false;
}

/* Whether this guard should be found at all now. */
static bool wanted(const struct monitor *m)
{
	return m->config.announce && !m->config.observe &&
	       m->config.register_mode != REGISTER_OFF && !m->stopping &&
	       (store_machines(m->store) > 0 || m->discovery.pairing.at != NEVER);
}

/* What is to be said there; false: nothing. */
static bool plan(const struct monitor *m, uint8_t slot, uint8_t family, struct ipc_discovery *ret)
{
	const struct lan_interface *i = &m->lan.slots[slot];

	memset(ret, 0, sizeof(*ret));
	if (i->ifindex == 0 || !i->net || !i->said.up || !has_family(i, family))
		return false;
	ret->interface = slot;
	ret->family = family;
	ret->port = (uint16_t)m->config.port;
	ret->mac = i->said.own;
	memcpy(ret->name, m->discovery.name, sizeof(ret->name));
	add_addresses(&m->config, i, ret);
	return ret->addresses_n > 0;
}

/* --- announcing --- */

static void tell(struct monitor *m, const struct announcement *a)
{
	struct ipc_message q = { .kind = IPC_DISCOVERY, .discovery = a->said };
	const int fds[] = { a->hear, a->tell };

	role_tell_with_all(m, ROLE_CONTROL, &q, fds, a->there ? 2 : 0);
}

static void close_sockets(struct announcement *a)
{
	if (!a->there)
		return;
	close(a->hear);
	close(a->tell);
	a->there = false;
}

/* New sockets before the old ones go: the group is not left meanwhile. */
static void announce(struct monitor *m, struct announcement *a, const struct ipc_discovery *said)
{
	const struct lan_interface *i = &m->lan.slots[said->interface];
	int hear = make(i, said->family, make_hearing);
	int out = hear < 0 ? hear : make(i, said->family, make_telling);

	if (out < 0) {
		if (hear >= 0)
			close(hear);
		if (a->failed != out)
			log_warning("machines do not find this guard on %s by IPv%u: %s",
				    i->said.name, (unsigned int)said->family, strerror(-out));
		a->failed = out;
		return;
	}
	close_sockets(a);
	*a = (struct announcement){
		.there = true, .ifindex = i->ifindex, .hear = hear, .tell = out, .said = *said
	};
	tell(m, a);
}

static void update(struct monitor *m, uint8_t slot, uint8_t family, bool on)
{
	struct announcement *a = &m->discovery.list[slot][family == 6];
	struct ipc_discovery said;

	if (!on || !plan(m, slot, family, &said)) {
		if (a->there) {
			close_sockets(a);
			tell(m, a);
		}
		a->failed = 0;
		return;
	}
	if (a->there && a->ifindex == m->lan.slots[slot].ifindex &&
	    memcmp(&a->said, &said, sizeof(said)) == 0)
		return;
	announce(m, a, &said);
}

void discovery_update(struct monitor *m)
{
	bool on = wanted(m);

	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++) {
		update(m, slot, 4, on);
		update(m, slot, 6, on);
	}
}

static void pairing_over(void *context)
{
	struct monitor *m = context;

	loop_timer_set(&m->discovery.pairing, NEVER);
	discovery_update(m);
}

void discovery_pairing(struct monitor *m, uint32_t seconds)
{
	uint64_t most = seconds < PAIRING_SECONDS_MAX ? seconds : PAIRING_SECONDS_MAX;

	loop_timer_set(&m->discovery.pairing,
		       most > 0 ? clock_monotonic_us() + most * 1000000 : NEVER);
	discovery_update(m);
}

void discovery_tell_all(struct monitor *m)
{
	for (size_t k = 0; k < LAN_INTERFACES; k++) {
		for (size_t f = 0; f < 2; f++) {
			if (m->discovery.list[k][f].there)
				tell(m, &m->discovery.list[k][f]);
		}
	}
}

int discovery_init(struct monitor *m)
{
	struct discovery_side *d = &m->discovery;

	if (gethostname(d->name, sizeof(d->name) - 1) < 0 || d->name[0] == 0)
		strcpy(d->name, "guard");
	/* The first label: the rest is the network's. */
	d->name[strcspn(d->name, ".")] = 0;
	return loop_timer_init(&d->pairing, m->loop, pairing_over, m);
}

void discovery_done(struct monitor *m)
{
	for (size_t k = 0; k < LAN_INTERFACES; k++) {
		close_sockets(&m->discovery.list[k][0]);
		close_sockets(&m->discovery.list[k][1]);
	}
	loop_timer_done(&m->discovery.pairing);
}
