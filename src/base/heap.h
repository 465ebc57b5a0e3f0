/*
 * heap: an intrusive pairing heap of deadlines; the earliest first. Insert O(1), the rest O(log n)
 * amortised, no allocation. Whoever embeds a node owns it.
 */
#ifndef ROUSE_BASE_HEAP_H
#define ROUSE_BASE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#define NEVER UINT64_MAX

struct heap_node {
	struct heap_node *child;
	struct heap_node *next;
	struct heap_node *prev; /* parent when first child, else the sibling before */
	uint64_t due;
	bool in_heap;
};

struct heap {
	struct heap_node *root;
};

/* Puts the node at `due` (moves it when it is in the heap); NEVER takes it out. */
void heap_set(struct heap *h, struct heap_node *node, uint64_t due);
void heap_remove(struct heap *h, struct heap_node *node);
/* The node that is due first, or NULL. */
struct heap_node *heap_first(const struct heap *h);

#endif
