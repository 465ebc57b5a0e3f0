/*
 * slice: bytes of somebody else's text, without a NUL at the end. Owns nothing.
 */
#ifndef ROUSE_PROTO_SLICE_H
#define ROUSE_PROTO_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char *at; /* NULL: it is not there */
	size_t n;
};

#define SLICE(literal) ((struct slice){ (literal), sizeof(literal) - 1 })

static inline struct slice slice_of(const char *text)
{
	return (struct slice){ text, strlen(text) };
}

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.at, b.at, a.n) == 0);
}

static inline bool slice_is(struct slice s, const char *text)
{
	return s.at != NULL && slice_equal(s, slice_of(text));
}

static inline bool slice_starts(struct slice s, struct slice with)
{
	return s.n >= with.n && memcmp(s.at, with.at, with.n) == 0;
}

/* Copies it with a NUL; false (and nothing copied) when it does not fit. */
static inline bool slice_copy(struct slice s, char *to, size_t size)
{
	if (s.n >= size)
		return false;
	if (s.n)
		memcpy(to, s.at, s.n);
	to[s.n] = 0;
	return true;
}

#endif
