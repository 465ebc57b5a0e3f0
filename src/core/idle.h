/*
 * idle: may this machine sleep now, and if not, what keeps it awake and until when?
 *
 * Each check gives evidence: what it saw and when it was last needed. The machine is idle since the latest of those, sleeps
 * when that is `after` ago, and never within `grace` of a wake. Refuses to know what the checks look at, and how it sleeps.
 */
#ifndef ROUSE_CORE_IDLE_H
#define ROUSE_CORE_IDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idle_settings {
	uint64_t after_us; /* idle so long: it sleeps; 0: never by itself */
	uint64_t grace_us; /* awake at least so long after each wake */
};

enum idle_said {
	IDLE_QUIET, /* not needed now; last needed at last_us */
	IDLE_BUSY, /* needed now */
	IDLE_POSTPONES, /* not needed, but this is no moment to sleep: the idle time goes on */
	IDLE_SAID
};

struct idle_evidence {
	enum idle_said said;
	uint64_t last_us; /* monotonic: when it was last needed; 0: never seen so */
};

enum idle_verdict {
	IDLE_OFF, /* it never sleeps by itself */
	IDLE_AWAKE, /* a check is busy, or postpones */
	IDLE_GRACE, /* idle long enough, but just woken */
	IDLE_WAITS, /* idle, not yet long enough */
	IDLE_SLEEP, /* now */
	IDLE_VERDICTS
};

/* Zeroed, then idle_woke(). */
struct idle_times {
	uint64_t woke_us; /* grace counts from here */
	uint64_t since_us; /* last needed: idle since then */
	uint64_t not_before_us; /* after an attempt that failed */
};

/* The machine started or woke. */
void idle_woke(struct idle_times *t, uint64_t now_us);

#define IDLE_RETRY_US (5 * 60 * UINT64_C(1000000))
/* It did not go to sleep, although it was to: the next attempt comes IDLE_RETRY_US later. */
void idle_failed(struct idle_times *t, uint64_t now_us);

/*
 * Takes the evidence of n checks into account. ret_at_us (may be NULL): when it sleeps if nothing happens until then, UINT64_MAX
 * while it does not (OFF, AWAKE).
 */
enum idle_verdict idle_decide(struct idle_times *t, const struct idle_settings *s,
			      const struct idle_evidence *evidence, size_t n, uint64_t now_us,
			      uint64_t *ret_at_us);

#endif
