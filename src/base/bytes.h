/*
 * bytes: the only door to foreign bytes, and the way out for our own.
 *
 * A cursor reads big-endian fields from a bounded buffer; its failure sticks, so a decoder reads
 * a whole message and asks once. A writer appends to a bounded buffer; its failure sticks too.
 * Neither owns the memory it looks at, and neither knows what the bytes mean.
 */
#ifndef ROUSE_BASE_BYTES_H
#define ROUSE_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const uint8_t *at;
	size_t left;
	bool failed;
};

static inline struct cursor cursor_over(const void *bytes, size_t n)
{
	return (struct cursor){ .at = bytes, .left = n, .failed = false };
}

/* The next n bytes, or NULL; after the first failure every further read fails as well. */
const uint8_t *cursor_take(struct cursor *c, size_t n);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_be16(struct cursor *c);
uint32_t cursor_be32(struct cursor *c);
/* Copies n bytes to `to`; zeroes `to` when they are not there. */
void cursor_copy(struct cursor *c, void *to, size_t n);
void cursor_skip(struct cursor *c, size_t n);
/* A cursor over the next n bytes alone; failed when they are not there. */
struct cursor cursor_sub(struct cursor *c, size_t n);

struct writer {
	uint8_t *start;
	size_t used;
	size_t size;
	bool failed;
};

static inline struct writer writer_over(void *bytes, size_t n)
{
	return (struct writer){ .start = bytes, .used = 0, .size = n, .failed = false };
}

/* Room for n bytes at the end, counted as written; NULL when there is none. */
uint8_t *writer_make(struct writer *w, size_t n);
void writer_u8(struct writer *w, uint8_t v);
void writer_be16(struct writer *w, uint16_t v);
void writer_be32(struct writer *w, uint32_t v);
void writer_bytes(struct writer *w, const void *from, size_t n);
void writer_zero(struct writer *w, size_t n);

/* Equality in time that depends on n alone: for keys and codes. */
bool bytes_equal_secret(const void *a, const void *b, size_t n);

#endif
