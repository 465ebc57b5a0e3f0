/*
 * fuzz_pairing_state: the machine's file of its pairing: what is taken can be used as it is, and reads back the same.
 */
#include "proto/pairing_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Zeroed, so that what is behind the NUL of a text compares. */
	struct pairing_state s = { .port = 0 };
	struct pairing_state back = { .port = 0 };
	char *bytes = malloc(size ? size : 1);
	char text[PAIRING_STATE_MAX];
	int n;

	assert(bytes);
	if (size)
		memcpy(bytes, data, size);
	if (pairing_state_read(bytes, size, &s) == 0) {
		assert(s.port > 0 && s.guard[0] && s.interface[0] &&
		       strlen(s.id) == PAIRING_ID_TEXT - 1 &&
		       spec_name_valid(s.name, strlen(s.name)) && !mac_is_zero(&s.mac));
		n = pairing_state_write(&s, text, sizeof(text));
		assert(n > 0 && pairing_state_read(text, (size_t)n, &back) == 0);
		assert(memcmp(&s, &back, sizeof(s)) == 0);
	}
	free(bytes);
	return 0;
}
