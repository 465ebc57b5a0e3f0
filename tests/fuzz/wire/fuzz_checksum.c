/*
 * fuzz_checksum: l4_finish_checksum on any bytes. It writes nothing when it refuses, at most one 16-bit field
 * otherwise, and a second run changes nothing more.
 */
#include "wire/l4.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *copy(const uint8_t *data, size_t size)
{
	uint8_t *to = malloc(size > 0 ? size : 1);

	assert(to);
	if (size > 0)
		memcpy(to, data, size);
	return to;
}

/* How many bytes lie between the first and the last that differ, both included. */
static size_t changed(const uint8_t *a, const uint8_t *b, size_t size)
{
	size_t first = 0;

	while (first < size && a[first] == b[first])
		first++;
	while (size > first && a[size - 1] == b[size - 1])
		size--;
	return size - first;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *once = copy(data, size);
	int r = l4_finish_checksum(once, size);
	uint8_t *twice = copy(once, size);

	assert(changed(data, once, size) <= (r < 0 ? 0 : 2));
	assert(l4_finish_checksum(twice, size) == r);
	assert(changed(once, twice, size) == 0);
	free(twice);
	free(once);
	return 0;
}
