/*
 * Figures of /proc: real texts, and what is not understood.
 */
#include "sleeper/proc_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UNTOUCHED 4711

static void reads_the_load(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} cases[] = {
		{ "0.84 0.62 0.50 2/345 6789\n", 84 },
		{ "12.05 1 1 1/1 1", 1205 },
		{ "3 1 1", 300 },
		{ "1.999 1", 199 },
	};
	static const char *const bad[] = { "", "x", "-1.0", "1.2.3", "\n1.0", "99999999999999.0" };
	uint64_t v = UNTOUCHED;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(proc_load(cases[i].text, &v));
		assert_int_equal(v, cases[i].value);
	}
	v = UNTOUCHED;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(proc_load(bad[i], &v));
	assert_int_equal(v, UNTOUCHED);
}

static void reads_pressure(void **state)
{
	uint64_t v = UNTOUCHED;

	(void)state;
	assert_true(proc_pressure("some avg10=1.00 avg60=12.34 avg300=5.00 total=9\n"
				  "full avg10=0.00 avg60=99.00 avg300=0.00 total=0\n",
				  &v));
	assert_int_equal(v, 1234);
	v = UNTOUCHED;
	assert_false(proc_pressure("full avg10=0.00 avg60=99.00\n", &v));
	assert_false(proc_pressure("some avg10=0.00\n", &v));
	assert_false(proc_pressure("some\navg60=1.00\n", &v));
	assert_int_equal(v, UNTOUCHED);
}

static void counts_whole_disks_once(void **state)
{
	static const char text[] = "   8       0 sda 10 1 100 5 20 2 200 6 0 7 8 0 0 0 0 0 0\n"
				   "   8       1 sda1 10 1 100 5 20 2 200 6 0 7 8\n"
				   " 259       0 nvme0n1 1 0 10 0 1 0 20 0 0 0 0\n"
				   " 259       1 nvme0n1p1 1 0 10 0 1 0 20 0 0 0 0\n"
				   " 253       0 dm-0 1 0 1000 0 1 0 1000 0 0 0 0\n"
				   "   7       0 loop0 1 0 1000 0 1 0 1000 0 0 0 0\n"
				   "   8      16 sdb 1\n"
				   "   8      32 sdaa 1 0 1 0 1 0 1 0 0 0 0\n";
	uint64_t v = UNTOUCHED;

	(void)state;
	assert_true(proc_disk_bytes(text, &v));
	assert_int_equal(v, (300 + 30 + 2) * 512);
	v = UNTOUCHED;
	assert_false(proc_disk_bytes("   7       0 loop0 1 0 1 0 1 0 1\n", &v));
	assert_false(proc_disk_bytes("8 0\nsda\n\n", &v));
	assert_int_equal(v, UNTOUCHED);
}

static void counts_an_interface(void **state)
{
	static const char text[] =
		"Inter-|   Receive                                                |  Transmit\n"
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
		"packets\n"
		"    lo: 1000 1 0 0 0 0 0 0 1000 1 0 0 0 0 0 0\n"
		"  eth0:500 1 0 0 0 0 0 0 70 1 0 0 0 0 0 0\n"
		" eth0.5: 3 1 0 0 0 0 0 0 4 1 0 0 0 0 0 0\n"
		"  bad0: 1 2 3\n";
	uint64_t v = UNTOUCHED;

	(void)state;
	assert_true(proc_network_bytes(text, "eth0", &v));
	assert_int_equal(v, 570);
	assert_true(proc_network_bytes(text, "", &v));
	assert_int_equal(v, 577);
	v = UNTOUCHED;
	assert_false(proc_network_bytes(text, "eth", &v));
	assert_false(proc_network_bytes(text, "bad0", &v));
	assert_int_equal(v, UNTOUCHED);
}

/* Cut at every length, in memory of just that size. */
static void bears_every_cut(void **state)
{
	static const char text[] =
		"some avg60=1.0 sda: 1 2 3 4 5 6 7 8 9 10 11\n8 0 sda 1 2 3 4 5 6 7\n";
	uint64_t v;

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		char *part = strndup(text, n);

		assert_non_null(part);
		(void)proc_load(part, &v);
		(void)proc_pressure(part, &v);
		(void)proc_disk_bytes(part, &v);
		(void)proc_network_bytes(part, "sda", &v);
		free(part);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_load),	   cmocka_unit_test(reads_pressure),
		cmocka_unit_test(counts_whole_disks_once), cmocka_unit_test(counts_an_interface),
		cmocka_unit_test(bears_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
