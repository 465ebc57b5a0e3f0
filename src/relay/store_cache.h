/*
 * store_cache: which grant a token's hash belongs to: a wake by token then needs no lookup in the database. Tokens come in when
 * they are stored, which is whenever their guard connects, and when they are used. What changes a home's grants makes what
 * is kept of that home worthless.
 *
 * Owns fixed memory: some places for each value of some bits of the hash; when all are in use, one is given up in turn.
 */
#ifndef ROUSE_RELAY_STORE_CACHE_H
#define ROUSE_RELAY_STORE_CACHE_H

#include "relay/store.h"

#define CACHE_SETS 2048
#define CACHE_WAYS 8
#define CACHE_HOMES \
	65536 /* so many that a guard which connects hardly ever costs others their tokens */

struct store_cache_entry {
	uint8_t hash[RELAY_KEY_SIZE];
	uint8_t home[RELAY_HOME_SIZE];
	char id[RELAY_GRANT_TEXT];
	uint8_t can;
	bool get, used;
	uint32_t generation;
	int64_t row;
	uint64_t expires_ms;
};

struct store_cache {
	uint32_t generations[CACHE_HOMES]; /* of homes, those with the same bits together */
	struct store_cache_entry entries[CACHE_SETS][CACHE_WAYS];
	unsigned int turn; /* whose place is given up next */
};

/* Fills what store_find_token() does. */
bool cache_find(const struct store_cache *c, const uint8_t hash[static RELAY_KEY_SIZE],
		struct store_grant *ret_grant);
void cache_put(struct store_cache *c, const uint8_t hash[static RELAY_KEY_SIZE],
	       const struct store_grant *g);
/* The tokens among the grants that were stored. */
void cache_put_tokens(struct store_cache *c, const struct store_op *op);
void cache_forget(struct store_cache *c, const uint8_t home[static RELAY_HOME_SIZE]);

#endif
