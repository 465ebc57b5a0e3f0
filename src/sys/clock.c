#include "sys/clock.h"

#include <assert.h>
#include <time.h>

static struct timespec clock_read(clockid_t which)
{
	struct timespec t;
	int r = clock_gettime(which, &t);

	/* Both clocks exist on every Linux, and &t is writable. */
	assert(r == 0);
	return t;
}

uint64_t clock_monotonic_us(void)
{
	struct timespec t = clock_read(CLOCK_MONOTONIC);

	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_wall_ms(void)
{
	struct timespec t = clock_read(CLOCK_REALTIME);

	/* A box without a battery starts in 1970; one set before that has no wall clock. */
	if (t.tv_sec < 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

struct moment clock_now(void)
{
	return (struct moment){ .us = clock_monotonic_us(), .wall_ms = clock_wall_ms() };
}
