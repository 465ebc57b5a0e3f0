/* test_event: every enum value has a name of its own; what a sister process may not send. */
#include "base/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *state_name(int i)
{
	return machine_state_name((enum machine_state)i);
}

static const char *by_name(int i)
{
	return wake_by_name((enum wake_by)i);
}

static const char *kind_name(int i)
{
	return event_kind_name((enum event_kind)i);
}

static void check_names(const char *(*name)(int), int n)
{
	for (int i = 0; i < n; i++) {
		const char *here = name(i);

		assert_non_null(here);
		assert_true(here[0] >= 'a' && here[0] <= 'z');
		assert_int_equal(strspn(here, "abcdefghijklmnopqrstuvwxyz-"), strlen(here));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(here, name(j));
	}
}

static void names_are_complete_and_distinct(void **state)
{
	(void)state;
	check_names(state_name, MACHINE_STATES);
	check_names(by_name, BY_KINDS);
	check_names(kind_name, EVENT_KINDS);
	for (int i = 0; i < KNOCK_KINDS; i++)
		assert_non_null(knock_kind_name((enum knock_kind)i));
	assert_string_equal(knock_kind_name(KNOCK_TCP_DATA), "tcp");
	assert_string_equal(knock_kind_name(KNOCK_NONE), "");
}

static void insane_events(void **state)
{
	const struct event good = { .kind = EVENT_KINDS - 1,
				    .by = BY_KINDS - 1,
				    .knock = KNOCK_KINDS - 1 };
	struct event e = good;

	(void)state;
	assert_true(event_sane(&e));
	e.kind = EVENT_KINDS;
	assert_false(event_sane(&e));
	e = good;
	e.by = BY_KINDS;
	assert_false(event_sane(&e));
	e = good;
	e.knock = KNOCK_KINDS;
	assert_false(event_sane(&e));
	e = good;
	e.from.family = 5;
	assert_false(event_sane(&e));
	e = good;
	e.to = (struct addr){ .family = 4, .b = { [4] = 1 } };
	assert_false(event_sane(&e));
	e = good;
	memset(e.name, 'a', sizeof(e.name));
	assert_false(event_sane(&e));
}

static void insane_pasts(void **state)
{
	const struct machine_past good = { .state = MACHINE_STATES - 1 };
	struct machine_past p = good;

	(void)state;
	assert_true(machine_past_sane(&p));
	p.state = MACHINE_STATES;
	assert_false(machine_past_sane(&p));
	p = good;
	p.last_wake.by = BY_KINDS;
	assert_false(machine_past_sane(&p));
	p = good;
	p.last_wake.knock = KNOCK_KINDS;
	assert_false(machine_past_sane(&p));
	p = good;
	p.last_wake.from.family = 1;
	assert_false(machine_past_sane(&p));
	p = good;
	p.last_wake.to.family = 7;
	assert_false(machine_past_sane(&p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_complete_and_distinct),
		cmocka_unit_test(insane_events),
		cmocka_unit_test(insane_pasts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
