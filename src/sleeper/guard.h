/*
 * guard: the sleeper's side of the lease (docs/lease-protocol.md): connects to the paired guard, stays connected, renews,
 * says goodbye and hello, and finds the guard again when its address is another.
 *
 * Owns the connection and its keys. Refuses to know why the machine sleeps, and what its services are: sleeper_describe().
 */
#ifndef ROUSE_SLEEPER_GUARD_H
#define ROUSE_SLEEPER_GUARD_H

#include "sleeper/sleeper.h"

enum guard_lease {
	GUARD_UNPAIRED,
	GUARD_CONNECTING, /* or waiting to try again */
	GUARD_HELD,
	GUARD_REFUSED, /* by the guard: guard_error() says why */
	GUARD_LEASES
};

/* "unpaired", "connecting", "held", "refused" */
const char *guard_lease_name(enum guard_lease l);

int guard_new(struct sleeper *s, struct guard **ret_guard);
void guard_free(struct guard *g);

/* The machine started or woke: says a lease on a new connection. Before the first call nothing happens. */
void guard_kick(struct guard *g, enum lease_why why);
/* The pairing in s->state is another one now. */
void guard_paired(struct guard *g);
/* The description or the network changed. */
void guard_changed(struct guard *g);
/* The cable was out, or the like: sees whether the connection still is one. */
void guard_check(struct guard *g);

/*
 * Within `within_us`: says it on the connection there is, or on a new one; then closes. `done` is called once, from the loop.
 */
void guard_goodbye(struct guard *g, enum lease_why why, uint64_t within_us, sleeper_done *done,
		   void *context);
void guard_stay(struct guard *g, enum lease_why why, uint64_t within_us, sleeper_done *done,
		void *context);

/* After the coming goodbye the guard wakes the machine: -ENOTCONN without a lease. TELL_TESTED: control_tested(). */
void guard_test(struct guard *g, uint32_t after_seconds, sleeper_done *done, void *context);
/* The answer to control_asked(); lost when the connection is another one now. */
void guard_answer(struct guard *g, uint32_t ask, bool ok, const char *text);

enum guard_lease guard_lease_state(const struct guard *g);
struct moment guard_lease_since(const struct guard *g);
const char *guard_error(const struct guard *g); /* NULL: none */
/* Where it is, or was last; family 0: not known. */
struct addr guard_address(const struct guard *g, uint16_t *ret_port);

#endif
