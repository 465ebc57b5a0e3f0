#include "relay/store_writer.h"

#include "proto/keys.h"
#include "relay/store_schema.h"

#include <errno.h>

int writer_open(struct store_writer *w, const char *path, uint32_t events_max)
{
	int r = db_open(path, DB_CREATE, &w->db);

	if (r < 0) {
		w->db = NULL;
		return r;
	}
	w->events_max = events_max;
	r = schema_migrate(w->db, SCHEMA_VERSION, NULL, NULL);
	if (r == 0)
		r = statements_prepare(w->db, WRITE_BEGIN, WRITE_FORGET_REMOVAL, w->s);
	if (r < 0)
		return r;
	/* A medium that cannot be written shows only when it is tried; a full one may get better. */
	return writer_probe(w) == -EROFS ? -EROFS : 0;
}

void writer_close(struct store_writer *w)
{
	statements_finish(w->s);
	db_close(w->db);
	w->db = NULL;
}

/* A statement that returns nothing, with what was bound to it. */
static int run(struct store_writer *w, enum store_statement which)
{
	int r = db_step(w->s[which]);

	if (r == 1) {
		db_reset(w->s[which]);
		r = 0;
	}
	return r;
}

/* The home's row; -ENOENT. */
static int find_home(struct store_writer *w, const uint8_t *home, int64_t *ret_row)
{
	struct db_statement *s = w->s[WRITE_FIND_HOME];
	int r;

	db_bind_bytes(s, 1, home, RELAY_HOME_SIZE);
	r = db_step(s);
	if (r != 1)
		return r < 0 ? r : -ENOENT;
	*ret_row = db_i64(s, 0);
	db_reset(s);
	return 0;
}

static int use_invitation(struct store_writer *w, const struct store_op *op)
{
	struct db_statement *s = w->s[WRITE_FIND_INVITATION];
	int64_t expires;
	bool used;
	int r;

	db_bind_bytes(s, 1, op->join->invitation, RELAY_KEY_SIZE);
	r = db_step(s);
	if (r != 1)
		return r < 0 ? r : STORE_INVITATION_UNKNOWN;
	expires = db_i64(s, 0);
	used = !db_null(s, 1);
	db_reset(s);
	if (used)
		return STORE_INVITATION_USED;
	if ((uint64_t)expires <= op->now_ms)
		return STORE_INVITATION_EXPIRED;
	s = w->s[WRITE_USE_INVITATION];
	db_bind_bytes(s, 1, op->join->invitation, RELAY_KEY_SIZE);
	db_bind_i64(s, 2, (int64_t)op->now_ms);
	return run(w, WRITE_USE_INVITATION);
}

static int do_join(struct store_writer *w, const struct store_op *op)
{
	struct db_statement *s = w->s[WRITE_NEW_HOME];
	int64_t row;
	int r = find_home(w, op->home, &row);

	if (r != -ENOENT)
		return r;
	r = op->join->invited ? use_invitation(w, op) : 0;
	if (r)
		return r;
	db_bind_bytes(s, 1, op->home, RELAY_HOME_SIZE);
	db_bind_bytes(s, 2, op->join->key, RELAY_KEY_SIZE);
	db_bind_text(s, 3, op->join->name);
	db_bind_text(s, 4, op->join->guard);
	db_bind_i64(s, 5, (int64_t)op->now_ms);
	return run(w, WRITE_NEW_HOME);
}

static int do_touch(struct store_writer *w, const struct store_op *op, int64_t row)
{
	struct db_statement *s = w->s[WRITE_TOUCH];

	db_bind_i64(s, 1, row);
	db_bind_text(s, 2, op->join->name);
	db_bind_text(s, 3, op->join->guard);
	db_bind_i64(s, 4, (int64_t)op->now_ms);
	return run(w, WRITE_TOUCH);
}

/* Whether the stored digest (column 0: machines, 1: grants) is this one. */
static int same_digest(struct store_writer *w, int64_t row, int column,
		       const uint8_t digest[static 32])
{
	struct db_statement *s = w->s[WRITE_FIND_DIGESTS];
	uint8_t stored[32];
	int r;

	db_bind_i64(s, 1, row);
	r = db_step(s);
	if (r != 1)
		return r;
	db_copy_bytes(s, column, stored, sizeof(stored));
	db_reset(s);
	return memcmp(stored, digest, sizeof(stored)) == 0;
}

static int set_digest(struct store_writer *w, enum store_statement which, int64_t row,
		      const uint8_t *digest)
{
	db_bind_i64(w->s[which], 1, row);
	if (digest)
		db_bind_bytes(w->s[which], 2, digest, 32);
	else
		db_bind_null(w->s[which], 2);
	return run(w, which);
}

static int put_machines(struct store_writer *w, const struct store_op *op, int64_t row)
{
	struct db_statement *s = w->s[WRITE_MACHINE];
	struct slice json;
	uint32_t id;
	size_t at = 0;
	int r = 0;

	while (r == 0 && store_op_row(op, &at, &id, &json)) {
		db_bind_i64(s, 1, row);
		db_bind_i64(s, 2, id);
		db_bind_chars(s, 3, json.at, json.n);
		r = run(w, WRITE_MACHINE);
	}
	return r;
}

static int do_machines(struct store_writer *w, const struct store_op *op, int64_t row)
{
	uint8_t digest[32];
	int r;

	keys_hash(op->data.start ? op->data.start : "", op->data.used, digest);
	r = same_digest(w, row, 0, digest);
	if (r)
		return r < 0 ? r : 0;
	db_bind_i64(w->s[WRITE_CLEAR_MACHINES], 1, row);
	r = run(w, WRITE_CLEAR_MACHINES);
	if (r == 0)
		r = put_machines(w, op, row);
	return r == 0 ? set_digest(w, WRITE_MACHINES_DIGEST, row, digest) : r;
}

static int do_machine(struct store_writer *w, const struct store_op *op, int64_t row)
{
	int r = put_machines(w, op, row);

	return r == 0 ? set_digest(w, WRITE_MACHINES_DIGEST, row, NULL) : r;
}

static int do_machine_gone(struct store_writer *w, const struct store_op *op, int64_t row)
{
	int r;

	db_bind_i64(w->s[WRITE_MACHINE_GONE], 1, row);
	db_bind_i64(w->s[WRITE_MACHINE_GONE], 2, (int64_t)op->number);
	r = run(w, WRITE_MACHINE_GONE);
	return r == 0 ? set_digest(w, WRITE_MACHINES_DIGEST, row, NULL) : r;
}

static int put_grant(struct store_writer *w, int64_t row, const struct relay_grant *g,
		     int64_t position)
{
	struct db_statement *s = w->s[WRITE_GRANT];

	db_bind_i64(s, 1, row);
	db_bind_text(s, 2, g->id);
	db_bind_i64(s, 3, g->kind);
	db_bind_bytes(s, 4, g->hash, sizeof(g->hash));
	if (g->kind == RELAY_PHRASE) {
		db_bind_bytes(s, 5, g->salt, sizeof(g->salt));
		db_bind_text(s, 6, g->label);
	}
	if (!g->all)
		db_bind_bytes(s, 7, g->machines, g->machines_n * sizeof(g->machines[0]));
	db_bind_i64(s, 8, g->can);
	db_bind_i64(s, 9, g->get);
	if (g->expires_ms != RELAY_NULL)
		db_bind_i64(s, 10, (int64_t)g->expires_ms);
	db_bind_i64(s, 11, position);
	return run(w, WRITE_GRANT);
}

static int replace_grants(struct store_writer *w, const struct store_op *op, int64_t row,
			  const uint8_t digest[static 32])
{
	struct relay_grant g;
	int64_t position = 0;
	bool unused;
	size_t at = 0;
	int r;

	db_bind_i64(w->s[WRITE_CLEAR_GRANTS], 1, row);
	r = run(w, WRITE_CLEAR_GRANTS);
	while (r == 0 && store_op_grant(op, &at, &unused, &g))
		r = put_grant(w, row, &g, position++);
	return r == 0 ? set_digest(w, WRITE_GRANTS_DIGEST, row, digest) : r;
}

/* Whether the home has this very grant: of a hash that two claim only the first has it. */
static int has_token(struct store_writer *w, int64_t row, const struct relay_grant *g)
{
	struct db_statement *s = w->s[WRITE_FIND_TOKEN];
	int r;

	db_bind_i64(s, 1, row);
	db_bind_text(s, 2, g->id);
	db_bind_bytes(s, 3, g->hash, sizeof(g->hash));
	db_bind_i64(s, 4, g->can);
	db_bind_i64(s, 5, g->get);
	if (g->expires_ms != RELAY_NULL)
		db_bind_i64(s, 6, (int64_t)g->expires_ms);
	r = db_step(s);
	if (r == 1)
		db_reset(s);
	return r;
}

/* So that the loop needs no lookup of its own when the token is used. */
static int mark_tokens(struct store_writer *w, struct store_op *op, int64_t row)
{
	struct relay_grant g;
	size_t at = 0, start = 0;
	bool token;
	int r = 0;

	for (; r >= 0 && store_op_grant(op, &at, &token, &g); start = at) {
		if (g.kind != RELAY_PLAIN)
			continue;
		r = has_token(w, row, &g);
		if (r == 1)
			store_op_mark_row(op, start, 1);
	}
	op->row = row;
	return r < 0 ? r : 0;
}

static int do_grants(struct store_writer *w, struct store_op *op, int64_t row)
{
	uint8_t digest[32];
	int r;

	keys_hash(op->data.start ? op->data.start : "", op->data.used, digest);
	r = same_digest(w, row, 1, digest);
	if (r == 0)
		r = replace_grants(w, op, row, digest);
	return r < 0 ? r : mark_tokens(w, op, row);
}

static int do_event(struct store_writer *w, const struct store_op *op, int64_t row)
{
	struct db_statement *s = w->s[WRITE_EVENT];
	struct slice json;
	uint32_t machine;
	size_t at = 0;
	int r;

	if (!store_op_row(op, &at, &machine, &json))
		return -EINVAL;
	db_bind_i64(s, 1, row);
	db_bind_i64(s, 2, (int64_t)op->number);
	if (machine)
		db_bind_i64(s, 3, machine);
	db_bind_chars(s, 4, json.at, json.n);
	r = run(w, WRITE_EVENT);
	/* Every so often is enough: the limit is about room, not about the very number. */
	if (r < 0 || op->number % 16)
		return r;
	db_bind_i64(w->s[WRITE_TRIM_EVENTS], 1, row);
	db_bind_i64(w->s[WRITE_TRIM_EVENTS], 2, w->events_max);
	return run(w, WRITE_TRIM_EVENTS);
}

static int do_home(struct store_writer *w, struct store_op *op, int64_t row)
{
	switch (op->kind) {
	case STORE_TOUCH:
		return do_touch(w, op, row);
	case STORE_SEEN:
		db_bind_i64(w->s[WRITE_SEEN], 1, row);
		db_bind_i64(w->s[WRITE_SEEN], 2, (int64_t)op->now_ms);
		return run(w, WRITE_SEEN);
	case STORE_MACHINES:
		return do_machines(w, op, row);
	case STORE_MACHINE:
		return do_machine(w, op, row);
	case STORE_MACHINE_GONE:
		return do_machine_gone(w, op, row);
	case STORE_GRANTS:
		return do_grants(w, op, row);
	case STORE_EVENT:
		return do_event(w, op, row);
	case STORE_LEAVE:
		db_bind_i64(w->s[WRITE_LEAVE], 1, row);
		return run(w, WRITE_LEAVE);
	case STORE_JOIN:
	case STORE_FORGET_REMOVAL:
	case STORE_KINDS:
		break;
	}
	return -EINVAL;
}

static int do_op(struct store_writer *w, struct store_op *op)
{
	int64_t row = 0;
	int r;

	if (op->kind == STORE_JOIN)
		return do_join(w, op);
	if (op->kind == STORE_FORGET_REMOVAL) {
		db_bind_bytes(w->s[WRITE_FORGET_REMOVAL], 1, op->home, RELAY_HOME_SIZE);
		return run(w, WRITE_FORGET_REMOVAL);
	}
	r = find_home(w, op->home, &row);
	return r == 0 ? do_home(w, op, row) : r;
}

static int store_all(struct store_writer *w, struct list *ops)
{
	int r = run(w, WRITE_BEGIN);

	if (r < 0)
		return r;
	list_each(node, ops)
	{
		struct store_op *op = container_of(node, struct store_op, node);

		op->result = op->data.failed ? -ENOMEM : do_op(w, op);
		/* What one home does wrong is its own affair; what the database cannot do is everybody's. */
		if (op->result < 0 && op->result != -ENOENT && op->result != -EEXIST &&
		    op->result != -EINVAL && op->result != -ENOMEM)
			return op->result;
	}
	return run(w, WRITE_COMMIT);
}

int writer_store(struct store_writer *w, struct list *ops)
{
	int r = store_all(w, ops);

	if (r == 0)
		return 0;
	if (!db_idle(w->db))
		(void)run(w, WRITE_ROLLBACK);
	list_each(node, ops) container_of(node, struct store_op, node)->result = r;
	return r;
}

int writer_probe(struct store_writer *w)
{
	return run(w, WRITE_PROBE);
}
