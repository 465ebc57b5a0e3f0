/* The main path, from goodbye to hand back, as one story; and the same with the restart in every place. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ADDRESS "192.0.2.50"
#define FROM "192.0.2.10"

static void first_connection_of_a_sleeping_machine(void **state)
{
	struct world *w = world_new(NULL);
	struct machine *m = world_nas(w);
	uint64_t last;
	uint64_t knock;

	(void)state;
	/* It answers: awake, nothing is claimed. */
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	assert_int_equal(did(w, EFFECT_CLAIM), 0);

	/* It says goodbye and falls silent. */
	world_run(w, 3 * S);
	home_goodbye(w->h, m, w->now);
	assert_int_equal(told(w, EVENT_GOODBYE), 1);
	world_run(w, 200 * MS);
	world_talks(w, &NAS);
	last = w->now.us;
	world_run(w, 5 * S);
	assert_int_equal(machine_state_of(m), MACHINE_ASLEEP);
	assert_true(told_at(w, EVENT_ASLEEP, 0) - last <= 1 * S);
	assert_int_equal(event(w, EVENT_ASLEEP, 0)->took_us, told_at(w, EVENT_ASLEEP, 0) - last);
	assert_int_equal(did(w, EFFECT_CLAIM), 1);
	assert_int_equal(did(w, EFFECT_ANNOUNCE), 3);

	/* Its neighbours ask the guard. */
	world_mark(w);
	world_asks(w, &CLIENT, FROM, ADDRESS);
	assert_int_equal(did(w, EFFECT_ANSWER), 1);
	assert_true(mac_equal(&done(w, EFFECT_ANSWER, 0)->e.peer_mac, &CLIENT));

	/* A client connects. */
	knock = w->now.us;
	world_syn(w, FROM, 51234, ADDRESS, 22);
	assert_int_equal(did(w, EFFECT_WAKE), 1);
	assert_int_equal(machine_state_of(m), MACHINE_WAKING);
	assert_int_equal(event(w, EVENT_KNOCK, 0)->from_port, 51234);
	assert_int_equal(event(w, EVENT_KNOCK, 0)->attempts, 3);

	/* It boots: probes for its own address, and is never answered. */
	world_run(w, 6 * S);
	world_mark(w);
	world_asks(w, &NAS, "0.0.0.0", ADDRESS);
	assert_int_equal(did(w, EFFECT_ANSWER), 0);
	world_run(w, 400 * MS);
	world_answers(w, &NAS, ADDRESS);
	assert_int_equal(machine_state_of(m), MACHINE_AWAKE);
	assert_int_equal(event(w, EVENT_AWAKE, 0)->took_us, 6400 * MS);
	assert_int_equal(event(w, EVENT_AWAKE, 0)->by, BY_KNOCK);

	/* Its service listens a little later; the client waits meanwhile. */
	assert_true(did(w, EFFECT_PROBE_PORT) >= 1);
	assert_int_equal(did(w, EFFECT_SEND), 0);
	world_port(w, ADDRESS, 22, false);
	world_run(w, 700 * MS);
	assert_int_equal(did(w, EFFECT_SEND), 0);
	assert_int_equal(did(w, EFFECT_RELEASE), 0);
	assert_true(did(w, EFFECT_REPOINT) >= 3);
	world_port(w, ADDRESS, 22, true);
	assert_int_equal(did(w, EFFECT_SEND), 1);
	assert_int_equal(event(w, EVENT_READY, 0)->took_us, w->now.us - knock);
	assert_int_equal(event(w, EVENT_READY, 0)->replayed, 1);

	/* And the address is its own again. */
	assert_int_equal(did(w, EFFECT_RELEASE), 1);
	world_run(w, 5 * S);
	assert_int_equal(did(w, EFFECT_ANNOUNCE), 3);
	assert_true(mac_equal(&done(w, EFFECT_ANNOUNCE, 0)->e.mac, &NAS));
	assert_int_equal(done_at(w, EFFECT_ANNOUNCE, 1) - done_at(w, EFFECT_ANNOUNCE, 0),
			 1100 * MS);
	assert_int_equal(done_at(w, EFFECT_ANNOUNCE, 2) - done_at(w, EFFECT_ANNOUNCE, 0),
			 2200 * MS);
	world_mark(w);
	world_asks(w, &CLIENT, FROM, ADDRESS);
	assert_int_equal(did(w, EFFECT_ANSWER), 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_connection_of_a_sleeping_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
