/*
 * test_grant: a request is admitted once, while its challenge is good, and not too often.
 */
#include "core/grant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S UINT64_C(1000000)

static const uint8_t first[GRANT_BYTES] = { 1 };
static const uint8_t second[GRANT_BYTES] = { 2 };
static const uint8_t third[GRANT_BYTES] = { 3 };

static struct grant_window *window(void)
{
	struct grant_window *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	return w;
}

static void nothing_is_admitted_without_a_challenge(void **state)
{
	const uint8_t zero[GRANT_BYTES] = { 0 };
	struct grant_window *w = window();

	(void)state;
	assert_int_equal(grant_rotate_due(w), 0);
	assert_int_equal(grant_admit(w, zero, first, 5 * S), GRANT_CHALLENGE_EXPIRED);
	free(w);
}

static void a_nonce_is_admitted_once(void **state)
{
	struct grant_window *w = window();

	(void)state;
	grant_rotate(w, first, 100 * S);
	assert_int_equal(grant_admit(w, first, first, 100 * S), GRANT_ADMITTED);
	assert_int_equal(grant_admit(w, first, first, 101 * S), GRANT_REPLAYED);
	assert_int_equal(grant_admit(w, first, second, 101 * S), GRANT_ADMITTED);
	/* Still known when the challenge is the one before. */
	grant_rotate(w, second, 130 * S);
	assert_int_equal(grant_admit(w, first, first, 159 * S), GRANT_REPLAYED);
	assert_int_equal(grant_admit(w, first, second, 159 * S), GRANT_REPLAYED);
	assert_int_equal(grant_admit(w, second, first, 159 * S), GRANT_ADMITTED);
	free(w);
}

static void a_challenge_lives_a_minute_and_no_longer(void **state)
{
	struct grant_window *w = window();
	uint64_t left;

	(void)state;
	grant_rotate(w, first, 100 * S);
	assert_int_equal(grant_rotate_due(w), 130 * S);
	assert_memory_equal(grant_current(w, 130 * S, &left), first, GRANT_BYTES);
	assert_int_equal(left, 30 * S);
	grant_rotate(w, second, 130 * S);
	assert_memory_equal(grant_current(w, 130 * S, &left), second, GRANT_BYTES);
	assert_int_equal(left, 60 * S);
	assert_int_equal(grant_admit(w, first, first, 160 * S - 1), GRANT_ADMITTED);
	assert_int_equal(grant_admit(w, first, second, 160 * S), GRANT_CHALLENGE_EXPIRED);
	assert_int_equal(grant_admit(w, second, second, 190 * S), GRANT_CHALLENGE_EXPIRED);
	(void)grant_current(w, 190 * S, &left);
	assert_int_equal(left, 0);
	/* Two rotations later its nonces are free again, and it is not. */
	grant_rotate(w, third, 160 * S);
	assert_int_equal(grant_admit(w, first, first, 161 * S), GRANT_CHALLENGE_EXPIRED);
	free(w);
}

static void what_it_remembers_is_bounded(void **state)
{
	struct grant_window *w = window();
	uint8_t nonce[GRANT_BYTES] = { 0 };

	(void)state;
	grant_rotate(w, first, 100 * S);
	for (uint32_t i = 0; i < GRANT_NONCES; i++) {
		memcpy(nonce, &i, sizeof(i));
		assert_int_equal(grant_admit(w, first, nonce, 100 * S), GRANT_ADMITTED);
	}
	nonce[15] = 1;
	assert_int_equal(grant_admit(w, first, nonce, 100 * S), GRANT_FULL);
	nonce[15] = 0;
	assert_int_equal(grant_admit(w, first, nonce, 100 * S), GRANT_REPLAYED);
	grant_rotate(w, second, 130 * S);
	nonce[15] = 1;
	assert_int_equal(grant_admit(w, second, nonce, 130 * S), GRANT_ADMITTED);
	free(w);
}

static void limits_refill(void **state)
{
	const struct grant_rate rate = { .burst = 3, .every = 10 * S };
	struct grant_limit l = { 0 };
	uint64_t now = 1000 * S;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(grant_allowed(&l, rate, now));
		grant_spend(&l, rate, now);
	}
	assert_false(grant_allowed(&l, rate, now));
	assert_false(grant_allowed(&l, rate, now + 10 * S - 1));
	assert_true(grant_allowed(&l, rate, now + 10 * S));
	grant_spend(&l, rate, now + 10 * S);
	assert_false(grant_allowed(&l, rate, now + 10 * S));
	/* However long it was left alone: three at once, not more. */
	for (int i = 0; i < 3; i++) {
		assert_true(grant_allowed(&l, rate, 2 * now));
		grant_spend(&l, rate, 2 * now);
	}
	assert_false(grant_allowed(&l, rate, 2 * now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_admitted_without_a_challenge),
		cmocka_unit_test(a_nonce_is_admitted_once),
		cmocka_unit_test(a_challenge_lives_a_minute_and_no_longer),
		cmocka_unit_test(what_it_remembers_is_bounded),
		cmocka_unit_test(limits_refill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
