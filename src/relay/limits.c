#include "relay/limits.h"

#include "sys/entropy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 8 /* places that a key may have */
#define SETS 8192 /* a power of two; 65,536 buckets, 1.5 MB when all are in use */
#define COUNT_BUCKETS 8192

/* When the bucket would be full again: one number for level and time (the generic cell rate algorithm). */
struct limit_bucket {
	uint64_t key;
	uint64_t full_at_us;
};

int limits_init(struct limits *l)
{
	struct hash_node **counts = calloc(COUNT_BUCKETS, sizeof(*counts));

	l->buckets = calloc((size_t)SETS * WAYS, sizeof(*l->buckets));
	if (!counts || !l->buckets) {
		free(counts);
		free(l->buckets);
		l->buckets = NULL;
		return -ENOMEM;
	}
	entropy_bytes(&l->key, sizeof(l->key));
	hash_init(&l->counts, counts, COUNT_BUCKETS);
	return 0;
}

void limits_done(struct limits *l)
{
	free(l->buckets);
	free(l->counts.buckets);
	*l = (struct limits){ 0 };
}

size_t limit_address(const struct addr *a, uint8_t to[static LIMIT_ADDRESS_MAX])
{
	size_t n = addr_size(a);

	n = n > 8 ? 8 : n;
	to[0] = a->family;
	memcpy(to + 1, a->b, n);
	return n + 1;
}

static struct limit_bucket *find(struct limits *l, enum limit_kind kind, const void *key, size_t n)
{
	uint64_t hash = hash_bytes(&l->key, key, n) ^ ((uint64_t)kind + 1) * 0x9e3779b97f4a7c15U;
	struct limit_bucket *set = &l->buckets[(hash & (SETS - 1)) * WAYS];
	struct limit_bucket *fullest = set;

	for (unsigned int i = 0; i < WAYS; i++) {
		if (set[i].key == hash)
			return &set[i];
		if (set[i].full_at_us < fullest->full_at_us)
			fullest = &set[i];
	}
	*fullest = (struct limit_bucket){ .key = hash };
	return fullest;
}

uint64_t limits_take(struct limits *l, enum limit_kind kind, const void *key, size_t n,
		     const struct rate *rate, uint64_t now_us)
{
	struct limit_bucket *b;
	uint64_t one, full_at;

	if (rate->limit == 0)
		return 0;
	b = find(l, kind, key, n);
	one = rate->window_us / rate->limit;
	full_at = b->full_at_us > now_us ? b->full_at_us : now_us;
	if (full_at + one > now_us + rate->window_us)
		return full_at + one - now_us - rate->window_us;
	b->full_at_us = full_at + one;
	return 0;
}

void limits_give(struct limits *l, enum limit_kind kind, const void *key, size_t n,
		 const struct rate *rate)
{
	struct limit_bucket *b;
	uint64_t one;

	if (rate->limit == 0)
		return;
	b = find(l, kind, key, n);
	one = rate->window_us / rate->limit;
	b->full_at_us -= b->full_at_us > one ? one : b->full_at_us;
}

struct limit_count *limits_count(struct limits *l, const struct addr *a, uint32_t most)
{
	uint8_t key[LIMIT_ADDRESS_MAX];
	size_t n = limit_address(a, key);
	uint64_t hash = hash_bytes(&l->key, key, n);
	struct limit_count *c;

	for (struct hash_node *node = hash_first(&l->counts, hash); node; node = hash_next(node)) {
		c = (struct limit_count *)(void *)node;
		if (c->key_n != n || memcmp(c->key, key, n) != 0)
			continue;
		if (most && c->n >= most)
			return NULL;
		c->n++;
		return c;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	memcpy(c->key, key, n);
	c->key_n = (uint8_t)n;
	c->n = 1;
	hash_insert(&l->counts, &c->node, hash);
	return c;
}

void limits_uncount(struct limits *l, struct limit_count *c)
{
	if (!c || --c->n)
		return;
	hash_remove(&l->counts, &c->node);
	free(c);
}
