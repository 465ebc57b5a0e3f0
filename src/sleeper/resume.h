/*
 * resume: notices that the machine slept, whoever sent it to sleep, without looking at a clock all the time: the kernel cancels
 * a timer on the wall clock when the machine resumes (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET), and CLOCK_BOOTTIME has then
 * gone on while CLOCK_MONOTONIC has not.
 */
#ifndef ROUSE_SLEEPER_RESUME_H
#define ROUSE_SLEEPER_RESUME_H

#include "sys/loop.h"

#include <stdint.h>

struct resume {
	struct loop_watch watch;
	int fd;
	uint64_t asleep_us; /* since the machine's start */
	void (*resumed)(void *context, uint64_t slept_us);
	void *context;
};

int resume_init(struct resume *r, struct loop *l, void (*resumed)(void *context, uint64_t slept_us),
		void *context);
void resume_done(struct resume *r);

#endif
