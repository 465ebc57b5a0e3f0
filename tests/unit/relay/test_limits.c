/*
 * test_limits: buckets that fill again, counts that end, and floods of keys.
 */
#include "relay/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct limits l;

static int set_up(void **state)
{
	(void)state;
	return limits_init(&l);
}

static int tear_down(void **state)
{
	(void)state;
	limits_done(&l);
	return 0;
}

static void a_bucket_fills_again(void **state)
{
	const struct rate rate = { 3, 30000000 };
	uint64_t now = 1000000000;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(limits_take(&l, LIMIT_GRANT, "a", 1, &rate, now), 0);
	assert_true(limits_take(&l, LIMIT_GRANT, "a", 1, &rate, now) > 0);
	assert_int_equal(limits_take(&l, LIMIT_GRANT, "a", 1, &rate, now), 10000000);
	/* Others are not concerned. */
	assert_int_equal(limits_take(&l, LIMIT_GRANT, "b", 1, &rate, now), 0);
	assert_int_equal(limits_take(&l, LIMIT_HOME, "a", 1, &rate, now), 0);
	assert_true(limits_take(&l, LIMIT_GRANT, "a", 1, &rate, now + 9999999) > 0);
	assert_int_equal(limits_take(&l, LIMIT_GRANT, "a", 1, &rate, now + 10000000), 0);
	assert_true(limits_take(&l, LIMIT_GRANT, "a", 1, &rate, now + 10000000) > 0);
	limits_give(&l, LIMIT_GRANT, "a", 1, &rate);
	assert_int_equal(limits_take(&l, LIMIT_GRANT, "a", 1, &rate, now + 10000000), 0);
	assert_int_equal(limits_take(&l, LIMIT_GRANT, "a", 1, &(struct rate){ 0 }, now), 0);
}

static void a_flood_of_keys_forgets_the_quiet(void **state)
{
	const struct rate rate = { 10, 60000000 };
	uint64_t now = 1000000000;

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(limits_take(&l, LIMIT_REQUEST, "busy", 4, &rate, now), 0);
	for (uint32_t i = 0; i < 200000; i++)
		(void)limits_take(&l, LIMIT_REQUEST, &i, sizeof(i), &rate, now);
	assert_true(limits_take(&l, LIMIT_REQUEST, "busy", 4, &rate, now) > 0);
}

static void addresses(void **state)
{
	uint8_t one[LIMIT_ADDRESS_MAX], two[LIMIT_ADDRESS_MAX];
	struct addr a, b;

	(void)state;
	assert_int_equal(addr_parse("2001:db8:1:2:3::1", &a), 0);
	assert_int_equal(addr_parse("2001:db8:1:2:ffff::", &b), 0);
	assert_int_equal(limit_address(&a, one), 9);
	assert_int_equal(limit_address(&b, two), 9);
	assert_memory_equal(one, two, 9);
	assert_int_equal(addr_parse("2001:db8:1:3::1", &b), 0);
	(void)limit_address(&b, two);
	assert_memory_not_equal(one, two, 9);
	assert_int_equal(addr_parse("192.0.2.1", &a), 0);
	assert_int_equal(limit_address(&a, one), 5);
}

static void counts(void **state)
{
	struct limit_count *c[3];
	struct addr a;

	(void)state;
	assert_int_equal(addr_parse("192.0.2.1", &a), 0);
	for (size_t i = 0; i < 3; i++) {
		c[i] = limits_count(&l, &a, 3);
		assert_non_null(c[i]);
	}
	assert_null(limits_count(&l, &a, 3));
	limits_uncount(&l, c[0]);
	c[0] = limits_count(&l, &a, 3);
	assert_non_null(c[0]);
	for (size_t i = 0; i < 3; i++)
		limits_uncount(&l, c[i]);
	assert_int_equal(l.counts.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket_fills_again),
		cmocka_unit_test(a_flood_of_keys_forgets_the_quiet),
		cmocka_unit_test(addresses),
		cmocka_unit_test(counts),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
