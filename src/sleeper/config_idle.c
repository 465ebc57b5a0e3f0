/*
 * config_idle: the kinds of values of [idle]: figures with a limit, amounts of bytes, names.
 */
#include "sleeper/config_keys.h"

#include "base/text.h"

#include <string.h>

/* --- "0.8", in hundredths --- */

static const char *parse_decimal(const struct config_key *k, const char *word, void *field)
{
	static const char wrong[] = "expected a number within its range, like 0.8, or off";
	char whole[12] = "";
	size_t n = strcspn(word, ".");
	const char *behind = word + n + (word[n] == '.');
	uint64_t v, part = 0;

	if (strcmp(word, "off") == 0) {
		*(uint64_t *)field = CONFIG_OFF;
		return NULL;
	}
	if (n >= sizeof(whole) || strlen(behind) > 2 || (word[n] == '.' && !*behind))
		return wrong;
	memcpy(whole, word, n);
	if (text_parse_u64(whole, 1000000, &v) < 0 ||
	    (*behind && text_parse_u64(behind, 99, &part) < 0))
		return wrong;
	v = v * 100 + (strlen(behind) == 1 ? part * 10 : part);
	if (v < k->least || v > k->most)
		return wrong;
	*(uint64_t *)field = v;
	return NULL;
}

static void print_decimal(const struct config_key *k, const void *field, FILE *to)
{
	uint64_t v = *(const uint64_t *)field;

	(void)k;
	if (v == CONFIG_OFF)
		fputs("off", to);
	else if (v % 10)
		fprintf(to, "%llu.%02llu", (unsigned long long)v / 100,
			(unsigned long long)v % 100);
	else
		fprintf(to, "%llu.%llu", (unsigned long long)v / 100,
			(unsigned long long)v / 10 % 10);
}

/* --- "10KiB" --- */

static const struct {
	const char *name;
	uint64_t bytes;
} units[] = { { "MiB", 1U << 20 }, { "KiB", 1U << 10 }, { "", 1 } };
#define UNITS_N (sizeof(units) / sizeof(units[0]))

static const char *parse_bytes(const struct config_key *k, const char *word, void *field)
{
	static const char wrong[] = "expected bytes within their range, like 10KiB or 1MiB, or off";
	size_t n = strspn(word, "0123456789");
	char digits[12] = "";
	uint64_t v;

	if (strcmp(word, "off") == 0) {
		*(uint64_t *)field = CONFIG_OFF;
		return NULL;
	}
	if (n >= sizeof(digits))
		return wrong;
	memcpy(digits, word, n);
	for (size_t i = 0; i < UNITS_N; i++) {
		if (strcmp(word + n, units[i].name) != 0)
			continue;
		if (text_parse_u64(digits, k->most / units[i].bytes, &v) < 0 ||
		    v * units[i].bytes < k->least)
			return wrong;
		*(uint64_t *)field = v * units[i].bytes;
		return NULL;
	}
	return wrong;
}

static void print_bytes(const struct config_key *k, const void *field, FILE *to)
{
	uint64_t v = *(const uint64_t *)field;
	size_t i = 0;

	(void)k;
	if (v == CONFIG_OFF) {
		fputs("off", to);
		return;
	}
	while (v == 0 || v % units[i].bytes) {
		if (++i == UNITS_N - 1)
			break;
	}
	fprintf(to, "%llu%s", (unsigned long long)(v / units[i].bytes), units[i].name);
}

/* --- names of units and processes --- */

static const char *parse_names(const struct config_key *k, const char *word, void *field)
{
	struct config_names *all = field;
	size_t n = strlen(word);

	if (all->n == CONFIG_NAMES_MAX)
		return "these are too many names";
	if (n > k->most)
		return "a name is too long";
	for (size_t i = 0; i < n; i++) {
		if (word[i] < ' ' || word[i] > '~' || word[i] == '/')
			return "expected names, separated by blanks";
	}
	/* What systemd itself would take it for. */
	if (k->least && !strchr(word, '.'))
		return "expected names of units, like backup.service";
	memcpy(all->list[all->n++], word, n + 1);
	return NULL;
}

static void print_names(const struct config_key *k, const void *field, FILE *to)
{
	const struct config_names *all = field;

	(void)k;
	for (size_t i = 0; i < all->n; i++)
		fprintf(to, "%s%s", i ? " " : "", all->list[i]);
}

const struct config_type config_decimal = { false, parse_decimal, print_decimal };
const struct config_type config_bytes = { false, parse_bytes, print_bytes };
const struct config_type config_names_type = { true, parse_names, print_names };
