/*
 * guard: the relay's end of a guard's connection: the WebSocket, joining, and what a guard says.
 *
 * A guard may speak for one home only, the one whose key it proved to have, and changes nothing of any other. Refuses to know
 * what sealed requests and answers say.
 */
#ifndef ROUSE_RELAY_GUARD_H
#define ROUSE_RELAY_GUARD_H

#include "relay/api.h"

struct guard;

/* Serves GET /guard: becomes a WebSocket. */
void guard_upgrade(struct call *c);
/* Bytes from the visitor; returns how many were taken. */
size_t guard_bytes(struct guard *g, uint8_t *bytes, size_t n);
/* Nothing was heard for too long. */
void guard_silent(struct guard *g);
/* For the route. */
void guard_send(struct guard *g, const char *text, size_t n);
void guard_doubt(struct guard *g);
/* The home's challenge and how long it is good; false: there is none that is good now. */
bool guard_challenge(const struct guard *g, uint64_t now_us, char to[static RELAY_NONCE_TEXT],
		     uint32_t *ret_seconds);

/* {"t":"drain","seconds":s} */
void guard_drain(struct guard *g, uint64_t seconds);
/* {"t":"again"} */
void guard_again(struct guard *g);
/* The operator removed its home. */
void guard_removed(struct guard *g);

#endif
