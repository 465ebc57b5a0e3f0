/*
 * test_pairing_state: the pairing as the machine keeps it reads back as it was written; what is no pairing is refused, whole.
 */
#include "proto/pairing_state.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char TEXT[] = "{\"pairing\":1,\"id\":\"AQIDBAUGBwgJ\",\"key\":"
			   "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\","
			   "\"guard\":\"fe80::1%eth0\",\"port\":13717,\"mac\":\"be:ef:fa:ce:c0:"
			   "de\",\"name\":\"na\xc3\xafs\","
			   "\"interface\":\"br0\"}\n";

static struct pairing_state example(void)
{
	struct pairing_state s = {
		.id = "AQIDBAUGBwgJ",
		.guard = "fe80::1%eth0",
		.port = 13717,
		.mac = { { 0xbe, 0xef, 0xfa, 0xce, 0xc0, 0xde } },
		.name = "na\xc3\xafs",
		.interface = "br0",
	};

	for (size_t i = 0; i < sizeof(s.key); i++)
		s.key[i] = (uint8_t)i;
	return s;
}

static void assert_same(const struct pairing_state *a, const struct pairing_state *b)
{
	assert_string_equal(a->id, b->id);
	assert_memory_equal(a->key, b->key, sizeof(a->key));
	assert_string_equal(a->guard, b->guard);
	assert_int_equal(a->port, b->port);
	assert_true(mac_equal(&a->mac, &b->mac));
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->interface, b->interface);
}

static void there_and_back(void **state)
{
	const struct pairing_state s = example();
	struct pairing_state back;
	char text[PAIRING_STATE_MAX];

	(void)state;
	assert_int_equal(pairing_state_write(&s, text, sizeof(text)), sizeof(TEXT) - 1);
	assert_string_equal(text, TEXT);
	assert_int_equal(pairing_state_read(text, strlen(text), &back), 0);
	assert_same(&s, &back);
}

static void no_room(void **state)
{
	const struct pairing_state s = example();
	char text[PAIRING_STATE_MAX];

	(void)state;
	for (size_t n = 1; n < sizeof(TEXT); n++)
		assert_int_equal(pairing_state_write(&s, text, n), -ENOSPC);
	assert_true(pairing_state_write(&s, text, sizeof(TEXT)) > 0);
}

/* Longest fields fit into a file that is read. */
static void longest(void **state)
{
	struct pairing_state s = example();
	struct pairing_state back;
	char text[PAIRING_STATE_MAX];
	int n;

	(void)state;
	memset(s.guard, 'g', sizeof(s.guard) - 1);
	memset(s.name, 'n', sizeof(s.name) - 1);
	memset(s.interface, 'i', sizeof(s.interface) - 1);
	n = pairing_state_write(&s, text, sizeof(text));
	assert_true(n > 0);
	assert_int_equal(pairing_state_read(text, (size_t)n, &back), 0);
	assert_same(&s, &back);
}

static void cut_short(void **state)
{
	struct pairing_state s = example();

	(void)state;
	for (size_t n = 0; n < sizeof(TEXT) - 2; n++) {
		char *part = malloc(n + 1); /* exactly so much, for the sanitizer */

		assert_non_null(part);
		memcpy(part, TEXT, n);
		assert_int_equal(pairing_state_read(part, n, &s), -EINVAL);
		free(part);
	}
	assert_string_equal(s.name, "na\xc3\xafs");
}

/* TEXT with one piece of it replaced. */
static int read_with(const char *what, const char *by)
{
	const struct pairing_state before = example();
	struct pairing_state s = before;
	const char *at = strstr(TEXT, what);
	char text[8192];
	int error;

	assert_non_null(at);
	(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - TEXT), TEXT, by,
		       at + strlen(what));
	error = pairing_state_read(text, strlen(text), &s);
	if (error < 0)
		assert_same(&s, &before);
	return error;
}

static void refused(void **state)
{
	static const char *const cases[][2] = {
		{ "\"pairing\":1", "\"pairing\":0" },
		{ "\"pairing\":1", "\"pairing\":\"1\"" },
		{ "\"pairing\":1,", "" },
		{ "AQIDBAUGBwgJ", "AQIDBAUGBwg" },
		{ "AQIDBAUGBwgJ", "AQIDBAUGBw=J" },
		{ "AAECAw", "AAEC" },
		{ "fe80::1%eth0", "" },
		{ "fe80::1%eth0", "a b" },
		{ "fe80::1%eth0", "a\\u001b" },
		{ "13717", "0" },
		{ "13717", "65536" },
		{ "13717", "-1" },
		{ "be:ef:fa:ce:c0:de", "00:00:00:00:00:00" },
		{ "be:ef:fa:ce:c0:de", "ff:ff:ff:ff:ff:ff" },
		{ "be:ef:fa:ce:c0:de", "be:ef:fa:ce:c0" },
		{ "\"na\xc3\xafs\"", "\"a/b\"" },
		{ "\"na\xc3\xafs\"", "7" },
		{ "br0", "an-interface-too" },
		{ "br0", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (read_with(cases[i][0], cases[i][1]) != -EINVAL)
			fail_msg("case %zu: %s", i, cases[i][1]);
	}
	assert_int_equal(read_with("\"pairing\":1", "\"pairing\":2"), -EPROTONOSUPPORT);
	assert_int_equal(read_with("\"pairing\":1", "\"pairing\":1,\"more\":[1]"), 0);
}

static void too_long(void **state)
{
	char text[PAIRING_STATE_MAX + 2];
	struct pairing_state s;

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, TEXT, sizeof(TEXT) - 1);
	assert_int_equal(pairing_state_read(text, PAIRING_STATE_MAX, &s), 0);
	assert_int_equal(pairing_state_read(text, PAIRING_STATE_MAX + 1, &s), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back), cmocka_unit_test(no_room),
		cmocka_unit_test(longest),	  cmocka_unit_test(cut_short),
		cmocka_unit_test(refused),	  cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
