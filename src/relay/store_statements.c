#include "relay/store_statements.h"

#include <string.h>

static const char *const sql[STORE_STATEMENTS] = {
	[READ_HOME] = "SELECT id, home, key, name, guard, created_ms, seen_ms,"
		      " (SELECT max(event) FROM events WHERE events.home = homes.id)"
		      " FROM homes WHERE home = ?1",
	[READ_VIEW] = "SELECT homes.id, homes.home, grant_id, kind, can, get, expires_ms, machines"
		      " FROM grants JOIN homes ON homes.id = grants.home"
		      " WHERE grants.hash = ?2 AND homes.home = ?1 AND kind <> 2",
	[READ_TOKEN] = "SELECT homes.id, homes.home, grant_id, kind, can, get, expires_ms"
		       " FROM grants JOIN homes ON homes.id = grants.home"
		       " WHERE grants.hash = ?1 AND kind = 2",
	[READ_LABEL] =
		"SELECT grant_id, salt FROM grants WHERE home ="
		" (SELECT id FROM homes WHERE home = ?1) AND label = ?2 AND label IS NOT NULL"
		" ORDER BY position DESC LIMIT 1",
	[READ_MACHINES] = "SELECT machine, body FROM machines WHERE home = ?1 ORDER BY machine",
	[READ_EVENTS_AFTER] = "SELECT machine, body FROM events WHERE home = ?1 AND event > ?2"
			      " ORDER BY event",
	[READ_EVENTS_LAST] = "SELECT machine, body FROM events WHERE home = ?1 ORDER BY event DESC",
	[READ_REMOVAL] = "SELECT home FROM removals LIMIT 1",
	[WRITE_BEGIN] = "BEGIN IMMEDIATE",
	[WRITE_COMMIT] = "COMMIT",
	[WRITE_ROLLBACK] = "ROLLBACK",
	[WRITE_PROBE] = "INSERT OR REPLACE INTO meta VALUES ('probe', randomblob(4096))",
	[WRITE_FIND_HOME] = "SELECT id FROM homes WHERE home = ?1",
	[WRITE_FIND_INVITATION] = "SELECT expires_ms, used_ms FROM invitations WHERE hash = ?1",
	[WRITE_USE_INVITATION] = "UPDATE invitations SET used_ms = ?2 WHERE hash = ?1",
	[WRITE_NEW_HOME] = "INSERT INTO homes (home, key, name, guard, created_ms, seen_ms)"
			   " VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (home) DO NOTHING",
	[WRITE_TOUCH] = "UPDATE homes SET name = ?2, guard = ?3, seen_ms = ?4 WHERE id = ?1",
	[WRITE_SEEN] = "UPDATE homes SET seen_ms = ?2 WHERE id = ?1",
	[WRITE_FIND_DIGESTS] = "SELECT machines_digest, grants_digest FROM homes WHERE id = ?1",
	[WRITE_MACHINES_DIGEST] = "UPDATE homes SET machines_digest = ?2 WHERE id = ?1",
	[WRITE_GRANTS_DIGEST] = "UPDATE homes SET grants_digest = ?2 WHERE id = ?1",
	[WRITE_CLEAR_MACHINES] = "DELETE FROM machines WHERE home = ?1",
	[WRITE_MACHINE] = "INSERT OR REPLACE INTO machines VALUES (?1, ?2, ?3)",
	[WRITE_MACHINE_GONE] = "DELETE FROM machines WHERE home = ?1 AND machine = ?2",
	[WRITE_CLEAR_GRANTS] = "DELETE FROM grants WHERE home = ?1",
	[WRITE_GRANT] = "INSERT OR IGNORE INTO grants (home, grant_id, kind, hash, salt, label,"
			" machines, can, get, expires_ms, position)"
			" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
	[WRITE_FIND_TOKEN] = "SELECT 1 FROM grants WHERE home = ?1 AND grant_id = ?2 AND hash = ?3"
			     " AND kind = 2 AND can = ?4 AND get = ?5 AND expires_ms IS ?6",
	[WRITE_EVENT] = "INSERT OR IGNORE INTO events VALUES (?1, ?2, ?3, ?4)",
	[WRITE_TRIM_EVENTS] = "DELETE FROM events WHERE home = ?1 AND event <="
			      " (SELECT event FROM events WHERE home = ?1 ORDER BY event DESC"
			      " LIMIT 1 OFFSET ?2)",
	[WRITE_LEAVE] = "DELETE FROM homes WHERE id = ?1",
	[WRITE_FORGET_REMOVAL] = "DELETE FROM removals WHERE home = ?1",
};

int statements_prepare(struct db *d, enum store_statement first, enum store_statement last,
		       struct db_statement *statements[static STORE_STATEMENTS])
{
	int r = 0;

	memset(statements, 0, STORE_STATEMENTS * sizeof(*statements));
	for (unsigned int i = first; i <= last && r == 0; i++)
		r = db_prepare(d, sql[i], &statements[i]);
	return r;
}

void statements_finish(struct db_statement *statements[static STORE_STATEMENTS])
{
	for (unsigned int i = 0; i < STORE_STATEMENTS; i++) {
		db_finish(statements[i]);
		statements[i] = NULL;
	}
}
