/*
 * json_pick: members of one JSON object as slices of its text, without building anything: for messages that come
 * by the ten thousand a second and are passed on as they are. The whole text is checked against the grammar (RFC 8259), up to
 * the depth and size of json.h.
 *
 * UTF-8 is the caller's to check. Refuses to know what members mean.
 */
#ifndef ROUSE_PROTO_JSON_PICK_H
#define ROUSE_PROTO_JSON_PICK_H

#include "proto/slice.h"

#include <stdint.h>

struct json_pick {
	const char *key; /* plain letters: what is written with escapes is not found */
	struct slice value; /* its text; .at NULL: not there */
};

/* -EINVAL: not one well-formed object, or a key of `picks` comes twice. */
int json_pick(struct slice text, struct json_pick *picks, size_t n);

/* What a value is; -EINVAL when it is something else. */
int json_pick_u64(struct slice value, uint64_t max, uint64_t *ret);
int json_pick_bool(struct slice value, bool *ret);
/* What is between the quotes of a string without escapes. */
int json_pick_word(struct slice value, struct slice *ret);
/* A word of exactly n bytes in base64url. */
int json_pick_b64(struct slice value, void *to, size_t n);
bool json_pick_is_null(struct slice value); /* also when it is not there */

#endif
