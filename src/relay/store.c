#include "relay/store.h"

#include "relay/store_schema.h"
#include "relay/store_state.h"
#include "sys/entropy.h"
#include "sys/log.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const state_names[STORE_STATES] = {
	[STORE_OK] = "ok",
	[STORE_FULL] = "full",
	[STORE_READ_ONLY] = "read-only",
	[STORE_FAILING] = "failing",
};

const char *store_state_name(enum store_state s)
{
	return state_names[s];
}

enum store_state store_state_of(int error)
{
	switch (error) {
	case 0:
		return STORE_OK;
	case -ENOSPC:
		return STORE_FULL;
	case -EROFS:
		return STORE_READ_ONLY;
	default:
		return STORE_FAILING;
	}
}

enum store_state store_state_now(const struct store *s)
{
	return s->state;
}

size_t store_waiting(const struct store *s)
{
	return s->waiting;
}

const uint8_t *store_secret(const struct store *s)
{
	return s->secret;
}

void store_count_failure(struct store *s, int error)
{
	if (s->failures++ == 0)
		log_error("the database cannot be read: %s (%s)", db_problem(s->db),
			  strerrorname_np(-error));
}

static int say_problem(struct db *d, int r, char problem[static STORE_PROBLEM])
{
	if (r == -EPROTO)
		(void)snprintf(problem, STORE_PROBLEM, "it is from a newer rouse-relay");
	else
		(void)snprintf(problem, STORE_PROBLEM, "%s (%s)", db_problem(d),
			       strerrorname_np(-r));
	return r;
}

/* Reads the relay's secret, or makes it. Before the thread starts, with the writer's connection. */
static int load_secret(struct store *s)
{
	struct db *d = s->frozen ? s->db : s->writer.db;
	struct db_statement *q;
	int r;

	if (!s->frozen) {
		entropy_bytes(s->secret, sizeof(s->secret));
		r = db_prepare(d, "INSERT OR IGNORE INTO meta VALUES ('secret', ?1)", &q);
		if (r == 0) {
			db_bind_bytes(q, 1, s->secret, sizeof(s->secret));
			r = db_step(q);
		}
		db_finish(q);
		if (r < 0)
			return r;
	}
	r = db_prepare(d, "SELECT value FROM meta WHERE key = 'secret'", &q);
	if (r == 0)
		r = db_step(q);
	if (r == 1)
		db_copy_bytes(q, 0, s->secret, sizeof(s->secret));
	db_finish(q);
	return r < 0 ? r : 0;
}

static int open_reader(struct store *s, const char *path, enum db_mode mode)
{
	int r = db_open(path, mode, &s->db);

	if (r == 0)
		r = statements_prepare(s->db, READ_HOME, READ_REMOVAL, s->s);
	return r;
}

static int open_all(struct store *s, const char *path, uint32_t events_max,
		    char problem[static STORE_PROBLEM])
{
	/* Names of homes and machines are nobody else's business. */
	mode_t mask = umask(0077);
	int r = writer_open(&s->writer, path, events_max);

	umask(mask);
	/* Without a log beside it, SQLite says of a database that it cannot write that it cannot open it. */
	if (r == -EROFS || (r == -ENOENT && access(path, R_OK) == 0)) {
		say_problem(s->writer.db, r, problem);
		writer_close(&s->writer);
		s->frozen = true;
		s->thread_state = STORE_READ_ONLY;
		r = 0;
	}
	if (r < 0)
		return say_problem(s->writer.db, r, problem);
	r = open_reader(s, path, DB_READ);
	/* Without the log beside it (nobody crashed) a read-only medium must be said to be one. */
	if (r < 0 && s->frozen) {
		statements_finish(s->s);
		db_close(s->db);
		s->db = NULL;
		r = open_reader(s, path, DB_FROZEN);
	}
	if (r == 0)
		r = load_secret(s);
	return r < 0 ? say_problem(s->db, r, problem) : 0;
}

int store_open(const char *path, struct loop *l, uint32_t events_max,
	       const struct store_listener *listener, struct store **ret_store,
	       char problem[static STORE_PROBLEM])
{
	struct store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->listener = *listener;
	s->wake_loop = -1;
	r = open_all(s, path, events_max, problem);
	if (r == 0) {
		s->state = s->thread_state;
		r = store_thread_start(s, l);
		if (r < 0)
			(void)snprintf(problem, STORE_PROBLEM, "%s", strerrorname_np(-r));
	}
	if (r < 0) {
		store_close(s);
		return r;
	}
	*ret_store = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	store_thread_stop(s);
	/* The writer last: whoever closes last puts the log into the database. */
	statements_finish(s->s);
	db_close(s->db);
	writer_close(&s->writer);
	free(s);
}

/* --- operations --- */

struct store_op *store_op_new(enum store_kind kind, const uint8_t home[static RELAY_HOME_SIZE])
{
	struct store_op *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	op->kind = kind;
	memcpy(op->home, home, RELAY_HOME_SIZE);
	list_init(&op->node);
	return op;
}

void store_op_free(struct store_op *op)
{
	if (!op)
		return;
	buffer_done(&op->data);
	free(op->join);
	free(op);
}

void store_op_add_row(struct store_op *op, uint32_t id, const char *json, size_t n)
{
	uint32_t head[2] = { id, (uint32_t)n };

	buffer_bytes(&op->data, head, sizeof(head));
	buffer_bytes(&op->data, json, n);
}

void store_op_add_grant(struct store_op *op, const struct relay_grant *g)
{
	size_t n = offsetof(struct relay_grant, machines) + g->machines_n * sizeof(g->machines[0]);

	store_op_add_row(op, 0, (const char *)g, n);
}

void store_op_mark_row(struct store_op *op, size_t at, uint32_t id)
{
	memcpy(op->data.start + at, &id, sizeof(id));
}

bool store_op_row(const struct store_op *op, size_t *at, uint32_t *ret_id, struct slice *ret_json)
{
	uint32_t head[2];

	if (op->data.failed || op->data.used - *at < sizeof(head))
		return false;
	memcpy(head, op->data.start + *at, sizeof(head));
	*ret_id = head[0];
	*ret_json = (struct slice){ op->data.start + *at + sizeof(head), head[1] };
	*at += sizeof(head) + head[1];
	return true;
}

bool store_op_grant(const struct store_op *op, size_t *at, bool *ret_token,
		    struct relay_grant *ret_grant)
{
	struct slice bytes;
	uint32_t token;

	if (!store_op_row(op, at, &token, &bytes))
		return false;
	*ret_token = token;
	memcpy(ret_grant, bytes.at, bytes.n < sizeof(*ret_grant) ? bytes.n : sizeof(*ret_grant));
	return true;
}
