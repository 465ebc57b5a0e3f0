/*
 * fuzz_lease_told: what a guard tells: what is taken comes out as it went in, times to three digits.
 */
#include "proto/lease.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Written as milliseconds below a second, as tenths above: half of that may be lost. */
static bool near(uint64_t a, uint64_t b)
{
	uint64_t apart = a > b ? a - b : b - a;

	return apart <= (a < 999500 ? 500 : 50000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lease_told t, again;
	char json[4096];
	int n;

	if (lease_told_read((const char *)data, size, &t) < 0)
		return 0;
	n = lease_told_write(&t, json, sizeof(json));
	assert(n > 0);
	assert(lease_told_read(json, (size_t)n, &again) == 0);
	assert(t.tell == again.tell && t.of == again.of && t.ok == again.ok);
	assert(t.seconds == again.seconds && t.ask == again.ask && t.ready_n == again.ready_n);
	assert(strcmp(t.text, again.text) == 0 && near(t.asleep_us, again.asleep_us));
	for (uint32_t i = 0; i < t.ready_n; i++)
		assert(strcmp(t.ready[i].port, again.ready[i].port) == 0 &&
		       near(t.ready[i].us, again.ready[i].us));
	return 0;
}
