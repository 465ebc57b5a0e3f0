/*
 * hash: SipHash-2-4 (Aumasson, Bernstein) and an intrusive hash table over it. Keys come from the network, so the
 * hash is keyed. The bucket array belongs to the caller, who also decides when to grow.
 */
#ifndef ROUSE_BASE_HASH_H
#define ROUSE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t k[2];
};

uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t n);

struct hash_node {
	struct hash_node *next;
	uint64_t hash;
};

struct hash_table {
	struct hash_node **buckets;
	size_t size; /* a power of two */
	size_t count;
};

/* Zeroes the buckets; n is a power of two. */
void hash_init(struct hash_table *t, struct hash_node **buckets, size_t n);
void hash_insert(struct hash_table *t, struct hash_node *node, uint64_t hash);
/* Harmless when the node is not in the table. */
void hash_remove(struct hash_table *t, struct hash_node *node);
/* The first node of that hash, then the next one: the caller compares the keys. */
struct hash_node *hash_first(const struct hash_table *t, uint64_t hash);
struct hash_node *hash_next(const struct hash_node *node);
/* Moves everything into new buckets and returns the old ones, for the caller to free. */
struct hash_node **hash_rehash(struct hash_table *t, struct hash_node **buckets, size_t n);

#endif
