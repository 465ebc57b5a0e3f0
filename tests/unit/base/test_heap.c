/* test_heap: the earliest deadline comes first; nodes move and leave. Random sequences are in tests/prop/base. */
#include "base/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void empty(void **state)
{
	struct heap h = { 0 };
	struct heap_node n = { 0 };

	(void)state;
	assert_null(heap_first(&h));
	heap_remove(&h, &n);
	heap_set(&h, &n, NEVER);
	assert_false(n.in_heap);
	assert_null(heap_first(&h));
}

static void earliest_first(void **state)
{
	static const uint64_t due[] = { 5, 3, 9, 1, 7, 3, 0, NEVER - 1 };
	enum { N = sizeof(due) / sizeof(due[0]) };
	struct heap_node nodes[N] = { { 0 } };
	struct heap h = { 0 };
	uint64_t last = 0;

	(void)state;
	for (size_t i = 0; i < N; i++)
		heap_set(&h, &nodes[i], due[i]);
	for (size_t i = 0; i < N; i++) {
		struct heap_node *first = heap_first(&h);

		assert_non_null(first);
		assert_true(first->due >= last);
		last = first->due;
		heap_remove(&h, first);
		assert_false(first->in_heap);
	}
	assert_null(heap_first(&h));
}

static void nodes_move_and_leave(void **state)
{
	struct heap_node a = { 0 };
	struct heap_node b = { 0 };
	struct heap h = { 0 };

	(void)state;
	heap_set(&h, &a, 10);
	heap_set(&h, &b, 20);
	heap_set(&h, &a, 30); /* later */
	assert_ptr_equal(heap_first(&h), &b);
	heap_set(&h, &a, 5); /* earlier */
	assert_ptr_equal(heap_first(&h), &a);
	heap_set(&h, &a, 5);
	assert_ptr_equal(heap_first(&h), &a);
	heap_set(&h, &a, NEVER);
	assert_false(a.in_heap);
	assert_ptr_equal(heap_first(&h), &b);
	heap_remove(&h, &b);
	heap_remove(&h, &b);
	assert_null(heap_first(&h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(earliest_first),
		cmocka_unit_test(nodes_move_and_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
