/*
 * pairing: the key exchange that six digits authenticate (docs/lease-protocol.md, 2): CPace over ristretto255, from either
 * side. Pure: random bytes come in. Group operations are behind the door of keys.c.
 *
 * Refuses to know how often a code may be tried, and who may pair.
 */
#ifndef ROUSE_PROTO_PAIRING_H
#define ROUSE_PROTO_PAIRING_H

#include "base/addr.h"
#include "base/spec.h"
#include "proto/relay_auth.h"

#include <stdbool.h>
#include <stdint.h>

#define PAIRING_CODE_DIGITS 6
#define PAIRING_SESSION_SIZE 16
#define PAIRING_SHARE_SIZE 32
#define PAIRING_ID_SIZE 9
#define PAIRING_ID_TEXT B64_TEXT(PAIRING_ID_SIZE)
#define PAIRING_KEY_SIZE 32
#define PAIRING_TAG_SIZE 32
#define PAIRING_RANDOM 64 /* bytes of entropy a side needs */

enum pairing_side { PAIRING_SLEEPER, PAIRING_GUARD };

/* What both sides say in the clear, and what the code is mixed with. */
struct pairing_about {
	uint8_t session[PAIRING_SESSION_SIZE];
	struct mac mac;
	char name[SPEC_NAME_MAX + 1];
};

/* One side's half, from the start to the end of an exchange; wiped by pairing_wipe(). */
struct pairing_half {
	enum pairing_side side;
	uint8_t session[PAIRING_SESSION_SIZE];
	uint8_t scalar[32];
	uint8_t share[PAIRING_SHARE_SIZE]; /* to be sent */
};

struct pairing_outcome {
	uint8_t key[PAIRING_KEY_SIZE];
	uint8_t tag[PAIRING_TAG_SIZE]; /* ours, to be sent */
	uint8_t expected[PAIRING_TAG_SIZE]; /* the other's: compared with bytes_equal_secret() */
};

/* A code: digits of `random`, every one of the 10^6 equally likely (random is 8 bytes, reduced without noticeable bias). */
void pairing_code(const uint8_t random[static 8], char ret_code[static PAIRING_CODE_DIGITS + 1]);
/* Six digits; blanks and '-' between them are dropped ("123 456"): -EINVAL otherwise. */
int pairing_code_parse(const char *text, char ret_code[static PAIRING_CODE_DIGITS + 1]);

void pairing_start(struct pairing_half *ret, enum pairing_side side, const char *code,
		   const struct pairing_about *about, const uint8_t random[static PAIRING_RANDOM]);
/* Whether the other side's share is one at all: canonical, and not the identity. Costs little beside what follows. */
bool pairing_share_valid(const uint8_t share[static PAIRING_SHARE_SIZE]);
/* -EINVAL: the other side's share is none (not canonical, or leads to the identity). `id` is the guard's choice. */
int pairing_finish(const struct pairing_half *half, const uint8_t other[static PAIRING_SHARE_SIZE],
		   const char *id, struct pairing_outcome *ret) __attribute__((warn_unused_result));
/* Either may be NULL. */
void pairing_wipe(struct pairing_half *half, struct pairing_outcome *outcome);

#endif
