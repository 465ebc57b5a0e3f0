/* prop_hash: random insertions, removals and rehashes of the table against a plain array, with many equal hashes. */
#include "base/hash.h"

#include "../random.h"

#include <stdbool.h>
#include <string.h>

#define NODES 200
#define HASHES 50

static struct hash_node nodes[NODES];
static bool present[NODES];
static struct hash_table table;

static uint64_t hash_of(size_t i)
{
	return (i % HASHES) * 0x9e3779b97f4a7c15;
}

static void check(size_t i)
{
	size_t expected = 0;
	size_t found = 0;
	size_t all = 0;

	for (size_t j = 0; j < NODES; j++) {
		all += present[j];
		expected += present[j] && hash_of(j) == hash_of(i);
	}
	for (struct hash_node *n = hash_first(&table, hash_of(i)); n; n = hash_next(n)) {
		size_t j = (size_t)(n - nodes);

		CHECK(j < NODES && present[j] && hash_of(j) == hash_of(i));
		found++;
	}
	CHECK(found == expected && table.count == all);
}

int main(void)
{
	uint64_t seed = seed_from(getenv("ROUSE_SEED"));
	struct hash_node **buckets = calloc(1, sizeof(struct hash_node *));

	CHECK(buckets != NULL);
	hash_init(&table, buckets, 1);
	for (int step = 0; step < 100000; step++) {
		size_t i = random_below(&seed, NODES);

		if (random_below(&seed, 1000) == 0) {
			size_t n = (size_t)1 << random_below(&seed, 8);
			struct hash_node **more = calloc(n, sizeof(struct hash_node *));

			CHECK(more != NULL);
			memset(more, 0xff, n * sizeof(struct hash_node *));
			free(hash_rehash(&table, more, n));
		} else if (!present[i]) {
			hash_insert(&table, &nodes[i], hash_of(i));
			present[i] = true;
		} else {
			hash_remove(&table, &nodes[i]);
			present[i] = false;
		}
		check(i);
	}
	free(table.buckets);
	return 0;
}
