/* home: the table of machines, their changes, and what concerns all of them. One test a sentence. */
#include "world.h"

#include "core/home_state.h"
#include "core/machine.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ADDRESS "192.0.2.50"
#define ADDRESS6 "2001:db8::50"
#define FROM "192.0.2.10"

static void a_description_comes_back_as_it_was(void **state)
{
	struct world *w = world_new(NULL);
	struct spec s = world_spec("nas", &NAS, ADDRESS " " ADDRESS6, "tcp/22 udp/1-9 echo");
	struct spec back;

	(void)state;
	s.line = 42;
	s.from_n = 1;
	assert_int_equal(source_parse("192.0.2.0/24", &s.from[0]), 0);
	s.ignore_n = 1;
	assert_int_equal(source_parse("192.0.2.7", &s.ignore[0]), 0);
	assert_int_equal(secureon_parse("01:02:03:04:05:06", &s.secureon), 0);
	memcpy(s.interface, "eth0", 5);
	machine_spec_of(world_add(w, &s, NULL), &back);
	assert_memory_equal(&back, &s, sizeof(s));
	world_free(w);
}

static void machines_are_found(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_nas(w);
	struct addr a = ip(ADDRESS);
	struct addr b = ip("192.0.2.51");

	(void)state;
	assert_ptr_equal(home_by_mac(w->h, &NAS), m);
	assert_ptr_equal(home_by_mac(w->h, &OTHER), NULL);
	assert_ptr_equal(home_by_name(w->h, "nas"), m);
	assert_ptr_equal(home_by_name(w->h, "na"), NULL);
	assert_ptr_equal(home_by_address(w->h, 0, &a), m);
	assert_ptr_equal(home_by_address(w->h, 1, &a), NULL);
	assert_ptr_equal(home_by_address(w->h, 0, &b), NULL);
	assert_ptr_equal(home_by_id(w->h, machine_id(m)), m);
	assert_null(home_by_id(w->h, machine_id(m) + 1));
	assert_ptr_equal(home_next(w->h, NULL), m);
	assert_ptr_equal(home_next(w->h, m), NULL);
	world_free(w);
}

static void what_is_taken_is_told_with_by_whom(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_nas(w);
	const struct machine *other = NULL;
	struct spec s = world_spec("pc", &OTHER, "192.0.2.60", "");

	(void)state;
	assert_int_equal(home_check(w->h, &s, NULL, &other), 0);
	s = world_spec("nas", &OTHER, "192.0.2.60", "");
	assert_int_equal(home_check(w->h, &s, NULL, &other), -EEXIST);
	assert_ptr_equal(other, m);
	s = world_spec("pc", &NAS, "192.0.2.60", "");
	assert_int_equal(home_check(w->h, &s, NULL, NULL), -EEXIST);
	s = world_spec("pc", &OTHER, "192.0.2.60 " ADDRESS, "");
	assert_int_equal(home_check(w->h, &s, NULL, NULL), -EEXIST);
	assert_int_equal(home_check(w->h, &s, m, NULL), 0);
	world_free(w);
}

static void it_grows(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *first = NULL;
	size_t grown = 0;

	(void)state;
	for (int i = 0; i < 60; i++) {
		struct mac m = NAS;
		char name[16];
		char address[32];
		size_t n;

		m.b[5] = (uint8_t)i;
		snprintf(name, sizeof(name), "m%d", i);
		snprintf(address, sizeof(address), "192.0.2.%d", 100 + i);
		struct spec s = world_spec(name, &m, address, "");
		struct machine *added = world_add(w, &s, NULL);

		if (!first)
			first = added;
		n = home_wants_buckets(w->h);
		if (n > 0) {
			struct hash_node **a = calloc(n, sizeof(*a));
			struct hash_node **b = calloc(n, sizeof(*b));
			struct hash_node **old_a;
			struct hash_node **old_b;

			home_grow(w->h, a, b, n, &old_a, &old_b);
			assert_ptr_equal(old_a, w->memory[5]);
			assert_ptr_equal(old_b, w->memory[6]);
			free(old_a);
			free(old_b);
			w->memory[5] = a;
			w->memory[6] = b;
			assert_int_equal(home_wants_buckets(w->h), 0);
			grown++;
		}
	}
	assert_true(grown >= 2);
	assert_ptr_equal(home_by_name(w->h, "m0"), first);
	assert_ptr_equal(home_by_name(w->h, "m59"), w->machines[59]);
	assert_int_equal(home_count(w->h), 60);
	world_run(w, 5 * S);
	assert_int_equal(told(w, EVENT_ASLEEP), 60);
	world_free(w);
}

static void removing_releases(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS " " ADDRESS6, "tcp/22");

	(void)state;
	world_syn(w, FROM, 5000, ADDRESS, 22);
	home_remove(w->h, m, w->now);
	world_forget(w, m);
	assert_null(home_by_id(w->h, 1));
	assert_int_equal(did(w, EFFECT_RELEASE), 2);
	assert_int_equal(told(w, EVENT_REMOVED), 1);
	assert_int_equal(home_due(w->h), NEVER);
	world_asks(w, &CLIENT, FROM, ADDRESS);
	world_syn(w, FROM, 5000, ADDRESS, 22);
	assert_int_equal(did(w, EFFECT_ANSWER), 0);
	world_free(w);
}

static struct machine *replace(struct world *w, struct machine *m, const struct spec *s)
{
	struct machine *to = machine_place(malloc(machine_size(s)), s, machine_id(m));

	home_replace(w->h, m, to, w->now);
	w->machines[w->machines_n++] = to;
	world_forget(w, m);
	world_check_home(w->h, w->now);
	return to;
}

/* A machine that registers again and again must not push everything else out of the log, or wear out the disk. */
static void changing_is_limited_for_those_who_register(void **state)
{
	static const uint8_t origins[] = { SPEC_ADDED, SPEC_REGISTERED };
	size_t changes = 0;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world *w = world_new(NULL);
		struct spec s = world_spec("nas", &NAS, ADDRESS, "tcp/22");
		struct machine *m;

		s.origin = origins[i];
		m = world_add(w, &s, NULL);
		for (int k = 0; k < 50; k++)
			m = replace(w, m, &s);
		if (origins[i] == SPEC_ADDED)
			assert_int_equal(told(w, EVENT_UPDATED), 50);
		else
			assert_in_range(told(w, EVENT_UPDATED), 10, 30);
		/* What was used up stays so for the machine's next self. */
		for (int k = 0; k < 50; k++) {
			changes += home_may_change(w->h, m, w->now);
			m = replace(w, m, &s);
		}
		world_free(w);
	}
	assert_int_equal(changes, 20);
}

static void a_changed_description_keeps_the_state(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS " " ADDRESS6, "tcp/22");
	struct spec s = world_spec("box", &NAS, ADDRESS " 192.0.2.51", "tcp/80");

	(void)state;
	m = replace(w, m, &s);
	assert_int_equal(told(w, EVENT_UPDATED), 1);
	assert_int_equal(did(w, EFFECT_RELEASE), 1);
	assert_int_equal(done(w, EFFECT_RELEASE, 0)->e.addr.family, 6);
	assert_ptr_equal(home_by_name(w->h, "nas"), NULL);
	assert_ptr_equal(home_by_name(w->h, "box"), m);
	assert_ptr_equal(home_by_id(w->h, machine_id(m)), m);
	/* The old address is answered for without a gap. */
	world_asks(w, &CLIENT, FROM, ADDRESS);
	assert_int_equal(did(w, EFFECT_ANSWER), 1);
	/* The new one after it was looked for. */
	world_run(w, 1500 * MS);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	assert_int_equal(did(w, EFFECT_CLAIM), 1);
	world_syn(w, FROM, 5000, "192.0.2.51", 22);
	assert_int_equal(did(w, EFFECT_WAKE), 0);
	world_syn(w, FROM, 5000, "192.0.2.51", 80);
	assert_int_equal(did(w, EFFECT_WAKE), 1);
	/* In the middle of waking, too. */
	m = replace(w, m, &s);
	assert_int_equal(machine_state_of(m), MACHINE_WAKING);
	world_run(w, 1 * S);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(event(w, EVENT_AWAKE, 0)->by, BY_KNOCK);
	world_free(w);
}

static void another_nic_is_another_machine(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");
	struct spec s = world_spec("nas", &OTHER, ADDRESS, "tcp/22");

	(void)state;
	m = replace(w, m, &s);
	assert_int_equal(did(w, EFFECT_RELEASE), 1);
	assert_int_equal(machine_state_of(m), MACHINE_UNKNOWN);
	world_answers(w, &OTHER, ADDRESS);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	assert_ptr_equal(home_by_mac(w->h, &NAS), NULL);
	world_free(w);
}

static void an_interface_that_goes_away_takes_its_claims_along(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");
	struct home_interface gone = { .present = false };

	(void)state;
	home_interface_set(w->h, 0, &gone, w->now);
	home_move(w->h, m, HOME_NO_INTERFACE, w->now);
	assert_int_equal(did(w, EFFECT_RELEASE), 1);
	world_run(w, 100 * S);
	assert_int_equal(home_wake(w->h, m, BY_REQUEST, w->now), WAKE_UNREACHABLE);
	world_mark(w);
	/* It comes back under another number. */
	home_interface_set(w->h, 3, &w->link, w->now);
	home_move(w->h, m, 3, w->now);
	world_run(w, 5 * S);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	assert_int_equal(did(w, EFFECT_CLAIM), 1);
	assert_int_equal(done(w, EFFECT_CLAIM, 0)->e.interface, 3);
	world_free(w);
}

static void other_interfaces_frames_are_not_its_own(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");
	struct home_interface vlan = w->link;
	struct heard x = { .interface = 1, .mac = NAS, .said = NAS, .must = true };
	struct packet p = world_packet(KNOCK_TCP, FROM, 5000, ADDRESS, 22);

	(void)state;
	vlan.claim = mac("0a:72:6f:00:00:99");
	home_interface_set(w->h, 1, &vlan, w->now);
	home_heard(w->h, &x, w->now);
	p.interface = 1;
	home_packet(w->h, &p, w->now);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	assert_int_equal(did(w, EFFECT_WAKE), 0);
	world_free(w);
}

static void a_new_virtual_mac_is_announced(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_sleeping(w, ADDRESS, "tcp/22");
	w->link.claim = mac("0a:72:6f:00:00:99");
	home_interface_set(w->h, 0, &w->link, w->now);
	world_run(w, 5 * S);
	assert_int_equal(did(w, EFFECT_ANNOUNCE), 3);
	world_free(w);
}

static void observing_can_be_turned_on_and_off(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

	(void)state;
	w->set.observe = true;
	home_configure(w->h, &w->set, w->now);
	assert_int_equal(did(w, EFFECT_RELEASE), 1);
	world_check_home(w->h, w->now);
	world_mark(w);
	world_run(w, 100 * S);
	world_asks(w, &CLIENT, FROM, ADDRESS);
	assert_int_equal(did(w, EFFECT_ANSWER) + did(w, EFFECT_SOLICIT), 0);
	w->set.observe = false;
	home_configure(w->h, &w->set, w->now);
	world_run(w, 5 * S);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	assert_int_equal(did(w, EFFECT_CLAIM), 1);
	world_free(w);
}

static void a_changed_watch_acts_at_once(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_nas(w);

	(void)state;
	w->set.watch = 0;
	home_configure(w->h, &w->set, w->now);
	world_answers(w, &NAS, ADDRESS);
	world_run(w, 100 * S);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	w->set.watch = 10 * S;
	home_configure(w->h, &w->set, w->now);
	world_run(w, 20 * S);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	world_free(w);
}

static void a_clock_that_jumps_back_hurts_nobody(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");
	struct moment jumped = { .us = 1, .wall_ms = 1 };

	(void)state;
	home_tick(w->h, jumped);
	home_wake(w->h, m, BY_REQUEST, jumped);
	w->now.wall_ms = 4;
	world_run(w, 100 * S);
	assert_int_equal(told(w, EVENT_NO_SIGN_OF_LIFE), 1);
	world_free(w);
}

static void a_flapping_machine_does_not_flood_the_log(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_nas(w);
	size_t events = 0;

	(void)state;
	for (int i = 0; i < 600; i++) {
		world_answers(w, &NAS, ADDRESS);
		home_goodbye(w->h, m, w->now);
		world_run(w, 1 * S);
		events += did(w, EFFECT_EVENT);
		w->n = 0;
		world_mark(w);
	}
	assert_true(events <= 30 + 600 / 2 + 100);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	world_free(w);
}

static void one_call_does_bounded_work(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	for (int i = 0; i < 64; i++) {
		struct mac m = NAS;
		char name[16];
		char address[32];

		m.b[5] = (uint8_t)i;
		snprintf(name, sizeof(name), "m%d", i);
		snprintf(address, sizeof(address), "192.0.2.%d", 100 + i);
		struct spec s = world_spec(name, &m, address, "");

		world_add(w, &s, NULL);
	}
	world_mark(w);
	home_tick(w->h, w->now);
	assert_int_equal(did(w, EFFECT_SOLICIT), HOME_TICK_BATCH);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_description_comes_back_as_it_was),
		cmocka_unit_test(machines_are_found),
		cmocka_unit_test(what_is_taken_is_told_with_by_whom),
		cmocka_unit_test(it_grows),
		cmocka_unit_test(removing_releases),
		cmocka_unit_test(changing_is_limited_for_those_who_register),
		cmocka_unit_test(a_changed_description_keeps_the_state),
		cmocka_unit_test(another_nic_is_another_machine),
		cmocka_unit_test(an_interface_that_goes_away_takes_its_claims_along),
		cmocka_unit_test(other_interfaces_frames_are_not_its_own),
		cmocka_unit_test(a_new_virtual_mac_is_announced),
		cmocka_unit_test(observing_can_be_turned_on_and_off),
		cmocka_unit_test(a_changed_watch_acts_at_once),
		cmocka_unit_test(a_clock_that_jumps_back_hurts_nobody),
		cmocka_unit_test(a_flapping_machine_does_not_flood_the_log),
		cmocka_unit_test(one_call_does_bounded_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
