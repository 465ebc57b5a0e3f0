/* restart: the guard was restarted or killed; what it knew is verified first. One test a sentence. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ADDRESS "192.0.2.50"

static void after_a_restart_it_is_verified_and_claimed_in_450_ms(void **state)
{
	struct world *w = world_new(NULL);
	struct spec s = world_spec("nas", &NAS, ADDRESS, "tcp/22");
	struct machine_past past = { .state = MACHINE_ASLEEP, .since_wall_ms = 42 };
	struct machine *m = world_add(w, &s, &past);
	uint64_t start = w->now.us;

	(void)state;
	world_run(w, 449 * MS);
	assert_int_equal(did(w, EFFECT_CLAIM) + did(w, EFFECT_ANNOUNCE), 0);
	assert_int_equal(did(w, EFFECT_SOLICIT), 4);
	world_run(w, 5 * S);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	assert_int_equal(done_at(w, EFFECT_CLAIM, 0) - start, 450 * MS);
	/* Nothing happened to it: no record, no new date, nobody woken. */
	assert_int_equal(told(w, EVENT_ASLEEP) + told(w, EVENT_ADDED), 0);
	assert_int_equal(did(w, EFFECT_WAKE) + did(w, EFFECT_PAST), 0);
	machine_past_of(m, &past);
	assert_int_equal(past.since_wall_ms, 42);
	world_free(w);
}

static void killed_again_before_it_knew_it_still_knows(void **state)
{
	struct world *w = world_new(NULL);
	struct spec s = world_spec("nas", &NAS, ADDRESS, "tcp/22");
	struct machine_past past = { .state = MACHINE_ASLEEP,
				     .since_wall_ms = 42,
				     .nic_answers = 1 };
	struct machine *m = world_add(w, &s, &past);
	struct machine_past now;

	(void)state;
	world_run(w, 100 * MS);
	machine_past_of(m, &now);
	assert_int_equal(now.state, MACHINE_ASLEEP);
	assert_int_equal(now.since_wall_ms, 42);
	assert_true(now.nic_answers);
	assert_int_equal(did(w, EFFECT_PAST), 0);
	world_free(w);
}

static void a_knock_before_the_verdict_waits_for_it(void **state)
{
	struct world *w = world_new(NULL);
	struct spec s = world_spec("nas", &NAS, ADDRESS, "tcp/22");
	struct machine_past past = { .state = MACHINE_ASLEEP };
	struct machine *m = world_add(w, &s, &past);

	(void)state;
	world_run(w, 100 * MS);
	world_syn(w, "192.0.2.10", 5000, ADDRESS, 22);
	assert_int_equal(did(w, EFFECT_WAKE), 0);
	world_run(w, 1 * S);
	assert_int_equal(machine_state_of(m), MACHINE_WAKING);
	assert_int_equal(did(w, EFFECT_WAKE), 1);
	world_answers(w, &NAS, ADDRESS);
	world_port(w, ADDRESS, 22, true);
	assert_int_equal(did(w, EFFECT_SEND), 1);
	world_free(w);
}

static void awake_after_a_restart_its_neighbours_are_told(void **state)
{
	struct world *w = world_new(NULL);
	struct spec s = world_spec("nas", &NAS, ADDRESS, "tcp/22");
	struct machine_past past = { .state = MACHINE_ASLEEP };
	struct machine *m = world_add(w, &s, &past);

	(void)state;
	world_run(w, 100 * MS);
	world_syn(w, "192.0.2.10", 5000, ADDRESS, 80);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	world_run(w, 5 * S);
	assert_int_equal(did(w, EFFECT_ANNOUNCE), 3);
	assert_true(mac_equal(&done(w, EFFECT_ANNOUNCE, 0)->e.mac, &NAS));
	assert_int_equal(did(w, EFFECT_WAKE), 0);
	world_free(w);
}

static void restarted_while_it_boots_nothing_goes_to_everybody(void **state)
{
	struct world *w = world_new(NULL);
	struct spec s = world_spec("nas", &NAS, ADDRESS, "tcp/22");
	struct machine_past past = { .state = MACHINE_WAKING };
	struct machine *m;

	(void)state;
	past.last_wake = (struct wake_record){ .by = BY_KNOCK,
					       .attempts = 1,
					       .at_wall_ms = w->now.wall_ms - 5000 };
	m = world_add(w, &s, &past);
	world_run(w, 1 * S);
	assert_int_equal(machine_state_of(m), MACHINE_WAKING);
	assert_int_equal(did(w, EFFECT_CLAIM), 1);
	assert_int_equal(did(w, EFFECT_ANNOUNCE) + did(w, EFFECT_WAKE), 0);
	world_run(w, 1 * S);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(event(w, EVENT_AWAKE, 0)->by, BY_KNOCK);
	assert_int_equal(event(w, EVENT_AWAKE, 0)->took_us, 7 * S);
	/* And if it does not come, the series goes on. */
	world_free(w);
	w = world_new(NULL);
	m = world_add(w, &s, &past);
	world_run(w, 300 * S);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	assert_int_equal(did(w, EFFECT_WAKE), 2);
	assert_int_equal(told(w, EVENT_NO_SIGN_OF_LIFE), 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_a_restart_it_is_verified_and_claimed_in_450_ms),
		cmocka_unit_test(killed_again_before_it_knew_it_still_knows),
		cmocka_unit_test(a_knock_before_the_verdict_waits_for_it),
		cmocka_unit_test(awake_after_a_restart_its_neighbours_are_told),
		cmocka_unit_test(restarted_while_it_boots_nothing_goes_to_everybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
