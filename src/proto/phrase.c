#include "proto/phrase.h"

#include <errno.h>
#include <string.h>

char *phrase_make(const uint8_t random[static PHRASE_RANDOM], char to[static PHRASE_TEXT])
{
	static const char consonants[] = "bdfghjklmnprstvz";
	static const char vowels[] = "aiou";
	uint32_t bits = 0;
	unsigned int have = 0;
	char *at = to;

	for (size_t word = 0, byte = 0; word < PHRASE_WORDS; word++) {
		for (; have < 12; have += 8)
			bits = bits << 8 | random[byte++];
		have -= 12;
		uint32_t w = bits >> have & 0xfff;

		*at++ = consonants[w >> 8];
		*at++ = vowels[w >> 6 & 3];
		*at++ = consonants[w >> 2 & 15];
		*at++ = vowels[w & 3];
		*at++ = '-';
	}
	at[-1] = 0;
	return to;
}

int phrase_normalise(const char *typed, char to[static PHRASE_TYPED_MAX])
{
	size_t n = 0;

	for (const char *s = typed; *s; s++) {
		char c = *s;

		if (c == ' ' || c == '\t' || c == '-') {
			if (n == 0 || to[n - 1] == '-')
				continue;
			c = '-';
		} else if (c >= 'A' && c <= 'Z') {
			c = (char)(c + ('a' - 'A'));
		}
		if (n == PHRASE_TYPED_MAX - 1)
			return -EINVAL;
		to[n++] = c;
	}
	while (n > 0 && to[n - 1] == '-')
		n--;
	to[n] = 0;
	return n > 0 ? 0 : -EINVAL;
}
