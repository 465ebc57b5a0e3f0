/*
 * test_state: what a relay is told, in parts, and what changes twice only once.
 */
#include "uplink/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char message[65536];

static struct relay_machine machine(uint32_t id)
{
	struct relay_machine m = { .id = id,
				   .state = MACHINE_ASLEEP,
				   .since_ms = 1770087906789,
				   .expected_us = RELAY_NULL,
				   .watts_u = 60000000 };

	(void)snprintf(m.name, sizeof(m.name), "m%u", id);
	return m;
}

static struct relay_grant grant(unsigned int i)
{
	struct relay_grant g = { .kind = RELAY_LINK,
				 .can = RELAY_CAN_WAKE,
				 .machines_n = 2,
				 .machines = { 1, 2 },
				 .expires_ms = RELAY_NULL };

	(void)snprintf(g.id, sizeof(g.id), "AAAAAAAAA%03u", i);
	return g;
}

/* The next message, as JSON; NULL: none. */
static struct json *next(struct state *s)
{
	char problem[JSON_PROBLEM];
	struct json *root = NULL;
	size_t n = state_next(s, message, sizeof(message));

	if (n == 0)
		return NULL;
	assert_true(n < sizeof(message) - 1);
	assert_int_equal(json_read(message, n, &root, problem), 0);
	return root;
}

static void expect_type(const struct json *root, const char *type)
{
	assert_non_null(root);
	assert_string_equal(json_word(json_member(root, "t")), type);
}

/* All parts of a list; how many it has together. */
static size_t take_list(struct state *s, const char *type)
{
	size_t n = 0;
	bool more = true;

	while (more) {
		struct json *root = next(s);

		expect_type(root, type);
		n += json_count(json_member(root, "list"));
		more = json_truth(json_member(root, "more"));
		json_drop(root);
	}
	return n;
}

static void everything_at_first_then_changes(void **state)
{
	struct state *s = calloc(1, sizeof(*s));
	struct relay_machine m;
	struct relay_machine read;
	struct json *root;

	(void)state;
	for (uint32_t id = 1; id <= 100; id++) {
		m = machine(id);
		state_machine(s, &m);
	}
	for (unsigned int i = 0; i < 100; i++) {
		struct relay_grant g = grant(i);

		state_grant(s, &g);
	}
	state_restart(s);
	assert_int_equal(take_list(s, "machines"), 100);
	assert_int_equal(take_list(s, "grants"), 100);
	assert_null(next(s));
	m = machine(7);
	m.state = MACHINE_AWAKE;
	state_machine(s, &m);
	m.state = MACHINE_ASLEEP;
	m.since_ms += 1000;
	state_machine(s, &m);
	root = next(s);
	expect_type(root, "machine");
	assert_int_equal(relay_machine_read(root, &read), 0);
	assert_int_equal(read.id, 7);
	assert_int_equal(read.since_ms, m.since_ms);
	json_drop(root);
	assert_null(next(s));
	state_machine_gone(s, 7);
	state_machine_gone(s, 7);
	root = next(s);
	expect_type(root, "machine-gone");
	assert_int_equal(json_whole(json_member(root, "id")), 7);
	json_drop(root);
	assert_null(next(s));
	state_grant_gone(s, "AAAAAAAAA003");
	assert_int_equal(take_list(s, "grants"), 99);
	assert_null(next(s));
	/* The relay lost it all. */
	state_restart(s);
	assert_int_equal(take_list(s, "machines"), 99);
	assert_int_equal(take_list(s, "grants"), 99);
	state_done(s);
	free(s);
}

/* What a relay has when it takes the parts of a list together. */
struct heard {
	size_t n, twice;
	bool ended;
	char ids[RELAY_GRANTS_MAX * 2][16];
};

static void hear(struct state *s, struct heard *h)
{
	struct json *root = next(s);
	const struct json *list = json_member(root, "list");

	expect_type(root, "grants");
	if (h->ended)
		*h = (struct heard){ 0 };
	for (size_t i = 0; i < json_count(list); i++) {
		const char *id = json_word(json_member(json_item(list, i), "id"));

		for (size_t k = 0; k < h->n; k++)
			h->twice += strcmp(h->ids[k], id) == 0;
		(void)snprintf(h->ids[h->n++], sizeof(h->ids[0]), "%s", id);
	}
	h->ended = !json_truth(json_member(root, "more"));
	json_drop(root);
}

/* Lists never get mixed up: one that was begun is ended, with what changed behind its part so far; then told again. */
static void changes_between_the_parts_of_a_list(void **state)
{
	static struct heard h;
	struct state *s = calloc(1, sizeof(*s));
	struct relay_grant g;

	(void)state;
	for (unsigned int i = 0; i < 130; i++) {
		g = grant(i);
		state_grant(s, &g);
	}
	state_restart(s);
	assert_int_equal(take_list(s, "machines"), 0);
	hear(s, &h);
	assert_false(h.ended);
	/* Behind: part of this very list. */
	g = grant(130);
	state_grant(s, &g);
	state_grant_gone(s, "AAAAAAAAA129");
	hear(s, &h);
	/* In front: the others have moved, and it is told again. */
	state_grant_gone(s, "AAAAAAAAA003");
	while (!h.ended)
		hear(s, &h);
	assert_int_equal(h.n, 130);
	assert_int_equal(h.twice, 0);
	/* The second one; asked for everything in the middle of it. */
	hear(s, &h);
	hear(s, &h);
	state_again(s);
	assert_false(h.ended);
	assert_int_equal(take_list(s, "machines"), 0);
	while (!h.ended)
		hear(s, &h);
	assert_int_equal(h.n, 129);
	assert_int_equal(h.twice, 0);
	do
		hear(s, &h);
	while (!h.ended);
	assert_int_equal(h.n, 129);
	assert_null(next(s));
	state_done(s);
	free(s);
}

static void machines_that_go_between_the_parts(void **state)
{
	struct state *s = calloc(1, sizeof(*s));
	struct json *root;
	size_t n;

	(void)state;
	for (uint32_t id = 1; id <= 100; id++) {
		struct relay_machine m = machine(id);

		state_machine(s, &m);
	}
	state_restart(s);
	root = next(s);
	n = json_count(json_member(root, "list"));
	json_drop(root);
	state_machine_gone(s, 1);
	state_machine_gone(s, 100);
	n += take_list(s, "machines");
	assert_int_equal(n, 99);
	assert_int_equal(take_list(s, "grants"), 0);
	for (int i = 0; i < 2; i++) {
		root = next(s);
		expect_type(root, "machine-gone");
		json_drop(root);
	}
	assert_null(next(s));
	state_done(s);
	free(s);
}

static void an_empty_home_is_told_too(void **state)
{
	struct state *s = calloc(1, sizeof(*s));

	(void)state;
	state_restart(s);
	assert_int_equal(take_list(s, "machines"), 0);
	assert_int_equal(take_list(s, "grants"), 0);
	assert_null(next(s));
	free(s);
}

static void the_most_there_can_be(void **state)
{
	struct state *s = calloc(1, sizeof(*s));

	(void)state;
	for (uint32_t id = 1; id <= RELAY_MACHINES_MAX + 5; id++) {
		struct relay_machine m = machine(id);

		m.slept = m.woken = true;
		memset(m.name, 0x7f, sizeof(m.name) - 1);
		memset(m.who, '"', sizeof(m.who) - 1);
		memset(m.by, 'x', sizeof(m.by) - 1);
		m.expected_us = m.woken_us = m.slept_us = UINT64_C(999999999000000);
		state_machine(s, &m);
	}
	for (unsigned int i = 0; i < RELAY_GRANTS_MAX + 5; i++) {
		struct relay_grant g = grant(i);

		g.kind = RELAY_PHRASE;
		memset(g.label, '"', sizeof(g.label) - 1);
		g.machines_n = 64;
		for (uint16_t k = 0; k < 64; k++)
			g.machines[k] = UINT32_MAX;
		state_grant(s, &g);
	}
	state_restart(s);
	assert_int_equal(take_list(s, "machines"), RELAY_MACHINES_MAX);
	assert_int_equal(take_list(s, "grants"), RELAY_GRANTS_MAX);
	/* More go at once than are told one by one: then the whole list again. */
	for (uint32_t id = 1; id <= 600; id++)
		state_machine_gone(s, id);
	assert_int_equal(take_list(s, "machines"), RELAY_MACHINES_MAX - 600);
	state_done(s);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_at_first_then_changes),
		cmocka_unit_test(changes_between_the_parts_of_a_list),
		cmocka_unit_test(machines_that_go_between_the_parts),
		cmocka_unit_test(an_empty_home_is_told_too),
		cmocka_unit_test(the_most_there_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
