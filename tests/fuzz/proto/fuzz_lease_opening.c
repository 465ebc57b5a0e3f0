/*
 * fuzz_lease_opening: the first objects of a connection to the registration port, and lines of a lease: what is taken comes out as
 * it went in, and nothing is authentic that was not sealed.
 */
#include "proto/keys.h"
#include "proto/lease.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct lease_opening *o)
{
	struct lease_opening again;
	char line[4096];
	int n = lease_opening_write(o, line, sizeof(line));

	assert(n > 0 && line[n - 1] == '\n');
	memset(&again, 0, sizeof(again));
	assert(lease_opening_read(line, (size_t)n - 1, &again) == 0);
	assert(memcmp(o, &again, sizeof(again)) == 0);
}

/* A share from the network. */
static void check_share(const struct lease_opening *o)
{
	static const uint8_t random[PAIRING_RANDOM] = { 5 };
	struct pairing_outcome outcome;
	struct pairing_half half;

	pairing_start(&half, PAIRING_GUARD, "123456", &o->about, random);
	if (pairing_finish(&half, o->share, "AAAAAAAAAAAA", &outcome) == 0)
		assert(memcmp(outcome.tag, outcome.expected, sizeof(outcome.tag)) != 0);
	pairing_wipe(&half, &outcome);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lease_way way = { .counter = 0 };
	const char *text = (const char *)data;
	struct lease_opening o;
	const char *json;
	size_t n;

	memset(&o, 0, sizeof(o));
	(void)lease_is_ours(text, size);
	if (lease_opening_read(text, size, &o) == 0) {
		check_again(&o);
		if (o.kind == LEASE_OPEN_PAIR)
			check_share(&o);
	}
	assert(lease_unseal(&way, text, size, &json, &n) < 0 && way.counter == 0);
	return 0;
}
