/*
 * store_memory: what the store knows, in memory: each machine as its line of the journal (a struct spec has 3.5 KB, a line
 * a few hundred bytes), its past, and a ring of the last events. For store.c and store_journal.c.
 *
 * Owns: lookup by id, MAC and name; how many bytes of a journal are alive. Refuses to know files.
 */
#ifndef ROUSE_GUARD_STORE_MEMORY_H
#define ROUSE_GUARD_STORE_MEMORY_H

#include "base/hash.h"
#include "guard/store.h"

struct store_entry {
	struct hash_node by_mac, by_name;
	uint32_t id;
	uint32_t line_n;
	uint32_t past_n; /* bytes of the past's line */
	struct mac mac;
	uint8_t origin; /* enum spec_origin */
	bool has_past;
	bool unsaved; /* the machine's line is not in the journal */
	bool past_unsaved; /* nor its past's */
	struct machine_past past;
	const char *line; /* behind the name; with newline and NUL */
	char name[];
};

struct store_memory {
	struct store_entry **entries; /* by rising id */
	size_t n, room;
	struct hash_table by_mac, by_name;
	struct hash_key key;
	uint32_t next_machine;
	uint64_t next_event;
	struct event *ring; /* STORE_EVENTS of them */
	uint32_t *ring_bytes; /* of each one's line */
	size_t ring_start, ring_n;
	size_t live; /* bytes of all lines that count */
	struct grant *grants[GRANTS_MAX]; /* in the order of their making */
	size_t grants_n;
	struct relay_joined relay;
	struct pairing *pairings[PAIRINGS_MAX]; /* likewise */
	size_t pairings_n;
};

int memory_init(struct store_memory *m);
void memory_done(struct store_memory *m);

/* Makes room for one more machine, so that memory_set() cannot fail. */
int memory_reserve(struct store_memory *m);
/* An entry of this line (of n bytes with its newline); in no table yet. NULL: no memory. */
struct store_entry *entry_new(uint32_t id, const struct spec *spec, const char *line, size_t n);
/* Puts it in; one of the same id goes, its past stays. There is room. */
void memory_set(struct store_memory *m, struct store_entry *e);
void memory_remove(struct store_memory *m, struct store_entry *e);
void memory_past(struct store_memory *m, struct store_entry *e, const struct machine_past *past,
		 size_t line_n);
/* Puts it in, in place of one of that id; false: no room or no memory. */
bool memory_grant(struct store_memory *m, const struct grant *g);
/* False: there is none. */
bool memory_revoke(struct store_memory *m, const char *id);
const struct grant *memory_find_grant(const struct store_memory *m, const char *id);
/* Puts it in, in place of one of that id or that MAC; false: no room or no memory. */
bool memory_pair(struct store_memory *m, const struct pairing *p);
/* False: there is none. */
bool memory_unpair(struct store_memory *m, const char *id);
const struct pairing *memory_pairing_of(const struct store_memory *m, const struct mac *mac);
void memory_event(struct store_memory *m, const struct event *e, size_t line_n);
uint64_t memory_last_event(const struct store_memory *m); /* its id; 0: there is none */
const struct event *memory_event_at(const struct store_memory *m, size_t i); /* 0: the oldest */

struct store_entry *memory_by_id(const struct store_memory *m, uint32_t id);
struct store_entry *memory_by_mac(const struct store_memory *m, const struct mac *mac);
struct store_entry *memory_by_name(const struct store_memory *m, const char *name);
/* The first entry with an id of at least `id`: an index, m->n when there is none. */
size_t memory_from(const struct store_memory *m, uint32_t id);
void memory_decode(const struct store_entry *e, struct store_machine *ret_machine);

#endif
