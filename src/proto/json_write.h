/*
 * json_write: builds JSON into memory of the caller, without a library. Commas are its business, and so is that every
 * string comes out as valid UTF-8: bytes that are not become U+FFFD, control characters \uXXXX.
 */
#ifndef ROUSE_PROTO_JSON_WRITE_H
#define ROUSE_PROTO_JSON_WRITE_H

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

struct json_writer {
	struct text out; /* out.cut: it did not fit, and is of no use */
	bool comma; /* a comma belongs before the next value */
};

struct json_writer json_writer_over(char *to, size_t n);
/* '{' or '[' as a value; closed by '}' or ']'. */
void json_write_open(struct json_writer *w, char bracket);
void json_write_close(struct json_writer *w, char bracket);
/* The key of the next value. */
void json_write_key(struct json_writer *w, const char *key);
void json_write_word(struct json_writer *w, const char *s);
void json_write_u64(struct json_writer *w, uint64_t v);
void json_write_bool(struct json_writer *w, bool v);
void json_write_null(struct json_writer *w);
/* Microseconds as a number of seconds: 6.4. */
void json_write_seconds(struct json_writer *w, uint64_t us);

#endif
