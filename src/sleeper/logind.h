/*
 * logind: holds the delay lock, so that the machine waits for our goodbye; hears of sleep and shutdown; asks for suspend; and
 * reads the job list when this program is told to end.
 *
 * Owns the lock. Refuses to know what is said to whom. Where there is no logind it says so once, and goes on looking.
 */
#ifndef ROUSE_SLEEPER_LOGIND_H
#define ROUSE_SLEEPER_LOGIND_H

#include "sleeper/jobs.h"
#include "sleeper/sleeper.h"

struct logind;

struct logind_user {
	/* The machine is about to sleep: logind_release() lets it. */
	void (*sleeps)(void *context);
	/* It is awake again, or did not sleep at all. */
	void (*wakes)(void *context);
	/* About to shut down; JOBS_NONE: systemd before 256 does not say how. logind_release() lets it. */
	void (*shuts_down)(void *context, enum jobs_verdict how);
	/* It does not, after all. */
	void (*stays)(void *context);
	void *context;
};

int logind_new(struct sleeper *s, const struct logind_user *u, struct logind **ret_logind);
void logind_free(struct logind *l);
/* Ours is the lock, or it was and the machine goes now. */
bool logind_is_there(const struct logind *l);
/* Lets go of the lock: as far as we are concerned the machine may sleep. */
void logind_release(struct logind *l);
/* Takes the lock again, unless it is ours. */
void logind_lock(struct logind *l);
/* Suspends the machine. `done`: whether logind took it. */
void logind_suspend(struct logind *l, sleeper_done *done, void *context);

/* Why this program is to end; waits up to half a second: for SIGTERM only. -EIO etc.: nobody says. */
int logind_jobs(struct bus *b, enum jobs_verdict *ret_verdict);

#endif
