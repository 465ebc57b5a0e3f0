/*
 * vectors: docs/protocol-vectors.json, for the tests that compute the same.
 */
#ifndef ROUSE_TESTS_VECTORS_H
#define ROUSE_TESTS_VECTORS_H

#include "proto/b64.h"
#include "proto/json.h"

#include <stdio.h>
#include <string.h>

static struct json *vectors;

static inline int vectors_load(void **state)
{
	static char bytes[JSON_TEXT_MAX];
	char problem[JSON_PROBLEM];
	FILE *f = fopen(VECTORS, "r");
	size_t n = f ? fread(bytes, 1, sizeof(bytes), f) : 0;

	(void)state;
	if (f)
		(void)fclose(f);
	return n > 0 && json_read(bytes, n, &vectors, problem) == 0 ? 0 : -1;
}

static inline int vectors_drop(void **state)
{
	(void)state;
	json_drop(vectors);
	return 0;
}

static inline const char *word_of(const struct json *map, const char *key)
{
	const char *word = json_word(json_member(map, key));

	assert_non_null(word);
	return word;
}

/* n bytes of base64url. */
static inline void bytes_of(const struct json *map, const char *key, void *to, size_t n)
{
	const char *word = word_of(map, key);

	assert_int_equal(b64_decode(word, strlen(word), to, n), 0);
}

static inline void assert_hex(const void *bytes, size_t n, const char *hex)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *b = bytes;

	assert_int_equal(strlen(hex), 2 * n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(hex[2 * i], digits[b[i] >> 4]);
		assert_int_equal(hex[2 * i + 1], digits[b[i] & 15]);
	}
}

#endif
