/*
 * test_sha256: SHA-256 against the examples of FIPS 180-4 and the lengths around a block's end.
 */
#include "base/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void known_digests(void **state)
{
	static const struct {
		const char *text, *digest;
	} cases[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	char hex[SHA256_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sha256_hex(cases[i].text, strlen(cases[i].text), hex);
		assert_string_equal(hex, cases[i].digest);
	}
}

/* The digest of the digests of 0 to 200 letters 'a': every way a message can end in a block. */
static void every_length(void **state)
{
	char all[201 * (SHA256_TEXT - 1)];
	char letters[200];
	char hex[SHA256_TEXT];

	(void)state;
	memset(letters, 'a', sizeof(letters));
	for (size_t n = 0; n <= sizeof(letters); n++) {
		sha256_hex(letters, n, hex);
		memcpy(all + n * (SHA256_TEXT - 1), hex, SHA256_TEXT - 1);
	}
	sha256_hex(all, sizeof(all), hex);
	assert_string_equal(hex,
			    "eb555248bd20c7831e511d4461b42c9b084e3a64b44d57b00051172f8afe03ff");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_digests),
		cmocka_unit_test(every_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
