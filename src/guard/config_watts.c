/*
 * config_watts: the one number of a machine that may be missing.
 */
#include "guard/config_keys.h"

static const char *spec_watts_parse(const struct config_key *k, const char *word, void *field)
{
	uint64_t v = 0;
	const char *why = config_number.parse(k, word, &v);

	if (!why)
		*(uint16_t *)field = (uint16_t)v;
	/* cppcheck-suppress returnDanglingLifetime ; a parser returns a literal, never its field */
	return why;
}

static bool spec_watts_format(const struct config_key *k, const void *field, size_t i,
			      struct text *to)
{
	(void)k;
	if (i == 0 && *(const uint16_t *)field)
		text_u64(to, *(const uint16_t *)field);
	return i == 0 && *(const uint16_t *)field;
}

static void spec_watts_clear(const struct config_key *k, void *field)
{
	(void)k;
	*(uint16_t *)field = 0;
}

const struct config_type spec_watts_type = { .parse = spec_watts_parse,
					     .format = spec_watts_format,
					     .clear = spec_watts_clear };
