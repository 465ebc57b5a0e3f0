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

bool cache_find(const struct store_cache *c, const uint8_t hash[static RELAY_KEY_SIZE],
		struct store_grant *ret_grant)
{
	const struct store_cache_entry *e = &c->entries[bits_of(hash) % CACHE_ENTRIES];

	if (!e->used || memcmp(e->hash, hash, RELAY_KEY_SIZE) != 0 ||
	    e->generation != generation_of(c, e->home))
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

void cache_put(struct store_cache *c, const uint8_t hash[static RELAY_KEY_SIZE],
	       const struct store_grant *g)
{
	struct store_cache_entry *e = &c->entries[bits_of(hash) % CACHE_ENTRIES];

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

void cache_forget(struct store_cache *c, const uint8_t home[static RELAY_HOME_SIZE])
{
	c->generations[bits_of(home) % CACHE_HOMES]++;
}
