/* test_text: text is built within bounds and read strictly. */
#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void appends_until_full(void **state)
{
	char to[5];
	struct text t = text_over(to, sizeof(to));

	(void)state;
	assert_string_equal(to, "");
	text_string(&t, "ab");
	text_char(&t, 'c');
	text_char(&t, 'd');
	assert_false(t.cut);
	assert_int_equal(t.used, 4);
	text_char(&t, 'e');
	assert_true(t.cut);
	assert_string_equal(to, "abcd");
}

static void room_for_the_nul_alone(void **state)
{
	char to[1] = { 'x' };
	struct text t = text_over(to, 1);

	(void)state;
	text_string(&t, "");
	assert_false(t.cut);
	text_string(&t, "a");
	assert_true(t.cut);
	assert_string_equal(to, "");
}

/* Half a character or half an escape would be read as something else. */
static void units_are_cut_whole(void **state)
{
	static const struct {
		size_t size;
		const char *in, *out;
		bool utf8;
	} rows[] = {
		{ 4, "a\xe2\x82\xacz", "a", true }, { 5, "a\xe2\x82\xacz", "a\xe2\x82\xac", true },
		{ 4, "a\nz", "a", true },	    { 5, "a\nz", "a", false },
		{ 6, "a\nz", "a\\x0a", false },	    { 3, "a\\z", "a", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char to[8];
		struct text t = text_over(to, rows[i].size);

		if (rows[i].utf8)
			text_escaped_utf8(&t, rows[i].in, strlen(rows[i].in));
		else
			text_escaped(&t, rows[i].in, strlen(rows[i].in));
		text_char(&t, 'q');
		assert_string_equal(to, rows[i].out);
		assert_true(t.cut);
	}
}

static void numbers(void **state)
{
	char to[128];
	struct text t = text_over(to, sizeof(to));

	(void)state;
	text_u64(&t, 0);
	text_char(&t, ' ');
	text_u64(&t, UINT64_MAX);
	text_char(&t, ' ');
	text_hex(&t, 0, 1);
	text_char(&t, ' ');
	text_hex(&t, 0xab, 4);
	text_char(&t, ' ');
	text_hex(&t, UINT64_MAX, 1);
	text_char(&t, ' ');
	text_hex(&t, 0x100, 2);
	assert_string_equal(to, "0 18446744073709551615 0 00ab ffffffffffffffff 100");
}

static void seconds_for_people(void **state)
{
	static const struct {
		uint64_t us;
		const char *out;
	} rows[] = {
		{ 0, "0.0" },
		{ 499, "0.0" },
		{ 500, "0.001" },
		{ 12000, "0.012" },
		{ 100000, "0.1" },
		{ 120000, "0.120" },
		{ 999499, "0.999" },
		{ 999500, "1.0" },
		{ 6400000, "6.4" },
		{ 6449999, "6.4" },
		{ 6450000, "6.5" },
		{ 61000000, "61.0" },
		{ UINT64_MAX, "18446744073709.6" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char to[32];
		struct text t = text_over(to, sizeof(to));

		text_seconds(&t, rows[i].us);
		assert_string_equal(to, rows[i].out);
	}
}

static void escapes(void **state)
{
	static const struct {
		const char *in, *ascii, *utf8;
	} rows[] = {
		{ "nas", "nas", "nas" },
		{ "a\\b", "a\\\\b", "a\\\\b" },
		{ "a\x1b[2J\n\x7f", "a\\x1b[2J\\x0a\\x7f", "a\\x1b[2J\\x0a\\x7f" },
		{ "k\xc3\xbc", "k\\xc3\\xbc", "k\xc3\xbc" },
		{ "\xc2\x9b", "\\xc2\\x9b", "\\xc2\\x9b" }, /* C1: CSI */
		{ "\xc2\xa0", "\\xc2\\xa0", "\xc2\xa0" },
		{ "\xff\xfe", "\\xff\\xfe", "\\xff\\xfe" },
		{ "\xe2\x82", "\\xe2\\x82", "\\xe2\\x82" },
		{ "\xe2\x80\xae"
		  "a",
		  "\\xe2\\x80\\xaea", "\\xe2\\x80\\xaea" }, /* right-to-left override */
		{ "\xe2\x81\xa6", "\\xe2\\x81\\xa6", "\\xe2\\x81\\xa6" }, /* an isolate */
		{ "\xe2\x80\xa8", "\\xe2\\x80\\xa8", "\\xe2\\x80\\xa8" }, /* line separator */
		{ "\xe2\x80\xa6", "\\xe2\\x80\\xa6", "\xe2\x80\xa6" }, /* … */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char to[64];
		struct text t = text_over(to, sizeof(to));

		text_escaped(&t, rows[i].in, strlen(rows[i].in));
		assert_string_equal(to, rows[i].ascii);
		t = text_over(to, sizeof(to));
		text_escaped_utf8(&t, rows[i].in, strlen(rows[i].in));
		assert_string_equal(to, rows[i].utf8);
	}
}

static void escapes_see_a_nul(void **state)
{
	char to[16];
	struct text t = text_over(to, sizeof(to));

	(void)state;
	text_escaped_utf8(&t, "a\0b", 3);
	assert_string_equal(to, "a\\x00b");
}

static void integers_are_read_strictly(void **state)
{
	static const struct {
		const char *in;
		uint64_t max;
		int result;
		uint64_t value;
	} rows[] = {
		{ "0", 0, 0, 0 },
		{ "1", 0, -ERANGE, 0 },
		{ "65535", 65535, 0, 65535 },
		{ "65536", 65535, -ERANGE, 0 },
		{ "100", 99, -ERANGE, 0 },
		{ "5", 4, -ERANGE, 0 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -ERANGE, 0 },
		{ "99999999999999999999999999", UINT64_MAX, -ERANGE, 0 },
		{ "", 9, -EINVAL, 0 },
		{ "-1", 9, -EINVAL, 0 },
		{ "+1", 9, -EINVAL, 0 },
		{ " 1", 9, -EINVAL, 0 },
		{ "1 ", 9, -EINVAL, 0 },
		{ "0x1", 9, -EINVAL, 0 },
		{ "1a", 9, -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t v = 77;

		assert_int_equal(text_parse_u64(rows[i].in, rows[i].max, &v), rows[i].result);
		assert_true(v == (rows[i].result ? 77 : rows[i].value));
	}
}

static void durations(void **state)
{
	static const struct {
		const char *in;
		uint64_t us;
		const char *out;
	} good[] = {
		{ "250ms", 250000, "250ms" },
		{ "30s", 30000000, "30s" },
		{ "10min", 600000000, "10min" },
		{ "600s", 600000000, "10min" },
		{ "1h", 3600000000, "1h" },
		{ "90d", 7776000000000, "90d" },
		{ "1000d", 86400000000000, "1000d" },
		{ "24h", 86400000000, "1d" },
		{ "5", 5000000, "5s" },
		{ "0", 0, "0s" },
		{ "1us", 1, "1us" },
		{ "1500ms", 1500000, "1500ms" },
	};
	static const char *const bad[] = {
		"", "s", "-1s", "1 s", "1m", "1S", "1sec", "1.5s", "5ss"
	};
	uint64_t us = 7;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		char to[DURATION_TEXT];

		assert_int_equal(text_parse_duration(good[i].in, &us), 0);
		assert_true(us == good[i].us);
		assert_string_equal(text_format_duration(us, to), good[i].out);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(text_parse_duration(bad[i], &us), -EINVAL);
	assert_int_equal(text_parse_duration("1001d", &us), -ERANGE);
	assert_int_equal(text_parse_duration("99999999999999999999d", &us), -ERANGE);
	assert_string_equal(text_format_duration(UINT64_MAX, (char[DURATION_TEXT]){ 0 }),
			    "18446744073709551615us");
}

static void case_is_ignored(void **state)
{
	(void)state;
	assert_true(text_equal_ignoring_case("Yes", "yES"));
	assert_true(text_equal_ignoring_case("", ""));
	assert_true(text_equal_ignoring_case("AZ", "az"));
	assert_false(text_equal_ignoring_case("@", "`"));
	assert_false(text_equal_ignoring_case("yes", "ye"));
	assert_false(text_equal_ignoring_case("ye", "yes"));
	assert_false(text_equal_ignoring_case("a[", "a{"));
}

static void utf8_is_strict(void **state)
{
	static const struct {
		const char *bytes;
		size_t n, expected;
	} rows[] = {
		{ "a", 1, 1 },
		{ "\0", 1, 1 },
		{ "a", 0, 0 },
		{ "\xc2\x80", 2, 2 },
		{ "\xc1\xbf", 2, 0 }, /* overlong */
		{ "\xc0\x80", 2, 0 },
		{ "\xc2", 1, 0 },
		{ "\xc2\x41", 2, 0 },
		{ "\x80", 1, 0 },
		{ "\xe0\xa0\x80", 3, 3 },
		{ "\xe0\x9f\xbf", 3, 0 }, /* overlong */
		{ "\xed\x9f\xbf", 3, 3 },
		{ "\xed\xa0\x80", 3, 0 }, /* surrogate */
		{ "\xee\x80\x80", 3, 3 },
		{ "\xf0\x90\x80\x80", 4, 4 },
		{ "\xf0\x8f\xbf\xbf", 4, 0 }, /* overlong */
		{ "\xf4\x8f\xbf\xbf", 4, 4 },
		{ "\xf4\x90\x80\x80", 4, 0 }, /* beyond Unicode */
		{ "\xf5\x80\x80\x80", 4, 0 },
		{ "\xf0\x90\x80\x80", 3, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *exact = malloc(rows[i].n + 1);

		assert_non_null(exact);
		memcpy(exact, rows[i].bytes, rows[i].n);
		if (text_utf8_length(exact, rows[i].n) != rows[i].expected)
			fail_msg("row %zu", i);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_until_full),  cmocka_unit_test(room_for_the_nul_alone),
		cmocka_unit_test(units_are_cut_whole), cmocka_unit_test(numbers),
		cmocka_unit_test(seconds_for_people),  cmocka_unit_test(escapes),
		cmocka_unit_test(escapes_see_a_nul),   cmocka_unit_test(integers_are_read_strictly),
		cmocka_unit_test(durations),	       cmocka_unit_test(case_is_ignored),
		cmocka_unit_test(utf8_is_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
