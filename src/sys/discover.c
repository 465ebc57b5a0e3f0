#include "sys/discover.h"

#include "sys/clock.h"
#include "wire/dns.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKETS_MAX 32
#define DATAGRAMS_AT_ONCE 64 /* of one call */
#define AGAIN_US 1000000 /* between the two questions (RFC 6762, 5.2) */
#define HOPS 255
#define GUARDS_OF_SOURCE 4 /* that one source may tell of; a repeater tells of several */

struct discover_socket {
	int fd;
	int ifindex;
	uint8_t family;
};

struct discover {
	int epoll;
	struct discover_socket sockets[SOCKETS_MAX];
	size_t sockets_n;
	struct discovered found[DISCOVER_GUARDS];
	char hosts[DISCOVER_GUARDS][DNS_LABEL]; /* two guards may have the same name */
	struct addr sources[DISCOVER_GUARDS]; /* who told of them first */
	size_t found_n;
};

/* --- sockets --- */

static socklen_t group_address(uint8_t family, int ifindex, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(DNS_PORT);
		memcpy(&v4->sin_addr, DNS_GROUP_V4.b, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(DNS_PORT);
	v6->sin6_scope_id = (uint32_t)ifindex;
	memcpy(&v6->sin6_addr, DNS_GROUP_V6.b, 16);
	return sizeof(*v6);
}

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int join_v4(int fd, int ifindex)
{
	struct ip_mreqn m = { .imr_ifindex = ifindex };

	memcpy(&m.imr_multiaddr, DNS_GROUP_V4.b, 4);
	(void)set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
	(void)set(fd, IPPROTO_IP, IP_MULTICAST_TTL, HOPS);
	if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &m, sizeof(m)) < 0 ||
	    setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)) < 0)
		return -errno;
	return 0;
}

static int join_v6(int fd, int ifindex)
{
	struct ipv6_mreq m = { .ipv6mr_interface = (unsigned int)ifindex };
	int r = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, ifindex);

	memcpy(&m.ipv6mr_multiaddr, DNS_GROUP_V6.b, 16);
	(void)set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, HOPS);
	if (r == 0 && setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &m, sizeof(m)) < 0)
		r = -errno;
	return r;
}

/*
 * Bound to the group, so that it takes nothing that is sent to this host alone away from others at the port (avahi,
 * systemd-resolved); its own source is the interface's address all the same.
 */
static int open_socket(const char *name, int ifindex, uint8_t family)
{
	struct sockaddr_storage group;
	socklen_t n = group_address(family, ifindex, &group);
	int fd = socket(group.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	(void)set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	(void)set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	/* Where it is refused (kernels before 5.7) the membership is enough. */
	(void)setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name));
	r = family == 4 ? join_v4(fd, ifindex) : set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (r == 0 && family == 6)
		r = join_v6(fd, ifindex);
	if (r == 0 && bind(fd, (const struct sockaddr *)&group, n) < 0)
		r = -errno;
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

static int add_socket(struct discover *d, const char *name, int ifindex, uint8_t family)
{
	struct epoll_event wanted = { .events = EPOLLIN };
	int fd = d->sockets_n < SOCKETS_MAX ? open_socket(name, ifindex, family) : -ENOBUFS;

	if (fd < 0)
		return fd;
	if (epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &wanted) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	d->sockets[d->sockets_n++] = (struct discover_socket){ .fd = fd,
							       .ifindex = ifindex,
							       .family = family };
	return 0;
}

static bool is_open(const struct discover *d, int ifindex, uint8_t family)
{
	for (size_t i = 0; i < d->sockets_n; i++) {
		if (d->sockets[i].ifindex == ifindex && d->sockets[i].family == family)
			return true;
	}
	return false;
}

/* On each wanted interface that is up, for each family that it has an address of. */
static int open_sockets(struct discover *d, const char *interface)
{
	const unsigned int fit = IFF_UP | IFF_MULTICAST;
	struct ifaddrs *all;
	int r = -ENODEV;

	if (getifaddrs(&all) < 0)
		return -errno;
	for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
		int ifindex = (int)if_nametoindex(a->ifa_name);
		int family = a->ifa_addr ? a->ifa_addr->sa_family : AF_UNSPEC;
		uint8_t version = family == AF_INET ? 4 : 6;
		int e;

		if (interface ? strcmp(a->ifa_name, interface) != 0 : a->ifa_flags & IFF_LOOPBACK)
			continue;
		if ((a->ifa_flags & fit) != fit || (family != AF_INET && family != AF_INET6) ||
		    ifindex == 0 || is_open(d, ifindex, version))
			continue;
		e = add_socket(d, a->ifa_name, ifindex, version);
		if (e < 0 && r < 0)
			r = e;
		if (e == 0)
			r = 0;
	}
	freeifaddrs(all);
	return r;
}

int discover_open(const char *interface, struct discover **ret_discover)
{
	struct discover *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	r = d->epoll < 0 ? -errno : open_sockets(d, interface);
	if (r < 0) {
		discover_close(d);
		return r;
	}
	*ret_discover = d;
	return 0;
}

void discover_close(struct discover *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->sockets_n; i++)
		close(d->sockets[i].fd);
	if (d->epoll >= 0)
		close(d->epoll);
	free(d);
}

int discover_fd(const struct discover *d)
{
	return d->epoll;
}

int discover_ask(struct discover *d)
{
	uint8_t bytes[64];
	struct writer w = writer_over(bytes, sizeof(bytes));
	int r = -ENODEV;

	dns_query_encode(&w);
	for (size_t i = 0; i < d->sockets_n; i++) {
		const struct discover_socket *s = &d->sockets[i];
		struct sockaddr_storage group;
		socklen_t n = group_address(s->family, s->ifindex, &group);

		if (sendto(s->fd, bytes, w.used, 0, (const struct sockaddr *)&group, n) >= 0)
			r = 0;
		else if (r < 0)
			r = -errno;
	}
	return r;
}

/* --- answers --- */

static bool has_address(const struct discovered *d, const struct addr *a)
{
	for (size_t i = 0; i < d->addresses_n; i++) {
		if (addr_equal(&d->addresses[i], a))
			return true;
	}
	return false;
}

static void add_addresses(struct discovered *to, const struct dns_service *s)
{
	for (uint16_t i = 0; i < s->addresses_n; i++) {
		if (to->addresses_n < DISCOVER_ADDRESSES && !has_address(to, &s->addresses[i]))
			to->addresses[to->addresses_n++] = s->addresses[i];
	}
}

/*
 * The guard that was found as i-th, which answers again: by the other family, or the second question. One that it has no room
 * for is another: who answers first in a guard's name must not hide it.
 */
static bool is_found(const struct discover *d, size_t i, int ifindex, const struct dns_service *s)
{
	const struct discovered *f = &d->found[i];
	size_t n = f->addresses_n;

	for (uint16_t k = 0; k < s->addresses_n; k++)
		n += !has_address(f, &s->addresses[k]);
	return f->ifindex == ifindex && f->port == s->port && strcmp(f->name, s->instance) == 0 &&
	       strcmp(d->hosts[i], s->host) == 0 && n <= DISCOVER_ADDRESSES;
}

/* Whoever makes guards up shall not leave those that answer after it without a place. */
static bool has_room(const struct discover *d, const struct addr *source)
{
	size_t theirs = 0;

	for (size_t i = 0; i < d->found_n; i++)
		theirs += addr_equal(&d->sources[i], source);
	return d->found_n < DISCOVER_GUARDS && theirs < GUARDS_OF_SOURCE;
}

static void keep(struct discover *d, int ifindex, const struct addr *source,
		 const struct dns_service *s)
{
	struct discovered *to;
	size_t i = 0;

	while (i < d->found_n && !is_found(d, i, ifindex, s))
		i++;
	if (i == d->found_n && !has_room(d, source))
		return;
	to = &d->found[i];
	if (i == d->found_n) {
		d->found_n++;
		memcpy(to->name, s->instance, sizeof(to->name));
		memcpy(d->hosts[i], s->host, sizeof(d->hosts[i]));
		to->ifindex = ifindex;
		d->sources[i] = *source;
		to->port = s->port;
	}
	add_addresses(to, s);
}

/* Answers come from the port of multicast DNS, or they are none (RFC 6762, 6). */
static bool read_source(const struct sockaddr_storage *from, struct addr *ret)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

	if (from->ss_family == AF_INET) {
		*ret = addr_v4((const uint8_t *)&v4->sin_addr);
		return v4->sin_port == htons(DNS_PORT);
	}
	*ret = addr_v6((const uint8_t *)&v6->sin6_addr);
	return from->ss_family == AF_INET6 && v6->sin6_port == htons(DNS_PORT);
}

/* One datagram; false when there is none. */
static bool hear_one(struct discover *d, const struct discover_socket *s)
{
	uint8_t bytes[DNS_MESSAGE_MAX];
	struct dns_service services[4];
	struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
	socklen_t from_n = sizeof(from);
	ssize_t n = recvfrom(s->fd, bytes, sizeof(bytes), MSG_TRUNC, (struct sockaddr *)&from,
			     &from_n);
	struct addr source;
	int found;

	if (n < 0)
		return errno == EINTR;
	if ((size_t)n > sizeof(bytes) || !read_source(&from, &source))
		return true;
	found = dns_answer_decode(bytes, (size_t)n, services, 4);
	for (int i = 0; i < found; i++)
		keep(d, s->ifindex, &source, &services[i]);
	return true;
}

size_t discover_hear(struct discover *d, struct discovered *ret, size_t max)
{
	size_t n;

	for (size_t i = 0; i < d->sockets_n; i++) {
		for (int k = 0; k < DATAGRAMS_AT_ONCE && hear_one(d, &d->sockets[i]); k++)
			;
	}
	n = d->found_n < max ? d->found_n : max;
	if (n > 0)
		memcpy(ret, d->found, n * sizeof(*ret));
	return n;
}

/* Hears until then. */
static size_t hear_until(struct discover *d, uint64_t end_us, struct discovered *ret, size_t max)
{
	size_t n = discover_hear(d, ret, max);

	for (uint64_t now = clock_monotonic_us(); now < end_us; now = clock_monotonic_us()) {
		struct pollfd p = { .fd = d->epoll, .events = POLLIN };

		(void)poll(&p, 1, (int)((end_us - now) / 1000) + 1);
		n = discover_hear(d, ret, max);
	}
	return n;
}

static int by_address(const void *left, const void *right)
{
	const struct addr *a = ((const struct discovered *)left)->addresses;
	const struct addr *b = ((const struct discovered *)right)->addresses;

	return a->family != b->family ? (a->family < b->family ? -1 : 1)
				      : memcmp(a->b, b->b, sizeof(a->b));
}

int discover_guards(unsigned int wait_ms, const char *interface, struct discovered *ret, size_t max)
{
	const uint64_t start = clock_monotonic_us(), wait = wait_ms * UINT64_C(1000);
	struct discover *d;
	size_t n = 0;
	int r = discover_open(interface, &d);

	if (r < 0)
		return r;
	r = discover_ask(d);
	if (r == 0) {
		(void)hear_until(d, start + (wait / 2 < AGAIN_US ? wait / 2 : AGAIN_US), ret, max);
		/* The first one can be lost. */
		(void)discover_ask(d);
		n = hear_until(d, start + wait, ret, max);
		qsort(ret, n, sizeof(*ret), by_address);
	}
	discover_close(d);
	return r < 0 ? r : (int)n;
}
