/*
 * relay_state: what a guard tells a relay about its home: machines, grants, events (docs/protocol.md, 3.2). Each is
 * decoded into a value of fixed size and written from it, so that nothing else passes through.
 *
 * Refuses to know where they are kept.
 */
#ifndef ROUSE_PROTO_RELAY_STATE_H
#define ROUSE_PROTO_RELAY_STATE_H

#include "base/event.h"
#include "proto/json.h"
#include "proto/json_write.h"
#include "proto/relay_auth.h"

#define RELAY_NAME_MAX SPEC_NAME_MAX
#define RELAY_WORD_MAX 31 /* "no-sign-of-life" and its like */
#define RELAY_MACHINES_MAX 1024
#define RELAY_GRANTS_MAX 256
#define RELAY_WHOLE_MAX ((uint64_t)1 << 53)

/* Amounts: micros of their unit; NEVER stands for null. */
#define RELAY_NULL UINT64_MAX

struct relay_machine {
	uint32_t id;
	uint8_t state; /* enum machine_state */
	bool slept, woken; /* whether those are there */
	char name[RELAY_NAME_MAX + 1];
	uint64_t since_ms, expected_us, watts_u;
	uint64_t slept_since_ms, slept_us;
	uint64_t woken_ms, woken_us;
	char by[RELAY_WORD_MAX + 1];
	char who[RELAY_NAME_MAX + 1]; /* "": null */
};

enum relay_grant_kind { RELAY_LINK, RELAY_PHRASE, RELAY_PLAIN, RELAY_GRANT_KINDS };
enum { RELAY_CAN_SEE = 1, RELAY_CAN_WAKE = 2, RELAY_CAN_SLEEP = 4 };

struct relay_grant {
	char id[RELAY_GRANT_TEXT];
	uint8_t kind; /* enum relay_grant_kind */
	uint8_t can;
	bool get, all; /* all machines */
	uint8_t hash[RELAY_KEY_SIZE]; /* of the view key; of the token when plain */
	uint8_t salt[RELAY_NONCE_SIZE];
	char label[RELAY_NAME_MAX + 1];
	uint64_t expires_ms; /* RELAY_NULL: never */
	uint16_t machines_n;
	uint32_t machines[RELAY_MACHINES_MAX];
};

struct relay_event {
	uint64_t id, at_ms;
	uint32_t machine; /* 0: null */
	char name[RELAY_NAME_MAX + 1]; /* "": null, as in all that follow */
	char event[RELAY_WORD_MAX + 1];
	char by[RELAY_WORD_MAX + 1];
	char who[RELAY_NAME_MAX + 1];
	char to[RELAY_WORD_MAX + 1];
	uint64_t attempt, attempts, seconds_us;
	bool late;
};

/* 0, or -EINVAL: something is missing, of another kind, or out of range. */
int relay_machine_read(const struct json *v, struct relay_machine *ret);
int relay_grant_read(const struct json *v, struct relay_grant *ret);
int relay_event_read(const struct json *v, struct relay_event *ret);

/* Bytes of the longest, with NUL. */
#define RELAY_MACHINE_JSON 1536
#define RELAY_EVENT_JSON 1536

void relay_machine_write(struct json_writer *w, const struct relay_machine *m);
void relay_event_write(struct json_writer *w, const struct relay_event *e);
/* ["see","wake"] */
void relay_can_write(struct json_writer *w, unsigned int can);

/* A name as the protocol has it: 1 to 63 bytes of UTF-8 without control characters. */
bool relay_name_valid(const char *name);

#endif
