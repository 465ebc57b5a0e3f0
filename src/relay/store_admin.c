/*
 * store_admin: what the operator's commands do with the database, beside a relay that runs or not.
 */
#include "relay/db.h"
#include "relay/store.h"
#include "relay/store_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct store_admin {
	struct db *db;
};

int store_admin_open(const char *path, struct store_admin **ret_admin,
		     char problem[static STORE_PROBLEM])
{
	struct store_admin *a = calloc(1, sizeof(*a));
	mode_t mask = umask(0077);
	int r;

	if (!a) {
		(void)umask(mask);
		return -1;
	}
	r = db_open(path, DB_CREATE, &a->db);
	(void)umask(mask);
	if (r == 0)
		r = schema_migrate(a->db, SCHEMA_VERSION, NULL, NULL);
	if (r < 0) {
		(void)snprintf(problem, STORE_PROBLEM, "%s (%s)", db_problem(a->db),
			       strerrorname_np(-r));
		store_admin_close(a);
		return r;
	}
	*ret_admin = a;
	return 0;
}

void store_admin_close(struct store_admin *a)
{
	if (!a)
		return;
	db_close(a->db);
	free(a);
}

int store_admin_invite(struct store_admin *a, const uint8_t hash[static RELAY_KEY_SIZE],
		       const char *name, uint64_t now_ms, uint64_t expires_ms)
{
	struct db_statement *q;
	int r = db_prepare(a->db,
			   "INSERT INTO invitations (hash, name, created_ms, expires_ms)"
			   " VALUES (?1, ?2, ?3, ?4)",
			   &q);

	if (r < 0)
		return r;
	db_bind_bytes(q, 1, hash, RELAY_KEY_SIZE);
	if (name)
		db_bind_text(q, 2, name);
	db_bind_i64(q, 3, (int64_t)now_ms);
	db_bind_i64(q, 4, (int64_t)expires_ms);
	r = db_step(q);
	db_finish(q);
	return r;
}

int store_admin_homes(struct store_admin *a,
		      void (*each)(void *context, const struct store_summary *h), void *context)
{
	struct db_statement *q;
	int r = db_prepare(a->db,
			   "SELECT id, home, key, name, guard, created_ms, seen_ms,"
			   " (SELECT count(*) FROM machines WHERE machines.home = homes.id),"
			   " (SELECT count(*) FROM grants WHERE grants.home = homes.id)"
			   " FROM homes ORDER BY name, id",
			   &q);

	while (r >= 0 && (r = db_step(q)) == 1) {
		struct store_summary h = { .home.row = db_i64(q, 0) };

		db_copy_bytes(q, 1, h.home.home, sizeof(h.home.home));
		db_copy_bytes(q, 2, h.home.key, sizeof(h.home.key));
		db_copy_text(q, 3, h.home.name, sizeof(h.home.name));
		db_copy_text(q, 4, h.home.guard, sizeof(h.home.guard));
		h.home.created_ms = (uint64_t)db_i64(q, 5);
		h.home.seen_ms = (uint64_t)db_i64(q, 6);
		h.machines = (uint32_t)db_i64(q, 7);
		h.grants = (uint32_t)db_i64(q, 8);
		each(context, &h);
	}
	db_finish(q);
	return r;
}

static int run_with_home(struct store_admin *a, const char *sql, const uint8_t *home,
			 int64_t now_ms)
{
	struct db_statement *q;
	int r = db_prepare(a->db, sql, &q);

	if (r < 0)
		return r;
	db_bind_bytes(q, 1, home, RELAY_HOME_SIZE);
	if (now_ms)
		db_bind_i64(q, 2, now_ms);
	r = db_step(q);
	db_finish(q);
	return r;
}

int store_admin_remove(struct store_admin *a, const uint8_t home[static RELAY_HOME_SIZE],
		       uint64_t now_ms)
{
	int64_t gone = 0;
	int r = db_run(a->db, "BEGIN IMMEDIATE");

	if (r == 0)
		r = run_with_home(a, "DELETE FROM homes WHERE home = ?1", home, 0);
	if (r == 0)
		gone = db_changes(a->db);
	if (r == 0 && gone)
		r = run_with_home(a, "INSERT OR REPLACE INTO removals VALUES (?1, ?2)", home,
				  (int64_t)now_ms);
	if (r == 0)
		r = db_run(a->db, "COMMIT");
	if (r < 0 && !db_idle(a->db))
		(void)db_run(a->db, "ROLLBACK");
	return r < 0 ? r : gone > 0;
}
