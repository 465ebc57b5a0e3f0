/*
 * directory: what the monitor must know of the machines to check what the engine asks for: which addresses and which
 * MAC belong to which machine. Built from the store and the configuration, never from the LAN.
 */
#ifndef ROUSE_GUARD_DIRECTORY_H
#define ROUSE_GUARD_DIRECTORY_H

#include "base/hash.h"
#include "base/spec.h"

#include <stdbool.h>
#include <stdint.h>

struct listing {
	struct hash_node by_id;
	uint32_t id;
	uint8_t interface; /* slot, or 0xff */
	uint8_t state; /* enum machine_state, as last told */
	struct mac mac;
	struct secureon secureon;
	char wanted_interface[16]; /* as the spec has it; empty: where its addresses are on link */
	uint16_t addresses_n;
	struct addr addresses[];
};

struct directory {
	struct hash_table table;
	struct hash_key key;
};

int directory_init(struct directory *d);
void directory_done(struct directory *d);
/* Adds or replaces; *ret_listing stays valid until the machine is put again or removed. -ENOMEM. */
int directory_put(struct directory *d, uint32_t id, const struct spec *s,
		  struct listing **ret_listing);
void directory_remove(struct directory *d, uint32_t id);
struct listing *directory_find(const struct directory *d, uint32_t id);
/* NULL starts and ends; any order. The one returned may be removed before the next call only together with the walk. */
struct listing *directory_next(const struct directory *d, const struct listing *l);
bool listing_has(const struct listing *l, const struct addr *a);

#endif
