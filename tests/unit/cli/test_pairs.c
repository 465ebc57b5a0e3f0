/*
 * test_pairs: lines of wol-over-http, as they are found and as they are broken.
 */
#include "cli/pairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define H "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"

static void takes(void **state)
{
	static const char *const lines[][2] = {
		{ H " nas(be:ef:fa:ce:c0:de)", "nas" },
		{ H " nas(BE-EF-FA-CE-C0-DE)", "nas" },
		{ H " nas(beef.face.c0de)", "nas" },
		{ H "\tnas (beeffacec0de)\r", "nas" },
		{ "  " H "  Living room PC( be ef fa ce c0 de )  ", "Living room PC" },
		{ H " old (blue) PC(be:ef:fa:ce:c0:de)", "old (blue) PC" },
		{ H " a/b(be:ef:fa:ce:c0:de)", "a-b" },
		{ H " b\xc3\xbcro(be:ef:fa:ce:c0:de)", "b\xc3\xbcro" },
	};
	const struct mac mac = { { 0xbe, 0xef, 0xfa, 0xce, 0xc0, 0xde } };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct pair p;

		assert_null(pairs_line(lines[i][0], strlen(lines[i][0]), &p));
		assert_string_equal(p.label, lines[i][1]);
		assert_true(mac_equal(&p.mac, &mac));
	}
}

static void refuses(void **state)
{
	static const char *const lines[] = {
		"nas(be:ef:fa:ce:c0:de)",
		"0123 nas(be:ef:fa:ce:c0:de)",
		H "nas(be:ef:fa:ce:c0:de)",
		H,
		H " nas",
		H " nas(be:ef:fa:ce:c0:de",
		H " nas be:ef:fa:ce:c0:de)",
		H " nas(be:ef:fa:ce:c0)",
		H " nas(be:ef:fa:ce:c0:de:00)",
		H " nas(be:ef:fa:ce:c0:dg)",
		H " nas(00:00:00:00:00:00)",
		H " nas(01:00:5e:00:00:01)",
		H " (be:ef:fa:ce:c0:de)",
		H " a\x1b(be:ef:fa:ce:c0:de)",
		H " 0123456789012345678901234567890123456789012345678901234567890123(beeffacec0de)",
	};
	struct pair p;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *why = pairs_line(lines[i], strlen(lines[i]), &p);

		assert_non_null(why);
		assert_true(strlen(why) > 0);
	}
	assert_string_equal(pairs_line(" \t\r", 3, &p), "");
	assert_string_equal(pairs_line("", 0, &p), "");
	assert_non_null(pairs_line(H " a\0b(beeffacec0de)", sizeof(H) + 17, &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(takes), cmocka_unit_test(refuses) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
