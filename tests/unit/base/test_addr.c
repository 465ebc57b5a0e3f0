/* test_addr: the text forms of MACs, addresses (RFC 4291, 5952) and prefixes, and their classes. */
#include "base/addr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct addr address(const char *text)
{
	struct addr a = ADDR_NONE;

	if (addr_parse(text, &a) < 0)
		fail_msg("%s is an address", text);
	return a;
}

static void macs_print_back(void **state)
{
	static const struct {
		const char *in, *out;
	} good[] = {
		{ "be:ef:fa:ce:c0:de", "be:ef:fa:ce:c0:de" },
		{ "BE-EF-FA-CE-C0-DE", "be:ef:fa:ce:c0:de" },
		{ "00:00:00:00:00:00", "00:00:00:00:00:00" },
		{ "Ff:fF:FF:ff:0a:A0", "ff:ff:ff:ff:0a:a0" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		char text[MAC_TEXT];
		struct mac m;

		assert_int_equal(mac_parse(good[i].in, &m), 0);
		assert_string_equal(mac_format(&m, text), good[i].out);
	}
}

static void bad_macs_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"be",
		"be:ef:fa:ce:c0",
		"be:ef:fa:ce:c0:",
		"be:ef:fa:ce:c0:d",
		"be:ef:fa:ce:c0:de ",
		" be:ef:fa:ce:c0:de",
		"be:ef:fa:ce:c0:de:00",
		"beeffacec0de",
		"be:ef:fa:ce:c0:dg",
		"be::ef:fa:ce:c0:de",
		"be:ef-fa:ce-c0:de",
		"b:ef:fa:ce:c0:de",
		"be.ef.fa.ce.c0.de",
	};
	struct mac m = { { 1, 2, 3, 4, 5, 6 } };
	struct mac before = m;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (mac_parse(bad[i], &m) != -EINVAL)
			fail_msg("'%s' is no MAC", bad[i]);
	}
	assert_true(mac_equal(&m, &before));
}

static void mac_classes(void **state)
{
	const struct mac a = { { 2, 0, 0, 0, 0, 1 } };
	const struct mac b = { { 2, 0, 0, 0, 0, 0xff } };
	const struct mac group = { { 0x33, 0x33, 0, 0, 0, 1 } };

	(void)state;
	assert_true(mac_compare(&a, &b) < 0);
	assert_true(mac_compare(&b, &a) > 0);
	assert_int_equal(mac_compare(&a, &a), 0);
	assert_false(mac_equal(&a, &b));
	assert_true(mac_is_group(&MAC_BROADCAST));
	assert_true(mac_is_group(&group));
	assert_false(mac_is_group(&a));
	assert_true(mac_is_zero(&MAC_ZERO));
	assert_false(mac_is_zero(&a));
}

/* RFC 5952, its sections named; what glibc prints is compared in tests/prop/base. */
static void addresses_print_canonically(void **state)
{
	static const struct {
		const char *in, *out;
	} good[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" }, /* 1, 4.2.3: the first of equals */
		{ "2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:db8::1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:DB8:0:0:1::1", "2001:db8::1:0:0:1" }, /* 4.3: lower case */
		{ "2001:db8:aaaa:bbbb:cccc:dddd:eeee:001", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1" },
		{ "2001:db8:0:0:0::1", "2001:db8::1" }, /* 2.2 */
		{ "2001:db8:0::1", "2001:db8::1" },
		{ "2001:db8:aaaa:bbbb:cccc:dddd:0:1", "2001:db8:aaaa:bbbb:cccc:dddd:0:1" },
		{ "2001:db8:aaaa:bbbb:cccc:dddd::1",
		  "2001:db8:aaaa:bbbb:cccc:dddd:0:1" }, /* 4.2.2 */
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" }, /* 4.2.2: one group alone */
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" }, /* 4.2.3: the longest */
		{ "2001:db8:0:0:0:0:2:1", "2001:db8::2:1" }, /* 4.2.1: as much as possible */
		{ "0:0:0:0:0:0:0:0", "::" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "1::", "1::" },
		{ "0:1:0:1:0:1:0:1", "0:1:0:1:0:1:0:1" },
		{ "1:0:0:0:0:0:0:0", "1::" },
		{ "0:0:1::", "0:0:1::" },
		{ "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
		{ "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8" },
		{ "fe80::1", "fe80::1" },
		{ "ff02::1:ff00:50", "ff02::1:ff00:50" },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.1" }, /* 5 */
		{ "::ffff:c000:201", "::ffff:192.0.2.1" },
		{ "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
		{ "1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:c000:201" },
		{ "::192.0.2.1", "::c000:201" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		char text[ADDR_TEXT];
		struct addr a = address(good[i].in);

		assert_string_equal(addr_format(&a, text), good[i].out);
	}
	assert_string_equal(addr_format(&ADDR_NONE, (char[ADDR_TEXT]){ 0 }), "-");
}

static void bad_addresses_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		".",
		":",
		":::",
		"1:::2",
		"::1::",
		"1::2::3",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7:8::",
		"::1:2:3:4:5:6:7:8",
		"1:2:3:4::5:6:7:8",
		"12345::",
		"::g",
		"1:",
		":1",
		":1::",
		"1:2:3:4:5:6:7:",
		"::1%eth0",
		"::1 ",
		" ::1",
		"[::1]",
		"::1/64",
		"192.0.2",
		"192.0.2.",
		"192.0.2.1.",
		"192.0.2.256",
		"192.0.2.1000",
		"192.0.2.01",
		"192.0.2.00",
		"0192.0.2.1",
		"192..2.1",
		"192.0.2.1 ",
		"+1.2.3.4",
		"0x1.2.3.4",
		"1.2.3.4.5",
		"::1.2.3",
		"::1.2.3.4.5",
		"::1.2.3.256",
		"1.2.3.4::",
		"::1.2.3.4:5",
		"1:2:3:4:5:6:7:1.2.3.4",
		"1:2:3:4:5:1.2.3.4",
		"::12345.0.0.1",
		"::.1.2.3",
	};
	struct addr a = address("192.0.2.1");
	struct addr before = a;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (addr_parse(bad[i], &a) != -EINVAL)
			fail_msg("'%s' is no address", bad[i]);
	}
	assert_true(addr_equal(&a, &before));
}

static void address_classes(void **state)
{
	static const struct {
		const char *text;
		bool (*is)(const struct addr *);
		bool expected;
	} rows[] = {
		{ "0.0.0.0", addr_is_unspecified, true },
		{ "::", addr_is_unspecified, true },
		{ "::1", addr_is_unspecified, false },
		{ "0.0.0.1", addr_is_unspecified, false },
		{ "127.255.0.1", addr_is_loopback, true },
		{ "128.0.0.1", addr_is_loopback, false },
		{ "::1", addr_is_loopback, true },
		{ "::2", addr_is_loopback, false },
		{ "7f00::1", addr_is_loopback, false },
		{ "224.0.0.1", addr_is_multicast, true },
		{ "239.255.255.255", addr_is_multicast, true },
		{ "223.255.255.255", addr_is_multicast, false },
		{ "240.0.0.1", addr_is_multicast, false },
		{ "ff02::1", addr_is_multicast, true },
		{ "fe02::1", addr_is_multicast, false },
		{ "255.255.255.255", addr_is_limited_broadcast, true },
		{ "255.255.255.254", addr_is_limited_broadcast, false },
		{ "ffff:ffff::", addr_is_limited_broadcast, false },
		{ "169.254.1.1", addr_is_link_local, true },
		{ "169.253.1.1", addr_is_link_local, false },
		{ "fe80::1", addr_is_link_local, true },
		{ "febf::1", addr_is_link_local, true },
		{ "fec0::1", addr_is_link_local, false },
		{ "a9fe::1", addr_is_link_local, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct addr a = address(rows[i].text);

		if (rows[i].is(&a) != rows[i].expected)
			fail_msg("row %zu, %s", i, rows[i].text);
	}
}

static void families_never_mix(void **state)
{
	struct addr v4 = address("192.0.2.1");
	struct addr v6 = address("c000:201::");

	(void)state;
	assert_false(addr_equal(&v4, &v6));
	assert_int_equal(addr_size(&v4), 4);
	assert_int_equal(addr_size(&v6), 16);
	assert_int_equal(addr_size(&ADDR_NONE), 0);
}

/* What a sister process sends may hold rubbish where equality looks. */
static void insane_addresses(void **state)
{
	struct addr a = address("192.0.2.1");

	(void)state;
	assert_true(addr_sane(&a));
	assert_true(addr_sane(&ADDR_NONE));
	a.b[15] = 1;
	assert_false(addr_sane(&a));
	a.family = 6;
	assert_true(addr_sane(&a));
	a.family = 5;
	assert_false(addr_sane(&a));
	a = ADDR_NONE;
	a.b[0] = 1;
	assert_false(addr_sane(&a));
}

static void groups(void **state)
{
	struct addr a = address("2001:db8::1234:5678:9abc");
	struct addr group = addr_solicited_node(&a);
	struct mac m = addr_group_mac(&group);
	char text[ADDR_TEXT];

	(void)state;
	assert_string_equal(addr_format(&group, text), "ff02::1:ff78:9abc");
	assert_string_equal(mac_format(&m, text), "33:33:ff:78:9a:bc");
}

static void prefixes_contain(void **state)
{
	static const struct {
		const char *prefix, *addr;
		bool expected;
	} rows[] = {
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.129/25", "192.0.2.128", true },
		{ "192.0.2.129/25", "192.0.2.127", false },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.0", false },
		{ "192.0.2.1/31", "192.0.2.0", true },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "192.0.2.1", false },
		{ "::/0", "2001:db8::1", true },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "2001:db8::1/127", "2001:db8::", true },
		{ "2001:db8::1/128", "2001:db8::", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct addr a = address(rows[i].addr);
		struct prefix p;

		assert_int_equal(prefix_parse(rows[i].prefix, &p), 0);
		if (prefix_contains(&p, &a) != rows[i].expected)
			fail_msg("%s, %s", rows[i].prefix, rows[i].addr);
	}
}

static void prefixes_print_back(void **state)
{
	static const struct {
		const char *in, *out;
	} good[] = {
		{ "192.0.2.77/24", "192.0.2.0/24" },
		{ "192.0.2.77/32", "192.0.2.77" },
		{ "192.0.2.77", "192.0.2.77" },
		{ "192.0.2.77/0", "0.0.0.0/0" },
		{ "2001:db8:ffff::1/36", "2001:db8:f000::/36" },
		{ "2001:db8::1/128", "2001:db8::1" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/127",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127" },
	};
	static const char *const bad[] = { "",
					   "/",
					   "/24",
					   "192.0.2.0/",
					   "192.0.2.0/33",
					   "::/129",
					   "192.0.2.0/-1",
					   "192.0.2.0/24 ",
					   "192.0.2/24",
					   "192.0.2.0/24/8",
					   "192.0.2.0/ 8" };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		char text[PREFIX_TEXT];
		struct prefix p;

		assert_int_equal(prefix_parse(good[i].in, &p), 0);
		assert_string_equal(prefix_format(&p, text), good[i].out);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct prefix p;

		if (prefix_parse(bad[i], &p) != -EINVAL && prefix_parse(bad[i], &p) != -ERANGE)
			fail_msg("'%s' is no prefix", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(macs_print_back),
		cmocka_unit_test(bad_macs_are_refused),
		cmocka_unit_test(mac_classes),
		cmocka_unit_test(addresses_print_canonically),
		cmocka_unit_test(bad_addresses_are_refused),
		cmocka_unit_test(address_classes),
		cmocka_unit_test(families_never_mix),
		cmocka_unit_test(insane_addresses),
		cmocka_unit_test(groups),
		cmocka_unit_test(prefixes_contain),
		cmocka_unit_test(prefixes_print_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
