/*
 * bus: the program's one connection to the system bus, driven by our loop; opened again when it breaks, or when there was
 * no bus yet.
 *
 * This header is the door to libsystemd: files of this folder speak sd-bus through it. (A wrapper for messages would be a
 * second sd-bus.) Everything is asynchronous but what happens at SIGTERM: nobody else may wait for the bus.
 */
#ifndef ROUSE_SLEEPER_BUS_H
#define ROUSE_SLEEPER_BUS_H

#include "sys/loop.h"

#include <systemd/sd-bus.h>

struct bus;

/*
 * `up`: there is a connection now, make matches and calls (also after a new start of the bus); `down`: it is gone, with all
 * slots and pending calls of it: forget them without unref, their callbacks never come. Each is called from the loop.
 */
struct bus_user {
	void (*up)(void *context, sd_bus *bus);
	void (*down)(void *context);
	void *context;
};

#define BUS_USERS_MAX 4

int bus_new(struct loop *l, struct bus **ret_bus);
void bus_free(struct bus *b);
/* `up` comes at once when there is a connection already. */
void bus_use(struct bus *b, const struct bus_user *u);
/* NULL while there is none. */
sd_bus *bus_now(const struct bus *b);
/* After sd-bus was given something to send outside of its callbacks: looks what it waits for. */
void bus_touch(struct bus *b);

#endif
