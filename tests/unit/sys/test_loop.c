/*
 * loop: watches, timers, deferred calls, signals; each finished from within its own callback too.
 */
#include "lab.h"

#include "sys/clock.h"
#include "sys/loop.h"

#include <sys/eventfd.h>

struct seen {
	struct loop *loop;
	struct loop_watch watch;
	struct loop_timer timer;
	struct loop_deferred deferred;
	int count;
	unsigned int what;
	uint64_t at;
	bool finish;
};

static void watch_seen(void *context, unsigned int what)
{
	struct seen *s = context;

	s->count++;
	s->what = what;
	if (s->finish)
		loop_watch_done(&s->watch);
}

static void timer_seen(void *context)
{
	struct seen *s = context;

	s->count++;
	s->at = clock_monotonic_us();
	if (s->finish)
		loop_timer_done(&s->timer);
}

static void deferred_seen(void *context)
{
	struct seen *s = context;

	s->count++;
	if (s->finish)
		loop_deferred_done(&s->deferred);
}

static int setup(void **state)
{
	struct seen *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	assert_int_equal(loop_new(&s->loop), 0);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct seen *s = *state;

	loop_free(s->loop);
	free(s);
	return 0;
}

static void test_watch(void **state)
{
	struct seen *s = *state;
	int fd = eventfd(0, EFD_NONBLOCK);
	uint64_t one = 1;

	assert_int_equal(loop_watch_init(&s->watch, s->loop, fd, LOOP_READ, watch_seen, s), 0);
	assert_int_equal(loop_run_once(s->loop, 0), 0);
	assert_int_equal(s->count, 0);
	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	/* Level-triggered: nobody read, so it is said again. */
	loop_run_once(s->loop, 1000000);
	loop_run_once(s->loop, 1000000);
	assert_int_equal(s->count, 2);
	assert_int_equal(s->what, LOOP_READ);
	assert_int_equal(loop_watch_set(&s->watch, LOOP_READ | LOOP_WRITE), 0);
	loop_run_once(s->loop, 1000000);
	assert_int_equal(s->what, LOOP_READ | LOOP_WRITE);
	assert_int_equal(loop_watch_set(&s->watch, 0), 0);
	loop_run_once(s->loop, 0);
	assert_int_equal(s->count, 3);
	assert_int_equal(loop_watch_set(&s->watch, LOOP_WRITE), 0);
	s->finish = true;
	loop_run_once(s->loop, 1000000);
	loop_run_once(s->loop, 0);
	assert_int_equal(s->count, 4);
	loop_watch_done(&s->watch);
	close(fd);
}

static void test_watch_of_a_file_is_an_error(void **state)
{
	struct seen *s = *state;
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	/* epoll(7) takes no regular files. */
	assert_int_equal(loop_watch_init(&s->watch, s->loop, fd, LOOP_READ, watch_seen, s), -EPERM);
	assert_null(s->watch.event);
	close(fd);
}

static void test_timer_is_never_early(void **state)
{
	struct seen *s = *state;

	assert_int_equal(loop_timer_init(&s->timer, s->loop, timer_seen, s), 0);
	for (uint64_t wait = 100; wait < 6000; wait += 377) {
		uint64_t at = clock_monotonic_us() + wait;
		int before = s->count;

		loop_timer_set(&s->timer, at);
		while (s->count == before)
			loop_run_once(s->loop, 1000000);
		assert_true(s->at >= at);
		/* Precise: without the precise clock it would be up to 4 ms off each time. */
		if (s->at - at > 1000000)
			fail_msg("%llu us late", (unsigned long long)(s->at - at));
		assert_true(s->timer.at == UINT64_MAX);
	}
	loop_timer_done(&s->timer);
}

static void test_timer_set_again(void **state)
{
	struct seen *s = *state;

	loop_timer_init(&s->timer, s->loop, timer_seen, s);
	loop_timer_set(&s->timer, clock_monotonic_us() + 1000);
	loop_timer_set(&s->timer, UINT64_MAX);
	loop_run_once(s->loop, 5000);
	assert_int_equal(s->count, 0);
	loop_timer_set(&s->timer, clock_monotonic_us() + 3600 * UINT64_C(1000000));
	loop_timer_set(&s->timer, 0);
	s->finish = true;
	loop_run_once(s->loop, 1000000);
	assert_int_equal(s->count, 1);
	loop_timer_done(&s->timer);
}

static void test_deferred_once(void **state)
{
	struct seen *s = *state;

	loop_deferred_init(&s->deferred, s->loop, deferred_seen, s);
	loop_defer(&s->deferred);
	loop_defer(&s->deferred);
	assert_int_equal(s->count, 0);
	loop_run_once(s->loop, 1000000);
	assert_int_equal(s->count, 1);
	loop_defer(&s->deferred);
	s->finish = true;
	loop_run_once(s->loop, 1000000);
	assert_int_equal(s->count, 2);
	loop_deferred_done(&s->deferred);
}

static void signal_seen(void *context, int signal)
{
	struct seen *s = context;

	s->count += signal;
	loop_stop(s->loop);
}

static void test_signals_and_stop(void **state)
{
	static const int signals[] = { SIGUSR1, SIGHUP, 0 };
	struct seen *s = *state;
	struct loop_signals caught;

	assert_int_equal(loop_signals_init(&caught, s->loop, signals, signal_seen, s), 0);
	kill(getpid(), SIGUSR1);
	assert_int_equal(loop_run(s->loop), 0);
	assert_int_equal(s->count, SIGUSR1);
	kill(getpid(), SIGHUP);
	assert_int_equal(loop_run(s->loop), 0);
	assert_int_equal(s->count, SIGUSR1 + SIGHUP);
	loop_signals_done(&caught);
	loop_signals_done(&caught);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_watch),
		T(test_watch_of_a_file_is_an_error),
		T(test_timer_is_never_early),
		T(test_timer_set_again),
		T(test_deferred_once),
		T(test_signals_and_stop),
	};

	return cmocka_run_group_tests_name("sys/loop", tests, NULL, NULL);
}
