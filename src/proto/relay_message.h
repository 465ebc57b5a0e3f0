/*
 * relay_message: what a relay says to a guard, decoded into a value, and what the guard answers (docs/protocol.md, 3).
 *
 * Hostile: a relay may say anything. Refuses to know what is done about it.
 */
#ifndef ROUSE_PROTO_RELAY_MESSAGE_H
#define ROUSE_PROTO_RELAY_MESSAGE_H

#include "base/addr.h"
#include "proto/relay_state.h"
#include "proto/sealed.h"

#define RELAY_RUN_SIZE 8
#define RELAY_MESSAGE_MAX 4096 /* bytes of a relay's message */
#define RELAY_REPLY_MAX 65536 /* bytes of a guard's */

enum relay_message_kind {
	RELAY_HELLO,
	RELAY_JOINED,
	RELAY_REFUSED,
	RELAY_AGAIN,
	RELAY_STORED,
	RELAY_REQUEST,
	RELAY_TOKEN,
	RELAY_DRAIN,
	RELAY_LEFT,
	RELAY_MESSAGE_KINDS
};

struct relay_message {
	enum relay_message_kind kind;
	union {
		struct {
			uint8_t challenge[RELAY_CHALLENGE_SIZE];
			char origin[RELAY_ORIGIN_MAX + 1];
		} hello;
		struct {
			char home[RELAY_HOME_TEXT];
			uint32_t heartbeat; /* seconds, 25 to 55 */
			uint64_t event;
			uint8_t run[RELAY_RUN_SIZE];
		} joined;
		char why[RELAY_WORD_MAX + 1]; /* REFUSED */
		struct {
			uint64_t id;
			struct addr from;
			bool sane; /* SEALED: it has the shape of one */
			struct sealed_request sealed;
		} request;
		struct {
			uint64_t id;
			struct addr from;
			bool get;
			char grant[RELAY_GRANT_TEXT];
			uint8_t token[RELAY_KEY_SIZE];
		} token;
		uint32_t seconds; /* DRAIN */
	};
};

#define RELAY_UNKNOWN 1 /* a type of a later version: to be ignored */
/* 0, RELAY_UNKNOWN, or -EINVAL: it makes no sense. */
int relay_message_read(const char *text, size_t n, struct relay_message *ret);

/* A word as outcome, why and refused have it: lower case, digits and hyphens. */
bool relay_word_valid(const char *word);

#endif
