/*
 * config_unique: who has a name, a MAC or an address already. Owners are numbers of the caller.
 */
#ifndef ROUSE_GUARD_CONFIG_UNIQUE_H
#define ROUSE_GUARD_CONFIG_UNIQUE_H

#include "base/hash.h"

#include <stddef.h>
#include <stdint.h>

struct config_unique {
	struct hash_table table;
	struct hash_key key;
};

int config_unique_init(struct config_unique *u);
void config_unique_done(struct config_unique *u);
/*
 * 0: new, and remembered for machine `owner` and `line`. Otherwise the line where it was said first, and *ret_owner.
 * -ENOMEM.
 */
int64_t config_unique_add(struct config_unique *u, const char *kind, const char *value,
			  size_t owner, uint32_t line, size_t *ret_owner);

/* Who has it; SIZE_MAX: nobody. */
size_t config_unique_owner(const struct config_unique *u, const char *kind, const char *value);

#endif
