#include "relay/keys.h"

#include <errno.h>

#include <sodium.h>

int keys_init(void)
{
	return sodium_init() < 0 ? -ENOSYS : 0;
}

bool keys_verify(const uint8_t key[static RELAY_KEY_SIZE],
		 const uint8_t signature[static RELAY_SIGNATURE_SIZE], const void *bytes, size_t n)
{
	return crypto_sign_verify_detached(signature, bytes, n, key) == 0;
}

void keys_hmac(const uint8_t secret[static KEYS_SECRET_SIZE], const void *bytes, size_t n,
	       uint8_t ret_mac[static 32])
{
	(void)crypto_auth_hmacsha256(ret_mac, bytes, n, secret);
}

void keys_hash(const void *bytes, size_t n, uint8_t ret_hash[static 32])
{
	(void)crypto_hash_sha256(ret_hash, bytes, n);
}
