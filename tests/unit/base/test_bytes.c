/* test_bytes: cursor and writer never leave their buffer, and their failure sticks. */
#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void cursor_reads_big_endian(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3, 0xfe, 0xdc, 0xba, 0x98, 9, 10 };
	struct cursor c = cursor_over(bytes, sizeof(bytes));
	uint8_t copy[2];

	(void)state;
	assert_int_equal(cursor_u8(&c), 1);
	assert_int_equal(cursor_be16(&c), 0x0203);
	assert_int_equal(cursor_be32(&c), 0xfedcba98);
	cursor_copy(&c, copy, 2);
	assert_int_equal(copy[0], 9);
	assert_int_equal(copy[1], 10);
	assert_int_equal(c.left, 0);
	assert_false(c.failed);
}

static void cursor_failure_sticks(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3 };
	struct cursor c = cursor_over(bytes, sizeof(bytes));
	uint8_t copy[4] = { 7, 7, 7, 7 };

	(void)state;
	assert_int_equal(cursor_be32(&c), 0);
	assert_true(c.failed);
	assert_int_equal(cursor_u8(&c), 0);
	assert_int_equal(cursor_be16(&c), 0);
	assert_null(cursor_take(&c, 0));
	cursor_copy(&c, copy, sizeof(copy));
	for (size_t i = 0; i < sizeof(copy); i++)
		assert_int_equal(copy[i], 0);
	assert_true(cursor_sub(&c, 0).failed);
}

static void cursor_skips_are_bounded(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3 };
	struct cursor c = cursor_over(bytes, sizeof(bytes));

	(void)state;
	cursor_skip(&c, 2);
	assert_int_equal(c.left, 1);
	cursor_skip(&c, SIZE_MAX);
	assert_true(c.failed);
}

static void cursor_sub_sees_its_part_alone(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3 };
	struct cursor c = cursor_over(bytes, sizeof(bytes));
	struct cursor sub = cursor_sub(&c, 2);

	(void)state;
	assert_int_equal(cursor_be16(&sub), 0x0102);
	assert_int_equal(cursor_u8(&sub), 0);
	assert_true(sub.failed);
	assert_false(c.failed);
	assert_int_equal(cursor_u8(&c), 3);
}

/* Arithmetic on a null pointer and memcpy from one are undefined: the sanitizer sees them. */
static void nothing_at_nowhere_is_fine(void **state)
{
	struct cursor c = cursor_over(NULL, 0);
	struct writer w = writer_over(NULL, 0);

	(void)state;
	(void)cursor_take(&c, 0);
	cursor_skip(&c, 0);
	cursor_copy(&c, NULL, 0);
	assert_false(c.failed);
	(void)writer_make(&w, 0);
	writer_bytes(&w, NULL, 0);
	writer_zero(&w, 0);
	assert_false(w.failed);
	writer_u8(&w, 1);
	assert_true(w.failed);
	cursor_copy(&c, NULL, 0);
	assert_int_equal(cursor_u8(&c), 0);
	cursor_copy(&c, NULL, 0);
	assert_true(c.failed);
}

static void writer_fills_to_the_last_byte(void **state)
{
	static const uint8_t expected[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 0 };
	uint8_t *bytes = malloc(sizeof(expected));
	struct writer w = writer_over(bytes, sizeof(expected));

	(void)state;
	assert_non_null(bytes);
	writer_u8(&w, 1);
	writer_be16(&w, 0x0203);
	writer_be32(&w, 0x04050607);
	writer_bytes(&w, "\x08\x09", 2);
	writer_zero(&w, 1);
	assert_false(w.failed);
	assert_int_equal(w.used, sizeof(expected));
	assert_memory_equal(bytes, expected, sizeof(expected));
	free(bytes);
}

static void writer_failure_sticks(void **state)
{
	uint8_t bytes[4] = { 9, 9, 9, 9 };
	struct writer w = writer_over(bytes, 3);

	(void)state;
	writer_be32(&w, 1);
	assert_true(w.failed);
	writer_u8(&w, 1);
	writer_bytes(&w, "x", 1);
	writer_zero(&w, 1);
	assert_null(writer_make(&w, SIZE_MAX));
	assert_int_equal(w.used, 0);
	assert_int_equal(bytes[0], 9);
	assert_int_equal(bytes[3], 9);
}

static void secrets_compare_every_byte(void **state)
{
	uint8_t a[32] = { 0 };
	uint8_t b[32] = { 0 };

	(void)state;
	assert_true(bytes_equal_secret(a, b, sizeof(a)));
	for (size_t i = 0; i < sizeof(a); i++) {
		b[i] = (uint8_t)(1U << (i % 8));
		assert_false(bytes_equal_secret(a, b, sizeof(a)));
		assert_true(bytes_equal_secret(a, b, i));
		b[i] = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cursor_reads_big_endian),
		cmocka_unit_test(cursor_failure_sticks),
		cmocka_unit_test(cursor_skips_are_bounded),
		cmocka_unit_test(cursor_sub_sees_its_part_alone),
		cmocka_unit_test(nothing_at_nowhere_is_fine),
		cmocka_unit_test(writer_fills_to_the_last_byte),
		cmocka_unit_test(writer_failure_sticks),
		cmocka_unit_test(secrets_compare_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
