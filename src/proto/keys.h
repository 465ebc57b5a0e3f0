/*
 * keys: everything that is done with keys, and the door to libsodium: hashes, message authentication, signatures, what is
 * derived from secrets (docs/protocol.md, 2). Pure: random bytes come in.
 *
 * Refuses to know who has which key, and what is authenticated.
 */
#ifndef ROUSE_PROTO_KEYS_H
#define ROUSE_PROTO_KEYS_H

#include "proto/relay_auth.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYS_SECRET_SIZE 32
#define KEYS_HASH_SIZE 32
#define KEYS_LONG_HASH_SIZE 64
#define KEYS_GROUP_SIZE 32
#define KEYS_HEX (2 * KEYS_HASH_SIZE + 1)

/* Once, before anything else: -ENOSYS when the library does not work here. */
int keys_init(void);

/* SHA-256, and as lower-case hex. */
void keys_hash(const void *bytes, size_t n, uint8_t ret_hash[static KEYS_HASH_SIZE]);
char *keys_hash_hex(const void *bytes, size_t n, char to[static KEYS_HEX]);
/* HMAC-SHA256. */
void keys_hmac(const uint8_t secret[static KEYS_SECRET_SIZE], const void *bytes, size_t n,
	       uint8_t ret_mac[static 32]);
/* The same over a number as 8 bytes, big-endian, and the bytes behind it. */
void keys_hmac_counted(const uint8_t secret[static KEYS_SECRET_SIZE], uint64_t number,
		       const void *bytes, size_t n, uint8_t ret_mac[static 32]);

/* SHA-512. */
void keys_long_hash(const void *bytes, size_t n, uint8_t ret_hash[static KEYS_LONG_HASH_SIZE]);

/*
 * The group ristretto255 (RFC 9496): an element from a hash (4.3.4), a scalar from as many random bytes, their product.
 * -EINVAL: the element is not valid, or the product is the identity.
 */
void keys_group_element(const uint8_t hash[static KEYS_LONG_HASH_SIZE],
			uint8_t ret_element[static KEYS_GROUP_SIZE]);
void keys_group_scalar(const uint8_t random[static KEYS_LONG_HASH_SIZE],
		       uint8_t ret_scalar[static KEYS_GROUP_SIZE]);
/* A canonical encoding of an element that is not the identity. */
bool keys_group_valid(const uint8_t element[static KEYS_GROUP_SIZE]);
int keys_group_multiply(const uint8_t scalar[static KEYS_GROUP_SIZE],
			const uint8_t element[static KEYS_GROUP_SIZE],
			uint8_t ret_product[static KEYS_GROUP_SIZE])
	__attribute__((warn_unused_result));

/* Ed25519; the seed is the private key. */
void keys_public(const uint8_t seed[static KEYS_SECRET_SIZE],
		 uint8_t ret_key[static RELAY_KEY_SIZE]);
void keys_sign(const uint8_t seed[static KEYS_SECRET_SIZE], const void *bytes, size_t n,
	       uint8_t ret_signature[static RELAY_SIGNATURE_SIZE]);
bool keys_verify(const uint8_t key[static RELAY_KEY_SIZE],
		 const uint8_t signature[static RELAY_SIGNATURE_SIZE], const void *bytes, size_t n);

/* Overwrites what nobody needs any more; no compiler leaves it out. */
void keys_wipe(void *bytes, size_t n);

/* One key of a grant: HKDF-SHA256 of its secret with info = word || id. */
void keys_derive(const uint8_t secret[static KEYS_SECRET_SIZE], const char *word, const char *id,
		 uint8_t ret_key[static RELAY_KEY_SIZE]);

/*
 * PBKDF2-HMAC-SHA256, 32 bytes, in portions: 600,000 rounds are half a second that a daemon does not have at once.
 */
struct keys_stretch {
	uint64_t keyed[32]; /* the library's state after the password */
	uint8_t block[KEYS_HASH_SIZE], sum[KEYS_HASH_SIZE];
	uint32_t left; /* rounds */
};

#define KEYS_STRETCH_ROUNDS 600000
void keys_stretch_start(struct keys_stretch *s, const char *phrase, const void *salt, size_t salt_n,
			uint32_t rounds);
/* True when it is done: s->sum is the result. */
bool keys_stretch_step(struct keys_stretch *s, uint32_t rounds);

#endif
