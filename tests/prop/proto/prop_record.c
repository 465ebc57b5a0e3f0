/*
 * prop_record: decode(encode(x)) = x for random machines, pasts and events; a line that was cut or has one wrong
 * byte is never taken. The seed is printed; give it as the argument to see the same again.
 */
#include "proto/record.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 3000

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

/* Small and zero often, and every size. */
static uint64_t number(uint64_t most)
{
	return below(4) == 0 ? 0 : (next() >> below(64)) % most;
}

static void fill(void *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)to)[i] = (uint8_t)next();
}

static struct addr random_addr(void)
{
	uint8_t b[16];

	fill(b, sizeof(b));
	return below(2) ? addr_v4(b) : addr_v6(b);
}

static void random_name(char *to)
{
	static const char *const parts[] = { "a",  "%",	 " ",	"=",   "@", "ü",
					     "\\", "\"", "nas", "%20", "☃", "#" };

	do {
		char name[SPEC_NAME_MAX + 8] = "";
		uint64_t n = 1 + below(20);

		while (n-- && strlen(name) < SPEC_NAME_MAX - 3)
			strcat(name, parts[below(sizeof(parts) / sizeof(parts[0]))]);
		memset(to, 0, SPEC_NAME_MAX + 1);
		strcpy(to, name);
	} while (!spec_name_valid(to, strlen(to)));
}

static struct source random_source(void)
{
	struct source s = { .is_mac = below(2) == 0 };

	if (s.is_mac) {
		fill(&s.mac, sizeof(s.mac));
		return s;
	}
	/* Through its text: the bits of the host are cleared there. */
	s.prefix.addr = random_addr();
	s.prefix.length = (uint8_t)below(addr_size(&s.prefix.addr) * 8 + 1);
	{
		char text[PREFIX_TEXT];

		(void)prefix_format(&s.prefix, text);
		assert(prefix_parse(text, &s.prefix) == 0);
	}
	return s;
}

static struct rule random_rule(const struct spec *s)
{
	struct rule r = { .kind = (uint8_t)below(RULE_KINDS),
			  .address = SPEC_ANY_ADDRESS,
			  .first = 0,
			  .last = 65535 };

	if (s->addresses_n && below(2))
		r.address = (uint8_t)below(s->addresses_n);
	if (r.kind != RULE_ECHO && r.kind != RULE_ANY && below(4)) {
		r.first = (uint16_t)(1 + below(65535));
		r.last = (uint16_t)(r.first + below((uint64_t)65536 - r.first));
	}
	return r;
}

static void random_spec(struct spec *s)
{
	uint64_t scale = below(3);

	memset(s, 0, sizeof(*s));
	random_name(s->name);
	s->origin = (uint8_t)below(SPEC_ORIGINS);
	s->line = (uint32_t)number(UINT32_MAX);
	do
		fill(&s->mac, sizeof(s->mac));
	while (mac_is_zero(&s->mac));
	if (below(2))
		strcpy(s->interface, "a%b ü.7");
	s->secureon.length = (uint8_t[]){ 0, 4, 6 }[below(3)];
	fill(s->secureon.b, s->secureon.length);
	for (uint64_t n = below(scale * 8 + 1); n > 0; n--) {
		struct addr a = random_addr();

		(void)spec_add_address(s, &a);
	}
	for (uint64_t n = below(scale * 128 + 1); n > 0; n--)
		s->rules[s->rules_n++] = random_rule(s);
	for (uint64_t n = below(scale * 16 + 1); n > 0; n--)
		s->from[s->from_n++] = random_source();
	for (uint64_t n = below(scale * 16 + 1); n > 0; n--)
		s->ignore[s->ignore_n++] = random_source();
}

static void random_past(struct machine_past *p)
{
	memset(p, 0, sizeof(*p));
	p->state = (uint8_t)below(MACHINE_STATES);
	p->nic_answers = (uint8_t)below(2);
	p->since_wall_ms = number(UINT64_MAX);
	p->last_wake.by = (uint8_t)below(BY_KINDS);
	p->last_wake.knock = (uint8_t)below(KNOCK_KINDS);
	p->last_wake.from_port = (uint16_t)number(65536);
	p->last_wake.to_port = (uint16_t)number(65536);
	p->last_wake.attempts = (uint16_t)number(65536);
	p->last_wake.from = below(3) ? random_addr() : ADDR_NONE;
	p->last_wake.to = below(3) ? random_addr() : ADDR_NONE;
	p->last_wake.at_wall_ms = number(UINT64_MAX);
	p->last_wake.awake_us = number(UINT64_MAX);
	p->last_wake.ready_us = number(UINT64_MAX);
	p->last_wake.replayed = (uint32_t)number(UINT32_MAX);
}

static void random_event(struct event *e)
{
	memset(e, 0, sizeof(*e));
	e->id = 1 + number(UINT64_MAX - 1);
	e->wall_ms = number(UINT64_MAX);
	e->machine = (uint32_t)number(UINT32_MAX);
	e->kind = (uint8_t)below(EVENT_KINDS);
	e->by = (uint8_t)below(BY_KINDS);
	e->knock = (uint8_t)below(KNOCK_KINDS);
	e->observed = (uint8_t)below(2);
	e->late = (uint8_t)below(2);
	e->local = (uint8_t)below(2);
	if (below(2))
		fill(&e->from_mac, sizeof(e->from_mac));
	e->from = below(3) ? random_addr() : ADDR_NONE;
	e->to = below(3) ? random_addr() : ADDR_NONE;
	e->from_port = (uint16_t)number(65536);
	e->to_port = (uint16_t)number(65536);
	e->attempt = (uint16_t)number(65536);
	e->attempts = (uint16_t)number(65536);
	e->took_us = number(UINT64_MAX);
	e->replayed = (uint32_t)number(UINT32_MAX);
	if (below(2))
		random_name(e->name);
}

/* A line in a block of exactly its size, so that a sanitizer sees a read behind it. */
static int decode_exactly(const char *line, size_t n, struct record *ret_record)
{
	char *exact = malloc(n ? n : 1);
	int r;

	assert(exact);
	memcpy(exact, line, n);
	r = record_decode(exact, n, ret_record);
	free(exact);
	return r;
}

static void damage(const char *line, size_t n)
{
	struct record r;
	char copy[RECORD_MAX];
	size_t at = below(n);

	assert(decode_exactly(line, below(n), &r) < 0);
	memcpy(copy, line, n);
	copy[at] = (char)(copy[at] ^ (1 << below(8)));
	/* The checksum itself may be in capitals. */
	if (at >= 8 || copy[at] != (char)(line[at] ^ 0x20))
		assert(decode_exactly(copy, n, &r) < 0);
}

static void check_pairing(void)
{
	static char line[RECORD_MAX];
	uint8_t id[PAIRING_ID_SIZE];
	struct record in;
	struct record out;
	size_t n;

	memset(&in, 0, sizeof(in));
	fill(id, sizeof(id));
	b64_encode(id, sizeof(id), in.pairing.id);
	fill(&in.pairing.mac, sizeof(in.pairing.mac));
	in.pairing.mac.b[0] &= 0xfe; /* one machine's */
	in.pairing.mac.b[5] |= 1;
	fill(in.pairing.key, sizeof(in.pairing.key));
	in.pairing.since_ms = number(UINT64_MAX);
	random_name(in.pairing.name);
	n = record_paired(&in.pairing, line);
	assert(n < 512); /* the store counts on it */
	assert(decode_exactly(line, n - 1, &out) == 0 && out.kind == RECORD_PAIRED);
	assert(memcmp(&in.pairing, &out.pairing, sizeof(in.pairing)) == 0);
	damage(line, n - 1);
	n = record_unpaired(in.pairing.id, line);
	assert(decode_exactly(line, n - 1, &out) == 0 && out.kind == RECORD_UNPAIRED);
	assert(strcmp(out.pairing.id, in.pairing.id) == 0);
}

static void check_one(void)
{
	static char line[RECORD_MAX];
	uint32_t id = 1 + (uint32_t)number(UINT32_MAX - 1);
	struct record in;
	struct record out;
	size_t n;

	memset(&in, 0, sizeof(in));
	random_spec(&in.spec);
	n = record_machine(id, &in.spec, line);
	assert(n < RECORD_MAX && line[n] == 0 && line[n - 1] == '\n' && !memchr(line, '\n', n - 1));
	assert(decode_exactly(line, n - 1, &out) == 0 && out.kind == RECORD_MACHINE &&
	       out.id == id);
	assert(memcmp(&in.spec, &out.spec, sizeof(in.spec)) == 0);
	damage(line, n - 1);

	random_past(&in.past);
	n = record_past(id, &in.past, line);
	assert(decode_exactly(line, n - 1, &out) == 0 && out.kind == RECORD_PAST && out.id == id);
	assert(memcmp(&in.past, &out.past, sizeof(in.past)) == 0);
	damage(line, n - 1);

	random_event(&in.event);
	n = record_event(&in.event, line);
	assert(decode_exactly(line, n - 1, &out) == 0 && out.kind == RECORD_EVENT);
	assert(memcmp(&in.event, &out.event, sizeof(in.event)) == 0);
	damage(line, n - 1);

	check_pairing();
	n = record_gone(id, line);
	assert(decode_exactly(line, n - 1, &out) == 0 && out.kind == RECORD_GONE && out.id == id);
	n = record_ids(id, in.event.id, line);
	assert(decode_exactly(line, n - 1, &out) == 0 && out.kind == RECORD_IDS);
	assert(out.next_machine == id && out.next_event == in.event.id);
}

/* The longest machine there can be fits: the writer asserts it. */
static void check_longest(void)
{
	static char line[RECORD_MAX];
	struct spec s = { .line = UINT32_MAX,
			  .origin = SPEC_REGISTERED,
			  .secureon = { .length = 6 } };
	struct record out;
	size_t n;

	memset(s.name, '%', SPEC_NAME_MAX);
	memset(s.interface, '%', 15);
	memset(&s.mac, 0xfe, sizeof(s.mac));
	for (uint8_t i = 0; i < SPEC_ADDRESSES_MAX; i++) {
		uint8_t b[16];

		memset(b, 0xfe, sizeof(b));
		b[15] = i;
		s.addresses[s.addresses_n++] = addr_v6(b);
	}
	for (uint16_t i = 0; i < SPEC_RULES_MAX; i++)
		s.rules[s.rules_n++] = (struct rule){
			.kind = RULE_TCP_DATA, .address = 15, .first = 55555, .last = 65535
		};
	for (uint16_t i = 0; i < SPEC_SOURCES_MAX; i++) {
		assert(source_parse("fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe/128", &s.from[i]) ==
		       0);
		s.ignore[i] = s.from[i];
	}
	s.from_n = s.ignore_n = SPEC_SOURCES_MAX;
	n = record_machine(UINT32_MAX, &s, line);
	assert(record_decode(line, n - 1, &out) == 0 && memcmp(&out.spec, &s, sizeof(s)) == 0);
	printf("longest machine: %zu bytes\n", n);
}

int main(int argc, char **argv)
{
	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL);
	printf("seed %llu\n", (unsigned long long)seed);
	(void)fflush(stdout);
	check_longest();
	for (int i = 0; i < ROUNDS; i++)
		check_one();
	return 0;
}
