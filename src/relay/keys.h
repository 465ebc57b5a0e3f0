/*
 * keys: what the relay does with cryptography; the door to libsodium.
 *
 * It proves that a guard has its key, and makes up salts that look real. It has no key that wakes anything.
 */
#ifndef ROUSE_RELAY_KEYS_H
#define ROUSE_RELAY_KEYS_H

#include "proto/relay_auth.h"

#include <stdbool.h>

#define KEYS_SECRET_SIZE 32

/* Once, before anything else: -ENOSYS when the library does not work here. */
int keys_init(void);
bool keys_verify(const uint8_t key[static RELAY_KEY_SIZE],
		 const uint8_t signature[static RELAY_SIGNATURE_SIZE], const void *bytes, size_t n);
/* HMAC-SHA256. */
void keys_hmac(const uint8_t secret[static KEYS_SECRET_SIZE], const void *bytes, size_t n,
	       uint8_t ret_mac[static 32]);
/* SHA-256, as fast as it gets. */
void keys_hash(const void *bytes, size_t n, uint8_t ret_hash[static 32]);

#endif
