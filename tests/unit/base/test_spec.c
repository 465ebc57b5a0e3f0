/* test_spec: rules, sources, SecureOn and names in text; merging; what a sister process may not send. */
#include "base/spec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct rule rule(const char *text)
{
	struct rule r = { 0 };

	if (rule_parse(text, &r) < 0)
		fail_msg("%s is a rule", text);
	return r;
}

static void rules_print_back(void **state)
{
	static const struct {
		const char *in, *out;
		uint8_t kind;
		uint16_t first, last;
	} good[] = {
		{ "tcp/22", "tcp/22", RULE_TCP, 22, 22 },
		{ "tcp/8000-8010", "tcp/8000-8010", RULE_TCP, 8000, 8010 },
		{ "tcp/8000-8000", "tcp/8000", RULE_TCP, 8000, 8000 },
		{ "tcp/22+data", "tcp/22+data", RULE_TCP_DATA, 22, 22 },
		{ "tcp/10000-65535+data", "tcp/10000-65535+data", RULE_TCP_DATA, 10000, 65535 },
		{ "tcp+data", "tcp+data", RULE_TCP_DATA, 0, 65535 },
		{ "udp/9987", "udp/9987", RULE_UDP, 9987, 9987 },
		{ "udp/1-65535", "udp/1-65535", RULE_UDP, 1, 65535 },
		{ "tcp", "tcp", RULE_TCP, 0, 65535 },
		{ "udp", "udp", RULE_UDP, 0, 65535 },
		{ "any", "any", RULE_ANY, 0, 65535 },
		{ "echo", "echo", RULE_ECHO, 0, 65535 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct rule r = rule(good[i].in);
		char text[RULE_TEXT];

		assert_int_equal(r.kind, good[i].kind);
		assert_int_equal(r.first, good[i].first);
		assert_int_equal(r.last, good[i].last);
		assert_int_equal(r.address, SPEC_ANY_ADDRESS);
		assert_string_equal(rule_format(&r, text), good[i].out);
	}
}

static void bad_rules_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"22",
		"tcp/",
		"tcp/0",
		"tcp/0-5",
		"tcp/65536",
		"tcp/5-4",
		"tcp/-5",
		"tcp/5-",
		"tcp/1-2-3",
		"tcp/22 ",
		" tcp/22",
		"tcp /22",
		"tcp/22+",
		"tcp/22+dat",
		"tcp/22+datax",
		"udp/1+data",
		"echo+data",
		"any+data",
		"echo/1",
		"any/1",
		"icmp",
		"tc",
		"tcpx",
		"+data",
		"tcp+data/22",
		"tcp/22+data+data",
		"tcp/22/23",
		"tcp/0x16",
		"tcp/99999999999999999999",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rule r;

		if (rule_parse(bad[i], &r) != -EINVAL)
			fail_msg("'%s' is no rule", bad[i]);
	}
}

static void check_rules(const struct spec *s, const char *expected)
{
	char all[512] = "";

	for (uint16_t i = 0; i < s->rules_n; i++) {
		char text[RULE_TEXT];

		if (i)
			strcat(all, " ");
		strcat(all, rule_format(&s->rules[i], text));
	}
	assert_string_equal(all, expected);
}

static void rules_merge_where_they_stand(void **state)
{
	static const struct {
		const char *in[6];
		const char *out;
	} rows[] = {
		{ { "tcp/22", "tcp/22" }, "tcp/22" },
		{ { "tcp/22", "tcp/23" }, "tcp/22-23" },
		{ { "tcp/23", "tcp/22" }, "tcp/22-23" },
		{ { "tcp/22", "tcp/24" }, "tcp/22 tcp/24" },
		{ { "tcp/22", "tcp/24", "tcp/23" }, "tcp/22-24" },
		{ { "tcp/1-10", "tcp/3-5" }, "tcp/1-10" },
		{ { "tcp/3-5", "tcp/1-10" }, "tcp/1-10" },
		{ { "tcp/22", "udp/23" }, "tcp/22 udp/23" },
		{ { "tcp/22", "tcp/22+data" }, "tcp/22 tcp/22+data" },
		{ { "tcp/22", "tcp" }, "tcp" },
		{ { "tcp/65535", "tcp/1" }, "tcp/65535 tcp/1" },
		{ { "tcp/1-65534", "tcp/65535" }, "tcp/1-65535" },
		{ { "any", "any", "echo", "echo" }, "any echo" },
		/* What stays keeps its order: people read it back. */
		{ { "tcp/22", "tcp/445", "udp/9987", "tcp/23" }, "tcp/22-23 tcp/445 udp/9987" },
		{ { "udp/1", "tcp/22", "echo", "tcp/24", "any", "tcp/23" },
		  "udp/1 tcp/22-24 echo any" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		static struct spec s;

		memset(&s, 0, sizeof(s));
		for (size_t j = 0; j < COUNT(rows[i].in) && rows[i].in[j]; j++) {
			struct rule r = rule(rows[i].in[j]);

			assert_int_equal(spec_add_rule(&s, &r), 0);
		}
		check_rules(&s, rows[i].out);
	}
}

static void rules_of_other_addresses_stay_apart(void **state)
{
	static struct spec s;
	struct rule r = rule("tcp/22");

	(void)state;
	assert_int_equal(spec_add_rule(&s, &r), 0);
	r.address = 0;
	assert_int_equal(spec_add_rule(&s, &r), 0);
	r.address = 1;
	r.first = r.last = 23;
	assert_int_equal(spec_add_rule(&s, &r), 0);
	assert_int_equal(s.rules_n, 3);
}

static void rules_are_bounded(void **state)
{
	static struct spec s;
	struct rule r = { .kind = RULE_TCP, .address = SPEC_ANY_ADDRESS };

	(void)state;
	for (uint16_t i = 0; i < SPEC_RULES_MAX; i++) {
		r.first = r.last = (uint16_t)(2 * i + 1);
		assert_int_equal(spec_add_rule(&s, &r), 0);
	}
	r.first = r.last = 60000;
	assert_int_equal(spec_add_rule(&s, &r), -ENOSPC);
	assert_int_equal(s.rules_n, SPEC_RULES_MAX);
	r.first = r.last = 2; /* joins two of them: fits */
	assert_int_equal(spec_add_rule(&s, &r), 0);
	assert_int_equal(s.rules_n, SPEC_RULES_MAX - 1);
	assert_int_equal(s.rules[0].first, 1);
	assert_int_equal(s.rules[0].last, 3);
	assert_int_equal(s.rules[SPEC_RULES_MAX - 2].first, 2 * SPEC_RULES_MAX - 1);
}

static void addresses_are_bounded(void **state)
{
	static struct spec s;
	struct addr a = { .family = 4, .b = { 192, 0, 2, 0 } };

	(void)state;
	for (uint8_t i = 0; i < SPEC_ADDRESSES_MAX; i++) {
		a.b[3] = i;
		assert_int_equal(spec_add_address(&s, &a), 0);
		assert_int_equal(spec_add_address(&s, &a), -EEXIST);
	}
	a.b[3] = 200;
	assert_int_equal(spec_add_address(&s, &a), -ENOSPC);
	assert_int_equal(s.addresses_n, SPEC_ADDRESSES_MAX);
}

static void sources(void **state)
{
	const struct mac mac = { { 2, 0, 0, 0, 0, 1 } };
	const struct mac other = { { 2, 0, 0, 0, 0, 2 } };
	const struct addr a = { .family = 4, .b = { 192, 0, 2, 7 } };
	const struct addr b = { .family = 4, .b = { 192, 0, 3, 7 } };
	struct source s;
	char text[PREFIX_TEXT];

	(void)state;
	assert_int_equal(source_parse("192.0.2.7/24", &s), 0);
	assert_string_equal(source_format(&s, text), "192.0.2.0/24");
	assert_true(source_matches(&s, &mac, &a));
	assert_false(source_matches(&s, &mac, &b));
	assert_false(source_matches(&s, &mac, &ADDR_NONE));
	assert_int_equal(source_parse("02-00-00-00-00-01", &s), 0);
	assert_string_equal(source_format(&s, text), "02:00:00:00:00:01");
	assert_true(source_matches(&s, &mac, &b));
	assert_false(source_matches(&s, &other, &a));
	assert_int_equal(source_parse("eth0", &s), -EINVAL);
	assert_int_equal(source_parse("192.0.2.0/33", &s), -EINVAL);
	assert_int_equal(source_parse("", &s), -EINVAL);
}

static void secureon(void **state)
{
	static const struct {
		const char *in;
		uint8_t length, b[6];
	} good[] = {
		{ "01:02:03:04:05:06", 6, { 1, 2, 3, 4, 5, 6 } },
		{ "01-02-03-0a", 4, { 1, 2, 3, 10 } },
		{ "192.0.2.1", 4, { 192, 0, 2, 1 } },
	};
	static const char *const bad[] = { "",
					   "01",
					   "01:02",
					   "01:02:03",
					   "01:02:03:",
					   "1:2:3:4",
					   "01:02:03:04:05",
					   "2001:db8::1",
					   "01:02:03:04:05:06:07",
					   "192.0.2",
					   "01:02:03:0g" };
	struct secureon s;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(secureon_parse(good[i].in, &s), 0);
		assert_int_equal(s.length, good[i].length);
		assert_memory_equal(s.b, good[i].b, 6);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (secureon_parse(bad[i], &s) != -EINVAL)
			fail_msg("'%s' is no SecureOn", bad[i]);
	}
}

static void names(void **state)
{
	static const char *const good[] = { "nas",	     "a",	"my nas",
					    "k\xc3\xbcrbis", "a.b-c_d", "\xe2\x80\xa6" };
	static const char *const bad[] = { "",		" nas",	   "nas ",	     "a/b",
					   "a\nb",	"a\x7f",   "\xc2\x85",	     "\xff",
					   "a\xe2\x82", "\x1b[0m", "\xe2\x80\xaenas" };
	char longest[SPEC_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(spec_name_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (spec_name_valid(bad[i], strlen(bad[i])))
			fail_msg("row %zu is no name", i);
	}
	assert_false(spec_name_valid("a\0b", 3));
	memset(longest, 'a', sizeof(longest));
	assert_true(spec_name_valid(longest, SPEC_NAME_MAX));
	assert_false(spec_name_valid(longest, SPEC_NAME_MAX + 1));
}

/* Each row breaks one thing of a sane spec. */
static void break_it(struct spec *s, int how)
{
	switch (how) {
	case 1:
		memset(s->name, 'a', sizeof(s->name));
		break;
	case 2:
		s->name[0] = 0;
		break;
	case 3:
		memset(s->interface, 'a', sizeof(s->interface));
		break;
	case 4:
		s->origin = SPEC_ORIGINS;
		break;
	case 5:
		s->addresses_n = SPEC_ADDRESSES_MAX + 1;
		break;
	case 6:
		s->rules_n = SPEC_RULES_MAX + 1;
		break;
	case 7:
		s->from_n = SPEC_SOURCES_MAX + 1;
		break;
	case 8:
		s->ignore_n = SPEC_SOURCES_MAX + 1;
		break;
	case 9:
		s->secureon.length = 5;
		break;
	case 10:
		s->addresses[0].family = 5;
		break;
	case 11:
		s->addresses[0].family = 0;
		break;
	case 12:
		s->addresses[0].b[9] = 1;
		break;
	case 13:
		s->rules[0].kind = RULE_KINDS;
		break;
	case 14:
		s->rules[0].last = 0;
		break;
	case 15:
		s->rules[0].address = 1;
		break;
	case 16:
		s->from[0].prefix.length = 33;
		break;
	case 17:
		s->from[0].prefix.addr.family = 0;
		break;
	case 18:
		memset(&s->ignore[0].is_mac, 2, 1);
		break;
	case 19:
		s->from[0].prefix.addr.b[15] = 1;
		break;
	case 20:
		s->secureon.length = 255;
		break;
	case 21:
		memset(&s->from[0], 0, sizeof(s->from[0]));
		break;
	default:
		break;
	}
}

static void insane_specs(void **state)
{
	static struct spec good = { .name = "nas",
				    .mac = { { 2, 0, 0, 0, 0, 1 } },
				    .interface = "eth0" };
	struct addr a = { .family = 4, .b = { 192, 0, 2, 1 } };
	struct rule r = rule("tcp/22");

	(void)state;
	assert_int_equal(spec_add_address(&good, &a), 0);
	assert_int_equal(spec_add_rule(&good, &r), 0);
	assert_int_equal(source_parse("192.0.2.0/24", &good.from[good.from_n++]), 0);
	assert_int_equal(source_parse("02:00:00:00:00:02", &good.ignore[good.ignore_n++]), 0);
	assert_true(spec_sane(&good));
	for (int i = 1; i <= 21; i++) {
		static struct spec s;

		s = good;
		break_it(&s, i);
		if (spec_sane(&s))
			fail_msg("case %d", i);
	}
}

static void specs_are_compared_in_every_field(void **state)
{
	struct spec a = { .name = "nas", .rules_n = 2, .from_n = 1, .ignore_n = 1 };
	struct spec b;

	(void)state;
	assert_int_equal(spec_add_address(&a, &(struct addr){ 4, { 192, 0, 2, 50 } }), 0);
	assert_int_equal(rule_parse("tcp/22", &a.rules[0]), 0);
	assert_int_equal(rule_parse("udp/1-9", &a.rules[1]), 0);
	assert_int_equal(source_parse("192.0.2.0/24", &a.from[0]), 0);
	assert_int_equal(source_parse("be:ef:fa:ce:c0:de", &a.ignore[0]), 0);
	assert_int_equal(secureon_parse("1.2.3.4", &a.secureon), 0);
	b = a;
	/* What is behind the counts does not matter. */
	b.rules[2].first = 7;
	b.secureon.b[5] = 7;
	assert_true(spec_equal(&a, &b));

	uint8_t *const fields[] = { (uint8_t *)&b.name[0],
				    &b.origin,
				    &b.mac.b[5],
				    (uint8_t *)&b.line,
				    (uint8_t *)&b.watts,
				    &b.secureon.b[3],
				    (uint8_t *)&b.interface[0],
				    &b.addresses[0].b[3],
				    (uint8_t *)&b.rules[1].last,
				    &b.from[0].prefix.length,
				    &b.ignore[0].mac.b[0],
				    (uint8_t *)&b.rules_n,
				    (uint8_t *)&b.addresses_n,
				    (uint8_t *)&b.from_n,
				    (uint8_t *)&b.ignore_n,
				    &b.secureon.length };

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		uint8_t was = *fields[i];

		*fields[i] = was ? (uint8_t)(was - 1) : 1;
		if (spec_equal(&a, &b))
			fail_msg("field %zu", i);
		*fields[i] = was;
	}
	assert_true(spec_equal(&a, &b));
}

static void origins_have_names(void **state)
{
	(void)state;
	for (int i = 0; i < SPEC_ORIGINS; i++)
		assert_non_null(spec_origin_name((enum spec_origin)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_print_back),
		cmocka_unit_test(bad_rules_are_refused),
		cmocka_unit_test(rules_merge_where_they_stand),
		cmocka_unit_test(rules_of_other_addresses_stay_apart),
		cmocka_unit_test(rules_are_bounded),
		cmocka_unit_test(addresses_are_bounded),
		cmocka_unit_test(sources),
		cmocka_unit_test(secureon),
		cmocka_unit_test(names),
		cmocka_unit_test(insane_specs),
		cmocka_unit_test(specs_are_compared_in_every_field),
		cmocka_unit_test(origins_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
