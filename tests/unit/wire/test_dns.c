/*
 * test_dns: queries as others write them, our answer byte by byte, answers as others put them together; names that loop, are too
 * long, or lead out of the message.
 */
#include "wire/dns.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SERVICE "\x06_rouse\x04_tcp\x05local\0"
#define PTR "\0\x0c"
#define SRV "\0\x21"
#define IN "\0\x01"
#define FLUSH "\x80\x01"
#define TTL "\0\0\0\x78"
#define HOST "\x12rouse-beeffacec0de\x05local\0"
#define QUERY(questions, answers) "\0\0\0\0\0" questions "\0" answers "\0\0\0\0"
#define RESPONSE(answers) "\0\0\x84\0\0\0\0" answers "\0\0\0\0"

static const struct dns_service own = {
	.instance = "pi",
	.host = "rouse-beeffacec0de",
	.port = 13717,
	.addresses_n = 2,
	.addresses = { { .family = 4, .b = { 192, 0, 2, 1 } },
		       { .family = 6, .b = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } } },
};

#define QUERY_IS(bytes, ...) query_is(__LINE__, (bytes), sizeof(bytes) - 1, __VA_ARGS__)

static void query_is(int line, const char *bytes, size_t n, int wanted, bool service, bool types)
{
	struct dns_wanted w = { .service = false };
	int r = dns_query_decode(bytes, n, &own, &w);

	if (r != wanted || w.service != service || w.types != types)
		print_error("line %d: %d, service %d, types %d\n", line, r, w.service, w.types);
	assert_true(r == wanted && w.service == service && w.types == types);
}

static void queries(void **state)
{
	uint8_t ours[64];
	struct writer w = writer_over(ours, sizeof(ours));
	struct dns_wanted wanted;

	(void)state;
	dns_query_encode(&w);
	assert_false(w.failed);
	assert_int_equal(w.used, sizeof(QUERY("\1", "\0") SERVICE PTR IN) - 1);
	assert_memory_equal(ours, QUERY("\1", "\0") SERVICE PTR IN, w.used);
	assert_int_equal(dns_query_decode(ours, w.used, &own, &wanted), 0);
	assert_true(wanted.service && !wanted.types);

	/* Letters in either case, the bit for an answer to one alone, any class, any type. */
	QUERY_IS(QUERY("\1", "\0") "\x06_ROUSE\x04_Tcp\x05local\0" PTR "\x80\x01", 0, true, false);
	QUERY_IS(QUERY("\1", "\0") SERVICE "\0\xff\0\xff", 0, true, false);
	QUERY_IS(QUERY("\1", "\0") "\2pi" SERVICE SRV IN, 0, true, false);
	QUERY_IS(QUERY("\1", "\0") "\2pi" SERVICE "\0\x10" IN, 0, true, false);
	QUERY_IS(QUERY("\1", "\0") HOST "\0\x01" IN, 0, true, false);
	QUERY_IS(QUERY("\1", "\0") HOST "\0\x1c" IN, 0, true, false);
	QUERY_IS(QUERY("\1", "\0") "\x09_services\x07_dns-sd\x04_udp\x05local\0" PTR IN, 0, false,
		 true);
	/* Two questions, the second's name pointing into the first's. */
	QUERY_IS(QUERY("\2", "\0") "\x05_http\x04_tcp\x05local\0" PTR IN
				   "\x06_rouse\xc0\x12" PTR IN,
		 0, true, false);
	/* Others' names, other types, another class. */
	QUERY_IS(QUERY("\1", "\0") "\x05_http\x04_tcp\x05local\0" PTR IN, 0, false, false);
	QUERY_IS(QUERY("\1", "\0") "\4wifi" SERVICE SRV IN, 0, false, false);
	QUERY_IS(QUERY("\1", "\0") SERVICE SRV IN, 0, false, false);
	QUERY_IS(QUERY("\1", "\0") SERVICE PTR "\0\x03", 0, false, false);
	QUERY_IS(QUERY("\0", "\0"), 0, false, false);
}

#define KNOWN(name, ttl) SERVICE PTR IN ttl "\0\x05\2" name "\xc0\x0c"

/* Who says that it knows us is not told again, unless it will forget soon, or asks for more. */
static void what_the_asker_knows(void **state)
{
	(void)state;
	QUERY_IS(QUERY("\1", "\1") SERVICE PTR IN KNOWN("pi", "\0\0\0\x3c"), 0, false, false);
	QUERY_IS(QUERY("\1", "\1") SERVICE PTR IN KNOWN("pi", "\0\0\0\x3b"), 0, true, false);
	QUERY_IS(QUERY("\1", "\1") SERVICE PTR IN KNOWN("pj", "\0\0\x10\0"), 0, true, false);
	QUERY_IS(QUERY("\2", "\1") SERVICE PTR IN HOST "\0\x01" IN KNOWN("pi", "\0\0\0\x3c"), 0,
		 true, false);
	QUERY_IS(QUERY("\1", "\2") SERVICE PTR IN KNOWN("pi", "\0\0\0\x3c"), -EBADMSG, false,
		 false);
}

static void queries_that_are_none(void **state)
{
	static const char good[] = QUERY("\1", "\0") SERVICE PTR IN;
	struct dns_wanted wanted;

	(void)state;
	QUERY_IS("", -EBADMSG, false, false);
	/* An answer; another operation. */
	QUERY_IS("\0\0\x84\0\0\1\0\0\0\0\0\0" SERVICE PTR IN, -EBADMSG, false, false);
	QUERY_IS("\0\0\x28\0\0\1\0\0\0\0\0\0" SERVICE PTR IN, -EBADMSG, false, false);
	for (size_t cut = 0; cut < sizeof(good) - 1; cut++)
		assert_int_equal(dns_query_decode(good, cut, &own, &wanted), -EBADMSG);
}

static void names_that_are_none(void **state)
{
	char bytes[1024] = QUERY("\1", "\0");
	char *at = bytes + 12;

	(void)state;
	/* To itself, forwards, into the head, out of the message, a label of 64. */
	QUERY_IS(QUERY("\1", "\0") "\xc0\x0c" PTR IN, -EBADMSG, false, false);
	QUERY_IS(QUERY("\1", "\0") "\1a\xc0\x0c" PTR IN, -EBADMSG, false, false);
	QUERY_IS(QUERY("\1", "\0") "\xc0\x0e\1a\0" PTR IN, -EBADMSG, false, false);
	QUERY_IS(QUERY("\1", "\0") "\xc0\x04" PTR IN, -EBADMSG, false, false);
	QUERY_IS(QUERY("\1", "\0") "\xff\xff" PTR IN, -EBADMSG, false, false);
	QUERY_IS(QUERY("\1", "\0") "\x40" SERVICE PTR IN, -EBADMSG, false, false);
	QUERY_IS(QUERY("\1", "\0") "\x80" SERVICE PTR IN, -EBADMSG, false, false);
	/* Four labels of 62 and one of 2 are 255 bytes; of 3 one too many. */
	for (int i = 0; i < 4; i++, at += 63) {
		*at = 62;
		memset(at + 1, 'a', 62);
	}
	memcpy(at, "\1b\0" PTR IN, 7);
	query_is(__LINE__, bytes, (size_t)(at - bytes) + 7, 0, false, false);
	memcpy(at, "\2bb\0" PTR IN, 8);
	query_is(__LINE__, bytes, (size_t)(at - bytes) + 8, -EBADMSG, false, false);
}

/* Each pointer leads to the one before it: sixteen in a name, and no more. */
static void pointers_to_pointers(void **state)
{
	(void)state;
	for (size_t jumps = 15; jumps <= 18; jumps++) {
		/* The first name is one label, which has a name in it, and pointers. */
		char bytes[128] = QUERY("\2", "\0") "\x3e\1a";
		size_t n = 16;
		struct dns_wanted wanted;

		for (size_t to = 13; n < 16 + 2 * (jumps - 1); to = n, n += 2) {
			bytes[n] = (char)0xc0;
			bytes[n + 1] = (char)to;
		}
		memcpy(bytes + 75, "\0" PTR IN "\xc0", 6);
		bytes[81] = (char)(n - 2);
		memcpy(bytes + 82, PTR IN, 4);
		assert_int_equal(dns_query_decode(bytes, 86, &own, &wanted),
				 jumps <= 16 ? 0 : -EBADMSG);
	}
}

static void our_answer(void **state)
{
	static const char wanted[] = RESPONSE("\5") SERVICE PTR IN TTL
		"\0\x16\2pi" SERVICE
		/* the place */
		"\2pi" SERVICE SRV FLUSH TTL "\0\x20\0\0\0\0\x35\x95" HOST
		/* the text */
		"\2pi" SERVICE "\0\x10" FLUSH TTL "\0\4\3v=1"
		/* the addresses */
		HOST "\0\1" FLUSH TTL "\0\4\xc0\0\2\1" HOST "\0\x1c" FLUSH TTL
		"\0\x10\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1";
	uint8_t bytes[DNS_ANSWER_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));
	struct dns_service again;

	(void)state;
	dns_answer_encode(&w, &own, false);
	assert_int_equal(w.used, sizeof(wanted) - 1);
	assert_memory_equal(bytes, wanted, w.used);
	memset(&again, 0, sizeof(again));
	assert_int_equal(dns_answer_decode(bytes, w.used, &again, 1), 1);
	assert_memory_equal(&again, &own, sizeof(own));
	assert_int_equal(dns_answer_decode(bytes, w.used, &again, 0), 0);
	for (size_t cut = 0; cut < w.used; cut++)
		assert_true(dns_answer_decode(bytes, cut, &again, 1) < 0);
	w = writer_over(bytes, sizeof(bytes));
	dns_answer_encode(&w, &own, true);
	assert_int_equal(bytes[7], 6);
	assert_int_equal(dns_answer_decode(bytes, w.used, &again, 1), 1);
}

/* The longest there can be still goes into one packet. */
static void the_longest_answer(void **state)
{
	uint8_t bytes[DNS_ANSWER_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));
	struct dns_service s = { .port = 1, .addresses_n = DNS_ADDRESSES }, again;
	static const struct mac mac = { { 0xbe, 0xef, 0xfa, 0xce, 0xc0, 0xde } };

	(void)state;
	memset(s.instance, 'x', DNS_LABEL - 1);
	dns_host(&mac, s.host);
	assert_string_equal(s.host, own.host);
	for (uint8_t i = 0; i < DNS_ADDRESSES; i++)
		s.addresses[i] = (struct addr){ .family = 6, .b = { 0xfe, 0x80, [15] = i } };
	dns_answer_encode(&w, &s, true);
	assert_false(w.failed);
	assert_int_equal(dns_answer_decode(bytes, w.used, &again, 1), 1);
	assert_string_equal(again.instance, s.instance);
	assert_int_equal(again.addresses_n, DNS_ADDRESSES);
}

/* As avahi puts them together: compressed, in the order it likes, with records of others between. */
static void answers_of_others(void **state)
{
	static const char bytes[] = RESPONSE("\6")
		/* 12: an address first */
		"\4host\x05local\0"
		"\0\1" FLUSH TTL "\0\4\xc0\0\2\7"
		/* 38 */
		"\x06_rouse\x04_tcp\xc0\x11" PTR IN TTL "\0\7\4N\x1b\xc3\xa4\xc0\x26"
		/* 69: the instance is at 62 */
		"\xc0\x3e" SRV FLUSH TTL "\0\x08\0\0\0\0\0\x50\xc0\x0c"
		/* another one, of which nothing else is said; a goodbye; an address that is none */
		"\xc0\x26" PTR IN TTL "\0\4\1b\xc0\x26"
		"\xc0\x26" PTR IN "\0\0\0\0"
		"\0\4\1c\xc0\x26"
		"\xc0\x0c"
		"\0\1" FLUSH TTL "\0\4\xe0\0\0\1";
	struct dns_service found[4];

	(void)state;
	assert_int_equal(bytes[0x26], 6);
	assert_int_equal(dns_answer_decode(bytes, sizeof(bytes) - 1, found, 4), 1);
	assert_string_equal(found[0].instance, "N?\xc3\xa4");
	assert_string_equal(found[0].host, "host");
	assert_int_equal(found[0].port, 80);
	assert_int_equal(found[0].addresses_n, 1);
	assert_int_equal(found[0].addresses[0].b[3], 7);
}

static void answers_that_are_none(void **state)
{
	static const char other[] = RESPONSE("\1") SERVICE PTR IN TTL "\0\3\1a\0";
	struct dns_service s;
	static uint8_t large[DNS_MESSAGE_MAX + 1];
	struct writer w = writer_over(large, sizeof(large));

	(void)state;
	assert_int_equal(dns_answer_decode(QUERY("\0", "\0"), 12, &s, 1), -EBADMSG);
	/* An instance of no service, and data that is longer than the message. */
	assert_int_equal(dns_answer_decode(other, sizeof(other) - 1, &s, 1), 0);
	assert_int_equal(dns_answer_decode(other, sizeof(other) - 2, &s, 1), -EBADMSG);
	dns_answer_encode(&w, &own, false);
	assert_int_equal(dns_answer_decode(large, DNS_MESSAGE_MAX, &s, 1), 1);
	assert_int_equal(dns_answer_decode(large, DNS_MESSAGE_MAX + 1, &s, 1), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queries),
		cmocka_unit_test(what_the_asker_knows),
		cmocka_unit_test(queries_that_are_none),
		cmocka_unit_test(names_that_are_none),
		cmocka_unit_test(pointers_to_pointers),
		cmocka_unit_test(our_answer),
		cmocka_unit_test(the_longest_answer),
		cmocka_unit_test(answers_of_others),
		cmocka_unit_test(answers_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
