/*
 * clock: what time is it, for deciding (monotonic) and for telling (wall clock).
 *
 * Owns nothing. Refuses to know calendars: rendering a time is others' work.
 */
#ifndef ROUSE_SYS_CLOCK_H
#define ROUSE_SYS_CLOCK_H

#include "base/event.h"

#include <stdint.h>

/* CLOCK_MONOTONIC in microseconds. No system call where the vDSO has it. */
uint64_t clock_monotonic_us(void);
/* CLOCK_REALTIME in milliseconds since the epoch; jumps when somebody sets the clock. */
uint64_t clock_wall_ms(void);
struct moment clock_now(void);

#endif
