/*
 * pairs: a line of wol-over-http's pairs.txt: "<hash> <label>(<mac>)". Pure.
 *
 * The hash is of a key that cannot be taken over (it is unsalted, and was sent over the network): only label and MAC are
 * read.
 */
#ifndef ROUSE_CLI_PAIRS_H
#define ROUSE_CLI_PAIRS_H

#include "base/spec.h"

struct pair {
	char label[SPEC_NAME_MAX + 1];
	struct mac mac;
};

/* NULL and the pair; "": nothing is on the line; else what is wrong with it ("has no ..."). */
const char *pairs_line(const char *line, size_t n, struct pair *ret_pair);

#endif
