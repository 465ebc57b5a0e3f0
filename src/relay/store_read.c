/*
 * store_read: the lookups of the store, at once, on the reader's connection.
 */
#include "relay/store_state.h"

#include <errno.h>
#include <stdlib.h>

/* Binds a home as the first parameter. */
static struct db_statement *with_home(struct store *s, enum store_statement which,
				      const uint8_t *home)
{
	db_bind_bytes(s->s[which], 1, home, RELAY_HOME_SIZE);
	return s->s[which];
}

static int step(struct store *s, struct db_statement *q)
{
	int r = db_step(q);

	if (r < 0)
		store_count_failure(s, r);
	return r;
}

int store_find_home(struct store *s, const uint8_t home[static RELAY_HOME_SIZE],
		    struct store_home *ret_home)
{
	struct db_statement *q = with_home(s, READ_HOME, home);
	int r = step(s, q);

	if (r != 1)
		return r;
	*ret_home = (struct store_home){ .row = db_i64(q, 0) };
	db_copy_bytes(q, 1, ret_home->home, sizeof(ret_home->home));
	db_copy_bytes(q, 2, ret_home->key, sizeof(ret_home->key));
	db_copy_text(q, 3, ret_home->name, sizeof(ret_home->name));
	db_copy_text(q, 4, ret_home->guard, sizeof(ret_home->guard));
	ret_home->created_ms = (uint64_t)db_i64(q, 5);
	ret_home->seen_ms = (uint64_t)db_i64(q, 6);
	ret_home->last_event = (uint64_t)db_i64(q, 7);
	db_reset(q);
	return 1;
}

static void read_grant(struct db_statement *q, struct store_grant *g)
{
	g->row = db_i64(q, 0);
	db_copy_bytes(q, 1, g->home, sizeof(g->home));
	db_copy_text(q, 2, g->id, sizeof(g->id));
	g->kind = (uint8_t)db_i64(q, 3);
	g->can = (uint8_t)db_i64(q, 4);
	g->get = db_i64(q, 5) != 0;
	g->expires_ms = db_null(q, 6) ? RELAY_NULL : (uint64_t)db_i64(q, 6);
	g->all = true;
	g->machines_n = 0;
}

int store_find_view(struct store *s, const uint8_t home[static RELAY_HOME_SIZE],
		    const uint8_t hash[static RELAY_KEY_SIZE], struct store_grant *ret_grant)
{
	struct db_statement *q = with_home(s, READ_VIEW, home);
	const void *ids;
	size_t n;
	int r;

	db_bind_bytes(q, 2, hash, RELAY_KEY_SIZE);
	r = step(s, q);
	if (r != 1)
		return r;
	read_grant(q, ret_grant);
	ret_grant->all = db_null(q, 7);
	ids = db_bytes(q, 7, &n);
	n = n < sizeof(ret_grant->machines) ? n : sizeof(ret_grant->machines);
	memcpy(ret_grant->machines, ids, n);
	ret_grant->machines_n = (uint16_t)(n / sizeof(ret_grant->machines[0]));
	db_reset(q);
	return 1;
}

int store_find_token(struct store *s, const uint8_t hash[static RELAY_KEY_SIZE],
		     struct store_grant *ret_grant)
{
	struct db_statement *q = s->s[READ_TOKEN];
	int r;

	if (cache_find(&s->cache, hash, ret_grant))
		return 1;
	db_bind_bytes(q, 1, hash, RELAY_KEY_SIZE);
	r = step(s, q);
	if (r != 1)
		return r;
	read_grant(q, ret_grant);
	db_reset(q);
	cache_put(&s->cache, hash, ret_grant);
	return 1;
}

int store_find_label(struct store *s, const uint8_t home[static RELAY_HOME_SIZE], const char *label,
		     char ret_grant[static RELAY_GRANT_TEXT],
		     uint8_t ret_salt[static RELAY_NONCE_SIZE])
{
	struct db_statement *q = with_home(s, READ_LABEL, home);
	int r;

	db_bind_text(q, 2, label);
	r = step(s, q);
	if (r != 1)
		return r;
	db_copy_text(q, 0, ret_grant, RELAY_GRANT_TEXT);
	db_copy_bytes(q, 1, ret_salt, RELAY_NONCE_SIZE);
	db_reset(q);
	return 1;
}

bool store_grant_covers(const struct store_grant *g, uint32_t machine)
{
	if (g->all)
		return true;
	for (size_t i = 0; i < g->machines_n; i++)
		if (g->machines[i] == machine)
			return machine != 0;
	return false;
}

static void append_body(struct buffer *to, bool first, const void *body, size_t n)
{
	if (!first)
		buffer_text(to, ",");
	buffer_bytes(to, body, n);
}

int store_list_machines(struct store *s, const struct store_grant *g, struct buffer *to)
{
	struct db_statement *q = s->s[READ_MACHINES];
	bool first = true;
	int r;

	db_bind_i64(q, 1, g->row);
	while ((r = step(s, q)) == 1) {
		size_t n;
		const void *body = db_bytes(q, 1, &n);

		if (!store_grant_covers(g, (uint32_t)db_i64(q, 0)))
			continue;
		append_body(to, first, body, n);
		first = false;
	}
	return r;
}

/* The last ones come newest first: their places are kept, and they are put out backwards. */
static int list_last(struct store *s, const struct store_grant *g, uint32_t limit,
		     struct buffer *to)
{
	struct db_statement *q = s->s[READ_EVENTS_LAST];
	struct buffer all = { 0 };
	size_t ends[256];
	uint32_t found = 0;
	int r = 0;

	db_bind_i64(q, 1, g->row);
	while (found < limit && found < 256 && (r = step(s, q)) == 1) {
		size_t n;
		const void *body = db_bytes(q, 1, &n);

		if (!store_grant_covers(g, (uint32_t)db_i64(q, 0)))
			continue;
		buffer_bytes(&all, body, n);
		ends[found++] = all.used;
	}
	db_reset(q);
	for (uint32_t i = found; i > 0 && !all.failed; i--) {
		size_t start = i > 1 ? ends[i - 2] : 0;

		append_body(to, i == found, all.start + start, ends[i - 1] - start);
	}
	to->failed = to->failed || all.failed;
	buffer_done(&all);
	return r < 0 ? r : 0;
}

int store_list_events(struct store *s, const struct store_grant *g, uint64_t after, uint32_t limit,
		      struct buffer *to)
{
	struct db_statement *q = s->s[READ_EVENTS_AFTER];
	uint32_t found = 0;
	int r = 0;

	if (after == RELAY_NULL)
		return list_last(s, g, limit, to);
	db_bind_i64(q, 1, g->row);
	db_bind_i64(q, 2, (int64_t)after);
	while (found < limit && (r = step(s, q)) == 1) {
		size_t n;
		const void *body = db_bytes(q, 1, &n);

		if (store_grant_covers(g, (uint32_t)db_i64(q, 0)))
			append_body(to, found++ == 0, body, n);
	}
	db_reset(q);
	return r < 0 ? r : 0;
}

int store_find_removal(struct store *s, uint8_t ret_home[static RELAY_HOME_SIZE])
{
	struct db_statement *q = s->s[READ_REMOVAL];
	int r = step(s, q);

	if (r != 1)
		return r;
	db_copy_bytes(q, 0, ret_home, RELAY_HOME_SIZE);
	db_reset(q);
	return 1;
}
