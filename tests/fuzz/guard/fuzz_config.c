/*
 * fuzz_config: a configuration file of any bytes. One without errors is printed, and what is printed is understood to be the
 * same (but for the token, which is not shown).
 */
#include "guard/config.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is said about hostile bytes is text. */
static void check_report(const struct config_report *report)
{
	char *said = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&said, &n);

	assert(to);
	config_report_print(report, "fuzz", to);
	fclose(to);
	for (size_t i = 0; i < n; i++)
		assert(said[i] == '\n' || (uint8_t)said[i] >= ' ');
	free(said);
}

/* What is printed; the caller frees it. NULL: there were errors. */
static char *print(const char *bytes, size_t n, bool *ret_token)
{
	struct config_report report = { 0 };
	struct config c;
	char *said = NULL;
	size_t said_n = 0;
	FILE *to = open_memstream(&said, &said_n);
	int r;

	assert(to);
	config_init(&c);
	r = config_parse(&c, bytes, n, &report);
	check_report(&report);
	if (r == 0)
		config_print(&c, to);
	fclose(to);
	*ret_token = *c.token;
	config_done(&c);
	config_report_done(&report);
	if (r == 0)
		return said;
	free(said);
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool token = false;
	char *once = print((const char *)data, size, &token);
	char *twice;

	if (!once)
		return 0;
	if (!token) {
		twice = print(once, strlen(once), &token);
		assert(twice && strcmp(once, twice) == 0);
		free(twice);
	}
	free(once);
	return 0;
}
