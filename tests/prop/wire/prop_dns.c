/*
 * prop_dns: services come out of an answer as they went in; cut or damaged ones give a verdict and nothing else; a query with any
 * other questions around ours is understood.
 */
#include "../random.h"

#include "wire/dns.h"

#include <string.h>

#define ROUNDS 5000

static uint64_t seed;

static void random_label(char to[static DNS_LABEL])
{
	static const char *const pieces[] = { "a", "Z", "-", " ", ".", "\xc3\xa4", "\xe7\x8c\xab" };
	size_t n = 0;

	memset(to, 0, DNS_LABEL);
	do {
		const char *piece = pieces[random_below(&seed, 7)];

		if (n + strlen(piece) >= DNS_LABEL)
			break;
		memcpy(to + n, piece, strlen(piece));
		n += strlen(piece);
	} while (random_below(&seed, 10));
}

static void random_service(struct dns_service *s)
{
	memset(s, 0, sizeof(*s));
	random_label(s->instance);
	random_label(s->host);
	s->port = (uint16_t)(1 + random_below(&seed, 65535));
	s->addresses_n = (uint16_t)(1 + random_below(&seed, DNS_ADDRESSES));
	for (uint16_t i = 0; i < s->addresses_n; i++) {
		/* The last byte makes them differ. */
		struct addr v4 = { .family = 4,
				   .b = { 192, 0, 2, (uint8_t)(10 * i + random_below(&seed, 9)) } };
		struct addr v6 = {
			.family = 6,
			.b = { 0x20, 1, 0x0d,
			       0xb8, [14] = (uint8_t)random64(&seed), [15] = (uint8_t)i }
		};

		s->addresses[i] = random_below(&seed, 2) ? v4 : v6;
	}
}

static void check_answer(const struct dns_service *s)
{
	/* A host of 63 bytes is longer than any of ours. */
	uint8_t bytes[2 * DNS_ANSWER_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));
	struct dns_service again[2];

	dns_answer_encode(&w, s, random_below(&seed, 2));
	CHECK(!w.failed);
	memset(again, 0, sizeof(again));
	CHECK(dns_answer_decode(bytes, w.used, again, 2) == 1);
	CHECK(memcmp(s, again, sizeof(*s)) == 0);
	CHECK(dns_answer_decode(bytes, random_below(&seed, (uint32_t)w.used), again, 2) < 0);
	for (int i = 0; i < 4; i++)
		bytes[random_below(&seed, (uint32_t)w.used)] = (uint8_t)random64(&seed);
	CHECK(dns_answer_decode(bytes, w.used, again, 2) <= 2);
}

static void check_query(const struct dns_service *s)
{
	uint8_t bytes[1024];
	struct writer w = writer_over(bytes, sizeof(bytes));
	uint32_t before = random_below(&seed, 31);
	struct dns_wanted wanted;
	uint8_t question[64];
	struct writer ours = writer_over(question, sizeof(question));

	dns_query_encode(&ours);
	writer_zero(&w, 5);
	writer_u8(&w, (uint8_t)(before + 1));
	writer_zero(&w, 6);
	for (uint32_t i = 0; i < before; i++) {
		writer_u8(&w, 1);
		writer_u8(&w, (uint8_t)random64(&seed));
		writer_u8(&w, 0);
		writer_be16(&w, (uint16_t)random64(&seed));
		writer_be16(&w, (uint16_t)random64(&seed));
	}
	writer_bytes(&w, question + 12, ours.used - 12);
	CHECK(!w.failed && dns_query_decode(bytes, w.used, s, &wanted) == 0);
	CHECK(wanted.service && !wanted.types);
	CHECK(dns_query_decode(bytes, random_below(&seed, (uint32_t)w.used), s, &wanted) < 0);
}

int main(void)
{
	seed = seed_from(getenv("ROUSE_SEED"));
	for (int i = 0; i < ROUNDS; i++) {
		struct dns_service s;

		random_service(&s);
		check_answer(&s);
		check_query(&s);
	}
	return 0;
}
