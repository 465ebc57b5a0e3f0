/*
 * fuzz_relay_config: any bytes as a configuration; one that is understood prints as one that means the same.
 */
#include "relay/config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config c, again;
	static FILE *nowhere;
	char *first = NULL, *second = NULL;
	size_t first_n, second_n;
	FILE *to;

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	if (config_parse(&c, (const char *)data, size, "fuzz", nowhere) < 0)
		return 0;
	to = open_memstream(&first, &first_n);
	config_print(&c, to);
	fclose(to);
	assert(config_parse(&again, first, first_n, "again", stderr) == 0);
	to = open_memstream(&second, &second_n);
	config_print(&again, to);
	fclose(to);
	assert(first_n == second_n && memcmp(first, second, first_n) == 0);
	free(first);
	free(second);
	return 0;
}
