/*
 * store: what outlives the relay: homes, their machines, grants and events, invitations.
 *
 * Reading is at once, from one thread, with its own connection. Writing is asynchronous: an operation is handed in, many
 * become one transaction in a thread of their own, and each comes back (on the loop) when it is stored for good, or could
 * not be. While nothing can be stored (a full disk) operations come back with the error, and the store says when it
 * works again; reading goes on.
 * Refuses to know connections. Everything that a home's guard sends has been decoded and limited before.
 */
#ifndef ROUSE_RELAY_STORE_H
#define ROUSE_RELAY_STORE_H

#include "base/list.h"
#include "proto/relay_state.h"
#include "relay/buffer.h"
#include "sys/loop.h"

struct store;

enum store_state { STORE_OK, STORE_FULL, STORE_READ_ONLY, STORE_FAILING, STORE_STATES };
const char *store_state_name(enum store_state s); /* "ok", "full", "read-only", "failing" */

/* What the store tells, on the loop. */
struct store_listener {
	void (*changed)(void *context, enum store_state now);
	void *context;
};

#define STORE_PROBLEM 256
/*
 * Opens and migrates. -EPROTO: from a newer program; the errors of db.h with the problem for a person. A database on a
 * read-only medium is served as it is (STORE_READ_ONLY).
 */
int store_open(const char *path, struct loop *l, uint32_t events_max,
	       const struct store_listener *listener, struct store **ret_store,
	       char problem[static STORE_PROBLEM]);
/* Stores what was handed in, for at most some seconds; operations that are left come back with -ECANCELED. NULL is fine. */
void store_close(struct store *s);
enum store_state store_state_now(const struct store *s);

/* --- reading --- */

struct store_home {
	int64_t row;
	uint8_t home[RELAY_HOME_SIZE];
	uint8_t key[RELAY_KEY_SIZE];
	char name[RELAY_NAME_MAX + 1];
	char guard[RELAY_NAME_MAX + 1];
	uint64_t created_ms, seen_ms;
	uint64_t last_event; /* 0: none */
};

struct store_grant {
	int64_t row; /* of its home */
	uint8_t home[RELAY_HOME_SIZE];
	char id[RELAY_GRANT_TEXT];
	uint8_t kind, can;
	bool get, all;
	uint64_t expires_ms;
	uint16_t machines_n;
	uint32_t machines[RELAY_MACHINES_MAX];
};

/* Each returns 1 and fills, 0 when there is none, or an error. */
int store_find_home(struct store *s, const uint8_t home[static RELAY_HOME_SIZE],
		    struct store_home *ret_home);
int store_find_view(struct store *s, const uint8_t home[static RELAY_HOME_SIZE],
		    const uint8_t hash[static RELAY_KEY_SIZE], struct store_grant *ret_grant);
/* Without the machines. */
int store_find_token(struct store *s, const uint8_t hash[static RELAY_KEY_SIZE],
		     struct store_grant *ret_grant);
int store_find_label(struct store *s, const uint8_t home[static RELAY_HOME_SIZE], const char *label,
		     char ret_grant[static RELAY_GRANT_TEXT],
		     uint8_t ret_salt[static RELAY_NONCE_SIZE]);
bool store_grant_covers(const struct store_grant *g, uint32_t machine);
/* Appends the bodies of the machines that the grant covers, with commas; 0 or an error. */
int store_list_machines(struct store *s, const struct store_grant *g, struct buffer *to);
/* The first `limit` events after `after`, or (after = RELAY_NULL) the last ones; in rising order. */
int store_list_events(struct store *s, const struct store_grant *g, uint64_t after, uint32_t limit,
		      struct buffer *to);
/* The relay's own secret, for made-up salts. */
const uint8_t *store_secret(const struct store *s);
/* The next home that an operator removed; the store forgets it with store_forget_removal(). */
int store_find_removal(struct store *s, uint8_t ret_home[static RELAY_HOME_SIZE]);

/* --- writing --- */

enum store_kind {
	STORE_JOIN, /* a new home, with an invitation or without */
	STORE_TOUCH, /* a known home has another name or guard */
	STORE_SEEN, /* its guard was there until now */
	STORE_MACHINES, /* replaces all: rows */
	STORE_MACHINE, /* one: rows with one */
	STORE_MACHINE_GONE, /* number */
	STORE_GRANTS, /* replaces all: grants */
	STORE_EVENT, /* number, rows with one (id: its machine or 0) */
	STORE_LEAVE, /* the home goes with all that it has */
	STORE_FORGET_REMOVAL,
	STORE_KINDS
};

/* Results of STORE_JOIN besides 0 and errors. */
enum { STORE_INVITATION_UNKNOWN = 1, STORE_INVITATION_USED, STORE_INVITATION_EXPIRED };

struct store_join {
	uint8_t key[RELAY_KEY_SIZE];
	uint8_t invitation[RELAY_KEY_SIZE]; /* its hash */
	bool invited; /* with an invitation, else none is needed */
	char name[RELAY_NAME_MAX + 1];
	char guard[RELAY_NAME_MAX + 1];
};

struct store_op {
	struct list node;
	enum store_kind kind;
	int result; /* 0: stored; positive: see above; -ENOENT: there is no such home; negative: not stored */
	uint8_t home[RELAY_HOME_SIZE];
	uint64_t number;
	uint64_t now_ms;
	/*
	 * Rows: u32 id, u32 size, JSON; grants: u32 0, u32 size, struct relay_grant cut behind its machines. Once
	 * they are stored the 0 is a 1 where it is a plain token that the store knows as this home's.
	 */
	struct buffer data;
	int64_t row; /* of the home, once its grants are stored */
	struct store_join *join;
	/* What the caller wants to know again. */
	void (*done)(struct store_op *op); /* NULL: nobody; the store frees it afterwards */
	void *context;
	uint64_t serial, ack;
};

/* NULL without memory. */
struct store_op *store_op_new(enum store_kind kind, const uint8_t home[static RELAY_HOME_SIZE]);
void store_op_free(struct store_op *op);
void store_op_add_row(struct store_op *op, uint32_t id, const char *json, size_t n);
void store_op_add_grant(struct store_op *op, const struct relay_grant *g);
/* Changes the id of the row that begins at `at`. */
void store_op_mark_row(struct store_op *op, size_t at, uint32_t id);
/* The next row from *at (0 at first); false: no more. */
bool store_op_row(const struct store_op *op, size_t *at, uint32_t *ret_id, struct slice *ret_json);
/* The same of grants. */
bool store_op_grant(const struct store_op *op, size_t *at, bool *ret_token,
		    struct relay_grant *ret_grant);
/* Takes the operation over. */
void store_submit(struct store *s, struct store_op *op);
/* Operations that are not stored yet. */
size_t store_waiting(const struct store *s);

/* --- for the operator's commands: a connection of their own, at once --- */

struct store_admin;
int store_admin_open(const char *path, struct store_admin **ret_admin,
		     char problem[static STORE_PROBLEM]);
void store_admin_close(struct store_admin *a);
int store_admin_invite(struct store_admin *a, const uint8_t hash[static RELAY_KEY_SIZE],
		       const char *name, uint64_t now_ms, uint64_t expires_ms);
struct store_summary {
	struct store_home home;
	uint32_t machines, grants;
};
int store_admin_homes(struct store_admin *a,
		      void (*each)(void *context, const struct store_summary *h), void *context);
/* 1: removed, 0: there was none. */
int store_admin_remove(struct store_admin *a, const uint8_t home[static RELAY_HOME_SIZE],
		       uint64_t now_ms);

#endif
