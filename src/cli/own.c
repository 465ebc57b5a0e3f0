#include "cli/own.h"

#include "proto/registration.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct addr address_of(const struct sockaddr *s)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)s;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)s;

	if (s && s->sa_family == AF_INET)
		return addr_v4((const uint8_t *)&v4->sin_addr);
	if (s && s->sa_family == AF_INET6)
		return addr_v6((const uint8_t *)&v6->sin6_addr);
	return ADDR_NONE;
}

/* One of the system's entries about the interface. */
static void take(const struct ifaddrs *i, struct own *own)
{
	const struct sockaddr_ll *link = (const struct sockaddr_ll *)(const void *)i->ifa_addr;
	struct addr a = address_of(i->ifa_addr);

	if (i->ifa_addr && i->ifa_addr->sa_family == AF_PACKET &&
	    link->sll_halen == sizeof(own->mac.b))
		memcpy(own->mac.b, link->sll_addr, sizeof(own->mac.b));
	if (a.family && !addr_is_link_local(&a) && !addr_is_loopback(&a) &&
	    own->addresses_n < SPEC_ADDRESSES_MAX)
		own->addresses[own->addresses_n++] = a;
}

static int gather(const struct ifaddrs *all, const char *name, struct own *ret)
{
	struct own own = { .addresses_n = 0 };
	bool found = false;

	if (strlen(name) >= sizeof(own.interface))
		return -ENODEV;
	memcpy(own.interface, name, strlen(name) + 1);
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		if (strcmp(i->ifa_name, name) != 0)
			continue;
		found = true;
		take(i, &own);
	}
	if (!found)
		return -ENODEV;
	*ret = own;
	return 0;
}

int own_by_name(const char *interface, struct own *ret)
{
	struct ifaddrs *all;
	int r;

	if (getifaddrs(&all) < 0)
		return -errno;
	r = gather(all, interface, ret);
	freeifaddrs(all);
	return r;
}

int own_by_address(const struct addr *a, struct own *ret)
{
	struct ifaddrs *all;
	int r = -ENODEV;

	if (getifaddrs(&all) < 0)
		return -errno;
	for (const struct ifaddrs *i = all; i && r == -ENODEV; i = i->ifa_next) {
		struct addr here = address_of(i->ifa_addr);

		if (here.family && addr_equal(&here, a))
			r = gather(all, i->ifa_name, ret);
	}
	freeifaddrs(all);
	return r;
}

void own_machine_name(const char *wanted, const struct mac *mac, char to[static SPEC_NAME_MAX + 1])
{
	char host[256] = "";

	(void)gethostname(host, sizeof(host) - 1);
	host[strcspn(host, ".")] = 0;
	if (!wanted)
		wanted = host;
	if (spec_name_valid(wanted, strlen(wanted)))
		memcpy(to, wanted, strlen(wanted) + 1);
	else
		registration_default_name(mac, to);
}
