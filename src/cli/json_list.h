/*
 * json_list: what is answered entry by entry, as one JSON object with a list: {"machines":[…]}.
 */
#ifndef ROUSE_CLI_JSON_LIST_H
#define ROUSE_CLI_JSON_LIST_H

#include "proto/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct json_list {
	FILE *to;
	const char *name; /* of the list */
	size_t n; /* entries so far */
};

void json_list_add(struct json_list *l, const struct json *entry);
/* Half a list (not `whole`) is left open: it must not look like a whole one. */
void json_list_end(const struct json_list *l, bool whole);

#endif
