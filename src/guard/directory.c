#include "guard/directory.h"

#include "base/list.h"
#include "sys/entropy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 64

int directory_init(struct directory *d)
{
	struct hash_node **buckets = calloc(FIRST_BUCKETS, sizeof(struct hash_node *));

	if (!buckets)
		return -ENOMEM;
	entropy_bytes(&d->key, sizeof(d->key));
	hash_init(&d->table, buckets, FIRST_BUCKETS);
	return 0;
}

void directory_done(struct directory *d)
{
	struct listing *l;

	if (!d->table.buckets)
		return;
	while ((l = directory_next(d, NULL)) != NULL)
		directory_remove(d, l->id);
	free(d->table.buckets);
	d->table.buckets = NULL;
}

static uint64_t hash_id(const struct directory *d, uint32_t id)
{
	return hash_bytes(&d->key, &id, sizeof(id));
}

static void grow(struct directory *d)
{
	size_t n = d->table.size * 2;
	struct hash_node **buckets;

	if (d->table.count < d->table.size)
		return;
	buckets = calloc(n, sizeof(struct hash_node *));
	/* Without memory it stays as it is, with longer chains. */
	if (buckets)
		free(hash_rehash(&d->table, buckets, n));
}

int directory_put(struct directory *d, uint32_t id, const struct spec *s,
		  struct listing **ret_listing)
{
	size_t size = s->addresses_n * sizeof(struct addr);
	struct listing *old = directory_find(d, id);
	struct listing *l = calloc(1, sizeof(*l) + size);

	if (!l)
		return -ENOMEM;
	l->id = id;
	l->interface = old ? old->interface : 0xff;
	l->state = old ? old->state : 0;
	l->mac = s->mac;
	l->secureon = s->secureon;
	memcpy(l->wanted_interface, s->interface, sizeof(l->wanted_interface));
	l->addresses_n = s->addresses_n;
	memcpy(l->addresses, s->addresses, size);
	directory_remove(d, id);
	grow(d);
	hash_insert(&d->table, &l->by_id, hash_id(d, id));
	*ret_listing = l;
	return 0;
}

void directory_remove(struct directory *d, uint32_t id)
{
	struct listing *l = directory_find(d, id);

	if (!l)
		return;
	hash_remove(&d->table, &l->by_id);
	free(l);
}

struct listing *directory_find(const struct directory *d, uint32_t id)
{
	struct hash_node *node = hash_first(&d->table, hash_id(d, id));

	for (; node; node = hash_next(node)) {
		struct listing *l = container_of(node, struct listing, by_id);

		if (l->id == id)
			return l;
	}
	return NULL;
}

struct listing *directory_next(const struct directory *d, const struct listing *l)
{
	size_t bucket = 0;

	if (l) {
		if (l->by_id.next)
			return container_of(l->by_id.next, struct listing, by_id);
		bucket = (l->by_id.hash & (d->table.size - 1)) + 1;
	}
	for (; bucket < d->table.size; bucket++) {
		if (d->table.buckets[bucket])
			return container_of(d->table.buckets[bucket], struct listing, by_id);
	}
	return NULL;
}

bool listing_has(const struct listing *l, const struct addr *a)
{
	for (uint16_t i = 0; i < l->addresses_n; i++) {
		if (addr_equal(&l->addresses[i], a))
			return true;
	}
	return false;
}
