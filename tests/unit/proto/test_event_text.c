/*
 * test_event_text: every kind of event as a line and as JSON, as they happen and as they would; against golden/events.ok.
 *
 * After a wanted change: EVENTS_OK=tests/unit/proto/golden/events.ok BUILD/tests/unit/test_proto_event_text
 */
#include "proto/event_text.h"

#include "proto/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const keys[] = { "id",	"at",	   "machine",  "event", "by",
				    "from",	"to",	   "address",  "mac",	"attempt",
				    "attempts", "seconds", "replayed", "late",	"local",
				    "observed", "text" };

/* Every field says something. */
static struct event full(uint8_t kind, uint8_t family)
{
	struct event e = { .id = 7,
			   .wall_ms = 1770087906789,
			   .machine = 1,
			   .kind = kind,
			   .by = BY_KNOCK,
			   .knock = KNOCK_TCP,
			   .from_mac = { { 0xbe, 0xef, 0xfa, 0xce, 0xc0, 0xde } },
			   .from_port = 51234,
			   .to_port = 22,
			   .attempt = 1,
			   .attempts = 3,
			   .took_us = 6400000,
			   .replayed = 2,
			   .name = "nas" };

	assert_int_equal(addr_parse(family == 4 ? "192.0.2.10" : "2001:db8::10", &e.from), 0);
	assert_int_equal(addr_parse(family == 4 ? "192.0.2.50" : "2001:db8::50", &e.to), 0);
	return e;
}

static void print(FILE *to, const struct event *e, bool with_json)
{
	char line[EVENT_LINE];
	char json[EVENT_JSON];
	struct json_writer w = json_writer_over(json, sizeof(json));

	fprintf(to, "%s\n", event_line(e, line));
	event_write_json(&w, e);
	assert_false(w.out.cut);
	if (with_json)
		fprintf(to, "\t%s\n", json);
}

static void print_special(FILE *to)
{
	struct event e = full(EVENT_KNOCK, 6);

	e.local = 1;
	print(to, &e, false);
	e.knock = KNOCK_TCP_DATA;
	print(to, &e, false);
	e.local = 0;
	e.knock = KNOCK_ECHO;
	e.from_port = 0;
	e.to_port = 0;
	print(to, &e, true);
	e = full(EVENT_AWAKE, 4);
	e.late = 1;
	e.took_us = 400000000;
	print(to, &e, true);
	e.by = BY_HAND;
	e.late = 0;
	e.took_us = 0;
	print(to, &e, true);
	e.by = BY_NOBODY;
	print(to, &e, false);
	e = full(EVENT_REQUEST, 4);
	e.by = BY_EXIT;
	e.from = ADDR_NONE;
	print(to, &e, false);
	e = full(EVENT_REQUEST, 4);
	e.by = BY_GRANT;
	memcpy(e.who, "Ann's \x1b phone", 14);
	print(to, &e, true);
	e.by = BY_REQUEST;
	e.from = ADDR_NONE;
	memcpy(e.who, "uid 1000", 9);
	print(to, &e, true);
	e.kind = EVENT_ADDED;
	print(to, &e, true);
	e.kind = EVENT_REMOVED;
	print(to, &e, false);
	e = full(EVENT_READY, 4);
	e.knock = KNOCK_NONE;
	e.replayed = 1;
	e.took_us = 71000;
	print(to, &e, false);
	e = full(EVENT_ADDED, 4);
	memcpy(e.name, "a\x1b[31m\nn\xc3\xa4s", 12);
	print(to, &e, true);
}

static char *print_all(void)
{
	char *text;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	for (uint8_t kind = 0; kind < EVENT_KINDS; kind++) {
		struct event e = full(kind, 4);

		print(f, &e, true);
		e = full(kind, 6);
		e.observed = 1;
		print(f, &e, false);
	}
	print_special(f);
	fclose(f);
	return text;
}

static char *read_golden(void)
{
	char *text = calloc(1, 65536);
	FILE *f = fopen(GOLDEN "/events.ok", "r");

	if (f) {
		(void)!fread(text, 1, 65535, f);
		fclose(f);
	}
	return text;
}

static void golden(void **state)
{
	char *now = print_all();
	char *ok = read_golden();
	const char *update = getenv("EVENTS_OK");

	(void)state;
	if (update) {
		FILE *f = fopen(update, "w");

		fputs(now, f);
		fclose(f);
	}
	/* The first line that differs says more than all of them. */
	for (char *a = now, *b = ok; *a || *b;) {
		size_t n = strcspn(a, "\n");
		size_t m = strcspn(b, "\n");

		if (n != m || memcmp(a, b, n) != 0)
			fail_msg("\nis       %.*s\nshall be %.*s", (int)n, a, (int)m, b);
		a += n + (a[n] != 0);
		b += m + (b[m] != 0);
	}
	free(now);
	free(ok);
}

static void every_kind_has_words_and_all_keys(void **state)
{
	(void)state;
	for (uint8_t kind = 0; kind < EVENT_KINDS; kind++) {
		struct event e = full(kind, 4);
		char json[EVENT_JSON];
		char problem[JSON_PROBLEM];
		char line[EVENT_LINE];
		char other[EVENT_LINE];
		struct json_writer w = json_writer_over(json, sizeof(json));
		struct json *root;

		assert_true(strlen(event_line(&e, line)) > strlen("nas: "));
		event_write_json(&w, &e);
		assert_int_equal(json_read(json, w.out.used, &root, problem), 0);
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			assert_non_null(json_member(root, keys[i]));
		assert_string_equal(json_word(json_member(root, "event")), event_kind_name(kind));
		assert_string_equal(json_word(json_member(root, "text")), line);
		json_drop(root);
		/* What only would have happened reads otherwise, where the guard would have done something. */
		e.observed = 1;
		if (strstr(event_line(&e, other), "would"))
			assert_string_not_equal(line, other);
	}
}

static void the_longest_line_fits(void **state)
{
	(void)state;
	for (uint8_t kind = 0; kind < EVENT_KINDS; kind++) {
		struct event e = full(kind, 6);
		char line[EVENT_LINE];
		char json[EVENT_JSON];
		struct json_writer w = json_writer_over(json, sizeof(json));

		memset(e.name, 0x1b, SPEC_NAME_MAX);
		memset(e.from.b, 0x1f, 16);
		memset(e.to.b, 0x1f, 16);
		e.local = 1;
		e.late = 1;
		e.took_us = UINT64_MAX;
		e.replayed = UINT32_MAX;
		e.attempt = e.attempts = UINT16_MAX;
		assert_true(strlen(event_line(&e, line)) < EVENT_LINE - 2);
		event_write_json(&w, &e);
		assert_false(w.out.cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(every_kind_has_words_and_all_keys),
		cmocka_unit_test(the_longest_line_fits),
	};

	json_seed(42);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
