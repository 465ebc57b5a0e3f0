/* prop_heap: random insertions, moves and removals against a plain array; and that a million nodes need no stack. */
#include "base/heap.h"

#include "../random.h"

#include <stddef.h>
#include <string.h>

#define NODES 64
#define CROWD 1000000

static struct heap_node nodes[NODES];
static struct heap heap;
static uint64_t model[NODES]; /* NEVER: not in the heap */

static void check(void)
{
	struct heap_node *first = heap_first(&heap);
	uint64_t least = NEVER;

	for (size_t i = 0; i < NODES; i++) {
		CHECK(nodes[i].in_heap == (model[i] != NEVER));
		CHECK(!nodes[i].in_heap || nodes[i].due == model[i]);
		if (model[i] < least)
			least = model[i];
	}
	CHECK((first == NULL) == (least == NEVER));
	CHECK(first == NULL || first->due == least);
}

static void step(uint64_t *seed)
{
	size_t i = random_below(seed, NODES);

	switch (random_below(seed, 8)) {
	case 0:
		heap_remove(&heap, &nodes[i]);
		model[i] = NEVER;
		break;
	case 1:
		heap_set(&heap, &nodes[i], NEVER);
		model[i] = NEVER;
		break;
	case 2:
		if (heap_first(&heap)) {
			i = (size_t)(heap_first(&heap) - nodes);
			heap_remove(&heap, &nodes[i]);
			model[i] = NEVER;
		}
		break;
	default:
		/* Few different values: equal deadlines are frequent. */
		model[i] = random_below(seed, 40);
		heap_set(&heap, &nodes[i], model[i]);
	}
}

/* A list of children as long as the heap must not be walked by recursion. */
static void crowd(uint64_t *seed)
{
	struct heap_node *many = calloc(CROWD, sizeof(*many));
	struct heap h = { .root = NULL };
	uint64_t last = 0;

	CHECK(many != NULL);
	for (size_t i = 0; i < CROWD; i++)
		heap_set(&h, &many[i], i < CROWD / 2 ? i : random64(seed) >> 1);
	for (size_t i = 0; i < CROWD; i++) {
		struct heap_node *first = heap_first(&h);

		CHECK(first != NULL && first->due >= last);
		last = first->due;
		heap_remove(&h, first);
	}
	CHECK(heap_first(&h) == NULL);
	free(many);
}

int main(void)
{
	uint64_t seed = seed_from(getenv("ROUSE_SEED"));

	memset(model, 0xff, sizeof(model));
	for (int i = 0; i < 300000; i++) {
		step(&seed);
		check();
	}
	crowd(&seed);
	return 0;
}
