/*
 * lease: what sleeper and guard say to each other over a lease connection (docs/lease-protocol.md): opening objects, the tags
 * that make lines authentic, and what is in a line, decoded into a value.
 *
 * Pure. Refuses to know sockets, who may say what, and what is done about it.
 */
#ifndef ROUSE_PROTO_LEASE_H
#define ROUSE_PROTO_LEASE_H

#include "base/spec.h"
#include "proto/pairing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEASE_LINE_MAX 16384 /* bytes, with tag and newline */
#define LEASE_NONCE_SIZE 32
#define LEASE_TAG_SIZE 32
#define LEASE_SECONDS 180 /* a lease holds so long without renewal */
#define LEASE_RENEW_SECONDS 60
#define LEASE_TEXT 256 /* for people, with NUL */
#define LEASE_PORTS 4 /* measured by a test */

/* --- opening: the first objects of a connection, in the clear --- */

enum lease_opening_kind {
	LEASE_OPEN_PAIR, /* about, share */
	LEASE_OPEN_LEASE, /* pairing, nonce */
	LEASE_PAIR_SHARE, /* guard: id, share, tag */
	LEASE_PAIR_TAG, /* sleeper: tag */
	LEASE_PAIRED, /* guard: id */
	LEASE_OPENED, /* guard: nonce */
	LEASE_ERROR, /* guard: word, text */
	LEASE_OPENINGS
};

struct lease_opening {
	enum lease_opening_kind kind;
	struct pairing_about about;
	char id[PAIRING_ID_TEXT]; /* the pairing's */
	uint8_t share[PAIRING_SHARE_SIZE];
	uint8_t tag[PAIRING_TAG_SIZE];
	uint8_t nonce[LEASE_NONCE_SIZE];
	char word[24];
	char text[LEASE_TEXT];
};

/* Whether a first object is ours at all (has the member "rouse"), not Wakupator's. */
bool lease_is_ours(const char *json, size_t n);
/* 0, -EINVAL, -EPROTONOSUPPORT (a version that is not 1). n without the newline. */
int lease_opening_read(const char *json, size_t n, struct lease_opening *ret);
/* With newline and NUL; its length without NUL, or -ENOSPC. */
int lease_opening_write(const struct lease_opening *o, char *to, size_t size);

/* --- tags --- */

/* One direction of a connection. */
struct lease_way {
	uint8_t key[32];
	uint64_t counter; /* of the last line */
};

/* Both session keys, counters at 0. `of_sleeper` and `of_guard` are the nonces. */
void lease_ways(const uint8_t key[static PAIRING_KEY_SIZE],
		const uint8_t of_sleeper[static LEASE_NONCE_SIZE],
		const uint8_t of_guard[static LEASE_NONCE_SIZE], struct lease_way *ret_to_guard,
		struct lease_way *ret_to_sleeper);
/* "tag json\n" and NUL of the next line; its length without NUL, or -ENOSPC (the counter stays). */
int lease_seal(struct lease_way *way, const char *json, char *to, size_t size);
/* Checks a line (without newline) and counts it: 0 and the JSON within it, or -EINVAL / -EBADMSG (not authentic). */
int lease_unseal(struct lease_way *way, const char *line, size_t n, const char **ret_json,
		 size_t *ret_n) __attribute__((warn_unused_result));

/* --- what the sleeper says --- */

enum lease_say { SAY_LEASE, SAY_GOODBYE, SAY_STAY, SAY_TEST, SAY_ANSWER, SAY_KINDS };

enum lease_why {
	WHY_NONE,
	WHY_BOOT,
	WHY_RESUME,
	WHY_START,
	WHY_CHANGE,
	WHY_RENEW, /* of a lease */
	WHY_SUSPEND,
	WHY_HIBERNATE,
	WHY_POWEROFF,
	WHY_HALT, /* of a goodbye */
	WHY_REBOOT,
	WHY_RESTART,
	WHY_CANCELLED,
	WHY_STOP, /* of a stay */
	WHY_KINDS
};

const char *lease_why_name(enum lease_why w);

struct lease_said {
	enum lease_say say;
	enum lease_why why;
	struct spec
		spec; /* LEASE, GOODBYE: name, mac, addresses, rules, secureon; origin SPEC_REGISTERED */
	uint32_t after; /* TEST: seconds */
	uint32_t ask; /* ANSWER: what is answered */
	bool ok; /* ANSWER */
	char text[LEASE_TEXT]; /* ANSWER: for people */
};

/* -EINVAL (or -ENOMEM) with a text for the machine's person; text of the network in it is escaped. */
int lease_said_read(const char *json, size_t n, struct lease_said *ret,
		    char error[static LEASE_TEXT]);
int lease_said_write(const struct lease_said *s, char *to, size_t size); /* length, or -ENOSPC */

/* --- what the guard tells --- */

enum lease_tell { TELL_RESULT, TELL_ASK, TELL_TESTED, TELL_KINDS };

struct lease_told {
	enum lease_tell tell;
	uint64_t of; /* RESULT: counter of the line it answers */
	bool ok; /* RESULT; TESTED: it was measured, else text says what was not */
	uint32_t seconds; /* RESULT: the lease holds so long */
	uint32_t ask; /* ASK: to be said in the answer; it always asks for sleep */
	char text[LEASE_TEXT]; /* RESULT: why refused; ASK: who; TESTED: the error */
	uint64_t asleep_us, awake_us; /* TESTED; 0: not seen */
	uint32_t ready_n;
	struct {
		char port[RULE_TEXT]; /* "tcp/22" */
		uint64_t us;
	} ready[LEASE_PORTS];
};

int lease_told_read(const char *json, size_t n, struct lease_told *ret);
int lease_told_write(const struct lease_told *t, char *to, size_t size);

#endif
