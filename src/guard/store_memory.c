#include "guard/store_memory.h"

#include "base/list.h"
#include "proto/keys.h"
#include "proto/record.h"
#include "sys/entropy.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_AT_FIRST 64

static int table_init(struct hash_table *t)
{
	struct hash_node **buckets = malloc(BUCKETS_AT_FIRST * sizeof(struct hash_node *));

	if (!buckets)
		return -ENOMEM;
	hash_init(t, buckets, BUCKETS_AT_FIRST);
	return 0;
}

int memory_init(struct store_memory *m)
{
	*m = (struct store_memory){ .next_machine = 1, .next_event = 1 };
	entropy_bytes(&m->key, sizeof(m->key));
	/* calloc: pages that no event has touched cost nothing. */
	m->ring = calloc(STORE_EVENTS, sizeof(*m->ring));
	m->ring_bytes = calloc(STORE_EVENTS, sizeof(*m->ring_bytes));
	if (!m->ring || !m->ring_bytes || table_init(&m->by_mac) < 0 ||
	    table_init(&m->by_name) < 0) {
		memory_done(m);
		return -ENOMEM;
	}
	return 0;
}

/* Of what has a key in it nothing stays. */
static void drop(void *secret, size_t n)
{
	keys_wipe(secret, n);
	free(secret);
}

void memory_done(struct store_memory *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->entries[i]);
	while (m->grants_n > 0)
		drop(m->grants[--m->grants_n], sizeof(struct grant));
	while (m->pairings_n > 0)
		drop(m->pairings[--m->pairings_n], sizeof(struct pairing));
	free(m->entries);
	free(m->by_mac.buckets);
	free(m->by_name.buckets);
	free(m->ring);
	free(m->ring_bytes);
	*m = (struct store_memory){ 0 };
}

/* Without memory for more buckets a table only gets slower. */
static void table_grow(struct hash_table *t)
{
	struct hash_node **buckets;

	if (t->count < t->size)
		return;
	buckets = malloc(2 * t->size * sizeof(struct hash_node *));
	if (buckets)
		free(hash_rehash(t, buckets, 2 * t->size));
}

int memory_reserve(struct store_memory *m)
{
	size_t room = m->room ? 2 * m->room : 16;
	struct store_entry **entries;

	table_grow(&m->by_mac);
	table_grow(&m->by_name);
	if (m->n < m->room)
		return 0;
	entries = realloc(m->entries, room * sizeof(struct store_entry *));
	if (!entries)
		return -ENOMEM;
	m->entries = entries;
	m->room = room;
	return 0;
}

struct store_entry *entry_new(uint32_t id, const struct spec *spec, const char *line, size_t n)
{
	size_t name_n = strlen(spec->name) + 1;
	struct store_entry *e = malloc(sizeof(*e) + name_n + n + 1);

	if (!e)
		return NULL;
	*e = (struct store_entry){
		.id = id, .line_n = (uint32_t)n, .mac = spec->mac, .origin = spec->origin
	};
	memcpy(e->name, spec->name, name_n);
	memcpy(e->name + name_n, line, n);
	e->name[name_n + n] = 0;
	e->line = e->name + name_n;
	return e;
}

static uint64_t mac_hash(const struct store_memory *m, const struct mac *mac)
{
	return hash_bytes(&m->key, mac->b, sizeof(mac->b));
}

static uint64_t name_hash(const struct store_memory *m, const char *name)
{
	return hash_bytes(&m->key, name, strlen(name));
}

size_t memory_from(const struct store_memory *m, uint32_t id)
{
	size_t low = 0;
	size_t high = m->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (m->entries[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct store_entry *memory_by_id(const struct store_memory *m, uint32_t id)
{
	size_t i = memory_from(m, id);

	return i < m->n && m->entries[i]->id == id ? m->entries[i] : NULL;
}

struct store_entry *memory_by_mac(const struct store_memory *m, const struct mac *mac)
{
	for (struct hash_node *node = hash_first(&m->by_mac, mac_hash(m, mac)); node;
	     node = hash_next(node)) {
		struct store_entry *e = container_of(node, struct store_entry, by_mac);

		if (mac_equal(&e->mac, mac))
			return e;
	}
	return NULL;
}

struct store_entry *memory_by_name(const struct store_memory *m, const char *name)
{
	for (struct hash_node *node = hash_first(&m->by_name, name_hash(m, name)); node;
	     node = hash_next(node)) {
		struct store_entry *e = container_of(node, struct store_entry, by_name);

		if (strcmp(e->name, name) == 0)
			return e;
	}
	return NULL;
}

static void take_out(struct store_memory *m, size_t i)
{
	struct store_entry *e = m->entries[i];

	hash_remove(&m->by_mac, &e->by_mac);
	hash_remove(&m->by_name, &e->by_name);
	m->live -= e->line_n + e->past_n;
	m->n--;
	memmove(m->entries + i, m->entries + i + 1, (m->n - i) * sizeof(m->entries[0]));
}

void memory_remove(struct store_memory *m, struct store_entry *e)
{
	size_t i = memory_from(m, e->id);

	assert(i < m->n && m->entries[i] == e);
	take_out(m, i);
	free(e);
}

void memory_set(struct store_memory *m, struct store_entry *e)
{
	size_t i = memory_from(m, e->id);

	if (i < m->n && m->entries[i]->id == e->id) {
		struct store_entry *old = m->entries[i];

		e->past = old->past;
		e->has_past = old->has_past;
		e->past_n = old->past_n;
		e->past_unsaved = old->past_unsaved;
		take_out(m, i);
		free(old);
	}
	assert(m->n < m->room);
	memmove(m->entries + i + 1, m->entries + i, (m->n - i) * sizeof(m->entries[0]));
	m->entries[i] = e;
	m->n++;
	hash_insert(&m->by_mac, &e->by_mac, mac_hash(m, &e->mac));
	hash_insert(&m->by_name, &e->by_name, name_hash(m, e->name));
	m->live += e->line_n + e->past_n;
	if (e->id >= m->next_machine)
		m->next_machine = e->id + 1;
}

void memory_past(struct store_memory *m, struct store_entry *e, const struct machine_past *past,
		 size_t line_n)
{
	m->live += line_n - e->past_n;
	e->past = *past;
	e->past_n = (uint32_t)line_n;
	e->has_past = true;
}

void memory_event(struct store_memory *m, const struct event *e, size_t line_n)
{
	size_t slot = (m->ring_start + m->ring_n) % STORE_EVENTS;

	if (m->ring_n == STORE_EVENTS) {
		m->ring_start = (m->ring_start + 1) % STORE_EVENTS;
		m->live -= m->ring_bytes[slot];
	} else {
		m->ring_n++;
	}
	m->ring[slot] = *e;
	m->ring_bytes[slot] = (uint32_t)line_n;
	m->live += line_n;
	if (e->id >= m->next_event)
		m->next_event = e->id + 1;
}

static size_t grant_index(const struct store_memory *m, const char *id)
{
	size_t i = 0;

	while (i < m->grants_n && strcmp(m->grants[i]->id, id) != 0)
		i++;
	return i;
}

const struct grant *memory_find_grant(const struct store_memory *m, const char *id)
{
	size_t i = grant_index(m, id);

	return i < m->grants_n ? m->grants[i] : NULL;
}

bool memory_grant(struct store_memory *m, const struct grant *g)
{
	size_t i = grant_index(m, g->id);

	if (i == GRANTS_MAX)
		return false;
	if (i == m->grants_n) {
		m->grants[i] = malloc(sizeof(*g));
		if (!m->grants[i])
			return false;
		m->grants_n++;
	}
	*m->grants[i] = *g;
	return true;
}

bool memory_revoke(struct store_memory *m, const char *id)
{
	size_t i = grant_index(m, id);

	if (i == m->grants_n)
		return false;
	drop(m->grants[i], sizeof(struct grant));
	m->grants_n--;
	memmove(m->grants + i, m->grants + i + 1, (m->grants_n - i) * sizeof(m->grants[0]));
	return true;
}

/* Where one of that id, or of that MAC (either may be NULL), is; pairings_n: nowhere. */
static size_t pairing_index(const struct store_memory *m, const char *id, const struct mac *mac)
{
	size_t i = 0;

	while (i < m->pairings_n && !(id && strcmp(m->pairings[i]->id, id) == 0) &&
	       !(mac && mac_equal(&m->pairings[i]->mac, mac)))
		i++;
	return i;
}

const struct pairing *memory_pairing_of(const struct store_memory *m, const struct mac *mac)
{
	size_t i = pairing_index(m, NULL, mac);

	return i < m->pairings_n ? m->pairings[i] : NULL;
}

bool memory_pair(struct store_memory *m, const struct pairing *p)
{
	size_t i = pairing_index(m, p->id, &p->mac);

	if (i == PAIRINGS_MAX)
		return false;
	if (i == m->pairings_n) {
		m->pairings[i] = malloc(sizeof(*p));
		if (!m->pairings[i])
			return false;
		m->pairings_n++;
	}
	*m->pairings[i] = *p;
	return true;
}

bool memory_unpair(struct store_memory *m, const char *id)
{
	size_t i = pairing_index(m, id, NULL);

	if (i == m->pairings_n)
		return false;
	drop(m->pairings[i], sizeof(struct pairing));
	m->pairings_n--;
	memmove(m->pairings + i, m->pairings + i + 1, (m->pairings_n - i) * sizeof(m->pairings[0]));
	return true;
}

uint64_t memory_last_event(const struct store_memory *m)
{
	return m->ring_n ? memory_event_at(m, m->ring_n - 1)->id : 0;
}

const struct event *memory_event_at(const struct store_memory *m, size_t i)
{
	assert(i < m->ring_n);
	return &m->ring[(m->ring_start + i) % STORE_EVENTS];
}

void memory_decode(const struct store_entry *e, struct store_machine *ret_machine)
{
	struct record r;
	int result = record_decode(e->line, e->line_n - 1, &r);

	/* It was decoded, or encoded, before it came in. */
	assert(result == 0 && r.kind == RECORD_MACHINE);
	ret_machine->id = e->id;
	ret_machine->has_past = e->has_past;
	ret_machine->past = e->past;
	ret_machine->spec = r.spec;
}
