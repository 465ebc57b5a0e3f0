/*
 * grant: who may do what to which machines of a home, as the guard keeps it: a name, limits, and the keys that requests
 * are checked with. Its secret is not among them: whoever has it got it once, when the grant was made.
 *
 * Refuses to know requests.
 */
#ifndef ROUSE_PROTO_GRANT_H
#define ROUSE_PROTO_GRANT_H

#include "base/spec.h"
#include "proto/relay_state.h"

#define GRANTS_MAX RELAY_GRANTS_MAX
#define GRANT_MACHINES_MAX 64 /* named one by one; more is all */

struct grant {
	char id[RELAY_GRANT_TEXT];
	uint8_t kind; /* enum relay_grant_kind */
	uint8_t can; /* RELAY_CAN_… */
	uint8_t get; /* PLAIN: a GET wakes too */
	uint8_t all; /* machines: all, also those to come */
	uint16_t machines_n;
	uint32_t machines[GRANT_MACHINES_MAX];
	uint64_t made_ms, expires_ms; /* wall clock; expires 0: never */
	char name[SPEC_NAME_MAX + 1]; /* whose it is: "Ann's phone" */
	char label[SPEC_NAME_MAX + 1]; /* PHRASE: what is typed with it */
	uint8_t salt[RELAY_NONCE_SIZE]; /* PHRASE */
	uint8_t hash[RELAY_KEY_SIZE]; /* SHA-256 of the view key; PLAIN: of the token */
	uint8_t request[RELAY_KEY_SIZE], answer[RELAY_KEY_SIZE]; /* keys; not PLAIN */
};

/* For values that crossed a process boundary or came from a file. */
bool grant_sane(const struct grant *g);
bool grant_names(const struct grant *g, uint32_t machine);
bool grant_expired(const struct grant *g, uint64_t now_ms);
/* What the relay may know of it. */
void grant_public(const struct grant *g, struct relay_grant *ret);
const char *grant_kind_name(enum relay_grant_kind k);

#endif
