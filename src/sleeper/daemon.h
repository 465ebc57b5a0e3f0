/*
 * daemon: rouse-sleeper as a process: the daemon, and the errand of a goodbye without one.
 */
#ifndef ROUSE_SLEEPER_DAEMON_H
#define ROUSE_SLEEPER_DAEMON_H

#include "proto/lease.h"

struct config;

/* Until SIGTERM; the exit status. */
int daemon_main(const struct config *c);
/* Says goodbye to the guard, where no daemon does; at most 2 s. 0, or a negative errno (logged). */
int daemon_goodbye(const struct config *c, enum lease_why why);

#endif
