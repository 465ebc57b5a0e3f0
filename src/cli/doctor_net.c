/*
 * doctor_net: the checks of the machine's place on the LAN: is the guard next door, will its address still be its own after a
 * long sleep, which ports does nobody listen on, and what time is it.
 */
#include "cli/doctor.h"

#include "proto/time_text.h"
#include "sys/clock.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

#define NO_GUARD "run `sudo rouse setup`, or name it: rouse doctor --guard HOST"

static void say_no_guard(const struct box *b, struct finding *f)
{
	if (b->found < 0 && b->found != -ENOENT)
		finding_unknown(f, NO_GUARD, "no guard is known, and asking by mDNS failed: %s",
				strerror(-b->found));
	else
		finding_unknown(f, NO_GUARD, "no guard is known%s",
				b->found == 0 ? ", none answers to mDNS" : "");
}

void doctor_segment(const struct box *b, struct finding *f)
{
	char guard[ADDR_TEXT];

	if (!b->guard.host[0] || b->guard_address.family == 0) {
		if (b->guard.host[0])
			finding_unknown(f, "see GUARD-REACHABLE", "%s is not resolved",
					b->guard.host);
		else
			say_no_guard(b, f);
		return;
	}
	(void)addr_format(&b->guard_address, guard);
	if (b->net && net_view_owns(b->net, &b->guard_address))
		finding_problem(f,
				"a guard must stay on when the machine sleeps: run roused "
				"on another box of this LAN",
				"the guard, %s, is this host itself", guard);
	else if (!b->interface)
		finding_problem(f, "see WOL-LINK", "no Ethernet interface leads to the guard, %s",
				guard);
	else if (net_on_link(b->interface, &b->guard_address))
		finding_ok(f, "the guard, %s, is on the link of %s", guard, b->name);
	else
		finding_problem(f,
				"magic packets and ARP do not pass a router: run a guard in this "
				"LAN, or give both an address of the same network",
				"the guard, %s, is not on the link of %s, but behind a router",
				guard, b->name);
}

void doctor_reachable(const struct box *b, struct finding *f)
{
	if (!b->guard.host[0])
		say_no_guard(b, f);
	else if (b->guard_error == 0)
		finding_ok(f, "%s port %s (%s) took a connection within %.1f ms", b->guard.host,
			   b->guard.port, b->guard_from, (double)b->guard_us / 1000);
	else
		finding_problem(f,
				"is roused running there (systemctl status roused), is the port "
				"open in its firewall (TCP 13717), is its address still the same?",
				"%s", b->guard_problem);
}

/* --- whose the address is --- */

struct leases {
	const char *of; /* the file's name begins with it */
	bool found;
};

static bool take_lease_file(void *context, const char *name)
{
	struct leases *l = context;

	l->found |= strstr(name, l->of) != NULL;
	return !l->found;
}

/* Who asks for the address of the interface by DHCP, as far as its files say. */
static const char *dhcp_client(const struct box *b)
{
	struct leases l = { .of = b->name };

	if (b->interface && box_has(b, "run/systemd/netif/leases/%d", b->interface->ifindex))
		return "systemd-networkd";
	(void)box_each(b, "var/lib/NetworkManager", take_lease_file, &l);
	if (l.found && box_has(b, "run/NetworkManager"))
		return "NetworkManager";
	l.found = false;
	(void)box_each(b, "var/lib/dhcp", take_lease_file, &l);
	if (l.found)
		return "dhclient";
	(void)box_each(b, "var/lib/dhcpcd", take_lease_file, &l);
	return l.found ? "dhcpcd" : NULL;
}

static const struct netlink_address *first_v4(const struct net_interface *i)
{
	for (size_t n = 0; n < i->addresses_n; n++) {
		if (i->addresses[n].addr.family == 4)
			return &i->addresses[n];
	}
	return NULL;
}

#define RESERVE                                                                                   \
	"reserve the address for this machine's MAC at the DHCP server (usually the router), or " \
	"set a static one: a lease that ends while it sleeps can go to somebody else"

void doctor_lease(const struct box *b, struct finding *f)
{
	const struct netlink_address *a = b->interface ? first_v4(b->interface) : NULL;
	const char *client;
	char text[ADDR_TEXT];

	if (!b->interface) {
		finding_problem(f, "see WOL-LINK", "no Ethernet interface was found");
		return;
	}
	if (!a) {
		finding_ok(f, "%s has no IPv4 address that could be leased", b->name);
		return;
	}
	(void)addr_format(&a->addr, text);
	client = dhcp_client(b);
	if (client)
		finding_unknown(f, RESERVE,
				"%s comes by DHCP (%s); whether it is reserved, the DHCP server "
				"knows",
				text, client);
	else if (a->expires)
		finding_unknown(f, RESERVE, "%s has an end: a DHCP lease, it seems", text);
	else
		finding_ok(f, "%s is static: it has no end, and no DHCP client keeps it", text);
}

/* --- Docker --- */

struct processes {
	const struct box *b;
	const char *name;
	unsigned int n;
};

static bool take_process(void *context, const char *entry)
{
	struct processes *p = context;
	char comm[32];

	if (isdigit((unsigned char)entry[0]) &&
	    box_read(p->b, comm, sizeof(comm), "proc/%s/comm", entry) == 0 &&
	    strcmp(comm, p->name) == 0)
		p->n++;
	return true;
}

void doctor_docker(const struct box *b, struct finding *f)
{
	struct processes proxies = { .b = b, .name = "docker-proxy" };
	char daemon[4096] = "";
	const char *key;

	if (!box_has(b, "sys/class/net/docker0") && !box_has(b, "run/docker.sock")) {
		finding_ok(f, "Docker does not run here");
		return;
	}
	(void)box_read(b, daemon, sizeof(daemon), "etc/docker/daemon.json");
	(void)box_each(b, "proc", take_process, &proxies);
	key = strstr(daemon, "\"userland-proxy\"");
	key = key ? strchr(key, ':') : NULL;
	if (key && strncmp(key + 1 + strspn(key + 1, " \t\n"), "false", 5) == 0)
		finding_problem(
			f,
			"name the published ports yourself: in [services] of "
			"rouse-sleeper.conf, on = tcp/8080; docker ps lists them",
			"Docker publishes ports by address translation alone (userland-proxy "
			"is false): nothing listens that rouse could see");
	else if (proxies.n > 0)
		finding_ok(
			f,
			"Docker publishes ports through %u docker-proxy, which rouse sees listen",
			proxies.n);
	else
		finding_unknown(f,
				"docker ps shows published ports (0.0.0.0:8080->80/tcp): name what "
				"shall wake the machine in [services] of rouse-sleeper.conf",
				"Docker runs and no docker-proxy listens: perhaps nothing is "
				"published");
}

/* --- the clock --- */

#define PLAUSIBLE_MS 1735689600000ULL /* 2025-01-01 */

void doctor_clock(const struct box *b, struct finding *f)
{
	struct timex t = { .modes = 0 };
	uint64_t now = clock_wall_ms();
	char text[TIME_TEXT];
	int state;

	if (b->made_up)
		now = b->cli->now_ms;
	(void)time_text(now, 0, text);
	if (now < PLAUSIBLE_MS) {
		finding_problem(f, "timedatectl set-ntp true",
				"it is %s, says the clock: timers and logs will be wrong", text);
		return;
	}
	/* Needs no privilege as long as nothing is set. */
	state = b->made_up ? 0 : adjtimex(&t);
	if (state == TIME_ERROR || (state >= 0 && (t.status & STA_UNSYNC)))
		finding_unknown(f,
				"timedatectl set-ntp true; timers that shall wake the machine, and "
				"the log, need the right time, nothing else does",
				"nobody synchronises the clock; it says %s", text);
	else
		finding_ok(f, "it is %s", text);
}
