/*
 * engine_lease: what the engine knows of sleepers (docs/lease-protocol.md), shared by engine_pairing.c (who may have a
 * key?), engine_paired.c (who has one?), engine_lease.c (connections and their lines), engine_take.c (what a lease says becomes a guarded machine),
 * engine_sleep.c (asked to sleep) and engine_test.c (a test of sleeping and waking).
 *
 * The keys live here and in the store. control carries lines, and cannot read or make one.
 */
#ifndef ROUSE_GUARD_ENGINE_LEASE_H
#define ROUSE_GUARD_ENGINE_LEASE_H

#include "base/list.h"
#include "base/text.h"
#include "guard/engine.h"

#define LEASE_LIFE (LEASE_SECONDS * (uint64_t)1000000) /* us */
#define LEASE_SESSIONS (PAIRINGS_MAX + 256)
#define LEASE_WAITING 8 /* lines of a session that were not answered yet */
#define LEASE_ASKS 8 /* of a session, that were not answered yet */

/* What a sleeper wanted to be measured. */
enum test_step {
	TEST_NONE,
	TEST_ARMED, /* until it says goodbye */
	TEST_GOING, /* until it is asleep */
	TEST_ASLEEP, /* until it is to be woken */
	TEST_WAKING, /* until it is awake */
	TEST_READY, /* until its ports have answered */
	TEST_OVER, /* until its lease is back */
};

struct test {
	enum test_step step;
	uint64_t after; /* us asleep */
	uint64_t due; /* when the step is over; NEVER: when something happens */
	uint64_t goodbye, woken; /* monotonic */
	uint64_t ask_at;
	struct addr address; /* whose ports are asked */
	uint8_t interface;
	uint32_t ports_n;
	uint16_t ports[LEASE_PORTS]; /* that have not answered */
	struct lease_told told;
};

/* A pairing, and how it stands with its sleeper. */
struct paired {
	struct pairing pairing;
	struct session *session; /* the one that proved the key; NULL: there is none */
	bool held; /* it holds a lease */
	uint64_t since_ms; /* …or none; 0: not in this engine's time */
	struct addr source; /* of the last session */
	struct test test;
};

/* A line that was said and is to be answered; the first of a session is being carried out. */
struct line {
	struct list in;
	uint64_t of; /* its counter */
	struct lease_said said;
	enum {
		LINE_WAITS,
		LINE_CHECKED, /* by the monitor: can its addresses be guarded? */
		LINE_ASKED, /* on the LAN, for what is new */
		LINE_STORED, /* by the monitor */
	} step;
	uint32_t request; /* of CHECKED and STORED */
	uint64_t due; /* ASKED: when to ask again */
	int asked;
	uint32_t fresh; /* ASKED: bit i: the i-th address has to be found yet */
	char text[LEASE_TEXT]; /* what has to be said beside the result */
	struct text note;
};

struct ask {
	struct list in;
	uint32_t number;
	uint32_t request; /* control's; 0: somebody over the relay */
	uint64_t due;
};

/* A connection of a sleeper that said which pairing it has. */
struct session {
	struct list in;
	uint32_t connection;
	struct addr peer;
	struct paired *paired;
	bool opened; /* there are keys */
	bool proved; /* a line was authentic */
	uint32_t check; /* not opened: is its source on link? */
	uint8_t nonce[LEASE_NONCE_SIZE]; /* the sleeper's */
	struct lease_way to_guard, to_sleeper;
	uint64_t due; /* the lease is not renewed: NEVER before the first */
	struct list lines;
	size_t lines_n;
	struct list asks;
	size_t asks_n;
};

struct code; /* engine_pairing.c */

struct leases {
	struct engine *engine;
	struct paired *paired[PAIRINGS_MAX];
	size_t paired_n;
	struct list sessions;
	size_t sessions_n;
	struct code *code;
	size_t asking; /* lines that are ASKED */
	bool due_known;
	uint64_t due;
	uint32_t numbers; /* makes checks, stores and asks differ */
};

/* engine_pairing.c */
int code_init(struct leases *l);
/* An exchange's part of what engine_lease.c gets for all connections. */
void code_opening(struct leases *l, const struct ipc_lease_opening *o);
bool code_checked(struct leases *l, const struct ipc_message *m);
void code_gone(struct leases *l, uint32_t connection);
void code_open(struct leases *l, uint32_t request, struct moment now);
/* Nobody waits for it any more. */
void code_close(struct leases *l);
void code_stored(struct leases *l, const struct ipc_message *m);
uint64_t code_due(const struct leases *l);
void code_tick(struct leases *l, struct moment now);

/* engine_paired.c */
struct paired *lease_by_id(const struct leases *l, const char *id);
struct paired *lease_by_mac(const struct leases *l, const struct mac *mac);
/* The machine of a pairing, or NULL. */
struct machine *lease_machine(const struct leases *l, const struct paired *p);

/* engine_lease.c */
uint32_t lease_number(struct leases *l);
/* Says why, and ends it. */
void session_break(struct leases *l, struct session *s, const char *word, const char *text);
/* An opening to a connection; `closing`: and its end. */
void lease_open(struct leases *l, uint32_t connection, const struct lease_opening *o, bool closing);
/* An error, and the end of the connection. */
void lease_refuse(struct leases *l, uint32_t connection, const char *word, const char *text);
/* Asks the monitor whether these can be guarded; returns the request. */
uint32_t lease_check(struct leases *l, const struct spec *s);
/* Is `peer` on link, and could this MAC be guarded? */
uint32_t lease_check_peer(struct leases *l, const struct mac *mac, const struct addr *peer);
void session_tell(struct leases *l, struct session *s, const struct lease_told *t);
/* The result of the session's first line, which is over; the next one goes. */
void session_answer(struct leases *l, struct session *s, bool ok, struct moment now);

/* engine_take.c: LEASE and GOODBYE */
void take_begin(struct leases *l, struct session *s, struct line *n, struct moment now);
/* It went away without waiting for answers: a goodbye behind a line that still waits for the disk counts all the same. */
void take_gone(struct leases *l, struct session *s, struct moment now);
void take_checked(struct leases *l, struct session *s, struct line *n, const struct ipc_result *r,
		  struct moment now);
void take_heard(struct leases *l, const struct addr *a, const struct mac *mac, struct moment now);
/* Asks again, or goes on without what was not found; `hurry`: at once. */
void take_asked(struct leases *l, struct session *s, struct line *n, bool hurry, struct moment now);
void take_stored(struct leases *l, struct session *s, struct line *n, enum ipc_code code,
		 const char *text, struct moment now);

/* engine_sleep.c */
void asks_answered(struct leases *l, struct session *s, const struct lease_said *said);
/* Its session ends. */
void asks_lost(struct leases *l, struct session *s);
uint64_t asks_due(const struct session *s);
void asks_tick(struct leases *l, struct session *s, struct moment now);

/* engine_test.c */
void test_arm(struct paired *p, uint32_t seconds, struct moment now);
/* It does not go to sleep after all. */
void test_stay(struct paired *p);
void test_goodbye(struct paired *p, struct moment now);
/* Its lease is there. */
void test_lease(struct leases *l, struct paired *p);
void test_event(struct paired *p, const struct event *e, struct moment now);
void test_port_open(struct paired *p, uint8_t interface, const struct addr *a, uint16_t port,
		    struct moment now);
uint64_t test_due(const struct paired *p);
void test_tick(struct leases *l, struct paired *p, struct moment now);

#endif
