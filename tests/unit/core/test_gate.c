/* hold and gate: packets of clients, kept until their machine can take them. One test a sentence. */
#include "world.h"

#include "core/hold.h"
#include "core/limits.h"
#include "core/machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ADDRESS "192.0.2.50"
#define ADDRESS6 "2001:db8::50"
#define FROM "192.0.2.10"

static void woken(struct world *w, const char *rules)
{
	world_sleeping(w, ADDRESS, rules);
	world_syn(w, FROM, 5000, ADDRESS, 22);
}

static void the_newest_syn_of_a_flow_is_replayed(void **state)
{
	struct world *w = world_new(NULL);
	struct packet p = world_packet(KNOCK_TCP, FROM, 5000, ADDRESS, 22);
	uint8_t bytes[60] = { 0 };

	(void)state;
	world_sleeping(w, ADDRESS, "tcp/22");
	p.bytes = bytes;
	for (uint8_t i = 1; i <= 5; i++) {
		bytes[0] = i;
		world_sends(w, &p);
		world_run(w, 1 * S);
	}
	world_answers(w, &NAS, ADDRESS);
	world_port(w, ADDRESS, 22, true);
	assert_int_equal(did(w, EFFECT_SEND), 1);
	assert_int_equal(done(w, EFFECT_SEND, 0)->sent, 5);
	assert_true(mac_equal(&done(w, EFFECT_SEND, 0)->e.mac, &NAS));
	world_free(w);
}

/* A frame can be lost; the client's own next one may be a minute away. */
static void a_replay_is_sent_again_twice(void **state)
{
	struct world *w = world_new(NULL);
	struct packet p = world_packet(KNOCK_TCP, FROM, 5000, ADDRESS, 22);
	uint8_t bytes[60] = { 7 };
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");
	uint64_t first;

	(void)state;
	p.bytes = bytes;
	world_sends(w, &p);
	world_run(w, 5 * S);
	world_answers(w, &NAS, ADDRESS);
	world_port(w, ADDRESS, 22, true);
	first = w->now.us;
	assert_int_equal(m->held, 0);
	assert_int_equal(did(w, EFFECT_RELEASE), 1);
	world_run(w, 10 * S);
	assert_int_equal(did(w, EFFECT_SEND), 3);
	assert_int_equal(done_at(w, EFFECT_SEND, 1) - first, 200 * MS);
	assert_int_equal(done_at(w, EFFECT_SEND, 2) - first, 1 * S);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(done(w, EFFECT_SEND, i)->sent, 7);
		assert_true(mac_equal(&done(w, EFFECT_SEND, i)->e.mac, &NAS));
	}
	/* It is counted and told once. */
	assert_int_equal(told(w, EVENT_READY), 1);
	assert_int_equal(event(w, EVENT_READY, 0)->replayed, 1);
	world_free(w);
}

static void a_replay_is_not_sent_again_to_whom_is_served(void **state)
{
	struct world *w = world_new(NULL);
	struct packet ack = world_packet(KNOCK_NONE, FROM, 5000, ADDRESS, 22);

	(void)state;
	woken(w, "tcp/22");
	world_syn(w, FROM, 5001, ADDRESS, 22);
	world_run(w, 5 * S);
	world_answers(w, &NAS, ADDRESS);
	world_port(w, ADDRESS, 22, true);
	assert_int_equal(did(w, EFFECT_SEND), 2);
	/* The one client still has the virtual MAC: its acknowledgement comes by here. */
	world_sends(w, &ack);
	assert_int_equal(did(w, EFFECT_SEND), 3);
	world_run(w, 5 * S);
	assert_int_equal(did(w, EFFECT_SEND), 5);
	world_free(w);
}

static void nothing_is_sent_again_to_a_machine_that_sleeps_or_is_gone(void **state)
{
	for (int gone = 0; gone < 2; gone++) {
		struct world *w = world_new(NULL);
		struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

		(void)state;
		world_syn(w, FROM, 5000, ADDRESS, 22);
		world_run(w, 5 * S);
		world_answers(w, &NAS, ADDRESS);
		world_port(w, ADDRESS, 22, true);
		if (gone) {
			home_remove(w->h, m, w->now);
			world_forget(w, m);
		} else {
			w->link.up = false;
			home_interface_set(w->h, 0, &w->link, w->now);
			w->link.up = true;
			home_interface_set(w->h, 0, &w->link, w->now);
		}
		world_run(w, 5 * S);
		assert_int_equal(did(w, EFFECT_SEND), 1);
		world_free(w);
	}
}

static void a_reset_keeps_the_gate_closed_until_hold_ends(void **state)
{
	struct world *w = world_new(NULL);
	uint64_t answered;

	(void)state;
	woken(w, "tcp/22");
	world_run(w, 5 * S);
	world_answers(w, &NAS, ADDRESS);
	answered = w->now.us;
	world_mark(w);
	for (int i = 0; i < 940; i++) {
		world_port(w, ADDRESS, 22, false);
		if (i % 10 == 0)
			world_syn(w, FROM, 5000, ADDRESS, 22);
		world_answers(w, &NAS, ADDRESS);
		world_run(w, 100 * MS);
	}
	assert_int_equal(told(w, EVENT_GATE_OVER), 1);
	assert_true(told_at(w, EVENT_GATE_OVER, 0) - answered >= 90 * S);
	assert_true(told_at(w, EVENT_GATE_OVER, 0) - answered <= 91 * S);
	assert_int_equal(told(w, EVENT_READY), 0);
	assert_int_equal(did(w, EFFECT_RELEASE), 1);
	assert_int_equal(done_at(w, EFFECT_RELEASE, 0), told_at(w, EVENT_GATE_OVER, 0));
	/* What comes for it later goes straight on: it shall see the machine as it is. */
	assert_true(done_at(w, EFFECT_SEND, 0) >= done_at(w, EFFECT_RELEASE, 0));
	world_free(w);
}

static void the_port_is_asked_every_50_ms(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	woken(w, "tcp/22");
	world_run(w, 5 * S);
	assert_int_equal(did(w, EFFECT_PROBE_PORT), 0);
	world_mark(w);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(done_at(w, EFFECT_PROBE_PORT, 0), w->now.us); /* at once */
	world_port(w, ADDRESS, 22, false);
	world_run(w, 1 * S);
	assert_int_equal(did(w, EFFECT_PROBE_PORT), 21);
	assert_int_equal(done(w, EFFECT_PROBE_PORT, 0)->e.port, 22);
	world_free(w);
}

static void silence_of_the_port_for_3_s_opens(void **state)
{
	struct world *w = world_new(NULL);
	uint64_t answered;

	(void)state;
	woken(w, "tcp/22");
	world_run(w, 5 * S);
	world_answers(w, &NAS, ADDRESS);
	answered = w->now.us;
	for (int i = 0; i < 40; i++) {
		world_run(w, 100 * MS);
		world_answers(w, &NAS, ADDRESS); /* it is there, its firewall drops the probes */
	}
	assert_true(did(w, EFFECT_SEND) >= 1);
	assert_int_equal(done_at(w, EFFECT_SEND, 0) - answered, 3 * S);
	assert_int_equal(did(w, EFFECT_RELEASE), 1);
	world_free(w);
}

static void holding_clients_are_pointed_again(void **state)
{
	struct world *w = world_new(NULL);
	size_t before;

	(void)state;
	woken(w, "tcp/22");
	world_syn(w, FROM, 5001, ADDRESS, 22); /* a second connection: one frame a client */
	world_run(w, 3 * S);
	assert_int_equal(did(w, EFFECT_REPOINT), 0); /* nothing of the machine was heard yet */
	world_asks(w, &NAS, ADDRESS, "192.0.2.1"); /* who has the gateway: everybody hears that */
	assert_int_equal(did(w, EFFECT_REPOINT), 1);
	assert_true(mac_equal(&done(w, EFFECT_REPOINT, 0)->e.peer_mac, &CLIENT));
	assert_true(mac_is_zero(&done(w, EFFECT_REPOINT, 0)->e.mac));
	before = did(w, EFFECT_REPOINT);
	world_run(w, 10 * MS);
	assert_int_equal(did(w, EFFECT_REPOINT), before + 1);
	world_run(w, 1 * S);
	assert_int_equal(did(w, EFFECT_REPOINT), before + 5);
	/* A machine that talks all the time does not make a flood. */
	world_mark(w);
	for (int i = 0; i < 10000; i++) {
		world_asks(w, &NAS, ADDRESS, "192.0.2.1");
		world_run(w, 100);
	}
	assert_true(did(w, EFFECT_REPOINT) <= 501);
	world_answers(w, &NAS, ADDRESS);
	world_port(w, ADDRESS, 22, true);
	world_mark(w);
	world_asks(w, &NAS, ADDRESS, "192.0.2.1");
	world_run(w, 2 * S);
	assert_int_equal(did(w, EFFECT_REPOINT), 0);
	world_free(w);
}

static void datagrams_and_echo_wait_for_no_gate(void **state)
{
	struct world *w = world_new(NULL);
	struct packet udp = world_packet(KNOCK_UDP, FROM, 5000, ADDRESS, 9987);
	struct packet echo = world_packet(KNOCK_ECHO, FROM, 0, ADDRESS, 0);

	(void)state;
	world_sleeping(w, ADDRESS, "tcp/22 udp/9987 echo");
	world_sends(w, &udp);
	world_sends(w, &echo);
	world_syn(w, FROM, 5000, ADDRESS, 22);
	world_run(w, 5 * S);
	assert_int_equal(did(w, EFFECT_SEND), 0);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(did(w, EFFECT_SEND), 2);
	assert_int_equal(event(w, EVENT_REPLAYED, 0)->replayed, 2);
	assert_int_equal(did(w, EFFECT_RELEASE), 0); /* the connection still waits */
	/* Further ones go on at once. */
	world_sends(w, &udp);
	assert_int_equal(did(w, EFFECT_SEND), 3);
	world_free(w);
}

static void what_is_not_for_a_closed_gate_is_forwarded(void **state)
{
	struct world *w = world_new(NULL);
	struct packet ack = world_packet(KNOCK_NONE, FROM, 5000, ADDRESS, 22);
	struct packet data = world_packet(KNOCK_TCP_DATA, FROM, 4999, ADDRESS, 22);

	(void)state;
	woken(w, "tcp/22");
	world_sends(w, &ack);
	world_sends(w, &data);
	assert_int_equal(did(w, EFFECT_SEND), 0); /* it is not there yet */
	world_run(w, 5 * S);
	world_answers(w, &NAS, ADDRESS);
	world_sends(w, &ack);
	world_sends(w, &data);
	world_syn(w, FROM, 5000, ADDRESS, 80);
	assert_int_equal(did(w, EFFECT_SEND), 3);
	world_syn(w, FROM, 5000, ADDRESS, 22);
	assert_int_equal(did(w, EFFECT_SEND), 3);
	world_port(w, ADDRESS, 22, true);
	assert_int_equal(did(w, EFFECT_SEND), 4);
	/* Also after the hand-back, for neighbours that did not hear of it. */
	world_sends(w, &ack);
	world_syn(w, FROM, 6000, ADDRESS, 22);
	assert_int_equal(did(w, EFFECT_SEND), 6);
	world_free(w);
}

static void each_port_has_its_own_gate(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	woken(w, "tcp/22 tcp/445 tcp/80");
	world_syn(w, "192.0.2.11", 6000, ADDRESS, 445);
	world_run(w, 5 * S);
	world_answers(w, &NAS, ADDRESS);
	world_port(w, ADDRESS, 445, true);
	assert_int_equal(did(w, EFFECT_SEND), 1);
	assert_int_equal(event(w, EVENT_READY, 0)->to_port, 445);
	assert_int_equal(did(w, EFFECT_RELEASE), 0);
	/* A connection to the open one passes; one to a third service that may not listen yet waits. */
	world_syn(w, "192.0.2.11", 6001, ADDRESS, 445);
	assert_int_equal(did(w, EFFECT_SEND), 2);
	world_syn(w, "192.0.2.11", 6002, ADDRESS, 80);
	assert_int_equal(did(w, EFFECT_SEND), 2);
	world_port(w, ADDRESS, 22, true);
	assert_int_equal(did(w, EFFECT_RELEASE), 0);
	world_port(w, ADDRESS, 80, true);
	assert_int_equal(did(w, EFFECT_SEND), 4);
	assert_int_equal(did(w, EFFECT_RELEASE), 1);
	world_free(w);
}

/* A reload, or a registration, while it boots: its address may have another place then. */
static void a_new_description_drops_nothing_that_is_held(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *from = world_sleeping(w, ADDRESS6 " " ADDRESS, "tcp/22 udp/9987");
	struct spec s = world_spec("nas", &NAS, ADDRESS " 192.0.2.51", "tcp/22 udp/9987 tcp/80");
	struct packet udp = world_packet(KNOCK_UDP, FROM, 5000, ADDRESS, 9987);
	struct machine *to = NULL;
	void *memory = malloc(machine_size(&s));

	(void)state;
	world_sends(w, &udp);
	world_syn(w, FROM, 5001, ADDRESS, 22);
	world_syn(w, "2001:db8::10", 5002, ADDRESS6, 22); /* it has no such address any more */
	world_run(w, 1 * S);
	assert_non_null(memory);
	to = machine_place(memory, &s, machine_id(from));
	home_replace(w->h, from, to, w->now);
	assert_int_equal(from->held, 0);
	assert_int_equal(to->held, 2);
	w->machines[0] = to;
	free(from);
	world_run(w, 4 * S);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(did(w, EFFECT_SEND), 1);
	assert_int_equal(event(w, EVENT_REPLAYED, 0)->replayed, 1);
	world_port(w, ADDRESS, 22, true);
	assert_int_equal(did(w, EFFECT_SEND), 2);
	assert_int_equal(event(w, EVENT_READY, 0)->replayed, 1);
	world_run(w, 100 * S);
	assert_int_equal(to->held, 0);
	world_free(w);
}

static void held_packets_end_after_hold(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m;

	(void)state;
	woken(w, "tcp/22");
	m = home_next(w->h, NULL);
	assert_int_equal(m->held, 1);
	world_run(w, 89 * S);
	assert_int_equal(m->held, 1);
	world_run(w, 2 * S);
	assert_int_equal(m->held, 0);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(did(w, EFFECT_SEND), 0);
	assert_int_equal(did(w, EFFECT_RELEASE), 1);
	world_free(w);
}

static void holding_is_bounded(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m;

	(void)state;
	woken(w, "any");
	m = home_next(w->h, NULL);
	/* By source … */
	for (uint16_t i = 0; i < 100; i++)
		world_syn(w, FROM, (uint16_t)(7000 + i), ADDRESS, 22);
	assert_int_equal(m->held, HOLD_PER_SOURCE);
	/* … by flow of datagrams … */
	for (uint16_t i = 0; i < 100; i++) {
		struct packet p = world_packet(KNOCK_UDP, "192.0.2.11", 5000, ADDRESS, 53);

		world_sends(w, &p);
	}
	assert_int_equal(m->held, HOLD_PER_SOURCE + HOLD_PER_FLOW);
	/* … and by machine. */
	for (uint16_t i = 0; i < 100; i++) {
		char from[32];

		snprintf(from, sizeof(from), "198.51.100.%u", i);
		world_syn(w, from, 5000, ADDRESS, 22);
	}
	assert_int_equal(m->held, HOLD_PER_MACHINE);
	/* Who could not be held is let through as soon as the port answers. */
	world_answers(w, &NAS, ADDRESS);
	world_port(w, ADDRESS, 22, true);
	assert_int_equal(did(w, EFFECT_SEND), HOLD_PER_MACHINE);
	assert_int_equal(m->held, 0);
	world_free(w);
}

static void what_was_given_back_can_be_held_again(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_sleeping(w, ADDRESS, "tcp/22");

	(void)state;
	for (uint16_t i = 0; i < 3 * HOLD_PER_SOURCE; i++) {
		world_syn(w, FROM, (uint16_t)(5000 + i), ADDRESS, 22);
		assert_int_equal(m->held, 1);
		world_run(w, 1 * S);
		world_answers(w, &NAS, ADDRESS);
		world_port(w, ADDRESS, 22, true);
		assert_int_equal(m->held, 0);
		home_goodbye(w->h, m, w->now);
		world_run(w, 2 * S);
	}
	world_free(w);
}

static void too_large_is_not_held(void **state)
{
	struct world *w = world_new(NULL);
	struct packet p = world_packet(KNOCK_UDP, FROM, 5000, ADDRESS, 53);
	static uint8_t bytes[HOLD_PACKET_MAX + 1];
	struct machine *m = world_sleeping(w, ADDRESS, "any");

	(void)state;
	p.bytes = bytes;
	p.length = sizeof(bytes);
	world_sends(w, &p);
	assert_int_equal(did(w, EFFECT_WAKE), 1);
	assert_int_equal(m->held, 0);
	p.length = HOLD_PACKET_MAX;
	world_sends(w, &p);
	assert_int_equal(m->held, 1);
	world_free(w);
}

static void each_address_has_its_own_gates(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_sleeping(w, ADDRESS " " ADDRESS6, "tcp/22");
	world_syn(w, FROM, 5000, ADDRESS, 22);
	world_syn(w, "2001:db8::10", 5000, ADDRESS6, 22);
	world_run(w, 3 * S);
	world_answers(w, &NAS, ADDRESS);
	world_port(w, ADDRESS, 22, true);
	assert_int_equal(did(w, EFFECT_SEND), 1);
	assert_int_equal(done(w, EFFECT_SEND, 0)->e.addr.family, 4);
	assert_int_equal(did(w, EFFECT_RELEASE), 1);
	/* An answer for an address that did not answer yet opens nothing. */
	world_port(w, ADDRESS6, 22, true);
	assert_int_equal(did(w, EFFECT_SEND), 1);
	world_run(w, 100 * MS);
	world_answers(w, &NAS, ADDRESS6);
	world_port(w, ADDRESS6, 22, true);
	assert_int_equal(did(w, EFFECT_SEND), 2);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_syn_of_a_flow_is_replayed),
		cmocka_unit_test(a_replay_is_sent_again_twice),
		cmocka_unit_test(a_replay_is_not_sent_again_to_whom_is_served),
		cmocka_unit_test(nothing_is_sent_again_to_a_machine_that_sleeps_or_is_gone),
		cmocka_unit_test(a_reset_keeps_the_gate_closed_until_hold_ends),
		cmocka_unit_test(the_port_is_asked_every_50_ms),
		cmocka_unit_test(silence_of_the_port_for_3_s_opens),
		cmocka_unit_test(holding_clients_are_pointed_again),
		cmocka_unit_test(datagrams_and_echo_wait_for_no_gate),
		cmocka_unit_test(what_is_not_for_a_closed_gate_is_forwarded),
		cmocka_unit_test(each_port_has_its_own_gate),
		cmocka_unit_test(a_new_description_drops_nothing_that_is_held),
		cmocka_unit_test(held_packets_end_after_hold),
		cmocka_unit_test(holding_is_bounded),
		cmocka_unit_test(what_was_given_back_can_be_held_again),
		cmocka_unit_test(too_large_is_not_held),
		cmocka_unit_test(each_address_has_its_own_gates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
