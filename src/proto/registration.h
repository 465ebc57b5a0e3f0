/*
 * registration: what a machine says to the guard's registration port. Wakupator's JSON, and a few optional keys of ours
 * that a server of Wakupator's ignores. docs/control-protocol.md describes it.
 *
 * Refuses to know who may register what: that is asked on the LAN, by the engine.
 */
#ifndef ROUSE_PROTO_REGISTRATION_H
#define ROUSE_PROTO_REGISTRATION_H

#include "base/spec.h"

#include <stdbool.h>
#include <stddef.h>

#define REGISTRATION_PORT 13717
#define REGISTRATION_TOKEN_MAX 128
#define REGISTRATION_ERROR 384
#define REGISTRATION_OK "OK."
#define REGISTRATION_NO_MEMORY "Out of memory on the host."

struct registration {
	struct spec spec; /* origin SPEC_REGISTERED */
	bool goodbye; /* it is about to sleep: what a registration of Wakupator's always says */
	char token[REGISTRATION_TOKEN_MAX + 1]; /* empty: none */
};

/*
 * Decodes a whole JSON text. -EINVAL (or -ENOMEM) with a text for the person who sent it: Wakupator's own text first,
 * then which field of which entry and why. Text of the network in it is escaped.
 */
int registration_decode(const char *bytes, size_t n, struct registration *ret,
			char error[static REGISTRATION_ERROR]);
/* The JSON of a registration, its length without NUL; -ENOSPC when `size` bytes are too few. */
int registration_encode(const struct registration *r, char *to, size_t size);
/* What a machine is called that does not say its name: "m-beeffacec0de". */
void registration_default_name(const struct mac *mac, char name[static SPEC_NAME_MAX + 1]);

#endif
