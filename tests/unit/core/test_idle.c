/*
 * The decision to sleep: grace, evidence of each kind, when it will be.
 */
#include "core/idle.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define S UINT64_C(1000000)
#define START (1000 * S)

static const struct idle_settings settings = { .after_us = 1200 * S, .grace_us = 600 * S };
static const struct idle_evidence quiet = { .said = IDLE_QUIET };
static const struct idle_evidence busy = { .said = IDLE_BUSY };

static struct idle_times woken(void)
{
	struct idle_times i = { 0 };

	idle_woke(&i, START);
	return i;
}

static void sleeps_when_idle_long_enough(void **state)
{
	struct idle_times i = woken();
	uint64_t at;

	(void)state;
	assert_int_equal(idle_decide(&i, &settings, &quiet, 1, START + S, &at), IDLE_WAITS);
	assert_int_equal(at, START + 1200 * S);
	assert_int_equal(idle_decide(&i, &settings, &quiet, 1, at - 1, NULL), IDLE_WAITS);
	assert_int_equal(idle_decide(&i, &settings, &quiet, 1, at, NULL), IDLE_SLEEP);
}

static void off_without_after(void **state)
{
	struct idle_settings off = { .grace_us = 600 * S };
	struct idle_times i = woken();
	uint64_t at;

	(void)state;
	assert_int_equal(idle_decide(&i, &off, &quiet, 1, START + 100000 * S, &at), IDLE_OFF);
	assert_int_equal(at, UINT64_MAX);
}

static void busy_starts_the_time_anew(void **state)
{
	const struct idle_evidence both[] = { quiet, busy };
	struct idle_times i = woken();
	uint64_t at;

	(void)state;
	assert_int_equal(idle_decide(&i, &settings, both, 2, START + 5000 * S, &at), IDLE_AWAKE);
	assert_int_equal(at, UINT64_MAX);
	assert_int_equal(idle_decide(&i, &settings, both, 1, START + 5001 * S, &at), IDLE_WAITS);
	assert_int_equal(at, START + 6200 * S);
}

static void what_was_last_needed_counts(void **state)
{
	const struct idle_evidence e = { .said = IDLE_QUIET, .last_us = START + 100 * S };
	const struct idle_evidence future = { .said = IDLE_QUIET, .last_us = UINT64_MAX };
	struct idle_times i = woken();
	uint64_t at;

	(void)state;
	(void)idle_decide(&i, &settings, &e, 1, START + 130 * S, &at);
	assert_int_equal(at, START + 1300 * S);
	(void)idle_decide(&i, &settings, &future, 1, START + 200 * S, &at);
	assert_int_equal(at, START + 1400 * S);
}

static void what_postpones_does_not_start_it_anew(void **state)
{
	const struct idle_evidence e = { .said = IDLE_POSTPONES };
	struct idle_times i = woken();

	(void)state;
	assert_int_equal(idle_decide(&i, &settings, &e, 1, START + 1300 * S, NULL), IDLE_AWAKE);
	assert_int_equal(idle_decide(&i, &settings, &quiet, 1, START + 1301 * S, NULL), IDLE_SLEEP);
}

static void grace_after_each_wake(void **state)
{
	const struct idle_settings hasty = { .after_us = 60 * S, .grace_us = 600 * S };
	struct idle_times i = woken();
	uint64_t at;

	(void)state;
	assert_int_equal(idle_decide(&i, &hasty, &quiet, 1, START + 100 * S, &at), IDLE_GRACE);
	assert_int_equal(at, START + 600 * S);
	idle_woke(&i, START + 10000 * S);
	assert_int_equal(idle_decide(&i, &hasty, &quiet, 1, START + 10599 * S, &at), IDLE_GRACE);
	assert_int_equal(idle_decide(&i, &hasty, &quiet, 1, START + 10600 * S, &at), IDLE_SLEEP);
}

static void a_failed_attempt_waits(void **state)
{
	struct idle_times i = woken();
	uint64_t at;

	(void)state;
	assert_int_equal(idle_decide(&i, &settings, &quiet, 1, START + 2000 * S, NULL), IDLE_SLEEP);
	idle_failed(&i, START + 2000 * S);
	(void)idle_decide(&i, &settings, &quiet, 1, START + 2001 * S, &at);
	assert_int_equal(at, START + 2000 * S + IDLE_RETRY_US);
	assert_int_equal(idle_decide(&i, &settings, &quiet, 1, at, NULL), IDLE_SLEEP);
}

static void endless_times_do_not_overflow(void **state)
{
	const struct idle_settings endless = { .after_us = UINT64_MAX, .grace_us = UINT64_MAX };
	struct idle_times i = woken();

	(void)state;
	assert_int_equal(idle_decide(&i, &endless, &quiet, 1, START * 1000, NULL), IDLE_WAITS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sleeps_when_idle_long_enough),
		cmocka_unit_test(off_without_after),
		cmocka_unit_test(busy_starts_the_time_anew),
		cmocka_unit_test(what_was_last_needed_counts),
		cmocka_unit_test(what_postpones_does_not_start_it_anew),
		cmocka_unit_test(grace_after_each_wake),
		cmocka_unit_test(a_failed_attempt_waits),
		cmocka_unit_test(endless_times_do_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
