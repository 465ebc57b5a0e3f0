#include "guard/config_unique.h"

#include "base/list.h"
#include "sys/entropy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct hash_node node;
	const char *kind;
	size_t owner;
	uint32_t line;
	char value[];
};

int config_unique_init(struct config_unique *u)
{
	struct hash_node **buckets = malloc(64 * sizeof(struct hash_node *));

	if (!buckets)
		return -ENOMEM;
	hash_init(&u->table, buckets, 64);
	entropy_bytes(&u->key, sizeof(u->key));
	return 0;
}

void config_unique_done(struct config_unique *u)
{
	for (size_t i = 0; i < u->table.size; i++) {
		while (u->table.buckets[i]) {
			struct hash_node *node = u->table.buckets[i];

			u->table.buckets[i] = node->next;
			free(container_of(node, struct entry, node));
		}
	}
	free(u->table.buckets);
	*u = (struct config_unique){ 0 };
}

static void grow(struct config_unique *u)
{
	size_t n = u->table.size * 2;
	struct hash_node **buckets;

	if (u->table.count < u->table.size)
		return;
	buckets = malloc(n * sizeof(struct hash_node *));
	/* Without memory for it the table only gets slower. */
	if (buckets)
		free(hash_rehash(&u->table, buckets, n));
}

static struct entry *find(const struct config_unique *u, uint64_t hash, const char *kind,
			  const char *value)
{
	for (struct hash_node *node = hash_first(&u->table, hash); node; node = hash_next(node)) {
		struct entry *e = container_of(node, struct entry, node);

		if (strcmp(e->kind, kind) == 0 && strcmp(e->value, value) == 0)
			return e;
	}
	return NULL;
}

size_t config_unique_owner(const struct config_unique *u, const char *kind, const char *value)
{
	const struct entry *e = find(u, hash_bytes(&u->key, value, strlen(value) + 1), kind, value);

	return e ? e->owner : SIZE_MAX;
}

int64_t config_unique_add(struct config_unique *u, const char *kind, const char *value,
			  size_t owner, uint32_t line, size_t *ret_owner)
{
	size_t n = strlen(value) + 1;
	uint64_t hash = hash_bytes(&u->key, value, n);
	struct entry *e = find(u, hash, kind, value);

	if (e) {
		*ret_owner = e->owner;
		return e->line;
	}
	e = malloc(sizeof(*e) + n);
	if (!e)
		return -ENOMEM;
	e->kind = kind;
	e->owner = owner;
	e->line = line;
	memcpy(e->value, value, n);
	grow(u);
	hash_insert(&u->table, &e->node, hash);
	return 0;
}
