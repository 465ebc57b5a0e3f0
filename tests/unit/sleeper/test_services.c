/*
 * Which listening sockets are services that wake: what is left out and why, and what people say about it.
 */
#include "sleeper/services.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct services_view view;
static struct port port;
static struct config_rules words[4]; /* configured off, on; switched off, on */

static void see(enum sock_kind kind, const char *local, uint16_t number)
{
	struct sock_seen s = { .local_port = number, .cgroup = number };

	assert_int_equal(addr_parse(local, &s.local), 0);
	services_see(&view, kind, &s);
}

static void say(size_t which, const char *rule)
{
	assert_int_equal(rule_parse(rule, &words[which].list[words[which].n++]), 0);
}

/* "tcp/22 on listening, ..." */
static const char *judged(void)
{
	static char text[2048];
	char rule[RULE_TEXT];
	size_t used = 0;

	text[0] = 0;
	services_judge(&view);
	for (size_t i = 0; i < view.n; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s %s",
					 used ? ", " : "", rule_format(&view.list[i].rule, rule),
					 view.list[i].on ? "on" : "off",
					 service_why_name(view.list[i].why));
	return text;
}

static int setup(void **state)
{
	(void)state;
	memset(words, 0, sizeof(words));
	port = (struct port){ .addresses_n = 2 };
	assert_int_equal(addr_parse("192.0.2.50", &port.addresses[0]), 0);
	assert_int_equal(addr_parse("2001:db8::50", &port.addresses[1]), 0);
	view = (struct services_view){ .ephemeral_first = 32768,
				       .ephemeral_last = 60999,
				       .port = &port,
				       .configured = { &words[0], &words[1] },
				       .switched = { &words[2], &words[3] } };
	return 0;
}

static void takes_services_of_both_families(void **state)
{
	(void)state;
	see(SOCK_TCP_LISTENING, "::", 445);
	see(SOCK_TCP_LISTENING, "0.0.0.0", 22);
	see(SOCK_TCP_LISTENING, "::", 22);
	see(SOCK_TCP_LISTENING, "192.0.2.50", 80);
	see(SOCK_UDP_OPEN, "2001:db8::50", 9987);
	assert_string_equal(judged(),
			    "tcp/22 on listening, tcp/80 on listening, tcp/445 on listening, "
			    "udp/9987 on listening");
	assert_int_equal(view.list[0].unit.id, 22);
}

static void leaves_out_loopback(void **state)
{
	struct sock_seen bound = { .local_port = 81, .interface = 1 };

	(void)state;
	assert_int_equal(addr_parse("0.0.0.0", &bound.local), 0);
	see(SOCK_TCP_LISTENING, "127.0.0.53", 53);
	see(SOCK_TCP_LISTENING, "::1", 25);
	services_see(&view, SOCK_TCP_LISTENING, &bound);
	assert_string_equal(judged(), "");
	/* But not what is there on a real address as well. */
	see(SOCK_TCP_LISTENING, "127.0.0.1", 80);
	see(SOCK_TCP_LISTENING, "192.0.2.50", 80);
	assert_string_equal(judged(), "tcp/80 on listening");
}

static void shows_what_is_off_and_why(void **state)
{
	(void)state;
	see(SOCK_UDP_OPEN, "0.0.0.0", 5353);
	see(SOCK_UDP_OPEN, "0.0.0.0", 68);
	see(SOCK_TCP_LISTENING, "0.0.0.0", 111);
	see(SOCK_UDP_OPEN, "::", 5355);
	see(SOCK_UDP_OPEN, "0.0.0.0", 137);
	see(SOCK_UDP_OPEN, "0.0.0.0", 3702);
	see(SOCK_TCP_LISTENING, "::", 631);
	see(SOCK_TCP_LISTENING, "::", 13717);
	see(SOCK_UDP_OPEN, "0.0.0.0", 40000);
	see(SOCK_TCP_LISTENING, "10.8.0.1", 8080);
	assert_string_equal(judged(),
			    "tcp/111 off chatter, tcp/631 off chatter, tcp/8080 off elsewhere, "
			    "tcp/13717 off chatter, udp/68 off chatter, udp/137 off chatter, "
			    "udp/3702 off chatter, udp/5353 off chatter, udp/5355 off chatter, "
			    "udp/40000 off ephemeral");
}

static void an_address_that_is_reached_wins(void **state)
{
	(void)state;
	see(SOCK_TCP_LISTENING, "10.8.0.1", 8080);
	see(SOCK_TCP_LISTENING, "192.0.2.50", 8080);
	see(SOCK_TCP_LISTENING, "10.8.0.1", 8080);
	assert_string_equal(judged(), "tcp/8080 on listening");
}

static void everything_counts_while_no_address_is_known(void **state)
{
	(void)state;
	port.addresses_n = 0;
	see(SOCK_TCP_LISTENING, "10.8.0.1", 8080);
	assert_string_equal(judged(), "tcp/8080 on listening");
}

static void people_have_the_last_word(void **state)
{
	(void)state;
	see(SOCK_TCP_LISTENING, "0.0.0.0", 22);
	see(SOCK_TCP_LISTENING, "0.0.0.0", 80);
	see(SOCK_UDP_OPEN, "0.0.0.0", 5353);
	say(0, "tcp/80");
	say(1, "udp/5353");
	say(2, "tcp/22");
	say(3, "tcp/80");
	assert_string_equal(judged(), "tcp/22 off switched, tcp/80 on switched, "
				      "udp/5353 on configured");
}

static void a_rule_of_a_person_needs_no_listener(void **state)
{
	(void)state;
	see(SOCK_TCP_LISTENING, "0.0.0.0", 22);
	say(1, "tcp/22+data");
	say(1, "echo");
	say(3, "tcp/8000-8010");
	assert_string_equal(judged(), "tcp/22 on configured, tcp/22+data on configured, "
				      "tcp/8000-8010 on switched, echo on configured");
}

static void covers(void **state)
{
	static const struct {
		const char *a, *b;
		bool covers;
	} cases[] = {
		{ "tcp/22", "tcp/22", true },	   { "tcp/22", "udp/22", false },
		{ "tcp/20-30", "tcp/22", true },   { "tcp/22", "tcp/20-30", false },
		{ "tcp", "tcp/22", true },	   { "any", "udp/22", true },
		{ "any", "echo", false },	   { "echo", "echo", true },
		{ "tcp/22+data", "tcp/22", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rule a, b;

		assert_int_equal(rule_parse(cases[i].a, &a), 0);
		assert_int_equal(rule_parse(cases[i].b, &b), 0);
		assert_int_equal(services_covers(&a, &b), cases[i].covers);
	}
}

static void bears_more_than_it_keeps(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < SERVICES_MAX + 10; i++)
		see(SOCK_TCP_LISTENING, "0.0.0.0", (uint16_t)(1000 + i));
	say(1, "echo");
	services_judge(&view);
	assert_int_equal(view.n, SERVICES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(takes_services_of_both_families, setup),
		cmocka_unit_test_setup(leaves_out_loopback, setup),
		cmocka_unit_test_setup(shows_what_is_off_and_why, setup),
		cmocka_unit_test_setup(an_address_that_is_reached_wins, setup),
		cmocka_unit_test_setup(everything_counts_while_no_address_is_known, setup),
		cmocka_unit_test_setup(people_have_the_last_word, setup),
		cmocka_unit_test_setup(a_rule_of_a_person_needs_no_listener, setup),
		cmocka_unit_test(covers),
		cmocka_unit_test_setup(bears_more_than_it_keeps, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
