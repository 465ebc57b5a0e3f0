/* life: is the machine there? One test a sentence. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ADDRESS "192.0.2.50"

static struct machine *awake(struct world *w, enum spec_origin origin)
{
	struct spec s = world_spec("nas", &NAS, ADDRESS, "tcp/22");
	struct machine *m;

	s.origin = (uint8_t)origin;
	m = world_add(w, &s, NULL);
	world_run(w, 10 * MS);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	world_mark(w);
	return m;
}

static size_t asked_everybody(const struct world *w)
{
	size_t n = 0;
	const struct record *r;

	for (size_t i = 0; (r = done(w, EFFECT_SOLICIT, i)); i++)
		n += mac_is_zero(&r->e.mac);
	return n;
}

static void an_unknown_machine_is_decided_within_two_seconds(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_nas(w);
	uint64_t start = w->now.us;

	(void)state;
	assert_int_equal(machine_state_of(m), MACHINE_UNKNOWN);
	world_run(w, 2 * S);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	assert_int_equal(told_at(w, EVENT_ASLEEP, 0) - start, 1 * S);
	/* Four questions, the last to everybody. */
	assert_int_equal(did(w, EFFECT_SOLICIT), 5);
	assert_int_equal(asked_everybody(w), 1);
	world_free(w);
}

static void a_goodbye_and_silence_is_sleep_within_a_second(void **state)
{
	(void)state;
	/* Whatever the phase of its last frame. */
	for (uint64_t phase = 0; phase < 300 * MS; phase += 7 * MS) {
		struct world *w = world_new(NULL);
		struct machine *m = awake(w, SPEC_REGISTERED);
		uint64_t last;

		home_goodbye(w->h, m, w->now);
		world_run(w, 300 * MS + phase);
		world_answers(w, &NAS, ADDRESS);
		last = w->now.us;
		world_run(w, 5 * S);
		assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
		assert_true(told_at(w, EVENT_ASLEEP, 0) - last >= 750 * MS);
		assert_true(told_at(w, EVENT_ASLEEP, 0) - last <= 1000 * MS);
		assert_true(asked_everybody(w) >= 1);
		world_free(w);
	}
}

static void shutting_down_is_not_sleep(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = awake(w, SPEC_REGISTERED);

	(void)state;
	home_goodbye(w->h, m, w->now);
	for (int i = 0; i < 100; i++) {
		world_run(w, 500 * MS);
		world_talks(w, &NAS);
		assert_int_equal(machine_state_of(m), MACHINE_DROWSY);
	}
	assert_int_equal(did(w, EFFECT_CLAIM), 0);
	world_free(w);
}

static void who_stays_after_a_goodbye_is_awake_again(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = awake(w, SPEC_REGISTERED);

	(void)state;
	home_goodbye(w->h, m, w->now);
	for (int i = 0; i < 1300; i++) {
		world_run(w, 500 * MS);
		world_talks(w, &NAS);
	}
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	assert_int_equal(told(w, EVENT_STAYED_AWAKE), 1);
	assert_true(event(w, EVENT_STAYED_AWAKE, 0)->took_us >= 600 * S);
	assert_true(event(w, EVENT_STAYED_AWAKE, 0)->took_us < 601 * S);
	world_free(w);
}

/* Its sleeper says so, and nobody else can have said it. */
static void a_goodbye_is_taken_back(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = awake(w, SPEC_REGISTERED);

	(void)state;
	home_goodbye(w->h, m, w->now);
	world_run(w, 100 * MS);
	home_stay(w->h, m, w->now);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	assert_int_equal(told(w, EVENT_STAYS), 1);
	home_stay(w->h, m, w->now);
	assert_int_equal(told(w, EVENT_STAYS), 1);
	assert_int_equal(did(w, EFFECT_CLAIM), 0);
	world_free(w);
}

/* One that was taken for asleep gets its addresses back by answering for them, as ever. */
static void who_says_it_is_there_is_on_its_way(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = awake(w, SPEC_REGISTERED);

	(void)state;
	home_goodbye(w->h, m, w->now);
	world_run(w, 2 * S);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	home_stay(w->h, m, w->now);
	assert_int_equal(machine_state_of(m), MACHINE_WAKING);
	assert_int_equal(told(w, EVENT_STAYS), 0);
	world_free(w);
}

static void a_configured_machine_is_watched_gently(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = awake(w, SPEC_FILE);
	uint64_t last = w->now.us;

	(void)state;
	/* While it talks it is not asked at all. */
	for (int i = 0; i < 20; i++) {
		world_run(w, 4 * S);
		world_talks(w, &NAS);
	}
	assert_int_equal(did(w, EFFECT_SOLICIT), 0);
	last = w->now.us;
	world_run(w, 9 * S);
	assert_int_equal(did(w, EFFECT_SOLICIT), 0);
	world_run(w, 20 * S);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	/* A look, six more, the last two of them to everybody as well. */
	assert_int_equal(told_at(w, EVENT_ASLEEP, 0) - last, 10 * S + 7 * 500 * MS);
	assert_int_equal(asked_everybody(w), 2);
	world_free(w);
}

/* Its sleeper would say goodbye; a power cut does not. One that only registers when it goes to sleep is left alone. */
static void a_machine_with_a_sleeper_is_watched_too(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = awake(w, SPEC_REGISTERED);

	(void)state;
	world_run(w, 60 * S);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	home_watch(w->h, m, true, w->now);
	world_run(w, 20 * S);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	world_free(w);
}

static void an_answer_to_a_look_is_enough(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = awake(w, SPEC_FILE);

	(void)state;
	for (int i = 0; i < 30; i++) {
		size_t asked = did(w, EFFECT_SOLICIT);

		world_run(w, 10 * S);
		assert_int_equal(did(w, EFFECT_SOLICIT), asked + 1);
		world_answers(w, &NAS, ADDRESS);
	}
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	world_free(w);
}

static void a_registered_machine_is_not_watched(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = awake(w, SPEC_REGISTERED);

	(void)state;
	world_run(w, 600 * S);
	assert_int_equal(did(w, EFFECT_SOLICIT), 0);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	world_free(w);
}

static void a_sleeping_machine_is_looked_at_every_30_seconds(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

	(void)state;
	world_run(w, 300 * S);
	assert_int_equal(did(w, EFFECT_SOLICIT), 10);
	assert_int_equal(asked_everybody(w), 0);
	/* Its answer brings it back at once. */
	world_mark(w);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	assert_int_equal(event(w, EVENT_AWAKE, 0)->by, BY_HAND);
	assert_int_equal(did(w, EFFECT_RELEASE), 1);
	world_free(w);
}

static void started_by_hand_it_is_handed_back_after_it_answered(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");
	struct machine_past past;

	(void)state;
	world_asks(w, &NAS, "", ADDRESS); /* its probe */
	assert_int_equal(machine_state_of(m), MACHINE_WAKING);
	assert_int_equal(did(w, EFFECT_ANSWER) + did(w, EFFECT_WAKE) + did(w, EFFECT_RELEASE), 0);
	/* An announcement alone is no answer. */
	world_run(w, 2 * S);
	world_announces(w, &NAS, &NAS, ADDRESS);
	assert_int_equal(machine_state_of(m), MACHINE_WAKING);
	assert_int_equal(did(w, EFFECT_RELEASE), 0);
	/* An answer with Override off (an optimistic address) neither. */
	struct heard x = {
		.mac = NAS, .said = NAS, .addr = ip(ADDRESS), .answer = true, .claims = true
	};

	home_heard(w->h, &x, w->now);
	assert_int_equal(machine_state_of(m), MACHINE_WAKING);
	world_run(w, 20 * MS);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	assert_int_equal(event(w, EVENT_AWAKE, 0)->by, BY_HAND);
	assert_int_equal(event(w, EVENT_AWAKE, 0)->took_us, 2020 * MS);
	machine_past_of(m, &past);
	assert_int_equal(past.last_wake.by, BY_HAND);
	assert_int_equal(past.last_wake.awake_us, 2020 * MS);
	world_free(w);
}

static void one_stray_frame_is_no_waking_up(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

	(void)state;
	world_talks(w, &NAS);
	assert_int_equal(machine_state_of(m), MACHINE_WAKING);
	world_run(w, 40 * S);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	assert_int_equal(told(w, EVENT_ASLEEP) + told(w, EVENT_AWAKE), 0);
	assert_int_equal(did(w, EFFECT_RELEASE), 0);
	/* Its neighbours may have heard it: they are told again, now that it is silent. */
	world_run(w, 5 * S);
	assert_int_equal(did(w, EFFECT_ANNOUNCE), 3);
	world_free(w);
}

static void alive_with_other_addresses_it_is_awake(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

	(void)state;
	for (int i = 0; i < 35; i++) {
		world_talks(w, &NAS);
		world_run(w, 1 * S);
	}
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	assert_int_equal(did(w, EFFECT_RELEASE), 1);
	assert_int_equal(did(w, EFFECT_ANNOUNCE), 0);
	world_free(w);
}

static void a_nic_that_answers_asleep_is_recognised_after_a_goodbye(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = awake(w, SPEC_FILE);
	struct machine_past past;
	uint64_t start;

	(void)state;
	home_goodbye(w->h, m, w->now);
	start = w->now.us;
	for (int i = 0; i < 100 && machine_state_of(m) == MACHINE_DROWSY; i++) {
		world_run(w, 250 * MS);
		world_answers(w, &NAS, ADDRESS);
	}
	/* It was asked for a port and an echo for 5 s. */
	assert_int_equal(told(w, EVENT_NIC_ANSWERS), 1);
	assert_true(told_at(w, EVENT_ASLEEP, 0) - start >= 6 * S);
	assert_true(told_at(w, EVENT_ASLEEP, 0) - start <= 8 * S);
	assert_true(did(w, EFFECT_PROBE_PORT) >= 9 && did(w, EFFECT_PROBE_ECHO) >= 9);
	assert_int_equal(done(w, EFFECT_PROBE_PORT, 0)->e.port, 22);
	assert_int_equal(did(w, EFFECT_CLAIM), 1);
	machine_past_of(m, &past);
	assert_true(past.nic_answers);

	/* From then on its ARP answers are no life … */
	for (int i = 0; i < 20; i++) {
		world_run(w, 5 * S);
		world_answers(w, &NAS, ADDRESS);
		assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	}
	/* … nor while it is woken … */
	world_mark(w);
	world_syn(w, "192.0.2.10", 5000, ADDRESS, 22);
	for (int i = 0; i < 50; i++) {
		world_run(w, 100 * MS);
		world_answers(w, &NAS, ADDRESS);
	}
	assert_int_equal(machine_state_of(m), MACHINE_WAKING);
	assert_int_equal(did(w, EFFECT_RELEASE), 0);
	assert_true(did(w, EFFECT_PROBE_ECHO) >= 99); /* asked as often as ARP: a client waits */
	/* … but the answer of a port is, and then it is asked at once. */
	world_run(w, 20 * MS);
	world_mark(w);
	world_port(w, ADDRESS, 22, false);
	assert_int_equal(did(w, EFFECT_SOLICIT), 1);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);

	/* The next time it sleeps, too. */
	home_goodbye(w->h, m, w->now);
	for (int i = 0; i < 100; i++) {
		world_run(w, 250 * MS);
		world_answers(w, &NAS, ADDRESS);
	}
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	world_free(w);
}

static void a_guard_that_was_held_up_asks_before_it_judges(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = awake(w, SPEC_REGISTERED);

	(void)state;
	home_goodbye(w->h, m, w->now);
	w->now.us += 5 * S; /* nobody served the timers */
	home_tick(w->h, w->now);
	assert_int_equal(machine_state_of(m), MACHINE_DROWSY);
	world_run(w, 250 * MS);
	assert_int_equal(machine_state_of(m), MACHINE_DROWSY);
	world_run(w, 1 * S);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	world_free(w);
}

static void who_answers_a_port_is_not_asleep(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = awake(w, SPEC_FILE);
	struct addr a = ip(ADDRESS);

	(void)state;
	home_goodbye(w->h, m, w->now);
	for (int i = 0; i < 120; i++) {
		world_run(w, 250 * MS);
		world_answers(w, &NAS, ADDRESS);
		if (i % 8 == 0)
			home_echo_answer(w->h, 0, &a, w->now);
		assert_int_equal(machine_state_of(m), MACHINE_DROWSY);
	}
	world_free(w);
}

static void a_neighbour_of_a_nic_that_answers_is_pointed_too(void **state)
{
	struct world *w = world_new(NULL);
	struct spec s = world_spec("nas", &NAS, ADDRESS, "");
	struct machine_past past = { .state = MACHINE_ASLEEP, .nic_answers = 1 };

	(void)state;
	world_add(w, &s, &past);
	world_run(w, 5 * S);
	world_mark(w);
	world_asks(w, &CLIENT, "192.0.2.10", ADDRESS);
	assert_int_equal(did(w, EFFECT_ANSWER), 1);
	assert_int_equal(did(w, EFFECT_REPOINT), 1);
	world_free(w);
}

static void without_a_link_nothing_is_judged(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = awake(w, SPEC_FILE);

	(void)state;
	world_run(w, 9 * S);
	w->link.up = false;
	home_interface_set(w->h, 0, &w->link, w->now);
	world_run(w, 600 * S);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	assert_int_equal(did(w, EFFECT_SOLICIT), 0);
	assert_int_equal(home_wake(w->h, m, BY_REQUEST, w->now), WAKE_UNREACHABLE);
	/* When it is back the machine is asked again. */
	w->link.up = true;
	home_interface_set(w->h, 0, &w->link, w->now);
	assert_int_equal(machine_state_of(m), MACHINE_UNKNOWN);
	world_run(w, 300 * MS);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	assert_int_equal(told(w, EVENT_AWAKE), 0);
	world_free(w);
}

static void a_link_that_returns_keeps_the_claims(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

	(void)state;
	w->link.up = false;
	home_interface_set(w->h, 0, &w->link, w->now);
	world_run(w, 100 * S);
	w->link.up = true;
	home_interface_set(w->h, 0, &w->link, w->now);
	assert_int_equal(did(w, EFFECT_RELEASE), 0);
	world_asks(w, &CLIENT, "192.0.2.10", ADDRESS);
	assert_int_equal(did(w, EFFECT_ANSWER), 1);
	world_run(w, 5 * S);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	assert_int_equal(told(w, EVENT_ASLEEP), 0);
	assert_int_equal(did(w, EFFECT_ANNOUNCE), 3); /* switch and neighbours may have forgotten */
	world_free(w);
}

static void without_an_address_a_goodbye_and_no_frame_is_sleep(void **state)
{
	struct world *w = world_new(NULL);
	struct spec s = world_spec("nas", &NAS, "", "");
	struct machine *m = world_add(w, &s, NULL);

	(void)state;
	world_run(w, 60 * S);
	assert_int_equal(machine_state_of(m), MACHINE_UNKNOWN);
	world_talks(w, &NAS);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	world_run(w, 600 * S);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	home_goodbye(w->h, m, w->now);
	world_run(w, 500 * MS);
	world_talks(w, &NAS);
	world_run(w, 600 * MS);
	assert_int_equal(machine_state_of(m), MACHINE_DROWSY);
	world_run(w, 400 * MS);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	/* Woken by request only, awake by any frame. */
	assert_int_equal(home_wake(w->h, m, BY_REQUEST, w->now), WAKE_STARTED);
	assert_int_equal(did(w, EFFECT_WAKE), 1);
	world_run(w, 3 * S);
	world_talks(w, &NAS);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	assert_int_equal(event(w, EVENT_AWAKE, 0)->took_us, 3 * S);
	world_free(w);
}

static void observe(struct home_settings *s)
{
	s->observe = true;
}

static void observing_sends_nothing_and_believes_evidence_alone(void **state)
{
	struct world *w = world_new(observe);
	struct machine *m = world_nas(w);

	(void)state;
	world_run(w, 60 * S);
	assert_int_equal(machine_state_of(m), MACHINE_UNKNOWN);
	/* The same asker again after a second, and nothing of the machine in between. */
	world_asks(w, &CLIENT, "192.0.2.10", ADDRESS);
	world_run(w, 1 * S);
	world_asks(w, &OTHER, "192.0.2.30", ADDRESS);
	assert_int_equal(machine_state_of(m), MACHINE_UNKNOWN);
	world_run(w, 1 * S);
	world_asks(w, &OTHER, "192.0.2.30", ADDRESS);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	assert_true(event(w, EVENT_ASLEEP, 0)->observed);
	world_run(w, 5 * S);
	world_syn(w, "192.0.2.10", 5000, ADDRESS, 22);
	assert_int_equal(told(w, EVENT_KNOCK), 1);
	world_talks(w, &NAS);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	/* A question that was answered is not repeated so soon. */
	world_mark(w);
	world_asks(w, &CLIENT, "192.0.2.10", ADDRESS);
	world_talks(w, &NAS);
	world_run(w, 1 * S);
	world_asks(w, &CLIENT, "192.0.2.10", ADDRESS);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	/* A goodbye is evidence, too. */
	home_goodbye(w->h, m, w->now);
	world_run(w, 2 * S);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	w->mark = 0;
	for (enum effect_kind k = 0; k < EFFECT_EVENT; k++)
		assert_int_equal(did(w, k), 0);
	world_free(w);
}

static void a_boot_that_breaks_off_is_sleep_again(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

	(void)state;
	world_syn(w, "192.0.2.10", 5000, ADDRESS, 22);
	world_run(w, 2 * S);
	world_answers(w, &NAS, ADDRESS);
	world_port(w, ADDRESS, 22, false);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	world_mark(w);
	world_run(w, 5 * S);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	assert_int_equal(did(w, EFFECT_SEND), 0); /* the client still waits */
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unknown_machine_is_decided_within_two_seconds),
		cmocka_unit_test(a_goodbye_and_silence_is_sleep_within_a_second),
		cmocka_unit_test(shutting_down_is_not_sleep),
		cmocka_unit_test(who_stays_after_a_goodbye_is_awake_again),
		cmocka_unit_test(a_goodbye_is_taken_back),
		cmocka_unit_test(who_says_it_is_there_is_on_its_way),
		cmocka_unit_test(a_configured_machine_is_watched_gently),
		cmocka_unit_test(a_machine_with_a_sleeper_is_watched_too),
		cmocka_unit_test(an_answer_to_a_look_is_enough),
		cmocka_unit_test(a_registered_machine_is_not_watched),
		cmocka_unit_test(a_sleeping_machine_is_looked_at_every_30_seconds),
		cmocka_unit_test(started_by_hand_it_is_handed_back_after_it_answered),
		cmocka_unit_test(one_stray_frame_is_no_waking_up),
		cmocka_unit_test(alive_with_other_addresses_it_is_awake),
		cmocka_unit_test(a_nic_that_answers_asleep_is_recognised_after_a_goodbye),
		cmocka_unit_test(a_guard_that_was_held_up_asks_before_it_judges),
		cmocka_unit_test(who_answers_a_port_is_not_asleep),
		cmocka_unit_test(a_neighbour_of_a_nic_that_answers_is_pointed_too),
		cmocka_unit_test(without_a_link_nothing_is_judged),
		cmocka_unit_test(a_link_that_returns_keeps_the_claims),
		cmocka_unit_test(without_an_address_a_goodbye_and_no_frame_is_sleep),
		cmocka_unit_test(observing_sends_nothing_and_believes_evidence_alone),
		cmocka_unit_test(a_boot_that_breaks_off_is_sleep_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
