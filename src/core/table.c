/* table: the machines of a home and the ways to find them: by MAC, name, id, (interface, address), and in order. */
#include "core/home.h"

#include "core/home_state.h"

#include <errno.h>
#include <string.h>

static uint64_t address_hash(const struct home *h, const struct addr *a)
{
	return hash_bytes(&h->key, a, sizeof(*a));
}

static uint64_t mac_hash(const struct home *h, const struct mac *mac)
{
	return hash_bytes(&h->key, mac, sizeof(*mac));
}

static uint64_t name_hash(const struct home *h, const char *name)
{
	return hash_bytes(&h->key, name, strlen(name));
}

static uint64_t id_hash(const struct home *h, uint32_t id)
{
	return hash_bytes(&h->key, &id, sizeof(id));
}

static void index_insert(struct hash_table *t, struct index_entry *i, uint64_t hash)
{
	hash_insert(t, &i->node, hash);
	i->inserted = true;
}

static void index_remove(struct hash_table *t, struct index_entry *i)
{
	if (i->inserted)
		hash_remove(t, &i->node);
	i->inserted = false;
}

static struct index_entry *index_of(struct hash_node *node)
{
	return container_of(node, struct index_entry, node);
}

size_t home_wants_buckets(const struct home *h)
{
	size_t want = h->addresses.size > h->macs.size ? h->addresses.size : h->macs.size;
	size_t most = h->addresses.count > h->macs.count ? h->addresses.count : h->macs.count;

	if (h->addresses.count <= h->addresses.size && h->macs.count <= h->macs.size)
		return 0;
	while (want < most)
		want *= 2;
	return want;
}

void home_grow(struct home *h, struct hash_node **address_buckets, struct hash_node **mac_buckets,
	       size_t n, struct hash_node ***ret_old_address, struct hash_node ***ret_old_mac)
{
	*ret_old_address = hash_rehash(&h->addresses, address_buckets, n);
	*ret_old_mac = hash_rehash(&h->macs, mac_buckets, n);
}

struct machine *home_by_mac(const struct home *h, const struct mac *mac)
{
	for (struct hash_node *n = hash_first(&h->macs, mac_hash(h, mac)); n; n = hash_next(n)) {
		const struct index_entry *i = index_of(n);

		if (i->kind == INDEX_MAC && mac_equal(&i->machine->mac, mac))
			return i->machine;
	}
	return NULL;
}

struct machine *home_by_name(const struct home *h, const char *name)
{
	for (struct hash_node *n = hash_first(&h->macs, name_hash(h, name)); n; n = hash_next(n)) {
		const struct index_entry *i = index_of(n);

		if (i->kind == INDEX_NAME && strcmp(i->machine->name, name) == 0)
			return i->machine;
	}
	return NULL;
}

struct claim *home_claim(const struct home *h, uint8_t interface, const struct addr *a)
{
	for (struct hash_node *n = hash_first(&h->addresses, address_hash(h, a)); n;
	     n = hash_next(n)) {
		const struct index_entry *i = index_of(n);
		struct claim *c = &i->machine->claims[i->address];

		if (i->machine->interface == interface && addr_equal(&c->addr, a))
			return c;
	}
	return NULL;
}

struct machine *home_by_address(const struct home *h, uint8_t interface, const struct addr *a)
{
	struct claim *c = home_claim(h, interface, a);

	return c ? c->index.machine : NULL;
}

struct machine *home_by_id(const struct home *h, uint32_t id)
{
	for (struct hash_node *n = hash_first(&h->macs, id_hash(h, id)); n; n = hash_next(n)) {
		const struct index_entry *i = index_of(n);

		if (i->kind == INDEX_ID && i->machine->id == id)
			return i->machine;
	}
	return NULL;
}

struct machine *home_next(const struct home *h, const struct machine *m)
{
	struct list *next = m ? m->node.next : h->machines.next;

	return next == &h->machines ? NULL : container_of(next, struct machine, node);
}

size_t home_count(const struct home *h)
{
	return h->count;
}

struct machine *home_sender(const struct home *h, uint8_t interface, const struct mac *mac)
{
	struct machine *m = home_by_mac(h, mac);

	return m && m->interface == interface && !m->dropped ? m : NULL;
}

bool home_is_own(const struct home *h, const struct mac *mac)
{
	for (uint8_t i = 0; i < h->links_n; i++) {
		const struct home_interface *is = &h->links[i].is;

		if (is->present && (mac_equal(mac, &is->own) || mac_equal(mac, &is->claim)))
			return true;
	}
	return false;
}

/* A link-local address is one machine's on each link only; the others are one machine's altogether. */
static const struct machine *address_taken(const struct home *h, const struct spec *s,
					   const struct addr *a, const struct machine *except)
{
	for (struct hash_node *n = hash_first(&h->addresses, address_hash(h, a)); n;
	     n = hash_next(n)) {
		const struct index_entry *i = index_of(n);
		const struct machine *m = i->machine;

		if (m == except || !addr_equal(&m->claims[i->address].addr, a))
			continue;
		if (addr_is_link_local(a) && s->interface[0] && m->link[0] &&
		    strcmp(s->interface, m->link) != 0)
			continue;
		return m;
	}
	return NULL;
}

int home_check(const struct home *h, const struct spec *s, const struct machine *except,
	       const struct machine **ret_other)
{
	const struct machine *other = home_by_name(h, s->name);

	if (!other || other == except)
		other = home_by_mac(h, &s->mac);
	for (uint16_t i = 0; (!other || other == except) && i < s->addresses_n; i++)
		other = address_taken(h, s, &s->addresses[i], except);
	if (!other || other == except)
		return 0;
	if (ret_other)
		*ret_other = other;
	return -EEXIST;
}

void table_insert(struct home *h, struct machine *m)
{
	index_insert(&h->macs, &m->by_mac, mac_hash(h, &m->mac));
	index_insert(&h->macs, &m->by_name, name_hash(h, m->name));
	index_insert(&h->macs, &m->by_id, id_hash(h, m->id));
	for (uint16_t i = 0; i < m->claims_n; i++)
		index_insert(&h->addresses, &m->claims[i].index,
			     address_hash(h, &m->claims[i].addr));
	h->count++;
}

void table_remove(struct home *h, struct machine *m)
{
	index_remove(&h->macs, &m->by_mac);
	index_remove(&h->macs, &m->by_name);
	index_remove(&h->macs, &m->by_id);
	for (uint16_t i = 0; i < m->claims_n; i++)
		index_remove(&h->addresses, &m->claims[i].index);
	list_remove(&m->node);
	heap_remove(&h->heap, &m->timer);
	h->count--;
}
