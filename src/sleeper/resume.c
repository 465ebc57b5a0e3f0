#include "sleeper/resume.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* Reading two clocks takes time; nothing sleeps shorter than this. */
#define LEAST_US 100000
#define FAR_SECONDS (10 * 365 * 86400)

static uint64_t microseconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t asleep_so_far(void)
{
	uint64_t awake = microseconds(CLOCK_MONOTONIC);

	return microseconds(CLOCK_BOOTTIME) - awake;
}

static int arm(const struct resume *r)
{
	struct itimerspec far = { .it_value.tv_sec = time(NULL) + FAR_SECONDS };

	return timerfd_settime(r->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL);
}

static void ready(void *context, unsigned int what)
{
	struct resume *r = context;
	uint64_t ticks, now;

	(void)what;
	/* ECANCELED is the news; the timer goes on by itself, but its time may be past now. */
	(void)!read(r->fd, &ticks, sizeof(ticks));
	(void)arm(r);
	now = asleep_so_far();
	if (now > r->asleep_us + LEAST_US) {
		uint64_t slept = now - r->asleep_us;

		r->asleep_us = now;
		r->resumed(r->context, slept);
	}
}

int resume_init(struct resume *r, struct loop *l, void (*resumed)(void *context, uint64_t slept_us),
		void *context)
{
	int error;

	*r = (struct resume){ .fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC),
			      .asleep_us = asleep_so_far(),
			      .resumed = resumed,
			      .context = context };
	if (r->fd < 0)
		return -errno;
	error = arm(r) < 0 ? -errno : 0;
	if (error == 0)
		error = loop_watch_init(&r->watch, l, r->fd, LOOP_READ, ready, r);
	if (error < 0)
		resume_done(r);
	return error;
}

void resume_done(struct resume *r)
{
	loop_watch_done(&r->watch);
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}
