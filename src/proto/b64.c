#include "proto/b64.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

static const char letters[64] = {
	'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P',
	'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'a', 'b', 'c', 'd', 'e', 'f',
	'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v',
	'w', 'x', 'y', 'z', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '-', '_',
};

char *b64_encode(const void *bytes, size_t n, char *to)
{
	const uint8_t *b = bytes;
	char *out = to;
	uint32_t bits = 0;
	unsigned int have = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | b[i];
		have += 8;
		while (have >= 6) {
			have -= 6;
			*out++ = letters[bits >> have & 63];
		}
	}
	if (have)
		*out++ = letters[bits << (6 - have) & 63];
	*out = 0;
	return to;
}

/* Comparisons instead of a table: keys come by here, and a table's cache lines tell. */
static int value_of(char c)
{
	int v = -1;

	v += (c >= 'A' && c <= 'Z') * (c - 'A' + 1);
	v += (c >= 'a' && c <= 'z') * (c - 'a' + 27);
	v += (c >= '0' && c <= '9') * (c - '0' + 53);
	v += (c == '-') * 63;
	v += (c == '_') * 64;
	return v;
}

int b64_decode(const char *text, size_t length, void *to, size_t n)
{
	uint8_t *b = to;
	uint32_t bits = 0;
	unsigned int have = 0;
	size_t done = 0;
	bool wrong = length != B64_LENGTH(n);

	for (size_t i = 0; i < length && !wrong; i++) {
		int v = value_of(text[i]);

		wrong = v < 0;
		bits = bits << 6 | (uint32_t)(v & 63);
		have += 6;
		if (have >= 8 && done < n) {
			have -= 8;
			b[done++] = (uint8_t)(bits >> have);
		}
	}
	wrong = wrong || done != n || (bits & ((1U << have) - 1)) != 0;
	return wrong ? -EINVAL : 0;
}
