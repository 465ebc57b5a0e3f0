/*
 * box: what `rouse doctor` and `rouse setup` look at: this host's interface towards the guard and the hardware below it, its
 * pairing, what its guard and its sleeper say. Values, gathered once; asking changes nothing.
 *
 * Refuses to judge any of it. Files are read below `root`, which tests make up.
 */
#ifndef ROUSE_CLI_BOX_H
#define ROUSE_CLI_BOX_H

#include "base/addr.h"
#include "base/spec.h"
#include "cli/cli.h"
#include "cli/dial.h"
#include "proto/pairing_state.h"
#include "sys/discover.h"
#include "sys/ethtool.h"
#include "sys/net.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOX_PORTS 8
#define BOX_MACHINES 64
#define BOX_GUARDS 8
#define BOX_TEXT 256

/* A piece of hardware below the interface. */
struct box_port {
	char name[NETLINK_NAME];
	int wol_error; /* 0: wol is known */
	struct ethtool_wol wol;
	int permanent_error;
	struct mac permanent;
	int driver_error;
	struct ethtool_driver driver;
};

/* A machine as the guard of this host knows it. */
struct box_machine {
	char name[SPEC_NAME_MAX + 1];
	struct mac mac;
	bool asleep, awake;
	struct addr address; /* the first one; family 0: none */
};

/* What roused of this host says. */
struct box_guard {
	bool here; /* it is meant to run here */
	int error; /* 0: it answers */
	char problem[BOX_TEXT]; /* why not */
	char interface[NETLINK_NAME]; /* of its configuration; empty: the default one's */
	bool own_mac; /* virtual-mac = own */
	bool observes; /* observe = yes */
	uint16_t port;
	size_t machines_n, machines_total;
	struct box_machine machines[BOX_MACHINES];
	/* The newest event of its kind; empty: none. */
	char knocked[BOX_TEXT]; /* by a packet that arrived for the virtual MAC */
	char conflicted[BOX_TEXT], yielded[BOX_TEXT];
	char relay_state[32], relay_url[BOX_TEXT], relay_error[BOX_TEXT]; /* empty: not known */
};

/* What rouse-sleeper of this host says. */
struct box_sleeper {
	int error; /* 0: it answers */
	char guard[BOX_TEXT];
	char lease[32]; /* "held" */
	char problem[BOX_TEXT]; /* its `error` */
	char wake_on_lan[32];
	char interface[NETLINK_NAME];
	char pairing[PAIRING_ID_TEXT]; /* empty: none */
};

struct box {
	const struct cli *cli;
	int root; /* a directory */
	bool powerful; /* root's */
	bool made_up; /* `root` is no running system: nothing beside its files is looked at */
	struct loop *loop;
	struct net_view *net; /* NULL: not known */
	bool machine, has_guard; /* what this host is */

	const struct net_interface *interface; /* towards the guard; NULL: none found */
	char name[NETLINK_NAME]; /* the interface's */
	bool wireless, carrier;
	struct mac mac;
	size_t ports_n; /* 0: nothing below it is hardware */
	struct box_port ports[BOX_PORTS];

	int paired; /* 0: `pairing` is known; -ENOENT, -EACCES, -EINVAL */
	struct pairing_state pairing;
	struct dial guard; /* where the guard is; host empty: nobody knows */
	const char *guard_from; /* "of the pairing", "named", "found by mDNS" */
	struct addr guard_address; /* family 0: not resolved */
	int guard_error; /* 0: it took a connection */
	char guard_problem[DIAL_PROBLEM];
	uint64_t guard_us; /* how long that took */
	int found; /* guards that answered to mDNS, or a negative errno */
	struct discovered guards[BOX_GUARDS];

	struct box_guard roused;
	struct box_sleeper sleeper;
};

/* What to look at, beside what is found. */
struct box_options {
	const char *guard; /* HOST[:PORT], or NULL */
	const char *interface; /* or NULL */
	const char *state; /* the sleeper's folder */
};

/* 0, or a negative errno after a message: without netlink there is nothing to look at. */
int box_open(struct box *b, const struct cli *c, const struct box_options *o);
void box_close(struct box *b);

/* One that was found, instead. */
void box_take_guard(struct box *b, const struct discovered *d);
/* Connects to b->guard and closes: guard_error, guard_address and guard_us say how that went. */
void box_try_guard(struct box *b);

/* The interface `name`, or the one towards b->guard_address, or the default one, and what is below it. */
void box_look_at_interface(struct box *b, const char *name);

/* A file below the root: its first `size` - 1 bytes with NUL, without the last newline. Negative errno. */
int box_read(const struct box *b, char *to, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
bool box_has(const struct box *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Calls for each entry of a folder below the root but "." and "..", at most 4096; false: there is no such folder. */
bool box_each(const struct box *b, const char *folder,
	      bool (*take)(void *context, const char *name), void *context);
/* A clock whose alarm could wake the machine. */
bool box_has_alarm(const struct box *b);
/* Hardware below an interface (lower_* links in sysfs); itself when it is hardware or nothing is. */
size_t box_hardware(const struct box *b, const char *interface, char ret[][NETLINK_NAME],
		    size_t max);

#endif
