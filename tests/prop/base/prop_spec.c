/*
 * prop_spec: whatever rules are added, the merged ones say the same about every port as a plain bitmap, never touch
 * each other, and print back to themselves.
 */
#include "base/spec.h"

#include "../random.h"

#include <string.h>

#define PORTS 65536

static uint8_t wanted[RULE_KINDS][2][PORTS]; /* for address 0, and for any */
static struct spec spec;

/* Small, large, and adjacent ranges near a few places, so that they meet. */
static struct rule random_rule(uint64_t *seed)
{
	uint32_t first = 1 + 50 * random_below(seed, 1000) + random_below(seed, 10);
	uint32_t last = first + random_below(seed, random_below(seed, 10) ? 60 : 5000);
	struct rule r = { .kind = (uint8_t)random_below(seed, RULE_KINDS) };

	r.address = random_below(seed, 4) ? SPEC_ANY_ADDRESS : 0;
	r.first = (uint16_t)first;
	r.last = (uint16_t)(last < PORTS ? last : PORTS - 1);
	if (r.kind == RULE_ECHO || r.kind == RULE_ANY || random_below(seed, 500) == 0) {
		r.first = 0;
		r.last = PORTS - 1;
	}
	return r;
}

static void check_all(void)
{
	static uint8_t said[RULE_KINDS][2][PORTS];

	memset(said, 0, sizeof(said));
	for (uint16_t i = 0; i < spec.rules_n; i++) {
		const struct rule *r = &spec.rules[i];
		uint8_t *ports = said[r->kind][r->address == SPEC_ANY_ADDRESS];

		for (uint32_t p = r->first; p <= r->last; p++)
			CHECK(ports[p]++ == 0);
		/* A neighbour would have been merged, had it been there; this rule would have been, too. */
		CHECK(r->first == 0 || ports[r->first - 1] == 0);
		CHECK(r->last == PORTS - 1 || ports[r->last + 1] == 0);
	}
	CHECK(memcmp(said, wanted, sizeof(said)) == 0);
}

static void check_text(const struct rule *r)
{
	char text[RULE_TEXT];
	struct rule back;

	CHECK(rule_parse(rule_format(r, text), &back) == 0);
	CHECK(back.kind == r->kind && back.first == r->first && back.last == r->last);
}

int main(void)
{
	uint64_t seed = seed_from(getenv("ROUSE_SEED"));

	for (int round = 0; round < 40; round++) {
		memset(&spec, 0, sizeof(spec));
		memset(wanted, 0, sizeof(wanted));
		for (int i = 0; i < 400; i++) {
			struct rule r = random_rule(&seed);

			check_text(&r);
			if (spec_add_rule(&spec, &r) < 0) {
				CHECK(spec.rules_n == SPEC_RULES_MAX);
				continue;
			}
			memset(wanted[r.kind][r.address == SPEC_ANY_ADDRESS] + r.first, 1,
			       (size_t)(r.last - r.first + 1));
			if (i % 40 == 0)
				check_all();
		}
		check_all();
	}
	return 0;
}
