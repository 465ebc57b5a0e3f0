/*
 * test_vectors: what the relay computes, against docs/protocol-vectors.json, which other code made.
 */
#include "base/text.h"
#include "proto/json.h"
#include "proto/keys.h"
#include "proto/relay_auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct json *vectors;

static int load(void **state)
{
	static char bytes[JSON_TEXT_MAX];
	char problem[JSON_PROBLEM];
	char name[512] = __FILE__;
	char *tests = strstr(name, "tests/unit/relay/");
	FILE *file;
	size_t n;

	(void)state;
	if (!tests || keys_init() < 0)
		return -1;
	/* Beside the source, wherever that is built from. */
	(void)snprintf(tests, (size_t)(name + sizeof(name) - tests), "docs/protocol-vectors.json");
	file = fopen(name, "rb");
	if (!file)
		return -1;
	n = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	return json_read(bytes, n, &vectors, problem);
}

static const char *word(const struct json *v, const char *key)
{
	const char *w = json_word(json_member(v, key));

	assert_non_null(w);
	return w;
}

static void hex_of(const uint8_t *bytes, size_t n, char *to, size_t size)
{
	struct text t = text_over(to, size);

	for (size_t i = 0; i < n; i++)
		text_hex(&t, bytes[i], 2);
	assert_false(t.cut);
}

static void base64url(void **state)
{
	const struct json *list = json_member(vectors, "b64");
	const struct json *wrong = json_member(vectors, "b64_invalid");
	uint8_t bytes[64];
	char text[128], hex[129];

	(void)state;
	assert_true(json_count(list) > 5 && json_count(wrong) > 5);
	for (size_t i = 0; i < json_count(list); i++) {
		const char *b64 = word(json_item(list, i), "text");
		size_t n = strlen(word(json_item(list, i), "hex")) / 2;

		assert_int_equal(b64_decode(b64, strlen(b64), bytes, n), 0);
		hex_of(bytes, n, hex, sizeof(hex));
		assert_string_equal(hex, word(json_item(list, i), "hex"));
		assert_string_equal(b64_encode(bytes, n, text), b64);
		assert_true(b64_decode(b64, strlen(b64), bytes, n + 1) < 0);
	}
	for (size_t i = 0; i < json_count(wrong); i++) {
		const char *b64 = json_word(json_item(wrong, i));

		for (size_t n = 0; n < 8; n++)
			assert_true(b64_decode(b64, strlen(b64), bytes, n) < 0);
	}
}

static void joining(void **state)
{
	const struct json *v = json_member(vectors, "join");
	uint8_t key[RELAY_KEY_SIZE], home[RELAY_HOME_SIZE], challenge[RELAY_CHALLENGE_SIZE];
	uint8_t signature[RELAY_SIGNATURE_SIZE], bytes[RELAY_JOIN_SIGNED_MAX];
	char text[RELAY_HOME_TEXT], hex[2 * RELAY_JOIN_SIGNED_MAX + 1];
	size_t n;

	(void)state;
	assert_int_equal(b64_decode(word(v, "key"), 43, key, sizeof(key)), 0);
	assert_int_equal(b64_decode(word(v, "challenge"), 43, challenge, sizeof(challenge)), 0);
	assert_int_equal(b64_decode(word(v, "signature"), 86, signature, sizeof(signature)), 0);
	relay_home_of(key, home);
	assert_string_equal(b64_encode(home, sizeof(home), text), word(v, "home"));
	n = relay_join_signed(word(v, "origin"), challenge, bytes);
	hex_of(bytes, n, hex, sizeof(hex));
	assert_string_equal(hex, word(v, "signed"));
	assert_true(keys_verify(key, signature, bytes, n));
	/* Every bit counts. */
	for (size_t i = 0; i < n * 8; i++) {
		bytes[i / 8] ^= (uint8_t)(1U << i % 8);
		assert_false(keys_verify(key, signature, bytes, n));
		bytes[i / 8] ^= (uint8_t)(1U << i % 8);
	}
}

static int drop(void **state)
{
	(void)state;
	json_drop(vectors);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64url),
		cmocka_unit_test(joining),
	};

	return cmocka_run_group_tests(tests, load, drop);
}
