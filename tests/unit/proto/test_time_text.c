/*
 * test_time_text: points in time as ISO 8601, against the C library's calendar.
 */
#include "proto/time_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void known(void **state)
{
	static const struct {
		uint64_t ms;
		int offset;
		const char *text;
	} cases[] = {
		{ 0, 0, "1970-01-01T00:00:00.000+00:00" },
		{ 951782400000, 0, "2000-02-29T00:00:00.000+00:00" },
		{ 1770087906789, 60, "2026-02-03T04:05:06.789+01:00" },
		{ 1770087906789, -210, "2026-02-02T23:35:06.789-03:30" },
		{ 253402300799999, 0, "9999-12-31T23:59:59.999+00:00" },
	};
	char text[TIME_TEXT];
	uint64_t back;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(time_text(cases[i].ms, cases[i].offset, text), cases[i].text);
		assert_int_equal(time_text_parse(text, &back), 0);
		assert_int_equal(back, cases[i].ms);
	}
	assert_int_equal(time_text_parse("2026-02-03T03:05:06Z", &back), 0);
	assert_int_equal(back, 1770087906000);
}

/* 500 years in steps that are no divisor of a day. */
static void like_the_calendar(void **state)
{
	char ours[TIME_TEXT];
	char theirs[TIME_TEXT];

	(void)state;
	for (time_t t = 0; t < 500LL * 366 * 86400; t += 86399 * 3 + 1) {
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S.000+00:00", &tm);
		assert_string_equal(time_text((uint64_t)t * 1000, 0, ours), theirs);
	}
}

static void nonsense(void **state)
{
	static const char *const cases[] = {
		"",
		"2026",
		"2026-02-03 04:05:06Z",
		"2026-13-03T04:05:06Z",
		"2026-02-00T04:05:06Z",
		"1969-12-31T00:00:00Z",
		"2026-02-03T24:05:06Z",
		"2026-02-03T04:05:06",
		"2026-02-03T04:05:06.7Z",
		"2026-02-03T04:05:06+0100",
		"2026-02-03T04:05:06Zx",
		"1970-01-01T00:00:00+01:00",
	};
	uint64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (time_text_parse(cases[i], &ms) == 0)
			fail_msg("%s", cases[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known),
		cmocka_unit_test(like_the_calendar),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
