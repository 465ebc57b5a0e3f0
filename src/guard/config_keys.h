/*
 * config_keys: every key of the configuration, declared once: how it is parsed, printed, limited and explained.
 *
 * Refuses to know files and lines.
 */
#ifndef ROUSE_GUARD_CONFIG_KEYS_H
#define ROUSE_GUARD_CONFIG_KEYS_H

#include "base/text.h"
#include "guard/config.h"

struct config_key;

/* What kind of value a key has. A word is the whole value, or one of a list. */
struct config_type {
	bool list;
	/* NULL, or why the word cannot be taken ("is a group address"). */
	const char *(*parse)(const struct config_key *k, const char *word, void *field);
	/* The i-th word; false: there is none. */
	bool (*format)(const struct config_key *k, const void *field, size_t i, struct text *to);
	void (*clear)(const struct config_key *k, void *field);
};

struct config_key {
	const char *section, *key;
	const struct config_type *type;
	size_t offset; /* of the field, in struct config or struct spec */
	const char *fallback; /* its default, as a value; "": nothing */
	const char *expected; /* completes "expected …" */
	const char *help;
	const char *empty; /* what an empty value means; NULL: it needs a value */
	uint64_t least, most; /* of numbers and durations; bytes of texts */
	const char *const *choices; /* names of 0, 1, …; ends with NULL */
	const char *special; /* a word that is no duration, and what it stands for */
	uint64_t special_value;
	bool restart; /* a change acts at the next start */
	bool unique; /* no two machines may have the same */
	bool secret; /* is not printed */
};

extern const struct config_key config_keys[];
extern const size_t config_keys_n;

const struct config_key *config_key_find(const char *section, const char *key);
/* The key of that section whose name is nearest, for a suggestion; NULL when none is near. */
const struct config_key *config_key_nearest(const char *section, const char *key);

/* The field of the key in a configuration, or, for those of machines, in a spec. */
static inline void *config_field(const struct config_key *k, void *of)
{
	return (char *)of + k->offset;
}

static inline const void *config_field_const(const struct config_key *k, const void *of)
{
	return (const char *)of + k->offset;
}

/* The whole value, words separated by blanks; cut when it does not fit. */
void config_key_format(const struct config_key *k, const void *of, struct text *to);

/* The types of config_types.c. */
extern const struct config_type config_number, config_duration, config_choice, config_rate_type,
	config_string;
extern const struct config_type config_interface_list, config_address_list, config_virtual_mac_type;
extern const struct config_type spec_mac_type, spec_address_list, spec_rule_list, spec_from_list,
	spec_ignore_list;
extern const struct config_type spec_secureon_type, spec_interface_type, spec_watts_type;

#endif
