/*
 * sha256: SHA-256 (FIPS 180-4) of a message that is at hand as a whole: for comparing tokens without keeping them.
 */
#ifndef ROUSE_BASE_SHA256_H
#define ROUSE_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32
#define SHA256_TEXT 65 /* hex and NUL */

void sha256(const void *bytes, size_t n, uint8_t ret_digest[static SHA256_SIZE]);
/* The same as lower-case hex. */
void sha256_hex(const void *bytes, size_t n, char to[static SHA256_TEXT]);

#endif
