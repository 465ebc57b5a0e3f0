/* test_syncer: fdatasync in the background: that it happens, one at a time, and what it says when it fails. */
#include "sys/syncer.h"

#include "sys/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define NOT_YET 1

struct world {
	struct loop *loop;
	struct syncer *syncer;
	int result;
};

static void done(void *context, int result)
{
	((struct world *)context)->result = result;
}

static int setup(void **state)
{
	static struct world w;

	w.result = NOT_YET;
	assert_int_equal(loop_new(&w.loop), 0);
	assert_int_equal(syncer_new(w.loop, done, &w, &w.syncer), 0);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	syncer_free(w->syncer);
	loop_free(w->loop);
	return 0;
}

static void wait_for_result(struct world *w)
{
	for (int i = 0; i < 500 && w->result == NOT_YET; i++)
		assert_int_equal(loop_run_once(w->loop, 10000), 0);
	assert_int_not_equal(w->result, NOT_YET);
}

static void a_file_is_synced_also_when_it_is_closed_meanwhile(void **state)
{
	struct world *w = *state;
	char path[] = "/tmp/rouse-syncer-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(syncer_start(w->syncer, fd), 0);
	assert_int_equal(close(fd), 0);
	assert_true(syncer_busy(w->syncer));
	assert_int_equal(syncer_start(w->syncer, 0), -EBUSY);
	wait_for_result(w);
	assert_int_equal(w->result, 0);
	assert_false(syncer_busy(w->syncer));
	unlink(path);
}

static void a_failure_is_told(void **state)
{
	struct world *w = *state;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(syncer_start(w->syncer, ends[0]), 0);
	wait_for_result(w);
	assert_int_equal(w->result, -EINVAL);
	assert_int_equal(syncer_start(w->syncer, -1), -EBADF);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_is_synced_also_when_it_is_closed_meanwhile,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_failure_is_told, setup, teardown),
	};

	return cmocka_run_group_tests_name("syncer", tests, NULL, NULL);
}
