/*
 * grant: may this request be carried out now, and has it been already? Challenges and when they change, nonces that were
 * seen, how often somebody may ask and guess. What is authentic is known before: no key comes here.
 *
 * Pure: time and random bytes come in. Bounded: what a holder can make it remember is limited by what he may ask.
 */
#ifndef ROUSE_CORE_GRANT_H
#define ROUSE_CORE_GRANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRANT_BYTES 16 /* of a challenge, of a nonce */
#define GRANT_NONCES 1024 /* remembered for each challenge */
#define GRANT_ROTATE 30000000 /* us: then there is a new challenge */
#define GRANT_CHALLENGE_LIFE 60000000 /* us from its making */

struct grant_challenge {
	bool there;
	uint8_t value[GRANT_BYTES];
	uint64_t made;
	uint32_t nonces_n;
	uint8_t nonces[GRANT_NONCES][GRANT_BYTES];
};

struct grant_window {
	struct grant_challenge slots[2];
	unsigned int current; /* of the slots */
};

/* A new challenge; the one before goes on for the rest of its life. */
void grant_rotate(struct grant_window *w, const uint8_t value[static GRANT_BYTES], uint64_t now);
/* When the next one is due; 0: there is none yet. */
uint64_t grant_rotate_due(const struct grant_window *w);
/* The current one and how long it is good for, in us. */
const uint8_t *grant_current(const struct grant_window *w, uint64_t now, uint64_t *ret_left);

enum grant_verdict {
	GRANT_ADMITTED, /* and remembered: it will not be again */
	GRANT_CHALLENGE_EXPIRED,
	GRANT_REPLAYED,
	GRANT_FULL, /* too many requests with this challenge: not now */
};
enum grant_verdict grant_admit(struct grant_window *w, const uint8_t challenge[static GRANT_BYTES],
			       const uint8_t nonce[static GRANT_BYTES], uint64_t now);

/* So many at once, and one more each `every`: a bucket with a hole, kept as the time at which it is full again. */
struct grant_limit {
	uint64_t full_at;
};
struct grant_rate {
	uint32_t burst;
	uint64_t every; /* us */
};
bool grant_allowed(const struct grant_limit *l, struct grant_rate rate, uint64_t now);
void grant_spend(struct grant_limit *l, struct grant_rate rate, uint64_t now);

#endif
