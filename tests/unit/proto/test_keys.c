/*
 * test_keys: hashes, signatures and derived keys against the vectors of the protocol; phrases.
 */
#include "proto/keys.h"

#include "proto/phrase.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "vectors.h"

static void hash_of_known_texts(void **state)
{
	char hex[KEYS_HEX];

	(void)state;
	assert_string_equal(keys_hash_hex("abc", 3, hex),
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_string_equal(keys_hash_hex("", 0, hex),
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void signs_a_join(void **state)
{
	const struct json *v = json_member(vectors, "join");
	uint8_t seed[KEYS_SECRET_SIZE], key[RELAY_KEY_SIZE], wanted_key[RELAY_KEY_SIZE];
	uint8_t challenge[RELAY_CHALLENGE_SIZE], signature[RELAY_SIGNATURE_SIZE];
	uint8_t wanted[RELAY_SIGNATURE_SIZE], signed_bytes[RELAY_JOIN_SIGNED_MAX];
	uint8_t home[RELAY_HOME_SIZE];
	char home_text[RELAY_HOME_TEXT];
	size_t n;

	(void)state;
	bytes_of(v, "seed", seed, sizeof(seed));
	bytes_of(v, "key", wanted_key, sizeof(wanted_key));
	bytes_of(v, "challenge", challenge, sizeof(challenge));
	bytes_of(v, "signature", wanted, sizeof(wanted));
	keys_public(seed, key);
	assert_memory_equal(key, wanted_key, sizeof(key));
	relay_home_of(key, home);
	assert_string_equal(b64_encode(home, sizeof(home), home_text), word_of(v, "home"));
	n = relay_join_signed(word_of(v, "origin"), challenge, signed_bytes);
	assert_hex(signed_bytes, n, word_of(v, "signed"));
	keys_sign(seed, signed_bytes, n, signature);
	assert_memory_equal(signature, wanted, sizeof(signature));
	assert_true(keys_verify(key, signature, signed_bytes, n));
	for (size_t bit = 0; bit < 8 * sizeof(signature); bit++) {
		signature[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_false(keys_verify(key, signature, signed_bytes, n));
		signature[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	signed_bytes[n - 1] ^= 1;
	assert_false(keys_verify(key, signature, signed_bytes, n));
}

static void derives_the_keys_of_a_grant(void **state)
{
	static const char *const words[] = { "view", "request", "answer" };
	const struct json *v = json_member(vectors, "grant");
	uint8_t secret[KEYS_SECRET_SIZE], key[RELAY_KEY_SIZE], wanted[RELAY_KEY_SIZE];

	(void)state;
	bytes_of(v, "secret", secret, sizeof(secret));
	for (size_t i = 0; i < 3; i++) {
		bytes_of(v, words[i], wanted, sizeof(wanted));
		keys_derive(secret, words[i], word_of(v, "id"), key);
		assert_memory_equal(key, wanted, sizeof(key));
	}
	bytes_of(v, "view", wanted, sizeof(wanted));
	keys_hash(wanted, sizeof(wanted), key);
	bytes_of(v, "view_hash", wanted, sizeof(wanted));
	assert_memory_equal(key, wanted, sizeof(key));
}

static void hashes_a_token(void **state)
{
	const struct json *v = json_member(vectors, "token");
	uint8_t token[RELAY_KEY_SIZE], hash[RELAY_KEY_SIZE], wanted[RELAY_KEY_SIZE];

	(void)state;
	bytes_of(v, "token", token, sizeof(token));
	bytes_of(v, "hash", wanted, sizeof(wanted));
	keys_hash(token, sizeof(token), hash);
	assert_memory_equal(hash, wanted, sizeof(hash));
}

static void stretches_a_phrase_in_portions(void **state)
{
	const struct json *v = json_member(vectors, "phrase");
	char phrase[PHRASE_TYPED_MAX];
	uint8_t salt[RELAY_NONCE_SIZE], wanted[KEYS_HASH_SIZE];
	struct keys_stretch s;
	unsigned int portions = 1;

	(void)state;
	assert_int_equal(phrase_normalise(word_of(v, "typed"), phrase), 0);
	assert_string_equal(phrase, word_of(v, "normalised"));
	bytes_of(v, "salt", salt, sizeof(salt));
	bytes_of(v, "secret", wanted, sizeof(wanted));
	keys_stretch_start(&s, phrase, salt, sizeof(salt), KEYS_STRETCH_ROUNDS);
	while (!keys_stretch_step(&s, 100001))
		portions++;
	assert_int_equal(portions, 6);
	assert_memory_equal(s.sum, wanted, sizeof(wanted));
}

static void normalises_what_is_typed(void **state)
{
	char to[PHRASE_TYPED_MAX];
	char longest[PHRASE_TYPED_MAX + 1];

	(void)state;
	assert_int_equal(phrase_normalise("--  -", to), -EINVAL);
	assert_int_equal(phrase_normalise("", to), -EINVAL);
	assert_int_equal(phrase_normalise("\tA - b\t", to), 0);
	assert_string_equal(to, "a-b");
	memset(longest, 'x', sizeof(longest));
	longest[PHRASE_TYPED_MAX] = 0;
	assert_int_equal(phrase_normalise(longest, to), -EINVAL);
	longest[PHRASE_TYPED_MAX - 1] = 0;
	assert_int_equal(phrase_normalise(longest, to), 0);
}

/* Each of the 72 bits changes the phrase, and it is its own normal form. */
static void every_bit_of_a_phrase_counts(void **state)
{
	uint8_t random[PHRASE_RANDOM] = { 0 };
	char none[PHRASE_TEXT], other[PHRASE_TEXT], normal[PHRASE_TYPED_MAX];

	(void)state;
	assert_string_equal(phrase_make(random, none), "baba-baba-baba-baba-baba-baba");
	for (size_t bit = 0; bit < 72; bit++) {
		random[bit / 8] = (uint8_t)(1U << bit % 8);
		(void)phrase_make(random, other);
		random[bit / 8] = 0;
		assert_string_not_equal(none, other);
		assert_int_equal(strlen(other), PHRASE_TEXT - 1);
		assert_int_equal(phrase_normalise(other, normal), 0);
		assert_string_equal(normal, other);
	}
	memset(random, 0xff, sizeof(random));
	assert_string_equal(phrase_make(random, other), "zuzu-zuzu-zuzu-zuzu-zuzu-zuzu");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_of_known_texts),
		cmocka_unit_test(signs_a_join),
		cmocka_unit_test(derives_the_keys_of_a_grant),
		cmocka_unit_test(hashes_a_token),
		cmocka_unit_test(stretches_a_phrase_in_portions),
		cmocka_unit_test(normalises_what_is_typed),
		cmocka_unit_test(every_bit_of_a_phrase_counts),
	};

	if (keys_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, vectors_load, vectors_drop);
}
