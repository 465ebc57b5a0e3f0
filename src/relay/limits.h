/*
 * limits: how often (token buckets) and how many at once (counts), by address, grant or home. Addresses are one for
 * IPv4 and a /64 for IPv6.
 *
 * Owns fixed memory: a table of buckets in which the fullest of a few gives way to a new one, so that a flood of
 * different keys costs nothing, and only forgets those who were quiet. Counts are exact and live as long as what they count.
 */
#ifndef ROUSE_RELAY_LIMITS_H
#define ROUSE_RELAY_LIMITS_H

#include "base/addr.h"
#include "base/hash.h"

#include <stdbool.h>

/* So many within a window, of which all may come at once; limit 0: no limit. */
struct rate {
	uint32_t limit;
	uint64_t window_us;
};

/* What is limited; keys of different kinds never meet. */
enum limit_kind {
	LIMIT_CONNECT,
	LIMIT_REQUEST,
	LIMIT_FAILURE,
	LIMIT_PHRASE,
	LIMIT_ENROLMENT,
	LIMIT_GRANT,
	LIMIT_HOME,
	LIMIT_STATE,
	LIMIT_KINDS
};

struct limit_bucket;

struct limits {
	struct hash_key key;
	struct limit_bucket *buckets;
	struct hash_table counts;
};

/* -ENOMEM */
int limits_init(struct limits *l);
void limits_done(struct limits *l);

/* The bytes that stand for an address: 1 to 9 of them. */
#define LIMIT_ADDRESS_MAX 9
size_t limit_address(const struct addr *a, uint8_t to[static LIMIT_ADDRESS_MAX]);

/* Takes one and returns 0; or there is none left: the microseconds until there is. */
uint64_t limits_take(struct limits *l, enum limit_kind kind, const void *key, size_t n,
		     const struct rate *rate, uint64_t now_us);
/* Gives one back. */
void limits_give(struct limits *l, enum limit_kind kind, const void *key, size_t n,
		 const struct rate *rate);

/* How many an address has of something; allocated while that is not zero. */
struct limit_count {
	struct hash_node node;
	uint8_t key[LIMIT_ADDRESS_MAX];
	uint8_t key_n;
	uint32_t n;
};

/* One more of this address; NULL when it has `most` already (0: no limit), or without memory. */
struct limit_count *limits_count(struct limits *l, const struct addr *a, uint32_t most);
/* One less; NULL is fine. */
void limits_uncount(struct limits *l, struct limit_count *c);

#endif
