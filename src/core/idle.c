#include "core/idle.h"

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
	return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

void idle_woke(struct idle_times *t, uint64_t now_us)
{
	t->woke_us = now_us;
	t->since_us = now_us;
	t->not_before_us = 0;
}

void idle_failed(struct idle_times *t, uint64_t now_us)
{
	t->not_before_us = plus(now_us, IDLE_RETRY_US);
}

/* False: something wants it awake now. */
static bool weigh(struct idle_times *t, const struct idle_evidence *evidence, size_t n,
		  uint64_t now_us)
{
	bool may = true;

	for (size_t k = 0; k < n; k++) {
		uint64_t last = evidence[k].said == IDLE_BUSY ? now_us : evidence[k].last_us;

		/* A clock of somebody else may be ahead of ours: nothing was needed in the future. */
		t->since_us = later(t->since_us, last > now_us ? now_us : last);
		may = may && evidence[k].said == IDLE_QUIET;
	}
	return may;
}

enum idle_verdict idle_decide(struct idle_times *t, const struct idle_settings *s,
			      const struct idle_evidence *evidence, size_t n, uint64_t now_us,
			      uint64_t *ret_at_us)
{
	bool may = weigh(t, evidence, n, now_us);
	uint64_t idle_us = plus(t->since_us, s->after_us);
	uint64_t at = later(idle_us, later(plus(t->woke_us, s->grace_us), t->not_before_us));
	enum idle_verdict v;

	if (s->after_us == 0)
		v = IDLE_OFF;
	else if (!may)
		v = IDLE_AWAKE;
	else if (now_us >= at)
		v = IDLE_SLEEP;
	else
		v = now_us >= idle_us ? IDLE_GRACE : IDLE_WAITS;
	if (ret_at_us)
		*ret_at_us = v == IDLE_OFF || v == IDLE_AWAKE ? UINT64_MAX : at;
	return v;
}
