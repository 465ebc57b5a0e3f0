/*
 * wake: the series of magic packets, and what came of it.
 *
 * Owns struct wake and the record of the last wake. Refuses to know whether a packet was allowed to wake.
 */
#ifndef ROUSE_CORE_WAKE_H
#define ROUSE_CORE_WAKE_H

#include "core/home_state.h"

/* A knock may start a series: none ran within the minute, or the machine came up. */
bool wake_allowed(const struct home *h, const struct machine *m);
/* The first burst goes out. The machine is asleep, waking or unknown. */
void wake_start(struct home *h, struct machine *m, enum wake_by by, const struct caller *who);
/* Starts when the machine is found asleep, or at `at` when it is waking without us. */
void wake_later(struct home *h, struct machine *m, enum wake_by by, const struct caller *who,
		uint64_t at);
/* It is asleep now: starts what waited. */
void wake_pending(struct home *h, struct machine *m);
/* The guard was restarted in the middle of a series. */
void wake_resume(struct home *h, struct machine *m);
/* It answered: says by what, and after how long. */
void wake_came_up(struct home *h, struct machine *m);
/* A port that was waited for answered (ready), and held packets went to it. */
uint64_t wake_replayed(struct home *h, struct machine *m, bool ready, uint32_t replayed);
/* It said goodbye, or went away in the middle of it: the series is over. */
void wake_over(struct machine *m);
void wake_link_is_back(struct home *h, struct machine *m);
uint64_t wake_due(const struct machine *m);
void wake_tick(struct home *h, struct machine *m);

#endif
