/*
 * test_pairing: codes, shares, keys and tags against the vectors, from both sides; a wrong code, a changed word, a share that is
 * none.
 */
#include "proto/pairing.h"

#include "proto/keys.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#undef VECTORS
#define VECTORS LEASE_VECTORS
#include "vectors.h"

struct exchange {
	struct pairing_about about;
	struct pairing_half sleeper, guard;
	struct pairing_outcome to_sleeper, to_guard; /* what each side knows at the end */
};

static void about_of(const struct json *v, struct pairing_about *ret)
{
	memset(ret, 0, sizeof(*ret));
	bytes_of(v, "session", ret->session, sizeof(ret->session));
	assert_int_equal(mac_parse(word_of(v, "mac"), &ret->mac), 0);
	strcpy(ret->name, word_of(v, "name"));
}

static void start(struct exchange *e, const struct json *v, const char *code_of_guard)
{
	uint8_t random[PAIRING_RANDOM];

	about_of(v, &e->about);
	bytes_of(v, "random_sleeper", random, sizeof(random));
	pairing_start(&e->sleeper, PAIRING_SLEEPER, word_of(v, "code"), &e->about, random);
	bytes_of(v, "random_guard", random, sizeof(random));
	pairing_start(&e->guard, PAIRING_GUARD, code_of_guard, &e->about, random);
}

static void finish(struct exchange *e, const char *id)
{
	assert_int_equal(pairing_finish(&e->sleeper, e->guard.share, id, &e->to_sleeper), 0);
	assert_int_equal(pairing_finish(&e->guard, e->sleeper.share, id, &e->to_guard), 0);
}

static void assert_b64(const void *bytes, size_t n, const struct json *map, const char *key)
{
	uint8_t wanted[64];

	assert_true(n <= sizeof(wanted));
	bytes_of(map, key, wanted, n);
	assert_memory_equal(bytes, wanted, n);
}

static void elements_are_those_of_the_vectors(void **state)
{
	const struct json *list = json_member(vectors, "generators");

	(void)state;
	assert_int_equal(json_count(list), 3);
	for (size_t i = 0; i < json_count(list); i++) {
		uint8_t input[KEYS_LONG_HASH_SIZE], element[KEYS_GROUP_SIZE];

		bytes_of(json_item(list, i), "input", input, sizeof(input));
		keys_group_element(input, element);
		assert_b64(element, sizeof(element), json_item(list, i), "element");
	}
}

static void exchanges_are_those_of_the_vectors(void **state)
{
	const struct json *list = json_member(vectors, "pairings");

	(void)state;
	assert_int_equal(json_count(list), 3);
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *v = json_item(list, i);
		struct exchange e;

		start(&e, v, word_of(v, "code"));
		assert_b64(e.sleeper.share, PAIRING_SHARE_SIZE, v, "share_sleeper");
		assert_b64(e.guard.share, PAIRING_SHARE_SIZE, v, "share_guard");
		finish(&e, word_of(v, "id"));
		assert_b64(e.to_sleeper.key, PAIRING_KEY_SIZE, v, "key");
		assert_b64(e.to_guard.key, PAIRING_KEY_SIZE, v, "key");
		assert_b64(e.to_sleeper.tag, PAIRING_TAG_SIZE, v, "tag_sleeper");
		assert_b64(e.to_sleeper.expected, PAIRING_TAG_SIZE, v, "tag_guard");
		assert_b64(e.to_guard.tag, PAIRING_TAG_SIZE, v, "tag_guard");
		assert_b64(e.to_guard.expected, PAIRING_TAG_SIZE, v, "tag_sleeper");
	}
}

static void assert_strangers(const struct exchange *e)
{
	assert_memory_not_equal(e->to_sleeper.key, e->to_guard.key, PAIRING_KEY_SIZE);
	assert_memory_not_equal(e->to_sleeper.expected, e->to_guard.tag, PAIRING_TAG_SIZE);
	assert_memory_not_equal(e->to_guard.expected, e->to_sleeper.tag, PAIRING_TAG_SIZE);
}

/* What differs between the sides leaves them with keys that have nothing to do with each other. */
static void everything_counts(void **state)
{
	const struct json *v = json_item(json_member(vectors, "pairings"), 0);
	const char *id = word_of(v, "id");
	uint8_t random[PAIRING_RANDOM];
	struct exchange e;

	(void)state;
	start(&e, v, "000001");
	finish(&e, id);
	assert_strangers(&e);
	bytes_of(v, "random_guard", random, sizeof(random));
	for (int what = 0; what < 3; what++) {
		start(&e, v, word_of(v, "code"));
		e.about.name[0] = what == 0 ? 'N' : e.about.name[0];
		e.about.mac.b[5] ^= what == 1;
		e.about.session[0] ^= what == 2;
		pairing_start(&e.guard, PAIRING_GUARD, word_of(v, "code"), &e.about, random);
		finish(&e, id);
		assert_strangers(&e);
	}
	start(&e, v, word_of(v, "code"));
	finish(&e, id);
	assert_memory_equal(e.to_sleeper.key, e.to_guard.key, PAIRING_KEY_SIZE);
	assert_int_equal(pairing_finish(&e.guard, e.sleeper.share, "AAAAAAAAAAAA", &e.to_guard), 0);
	assert_strangers(&e);
}

/* Who says our own share, or our own tag, back knows nothing. */
static void a_mirror_is_no_partner(void **state)
{
	const struct json *v = json_item(json_member(vectors, "pairings"), 0);
	struct pairing_outcome o;
	struct exchange e;

	(void)state;
	start(&e, v, word_of(v, "code"));
	assert_int_equal(pairing_finish(&e.sleeper, e.sleeper.share, word_of(v, "id"), &o), 0);
	assert_memory_not_equal(o.tag, o.expected, PAIRING_TAG_SIZE);
}

static void shares_that_are_none(void **state)
{
	const struct json *v = json_item(json_member(vectors, "pairings"), 0);
	const struct json *list = json_member(vectors, "bad_shares");
	struct exchange e;

	(void)state;
	start(&e, v, word_of(v, "code"));
	assert_true(json_count(list) >= 10);
	for (size_t i = 0; i < json_count(list); i++) {
		const char *word = json_word(json_item(list, i));
		uint8_t share[PAIRING_SHARE_SIZE];

		assert_int_equal(b64_decode(word, strlen(word), share, sizeof(share)), 0);
		assert_false(pairing_share_valid(share));
		assert_int_equal(pairing_finish(&e.guard, share, word_of(v, "id"), &e.to_guard),
				 -EINVAL);
	}
	assert_true(pairing_share_valid(e.sleeper.share));
	assert_true(pairing_share_valid(e.guard.share));
	/* A bit that is none of the encoding's. */
	e.sleeper.share[PAIRING_SHARE_SIZE - 1] |= 0x80;
	assert_false(pairing_share_valid(e.sleeper.share));
	assert_int_equal(pairing_finish(&e.guard, e.sleeper.share, word_of(v, "id"), &e.to_guard),
			 -EINVAL);
}

static void codes(void **state)
{
	static const struct {
		const char *text, *code; /* NULL: none */
	} known[] = {
		{ "123456", "123456" },
		{ "123 456", "123456" },
		{ " 12-34-56 ", "123456" },
		{ "000000", "000000" },
		{ "", NULL },
		{ "12345", NULL },
		{ "1234567", NULL },
		{ "12345a", NULL },
		{ "+12345", NULL },
		{ "123\n456", NULL },
	};
	static const uint8_t first[8] = { 0 }, other[8] = { 0, 0, 0, 0, 0, 0x0f, 0x42, 0x3f };
	static const uint8_t over[8] = { 0, 0, 0, 0, 0, 0x0f, 0x42, 0x47 };
	char code[PAIRING_CODE_DIGITS + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		strcpy(code, "------");
		assert_int_equal(pairing_code_parse(known[i].text, code),
				 known[i].code ? 0 : -EINVAL);
		assert_string_equal(code, known[i].code ? known[i].code : "------");
	}
	pairing_code(first, code);
	assert_string_equal(code, "000000");
	pairing_code(other, code);
	assert_string_equal(code, "999999");
	pairing_code(over, code);
	assert_string_equal(code, "000007");
}

static void wiped(void **state)
{
	static const struct pairing_half no_half;
	static const struct pairing_outcome no_outcome;
	const struct json *v = json_item(json_member(vectors, "pairings"), 0);
	struct exchange e;

	(void)state;
	start(&e, v, word_of(v, "code"));
	finish(&e, word_of(v, "id"));
	pairing_wipe(&e.sleeper, &e.to_sleeper);
	pairing_wipe(NULL, NULL);
	assert_memory_equal(&e.sleeper, &no_half, sizeof(no_half));
	assert_memory_equal(&e.to_sleeper, &no_outcome, sizeof(no_outcome));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_are_those_of_the_vectors),
		cmocka_unit_test(exchanges_are_those_of_the_vectors),
		cmocka_unit_test(everything_counts),
		cmocka_unit_test(a_mirror_is_no_partner),
		cmocka_unit_test(shares_that_are_none),
		cmocka_unit_test(codes),
		cmocka_unit_test(wiped),
	};

	if (keys_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, vectors_load, vectors_drop);
}
