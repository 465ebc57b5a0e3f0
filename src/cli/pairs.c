#include "cli/pairs.h"

#include "base/text.h"

#include <string.h>

#define HASH 64 /* hex digits of SHA3-256 */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Twelve digits with any of the usual signs between, or none: be:ef:…, BE-EF-…, beef.face.c0de, beeffacec0de. */
static bool read_mac(const char *at, size_t n, struct mac *ret_mac)
{
	struct mac mac = { { 0 } };
	unsigned int digits = 0;

	for (size_t i = 0; i < n; i++) {
		int digit = text_hex_digit(at[i]);

		if (digit < 0 && (is_blank(at[i]) || strchr(":-.", at[i])))
			continue;
		if (digit < 0 || digits == 12)
			return false;
		mac.b[digits / 2] = (uint8_t)(mac.b[digits / 2] << 4 | digit);
		digits++;
	}
	*ret_mac = mac;
	return digits == 12 && !mac_is_zero(&mac) && !mac_is_group(&mac);
}

/* A name as ours have to be: '/' would be a path. */
static bool read_label(const char *at, size_t n, char to[static SPEC_NAME_MAX + 1])
{
	while (n > 0 && is_blank(*at)) {
		at++;
		n--;
	}
	while (n > 0 && is_blank(at[n - 1]))
		n--;
	if (n == 0 || n > SPEC_NAME_MAX)
		return false;
	memcpy(to, at, n);
	to[n] = 0;
	for (char *c = to; *c; c++) {
		if (*c == '/')
			*c = '-';
	}
	return strlen(to) == n && spec_name_valid(to, n);
}

const char *pairs_line(const char *line, size_t n, struct pair *ret_pair)
{
	struct pair p;
	size_t open, hash = 0;

	while (n > 0 && is_blank(*line)) {
		line++;
		n--;
	}
	while (n > 0 && is_blank(line[n - 1]))
		n--;
	if (n == 0)
		return "";
	while (hash < n && text_hex_digit(line[hash]) >= 0)
		hash++;
	if (hash != HASH || hash == n || !is_blank(line[hash]))
		return "does not begin with a hash of 64 hexadecimal digits and a blank";
	if (line[n - 1] != ')')
		return "does not end with a MAC address in parentheses";
	/* A label may have parentheses of its own: the last ones are the MAC's. */
	for (open = n - 1; open > hash && line[open] != '('; open--)
		;
	if (open == hash)
		return "does not end with a MAC address in parentheses";
	if (!read_mac(line + open + 1, n - open - 2, &p.mac))
		return "has no single machine's MAC address in the parentheses";
	if (!read_label(line + hash, open - hash, p.label))
		return "has no label that can be a name: 1 to 63 bytes of UTF-8";
	*ret_pair = p;
	return NULL;
}
