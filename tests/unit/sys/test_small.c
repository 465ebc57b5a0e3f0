/*
 * The small ones: account, clock, entropy.
 */
#include "lab.h"

#include "sys/account.h"
#include "sys/clock.h"
#include "sys/entropy.h"

#include <time.h>

static void test_account(void **state)
{
	uid_t uid = 1;
	gid_t gid = 1;

	(void)state;
	assert_int_equal(account_user("root", &uid, &gid), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(gid, 0);
	gid = 1;
	assert_int_equal(account_group("root", &gid), 0);
	assert_int_equal(gid, 0);
	assert_int_equal(account_user("rouse-no-such-user", &uid, &gid), -ENOENT);
	assert_int_equal(account_group("rouse-no-such-group", &gid), -ENOENT);
}

static void test_clock(void **state)
{
	struct moment a = clock_now(), b;
	time_t now = time(NULL);

	(void)state;
	usleep(2000);
	b = clock_now();
	assert_in_range(b.us - a.us, 2000, 20000000);
	assert_in_range(b.wall_ms / 1000, (uint64_t)now - 1, (uint64_t)now + 20);
}

static void test_entropy(void **state)
{
	uint8_t a[300] = { 0 }, b[300] = { 0 };

	(void)state;
	entropy_bytes(a, sizeof(a));
	entropy_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	/* Filled to the end. */
	assert_memory_not_equal(a + 292, b + 292, 8);
	assert_true(entropy_u32() != entropy_u32() || entropy_u32() != entropy_u32());
	/* One in 64 would begin with '-'. */
	for (int i = 0; i < 4096; i++) {
		entropy_id(a, sizeof(a));
		assert_true(a[0] >> 2 != 62);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_account),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_entropy),
	};

	return cmocka_run_group_tests_name("sys/small", tests, NULL, NULL);
}
