/*
 * syncer: fdatasync(2) without waiting for it. A disk, an SD card above all, can take a second, and the monitor has
 * frames to send.
 *
 * Owns the only thread there is; it shares nothing with the rest but descriptors that go through pipes. Refuses to know
 * what the files are.
 */
#ifndef ROUSE_SYS_SYNCER_H
#define ROUSE_SYS_SYNCER_H

#include "sys/loop.h"

#include <stdbool.h>

struct syncer;

/* `done` is called from the loop with 0 or the negative errno of fdatasync. */
int syncer_new(struct loop *l, void (*done)(void *context, int result), void *context,
	       struct syncer **ret_syncer);
/* Waits for what is under way. NULL is fine. */
void syncer_free(struct syncer *s);
/* One at a time. */
bool syncer_busy(const struct syncer *s);
/* Starts; the caller may close fd meanwhile. -EBUSY, or the error of duplicating it. */
int syncer_start(struct syncer *s, int fd);

#endif
