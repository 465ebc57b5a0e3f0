/*
 * guard_state: what the parts of a guard's connection share.
 */
#ifndef ROUSE_RELAY_GUARD_STATE_H
#define ROUSE_RELAY_GUARD_STATE_H

#include "proto/json_pick.h"
#include "proto/websocket.h"
#include "relay/guard.h"

enum {
	GUARD_REPLACED = 4001,
	GUARD_SILENCE = 4002,
	GUARD_REMOVED = 4003,
	GUARD_FLOOD = 4008,
};

/* Only until it has joined. */
struct joining {
	uint8_t challenge[RELAY_CHALLENGE_SIZE];
	struct store_op *storing; /* a new home that is being stored */
	struct addr client;
};

struct guard {
	struct visitor *visitor;
	struct ws_reader reader;
	struct joining *joining;
	struct route_home *home; /* NULL: not joined, or not any more */
	struct store_op *machines, *grants; /* lists that are not complete yet */
	uint64_t serial;
	uint64_t challenge_until_us; /* 0: none yet */
	uint8_t challenge[RELAY_NONCE_SIZE];
	uint16_t machines_n, grants_n;
	bool doubted; /* asked whether it is there */
	bool over; /* closing: nothing is heard any more */
};

/* Says why, and closes. */
void guard_close(struct guard *g, uint16_t code, const char *reason);
void guard_send_text(struct guard *g, const char *text);

/* guard_join.c: a message before it has joined; the picked members are those of guard_members. */
void guard_join(struct guard *g, struct slice text);
/* guard_messages.c: a message of a guard that has joined. */
void guard_message(struct guard *g, struct slice text);

#endif
