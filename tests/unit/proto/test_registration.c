/*
 * test_registration: Wakupator's JSON: what is accepted, and what is said about what is not.
 */
#include "proto/registration.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAC "\"mac\":\"BE:ef:fa:ce:c0:de\""
#define ONE(ports) "{" MAC ",\"monitor\":[{\"ip\":\"192.0.2.50\",\"port\":" ports "}]}"

static void good(const char *json, struct registration *ret)
{
	char error[REGISTRATION_ERROR] = "";

	if (registration_decode(json, strlen(json), ret, error) != 0)
		fail_msg("%s\n%s", json, error);
	assert_true(spec_sane(&ret->spec));
	assert_int_equal(ret->spec.origin, SPEC_REGISTERED);
}

static void bad(const char *json, const char *expected)
{
	char error[REGISTRATION_ERROR] = "";
	struct registration r = { .goodbye = true };

	if (registration_decode(json, strlen(json), &r, error) == 0)
		fail_msg("%s: accepted", json);
	assert_string_equal(error, expected);
	/* Outputs are written only on success. */
	assert_int_equal(r.spec.addresses_n, 0);
}

/* All rules as "tcp/22@0 udp/22@0": the address index behind each, * for any. */
static char *rules(const struct spec *s, char *to, size_t size)
{
	struct text t = text_over(to, size);
	char rule[RULE_TEXT];

	for (uint16_t i = 0; i < s->rules_n; i++) {
		if (i)
			text_char(&t, ' ');
		text_string(&t, rule_format(&s->rules[i], rule));
		text_char(&t, '@');
		if (s->rules[i].address == SPEC_ANY_ADDRESS)
			text_char(&t, '*');
		else
			text_u64(&t, s->rules[i].address);
	}
	return to;
}

static void as_wakupator_sends_it(void **state)
{
	struct registration r;
	char text[256];

	(void)state;
	good("{" MAC ",\"name\":\"nas\",\"monitor\":[{\"ip\":\"192.0.2.50\",\"port\":[22,80,81]},"
	     "{\"ip\":\"2001:db8::50\",\"port\":[81,22,80,80]}]}",
	     &r);
	assert_string_equal(r.spec.name, "nas");
	assert_string_equal(mac_format(&r.spec.mac, text), "be:ef:fa:ce:c0:de");
	assert_int_equal(r.spec.addresses_n, 2);
	assert_string_equal(addr_format(&r.spec.addresses[1], text), "2001:db8::50");
	/* The same ports for all: said once. A listed port is TCP and UDP. */
	assert_string_equal(rules(&r.spec, text, sizeof(text)),
			    "tcp/22@* udp/22@* tcp/80-81@* udp/80-81@*");
	assert_true(r.goodbye);
	assert_string_equal(r.token, "");
	good("{" MAC ",\"monitor\":[{\"ip\":\"192.0.2.50\",\"port\":[22]}],\"new\":{\"x\":[1]}}",
	     &r);
	assert_string_equal(r.spec.name, "m-beeffacec0de");
}

static void ports_belong_to_their_address(void **state)
{
	struct registration r;
	char text[256];

	(void)state;
	good("{" MAC ",\"monitor\":[{\"ip\":\"192.0.2.50\",\"port\":[22]},{\"ip\":\"192.0.2.51\","
	     "\"port\":[]}]}",
	     &r);
	assert_string_equal(rules(&r.spec, text, sizeof(text)), "tcp/22@0 udp/22@0 any@1");
	good(ONE("[]"), &r);
	assert_string_equal(rules(&r.spec, text, sizeof(text)), "any@*");
}

static char *list_of(uint32_t n, uint32_t step)
{
	size_t size = 256 + (size_t)n * 7;
	char *json = malloc(size);
	struct text t = text_over(json, size);

	text_string(&t, "{" MAC ",\"monitor\":[{\"ip\":\"192.0.2.50\",\"port\":[");
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			text_char(&t, ',');
		text_u64(&t, 1 + i * step);
	}
	text_string(&t, "]}]}");
	return json;
}

static void lists_of_any_length(void **state)
{
	struct registration r;
	char text[256];
	char *json = list_of(9000, 1);

	(void)state;
	good(json, &r);
	assert_string_equal(rules(&r.spec, text, sizeof(text)), "tcp/1-9000@* udp/1-9000@*");
	free(json);
	json = list_of(128, 2);
	good(json, &r);
	assert_int_equal(r.spec.rules_n, 256);
	free(json);
	json = list_of(129, 2);
	bad(json, "Invalid port value. monitor[0].port: together more than 128 separate ports and "
		  "ranges; "
		  "an empty array means all");
	free(json);
}

static void our_own_keys(void **state)
{
	struct registration r;
	char text[256];

	(void)state;
	good("{" MAC
	     ",\"monitor\":[{\"ip\":\"192.0.2.50\",\"port\":[22]}],\"rules\":[\"tcp/22\",\"echo\"],"
	     "\"goodbye\":false,\"token\":\"s3cret\",\"secureon\":\"1.2.3.4\"}",
	     &r);
	assert_string_equal(rules(&r.spec, text, sizeof(text)), "tcp/22@* echo@*");
	assert_false(r.goodbye);
	assert_string_equal(r.token, "s3cret");
	assert_int_equal(r.spec.secureon.length, 4);
	/* An empty list of rules is the default: any TCP port. */
	good("{" MAC ",\"monitor\":[{\"ip\":\"192.0.2.50\",\"port\":[22]}],\"rules\":[]}", &r);
	assert_int_equal(r.spec.rules_n, 0);
}

#define JSON_ERROR \
	"An error has been found in the JSON. Please check the types, key names and structure. "

static void what_is_wrong(void **state)
{
	static const struct {
		const char *json, *error;
	} cases[] = {
		{ "", JSON_ERROR "line 1: '[' or '{' expected near end of file" },
		{ "[]", JSON_ERROR "it does not begin with {" },
		{ ONE("[22]") "x", JSON_ERROR "something follows the closing }" },
		{ "{\"a\":1,\"a\":2}", JSON_ERROR "line 1: duplicate object key near '\"a\"'" },
		{ "{\"a\":[[[[[[[[[[[[[[[[", JSON_ERROR "nested too deeply" },
		{ "{}", JSON_ERROR "mac: missing" },
		{ "{\"mac\":7}", JSON_ERROR "mac: a number, not a string" },
		{ "{\"mac\":\"be:ef\"}", "Invalid MAC address format. mac: \"be:ef\" is not six "
					 "pairs of hexadecimal digits" },
		{ "{\"mac\":\"\\u001b[2J\"}", "Invalid MAC address format. mac: \"\\x1b[2J\" is "
					      "not six pairs of hexadecimal digits" },
		{ "{\"mac\":\"FF:FF:FF:FF:FF:FF\"}",
		  "Invalid MAC address format. mac: \"FF:FF:FF:FF:FF:FF\" is the broadcast "
		  "address" },
		{ "{\"mac\":\"01:00:5e:00:00:01\"}",
		  "Invalid MAC address format. mac: \"01:00:5e:00:00:01\" is a multicast address" },
		{ "{\"mac\":\"00:00:00:00:00:00\"}",
		  "Invalid MAC address format. mac: \"00:00:00:00:00:00\" is nobody's address" },
		{ "{" MAC ",\"name\":null}", JSON_ERROR "name: null, not a string" },
		{ "{" MAC ",\"name\":\"\"}", "Invalid Name format. name: \"\" is empty" },
		{ "{" MAC ",\"name\":\"a\\nb\"}", "Invalid Name format. name: \"a\\x0ab\" has '/', "
						  "a control character, or a blank at an end" },
		{ "{" MAC
		  ",\"name\":\"0123456789012345678901234567890123456789012345678901234567890123\"}",
		  "Name value is too long (max 63 char). name: 64 bytes" },
		{ "{" MAC "}", JSON_ERROR "monitor: missing" },
		{ "{" MAC ",\"monitor\":{}}", JSON_ERROR "monitor: an object, not an array" },
		{ "{" MAC ",\"monitor\":[]}",
		  JSON_ERROR "monitor: an empty array; at least one address is needed" },
		{ "{" MAC ",\"monitor\":[1]}", JSON_ERROR "monitor[0]: a number, not an object" },
		{ "{" MAC ",\"monitor\":[{}]}", JSON_ERROR "monitor[0].ip: missing" },
		{ "{" MAC ",\"monitor\":[{\"ip\":\"192.0.2.999\"}]}",
		  "Invalid IP address format. monitor[0].ip: \"192.0.2.999\" is neither an IPv4 "
		  "nor an IPv6 address" },
		{ "{" MAC ",\"monitor\":[{\"ip\":\"224.0.0.1\"}]}",
		  "Invalid IP address format. monitor[0].ip: \"224.0.0.1\" is a multicast "
		  "address" },
		{ "{" MAC ",\"monitor\":[{\"ip\":\"::ffff:192.0.2.1\"}]}",
		  "Invalid IP address format. monitor[0].ip: \"::ffff:192.0.2.1\" is an IPv4 "
		  "address in IPv6 form: write it as IPv4" },
		{ "{" MAC ",\"monitor\":[{\"ip\":\"192.0.2.50\"}]}",
		  JSON_ERROR "monitor[0].port: missing" },
		{ "{" MAC ",\"monitor\":[{\"ip\":\"2001:db8::1\",\"port\":[1]},{\"ip\":\"192.0.2."
		  "1\",\"port\":[1]},"
		  "{\"ip\":\"2001:DB8:0::1\",\"port\":[2]}]}",
		  "A duplicate IP has been found in the JSON, please merge all ports in an array "
		  "for this IP. "
		  "monitor[2].ip: \"2001:DB8:0::1\" is the address of monitor[0] too" },
		{ ONE("\"22\""), JSON_ERROR "monitor[0].port: a string, not an array" },
		{ ONE("[22,\"80\"]"),
		  "Invalid port value. monitor[0].port[1]: a string, not a whole number" },
		{ ONE("[22.7]"), "Invalid port value. monitor[0].port[0]: a number that is not "
				 "whole, not a whole number" },
		{ ONE("[1,2,3,70000]"),
		  "Invalid port value. monitor[0].port[3]: 70000 is not in 1..65535" },
		{ ONE("[0]"), "Invalid port value. monitor[0].port[0]: 0 is not in 1..65535" },
		{ ONE("[-9223372036854775808]"), "Invalid port value. monitor[0].port[0]: "
						 "-9223372036854775808 is not in 1..65535" },
		{ "{" MAC ",\"monitor\":[{\"ip\":\"192.0.2.50\",\"port\":[]}],\"goodbye\":1}",
		  JSON_ERROR "goodbye: a number, not true or false" },
		{ "{" MAC
		  ",\"monitor\":[{\"ip\":\"192.0.2.50\",\"port\":[]}],\"rules\":[\"tcp/x\"]}",
		  JSON_ERROR "rules: \"tcp/x\" is no rule; rules are like tcp/22, udp/9987, "
			     "tcp/8000-8010, any, echo" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		bad(cases[i].json, cases[i].error);
}

static void seventeen_addresses(void **state)
{
	char json[2048];
	struct text t = text_over(json, sizeof(json));

	(void)state;
	text_string(&t, "{" MAC ",\"monitor\":[");
	for (unsigned int i = 1; i <= 17; i++) {
		text_string(&t, i > 1 ? ",{\"ip\":\"192.0.2." : "{\"ip\":\"192.0.2.");
		text_u64(&t, i);
		text_string(&t, "\",\"port\":[]}");
	}
	text_string(&t, "]}");
	bad(json, JSON_ERROR "monitor[16].ip: a machine has at most 16 addresses");
}

/* What an error quotes is bounded, whatever was sent. */
static void long_values_are_cut(void **state)
{
	char json[5000] = "{\"mac\":\"";
	char error[REGISTRATION_ERROR];
	struct registration r;
	size_t n = strlen(json);

	(void)state;
	memset(json + n, 0x01, 4000);
	for (size_t i = n; i < n + 4000; i++)
		json[i] = i % 2 ? 'x' : '\'';
	memcpy(json + n + 4000, "\"}", 3);
	assert_true(registration_decode(json, strlen(json), &r, error) < 0);
	assert_non_null(strstr(error, "\"... is not six pairs"));
}

static void written_and_read(void **state)
{
	struct registration r;
	struct registration again;
	char json[1024];
	char error[REGISTRATION_ERROR];
	int n;

	(void)state;
	good("{" MAC
	     ",\"name\":\"n\xc3\xa4s \\\"1\\\"\",\"monitor\":[{\"ip\":\"192.0.2.50\",\"port\":[]}],"
	     "\"rules\":[\"tcp/22\",\"tcp/"
	     "80\"],\"token\":\"t\",\"secureon\":\"01:02:03:04:05:06\"}",
	     &r);
	n = registration_encode(&r, json, sizeof(json));
	assert_string_equal(json,
			    "{\"name\":\"n\xc3\xa4s \\\"1\\\"\",\"mac\":\"be:ef:fa:ce:c0:de\","
			    "\"monitor\":[{\"ip\":\"192.0.2.50\",\"port\":[22,80]}],"
			    "\"rules\":[\"tcp/22\",\"tcp/80\"],\"goodbye\":true,\"token\":\"t\","
			    "\"secureon\":\"01:02:03:04:05:06\"}");
	assert_int_equal(n, strlen(json));
	assert_int_equal(registration_decode(json, (size_t)n, &again, error), 0);
	assert_memory_equal(&again, &r, sizeof(r));
	assert_true(registration_encode(&r, json, (size_t)n) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_wakupator_sends_it),
		cmocka_unit_test(ports_belong_to_their_address),
		cmocka_unit_test(lists_of_any_length),
		cmocka_unit_test(our_own_keys),
		cmocka_unit_test(what_is_wrong),
		cmocka_unit_test(seventeen_addresses),
		cmocka_unit_test(long_values_are_cut),
		cmocka_unit_test(written_and_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
