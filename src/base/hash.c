#include "base/hash.h"

#include <assert.h>
#include <string.h>

static uint64_t rotate(uint64_t v, unsigned int by)
{
	return v << by | v >> (64 - by);
}

static void sip_round(uint64_t v[static 4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static uint64_t load_le64(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint64_t last = (uint64_t)n << 56;
	uint64_t v[4] = {
		key->k[0] ^ 0x736f6d6570736575ULL,
		key->k[1] ^ 0x646f72616e646f6dULL,
		key->k[0] ^ 0x6c7967656e657261ULL,
		key->k[1] ^ 0x7465646279746573ULL,
	};

	for (; n >= 8; n -= 8, p += 8) {
		uint64_t m = load_le64(p, 8);

		v[3] ^= m;
		sip_round(v);
		sip_round(v);
		v[0] ^= m;
	}
	last |= load_le64(p, n);
	v[3] ^= last;
	sip_round(v);
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void hash_init(struct hash_table *t, struct hash_node **buckets, size_t n)
{
	assert(n > 0 && (n & (n - 1)) == 0);
	memset(buckets, 0, n * sizeof(*buckets));
	t->buckets = buckets;
	t->size = n;
	t->count = 0;
}

void hash_insert(struct hash_table *t, struct hash_node *node, uint64_t hash)
{
	struct hash_node **bucket = &t->buckets[hash & (t->size - 1)];

	node->hash = hash;
	node->next = *bucket;
	*bucket = node;
	t->count++;
}

void hash_remove(struct hash_table *t, struct hash_node *node)
{
	struct hash_node **link = &t->buckets[node->hash & (t->size - 1)];

	while (*link && *link != node)
		link = &(*link)->next;
	if (!*link)
		return;
	*link = node->next;
	node->next = NULL;
	t->count--;
}

static struct hash_node *skip_others(struct hash_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct hash_node *hash_first(const struct hash_table *t, uint64_t hash)
{
	return skip_others(t->buckets[hash & (t->size - 1)], hash);
}

struct hash_node *hash_next(const struct hash_node *node)
{
	return skip_others(node->next, node->hash);
}

struct hash_node **hash_rehash(struct hash_table *t, struct hash_node **buckets, size_t n)
{
	struct hash_node **old = t->buckets;
	size_t old_size = t->size;

	hash_init(t, buckets, n);
	for (size_t i = 0; i < old_size; i++) {
		while (old[i]) {
			struct hash_node *node = old[i];

			old[i] = node->next;
			hash_insert(t, node, node->hash);
		}
	}
	return old;
}
