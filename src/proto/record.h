/*
 * record: one line of the state journal: "crc32hex verb key=value …\n", values percent-escaped.
 *
 * Owns: the text form of what survives a restart, and its checksum. Pure: it neither opens files nor knows what is in
 * the other lines. Names are used instead of numbers, so that a version understands what another one wrote: verbs and keys it
 * does not know are skipped.
 */
#ifndef ROUSE_PROTO_RECORD_H
#define ROUSE_PROTO_RECORD_H

#include "base/event.h"
#include "base/spec.h"
#include "proto/grant.h"
#include "proto/pairing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_HEADER "rouse-journal 1\n" /* the first line of the file */
#define RECORD_MAX 16384 /* bytes of the longest line, with its newline and a NUL */

enum record_kind {
	RECORD_MACHINE, /* id, spec: it is guarded from now on, or described anew */
	RECORD_GONE, /* id: it is no longer guarded */
	RECORD_PAST, /* id, past */
	RECORD_EVENT, /* event */
	RECORD_GRANT, /* grant: it holds from now on */
	RECORD_REVOKED, /* grant.id: it holds no more */
	RECORD_RELAY, /* relay: the relay that was joined; without origin: none any more */
	RECORD_PAIRED, /* pairing: it holds from now on, in place of one with that MAC */
	RECORD_UNPAIRED, /* pairing.id: it holds no more */
	RECORD_IDS, /* next_machine, next_event: none below them is given out again */
	RECORD_KINDS
};

/* The relay that a guard has joined. */
struct relay_joined {
	char origin[RELAY_ORIGIN_MAX + 1]; /* empty: none */
	char name[SPEC_NAME_MAX + 1]; /* the home's, for people */
};

#define PAIRINGS_MAX 1024

/* A machine whose sleeper has proved the code; what the key authenticates is docs/lease-protocol.md's. */
struct pairing {
	char id[PAIRING_ID_TEXT];
	struct mac mac;
	uint8_t key[PAIRING_KEY_SIZE];
	uint64_t since_ms; /* wall clock */
	char name[SPEC_NAME_MAX + 1]; /* as the sleeper said it then */
};

/* For values that crossed a process boundary or came from a file. */
bool pairing_sane(const struct pairing *p);

struct record {
	enum record_kind kind;
	uint32_t id;
	union {
		struct spec spec;
		struct machine_past past;
		struct event event;
		struct grant grant;
		struct relay_joined relay;
		struct pairing pairing;
		struct {
			uint32_t next_machine;
			uint64_t next_event;
		};
	};
};

/* A whole line with newline and NUL; returns its length without the NUL. The values are sane. */
size_t record_machine(uint32_t id, const struct spec *s, char to[static RECORD_MAX]);
size_t record_gone(uint32_t id, char to[static RECORD_MAX]);
size_t record_past(uint32_t id, const struct machine_past *p, char to[static RECORD_MAX]);
size_t record_event(const struct event *e, char to[static RECORD_MAX]);
size_t record_grant(const struct grant *g, char to[static RECORD_MAX]);
size_t record_revoked(const char *id, char to[static RECORD_MAX]);
size_t record_relay(const struct relay_joined *r, char to[static RECORD_MAX]);
size_t record_paired(const struct pairing *p, char to[static RECORD_MAX]);
size_t record_unpaired(const char *id, char to[static RECORD_MAX]);
size_t record_ids(uint32_t next_machine, uint64_t next_event, char to[static RECORD_MAX]);

/* CRC-32 (IEEE 802.3) of what follows it in a line; for tests that make lines of their own. */
uint32_t record_checksum(const char *bytes, size_t n);

#define RECORD_STRANGE 1 /* whole, but a verb or a kind of event that only a newer version knows */

/* Reads a line of n bytes without its newline. 0, RECORD_STRANGE, or -EBADMSG: damaged, or not what was written. */
int record_decode(const char *line, size_t n, struct record *ret_record)
	__attribute__((warn_unused_result));

#endif
