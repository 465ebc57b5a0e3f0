#include "base/heap.h"

#include <assert.h>
#include <stddef.h>

/* Makes the later of two roots the first child of the earlier. */
static struct heap_node *meld(struct heap_node *a, struct heap_node *b)
{
	if (!a)
		return b;
	if (!b)
		return a;
	if (b->due < a->due) {
		struct heap_node *t = a;

		a = b;
		b = t;
	}
	b->prev = a;
	b->next = a->child;
	if (a->child)
		a->child->prev = b;
	a->child = b;
	a->next = NULL;
	a->prev = NULL;
	return a;
}

/* Two passes over the children, without recursion: the list can be as long as the heap. */
static struct heap_node *meld_children(struct heap_node *first)
{
	struct heap_node *pairs = NULL;
	struct heap_node *root = NULL;

	while (first) {
		struct heap_node *a = first;
		struct heap_node *b = a->next;

		first = b ? b->next : NULL;
		a->next = NULL;
		a->prev = NULL;
		if (b) {
			b->next = NULL;
			b->prev = NULL;
		}
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct heap_node *next = pairs->next;

		pairs->next = NULL;
		root = meld(root, pairs);
		pairs = next;
	}
	return root;
}

void heap_remove(struct heap *h, struct heap_node *node)
{
	if (!node->in_heap)
		return;
	struct heap_node *rest = meld_children(node->child);

	if (h->root == node) {
		h->root = rest;
	} else {
		assert(node->prev);
		if (node->prev->child == node)
			node->prev->child = node->next;
		else
			node->prev->next = node->next;
		if (node->next)
			node->next->prev = node->prev;
		h->root = meld(h->root, rest);
	}
	node->child = NULL;
	node->next = NULL;
	node->prev = NULL;
	node->in_heap = false;
}

void heap_set(struct heap *h, struct heap_node *node, uint64_t due)
{
	if (node->in_heap && node->due == due)
		return;
	heap_remove(h, node);
	if (due == NEVER)
		return;
	node->due = due;
	node->in_heap = true;
	node->child = NULL;
	node->next = NULL;
	node->prev = NULL;
	h->root = meld(h->root, node);
}

struct heap_node *heap_first(const struct heap *h)
{
	return h->root;
}
