#include "relay/store_cache.h"

/* Hashes and ids of homes are as good as random: their first bytes are the place. */
static size_t bits_of(const uint8_t *bytes)
{
	return (size_t)bytes[0] << 8 | bytes[1];
}

static uint32_t generation_of(const struct store_cache *c, const uint8_t *home)
{
	return c->generations[bits_of(home) % CACHE_HOMES];
}

static bool valid(const struct store_cache *c, const struct store_cache_entry *e)
{
	return e->used && e->generation == generation_of(c, e->home);
}

bool cache_find(const struct store_cache *c, const uint8_t hash[static RELAY_KEY_SIZE],
		struct store_grant *ret_grant)
{
	const struct store_cache_entry *e = c->entries[bits_of(hash) % CACHE_SETS];
	const struct store_cache_entry *end = e + CACHE_WAYS;

	while (e < end && memcmp(e->hash, hash, RELAY_KEY_SIZE) != 0)
		e++;
	if (e == end || !valid(c, e))
		return false;
	ret_grant->row = e->row;
	memcpy(ret_grant->home, e->home, sizeof(e->home));
	memcpy(ret_grant->id, e->id, sizeof(e->id));
	ret_grant->kind = RELAY_PLAIN;
	ret_grant->can = e->can;
	ret_grant->get = e->get;
	ret_grant->all = true;
	ret_grant->machines_n = 0;
	ret_grant->expires_ms = e->expires_ms;
	return true;
}

/* Where a hash goes: its own place, one that is worth nothing, or somebody's. A hash is never in two. */
static struct store_cache_entry *place_for(struct store_cache *c, const uint8_t *hash)
{
	struct store_cache_entry *set = c->entries[bits_of(hash) % CACHE_SETS], *free = NULL;

	for (size_t i = 0; i < CACHE_WAYS; i++) {
		if (set[i].used && memcmp(set[i].hash, hash, RELAY_KEY_SIZE) == 0)
			return &set[i];
		if (!free && !valid(c, &set[i]))
			free = &set[i];
	}
	return free ? free : &set[c->turn++ % CACHE_WAYS];
}

void cache_put(struct store_cache *c, const uint8_t hash[static RELAY_KEY_SIZE],
	       const struct store_grant *g)
{
	struct store_cache_entry *e = place_for(c, hash);

	*e = (struct store_cache_entry){ .can = g->can,
					 .get = g->get,
					 .used = true,
					 .generation = generation_of(c, g->home),
					 .row = g->row,
					 .expires_ms = g->expires_ms };
	memcpy(e->hash, hash, RELAY_KEY_SIZE);
	memcpy(e->home, g->home, sizeof(e->home));
	memcpy(e->id, g->id, sizeof(e->id));
}

void cache_put_tokens(struct store_cache *c, const struct store_op *op)
{
	static struct relay_grant from;
	static struct store_grant to;
	size_t at = 0;
	bool token;

	to.row = op->row;
	memcpy(to.home, op->home, sizeof(to.home));
	while (store_op_grant(op, &at, &token, &from)) {
		if (!token)
			continue;
		memcpy(to.id, from.id, sizeof(to.id));
		to.can = from.can;
		to.get = from.get;
		to.expires_ms = from.expires_ms;
		cache_put(c, from.hash, &to);
	}
}

void cache_forget(struct store_cache *c, const uint8_t home[static RELAY_HOME_SIZE])
{
	c->generations[bits_of(home) % CACHE_HOMES]++;
}
