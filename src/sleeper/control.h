/*
 * control: the sleeper's local socket (docs/sleeper-control.md): lines of JSON from programs of this machine, and what the guard
 * asks over the lease.
 *
 * Who may connect is decided by the socket's mode. Refuses to know what keeps the machine awake (idle.h) and what listens
 * (services.h).
 */
#ifndef ROUSE_SLEEPER_CONTROL_H
#define ROUSE_SLEEPER_CONTROL_H

#include "sleeper/sleeper.h"

#define CONTROL_CLIENTS_MAX 8 /* at once */

/* Negative errno after a message. */
int control_new(struct sleeper *s);
void control_free(struct sleeper *s);

/* Somebody at the guard wants it to sleep: answered by guard_answer(). */
void control_asked(struct sleeper *s, uint32_t ask, const char *who);
/* The guard measured a test. */
void control_tested(struct sleeper *s, const struct lease_told *told);
/* guard_lease_state() is another now. */
void control_lease(struct sleeper *s);
/* s->woken is new. */
void control_woken(struct sleeper *s);

#endif
