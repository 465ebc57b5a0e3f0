/* ends: in which order the guards that mDNS found are tried. */
#include "sleeper/ends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct discovered guard_at(const char *first, const char *second)
{
	struct discovered d = { .port = 13717, .ifindex = 3, .addresses_n = second ? 2 : 1 };

	assert_int_equal(addr_parse(first, &d.addresses[0]), 0);
	if (second)
		assert_int_equal(addr_parse(second, &d.addresses[1]), 0);
	return d;
}

static void assert_next(struct ends *e, const char *expected, uint32_t scope)
{
	struct link_end end;
	char text[ADDR_TEXT];

	assert_true(ends_next(e, &end));
	addr_format(&end.addr, text);
	assert_string_equal(text, expected);
	assert_int_equal(end.scope, scope);
	assert_int_equal(end.port, 13717);
}

static void the_best_of_each_comes_first_and_link_local_ones_last(void **state)
{
	const struct discovered guards[] = {
		guard_at("192.0.2.1", "fe80::1"),
		guard_at("192.0.2.2", "2001:db8::2"),
		guard_at("fe80::3", NULL),
	};
	struct link_end end;
	struct ends e;

	(void)state;
	ends_clear(&e);
	ends_add_found(&e, guards, 3);
	assert_next(&e, "192.0.2.1", 0);
	assert_next(&e, "192.0.2.2", 0);
	assert_next(&e, "2001:db8::2", 0);
	assert_next(&e, "fe80::3", 3);
	assert_next(&e, "fe80::1", 3);
	assert_false(ends_next(&e, &end));
}

static void many_addresses_of_some_leave_room_for_another(void **state)
{
	struct discovered guards[5];
	struct ends e;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		guards[i] = guard_at("192.0.2.9", NULL);
		guards[i].addresses_n = DISCOVER_ADDRESSES;
		for (size_t k = 0; k < DISCOVER_ADDRESSES; k++) {
			guards[i].addresses[k] = guards[i].addresses[0];
			guards[i].addresses[k].b[2] = (uint8_t)i;
			guards[i].addresses[k].b[3] = (uint8_t)k;
		}
	}
	ends_clear(&e);
	ends_add_found(&e, guards, 5);
	assert_int_equal(e.n, ENDS_MAX);
	for (size_t i = 0; i < 5; i++)
		assert_memory_equal(&e.list[i].addr, &guards[i].addresses[0], sizeof(struct addr));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_best_of_each_comes_first_and_link_local_ones_last),
		cmocka_unit_test(many_addresses_of_some_leave_room_for_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
