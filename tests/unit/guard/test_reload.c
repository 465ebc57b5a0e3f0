/*
 * test_reload: from the machines in the store to those of the file: which steps, in which order, and that taking each at
 * once gets there.
 */
#include "store_kit.h"

#include "guard/reload.h"

#include <errno.h>

struct run {
	struct kit *kit;
	char steps[1024];
};

static void take(void *who, enum reload_step what, uint32_t id, const struct spec *spec)
{
	static const char *const words[RELOAD_STEPS] = { "remove", "change", "add", "clash" };
	struct run *run = who;
	size_t n = strlen(run->steps);

	(void)snprintf(run->steps + n, sizeof(run->steps) - n, "%s %u %s; ", words[what], id,
		       spec ? spec->name : "-");
	if (what == RELOAD_REMOVE)
		assert_int_equal(store_forget(run->kit->store, id), 0);
	else if (what != RELOAD_CLASH)
		assert_int_equal(store_put_machine(run->kit->store, id, spec, &id), 0);
}

/* Applies a file and says which steps that took. */
static const char *reload(struct kit *k, const char *file)
{
	static struct run run;
	struct config_report r = { 0 };
	struct config c;

	run = (struct run){ .kit = k };
	config_init(&c);
	assert_int_equal(config_parse(&c, file, strlen(file), &r), 0);
	assert_int_equal(reload_plan(k->store, &c, take, &run), 0);
	config_done(&c);
	return run.steps;
}

#define A "[machine \"a\"]\nmac=02:00:00:00:00:0a\naddress=192.0.2.10\n"
#define B "[machine \"b\"]\nmac=02:00:00:00:00:0b\naddress=192.0.2.11\n"
#define C "[machine \"c\"]\nmac=02:00:00:00:00:0c\naddress=192.0.2.12\n"

static void the_same_file(void **state)
{
	struct kit *k = *state;

	kit_open(k);
	assert_string_equal(reload(k, A B C), "add 0 a; add 0 b; add 0 c; ");
	assert_string_equal(reload(k, A B C), "");
	kit_reopen(k);
	assert_string_equal(reload(k, A B C), "");
	/* B is gone; C is in another line now. */
	assert_string_equal(reload(k, A C), "remove 2 -; change 3 c; ");
	assert_string_equal(reload(k, A C B), "add 0 b; ");
	assert_int_equal(store_by_name(k->store, "b"), 4);
	assert_string_equal(reload(k, ""), "remove 1 -; remove 3 -; remove 4 -; ");
	store_close(k->store);
}

static void keeps_id_and_past(void **state)
{
	struct kit *k = *state;
	struct machine_past past = kit_past(9);
	struct store_machine m;

	kit_open(k);
	(void)reload(k, A);
	store_put_past(k->store, 1, &past);
	assert_string_equal(reload(k,
				   "[machine \"z\"]\nmac=02:00:00:00:00:0a\naddress=192.0.2.99\n"),
			    "change 1 z; ");
	assert_int_equal(store_machine(k->store, 1, &m), 0);
	assert_int_equal(m.past.since_wall_ms, 9);
	assert_string_equal(m.spec.name, "z");
	store_close(k->store);
}

static void names_and_addresses_move(void **state)
{
	struct kit *k = *state;

	kit_open(k);
	(void)reload(k, A B C);
	/* a's address goes to b, b's name to c: b has to go out of c's way first, a out of b's. */
	assert_string_equal(reload(k,
				   "[machine \"a\"]\nmac=02:00:00:00:00:0a\naddress=192.0.2.20\n"
				   "[machine \"bb\"]\nmac=02:00:00:00:00:0b\naddress=192.0.2.10\n"
				   "[machine \"b\"]\nmac=02:00:00:00:00:0c\naddress=192.0.2.12\n"),
			    "change 1 a; change 2 bb; change 3 b; ");
	/* The other way round it takes several turns. */
	assert_string_equal(reload(k,
				   "[machine \"c\"]\nmac=02:00:00:00:00:0c\naddress=192.0.2.12\n"
				   "[machine \"b\"]\nmac=02:00:00:00:00:0b\naddress=192.0.2.11\n"
				   "[machine \"a\"]\nmac=02:00:00:00:00:0a\naddress=192.0.2.10\n"),
			    "change 3 c; change 2 b; change 1 a; ");
	/* A ring: one has to come again as a new one. */
	assert_string_equal(reload(k,
				   "[machine \"b\"]\nmac=02:00:00:00:00:0a\naddress=192.0.2.10\n"
				   "[machine \"a\"]\nmac=02:00:00:00:00:0b\naddress=192.0.2.11\n"),
			    "remove 3 -; remove 2 -; change 1 b; add 0 a; ");
	assert_int_equal(store_machines(k->store), 2);
	store_close(k->store);
}

static void others_stay(void **state)
{
	struct kit *k = *state;
	struct store_machine m;

	kit_open(k);
	assert_int_equal(kit_put(k, 7, SPEC_ADDED), 1);
	assert_int_equal(kit_put(k, 8, SPEC_REGISTERED), 2);
	/* m7 has this name, m8 this address, under other MACs. */
	assert_string_equal(
		reload(k, "[machine \"m7\"]\nmac=02:00:00:00:00:0a\n"
			  "[machine \"x\"]\nmac=02:00:00:00:00:0b\naddress=198.51.100.8\n" C),
		"add 0 c; clash 1 m7; clash 2 x; ");
	assert_int_equal(store_machines(k->store), 3);
	/* With its MAC it becomes the file's, and goes with it. */
	assert_string_equal(reload(k, "[machine \"m7\"]\nmac=02:00:00:00:00:07\n"),
			    "remove 3 -; change 1 m7; ");
	assert_int_equal(store_machine(k->store, 1, &m), 0);
	assert_int_equal(m.spec.origin, SPEC_FILE);
	assert_string_equal(reload(k, ""), "remove 1 -; ");
	assert_int_equal(store_machines(k->store), 1);
	store_close(k->store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_same_file, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(keeps_id_and_past, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(names_and_addresses_move, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(others_stay, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
