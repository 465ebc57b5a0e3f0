/*
 * test_command: requests of the control socket, and the answers.
 */
#include "proto/answer.h"
#include "proto/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct command good(const char *line)
{
	char error[COMMAND_ERROR] = "";
	struct command c;

	if (command_decode(line, strlen(line), &c, error) != 0)
		fail_msg("%s: %s", line, error);
	return c;
}

static void requests(void **state)
{
	struct command c;

	(void)state;
	assert_int_equal(good("{\"command\":\"version\"}").kind, COMMAND_VERSION);
	c = good("{\"command\":\"status\"}");
	assert_int_equal(c.kind, COMMAND_STATUS);
	assert_string_equal(c.name, "");
	assert_string_equal(good("{\"command\":\"status\",\"name\":\"nas\"}").name, "nas");
	assert_string_equal(good("{\"command\":\"status\",\"name\":null}").name, "");
	c = good("{\"command\":\"wake\",\"name\":\"nas\",\"more\":1}");
	assert_false(c.waits);
	assert_false(good("{\"command\":\"wake\",\"name\":\"nas\",\"wait\":false}").waits);
	c = good("{\"command\":\"wake\",\"name\":\"nas\",\"wait\":true}");
	assert_true(c.waits && c.wait_seconds == 0);
	c = good("{\"command\":\"wake\",\"name\":\"nas\",\"wait\":60}");
	assert_true(c.waits && c.wait_seconds == 60);
	c = good("{\"command\":\"log\"}");
	assert_true(c.most == 50 && !c.follow);
	c = good("{\"command\":\"log\",\"most\":7,\"follow\":true,\"name\":\"nas\"}");
	assert_true(c.most == 7 && c.follow);
}

static void add(void **state)
{
	static const char line[] = "{\"command\":\"add\",\"name\":\"nas\",\"mac\":\"be:ef:fa:ce:c0:"
				   "de\",\"addresses\":[\"192.0.2.50\",\"2001:db8::50\"],"
				   "\"rules\":[\"tcp/22\",\"udp/9987\"],\"from\":[\"192.0.2.0/"
				   "24\"],\"ignore_from\":[\"be:ef:fa:ce:c0:01\"],"
				   "\"secureon\":\"01:02:03:04\",\"interface\":\"eth0\"}\n";
	struct command c = good(line);
	char again[1024];

	(void)state;
	assert_int_equal(c.spec.origin, SPEC_ADDED);
	assert_string_equal(c.spec.name, "nas");
	assert_int_equal(c.spec.addresses_n, 2);
	assert_int_equal(c.spec.from_n, 1);
	assert_true(c.spec.ignore[0].is_mac);
	assert_true(spec_sane(&c.spec));
	assert_int_equal(command_encode(&c, again, sizeof(again)), strlen(line));
	assert_string_equal(again, line);
	assert_true(command_encode(&c, again, strlen(line)) < 0);
}

static void complaints(void **state)
{
	static const struct {
		const char *line, *error;
	} cases[] = {
		{ "x", "this is not the JSON of a request: it does not begin with {" },
		{ "{}", "command: missing" },
		{ "{\"command\":1}", "command: a number, not a string" },
		{ "{\"command\":\"x\"}",
		  "command: \"x\" is none; there are version, status, wake, add, remove, log, "
		  "export, relay, join, leave, share, grants, revoke, pair, pairings, unpair, "
		  "sleep" },
		{ "{\"command\":\"remove\"}", "name: missing" },
		{ "{\"command\":\"remove\",\"name\":\"a/b\"}",
		  "name: \"a/b\" is not 1 to 63 bytes of UTF-8 without '/', control characters and "
		  "blanks at the ends" },
		{ "{\"command\":\"wake\",\"name\":\"nas\",\"wait\":\"soon\"}",
		  "wait: a string, not a whole number" },
		{ "{\"command\":\"wake\",\"name\":\"nas\",\"wait\":-1}", "wait: not in 1..86400" },
		{ "{\"command\":\"log\",\"most\":1001}", "most: not in 0..1000" },
		{ "{\"command\":\"log\",\"follow\":1}", "follow: a number, not true or false" },
		{ "{\"command\":\"add\",\"name\":\"nas\"}", "mac: missing" },
		{ "{\"command\":\"add\",\"name\":\"nas\",\"mac\":\"ff:ff:ff:ff:ff:ff\"}",
		  "mac: \"ff:ff:ff:ff:ff:ff\" is no single machine's" },
		{ "{\"command\":\"add\",\"name\":\"nas\",\"mac\":\"be:ef:fa:ce:c0:de\","
		  "\"addresses\":\"192.0.2.50\"}",
		  "addresses: a string, not an array" },
		{ "{\"command\":\"add\",\"name\":\"nas\",\"mac\":\"be:ef:fa:ce:c0:de\","
		  "\"addresses\":[\"x\"]}",
		  "addresses: \"x\" is neither an IPv4 nor an IPv6 address" },
		{ "{\"command\":\"add\",\"name\":\"nas\",\"mac\":\"be:ef:fa:ce:c0:de\","
		  "\"addresses\":[\"192.0.2.1\",\"192.0.2.1\"]}",
		  "addresses: \"192.0.2.1\" is given twice" },
		{ "{\"command\":\"add\",\"name\":\"nas\",\"mac\":\"be:ef:fa:ce:c0:de\",\"rules\":["
		  "\"tcp/0\"]}",
		  "rules: \"tcp/0\" is no rule; rules are like tcp/22, tcp/22+data, udp/9987, "
		  "tcp/8000-8010, any, echo" },
		{ "{\"command\":\"add\",\"name\":\"nas\",\"mac\":\"be:ef:fa:ce:c0:de\",\"from\":["
		  "\"x\"]}",
		  "from: \"x\" is neither an address, nor a prefix, nor a MAC" },
		{ "{\"command\":\"add\",\"name\":\"nas\",\"mac\":\"be:ef:fa:ce:c0:de\","
		  "\"interface\":\"0123456789012345\"}",
		  "interface: no interface has so long a name" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char error[COMMAND_ERROR] = "";
		struct command c;

		assert_true(command_decode(cases[i].line, strlen(cases[i].line), &c, error) < 0);
		assert_string_equal(error, cases[i].error);
	}
}

static void a_machine(void **state)
{
	struct spec s = { .name = "nas", .mac = { { 0xbe, 0xef, 0xfa, 0xce, 0xc0, 0xde } } };
	struct machine_past p = { .state = MACHINE_UNKNOWN };
	struct rule rule;
	struct addr a;
	char line[ANSWER_MAX];
	struct json_writer w = json_writer_over(line, sizeof(line));

	(void)state;
	answer_write_machine(&w, 7, &s, &p, NULL);
	assert_string_equal(line,
			    "{\"machine\":{\"id\":7,\"name\":\"nas\",\"mac\":\"be:ef:fa:ce:c0:de\","
			    "\"state\":\"unknown\",\"since\":null,"
			    "\"addresses\":[],\"rules\":[],\"watts\":null,"
			    "\"last_wake\":null,\"sleeper\":null}}\n");
	addr_parse("192.0.2.50", &a);
	spec_add_address(&s, &a);
	w = json_writer_over(line, sizeof(line));
	answer_write_machine(&w, 7, &s, &p, NULL);
	assert_non_null(strstr(line, "\"rules\":[\"tcp\"]"));
	rule_parse("tcp/22", &rule);
	spec_add_rule(&s, &rule);
	rule.address = 0;
	spec_add_rule(&s, &rule);
	s.watts = 60;
	p.state = MACHINE_AWAKE;
	p.since_wall_ms = 1770087906789;
	p.last_wake = (struct wake_record){ .by = BY_KNOCK,
					    .knock = KNOCK_TCP,
					    .from = a,
					    .from_port = 51234,
					    .to_port = 22,
					    .attempts = 1,
					    .at_wall_ms = 1770087900000,
					    .awake_us = 6400000,
					    .ready_us = 7100000,
					    .replayed = 2 };
	w = json_writer_over(line, sizeof(line));
	answer_write_machine(&w, 7, &s, &p,
			     &(struct answer_sleeper){
				     .held = true, .since_ms = 1770087906789, .source = a });
	assert_string_equal(
		line,
		"{\"machine\":{\"id\":7,\"name\":\"nas\",\"mac\":\"be:ef:fa:ce:c0:de\",\"state\":"
		"\"awake\","
		"\"since\":\"2026-02-03T03:05:06.789+00:00\",\"addresses\":[\"192.0.2.50\"],"
		"\"rules\":[\"tcp/22\"],\"watts\":60,"
		"\"last_wake\":{\"by\":\"knock\",\"who\":null,\"from\":\"192.0.2.50:51234\",\"to\":"
		"\"tcp/22\","
		"\"at\":\"2026-02-03T03:05:00.000+00:00\",\"attempts\":1,\"awake_seconds\":6.4,"
		"\"ready_seconds\":7.1,"
		"\"replayed\":2},"
		"\"sleeper\":{\"lease\":\"held\",\"since\":\"2026-02-03T03:05:06.789+00:00\","
		"\"source\":\"192.0.2.50\"}}}\n");
}

/* With all that a machine can have. */
static void the_longest_answer_fits(void **state)
{
	struct spec s = { .addresses_n = SPEC_ADDRESSES_MAX, .rules_n = SPEC_RULES_MAX };
	struct machine_past p = { .state = MACHINE_AWAKE, .last_wake.by = BY_KNOCK };
	char line[ANSWER_MAX];
	struct json_writer w = json_writer_over(line, sizeof(line));

	(void)state;
	memset(s.name, 0x01, SPEC_NAME_MAX);
	for (uint16_t i = 0; i < SPEC_ADDRESSES_MAX; i++) {
		s.addresses[i].family = 6;
		memset(s.addresses[i].b, 0x1f, 16);
	}
	for (uint16_t i = 0; i < SPEC_RULES_MAX; i++)
		s.rules[i] = (struct rule){ .kind = RULE_TCP_DATA,
					    .address = SPEC_ANY_ADDRESS,
					    .first = (uint16_t)(10000 + 2 * i),
					    .last = (uint16_t)(10001 + 2 * i) };
	answer_write_machine(&w, 7, &s, &p, NULL);
	assert_false(w.out.cut);
	assert_true(w.out.used > 5000);
}

static void results(void **state)
{
	char line[256];
	struct json_writer w = json_writer_over(line, sizeof(line));

	(void)state;
	answer_write_result(&w, ANSWER_REFUSED, "because");
	assert_string_equal(line, "{\"result\":\"refused\",\"error\":\"because\"}\n");
	for (unsigned int r = 0; r < ANSWER_RESULTS; r++)
		assert_int_equal(answer_result_of(answer_result_name((enum answer_result)r)), r);
	assert_int_equal(answer_result_of("fine"), ANSWER_RESULTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(add),
		cmocka_unit_test(complaints),
		cmocka_unit_test(a_machine),
		cmocka_unit_test(the_longest_answer_fits),
		cmocka_unit_test(results),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
