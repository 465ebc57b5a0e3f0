/*
 * state: the file with the pairing (proto/pairing_state.h): read, replaced, and watched, because `rouse setup` writes it
 * while the daemon runs.
 *
 * Refuses to know what the key is used for.
 */
#ifndef ROUSE_SLEEPER_STATE_H
#define ROUSE_SLEEPER_STATE_H

#include "proto/pairing_state.h"
#include "sys/loop.h"

#include <stdbool.h>

struct state {
	bool paired;
	struct pairing_state pairing;
};

/*
 * 0, also when there is none (not paired). -EINVAL, -EPROTONOSUPPORT: the file makes no sense, or is a newer program's;
 * -EPERM: others than its owner may read it, so that its key is no secret; errors of reading. Then *ret is not paired.
 */
int state_load(const char *directory, struct state *ret);
/* In everything. */
bool state_same(const struct state *a, const struct state *b);
int state_save(const char *directory, const struct pairing_state *p);

/* Calls `changed` when the file is another one now. */
struct state_watch {
	struct loop_watch watch;
	int fd; /* inotify; -1: none */
	void (*changed)(void *context);
	void *context;
};

int state_watch_init(struct state_watch *w, struct loop *l, const char *directory,
		     void (*changed)(void *context), void *context);
void state_watch_done(struct state_watch *w);

#endif
