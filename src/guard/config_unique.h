/*
 * config_unique: which names, MACs and addresses the machines of a file have already, and on which line.
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

#endif
