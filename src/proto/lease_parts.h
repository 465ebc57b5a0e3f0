/*
 * lease_parts: what reading and writing of openings, of what the sleeper says and of what the guard tells share. For lease*.c
 * alone.
 */
#ifndef ROUSE_PROTO_LEASE_PARTS_H
#define ROUSE_PROTO_LEASE_PARTS_H

#include "proto/json.h"
#include "proto/json_write.h"
#include "proto/lease.h"

/* A member that is n bytes in base64url; -EINVAL otherwise. */
int lease_get_b64(const struct json *map, const char *key, void *to, size_t n);
/* A whole number of least .. most; -EINVAL otherwise. */
int lease_get_whole(const struct json *map, const char *key, uint64_t least, uint64_t most,
		    uint64_t *ret);
/* A text for people, empty when it is not there: control characters become '?', what is too long is cut. */
void lease_get_text(const struct json *map, const char *key, char to[static LEASE_TEXT]);

void lease_put_word(struct json_writer *w, const char *key, const char *word);
void lease_put_b64(struct json_writer *w, const char *key, const void *bytes, size_t n);
void lease_put_u64(struct json_writer *w, const char *key, uint64_t v);

#endif
