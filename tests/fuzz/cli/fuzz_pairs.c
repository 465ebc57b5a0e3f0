/*
 * fuzz_pairs: lines of wol-over-http's pairs.txt: what is taken is a machine that can be guarded.
 */
#include "cli/pairs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size ? size : 1);
	const char *why;
	struct pair p;

	assert(line);
	if (size)
		memcpy(line, data, size);
	why = pairs_line(line, size, &p);
	if (!why)
		assert(spec_name_valid(p.label, strlen(p.label)) && !mac_is_zero(&p.mac) &&
		       !mac_is_group(&p.mac));
	free(line);
	return 0;
}
