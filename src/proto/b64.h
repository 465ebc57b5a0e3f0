/*
 * b64: base64url without padding (RFC 4648, 5), in the only spelling: unused bits are zero.
 */
#ifndef ROUSE_PROTO_B64_H
#define ROUSE_PROTO_B64_H

#include <stddef.h>

/* Characters of n bytes, and with the NUL. */
#define B64_LENGTH(n) (((n)*4 + 2) / 3)
#define B64_TEXT(n) (B64_LENGTH(n) + 1)

/* Writes B64_TEXT(n) characters; returns `to`. */
char *b64_encode(const void *bytes, size_t n, char *to);
/* The text must say exactly n bytes; -EINVAL otherwise, and what is at `to` is of no use then. */
int b64_decode(const char *text, size_t length, void *to, size_t n);

#endif
