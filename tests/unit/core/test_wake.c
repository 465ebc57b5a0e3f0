/* wake: the series of magic packets, and what came of it. One test a sentence. */
#include "world.h"

#include "core/machine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ADDRESS "192.0.2.50"
#define FROM "192.0.2.10"

static void a_series_has_attempts_at_intervals_and_an_end(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");
	uint64_t knock = w->now.us;

	(void)state;
	world_syn(w, FROM, 5000, ADDRESS, 22);
	world_run(w, 200 * S);
	assert_int_equal(did(w, EFFECT_WAKE), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(done_at(w, EFFECT_WAKE, i) - knock, i * 30 * S);
		assert_int_equal(done(w, EFFECT_WAKE, i)->e.attempt, i + 1);
	}
	assert_int_equal(told(w, EVENT_KNOCK), 1);
	assert_int_equal(event(w, EVENT_KNOCK, 0)->attempt, 1);
	assert_int_equal(told(w, EVENT_ATTEMPT), 2);
	assert_int_equal(event(w, EVENT_ATTEMPT, 1)->attempt, 3);
	assert_int_equal(told_at(w, EVENT_NO_SIGN_OF_LIFE, 0) - knock, 90 * S);
	/* Kept: asleep and claimed all the time. */
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	assert_int_equal(did(w, EFFECT_RELEASE), 0);
	assert_int_equal(told(w, EVENT_ASLEEP), 0);
	world_free(w);
}

static void drop(struct home_settings *s)
{
	s->keep = false;
}

static void who_does_not_wake_can_be_dropped(void **state)
{
	struct world *w = world_new(drop);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

	(void)state;
	world_syn(w, FROM, 5000, ADDRESS, 22);
	world_run(w, 200 * S);
	assert_int_equal(did(w, EFFECT_DROP), 1);
	assert_int_equal(did(w, EFFECT_RELEASE), 1);
	world_mark(w);
	world_asks(w, &CLIENT, FROM, ADDRESS);
	world_syn(w, FROM, 5000, ADDRESS, 22);
	world_talks(w, &NAS);
	world_run(w, 200 * S);
	assert_int_equal(w->n, w->mark);
	home_remove(w->h, m, w->now);
	world_forget(w, m);
	assert_int_equal(home_count(w->h), 0);
	world_free(w);
}

static void a_second_source_starts_nothing_new(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

	(void)state;
	world_syn(w, FROM, 5000, ADDRESS, 22);
	for (uint16_t i = 0; i < 20; i++) {
		world_run(w, 1 * S);
		world_syn(w, "192.0.2.11", (uint16_t)(6000 + i), ADDRESS, 22);
		assert_int_equal(home_wake(w->h, m, BY_REQUEST, w->now), WAKE_STARTED);
	}
	assert_int_equal(did(w, EFFECT_WAKE), 1);
	assert_int_equal(told(w, EVENT_KNOCK), 1);
	assert_int_equal(told(w, EVENT_REQUEST), 0);
	world_free(w);
}

static void quick(struct home_settings *s)
{
	s->attempts = 2;
	s->interval = 1 * S;
}

static void one_series_a_minute_when_it_does_not_come_up(void **state)
{
	struct world *w = world_new(quick);

	(void)state;
	world_sleeping(w, ADDRESS, "tcp/22");
	for (int i = 0; i < 180; i++) {
		world_syn(w, FROM, 5000, ADDRESS, 22);
		world_run(w, 1 * S);
	}
	/* At 0, 60 and 120 s: as soon as the minute is over the retransmitted knock starts the next. */
	assert_int_equal(told(w, EVENT_KNOCK), 3);
	assert_int_equal(did(w, EFFECT_WAKE), 6);
	assert_int_equal(told_at(w, EVENT_KNOCK, 1) - told_at(w, EVENT_KNOCK, 0), 60 * S);
	world_free(w);
}

static void a_knock_in_between_is_held(void **state)
{
	struct world *w = world_new(quick);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

	(void)state;
	world_syn(w, FROM, 5000, ADDRESS, 22);
	world_run(w, 5 * S);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	world_mark(w);
	world_syn(w, "192.0.2.11", 6000, ADDRESS, 22);
	assert_int_equal(did(w, EFFECT_WAKE), 0);
	world_run(w, 5 * S);
	world_answers(w, &NAS, ADDRESS);
	world_port(w, ADDRESS, 22, true);
	assert_int_equal(did(w, EFFECT_SEND), 2);
	world_free(w);
}

static void a_machine_that_comes_up_may_be_woken_at_once_again(void **state)
{
	struct world *w = world_new(quick);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

	(void)state;
	for (int i = 0; i < 5; i++) {
		world_syn(w, FROM, 5000, ADDRESS, 22);
		world_run(w, 1500 * MS);
		world_answers(w, &NAS, ADDRESS);
		world_port(w, ADDRESS, 22, true);
		home_goodbye(w->h, m, w->now);
		world_run(w, 2 * S);
		assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	}
	assert_int_equal(told(w, EVENT_KNOCK), 5);
	assert_int_equal(told(w, EVENT_AWAKE), 5);
	world_free(w);
}

static void up_within_ten_minutes_after_the_end_is_late(void **state)
{
	struct world *w = world_new(quick);
	struct machine_past past;
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

	(void)state;
	world_syn(w, FROM, 5000, ADDRESS, 22);
	world_run(w, 500 * S);
	assert_int_equal(told(w, EVENT_NO_SIGN_OF_LIFE), 1);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(event(w, EVENT_AWAKE, 0)->by, BY_KNOCK);
	assert_true(event(w, EVENT_AWAKE, 0)->late);
	assert_int_equal(event(w, EVENT_AWAKE, 0)->took_us, 500 * S);
	machine_past_of(m, &past);
	assert_int_equal(past.last_wake.by, BY_KNOCK);
	assert_int_equal(past.last_wake.awake_us, 500 * S);
	/* Later than that it was somebody's hand. */
	home_goodbye(w->h, m, w->now);
	world_run(w, 2 * S);
	world_syn(w, FROM, 5000, ADDRESS, 22);
	world_run(w, 603 * S);
	world_mark(w);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(event(w, EVENT_AWAKE, 0)->by, BY_HAND);
	assert_false(event(w, EVENT_AWAKE, 0)->late);
	world_free(w);
}

static void a_request_wakes(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

	(void)state;
	assert_int_equal(home_wake(w->h, m, BY_REQUEST, w->now), WAKE_STARTED);
	assert_int_equal(did(w, EFFECT_WAKE), 1);
	assert_int_equal(event(w, EVENT_REQUEST, 0)->by, BY_REQUEST);
	world_run(w, 4 * S);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(event(w, EVENT_AWAKE, 0)->by, BY_REQUEST);
	assert_int_equal(event(w, EVENT_AWAKE, 0)->took_us, 4 * S);
	assert_int_equal(home_wake(w->h, m, BY_REQUEST, w->now), WAKE_ALREADY_AWAKE);
	world_free(w);
}

static void a_grant_is_named_in_all_that_comes_of_it(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");
	struct machine_past past;
	struct addr from;

	(void)state;
	assert_int_equal(addr_parse("203.0.113.7", &from), 0);
	assert_int_equal(home_wake_granted(w->h, m, "Ann's phone", &from, w->now), WAKE_STARTED);
	assert_int_equal(event(w, EVENT_REQUEST, 0)->by, BY_GRANT);
	assert_string_equal(event(w, EVENT_REQUEST, 0)->who, "Ann's phone");
	assert_true(addr_equal(&event(w, EVENT_REQUEST, 0)->from, &from));
	/* Who comes second joins in, and is not named. */
	assert_int_equal(home_wake_granted(w->h, m, "Bob", &from, w->now), WAKE_STARTED);
	world_run(w, 4 * S);
	world_answers(w, &NAS, ADDRESS);
	assert_string_equal(event(w, EVENT_AWAKE, 0)->who, "Ann's phone");
	machine_past_of(m, &past);
	assert_int_equal(past.last_wake.by, BY_GRANT);
	assert_string_equal(past.last_wake.who, "Ann's phone");
	world_free(w);
}

static void asked_while_it_shuts_down_it_wakes_when_it_is_down(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_nas(w);

	(void)state;
	world_answers(w, &NAS, ADDRESS);
	home_goodbye(w->h, m, w->now);
	assert_int_equal(home_wake(w->h, m, BY_REQUEST, w->now), WAKE_STARTED);
	assert_int_equal(did(w, EFFECT_WAKE), 0);
	world_run(w, 2 * S);
	assert_int_equal(did(w, EFFECT_WAKE), 1);
	assert_int_equal(machine_state_of(m), MACHINE_WAKING);
	world_free(w);
}

static void what_was_begun_by_hand_is_not_claimed_by_a_knock(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

	(void)state;
	world_talks(w, &NAS);
	world_run(w, 1 * S);
	world_syn(w, FROM, 5000, ADDRESS, 22);
	assert_int_equal(did(w, EFFECT_WAKE), 0);
	world_run(w, 1 * S);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(event(w, EVENT_AWAKE, 0)->by, BY_HAND);
	world_port(w, ADDRESS, 22, true);
	assert_int_equal(did(w, EFFECT_SEND), 1);
	/* But one stray frame does not keep a knock from waking. */
	home_goodbye(w->h, m, w->now);
	world_run(w, 2 * S);
	world_mark(w);
	world_talks(w, &NAS);
	world_syn(w, FROM, 5001, ADDRESS, 22);
	world_run(w, 4 * S);
	assert_int_equal(did(w, EFFECT_WAKE), 1);
	assert_int_equal(told(w, EVENT_KNOCK), 1);
	world_free(w);
}

static void the_record_tells_the_whole_wake(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");
	struct machine_past past;
	uint64_t wall = w->now.wall_ms;

	(void)state;
	world_syn(w, FROM, 51234, ADDRESS, 22);
	world_run(w, 32 * S);
	world_answers(w, &NAS, ADDRESS);
	world_run(w, 700 * MS);
	world_answers(w, &NAS, ADDRESS);
	world_port(w, ADDRESS, 22, true);
	machine_past_of(m, &past);
	assert_int_equal(past.last_wake.by, BY_KNOCK);
	assert_int_equal(past.last_wake.attempts, 2);
	assert_int_equal(past.last_wake.from_port, 51234);
	assert_int_equal(past.last_wake.to_port, 22);
	assert_int_equal(past.last_wake.at_wall_ms, wall);
	assert_int_equal(past.last_wake.awake_us, 32 * S);
	assert_int_equal(past.last_wake.ready_us, 32700 * MS);
	assert_int_equal(past.last_wake.replayed, 1);
	assert_true(machine_past_sane(&past));
	assert_true(did(w, EFFECT_PAST) >= 4);
	world_free(w);
}

static void a_wake_survives_a_link_that_drops(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

	(void)state;
	world_syn(w, FROM, 5000, ADDRESS, 22);
	world_run(w, 10 * S);
	w->link.up = false;
	home_interface_set(w->h, 0, &w->link, w->now);
	world_run(w, 300 * S);
	assert_int_equal(machine_state_of(m), MACHINE_WAKING);
	assert_int_equal(told(w, EVENT_NO_SIGN_OF_LIFE), 0);
	w->link.up = true;
	home_interface_set(w->h, 0, &w->link, w->now);
	world_run(w, 1 * S);
	assert_int_equal(did(w, EFFECT_WAKE), 2);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	world_free(w);
}

static void a_frame_at_the_last_moment_keeps_it_from_failing(void **state)
{
	struct world *w = world_new(quick);

	(void)state;
	world_sleeping(w, ADDRESS, "tcp/22");
	world_syn(w, FROM, 5000, ADDRESS, 22);
	world_run(w, 1900 * MS);
	world_talks(w, &NAS);
	world_run(w, 3 * S);
	assert_int_equal(told(w, EVENT_NO_SIGN_OF_LIFE), 0);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(event(w, EVENT_AWAKE, 0)->by, BY_KNOCK);
	assert_false(event(w, EVENT_AWAKE, 0)->late);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_series_has_attempts_at_intervals_and_an_end),
		cmocka_unit_test(who_does_not_wake_can_be_dropped),
		cmocka_unit_test(a_second_source_starts_nothing_new),
		cmocka_unit_test(one_series_a_minute_when_it_does_not_come_up),
		cmocka_unit_test(a_knock_in_between_is_held),
		cmocka_unit_test(a_machine_that_comes_up_may_be_woken_at_once_again),
		cmocka_unit_test(up_within_ten_minutes_after_the_end_is_late),
		cmocka_unit_test(a_request_wakes),
		cmocka_unit_test(a_grant_is_named_in_all_that_comes_of_it),
		cmocka_unit_test(asked_while_it_shuts_down_it_wakes_when_it_is_down),
		cmocka_unit_test(what_was_begun_by_hand_is_not_claimed_by_a_knock),
		cmocka_unit_test(the_record_tells_the_whole_wake),
		cmocka_unit_test(a_wake_survives_a_link_that_drops),
		cmocka_unit_test(a_frame_at_the_last_moment_keeps_it_from_failing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
