/* test_list: order, removal, and walks during which nodes leave. */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct item {
	int value;
	struct list link;
};

static int sum_in_order(const struct list *head)
{
	int sum = 0;

	list_each(it, head) sum = 10 * sum + container_of(it, struct item, link)->value;
	return sum;
}

static void fill(struct list *head, struct item *items, int n)
{
	list_init(head);
	for (int i = 0; i < n; i++) {
		items[i].value = i + 1;
		list_init(&items[i].link);
		assert_false(list_linked(&items[i].link));
		list_append(head, &items[i].link);
		assert_true(list_linked(&items[i].link));
	}
}

static void appends_in_order(void **state)
{
	struct item items[3];
	struct list head;

	(void)state;
	list_init(&head);
	assert_true(list_empty(&head));
	assert_int_equal(sum_in_order(&head), 0);
	fill(&head, items, 3);
	assert_false(list_empty(&head));
	assert_int_equal(sum_in_order(&head), 123);
	assert_ptr_equal(head.prev, &items[2].link);
}

static void removal_is_harmless_twice(void **state)
{
	struct item items[3];
	struct list head;

	(void)state;
	fill(&head, items, 3);
	list_remove(&items[1].link);
	list_remove(&items[1].link);
	assert_int_equal(sum_in_order(&head), 13);
	list_remove(&items[0].link);
	list_remove(&items[2].link);
	assert_true(list_empty(&head));
	list_append(&head, &items[1].link);
	assert_int_equal(sum_in_order(&head), 2);
}

static void walk_survives_removal(void **state)
{
	struct item items[4];
	struct list head;
	int seen = 0;

	(void)state;
	fill(&head, items, 4);
	list_each_safe(it, &head)
	{
		seen++;
		if (container_of(it, struct item, link)->value % 2)
			list_remove(it);
	}
	assert_int_equal(seen, 4);
	assert_int_equal(sum_in_order(&head), 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_in_order),
		cmocka_unit_test(removal_is_harmless_twice),
		cmocka_unit_test(walk_survives_removal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
