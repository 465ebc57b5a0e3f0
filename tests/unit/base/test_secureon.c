/*
 * test_secureon: SecureOn passwords, from text and back.
 */
#include "base/spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void forms(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "01:02:03:04:05:06", "01:02:03:04:05:06" },
		{ "01-02-AB-04-05-ff", "01:02:ab:04:05:ff" },
		{ "0a:00:00:01", "0a:00:00:01" },
		{ "10.0.0.1", "0a:00:00:01" },
	};
	char text[SECUREON_TEXT];
	struct secureon s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(secureon_parse(cases[i].in, &s), 0);
		assert_string_equal(secureon_format(&s, text), cases[i].out);
	}
	s.length = 0;
	assert_string_equal(secureon_format(&s, text), "");
}

static void nonsense(void **state)
{
	static const char *const cases[] = {
		"", "01", "01:02:03", "01:02:03:04:05", "01:02:03:04:05:06:07", "x"
	};
	struct secureon s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_true(secureon_parse(cases[i], &s) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
