#include "proto/keys.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <sodium.h>

int keys_init(void)
{
	return sodium_init() < 0 ? -ENOSYS : 0;
}

void keys_hash(const void *bytes, size_t n, uint8_t ret_hash[static KEYS_HASH_SIZE])
{
	(void)crypto_hash_sha256(ret_hash, bytes, n);
}

char *keys_hash_hex(const void *bytes, size_t n, char to[static KEYS_HEX])
{
	uint8_t hash[KEYS_HASH_SIZE];

	keys_hash(bytes, n, hash);
	return sodium_bin2hex(to, KEYS_HEX, hash, sizeof(hash));
}

void keys_hmac(const uint8_t secret[static KEYS_SECRET_SIZE], const void *bytes, size_t n,
	       uint8_t ret_mac[static 32])
{
	(void)crypto_auth_hmacsha256(ret_mac, bytes, n, secret);
}

void keys_hmac_counted(const uint8_t secret[static KEYS_SECRET_SIZE], uint64_t number,
		       const void *bytes, size_t n, uint8_t ret_mac[static 32])
{
	crypto_auth_hmacsha256_state state;
	uint8_t head[8];

	for (size_t i = 0; i < sizeof(head); i++)
		head[i] = (uint8_t)(number >> (56 - 8 * i));
	(void)crypto_auth_hmacsha256_init(&state, secret, KEYS_SECRET_SIZE);
	(void)crypto_auth_hmacsha256_update(&state, head, sizeof(head));
	(void)crypto_auth_hmacsha256_update(&state, bytes, n);
	(void)crypto_auth_hmacsha256_final(&state, ret_mac);
	keys_wipe(&state, sizeof(state));
}

void keys_long_hash(const void *bytes, size_t n, uint8_t ret_hash[static KEYS_LONG_HASH_SIZE])
{
	(void)crypto_hash_sha512(ret_hash, bytes, n);
}

void keys_group_element(const uint8_t hash[static KEYS_LONG_HASH_SIZE],
			uint8_t ret_element[static KEYS_GROUP_SIZE])
{
	(void)crypto_core_ristretto255_from_hash(ret_element, hash);
}

void keys_group_scalar(const uint8_t random[static KEYS_LONG_HASH_SIZE],
		       uint8_t ret_scalar[static KEYS_GROUP_SIZE])
{
	crypto_core_ristretto255_scalar_reduce(ret_scalar, random);
}

bool keys_group_valid(const uint8_t element[static KEYS_GROUP_SIZE])
{
	/*
	 * RFC 9496, 4.3.1: 255 bits, of which the library (1.0.18) overlooks a 256th; the identity's only encoding is all
	 * zeros.
	 */
	return (element[KEYS_GROUP_SIZE - 1] & 0x80) == 0 &&
	       crypto_core_ristretto255_is_valid_point(element) == 1 &&
	       !sodium_is_zero(element, KEYS_GROUP_SIZE);
}

int keys_group_multiply(const uint8_t scalar[static KEYS_GROUP_SIZE],
			const uint8_t element[static KEYS_GROUP_SIZE],
			uint8_t ret_product[static KEYS_GROUP_SIZE])
{
	if (!keys_group_valid(element) ||
	    crypto_scalarmult_ristretto255(ret_product, scalar, element) < 0)
		return -EINVAL;
	return 0;
}

void keys_public(const uint8_t seed[static KEYS_SECRET_SIZE],
		 uint8_t ret_key[static RELAY_KEY_SIZE])
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	(void)crypto_sign_seed_keypair(ret_key, secret, seed);
	keys_wipe(secret, sizeof(secret));
}

void keys_sign(const uint8_t seed[static KEYS_SECRET_SIZE], const void *bytes, size_t n,
	       uint8_t ret_signature[static RELAY_SIGNATURE_SIZE])
{
	uint8_t key[crypto_sign_PUBLICKEYBYTES];
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	(void)crypto_sign_seed_keypair(key, secret, seed);
	(void)crypto_sign_detached(ret_signature, NULL, bytes, n, secret);
	keys_wipe(secret, sizeof(secret));
}

bool keys_verify(const uint8_t key[static RELAY_KEY_SIZE],
		 const uint8_t signature[static RELAY_SIGNATURE_SIZE], const void *bytes, size_t n)
{
	return crypto_sign_verify_detached(signature, bytes, n, key) == 0;
}

void keys_wipe(void *bytes, size_t n)
{
	sodium_memzero(bytes, n);
}

void keys_derive(const uint8_t secret[static KEYS_SECRET_SIZE], const char *word, const char *id,
		 uint8_t ret_key[static RELAY_KEY_SIZE])
{
	static const char salt[] = "rouse-grant-v1";
	static const uint8_t block = 1; /* the first and only one of the expansion */
	crypto_auth_hmacsha256_state state;
	uint8_t extracted[KEYS_HASH_SIZE];

	(void)crypto_auth_hmacsha256_init(&state, (const unsigned char *)salt, sizeof(salt) - 1);
	(void)crypto_auth_hmacsha256_update(&state, secret, KEYS_SECRET_SIZE);
	(void)crypto_auth_hmacsha256_final(&state, extracted);
	(void)crypto_auth_hmacsha256_init(&state, extracted, sizeof(extracted));
	(void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)word, strlen(word));
	(void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)id, strlen(id));
	(void)crypto_auth_hmacsha256_update(&state, &block, 1);
	(void)crypto_auth_hmacsha256_final(&state, ret_key);
	keys_wipe(extracted, sizeof(extracted));
	keys_wipe(&state, sizeof(state));
}

/* One HMAC of up to 64 bytes with the password that is in `keyed`. */
static void stretch_round(const struct keys_stretch *s, const void *bytes, size_t n,
			  uint8_t ret[static KEYS_HASH_SIZE])
{
	crypto_auth_hmacsha256_state state;

	static_assert(sizeof(state) <= sizeof(s->keyed), "room for the library's state");
	memcpy(&state, s->keyed, sizeof(state));
	(void)crypto_auth_hmacsha256_update(&state, bytes, n);
	(void)crypto_auth_hmacsha256_final(&state, ret);
}

void keys_stretch_start(struct keys_stretch *s, const char *phrase, const void *salt, size_t salt_n,
			uint32_t rounds)
{
	static const uint8_t first[] = { 0, 0, 0, 1 };
	crypto_auth_hmacsha256_state state;
	uint8_t bytes[64];

	assert(rounds > 0 && salt_n <= sizeof(bytes) - sizeof(first));
	(void)crypto_auth_hmacsha256_init(&state, (const unsigned char *)phrase, strlen(phrase));
	memset(s, 0, sizeof(*s));
	memcpy(s->keyed, &state, sizeof(state));
	keys_wipe(&state, sizeof(state));
	memcpy(bytes, salt, salt_n);
	memcpy(bytes + salt_n, first, sizeof(first));
	stretch_round(s, bytes, salt_n + sizeof(first), s->block);
	memcpy(s->sum, s->block, sizeof(s->sum));
	s->left = rounds - 1;
}

bool keys_stretch_step(struct keys_stretch *s, uint32_t rounds)
{
	for (; s->left > 0 && rounds > 0; s->left--, rounds--) {
		uint8_t next[KEYS_HASH_SIZE];

		stretch_round(s, s->block, sizeof(s->block), next);
		memcpy(s->block, next, sizeof(next));
		for (size_t i = 0; i < sizeof(next); i++)
			s->sum[i] ^= next[i];
	}
	return s->left == 0;
}
