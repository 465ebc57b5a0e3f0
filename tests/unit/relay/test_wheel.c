/*
 * test_wheel: timers fire once, not early, and not when they are cancelled or moved.
 */
#include "relay/wheel.h"

#include "sys/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct loop *loop;
static struct wheel wheel;
static uint64_t fired[4];
static struct wheel_timer timers[4];

static void on_due(struct wheel_timer *t)
{
	size_t i = (size_t)(t - timers);

	assert_int_equal(fired[i], 0);
	fired[i] = clock_monotonic_us();
}

static void timers_fire(void **state)
{
	uint64_t began = clock_monotonic_us();

	(void)state;
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(wheel_init(&wheel, loop), 0);
	for (size_t i = 0; i < 4; i++)
		wheel_timer_init(&timers[i], on_due);
	wheel_set(&wheel, &timers[0], 150000);
	wheel_set(&wheel, &timers[1], 250000);
	wheel_set(&wheel, &timers[1], 350000);
	wheel_set(&wheel, &timers[2], 100000);
	wheel_cancel(&wheel, &timers[2]);
	wheel_set(&wheel, &timers[3], 300000000);
	while (clock_monotonic_us() - began < (fired[1] ? 700000 : 10000000))
		assert_int_equal(loop_run_once(loop, 50000), 0);
	/* Never early; how late, the box says. */
	assert_in_range(fired[0] - began, 150000, 10000000);
	assert_in_range(fired[1] - began, 350000, 10000000);
	assert_int_equal(fired[2], 0);
	assert_int_equal(fired[3], 0);
	assert_int_equal(wheel.armed, 1);
	wheel_cancel(&wheel, &timers[3]);
	wheel_done(&wheel);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(timers_fire) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
