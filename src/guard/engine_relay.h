/*
 * engine_relay: what the engine knows of the world behind the relay, shared by engine_grants.c (who may?) and
 * engine_pending.c (what comes of it?).
 */
#ifndef ROUSE_GUARD_ENGINE_RELAY_H
#define ROUSE_GUARD_ENGINE_RELAY_H

#include "base/list.h"
#include "core/grant.h"
#include "guard/engine.h"
#include "proto/grant.h"

#define PENDING_MAX 256 /* requests being carried out, or just answered */
#define PENDING_PORTS 4 /* waited for after a machine woke */
#define TOKENS_SEEN 512
#define PENDING_TEXT 161 /* of a sleeper, with NUL: it fits into an answer however it is escaped */

/* Who asked, and what has to be said to them still. */
struct pending {
	struct list in;
	uint64_t id; /* the relay's */
	bool sealed;
	bool accepted; /* it was told so */
	bool final; /* ...and this was the last */
	char grant[RELAY_GRANT_TEXT];
	char nonce[RELAY_NONCE_TEXT];
	uint8_t key[RELAY_KEY_SIZE]; /* the grant's answer key */
	uint32_t seq; /* of the next answer */
	uint32_t machine;
	char name[SPEC_NAME_MAX + 1];
	/* SLEEP, not WAKE. */
	bool sleeping;
	uint32_t ask; /* of its sleeper; 0: not asked */
	uint64_t asleep_us;
	char text[PENDING_TEXT]; /* what its sleeper said */
	uint64_t due; /* when it is over: answered by then, forgotten then */
	/* What has happened. */
	uint16_t attempt, attempts, told; /* told: the attempt that was said last */
	uint64_t awake_us;
	uint64_t knocked; /* monotonic: seconds count from here */
	uint32_t ready_n;
	struct {
		uint16_t port;
		uint64_t us;
	} ready[PENDING_PORTS];
	/* Ports that are asked now, after it woke. */
	uint16_t ports[PENDING_PORTS];
	uint32_t ports_n;
	struct addr address;
	uint8_t interface;
	uint64_t ask_at;
	struct ipc_message *last; /* the answer given last, for a relay that lost it */
};

struct holder {
	struct grant grant;
	struct grant_limit asks, guesses;
};

struct relayed {
	struct engine *engine;
	struct channel *uplink;
	uint32_t session; /* the uplink's present one; 0: there was none */
	bool has_run;
	uint8_t run[IPC_RUN];
	struct ipc_key key;
	uint8_t public_key[RELAY_KEY_SIZE];
	char home[RELAY_HOME_TEXT];
	struct holder *holders[GRANTS_MAX];
	size_t holders_n;
	struct grant_limit guesses; /* wrong phrases, of all grants */
	struct grant_window window;
	uint64_t rotate_at; /* or NEVER: nobody is there to be told */
	uint8_t decoy[RELAY_KEY_SIZE]; /* checks what names no grant */
	struct list pendings;
	size_t pendings_n;
	uint64_t tokens_seen[TOKENS_SEEN]; /* ids of this run */
	size_t tokens_n;
};

/* engine_grants.c */
void relayed_send(struct relayed *r, struct ipc_message *m);
/*
 * An answer to a request that was carried out goes by way of the monitor, behind the events of it: what somebody heard to be
 * accepted is on record, whoever is killed.
 */
void relayed_answer(struct relayed *r, struct ipc_message *m);

/* engine_pending.c */
/* One to be carried out, or, when there are too many, `over`, which can only be refused. */
struct pending *pending_new(struct relayed *r, uint64_t id, struct pending *over);
/* What `over` holds; harmless when it was not needed. */
void pending_done(struct pending *over);
/* The final answer, at once. `machine` may be NULL. */
void pending_refuse(struct relayed *r, struct pending *p, const char *why);
void pending_see(struct relayed *r, struct pending *p, const struct machine *machine);
void pending_wake(struct relayed *r, struct pending *p, struct machine *machine, const char *who,
		  const struct addr *from, struct moment now);
void pending_sleep(struct relayed *r, struct pending *p, const struct machine *machine,
		   const char *who, struct moment now);
void pending_event(struct relayed *r, const struct event *e, struct moment now);
void pending_port_open(struct relayed *r, uint8_t interface, const struct addr *a, uint16_t port,
		       struct moment now);
/* The uplink is there again, with the same run: what it may have lost is said again. */
void pending_again(struct relayed *r);
void pending_forget_all(struct relayed *r);
uint64_t pending_due(const struct relayed *r);
void pending_tick(struct relayed *r, struct moment now);

#endif
