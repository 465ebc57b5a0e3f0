/* claim: answering for an address, others that want it, giving it back. One test a sentence. */
#include "world.h"

#include "core/machine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ADDRESS "192.0.2.50"
#define ADDRESS6 "2001:db8::50"
#define FROM "192.0.2.10"

static size_t asked_everybody(const struct world *w)
{
	size_t n = 0;
	const struct record *r;

	for (size_t i = 0; (r = done(w, EFFECT_SOLICIT, i)); i++)
		n += mac_is_zero(&r->e.mac);
	return n;
}

static void taking_over_is_announced_three_times(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_nas(w);
	world_run(w, 10 * S);
	assert_int_equal(did(w, EFFECT_ANNOUNCE), 3);
	assert_true(done_at(w, EFFECT_CLAIM, 0) <= done_at(w, EFFECT_ANNOUNCE, 0));
	assert_int_equal(done_at(w, EFFECT_ANNOUNCE, 1) - done_at(w, EFFECT_ANNOUNCE, 0),
			 1100 * MS);
	assert_int_equal(done_at(w, EFFECT_ANNOUNCE, 2) - done_at(w, EFFECT_ANNOUNCE, 1),
			 1100 * MS);
	assert_true(mac_is_zero(&done(w, EFFECT_ANNOUNCE, 0)->e.mac));
	world_free(w);
}

static void an_ipv6_address_is_announced_in_a_moment(void **state)
{
	struct world *w = world_new(NULL);
	struct spec s = world_spec("nas", &NAS, ADDRESS6, "tcp/22");

	(void)state;
	/* The machine may be switched on the next moment, and its address be tentative before it says a word. */
	world_add(w, &s, NULL);
	world_run(w, 20 * S);
	assert_int_equal(did(w, EFFECT_ANNOUNCE), 3);
	assert_int_equal(done_at(w, EFFECT_ANNOUNCE, 2) - done_at(w, EFFECT_ANNOUNCE, 0), 200 * MS);
	/* Back it goes with repeats: it answered, so it is not tentative. */
	world_mark(w);
	world_answers(w, &NAS, ADDRESS6);
	world_run(w, 5 * S);
	assert_int_equal(did(w, EFFECT_ANNOUNCE), 3);
	assert_int_equal(done_at(w, EFFECT_ANNOUNCE, 2) - done_at(w, EFFECT_ANNOUNCE, 0),
			 2200 * MS);
	world_free(w);
}

static void a_flood_of_questions_is_answered_in_measure(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_sleeping(w, ADDRESS, "tcp/22");
	for (int i = 0; i < 100000; i++) {
		world_asks(w, &OTHER, "192.0.2.30", ADDRESS);
		world_run(w, 10);
	}
	assert_true(did(w, EFFECT_ANSWER) >= 500 && did(w, EFFECT_ANSWER) <= 510);
	/* Others are answered meanwhile, and who stops soon is again. */
	world_mark(w);
	world_asks(w, &CLIENT, FROM, ADDRESS);
	assert_int_equal(did(w, EFFECT_ANSWER), 1);
	world_run(w, 100 * MS);
	world_asks(w, &OTHER, "192.0.2.30", ADDRESS);
	assert_int_equal(did(w, EFFECT_ANSWER), 2);
	world_free(w);
}

static void any_sign_of_life_stops_the_announcements(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		struct world *w = world_new(NULL);
		struct machine *m = world_nas(w);

		world_run(w, 1500 * MS);
		assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
		world_mark(w);
		if (how == 0)
			world_asks(w, &NAS, "", ADDRESS);
		else if (how == 1)
			world_talks(w, &NAS);
		else
			world_syn(w, FROM, 5000, ADDRESS, 22);
		world_run(w, 20 * S);
		assert_int_equal(did(w, EFFECT_ANNOUNCE), 0);
		world_free(w);
	}
}

static void the_machine_is_never_answered(void **state)
{
	struct world *w = world_new(NULL);
	struct solicit s = { .target = ip(ADDRESS), .asker_mac = OTHER, .asker_said = NAS };

	(void)state;
	world_sleeping(w, ADDRESS, "tcp/22");
	/* By an access point that changes the Ethernet source. */
	home_solicit(w->h, &s, w->now);
	s.asker = ip("192.0.2.77");
	home_solicit(w->h, &s, w->now);
	/* By itself. */
	world_asks(w, &NAS, "", ADDRESS);
	world_asks(w, &NAS, ADDRESS, ADDRESS);
	assert_int_equal(did(w, EFFECT_ANSWER) + did(w, EFFECT_REPOINT), 0);
	world_free(w);
}

static void others_probes_are_defended_towards_the_prober_only(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

	(void)state;
	world_asks(w, &OTHER, "", ADDRESS);
	assert_int_equal(did(w, EFFECT_ANSWER), 1);
	assert_true(mac_equal(&done(w, EFFECT_ANSWER, 0)->e.peer_mac, &OTHER));
	assert_int_equal(done(w, EFFECT_ANSWER, 0)->e.peer.family, 0);
	assert_int_equal(did(w, EFFECT_ANNOUNCE), 0);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	/* And also while the machine boots. */
	world_syn(w, FROM, 5000, ADDRESS, 22);
	world_asks(w, &OTHER, "", ADDRESS);
	assert_int_equal(did(w, EFFECT_ANSWER), 2);
	assert_int_equal(did(w, EFFECT_ANNOUNCE), 0);
	world_free(w);
}

static void what_is_not_claimed_is_not_answered(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_sleeping(w, ADDRESS, "tcp/22");
	world_asks(w, &CLIENT, FROM, "192.0.2.51");
	world_asks(w, &CLIENT, FROM, "192.0.2.20");
	world_asks(w, &OWN, "192.0.2.20", ADDRESS); /* our own kernel, or our own look */
	world_asks(w, &VIRTUAL, ADDRESS, ADDRESS);
	assert_int_equal(did(w, EFFECT_ANSWER), 0);
	world_free(w);
}

static void another_host_is_defended_against_once(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

	(void)state;
	world_announces(w, &OTHER, &OTHER, ADDRESS);
	assert_int_equal(did(w, EFFECT_ANNOUNCE), 1);
	assert_int_equal(did(w, EFFECT_RELEASE), 0);
	/* Quiet for more than 10 s: the next counts as the first again. */
	world_run(w, 11 * S);
	world_announces(w, &OTHER, &OTHER, ADDRESS);
	assert_int_equal(did(w, EFFECT_ANNOUNCE), 2);
	assert_int_equal(did(w, EFFECT_RELEASE), 0);
	world_run(w, 9 * S);
	world_announces(w, &OTHER, &OTHER, ADDRESS);
	assert_int_equal(did(w, EFFECT_RELEASE), 1);
	assert_int_equal(told(w, EVENT_CONFLICT), 1);
	assert_true(mac_equal(&event(w, EVENT_CONFLICT, 0)->from_mac, &OTHER));
	assert_true(addr_equal(&event(w, EVENT_CONFLICT, 0)->to, &m->claims[0].addr));
	/* From now on not a word for it. */
	world_mark(w);
	for (int i = 0; i < 50; i++) {
		world_announces(w, &OTHER, &OTHER, ADDRESS);
		world_asks(w, &CLIENT, FROM, ADDRESS);
		world_syn(w, FROM, 5000, ADDRESS, 22);
		world_run(w, 10 * S);
	}
	assert_int_equal(did(w, EFFECT_ANNOUNCE) + did(w, EFFECT_ANSWER) + did(w, EFFECT_WAKE), 0);
	assert_int_equal(told(w, EVENT_CONFLICT), 0);
	world_free(w);
}

static void after_ten_minutes_it_looks_again(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_sleeping(w, ADDRESS, "tcp/22");
	world_announces(w, &OTHER, &OTHER, ADDRESS);
	world_run(w, 1 * S);
	world_announces(w, &OTHER, &OTHER, ADDRESS);
	world_mark(w);
	/* Still there: it answers the question. */
	world_run(w, 600 * S);
	world_answers(w, &OTHER, ADDRESS);
	world_run(w, 100 * S);
	assert_int_equal(did(w, EFFECT_CLAIM), 0);
	/* Gone. */
	world_run(w, 505 * S);
	assert_int_equal(did(w, EFFECT_CLAIM), 1);
	assert_int_equal(told(w, EVENT_RECLAIMED), 1);
	world_run(w, 5 * S);
	assert_int_equal(did(w, EFFECT_ANNOUNCE), 3);
	world_free(w);
}

static void an_address_in_use_is_not_claimed_at_all(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_nas(w);

	(void)state;
	world_run(w, 800 * MS);
	world_answers(w, &OTHER, ADDRESS); /* to the question to everybody */
	world_run(w, 5 * S);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	assert_int_equal(did(w, EFFECT_CLAIM) + did(w, EFFECT_ANNOUNCE), 0);
	assert_int_equal(told(w, EVENT_CONFLICT), 1);
	world_free(w);
}

static void while_it_may_boot_a_conflict_is_defended_by_unicast(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_sleeping(w, ADDRESS, "tcp/22");
	world_syn(w, FROM, 5000, ADDRESS, 22);
	world_announces(w, &OTHER, &OTHER, ADDRESS);
	assert_int_equal(did(w, EFFECT_ANNOUNCE), 0);
	assert_int_equal(did(w, EFFECT_REPOINT), 1);
	assert_true(mac_equal(&done(w, EFFECT_REPOINT, 0)->e.peer_mac, &OTHER));
	world_free(w);
}

static void the_higher_guard_yields_and_waits(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

	(void)state;
	world_announces(w, &GUARD_LOW, &GUARD_LOW, ADDRESS);
	assert_int_equal(did(w, EFFECT_RELEASE), 1);
	assert_int_equal(told(w, EVENT_YIELDED), 1);
	assert_int_equal(did(w, EFFECT_ANNOUNCE), 0);
	/* It looks every 30 s; while the other answers it waits. */
	for (int i = 0; i < 10; i++) {
		size_t looks = asked_everybody(w);
		uint64_t start = w->now.us;

		while (asked_everybody(w) == looks)
			world_run(w, 100 * MS);
		assert_true(w->now.us - start >= 29 * S && w->now.us - start <= 31 * S);
		if (i < 9)
			world_answers(w, &GUARD_LOW, ADDRESS);
		assert_int_equal(did(w, EFFECT_CLAIM), 0);
	}
	/* And takes over when nobody does. */
	world_run(w, 1 * S);
	assert_int_equal(told(w, EVENT_YIELDED), 1);
	assert_int_equal(told(w, EVENT_RECLAIMED), 1);
	assert_int_equal(m->claims[0].state, CLAIM_HELD);
	world_free(w);
}

static void the_lower_guard_keeps(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_sleeping(w, ADDRESS, "tcp/22");
	for (int i = 0; i < 100; i++) {
		world_announces(w, &GUARD_HIGH, &GUARD_HIGH, ADDRESS);
		world_run(w, 100 * MS);
	}
	assert_int_equal(did(w, EFFECT_RELEASE), 0);
	assert_int_equal(told(w, EVENT_CONFLICT) + told(w, EVENT_YIELDED), 0);
	/* It says so, but two guards do not shout at each other. */
	assert_true(did(w, EFFECT_ANNOUNCE) >= 1 && did(w, EFFECT_ANNOUNCE) <= 11);
	world_free(w);
}

static void of_two_guards_at_start_the_second_waits(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_nas(w);
	world_run(w, 800 * MS);
	world_answers(w, &GUARD_LOW, ADDRESS);
	world_run(w, 2 * S);
	assert_int_equal(told(w, EVENT_YIELDED), 1);
	assert_int_equal(did(w, EFFECT_CLAIM), 0);
	world_free(w);
	/* The other way round it claims, and the other will yield. */
	w = world_new(NULL);
	world_nas(w);
	world_run(w, 800 * MS);
	world_answers(w, &GUARD_HIGH, ADDRESS);
	world_run(w, 2 * S);
	assert_int_equal(told(w, EVENT_YIELDED), 0);
	assert_int_equal(did(w, EFFECT_CLAIM), 1);
	world_free(w);
}

static void a_hand_back_of_another_guard_is_no_conflict(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_sleeping(w, ADDRESS, "tcp/22");
	for (int i = 0; i < 3; i++)
		world_announces(w, &OTHER, &NAS, ADDRESS);
	assert_int_equal(did(w, EFFECT_ANNOUNCE) + did(w, EFFECT_RELEASE), 0);
	world_free(w);
}

static void each_address_is_handed_back_when_it_answered(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS " " ADDRESS6, "tcp/22");

	(void)state;
	home_wake(w->h, m, BY_REQUEST, w->now);
	world_run(w, 3 * S);
	world_mark(w);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(did(w, EFFECT_RELEASE), 1);
	assert_int_equal(done(w, EFFECT_RELEASE, 0)->e.addr.family, 4);
	/* The other is still in its DAD: answered for, and asked for. */
	world_asks(w, &CLIENT, "2001:db8::10", ADDRESS6);
	assert_int_equal(did(w, EFFECT_ANSWER), 1);
	world_run(w, 1500 * MS);
	world_answers(w, &NAS, ADDRESS6);
	assert_int_equal(did(w, EFFECT_RELEASE), 2);
	world_run(w, 5 * S);
	assert_int_equal(did(w, EFFECT_ANNOUNCE), 6);
	world_free(w);
}

static void an_address_that_never_answers_is_released_quietly(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS " " ADDRESS6, "tcp/22");
	uint64_t awake;

	(void)state;
	home_wake(w->h, m, BY_REQUEST, w->now);
	world_run(w, 3 * S);
	world_answers(w, &NAS, ADDRESS);
	awake = w->now.us;
	world_mark(w);
	for (int i = 0; i < 60; i++) {
		world_run(w, 1 * S);
		world_talks(w, &NAS);
	}
	assert_int_equal(did(w, EFFECT_RELEASE), 1);
	assert_true(done_at(w, EFFECT_RELEASE, 0) - awake >= 30 * S);
	assert_true(done_at(w, EFFECT_RELEASE, 0) - awake <= 31 * S);
	for (size_t i = 0; i < did(w, EFFECT_ANNOUNCE); i++)
		assert_int_equal(done(w, EFFECT_ANNOUNCE, i)->e.addr.family, 4);
	world_free(w);
}

static void the_switch_is_refreshed_while_something_is_claimed(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS " " ADDRESS6, "tcp/22");

	(void)state;
	world_run(w, 900 * S);
	assert_int_equal(did(w, EFFECT_REFRESH), 10);
	home_remove(w->h, m, w->now);
	world_forget(w, m);
	world_mark(w);
	world_run(w, 900 * S);
	assert_int_equal(did(w, EFFECT_REFRESH), 0);
	world_free(w);
}

static void without_an_own_address_its_word_has_to_do(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

	(void)state;
	w->link.has4 = false;
	home_interface_set(w->h, 0, &w->link, w->now);
	world_syn(w, FROM, 5000, ADDRESS, 22);
	world_run(w, 3 * S);
	assert_int_equal(did(w, EFFECT_SOLICIT), 0);
	world_asks(w, &NAS, "", ADDRESS);
	assert_int_equal(machine_state_of(m), MACHINE_WAKING);
	world_announces(w, &NAS, &NAS, ADDRESS);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	/* No port can be asked either: it opens after 3 s. */
	world_run(w, 3 * S);
	assert_int_equal(did(w, EFFECT_SEND), 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taking_over_is_announced_three_times),
		cmocka_unit_test(an_ipv6_address_is_announced_in_a_moment),
		cmocka_unit_test(a_flood_of_questions_is_answered_in_measure),
		cmocka_unit_test(any_sign_of_life_stops_the_announcements),
		cmocka_unit_test(the_machine_is_never_answered),
		cmocka_unit_test(others_probes_are_defended_towards_the_prober_only),
		cmocka_unit_test(what_is_not_claimed_is_not_answered),
		cmocka_unit_test(another_host_is_defended_against_once),
		cmocka_unit_test(after_ten_minutes_it_looks_again),
		cmocka_unit_test(an_address_in_use_is_not_claimed_at_all),
		cmocka_unit_test(while_it_may_boot_a_conflict_is_defended_by_unicast),
		cmocka_unit_test(the_higher_guard_yields_and_waits),
		cmocka_unit_test(the_lower_guard_keeps),
		cmocka_unit_test(of_two_guards_at_start_the_second_waits),
		cmocka_unit_test(a_hand_back_of_another_guard_is_no_conflict),
		cmocka_unit_test(each_address_is_handed_back_when_it_answered),
		cmocka_unit_test(an_address_that_never_answers_is_released_quietly),
		cmocka_unit_test(the_switch_is_refreshed_while_something_is_claimed),
		cmocka_unit_test(without_an_own_address_its_word_has_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
