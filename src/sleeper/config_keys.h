/*
 * config_keys: the table of keys, and the kinds of values they have. A new key is a field of struct config, a row of the table,
 * an entry of rouse-sleeper.conf(5), a line of packaging/rouse-sleeper.conf.
 */
#ifndef ROUSE_SLEEPER_CONFIG_KEYS_H
#define ROUSE_SLEEPER_CONFIG_KEYS_H

#include "sleeper/config.h"

struct config_key;

/* What kind of value a key has. */
struct config_type {
	bool list; /* parsed word by word; may go on in further lines */
	/* NULL, or what was expected instead. */
	const char *(*parse)(const struct config_key *k, const char *word, void *field);
	void (*print)(const struct config_key *k, const void *field, FILE *to);
};

struct config_key {
	const char *section;
	const char *name;
	const struct config_type *type;
	size_t offset; /* in struct config; of "check" in struct config_check */
	const char *fallback; /* its default; empty: none */
	uint64_t least,
		most; /* numbers: the range; texts: most bytes; durations with most 0: "off" is one, too */
	const char *const *choices;
};

/* config_idle.c */
extern const struct config_type config_decimal, config_bytes, config_names_type;

extern const struct config_key config_keys[];
extern const size_t config_keys_n;

/* The row, or NULL. */
const struct config_key *config_key(const char *section, const char *name);

#endif
