#include "relay/store_schema.h"

#include <errno.h>
#include <stdio.h>

#define STATEMENTS_MAX 8

static const char *const steps[SCHEMA_VERSION][STATEMENTS_MAX] = {
	{
		"CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID",
		"CREATE TABLE homes (id INTEGER PRIMARY KEY, home BLOB NOT NULL UNIQUE,"
		" key BLOB NOT NULL, name TEXT NOT NULL, guard TEXT NOT NULL,"
		" created_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL)",
		"CREATE TABLE invitations (hash BLOB PRIMARY KEY, name TEXT, created_ms INTEGER "
		"NOT NULL,"
		" expires_ms INTEGER NOT NULL, used_ms INTEGER) WITHOUT ROWID",
	},
	{
		"CREATE TABLE machines (home INTEGER NOT NULL REFERENCES homes(id) ON DELETE "
		"CASCADE,"
		" machine INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (home, machine))"
		" WITHOUT ROWID",
		/* machines: NULL is all, else four bytes for each id. */
		"CREATE TABLE grants (home INTEGER NOT NULL REFERENCES homes(id) ON DELETE CASCADE,"
		" grant_id TEXT NOT NULL, kind INTEGER NOT NULL, hash BLOB NOT NULL, salt BLOB,"
		" label TEXT COLLATE NOCASE, machines BLOB, can INTEGER NOT NULL,"
		" get INTEGER NOT NULL, expires_ms INTEGER, position INTEGER NOT NULL,"
		" PRIMARY KEY (home, grant_id)) WITHOUT ROWID",
		/* A hash that two homes claim belongs to the first: nobody takes over another's token. */
		"CREATE UNIQUE INDEX grants_hash ON grants(hash)",
		"CREATE INDEX grants_label ON grants(home, label) WHERE label IS NOT NULL",
	},
	{
		"CREATE TABLE events (home INTEGER NOT NULL REFERENCES homes(id) ON DELETE CASCADE,"
		" event INTEGER NOT NULL, machine INTEGER, body TEXT NOT NULL,"
		" PRIMARY KEY (home, event)) WITHOUT ROWID",
	},
	{
		/* What a guard sends anew when it comes back is mostly what is there: then nothing is written. */
		"ALTER TABLE homes ADD COLUMN machines_digest BLOB",
		"ALTER TABLE homes ADD COLUMN grants_digest BLOB",
		/* Homes that an operator removed while the relay runs. */
		"CREATE TABLE removals (home BLOB PRIMARY KEY, at_ms INTEGER NOT NULL) WITHOUT "
		"ROWID",
	},
};

int schema_version(struct db *d)
{
	struct db_statement *s;
	int r = db_prepare(d, "PRAGMA user_version", &s);

	if (r < 0)
		return r;
	r = db_step(s);
	if (r == 1)
		r = (int)db_i64(s, 0);
	db_finish(s);
	return r;
}

/* The statements of a step, in a transaction that is open. */
static int run_statements(struct db *d, int step,
			  bool (*before)(void *context, int step, int statement), void *context)
{
	char set[64];
	int r = 0;
	int i;

	for (i = 0; r == 0 && i < STATEMENTS_MAX && steps[step][i]; i++) {
		if (before && !before(context, step, i))
			return -ECANCELED;
		r = db_run(d, steps[step][i]);
	}
	(void)snprintf(set, sizeof(set), "PRAGMA user_version = %d", step + 1);
	if (r == 0)
		r = db_run(d, set);
	if (r == 0 && before && !before(context, step, i))
		return -ECANCELED;
	return r;
}

/*
 * The next step, if there is one up to `version`: 1, or 0 when there is none. Where the database stands is read inside of the
 * transaction: another program may be doing the same.
 */
static int run_step(struct db *d, int version,
		    bool (*before)(void *context, int step, int statement), void *context)
{
	int at, r = db_run(d, "BEGIN IMMEDIATE");

	if (r < 0)
		return r;
	at = schema_version(d);
	r = at < 0 ? at : 0;
	if (r == 0 && at < version)
		r = run_statements(d, at, before, context);
	/* A power cut rolls nothing back: the next start does. */
	if (r == -ECANCELED)
		return r;
	if (r == 0)
		r = db_run(d, "COMMIT");
	if (r < 0 && !db_idle(d))
		(void)db_run(d, "ROLLBACK");
	return r < 0 ? r : at < version;
}

int schema_migrate(struct db *d, int version,
		   bool (*before)(void *context, int step, int statement), void *context)
{
	int at = schema_version(d);
	int r = at < 0 ? at : 0;

	if (at > SCHEMA_VERSION)
		return -EPROTO;
	/* What is up to date is not written to: it may be on a medium that cannot be. */
	if (r == 0 && at < version)
		while ((r = run_step(d, version, before, context)) == 1)
			;
	return r;
}
