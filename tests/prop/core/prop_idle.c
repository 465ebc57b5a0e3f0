/*
 * Many random lives of a machine: it never sleeps while a check is busy or postpones, never within the grace after a wake, never
 * before it was idle for the time asked, and always once all of that is over. The rules are told here a second time, from
 * the history alone.
 */
#include "core/idle.h"

#include "../random.h"

#define LIVES 20000
#define STEPS 60
#define CHECKS 4
#define S UINT64_C(1000000)

struct life {
	struct idle_settings settings;
	struct idle_times idle;
	uint64_t now, woke, needed, failed;
	bool has_failed;
	struct idle_evidence evidence[CHECKS];
};

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void look(struct life *l, uint64_t *seed)
{
	for (size_t i = 0; i < CHECKS; i++) {
		struct idle_evidence *e = &l->evidence[i];
		uint32_t dice = random_below(seed, 20);

		e->said = dice == 0 ? IDLE_BUSY : dice == 1 ? IDLE_POSTPONES : IDLE_QUIET;
		if (dice == 2)
			e->last_us = l->now - random_below(seed, 100) * S;
		if (e->said == IDLE_BUSY)
			e->last_us = l->now;
		l->needed = later(l->needed, e->last_us);
	}
}

static bool wanted(const struct life *l)
{
	for (size_t i = 0; i < CHECKS; i++) {
		if (l->evidence[i].said != IDLE_QUIET)
			return true;
	}
	return false;
}

static void judge(struct life *l)
{
	uint64_t at;
	enum idle_verdict v = idle_decide(&l->idle, &l->settings, l->evidence, CHECKS, l->now, &at);
	bool within_grace = l->now - l->woke < l->settings.grace_us;
	bool idle = l->now - l->needed >= l->settings.after_us;
	bool too_soon = l->has_failed && l->now - l->failed < IDLE_RETRY_US;
	bool sleeps = l->settings.after_us > 0 && !wanted(l) && idle && !within_grace && !too_soon;

	CHECK((v == IDLE_SLEEP) == sleeps);
	CHECK((at == UINT64_MAX) == (l->settings.after_us == 0 || wanted(l)));
	/* What it promises is what it does, when nothing happens until then. */
	if (v == IDLE_WAITS || v == IDLE_GRACE) {
		struct idle_times copy = l->idle;

		CHECK(at > l->now);
		CHECK(idle_decide(&copy, &l->settings, l->evidence, CHECKS, at - 1, NULL) !=
		      IDLE_SLEEP);
		CHECK(idle_decide(&copy, &l->settings, l->evidence, CHECKS, at, NULL) ==
		      IDLE_SLEEP);
	}
}

static void live(uint64_t *seed)
{
	struct life l = { .now = 1000 * S };

	l.settings.after_us = random_below(seed, 8) ? (1 + random_below(seed, 2000)) * S : 0;
	l.settings.grace_us = random_below(seed, 1200) * S;
	l.woke = l.needed = l.now;
	idle_woke(&l.idle, l.now);
	for (int step = 0; step < STEPS; step++) {
		l.now += random_below(seed, 120) * S + random_below(seed, 1000);
		look(&l, seed);
		judge(&l);
		if (random_below(seed, 30) == 0) {
			l.has_failed = false;
			l.woke = l.needed = l.now;
			idle_woke(&l.idle, l.now);
		} else if (random_below(seed, 30) == 0) {
			l.has_failed = true;
			l.failed = l.now;
			idle_failed(&l.idle, l.now);
		}
	}
}

int main(void)
{
	uint64_t seed = seed_from(getenv("ROUSE_SEED"));

	for (int i = 0; i < LIVES; i++)
		live(&seed);
	return 0;
}
