/*
 * reload: the machines of a configuration against those in the store: what has to be done to make them the same.
 * Used at start and on SIGHUP alike. A machine of the file is the same machine as long as its MAC is the same, whatever
 * its name: it keeps id and past.
 *
 * Changes nothing by itself: the caller acts on each step.
 */
#ifndef ROUSE_GUARD_RELOAD_H
#define ROUSE_GUARD_RELOAD_H

#include "guard/config.h"
#include "guard/store.h"

enum reload_step {
	RELOAD_REMOVE, /* id: it was in the file and is not any more */
	RELOAD_CHANGE, /* id, spec: described anew (or was added or registered and is in the file now) */
	RELOAD_ADD, /* spec: new */
	RELOAD_CLASH, /* id, spec: the name or an address is taken by `id`, which is not of the file: leave spec out */
	RELOAD_STEPS
};

/*
 * Calls `step` for each machine that differs, in an order in which no name and no address is ever with two
 * machines. The caller does each step in the store at once (but RELOAD_CLASH): the next one depends on it.
 * -ENOMEM, or 0.
 */
int reload_plan(const struct store *s, const struct config *c,
		void (*step)(void *who, enum reload_step what, uint32_t id,
			     const struct spec *spec),
		void *who) __attribute__((warn_unused_result));

#endif
