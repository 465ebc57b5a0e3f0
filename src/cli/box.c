#include "cli/box.h"

#include "cli/box_parts.h"

#include "base/text.h"
#include "proto/keys.h"
#include "sys/clock.h"
#include "sys/files.h"
#include "sys/loop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRIES_MAX 4096
#define DEPTH_MAX 4
#define CLOCKS_MAX 4 /* as many as rouse-sleeper looks at */
#define CONNECT_MS 2000
#define MDNS_MS 1000

/* --- files --- */

__attribute__((format(printf, 2, 0))) static const char *path_of(char to[static 512],
								 const char *format, va_list args)
{
	int n = vsnprintf(to, 512, format, args);

	if (n < 0 || n >= 512)
		to[0] = 0; /* opens nothing */
	return to;
}

int box_read(const struct box *b, char *to, size_t size, const char *format, ...)
{
	char path[512];
	va_list args;
	ssize_t n;
	int fd;

	to[0] = 0;
	va_start(args, format);
	(void)path_of(path, format, args);
	va_end(args);
	fd = openat(b->root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	n = read(fd, to, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return (int)n;
	to[n] = 0;
	if (n > 0 && to[n - 1] == '\n')
		to[n - 1] = 0;
	return 0;
}

bool box_has(const struct box *b, const char *format, ...)
{
	char path[512];
	va_list args;

	va_start(args, format);
	(void)path_of(path, format, args);
	va_end(args);
	return faccessat(b->root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool box_each(const struct box *b, const char *folder,
	      bool (*take)(void *context, const char *name), void *context)
{
	int fd = openat(b->root, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	/* cppcheck-suppress readdirCalled; one thread */
	for (int i = 0; i < ENTRIES_MAX && (e = readdir(d)); i++) {
		if (e->d_name[0] == '.' && (!e->d_name[1] || strcmp(e->d_name, "..") == 0))
			continue;
		if (!take(context, e->d_name))
			break;
	}
	(void)closedir(d);
	return true;
}

bool box_has_alarm(const struct box *b)
{
	for (int n = 0; n < CLOCKS_MAX; n++) {
		if (box_has(b, "sys/class/rtc/rtc%d/wakealarm", n))
			return true;
	}
	return false;
}

/* --- what is below an interface --- */

struct lowers {
	char names[BOX_PORTS][NETLINK_NAME];
	size_t n;
};

static bool take_lower(void *context, const char *entry)
{
	struct lowers *l = context;

	if (strncmp(entry, "lower_", 6) == 0 && strlen(entry + 6) < NETLINK_NAME &&
	    l->n < BOX_PORTS)
		memcpy(l->names[l->n++], entry + 6, strlen(entry + 6) + 1);
	return true;
}

static size_t hardware_below(const struct box *b, const char *interface, char ret[][NETLINK_NAME],
			     size_t max, int depth)
{
	struct lowers l = { .n = 0 };
	char folder[64];
	size_t n = 0;

	(void)snprintf(folder, sizeof(folder), "sys/class/net/%s", interface);
	if (max > 0 && box_has(b, "%s/device", folder)) {
		memcpy(ret[0], interface, strlen(interface) + 1);
		return 1;
	}
	if (depth < DEPTH_MAX)
		(void)box_each(b, folder, take_lower, &l);
	for (size_t i = 0; i < l.n; i++)
		n += hardware_below(b, l.names[i], ret + n, max - n, depth + 1);
	return n;
}

size_t box_hardware(const struct box *b, const char *interface, char ret[][NETLINK_NAME],
		    size_t max)
{
	size_t n = hardware_below(b, interface, ret, max, 0);

	if (n == 0 && max > 0) {
		memcpy(ret[n++], interface, strlen(interface) + 1);
	}
	return n;
}

static void look_at_port(struct box_port *p, int fd)
{
	p->wol_error = fd < 0 ? fd : ethtool_wol_get(fd, p->name, &p->wol);
	p->permanent_error = fd < 0 ? fd : ethtool_permanent_mac(fd, p->name, &p->permanent);
	p->driver_error = fd < 0 ? fd : ethtool_driver(fd, p->name, &p->driver);
}

static void look_at_ports(struct box *b)
{
	char names[BOX_PORTS][NETLINK_NAME];
	int fd = ethtool_open();

	b->ports_n = box_hardware(b, b->name, names, BOX_PORTS);
	for (size_t i = 0; i < b->ports_n; i++) {
		b->ports[i] = (struct box_port){ .wol_error = 0 };
		memcpy(b->ports[i].name, names[i], NETLINK_NAME);
		look_at_port(&b->ports[i], fd);
	}
	if (fd >= 0)
		close(fd);
}

static const struct net_interface *towards(const struct box *b, const struct addr *a)
{
	if (a->family == 0)
		return NULL;
	for (const struct net_interface *i = net_next(b->net, NULL); i; i = net_next(b->net, i)) {
		/* A link-local address is on every link: that says nothing. */
		if (i->link.ethernet && !addr_is_link_local(a) && net_on_link(i, a))
			return i;
	}
	return NULL;
}

static const struct net_interface *only_one(const struct box *b)
{
	const struct net_interface *one = NULL;

	for (const struct net_interface *i = net_next(b->net, NULL); i; i = net_next(b->net, i)) {
		if (!i->link.ethernet || i->link.loopback || i->addresses_n == 0)
			continue;
		if (one)
			return NULL;
		one = i;
	}
	return one;
}

void box_look_at_interface(struct box *b, const char *name)
{
	const struct net_interface *i = name && name[0] ? net_by_name(b->net, name) : NULL;

	if (!i)
		i = towards(b, &b->guard_address);
	if (!i)
		i = net_default(b->net);
	if (!i)
		i = only_one(b);
	b->interface = i;
	b->ports_n = 0;
	b->name[0] = 0;
	if (!i)
		return;
	memcpy(b->name, i->link.name, sizeof(b->name));
	b->wireless = i->wireless;
	b->carrier = i->link.carrier;
	b->mac = i->link.mac;
	look_at_ports(b);
}

/* --- the pairing, and the guard it names --- */

static int read_pairing(struct box *b, const char *folder)
{
	char *bytes;
	size_t n;
	int dir;
	int r;

	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	r = file_read(dir, PAIRING_STATE_FILE, PAIRING_STATE_MAX, &bytes, &n);
	close(dir);
	if (r < 0)
		return r;
	r = pairing_state_read(bytes, n, &b->pairing);
	keys_wipe(bytes, n);
	free(bytes);
	return r;
}

/* An address that needs no zone is better, IPv4 best: it is what people know. */
static const struct addr *best_address(const struct discovered *d)
{
	const struct addr *best = &d->addresses[0];

	for (size_t i = 0; i < d->addresses_n; i++) {
		const struct addr *a = &d->addresses[i];

		if (a->family == 4 && !addr_is_link_local(a))
			return a;
		if (addr_is_link_local(best) && !addr_is_link_local(a))
			best = a;
	}
	return best;
}

void box_take_guard(struct box *b, const struct discovered *d)
{
	const struct addr *a = best_address(d);
	char name[IF_NAMESIZE];
	char text[ADDR_TEXT];
	bool zone = a->family == 6 && addr_is_link_local(a) &&
		    if_indextoname((unsigned int)d->ifindex, name);

	(void)snprintf(b->guard.host, sizeof(b->guard.host), "%s%s%s", addr_format(a, text),
		       zone ? "%" : "", zone ? name : "");
	(void)snprintf(b->guard.port, sizeof(b->guard.port), "%u", d->port);
	b->guard_from = "found by mDNS";
}

static void choose_guard(struct box *b, const char *named)
{
	if (named && dial_parse(named, &b->guard)) {
		b->guard_from = "as named";
	} else if (b->sleeper.error == 0 && strcmp(b->sleeper.lease, "held") == 0 &&
		   dial_parse(b->sleeper.guard, &b->guard)) {
		/* It may have moved since they were paired. */
		b->guard_from = "of the lease";
	} else if (b->paired == 0) {
		memcpy(b->guard.host, b->pairing.guard, sizeof(b->guard.host));
		(void)snprintf(b->guard.port, sizeof(b->guard.port), "%u", b->pairing.port);
		b->guard_from = "of the pairing";
	} else if (b->sleeper.error == 0 && dial_parse(b->sleeper.guard, &b->guard)) {
		b->guard_from = "of the pairing";
	} else if (b->found > 0) {
		box_take_guard(b, &b->guards[0]);
	}
}

void box_try_guard(struct box *b)
{
	uint64_t start = clock_now().us;
	int fd;

	b->guard_error = -ENOENT;
	if (!b->guard.host[0])
		return;
	(void)addr_parse(b->guard.host, &b->guard_address);
	fd = dial_open(&b->guard, CONNECT_MS, 1, b->guard_problem);
	b->guard_us = clock_now().us - start;
	b->guard_error = fd < 0 ? fd : 0;
	if (fd < 0)
		return;
	b->guard_address = dial_other_end(fd);
	close(fd);
}

/* --- all of it --- */

static void ignore_change(void *context)
{
	(void)context;
}

/* This host is a guard where roused runs or is meant to, a machine where the sleeper does; one that is neither yet is looked at as a machine. */
static void decide_what_it_is(struct box *b)
{
	b->has_guard = b->roused.error == 0 || b->roused.error == -EACCES || b->roused.here;
	b->machine = b->paired != -ENOENT || b->sleeper.error == 0 || b->sleeper.error == -EACCES ||
		     !b->has_guard;
}

int box_open(struct box *b, const struct cli *c, const struct box_options *o)
{
	int r;

	*b = (struct box){ .cli = c, .powerful = geteuid() == 0, .found = -ENOENT };
	b->root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->root < 0)
		return -errno;
	r = loop_new(&b->loop);
	if (r == 0)
		r = net_view_new(b->loop, ignore_change, NULL, &b->net);
	if (r < 0) {
		cli_complain(c, "cannot look at this host's network: %s", strerror(-r));
		return r;
	}
	b->paired = read_pairing(b, o->state ? o->state : PAIRING_STATE_FOLDER);
	box_ask_sleeper(b);
	box_ask_guard(b);
	decide_what_it_is(b);
	if (b->has_guard || (b->paired != 0 && !o->guard))
		b->found = discover_guards(MDNS_MS, NULL, b->guards, BOX_GUARDS);
	if (b->machine) {
		choose_guard(b, o->guard);
		box_try_guard(b);
	}
	box_look_at_interface(b, o->interface	      ? o->interface :
				 b->paired == 0	      ? b->pairing.interface :
				 b->sleeper.error == 0 ? b->sleeper.interface :
							 b->roused.interface);
	return 0;
}

void box_close(struct box *b)
{
	if (b->net)
		net_view_free(b->net);
	loop_free(b->loop);
	if (b->root >= 0)
		close(b->root);
	keys_wipe(&b->pairing, sizeof(b->pairing));
}
