/*
 * prop_lease: what sleeper and guard say comes out as it went in, sealed and unsealed; what was cut, or had a bit changed, is never
 * taken; both sides of a pairing come to the same key for every code, and to different ones for different codes.
 */
#include "../random.h"

#include "proto/json.h"
#include "proto/keys.h"
#include "proto/lease.h"

#include <string.h>

#define ROUNDS 1000
#define PAIRINGS 50

static uint64_t seed;

static void random_bytes(void *to, size_t n)
{
	uint8_t *b = to;

	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)random64(&seed);
}

/* Pieces of text, some of which JSON or a terminal would rather not have. */
static void random_text(char *to, size_t size)
{
	static const char *const pieces[] = { "a", "Z9", "\"",	     "\\",
					      "{", "'",	 "\xc3\xa4", "\xe7\x8c\xab" };
	size_t n = 0;

	do {
		const char *piece = pieces[random_below(&seed, 8)];

		if (n + strlen(piece) >= size)
			break;
		memcpy(to + n, piece, strlen(piece));
		n += strlen(piece);
	} while (random_below(&seed, 12));
	to[n] = 0;
}

static void random_spec(struct spec *s)
{
	random_text(s->name, sizeof(s->name));
	s->origin = SPEC_REGISTERED;
	random_bytes(&s->mac, sizeof(s->mac));
	s->mac.b[0] = (uint8_t)((s->mac.b[0] & 0xfe) | 2);
	for (uint32_t n = 1 + random_below(&seed, SPEC_ADDRESSES_MAX); n > 0; n--) {
		uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8 }, v4[4] = { 192, 0, 2, 0 };
		struct addr a;

		random_bytes(v6 + 8, 8);
		random_bytes(v4 + 3, 1);
		a = random_below(&seed, 2) ? addr_v6(v6) : addr_v4(v4);
		(void)spec_add_address(s, &a);
	}
	for (uint32_t n = random_below(&seed, 20); n > 0; n--) {
		struct rule r = { .kind = (uint8_t)random_below(&seed, RULE_KINDS),
				  .address = SPEC_ANY_ADDRESS,
				  .last = 65535 };

		if (r.kind <= RULE_UDP) {
			r.first = (uint16_t)(1 + random_below(&seed, 65535));
			r.last = r.first;
		}
		(void)spec_add_rule(s, &r);
	}
}

static void random_said(struct lease_said *s)
{
	static const enum lease_why first[] = { WHY_BOOT, WHY_SUSPEND, WHY_REBOOT };
	static const uint32_t n[] = { 5, 4, 4 };

	memset(s, 0, sizeof(*s));
	s->say = (enum lease_say)random_below(&seed, SAY_KINDS);
	if (s->say <= SAY_STAY)
		s->why = (enum lease_why)(first[s->say] + random_below(&seed, n[s->say]));
	if (s->say <= SAY_GOODBYE)
		random_spec(&s->spec);
	if (s->say == SAY_TEST)
		s->after = 1 + random_below(&seed, 600);
	if (s->say == SAY_ANSWER) {
		s->ask = (uint32_t)random64(&seed);
		s->ok = random_below(&seed, 2);
		random_text(s->text, sizeof(s->text));
	}
}

static void random_told(struct lease_told *t)
{
	memset(t, 0, sizeof(*t));
	t->tell = (enum lease_tell)random_below(&seed, TELL_KINDS);
	t->ok = t->tell != TELL_ASK && random_below(&seed, 2);
	t->of = t->tell == TELL_RESULT ? 1 + random_below(&seed, 1U << 30) : 0;
	t->seconds = t->tell == TELL_RESULT ? (uint32_t)random64(&seed) : 0;
	t->ask = t->tell == TELL_ASK ? (uint32_t)random64(&seed) : 0;
	if (t->tell != TELL_TESTED || !t->ok)
		random_text(t->text, sizeof(t->text));
	if (t->tell != TELL_TESTED)
		return;
	t->asleep_us = random_below(&seed, 1000) * 100000ULL;
	t->awake_us = random_below(&seed, 1000) * 100000ULL;
	t->ready_n = random_below(&seed, LEASE_PORTS + 1);
	for (uint32_t i = 0; i < t->ready_n; i++) {
		struct rule r = { .kind = RULE_TCP, .address = SPEC_ANY_ADDRESS };

		r.first = r.last = (uint16_t)(1 + random_below(&seed, 65535));
		rule_format(&r, t->ready[i].port);
		t->ready[i].us = random_below(&seed, 1000) * 100000ULL;
	}
}

/* The line of a JSON, there and back; with one bit changed or cut it is not taken. */
static void check_line(struct lease_way *out, struct lease_way *in, const char *json)
{
	static char line[LEASE_LINE_MAX + 1];
	const char *inner;
	size_t inner_n, bit;
	int n = lease_seal(out, json, line, sizeof(line));

	CHECK(n > 0);
	bit = random_below(&seed, 8 * (uint32_t)(n - 1));
	line[bit / 8] ^= (char)(1U << bit % 8);
	CHECK(lease_unseal(in, line, (size_t)n - 1, &inner, &inner_n) < 0);
	line[bit / 8] ^= (char)(1U << bit % 8);
	CHECK(lease_unseal(in, line, random_below(&seed, (uint32_t)n - 1), &inner, &inner_n) < 0);
	CHECK(lease_unseal(in, line, (size_t)n - 1, &inner, &inner_n) == 0);
	CHECK(inner_n == strlen(json) && memcmp(inner, json, inner_n) == 0);
}

static void check_said(struct lease_way *out, struct lease_way *in)
{
	static char json[LEASE_LINE_MAX];
	static struct lease_said said, again;
	char error[LEASE_TEXT];
	int n;

	random_said(&said);
	memset(&again, 0, sizeof(again));
	n = lease_said_write(&said, json, sizeof(json));
	CHECK(n > 0 && (size_t)n == strlen(json));
	CHECK(lease_said_read(json, (size_t)n, &again, error) == 0);
	CHECK(said.say == again.say && said.why == again.why && said.after == again.after);
	CHECK(said.ask == again.ask && said.ok == again.ok && strcmp(said.text, again.text) == 0);
	CHECK(spec_equal(&said.spec, &again.spec));
	CHECK(lease_said_read(json, random_below(&seed, (uint32_t)n), &again, error) < 0);
	check_line(out, in, json);
}

static void check_told(struct lease_way *out, struct lease_way *in)
{
	char json[4096];
	struct lease_told told, again;
	int n;

	random_told(&told);
	memset(&again, 0, sizeof(again));
	n = lease_told_write(&told, json, sizeof(json));
	CHECK(n > 0 && (size_t)n == strlen(json));
	CHECK(lease_told_read(json, (size_t)n, &again) == 0);
	CHECK(memcmp(&told, &again, sizeof(told)) == 0);
	CHECK(lease_told_read(json, random_below(&seed, (uint32_t)n), &again) < 0);
	check_line(out, in, json);
}

static void check_pairing(void)
{
	struct pairing_half sleeper, guard;
	struct pairing_outcome a, b;
	struct pairing_about about;
	uint8_t random[PAIRING_RANDOM];
	char mine[PAIRING_CODE_DIGITS + 1], yours[PAIRING_CODE_DIGITS + 1];

	memset(&about, 0, sizeof(about));
	random_bytes(about.session, sizeof(about.session));
	random_text(about.name, sizeof(about.name));
	random_bytes(random, sizeof(random));
	pairing_code(random, mine);
	memcpy(yours, mine, sizeof(yours));
	if (random_below(&seed, 2))
		yours[5] = (char)('0' + (yours[5] - '0' + 1) % 10);
	pairing_start(&sleeper, PAIRING_SLEEPER, mine, &about, random);
	random_bytes(random, sizeof(random));
	pairing_start(&guard, PAIRING_GUARD, yours, &about, random);
	CHECK(pairing_finish(&sleeper, guard.share, "AAAAAAAAAAAA", &a) == 0);
	CHECK(pairing_finish(&guard, sleeper.share, "AAAAAAAAAAAA", &b) == 0);
	CHECK((strcmp(mine, yours) == 0) == (memcmp(a.key, b.key, sizeof(a.key)) == 0));
	CHECK((strcmp(mine, yours) == 0) == (memcmp(a.expected, b.tag, sizeof(b.tag)) == 0));
	CHECK((strcmp(mine, yours) == 0) == (memcmp(b.expected, a.tag, sizeof(a.tag)) == 0));
}

int main(void)
{
	uint8_t key[PAIRING_KEY_SIZE], nonces[2][LEASE_NONCE_SIZE];
	struct lease_way out[2], in[2];

	seed = seed_from(getenv("ROUSE_SEED"));
	json_seed(random64(&seed));
	CHECK(keys_init() == 0);
	random_bytes(key, sizeof(key));
	random_bytes(nonces, sizeof(nonces));
	lease_ways(key, nonces[0], nonces[1], &out[0], &out[1]);
	lease_ways(key, nonces[0], nonces[1], &in[0], &in[1]);
	for (int i = 0; i < ROUNDS; i++) {
		check_said(&out[0], &in[0]);
		check_told(&out[1], &in[1]);
	}
	for (int i = 0; i < PAIRINGS; i++)
		check_pairing();
	return 0;
}
