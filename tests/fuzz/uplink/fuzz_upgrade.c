/*
 * fuzz_upgrade: what answers a guard's request for a WebSocket. Only a whole, right answer is one, however it is cut.
 */
#include "uplink/upgrade.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* The example of RFC 6455, 1.3; memory of exactly that size shows a read behind it. */
	static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
	char *bytes = malloc(size ? size : 1);
	size_t taken = 0;
	int v;

	assert(bytes);
	if (size)
		memcpy(bytes, data, size);
	v = upgrade_answer(bytes, size, key, &taken);
	assert(v == UPGRADE_DONE || v == UPGRADE_MORE || v < 0 || (v >= 300 && v <= 999));
	if (v == UPGRADE_DONE)
		assert(taken <= size && memmem(bytes, taken, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28));
	for (size_t n = 0; v == UPGRADE_DONE && n < taken; n++)
		assert(upgrade_answer(bytes, n, key, &taken) == UPGRADE_MORE);
	free(bytes);
	return 0;
}
