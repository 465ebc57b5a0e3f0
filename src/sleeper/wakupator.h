/*
 * wakupator: the goodbye of a machine that is not paired: one registration in Wakupator's format (proto/registration.h) to the
 * configured guard, which may also be a Wakupator.
 *
 * Refuses to know when.
 */
#ifndef ROUSE_SLEEPER_WAKUPATOR_H
#define ROUSE_SLEEPER_WAKUPATOR_H

#include "sleeper/sleeper.h"

struct wakupator;

/*
 * Registers `spec` at the configuration's guard, with its token if there is one; `done` is called once, from the loop, within
 * SLEEPER_GOODBYE_US. The caller frees it then, or earlier. -EINVAL: the guard's name makes no sense.
 */
int wakupator_register(struct loop *l, const struct config *c, const struct spec *spec,
		       sleeper_done *done, void *context, struct wakupator **ret);
/* NULL is fine; `done` is not called any more. */
void wakupator_free(struct wakupator *w);

#endif
