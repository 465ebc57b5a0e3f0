/*
 * idle: what keeps this machine awake, and that it sleeps when nothing does.
 *
 * Looks at the checks (check_*.c) every `interval` when [idle] after is set, and when somebody asks; what they say is decided in
 * core/idle.h. Owns the moments of looking. Refuses to know how the machine is sent to sleep (sleeper_suspend()) and who asks.
 */
#ifndef ROUSE_SLEEPER_IDLE_H
#define ROUSE_SLEEPER_IDLE_H

#include "sleeper/evidence.h"
#include "sleeper/sleeper.h"

int idle_new(struct sleeper *s);
void idle_free(struct sleeper *s);
void idle_woken(struct sleeper *s);

/* What a look found. */
struct idle_report {
	enum idle_verdict verdict;
	uint64_t now_us, since_us; /* nothing was needed since then */
	uint64_t at_us; /* when it sleeps; UINT64_MAX: not foreseen */
	uint64_t grace_us; /* left */
	const char *timer; /* the next timer that must fire; "": none */
	uint64_t timer_wall_ms;
	const struct evidences *all;
};

typedef void idle_looked(void *context, const struct idle_report *r);

/* Looks at every check and calls back once; logind and systemd may take up to 2 s. -EBUSY: too many wait already. */
int idle_look(struct sleeper *s, idle_looked *looked, void *context);
/* Whoever waits with that context is not called any more. */
void idle_forget(struct sleeper *s, const void *context);

/* Who wants it to sleep now. */
struct idle_asker {
	char who[SPEC_NAME_MAX + 1]; /* for the log */
	int pid; /* of the program here that asks: its person's own session and connection keep nothing awake; 0: none */
	uint32_t uid;
	bool force; /* also when it is needed */
	bool away; /* it asks over the guard, and cannot force it */
};

/*
 * Sleeps unless something is busy. `done` is called once: 0 when logind took it; -EBUSY with what keeps it awake; or why not. Gone
 * waiters: idle_forget().
 */
void idle_sleep(struct sleeper *s, const struct idle_asker *who, sleeper_done *done, void *context);

#endif
