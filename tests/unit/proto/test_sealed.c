/*
 * test_sealed: sealed requests and answers against the vectors; every bit of them counts.
 */
#include "proto/sealed.h"

#include "proto/keys.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "vectors.h"

static void key_of(const char *word, uint8_t to[static RELAY_KEY_SIZE])
{
	bytes_of(json_member(vectors, "grant"), word, to, RELAY_KEY_SIZE);
}

static void requests_are_those_of_the_vectors(void **state)
{
	const struct json *list = json_member(vectors, "requests");
	uint8_t key[RELAY_KEY_SIZE], bytes[SEALED_SIGNED_MAX];

	(void)state;
	key_of("request", key);
	assert_int_equal(json_count(list), 2);
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *v = json_item(list, i);
		struct sealed_request r, again;

		assert_int_equal(sealed_request_read(json_member(v, "sealed"), &r), 0);
		assert_hex(bytes, sealed_request_signed(&r, bytes), word_of(v, "signed"));
		assert_true(sealed_request_authentic(&r, key));
		again = r;
		memset(again.mac, 0, sizeof(again.mac));
		sealed_request_seal(&again, key);
		assert_memory_equal(again.mac, r.mac, sizeof(r.mac));
	}
}

static void answers_are_those_of_the_vectors(void **state)
{
	const struct json *list = json_member(vectors, "answers");
	uint8_t key[RELAY_KEY_SIZE], bytes[SEALED_SIGNED_MAX];

	(void)state;
	key_of("answer", key);
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *v = json_item(list, i);
		const char *home = word_of(v, "home");
		const char *grant = word_of(v, "grant");
		struct sealed_answer a;

		assert_int_equal(sealed_answer_read(json_member(v, "sealed"), &a), 0);
		assert_hex(bytes, sealed_answer_signed(home, grant, &a, bytes),
			   word_of(v, "signed"));
		assert_true(sealed_answer_authentic(home, grant, &a, key));
		a.seq++;
		assert_false(sealed_answer_authentic(home, grant, &a, key));
		sealed_answer_seal(home, grant, &a, key);
		assert_true(sealed_answer_authentic(home, grant, &a, key));
		assert_false(sealed_answer_authentic(grant, home, &a, key));
	}
}

static int read_text(const char *text, size_t n, struct sealed_request *ret)
{
	char problem[JSON_PROBLEM];
	struct json *root;
	int r = json_read(text, n, &root, problem);

	if (r < 0)
		return r;
	r = sealed_request_read(root, ret);
	json_drop(root);
	return r;
}

/* What is written is read as it was, and no single bit of its JSON can be changed unnoticed. */
static void every_bit_counts(void **state)
{
	const struct json *v = json_member(json_item(json_member(vectors, "requests"), 0),
					   "sealed");
	uint8_t key[RELAY_KEY_SIZE];
	struct sealed_request r, other;
	char text[SEALED_REQUEST_MAX];
	struct json_writer w = json_writer_over(text, sizeof(text));
	size_t accepted = 0;

	(void)state;
	key_of("request", key);
	assert_int_equal(sealed_request_read(v, &r), 0);
	sealed_request_write(&w, &r);
	assert_false(w.out.cut);
	assert_int_equal(read_text(text, w.out.used, &other), 0);
	assert_memory_equal(&other, &r, sizeof(r));
	for (size_t bit = 0; bit < 8 * w.out.used; bit++) {
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
		if (read_text(text, w.out.used, &other) == 0 &&
		    sealed_request_authentic(&other, key))
			accepted++;
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
	}
	assert_int_equal(accepted, 0);
	assert_int_equal(read_text(text, w.out.used, &other), 0);
	assert_true(sealed_request_authentic(&other, key));
}

static void whatever_is_missing_or_wrong_is_refused(void **state)
{
#define ID "\"home\":\"Mt0gsSCH40JTQSoYQ0I7hg\",\"grant\":\"yMnKy8zNzs_Q\","
#define REST                                                                               \
	"\"args\":\"\",\"challenge\":\"AwQFBgcICQoLDA0ODxAREg\",\"nonce\":\"ISIjJCUmJygpK" \
	"issLS4vMA\",\"mac\":\"TxQ91Dlagu3Yiy644bC8kgVZfFMzxoiU7z3AtezOReU\"}"
	static const char *const wrong[] = {
		"{}",
		"{\"v\":2," ID "\"verb\":\"wake\",\"machine\":\"3\"," REST,
		"{\"v\":\"1\"," ID "\"verb\":\"wake\",\"machine\":\"3\"," REST,
		"{\"v\":1," ID "\"machine\":\"3\"," REST,
		"{\"v\":1," ID "\"verb\":\"0123456789012345\",\"machine\":\"3\"," REST,
		"{\"v\":1," ID "\"verb\":\"wake\",\"machine\":3," REST,
		"{\"v\":1," ID "\"verb\":\"wake\",\"machine\":\"12345678901\"," REST,
		"{\"v\":1,\"home\":\"Mt0gsSCH40JTQSoYQ0I7h\",\"grant\":\"yMnKy8zNzs_Q\",\"verb\":"
		"\"wake\",\"machine\":\"3\"," REST,
		"{\"v\":1,\"home\":\"Mt0gsSCH40JTQSoYQ0I7hh\",\"grant\":\"yMnKy8zNzs_Q\",\"verb\":"
		"\"wake\",\"machine\":\"3\"," REST,
	};
	static const char good[] = "{\"v\":1," ID "\"verb\":\"wake\",\"machine\":\"3\"," REST;
	struct sealed_request r;

	(void)state;
	assert_int_equal(read_text(good, sizeof(good) - 1, &r), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(read_text(wrong[i], strlen(wrong[i]), &r), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_those_of_the_vectors),
		cmocka_unit_test(answers_are_those_of_the_vectors),
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(whatever_is_missing_or_wrong_is_refused),
	};

	if (keys_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, vectors_load, vectors_drop);
}
