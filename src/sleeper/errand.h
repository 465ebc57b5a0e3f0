/*
 * errand: what the units around sleep.target run: tells the running daemon, over its control socket, that the machine sleeps or
 * is awake. Where none runs, the goodbye is said by this process itself.
 *
 * Refuses to know guards.
 */
#ifndef ROUSE_SLEEPER_ERRAND_H
#define ROUSE_SLEEPER_ERRAND_H

#include "proto/lease.h"

struct config;

/* The exit status: 0 also when there is nobody to tell. */
int errand_goodbye(const struct config *c, enum lease_why why);
int errand_hello(const struct config *c);

#endif
