/*
 * prop_messages: registrations and requests of random machines come out as they went in; a text that was cut is never
 * taken; the scanner finds its end wherever it is cut. The seed is printed; give it as the argument to see the same again.
 */
#include "proto/command.h"
#include "proto/json.h"
#include "proto/registration.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 2000

static uint64_t seed;

/* splitmix64 */
static uint64_t next(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t below(uint64_t n)
{
	return next() % n;
}

static void random_name(char name[static SPEC_NAME_MAX + 1])
{
	static const char *const pieces[] = { "a", "Z", "9", "-",	 "\"",		"\\",
					      "{", "]", "'", "\xc3\xa4", "\xe7\x8c\xab" };
	size_t n = 0;

	memset(name, 0, SPEC_NAME_MAX + 1);
	do {
		const char *piece = pieces[below(sizeof(pieces) / sizeof(pieces[0]))];

		if (n + strlen(piece) > SPEC_NAME_MAX)
			break;
		memcpy(name + n, piece, strlen(piece));
		n += strlen(piece);
	} while (below(12));
}

static struct addr random_addr(void)
{
	uint8_t b[16] = { 0x20, 0x01, 0x0d, 0xb8 };

	for (size_t i = 4; i < 16; i++)
		b[i] = below(3) ? 0 : (uint8_t)next();
	if (below(2))
		return addr_v6(b);
	b[0] = 192;
	b[1] = 0;
	b[2] = 2;
	b[3] = (uint8_t)next();
	return addr_v4(b);
}

static struct spec random_spec(void)
{
	struct spec s = { .origin = SPEC_REGISTERED };

	random_name(s.name);
	for (size_t i = 0; i < sizeof(s.mac.b); i++)
		s.mac.b[i] = (uint8_t)next();
	s.mac.b[0] = (uint8_t)((s.mac.b[0] & 0xfe) | 2);
	for (uint64_t n = 1 + below(SPEC_ADDRESSES_MAX); n > 0; n--) {
		struct addr a = random_addr();

		(void)spec_add_address(&s, &a);
	}
	for (uint64_t n = below(40); n > 0; n--) {
		struct rule r = { .kind = (uint8_t)below(RULE_KINDS),
				  .address = SPEC_ANY_ADDRESS,
				  .last = 65535 };

		if (r.kind <= RULE_UDP) {
			r.first = (uint16_t)(1 + below(65535));
			r.last = (uint16_t)(r.first + below(65536ULL - r.first));
		}
		(void)spec_add_rule(&s, &r);
	}
	/* What merging left behind the rules is no part of the value. */
	memset(&s.rules[s.rules_n], 0, (SPEC_RULES_MAX - s.rules_n) * sizeof(s.rules[0]));
	if (below(2)) {
		s.secureon.length = below(2) ? 4 : 6;
		for (uint8_t i = 0; i < s.secureon.length; i++)
			s.secureon.b[i] = (uint8_t)next();
	}
	return s;
}

/* Done exactly at the last byte, in one go or two. */
static void check_scan(const char *json, size_t n)
{
	struct json_scan s = { .depth = 0 };
	size_t cut = below(n);

	json_scan(&s, json, cut);
	assert(!s.done && !s.wrong);
	json_scan(&s, json + cut, n - cut);
	assert(s.done && !s.wrong);
}

static void check_registration(void)
{
	struct registration in = { .spec = random_spec(), .goodbye = below(2) };
	struct registration out;
	char json[16384];
	char error[REGISTRATION_ERROR];
	int n = registration_encode(&in, json, sizeof(json));

	assert(n > 0);
	memset(&out, 0, sizeof(out));
	assert(registration_decode(json, (size_t)n, &out, error) == 0);
	assert(memcmp(&in, &out, sizeof(in)) == 0);
	for (int i = 0; i < 8; i++)
		assert(registration_decode(json, below((uint64_t)n), &out, error) < 0);
	check_scan(json, (size_t)n);
}

static void check_command(void)
{
	struct command in = { .kind = COMMAND_ADD, .spec = random_spec() };
	struct command out;
	char line[COMMAND_LINE_MAX];
	char error[COMMAND_ERROR];
	int n;

	in.spec.origin = SPEC_ADDED;
	memcpy(in.name, in.spec.name, sizeof(in.name));
	n = command_encode(&in, line, sizeof(line));
	assert(n > 0);
	memset(&out, 0, sizeof(out));
	assert(command_decode(line, (size_t)n - 1, &out, error) == 0);
	assert(memcmp(&in, &out, sizeof(in)) == 0);
	for (int i = 0; i < 8; i++)
		assert(command_decode(line, below((uint64_t)n - 1), &out, error) < 0);
}

int main(int argc, char **argv)
{
	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL);
	printf("seed %llu\n", (unsigned long long)seed);
	(void)fflush(stdout);
	json_seed(next());
	for (int i = 0; i < ROUNDS; i++) {
		check_registration();
		check_command();
	}
	return 0;
}
