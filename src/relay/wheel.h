/*
 * wheel: timers by the ten thousand. Setting, moving and cancelling one is O(1); a turn looks only at those that are
 * due (and at those a full turn later, which is beyond the longest time that can be set).
 *
 * Owns one timer of the loop, which is off while nothing is set. Not precise: up to a tick late.
 */
#ifndef ROUSE_RELAY_WHEEL_H
#define ROUSE_RELAY_WHEEL_H

#include "base/list.h"
#include "sys/loop.h"

#define WHEEL_TICK_US 100000
#define WHEEL_SLOTS 4096 /* 409 s */
#define WHEEL_LONGEST_S 400

struct wheel_timer {
	struct list node;
	void (*due)(struct wheel_timer *t);
	bool armed;
};

struct wheel {
	struct loop_timer timer;
	uint64_t tick; /* the last one that was looked at */
	size_t armed;
	struct list slots[WHEEL_SLOTS];
};

int wheel_init(struct wheel *w, struct loop *l);
void wheel_done(struct wheel *w);
void wheel_timer_init(struct wheel_timer *t, void (*due)(struct wheel_timer *t));
/* Fires once, after at least `us` (at most WHEEL_LONGEST_S); replaces what was set. */
void wheel_set(struct wheel *w, struct wheel_timer *t, uint64_t us);
void wheel_cancel(struct wheel *w, struct wheel_timer *t);

#endif
