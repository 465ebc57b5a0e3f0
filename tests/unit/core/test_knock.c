/* knock: is this packet a reason to wake? One test a sentence. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ADDRESS "192.0.2.50"
#define ADDRESS6 "2001:db8::50"
#define FROM "192.0.2.10"

/* Whether such a packet wakes a machine with these rules. */
static bool wakes(const char *rules, enum knock_kind kind, uint16_t port, uint32_t data)
{
	struct world *w = world_new(NULL);
	struct packet p = world_packet(kind, FROM, 5000, ADDRESS, port);
	bool woken;

	world_sleeping(w, ADDRESS, rules);
	p.payload_length = data;
	world_sends(w, &p);
	woken = did(w, EFFECT_WAKE) == 1;
	assert_int_equal(told(w, EVENT_KNOCK), woken);
	world_free(w);
	return woken;
}

static void rules_say_what_wakes(void **state)
{
	(void)state;
	assert_true(wakes("tcp/22", KNOCK_TCP, 22, 0));
	assert_false(wakes("tcp/22", KNOCK_TCP, 23, 0));
	assert_false(wakes("tcp/22", KNOCK_UDP, 22, 10));
	assert_true(wakes("udp/9987", KNOCK_UDP, 9987, 10));
	assert_false(wakes("udp/9987", KNOCK_TCP, 9987, 0));
	assert_true(wakes("tcp/8000-8010", KNOCK_TCP, 8000, 0));
	assert_true(wakes("tcp/8000-8010", KNOCK_TCP, 8010, 0));
	assert_false(wakes("tcp/8000-8010", KNOCK_TCP, 8011, 0));
	assert_true(wakes("any", KNOCK_TCP, 1, 0));
	assert_true(wakes("any", KNOCK_UDP, 65535, 1));
	assert_false(wakes("any", KNOCK_ECHO, 0, 1));
	assert_true(wakes("echo", KNOCK_ECHO, 0, 1));
	assert_false(wakes("echo", KNOCK_TCP, 22, 0));
	assert_true(wakes("tcp", KNOCK_TCP, 4711, 0));
	/* No rules: any TCP port, and nothing else. */
	assert_true(wakes("", KNOCK_TCP, 4711, 0));
	assert_false(wakes("", KNOCK_UDP, 4711, 1));
	assert_false(wakes("", KNOCK_ECHO, 0, 1));
	assert_false(wakes("", KNOCK_NONE, 22, 100));
}

static void a_keystroke_wakes_a_keep_alive_does_not(void **state)
{
	(void)state;
	assert_true(wakes("tcp/22+data", KNOCK_TCP_DATA, 22, 2));
	assert_false(wakes("tcp/22+data", KNOCK_TCP_DATA, 22, 1));
	assert_false(wakes("tcp/22+data", KNOCK_TCP_DATA, 22, 0));
	assert_false(wakes("tcp/22+data", KNOCK_TCP_DATA, 23, 200));
	assert_true(wakes("tcp/22+data", KNOCK_TCP, 22, 0));
	assert_false(wakes("tcp/22", KNOCK_TCP_DATA, 22, 200));
	assert_false(wakes("", KNOCK_TCP_DATA, 22, 200));
}

static void a_rule_can_be_for_one_address(void **state)
{
	struct world *w = world_new(NULL);
	struct spec s = world_spec("nas", &NAS, ADDRESS " " ADDRESS6, "tcp/22");

	(void)state;
	s.rules[0].address = 1;
	world_add(w, &s, NULL);
	world_run(w, 5 * S);
	world_mark(w);
	world_syn(w, FROM, 5000, ADDRESS, 22);
	assert_int_equal(did(w, EFFECT_WAKE), 0);
	world_syn(w, "2001:db8::10", 5000, ADDRESS6, 22);
	assert_int_equal(did(w, EFFECT_WAKE), 1);
	world_free(w);
}

static void sources_can_be_required_or_ignored(void **state)
{
	struct world *w = world_new(NULL);
	struct spec s = world_spec("nas", &NAS, ADDRESS, "tcp/22");

	(void)state;
	s.from_n = 2;
	assert_int_equal(source_parse("192.0.2.0/28", &s.from[0]), 0);
	assert_int_equal(source_parse("02:00:00:00:00:77", &s.from[1]), 0);
	s.ignore_n = 1;
	assert_int_equal(source_parse("192.0.2.7", &s.ignore[0]), 0);
	world_add(w, &s, NULL);
	world_run(w, 5 * S);
	world_mark(w);
	world_syn(w, "192.0.2.99", 5000, ADDRESS, 22);
	world_syn(w, "192.0.2.7", 5000, ADDRESS, 22);
	assert_int_equal(did(w, EFFECT_WAKE), 0);
	struct packet p = world_packet(KNOCK_TCP, "192.0.2.99", 5000, ADDRESS, 22);

	p.src_mac = mac("02:00:00:00:00:77");
	world_sends(w, &p);
	assert_int_equal(did(w, EFFECT_WAKE), 1);
	world_free(w);
	/* Who is ignored is no scanner, whatever it touches. */
	w = world_new(NULL);
	s.from_n = 0;
	world_add(w, &s, NULL);
	world_run(w, 5 * S);
	for (uint16_t port = 1; port < 30; port++)
		world_syn(w, "192.0.2.7", 5000, ADDRESS, port);
	assert_int_equal(told(w, EVENT_SCANNER), 0);
	world_free(w);
}

static void the_machine_and_the_guard_do_not_knock(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "");
	struct packet p = world_packet(KNOCK_TCP, ADDRESS, 5000, ADDRESS, 22);

	(void)state;
	p.src_mac = OWN;
	world_sends(w, &p);
	p.src_mac = VIRTUAL;
	world_sends(w, &p);
	p.src_mac = MAC_BROADCAST;
	world_sends(w, &p);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	p.src_mac = NAS;
	world_sends(w, &p);
	assert_int_equal(did(w, EFFECT_WAKE), 0);
	assert_int_equal(machine_state_of(m), MACHINE_WAKING); /* but it lives */
	world_free(w);
}

static void a_knock_of_the_guards_own_host_counts(void **state)
{
	struct world *w = world_new(NULL);
	struct packet p = world_packet(KNOCK_TCP, "192.0.2.20", 5000, ADDRESS, 22);

	(void)state;
	world_sleeping(w, ADDRESS, "tcp/22");
	p.local = true;
	p.src_mac = OWN;
	world_sends(w, &p);
	assert_int_equal(did(w, EFFECT_WAKE), 1);
	assert_true(event(w, EVENT_KNOCK, 0)->local);
	world_run(w, 2 * S);
	world_talks(w, &NAS);
	/* Its neighbour entry is kept at the virtual MAC while it waits, and is the machine's after that. */
	assert_true(did(w, EFFECT_LOCAL) >= 1);
	assert_int_equal(did(w, EFFECT_REPOINT), 0);
	assert_true(mac_is_zero(&done(w, EFFECT_LOCAL, 0)->e.mac));
	world_answers(w, &NAS, ADDRESS);
	world_mark(w);
	world_port(w, ADDRESS, 22, true);
	assert_int_equal(did(w, EFFECT_SEND), 1);
	assert_int_equal(did(w, EFFECT_LOCAL), 1);
	assert_true(mac_equal(&done(w, EFFECT_LOCAL, 0)->e.mac, &NAS));
	world_free(w);
}

static void what_cannot_be_held_still_knocks(void **state)
{
	struct world *w = world_new(NULL);
	struct packet p = world_packet(KNOCK_TCP, FROM, 5000, ADDRESS, 22);

	(void)state;
	world_sleeping(w, ADDRESS, "tcp/22");
	p.dropped = true;
	world_sends(w, &p);
	assert_int_equal(did(w, EFFECT_WAKE), 1);
	world_run(w, 1 * S);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(did(w, EFFECT_SEND), 0);
	assert_int_equal(did(w, EFFECT_RELEASE), 1); /* nobody waits */
	world_free(w);
}

static void a_scanner_wakes_nothing_for_a_while(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_sleeping(w, ADDRESS, "tcp/22");
	for (uint16_t port = 1; port <= 20; port++)
		world_syn(w, FROM, 5000, ADDRESS, port);
	assert_int_equal(told(w, EVENT_SCANNER), 1);
	assert_true(addr_equal(&event(w, EVENT_SCANNER, 0)->from,
			       &(struct addr){ 4, { 192, 0, 2, 10 } }));
	world_syn(w, FROM, 5000, ADDRESS, 22);
	world_run(w, 30 * S);
	world_syn(w, FROM, 5000, ADDRESS, 22);
	assert_int_equal(did(w, EFFECT_WAKE), 0);
	/* It goes on: its minute begins anew. */
	world_syn(w, FROM, 5000, ADDRESS, 99);
	world_run(w, 40 * S);
	world_syn(w, FROM, 5000, ADDRESS, 22);
	assert_int_equal(did(w, EFFECT_WAKE), 0);
	assert_int_equal(told(w, EVENT_SCANNER), 1);
	world_run(w, 21 * S);
	world_syn(w, FROM, 5000, ADDRESS, 22);
	assert_int_equal(did(w, EFFECT_WAKE), 1);
	world_free(w);
}

static void five_in_ten_seconds_are_no_scan(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_sleeping(w, ADDRESS, "tcp/22");
	for (int i = 0; i < 40; i++) {
		for (uint16_t port = 1; port <= 5; port++)
			world_syn(w, FROM, 5000, ADDRESS, port); /* the same again is nothing new */
	}
	world_run(w, 10 * S);
	for (uint16_t port = 101; port <= 105; port++)
		world_syn(w, FROM, 5000, ADDRESS, port);
	assert_int_equal(told(w, EVENT_SCANNER), 0);
	world_syn(w, FROM, 5000, ADDRESS, 22);
	assert_int_equal(did(w, EFFECT_WAKE), 1);
	/* Others are not concerned. */
	world_free(w);
}

static void no_scan_limit(struct home_settings *s)
{
	s->scan_limit = 0;
}

static void the_scan_limit_can_be_off(void **state)
{
	struct world *w = world_new(no_scan_limit);

	(void)state;
	world_sleeping(w, ADDRESS, "tcp/22");
	for (uint16_t port = 1; port < 1000; port++)
		world_syn(w, FROM, 5000, ADDRESS, port);
	assert_int_equal(told(w, EVENT_SCANNER), 0);
	assert_int_equal(did(w, EFFECT_WAKE), 1);
	world_free(w);
}

static void machines(struct world *w, int n)
{
	for (int i = 0; i < n; i++) {
		struct mac m = NAS;
		char name[16];
		char address[32];

		m.b[5] = (uint8_t)i;
		snprintf(name, sizeof(name), "m%d", i);
		snprintf(address, sizeof(address), "192.0.2.%d", 100 + i);
		struct spec s = world_spec(name, &m, address, "tcp/22");

		world_add(w, &s, NULL);
	}
	world_run(w, 5 * S);
	world_mark(w);
}

static void knock_at(struct world *w, const char *from, int i)
{
	char address[32];

	snprintf(address, sizeof(address), "192.0.2.%d", 100 + i);
	world_syn(w, from, 5000, address, 22);
}

static void one_source_wakes_ten_machines_a_minute(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	machines(w, 14);
	for (int i = 0; i < 13; i++)
		knock_at(w, FROM, i);
	assert_int_equal(did(w, EFFECT_WAKE), 10);
	assert_int_equal(told(w, EVENT_WAKE_LIMIT), 1);
	/* Those it woke it may wake again, if they fall asleep meanwhile. */
	world_answers(w, machine_mac(home_next(w->h, NULL)), "192.0.2.100");
	world_port(w, "192.0.2.100", 22, true);
	home_goodbye(w->h, home_next(w->h, NULL), w->now);
	world_run(w, 2 * S);
	world_mark(w);
	knock_at(w, FROM, 0);
	assert_int_equal(told(w, EVENT_KNOCK), 1);
	w->mark = 0;
	world_run(w, 1 * S);
	assert_int_equal(did(w, EFFECT_WAKE), 11);
	/* Another one may; and so may this one, later. */
	knock_at(w, "192.0.2.11", 12);
	assert_int_equal(told(w, EVENT_KNOCK), 12);
	world_run(w, 20 * S);
	knock_at(w, FROM, 13);
	assert_int_equal(told(w, EVENT_KNOCK), 12);
	world_run(w, 41 * S);
	world_mark(w);
	knock_at(w, FROM, 13);
	assert_int_equal(told(w, EVENT_KNOCK), 1);
	world_free(w);
}

static void ten_thousand_sources_are_survived(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	machines(w, 3);
	for (uint32_t i = 0; i < 10000; i++) {
		char from[32];

		snprintf(from, sizeof(from), "198.51.%u.%u", i >> 8, i & 0xff);
		world_syn(w, from, 5000, "192.0.2.100", 22);
		world_syn(w, from, 5000, "192.0.2.101", (uint16_t)(i % 60000 + 1));
		world_run(w, 100);
	}
	assert_int_equal(told(w, EVENT_KNOCK), 2); /* .101: when i + 1 was 22 */
	/* A known client still gets through. */
	world_run(w, 3 * S);
	world_syn(w, FROM, 5000, "192.0.2.102", 22);
	assert_int_equal(told(w, EVENT_KNOCK), 3);
	world_free(w);
}

static void a_flood_of_scanners_does_not_flood_the_log(void **state)
{
	struct world *w = world_new(NULL);
	size_t named;

	(void)state;
	world_sleeping(w, ADDRESS, "tcp/22");
	for (uint32_t i = 0; i < 1000; i++) {
		char from[32];

		snprintf(from, sizeof(from), "198.51.%u.%u", i >> 8, i & 0xff);
		for (uint16_t port = 1; port <= 6; port++)
			world_syn(w, from, 5000, ADDRESS, port);
	}
	named = told(w, EVENT_SCANNER);
	assert_true(named >= 10 && named <= 30);
	world_run(w, 20 * S);
	assert_int_equal(told(w, EVENT_LEFT_OUT), 1);
	assert_int_equal(event(w, EVENT_LEFT_OUT, 0)->replayed, 1000 - named);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_say_what_wakes),
		cmocka_unit_test(a_keystroke_wakes_a_keep_alive_does_not),
		cmocka_unit_test(a_rule_can_be_for_one_address),
		cmocka_unit_test(sources_can_be_required_or_ignored),
		cmocka_unit_test(the_machine_and_the_guard_do_not_knock),
		cmocka_unit_test(a_knock_of_the_guards_own_host_counts),
		cmocka_unit_test(what_cannot_be_held_still_knocks),
		cmocka_unit_test(a_scanner_wakes_nothing_for_a_while),
		cmocka_unit_test(five_in_ten_seconds_are_no_scan),
		cmocka_unit_test(the_scan_limit_can_be_off),
		cmocka_unit_test(one_source_wakes_ten_machines_a_minute),
		cmocka_unit_test(ten_thousand_sources_are_survived),
		cmocka_unit_test(a_flood_of_scanners_does_not_flood_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
