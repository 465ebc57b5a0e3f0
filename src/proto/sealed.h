/*
 * sealed: requests that only the holder of a grant can make, and answers that only the guard can give
 * (docs/protocol.md, 4 and 5): their JSON, and what of them is authenticated.
 *
 * Pure. Refuses to know which grants there are, and whether a challenge is good.
 */
#ifndef ROUSE_PROTO_SEALED_H
#define ROUSE_PROTO_SEALED_H

#include "proto/json.h"
#include "proto/json_write.h"
#include "proto/relay_auth.h"

#include <stdbool.h>
#include <stdint.h>

#define SEALED_REQUEST_MAX 1024 /* bytes of its JSON */
#define SEALED_VERB 16
#define SEALED_ARGS 768
#define SEALED_BODY 1536 /* bytes of an answer's body, with NUL */

struct sealed_request {
	char home[RELAY_HOME_TEXT];
	char grant[RELAY_GRANT_TEXT];
	char verb[SEALED_VERB];
	char machine[11]; /* decimal */
	char args[SEALED_ARGS];
	char challenge[RELAY_NONCE_TEXT];
	char nonce[RELAY_NONCE_TEXT];
	uint8_t mac[RELAY_KEY_SIZE];
};

struct sealed_answer {
	char nonce[RELAY_NONCE_TEXT]; /* the request's */
	uint32_t seq;
	char body[SEALED_BODY]; /* JSON */
	uint8_t mac[RELAY_KEY_SIZE];
};

/* What of it is authenticated; its length. */
#define SEALED_SIGNED_MAX (SEALED_BODY + 256)
size_t sealed_request_signed(const struct sealed_request *r, uint8_t to[static SEALED_SIGNED_MAX]);
size_t sealed_answer_signed(const char *home, const char *grant, const struct sealed_answer *a,
			    uint8_t to[static SEALED_SIGNED_MAX]);

/* Set and check the mac, with the grant's request key or answer key. */
void sealed_request_seal(struct sealed_request *r, const uint8_t key[static RELAY_KEY_SIZE]);
bool sealed_request_authentic(const struct sealed_request *r,
			      const uint8_t key[static RELAY_KEY_SIZE]);
void sealed_answer_seal(const char *home, const char *grant, struct sealed_answer *a,
			const uint8_t key[static RELAY_KEY_SIZE]);
bool sealed_answer_authentic(const char *home, const char *grant, const struct sealed_answer *a,
			     const uint8_t key[static RELAY_KEY_SIZE]);

/* -EINVAL: something is missing, of another kind, or too long; or it is another version's. */
int sealed_request_read(const struct json *v, struct sealed_request *ret);
int sealed_answer_read(const struct json *v, struct sealed_answer *ret);
void sealed_request_write(struct json_writer *w, const struct sealed_request *r);
void sealed_answer_write(struct json_writer *w, const struct sealed_answer *a);

/* For values that crossed a process boundary: every text ends. */
bool sealed_request_sane(const struct sealed_request *r);
bool sealed_answer_sane(const struct sealed_answer *a);

#endif
