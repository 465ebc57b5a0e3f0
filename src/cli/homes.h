/*
 * homes: links that were added with `rouse home add`, in ~/.config/rouse/homes (0600): they are keys.
 */
#ifndef ROUSE_CLI_HOMES_H
#define ROUSE_CLI_HOMES_H

#include "base/spec.h"
#include "cli/cli.h"
#include "proto/relay_link.h"

#define HOMES_NAME 63
#define HOMES_MAX 64

struct home_entry {
	char name[HOMES_NAME + 1]; /* without blanks */
	struct relay_link link;
};

struct homes {
	struct home_entry entries[HOMES_MAX];
	size_t n;
};

/* 0 (also when there is no file yet), or a negative errno after a message. */
int homes_read(const struct cli *c, struct homes *ret);
int homes_write(const struct cli *c, const struct homes *h);
/* By name; NULL and "" mean the only one. NULL after a message. */
const struct home_entry *homes_choose(const struct cli *c, const struct homes *h, const char *name);
/* What a home may be called here. */
bool homes_name_valid(const char *name);

#endif
