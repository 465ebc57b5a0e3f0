/*
 * relay_auth: the byte strings that are signed and authenticated between guard, relay and holders of keys, and what is
 * derived from public keys (docs/protocol.md, 1 and 2). Pure; the keys themselves are others' business.
 */
#ifndef ROUSE_PROTO_RELAY_AUTH_H
#define ROUSE_PROTO_RELAY_AUTH_H

#include "base/bytes.h"
#include "proto/b64.h"
#include "proto/slice.h"

#define RELAY_HOME_SIZE 16
#define RELAY_HOME_TEXT B64_TEXT(RELAY_HOME_SIZE)
#define RELAY_GRANT_SIZE 9
#define RELAY_GRANT_TEXT B64_TEXT(RELAY_GRANT_SIZE)
#define RELAY_KEY_SIZE 32 /* public, view, request and answer keys, tokens, hashes */
#define RELAY_KEY_TEXT B64_TEXT(RELAY_KEY_SIZE)
#define RELAY_SIGNATURE_SIZE 64
#define RELAY_CHALLENGE_SIZE 32 /* of joining */
#define RELAY_NONCE_SIZE 16 /* nonces, and challenges of requests */
#define RELAY_NONCE_TEXT B64_TEXT(RELAY_NONCE_SIZE)
#define RELAY_INVITATION_SIZE 20
#define RELAY_INVITATION_TEXT B64_TEXT(RELAY_INVITATION_SIZE)
#define RELAY_ORIGIN_MAX 255

/* P of the protocol: each part behind its length in four bytes. */
void relay_part(struct writer *w, const void *bytes, size_t n);
void relay_part_text(struct writer *w, const char *text);

void relay_home_of(const uint8_t key[static RELAY_KEY_SIZE],
		   uint8_t ret_home[static RELAY_HOME_SIZE]);

#define RELAY_JOIN_SIGNED_MAX (13 + RELAY_ORIGIN_MAX + RELAY_CHALLENGE_SIZE + 12)
/* What a guard signs; returns its length, 0 when the origin is too long. */
size_t relay_join_signed(const char *origin, const uint8_t challenge[static RELAY_CHALLENGE_SIZE],
			 uint8_t to[static RELAY_JOIN_SIGNED_MAX]);

#endif
