/*
 * command: what programs say to the guard through its control socket, and how it reads that. JSON lines; described
 * in docs/control-protocol.md. Decoding for the guard, encoding for `rouse`. (The answers are answer.h's.)
 *
 * Refuses to know how requests are carried out, and who may make them.
 */
#ifndef ROUSE_PROTO_COMMAND_H
#define ROUSE_PROTO_COMMAND_H

#include "base/spec.h"
#include "proto/grant.h"
#include "proto/relay_link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMMAND_LINE_MAX 16384 /* bytes of a request, with the line end */
#define COMMAND_ERROR 384
#define COMMAND_WAIT_MAX 86400 /* seconds */
#define COMMAND_LOG_MOST 1000 /* events in one answer */

enum command_kind {
	COMMAND_VERSION,
	COMMAND_STATUS, /* name (optional) */
	COMMAND_WAKE, /* name; wait (optional) */
	COMMAND_ADD, /* spec */
	COMMAND_REMOVE, /* name */
	COMMAND_LOG, /* name (optional), most, follow */
	COMMAND_EXPORT, /* every machine as the ADD that makes it again */
	COMMAND_RELAY, /* how it stands with the relay */
	COMMAND_JOIN, /* join */
	COMMAND_LEAVE,
	COMMAND_SHARE, /* share */
	COMMAND_GRANTS,
	COMMAND_REVOKE, /* grant */
	COMMAND_PAIR, /* shows a code, and waits for what comes of it */
	COMMAND_PAIRINGS,
	COMMAND_UNPAIR, /* name */
	COMMAND_SLEEP, /* name */
	COMMAND_KINDS
};

const char *command_name(enum command_kind k);

struct command_join {
	char origin[RELAY_ORIGIN_MAX + 1];
	char invitation[RELAY_INVITATION_TEXT]; /* empty: none */
	char name[SPEC_NAME_MAX + 1]; /* the home's; empty: the host's */
};

struct command_share {
	uint8_t kind; /* enum relay_grant_kind */
	uint8_t can; /* RELAY_CAN_… */
	bool get;
	uint32_t expires_seconds; /* from now; 0: never */
	char name[SPEC_NAME_MAX + 1]; /* empty: the kind's */
	char label[SPEC_NAME_MAX + 1]; /* PHRASE; empty: the machine's name */
	uint16_t machines_n; /* 0: all */
	char machines[GRANT_MACHINES_MAX][SPEC_NAME_MAX + 1];
};

struct command {
	uint8_t kind; /* enum command_kind */
	bool waits; /* WAKE: answer when it is over */
	bool follow; /* LOG */
	uint32_t wait_seconds; /* WAKE: at most this long; 0: as long as the guard tries */
	uint32_t most; /* LOG: the last so many */
	char name[SPEC_NAME_MAX + 1]; /* empty: all */
	union {
		struct spec spec; /* ADD; origin SPEC_ADDED */
		struct command_join join;
		struct command_share share;
		char grant[RELAY_GRANT_TEXT];
	};
};

/* One line, without its end. -EINVAL (or -ENOMEM) with a text that names the field and says why. */
int command_decode(const char *line, size_t n, struct command *ret,
		   char error[static COMMAND_ERROR]);
/* The line of a request, with its end; length or -ENOSPC. */
int command_encode(const struct command *c, char *to, size_t size);

#endif
