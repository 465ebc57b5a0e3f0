/*
 * The file with the pairing: read back as it was stored, refused when it is torn or others may read it, never half written; and
 * noticed when somebody else replaces it.
 */
#include "sleeper/state.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/rouse-state-XXXXXX";
static char path[64];

static struct pairing_state example(void)
{
	struct pairing_state p = { .id = "AQIDBAUGBwgJ",
				   .guard = "192.0.2.1",
				   .port = 13717,
				   .mac = { { 2, 0, 0, 0, 0, 1 } },
				   .name = "nas",
				   .interface = "eth0" };

	memset(p.key, 7, sizeof(p.key));
	return p;
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(folder) && snprintf(path, sizeof(path), "%s/" PAIRING_STATE_FILE, folder) > 0
		       ? 0
		       : -1;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void test_there_and_back(void **state)
{
	const struct pairing_state p = example();
	struct state s;
	struct stat st;

	(void)state;
	assert_int_equal(state_load(folder, &s), 0);
	assert_false(s.paired);
	assert_int_equal(state_save(folder, &p), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(state_load(folder, &s), 0);
	assert_true(s.paired);
	assert_string_equal(s.pairing.guard, "192.0.2.1");
	assert_memory_equal(s.pairing.key, p.key, sizeof(p.key));
}

static void test_others_can_read(void **state)
{
	struct state s;

	(void)state;
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(state_load(folder, &s), -EPERM);
	assert_false(s.paired);
	assert_int_equal(chmod(path, 0600), 0);
}

/* Cut at every length: never a pairing, never a crash. */
static void test_torn(void **state)
{
	struct stat st;
	struct state s;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	/* The newline at its end says nothing. */
	for (off_t n = st.st_size - 2; n >= 0; n--) {
		assert_int_equal(truncate(path, n), 0);
		assert_int_equal(state_load(folder, &s), -EINVAL);
		assert_false(s.paired);
	}
}

static unsigned int changes;

static void changed(void *context)
{
	(void)context;
	changes++;
}

static void test_watch(void **state)
{
	struct pairing_state p = example();
	struct state_watch w;
	struct loop *l;

	(void)state;
	assert_int_equal(loop_new(&l), 0);
	assert_int_equal(state_watch_init(&w, l, folder, changed, NULL), 0);
	assert_int_equal(loop_run_once(l, 1000), 0);
	assert_int_equal(changes, 0);
	assert_int_equal(state_save(folder, &p), 0);
	assert_int_equal(loop_run_once(l, 1000000), 0);
	assert_int_equal(changes, 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(loop_run_once(l, 1000000), 0);
	assert_int_equal(changes, 2);
	state_watch_done(&w);
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_others_can_read),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_watch),
	};

	return cmocka_run_group_tests_name("sleeper/state", tests, setup, teardown);
}
