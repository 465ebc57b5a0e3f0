/*
 * buffer: bytes that grow at their end, for what has no useful upper bound at compile time. Its failure (no memory)
 * sticks: ask once.
 */
#ifndef ROUSE_RELAY_BUFFER_H
#define ROUSE_RELAY_BUFFER_H

#include "proto/slice.h"

#include <stdint.h>

struct buffer {
	char *start;
	size_t used, room;
	bool failed;
};

/* Room for n more bytes at the end, not counted as used yet; NULL without memory. */
char *buffer_room(struct buffer *b, size_t n);
void buffer_bytes(struct buffer *b, const void *bytes, size_t n);
void buffer_text(struct buffer *b, const char *text);
void buffer_slice(struct buffer *b, struct slice s);
void buffer_u64(struct buffer *b, uint64_t v);
/* JSON on one line: outside of strings, where they are blanks, line breaks become blanks. */
void buffer_json(struct buffer *b, struct slice json);
/* Frees the memory; empty and usable again. */
void buffer_done(struct buffer *b);

#endif
