/*
 * test_lease: openings, lines and what is in them: against the vectors, and everything that must be refused.
 */
#include "proto/lease.h"

#include "proto/keys.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#undef VECTORS
#define VECTORS LEASE_VECTORS
#include "vectors.h"

#define B16 "AQIDBAUGBwgJCgsMDQ4PEA"
#define B32 "CQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJyg"
#define ID "BAUGBwgJCgsM"
#define MAC "be:ef:fa:ce:c0:de"

/* --- openings --- */

static int opening(const char *json, struct lease_opening *ret)
{
	return lease_opening_read(json, strlen(json), ret);
}

static void openings_come_out_as_they_went_in(void **state)
{
	static const struct {
		const char *json;
		enum lease_opening_kind kind;
	} known[] = {
		{ "{\"rouse\":1,\"pair\":{\"session\":\"" B16 "\",\"share\":\"" B32
		  "\",\"mac\":\"" MAC "\",\"name\":\"nas\"}}",
		  LEASE_OPEN_PAIR },
		{ "{\"rouse\":1,\"lease\":{\"pairing\":\"" ID "\",\"nonce\":\"" B32 "\"}}",
		  LEASE_OPEN_LEASE },
		{ "{\"pair\":{\"id\":\"" ID "\",\"share\":\"" B32 "\",\"tag\":\"" B32 "\"}}",
		  LEASE_PAIR_SHARE },
		{ "{\"pair\":{\"tag\":\"" B32 "\"}}", LEASE_PAIR_TAG },
		{ "{\"paired\":\"" ID "\"}", LEASE_PAIRED },
		{ "{\"lease\":{\"nonce\":\"" B32 "\"}}", LEASE_OPENED },
		{ "{\"error\":\"wrong-code\",\"text\":\"the code is wrong\"}", LEASE_ERROR },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct lease_opening o;
		char line[1024];
		size_t n = strlen(known[i].json);

		assert_int_equal(opening(known[i].json, &o), 0);
		assert_int_equal(o.kind, known[i].kind);
		assert_int_equal(lease_opening_write(&o, line, sizeof(line)), n + 1);
		assert_memory_equal(line, known[i].json, n);
		assert_string_equal(line + n, "\n");
		assert_int_equal(lease_opening_write(&o, line, n + 1), -ENOSPC);
		for (size_t cut = 0; cut < n; cut++)
			assert_int_equal(lease_opening_read(known[i].json, cut, &o), -EINVAL);
	}
}

static void openings_that_are_none(void **state)
{
	static const char *const bad[] = {
		"{}",
		"[]",
		"{\"rouse\":1}",
		"{\"rouse\":\"1\",\"lease\":{\"pairing\":\"" ID "\",\"nonce\":\"" B32 "\"}}",
		"{\"rouse\":1,\"lease\":{\"pairing\":\"" ID "\",\"nonce\":\"" B32
		"\"},\"pair\":{\"tag\":\"" B32 "\"}}",
		/* ids, nonces and shares of another length, or in another spelling */
		"{\"rouse\":1,\"lease\":{\"pairing\":\"BAUG\",\"nonce\":\"" B32 "\"}}",
		"{\"rouse\":1,\"lease\":{\"pairing\":\"" ID "\",\"nonce\":\"" B16 "\"}}",
		"{\"rouse\":1,\"lease\":{\"pairing\":\"" ID "\",\"nonce\":\"" B32 "=\"}}",
		"{\"rouse\":1,\"lease\":{\"pairing\":7,\"nonce\":\"" B32 "\"}}",
		"{\"rouse\":1,\"lease\":7}",
		/* a MAC has one spelling here: it is mixed with the code */
		"{\"rouse\":1,\"pair\":{\"session\":\"" B16 "\",\"share\":\"" B32
		"\",\"mac\":\"BE:EF:FA:CE:C0:DE\",\"name\":\"nas\"}}",
		"{\"rouse\":1,\"pair\":{\"session\":\"" B16 "\",\"share\":\"" B32
		"\",\"mac\":\"be-ef-fa-ce-c0-de\",\"name\":\"nas\"}}",
		"{\"rouse\":1,\"pair\":{\"session\":\"" B16 "\",\"share\":\"" B32
		"\",\"mac\":\"01:00:5e:00:00:fb\",\"name\":\"nas\"}}",
		"{\"rouse\":1,\"pair\":{\"session\":\"" B16 "\",\"share\":\"" B32
		"\",\"mac\":\"" MAC "\",\"name\":\"a/b\"}}",
		"{\"rouse\":1,\"pair\":{\"session\":\"" B16 "\",\"share\":\"" B32
		"\",\"mac\":\"" MAC "\"}}",
		"{\"pair\":{\"share\":\"" B32 "\",\"tag\":\"" B32 "\"}}",
		"{\"pair\":{}}",
		"{\"pair\":{\"tag\":\"" B32 "\"},\"paired\":\"" ID "\"}",
		"{\"paired\":\"\"}",
		"{\"error\":\"\"}",
		"{\"error\":\"Wrong Code\"}",
		"{\"error\":\"aaaaaaaaaaaaaaaaaaaaaaaa\"}",
		"{\"error\":7}",
		"{\"paired\":\"" ID "\",\"paired\":\"" ID "\"}",
	};
	struct lease_opening o;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(opening(bad[i], &o), -EINVAL);
	assert_int_equal(opening("{\"rouse\":2,\"lease\":{}}", &o), -EPROTONOSUPPORT);
	assert_int_equal(opening("{\"rouse\":0}", &o), -EPROTONOSUPPORT);
}

static void texts_cannot_steer_a_terminal(void **state)
{
	struct lease_opening o;
	char json[1024] = "{\"error\":\"busy\",\"text\":\"";

	(void)state;
	assert_int_equal(
		opening("{\"error\":\"busy\",\"text\":\"a\\u001b[2J\\nb \\u202e \xc3\xa4\"}", &o),
		0);
	assert_string_equal(o.text, "a?[2J?b ? \xc3\xa4");
	for (int i = 0; i < 150; i++)
		strcat(json, "\xc3\xa4");
	strcat(json, "\"}");
	assert_int_equal(opening(json, &o), 0);
	/* Cut between characters. */
	assert_int_equal(strlen(o.text), LEASE_TEXT - 2);
}

static void ours_or_wakupators(void **state)
{
	static const struct {
		const char *json;
		bool ours;
	} known[] = {
		{ "{\"rouse\":1,\"pair\":{}}", true },
		{ " {\"pair\":{},\"rouse\":\"x\"} ", true },
		{ "{\"name\":\"nas\",\"mac\":\"" MAC "\",\"monitor\":[]}", false },
		{ "{\"name\":\"rouse\"}", false },
		{ "{\"monitor\":[{\"rouse\":1}]}", false },
		{ "{\"rouse\":1", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_int_equal(lease_is_ours(known[i].json, strlen(known[i].json)),
				 known[i].ours);
}

/* --- lines --- */

static void ways(struct lease_way *to_guard, struct lease_way *to_sleeper)
{
	const struct json *v = json_member(vectors, "lease");
	uint8_t key[PAIRING_KEY_SIZE], sleeper[LEASE_NONCE_SIZE], guard[LEASE_NONCE_SIZE];

	bytes_of(v, "key", key, sizeof(key));
	bytes_of(v, "nonce_sleeper", sleeper, sizeof(sleeper));
	bytes_of(v, "nonce_guard", guard, sizeof(guard));
	lease_ways(key, sleeper, guard, to_guard, to_sleeper);
}

static void lines_are_those_of_the_vectors(void **state)
{
	const struct json *v = json_member(vectors, "lease");
	struct lease_way there[2], here[2];
	uint8_t key[32];

	(void)state;
	ways(&there[0], &there[1]);
	ways(&here[0], &here[1]);
	bytes_of(v, "to_guard", key, sizeof(key));
	assert_memory_equal(there[0].key, key, sizeof(key));
	bytes_of(v, "to_sleeper", key, sizeof(key));
	assert_memory_equal(there[1].key, key, sizeof(key));
	for (int direction = 0; direction < 2; direction++) {
		const struct json *list = json_member(v, direction ? "told" : "said");

		assert_true(json_count(list) >= 5);
		for (size_t i = 0; i < json_count(list); i++) {
			const char *json = word_of(json_item(list, i), "json");
			const char *line = word_of(json_item(list, i), "line");
			const char *inner;
			char sealed[1024];
			size_t n;

			assert_int_equal(lease_seal(&there[direction], json, sealed,
						    sizeof(sealed)),
					 strlen(line) + 1);
			assert_memory_equal(sealed, line, strlen(line));
			assert_int_equal(sealed[strlen(line)], '\n');
			assert_int_equal(lease_unseal(&here[direction], line, strlen(line), &inner,
						      &n),
					 0);
			assert_int_equal(n, strlen(json));
			assert_memory_equal(inner, json, n);
		}
	}
}

static void unauthentic_lines(void **state)
{
	struct lease_way out, back, in, other;
	const char *json;
	char first[256], second[256];
	size_t n, length;

	(void)state;
	ways(&out, &back);
	ways(&in, &other);
	n = (size_t)lease_seal(&out, "{\"say\":\"stay\",\"why\":\"stop\"}", first, sizeof(first)) -
	    1;
	(void)lease_seal(&out, "{\"say\":\"stay\",\"why\":\"stop\"}", second, sizeof(second));
	/* Every bit counts. */
	for (size_t bit = 0; bit < 8 * n; bit++) {
		first[bit / 8] ^= (char)(1U << bit % 8);
		assert_int_not_equal(lease_unseal(&in, first, n, &json, &length), 0);
		first[bit / 8] ^= (char)(1U << bit % 8);
	}
	for (size_t cut = 0; cut < n; cut++)
		assert_int_not_equal(lease_unseal(&in, first, cut, &json, &length), 0);
	/* In its turn alone, in its direction alone, once alone. */
	assert_int_equal(lease_unseal(&in, second, n, &json, &length), -EBADMSG);
	assert_int_equal(lease_unseal(&other, first, n, &json, &length), -EBADMSG);
	assert_int_equal(lease_unseal(&in, first, n, &json, &length), 0);
	assert_int_equal(lease_unseal(&in, first, n, &json, &length), -EBADMSG);
	assert_int_equal(lease_unseal(&in, second, n, &json, &length), 0);
	assert_int_equal(in.counter, 2);
}

static void lines_that_do_not_fit(void **state)
{
	static char json[LEASE_LINE_MAX + 1], line[LEASE_LINE_MAX + 1];
	struct lease_way out, in, unused;
	const char *inner;
	size_t n;
	int length;

	(void)state;
	ways(&out, &unused);
	ways(&in, &unused);
	memset(json, ' ', LEASE_LINE_MAX - 45);
	assert_int_equal(lease_seal(&out, json, line, LEASE_LINE_MAX), -ENOSPC);
	assert_int_equal(out.counter, 0);
	length = lease_seal(&out, json, line, sizeof(line));
	assert_int_equal(length, LEASE_LINE_MAX);
	assert_int_equal(lease_unseal(&in, line, LEASE_LINE_MAX, &inner, &n), -EINVAL);
	assert_int_equal(lease_unseal(&in, line, LEASE_LINE_MAX - 1, &inner, &n), 0);
	json[LEASE_LINE_MAX - 45] = ' ';
	assert_int_equal(lease_seal(&out, json, line, sizeof(line)), -ENOSPC);
}

/* --- what is in them --- */

static void what_is_said_comes_out_as_it_went_in(void **state)
{
	const struct json *list = json_member(json_member(vectors, "lease"), "said");

	(void)state;
	for (size_t i = 0; i < json_count(list); i++) {
		const char *json = word_of(json_item(list, i), "json");
		char again[1024], error[LEASE_TEXT] = "";
		struct lease_said s;

		assert_int_equal(lease_said_read(json, strlen(json), &s, error), 0);
		assert_int_equal(lease_said_write(&s, again, sizeof(again)), strlen(json));
		assert_string_equal(again, json);
		assert_int_equal(lease_said_write(&s, again, strlen(json)), -ENOSPC);
	}
}

static void a_lease_is_understood(void **state)
{
	static const char json[] =
		"{\"say\":\"goodbye\",\"why\":\"hibernate\",\"name\":\"nas\",\"mac\":\"" MAC
		"\",\"addresses\":[\"192.0.2.50\",\"2001:db8::50\"],\"rules\":[\"tcp/22\"],"
		"\"secureon\":\"01:02:03:04:05:06\",\"colour\":\"blue\"}";
	char error[LEASE_TEXT] = "";
	struct lease_said s;

	(void)state;
	assert_int_equal(lease_said_read(json, strlen(json), &s, error), 0);
	assert_int_equal(s.say, SAY_GOODBYE);
	assert_int_equal(s.why, WHY_HIBERNATE);
	assert_string_equal(s.spec.name, "nas");
	assert_int_equal(s.spec.origin, SPEC_REGISTERED);
	assert_int_equal(s.spec.addresses_n, 2);
	assert_int_equal(s.spec.rules_n, 1);
	assert_int_equal(s.spec.rules[0].first, 22);
	assert_int_equal(s.spec.rules[0].address, SPEC_ANY_ADDRESS);
	assert_int_equal(s.spec.secureon.length, 6);
	assert_true(spec_sane(&s.spec));
}

#define M "\"name\":\"nas\",\"mac\":\"" MAC "\","
#define A "\"addresses\":[\"192.0.2.50\"],"
#define R "\"rules\":[]"

static void what_may_not_be_said(void **state)
{
	static const struct {
		const char *json, *error;
	} bad[] = {
		{ "{}", "say: missing" },
		{ "{\"say\":7}", "say: a number, not a string" },
		{ "{\"say\":\"sleep\"}",
		  "say: \"sleep\" is none; there are lease, goodbye, stay, test, answer" },
		{ "{\"say\":\"lease\"}", "why: missing" },
		{ "{\"say\":\"lease\",\"why\":\"suspend\"," M A R "}",
		  "why: \"suspend\" is no reason for this" },
		{ "{\"say\":\"goodbye\",\"why\":\"reboot\"," M A R "}",
		  "why: \"reboot\" is no reason for this" },
		{ "{\"say\":\"stay\",\"why\":\"none\"}", "why: \"none\" is no reason for this" },
		{ "{\"say\":\"lease\",\"why\":\"boot\",\"mac\":\"" MAC "\"," A R "}",
		  "name: missing" },
		{ "{\"say\":\"lease\",\"why\":\"boot\",\"name\":\"a\\u001bb\",\"mac\":\"" MAC
		  "\"," A R "}",
		  "name: \"a\\x1bb\" has '/', a control character, or a blank at an end" },
		{ "{\"say\":\"lease\",\"why\":\"boot\",\"name\":\"a\"," A R "}", "mac: missing" },
		{ "{\"say\":\"lease\",\"why\":\"boot\",\"name\":\"a\","
		  "\"mac\":\"ff:ff:ff:ff:ff:ff\"," A R "}",
		  "mac: \"ff:ff:ff:ff:ff:ff\" is the broadcast address" },
		{ "{\"say\":\"lease\",\"why\":\"boot\"," M R "}", "addresses: missing" },
		{ "{\"say\":\"lease\",\"why\":\"boot\"," M "\"addresses\":[]," R "}",
		  "addresses: empty" },
		{ "{\"say\":\"lease\",\"why\":\"boot\"," M
		  "\"addresses\":[\"192.0.2.1\",\"192.0.2.1\"]," R "}",
		  "addresses: \"192.0.2.1\" is given twice" },
		{ "{\"say\":\"lease\",\"why\":\"boot\"," M "\"addresses\":[\"ff02::1\"]," R "}",
		  "addresses: \"ff02::1\" is a multicast address" },
		{ "{\"say\":\"lease\",\"why\":\"boot\"," M "\"addresses\":[\"::ffff:192.0.2.1\"]," R
		  "}",
		  "addresses: \"::ffff:192.0.2.1\" is an IPv4 address in IPv6 form: write it as "
		  "IPv4" },
		{ "{\"say\":\"lease\",\"why\":\"boot\"," M A "\"rules\":[\"tcp/0\"]}",
		  "rules: \"tcp/0\" is no rule; rules are like tcp/22, tcp/22+data, udp/9987, "
		  "tcp/8000-8010, any, echo" },
		{ "{\"say\":\"lease\",\"why\":\"boot\"," M A "\"rules\":{}}",
		  "rules: an object, not an array" },
		{ "{\"say\":\"lease\",\"why\":\"boot\"," M A R ",\"secureon\":\"01\"}",
		  "secureon: not four or six bytes like 01:02:03:04:05:06" },
		{ "{\"say\":\"test\",\"after\":0}", "after: not a whole number in 1..600" },
		{ "{\"say\":\"test\",\"after\":601}", "after: not a whole number in 1..600" },
		{ "{\"say\":\"test\",\"after\":1.5}", "after: not a whole number in 1..600" },
		{ "{\"say\":\"answer\",\"ask\":-1,\"result\":\"ok\"}", "ask: not a whole number" },
		{ "{\"say\":\"answer\",\"ask\":4294967296,\"result\":\"ok\"}",
		  "ask: not a whole number" },
		{ "{\"say\":\"answer\",\"ask\":1,\"result\":\"yes\"}",
		  "result: neither ok nor refused" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char error[LEASE_TEXT] = "";
		struct lease_said s;

		assert_int_equal(lease_said_read(bad[i].json, strlen(bad[i].json), &s, error),
				 -EINVAL);
		assert_string_equal(error, bad[i].error);
	}
}

/* "prefix1suffix", "prefix2suffix", … */
static void list_of(char *to, const char *field, const char *prefix, const char *suffix, int n)
{
	sprintf(to + strlen(to), "\"%s\":[", field);
	for (int i = 0; i < n; i++) {
		strcat(to, i ? "," : "");
		sprintf(to + strlen(to), "\"%s%d%s\"", prefix, i + 1, suffix);
	}
	strcat(to, "]");
}

/* Seventeen addresses, or sixty-five rules, are too many. */
static void as_many_as_there_may_be(void **state)
{
	static const struct {
		int addresses, rules;
		const char *error;
	} known[] = { { 16, 64, "" },
		      { 17, 64, "addresses: too many" },
		      { 16, 65, "rules: too many" } };

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char json[8192] = "{\"say\":\"lease\",\"why\":\"renew\"," M;
		char error[LEASE_TEXT] = "";
		struct lease_said s;

		list_of(json, "addresses", "192.0.2.", "", known[i].addresses);
		strcat(json, ",");
		list_of(json, "rules", "tcp/", "00", known[i].rules);
		strcat(json, "}");
		assert_int_equal(lease_said_read(json, strlen(json), &s, error),
				 known[i].error[0] ? -EINVAL : 0);
		assert_string_equal(error, known[i].error);
	}
}

static void what_is_told_comes_out_as_it_went_in(void **state)
{
	const struct json *list = json_member(json_member(vectors, "lease"), "told");

	(void)state;
	for (size_t i = 0; i < json_count(list); i++) {
		const char *json = word_of(json_item(list, i), "json");
		char again[1024];
		struct lease_told t;

		assert_int_equal(lease_told_read(json, strlen(json), &t), 0);
		assert_int_equal(lease_told_write(&t, again, sizeof(again)), strlen(json));
		assert_string_equal(again, json);
		assert_int_equal(lease_told_write(&t, again, strlen(json)), -ENOSPC);
	}
}

static void what_may_not_be_told(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"tell\":\"joke\"}",
		"{\"tell\":\"result\",\"of\":0,\"result\":\"ok\"}",
		"{\"tell\":\"result\",\"of\":1,\"result\":\"maybe\"}",
		"{\"tell\":\"result\",\"of\":1,\"result\":\"ok\",\"seconds\":-1}",
		"{\"tell\":\"ask\",\"ask\":1,\"what\":\"explode\"}",
		"{\"tell\":\"ask\",\"what\":\"sleep\"}",
		"{\"tell\":\"tested\",\"asleep_seconds\":-1}",
		"{\"tell\":\"tested\",\"asleep_seconds\":1e300}",
		"{\"tell\":\"tested\",\"asleep_seconds\":\"2\"}",
		"{\"tell\":\"tested\",\"ready\":{}}",
		"{\"tell\":\"tested\",\"ready\":[{\"port\":\"22\",\"seconds\":1}]}",
		"{\"tell\":\"tested\",\"ready\":[7]}",
		/* five */
		("{\"tell\":\"tested\",\"ready\":[{\"port\":\"tcp/1\"},{\"port\":\"tcp/1\"},"
		 "{\"port\":\"tcp/1\"},{\"port\":\"tcp/1\"},{\"port\":\"tcp/1\"}]}"),
		"{\"tell\":\"tested\",\"error\":1}",
	};
	struct lease_told t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(lease_told_read(bad[i], strlen(bad[i]), &t), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openings_come_out_as_they_went_in),
		cmocka_unit_test(openings_that_are_none),
		cmocka_unit_test(texts_cannot_steer_a_terminal),
		cmocka_unit_test(ours_or_wakupators),
		cmocka_unit_test(lines_are_those_of_the_vectors),
		cmocka_unit_test(unauthentic_lines),
		cmocka_unit_test(lines_that_do_not_fit),
		cmocka_unit_test(what_is_said_comes_out_as_it_went_in),
		cmocka_unit_test(a_lease_is_understood),
		cmocka_unit_test(what_may_not_be_said),
		cmocka_unit_test(as_many_as_there_may_be),
		cmocka_unit_test(what_is_told_comes_out_as_it_went_in),
		cmocka_unit_test(what_may_not_be_told),
	};

	if (keys_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, vectors_load, vectors_drop);
}
