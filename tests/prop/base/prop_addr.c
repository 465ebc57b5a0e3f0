/*
 * prop_addr: addr_parse and addr_format against inet_pton and inet_ntop of the C library on seeded random addresses and
 * spoilt texts; prefixes against plain bit arithmetic.
 */
#include "base/addr.h"

#include "../random.h"

#include <arpa/inet.h>
#include <string.h>

static uint64_t seed;

/* Runs of zero groups are frequent: they are where "::" goes. */
static struct addr random_addr(uint8_t family)
{
	struct addr a = { .family = family };

	for (size_t i = 0; i < addr_size(&a); i++)
		a.b[i] = (uint8_t)random64(&seed);
	for (size_t i = 0; family == 6 && i < 16; i += 2) {
		if (random_below(&seed, 2))
			a.b[i] = a.b[i + 1] = 0;
		else if (random_below(&seed, 2))
			a.b[i] = 0;
	}
	return a;
}

/* glibc writes the long deprecated ::192.0.2.1 (RFC 4291, 2.5.5.1) with dots, RFC 5952 does not ask for it. */
static bool is_v4_compatible(const struct addr *a)
{
	static const uint8_t zero[12];

	return a->family == 6 && memcmp(a->b, zero, 12) == 0 && (a->b[12] || a->b[13]);
}

static void text_forms(uint8_t family)
{
	struct addr a = random_addr(family);
	int af = family == 4 ? AF_INET : AF_INET6;
	char ours[ADDR_TEXT];
	char theirs[ADDR_TEXT];
	struct addr back;

	addr_format(&a, ours);
	CHECK(addr_parse(ours, &back) == 0 && addr_equal(&back, &a));
	if (is_v4_compatible(&a))
		return;
	CHECK(inet_ntop(af, a.b, theirs, sizeof(theirs)) != NULL);
	if (strcmp(ours, theirs) != 0)
		printf("%s, %s\n", ours, theirs);
	CHECK(strcmp(ours, theirs) == 0);
}

/* A text with a few characters changed, added, removed: both readers say the same. */
static void spoilt_texts(uint8_t family)
{
	static const char characters[] = "0123456789abcdefABCDEF::::....g /%";
	struct addr a = random_addr(family);
	char text[2 * ADDR_TEXT];
	struct addr ours;
	uint8_t theirs[16];
	size_t n;
	bool v4;
	bool v6;

	addr_format(&a, text);
	n = strlen(text);
	for (uint32_t i = random_below(&seed, 4); i > 0; i--) {
		size_t at = random_below(&seed, (uint32_t)n + 1);
		char c = characters[random_below(&seed, sizeof(characters) - 1)];

		if (random_below(&seed, 3) == 0 && at < n) {
			memmove(text + at, text + at + 1, n - at);
			n--;
		} else if (random_below(&seed, 2) && at < n) {
			text[at] = c;
		} else {
			memmove(text + at + 1, text + at, n - at + 1);
			text[at] = c;
			n++;
		}
	}
	v4 = inet_pton(AF_INET, text, theirs) == 1;
	v6 = !v4 && inet_pton(AF_INET6, text, theirs) == 1;
	if ((addr_parse(text, &ours) == 0) != (v4 || v6))
		printf("'%s'\n", text);
	CHECK((addr_parse(text, &ours) == 0) == (v4 || v6));
	if (v4 || v6)
		CHECK(ours.family == (v4 ? 4 : 6) &&
		      memcmp(ours.b, theirs, addr_size(&ours)) == 0 && addr_sane(&ours));
}

static bool bit(const struct addr *a, size_t i)
{
	return a->b[i / 8] >> (7 - i % 8) & 1;
}

static void prefixes(uint8_t family)
{
	struct addr a = random_addr(family);
	struct addr b = a;
	size_t bits = 8 * addr_size(&a);
	struct prefix p = { .length = (uint8_t)random_below(&seed, (uint32_t)bits + 1) };
	size_t flipped = random_below(&seed, (uint32_t)bits);
	char text[PREFIX_TEXT];
	struct prefix back;

	p.addr = a;
	prefix_format(&p, text);
	CHECK(prefix_parse(text, &p) == 0);
	for (size_t i = 0; i < bits; i++)
		CHECK(bit(&p.addr, i) == (i < p.length && bit(&a, i)));
	prefix_format(&p, text);
	CHECK(prefix_parse(text, &back) == 0 && back.length == p.length &&
	      addr_equal(&back.addr, &p.addr));
	CHECK(prefix_contains(&p, &a));
	b.b[flipped / 8] ^= (uint8_t)(0x80 >> flipped % 8);
	CHECK(prefix_contains(&p, &b) == (flipped >= p.length));
}

int main(void)
{
	seed = seed_from(getenv("ROUSE_SEED"));
	for (int i = 0; i < 200000; i++) {
		uint8_t family = random_below(&seed, 4) ? 6 : 4;

		text_forms(family);
		spoilt_texts(family);
		prefixes(family);
	}
	return 0;
}
