/* test_hash: SipHash-2-4 gives its reference values; the table loses and invents nothing. */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Key 00..0f, message 00..n-1: the vectors of the paper and its reference implementation (OpenSSL agrees). */
static void reference_vectors(void **state)
{
	static const struct {
		size_t n;
		uint64_t expected;
	} rows[] = {
		{ 0, 0x726fdb47dd0e0e31 },  { 1, 0x74f839c593dc67fd },	{ 7, 0xab0200f58b01d137 },
		{ 8, 0x93f5f5799a932462 },  { 15, 0xa129ca6149be45e5 }, { 16, 0x3f2acc7f57c29bdb },
		{ 63, 0x958a324ceb064572 },
	};
	const struct hash_key key = { { 0x0706050403020100, 0x0f0e0d0c0b0a0908 } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t *message = malloc(rows[i].n + 1);

		assert_non_null(message);
		for (size_t b = 0; b < rows[i].n; b++)
			message[b] = (uint8_t)b;
		if (hash_bytes(&key, message, rows[i].n) != rows[i].expected)
			fail_msg("length %zu", rows[i].n);
		free(message);
	}
}

/* Follows the nodes of one hash; returns how many there are, and whether `node` is one. */
static size_t find(const struct hash_table *t, uint64_t hash, const struct hash_node *node,
		   bool *ret_found)
{
	size_t n = 0;

	*ret_found = false;
	for (struct hash_node *h = hash_first(t, hash); h; h = hash_next(h)) {
		assert_true(h->hash == hash);
		*ret_found = *ret_found || h == node;
		n++;
	}
	return n;
}

static void same_hash_and_same_bucket_differ(void **state)
{
	struct hash_node *buckets[4];
	struct hash_node nodes[4] = { { 0 } };
	struct hash_table t;
	bool found;

	(void)state;
	hash_init(&t, buckets, COUNT(buckets));
	assert_null(hash_first(&t, 1));
	hash_insert(&t, &nodes[0], 1);
	hash_insert(&t, &nodes[1], 5); /* the same bucket */
	hash_insert(&t, &nodes[2], 1);
	hash_insert(&t, &nodes[3], 9);
	assert_int_equal(t.count, 4);
	assert_int_equal(find(&t, 1, &nodes[0], &found), 2);
	assert_true(found);
	assert_int_equal(find(&t, 1, &nodes[2], &found), 2);
	assert_true(found);
	assert_int_equal(find(&t, 5, &nodes[1], &found), 1);
	assert_int_equal(find(&t, 13, &nodes[1], &found), 0);
}

static void removal_is_exact_and_repeatable(void **state)
{
	struct hash_node *buckets[2];
	struct hash_node nodes[3] = { { 0 } };
	struct hash_node stranger = { .hash = 1 };
	struct hash_table t;
	bool found;

	(void)state;
	hash_init(&t, buckets, COUNT(buckets));
	for (size_t i = 0; i < COUNT(nodes); i++)
		hash_insert(&t, &nodes[i], 1);
	hash_remove(&t, &stranger);
	assert_int_equal(t.count, 3);
	hash_remove(&t, &nodes[1]);
	hash_remove(&t, &nodes[1]);
	assert_int_equal(t.count, 2);
	assert_int_equal(find(&t, 1, &nodes[1], &found), 2);
	assert_false(found);
	hash_remove(&t, &nodes[0]);
	hash_remove(&t, &nodes[2]);
	assert_int_equal(t.count, 0);
	assert_null(hash_first(&t, 1));
}

static void rehash_keeps_everything(void **state)
{
	enum { N = 300 };
	struct hash_node *small[8];
	struct hash_node *large[64];
	struct hash_node nodes[N] = { { 0 } };
	struct hash_table t;
	bool found;

	(void)state;
	hash_init(&t, small, COUNT(small));
	for (size_t i = 0; i < N; i++)
		hash_insert(&t, &nodes[i], i * 0x9e3779b97f4a7c15U);
	assert_ptr_equal(hash_rehash(&t, large, COUNT(large)), small);
	assert_int_equal(t.count, N);
	assert_int_equal(t.size, COUNT(large));
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(find(&t, i * 0x9e3779b97f4a7c15U, &nodes[i], &found), 1);
		assert_true(found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reference_vectors),
		cmocka_unit_test(same_hash_and_same_bucket_differ),
		cmocka_unit_test(removal_is_exact_and_repeatable),
		cmocka_unit_test(rehash_keeps_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
