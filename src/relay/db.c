#include "relay/db.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#define BUSY_MS 5000
#define BUSY_TRIES 100
#define BUSY_US 20000

static sqlite3 *db_of(struct db *d)
{
	return (sqlite3 *)(void *)d;
}

static sqlite3_stmt *statement_of(struct db_statement *s)
{
	return (sqlite3_stmt *)(void *)s;
}

static int errno_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return -EROFS;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_CANTOPEN:
		return -ENOENT;
	case SQLITE_NOMEM:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

static int set_up(struct db *d, enum db_mode mode)
{
	int r = 0;

	(void)sqlite3_busy_timeout(db_of(d), BUSY_MS);
	(void)sqlite3_extended_result_codes(db_of(d), 1);
	if (mode == DB_CREATE)
		r = db_run(d, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
			      "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
			      "PRAGMA secure_delete = ON");
	return r < 0 ? r : db_run(d, "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -2000");
}

int db_open(const char *path, enum db_mode mode, struct db **ret_db)
{
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_URI;
	sqlite3 *db = NULL;
	char uri[4096];
	int r;

	flags |= mode == DB_CREATE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
				   : SQLITE_OPEN_READONLY;
	if (snprintf(uri, sizeof(uri), "file:%s%s", path,
		     mode == DB_FROZEN ? "?immutable=1" : "") >= (int)sizeof(uri))
		return -ENAMETOOLONG;
	r = errno_of(sqlite3_open_v2(strpbrk(path, "?#%") ? path : uri, &db, flags, NULL));
	/* Two programs that make the same database at the same time: SQLite does not wait for that by itself. */
	for (int tries = 0; r == 0 || (r == -EBUSY && tries < BUSY_TRIES); tries++) {
		r = set_up((struct db *)(void *)db, mode);
		if (r != -EBUSY)
			break;
		(void)usleep(BUSY_US);
	}
	if (r < 0) {
		(void)sqlite3_close(db);
		return r;
	}
	*ret_db = (struct db *)(void *)db;
	return 0;
}

void db_close(struct db *d)
{
	(void)sqlite3_close(db_of(d));
}

const char *db_problem(struct db *d)
{
	return d ? sqlite3_errmsg(db_of(d)) : "it cannot be opened";
}

int db_run(struct db *d, const char *sql)
{
	return errno_of(sqlite3_exec(db_of(d), sql, NULL, NULL, NULL));
}

int64_t db_changes(struct db *d)
{
	return sqlite3_changes64(db_of(d));
}

int64_t db_last_row(struct db *d)
{
	return sqlite3_last_insert_rowid(db_of(d));
}

bool db_idle(struct db *d)
{
	return sqlite3_get_autocommit(db_of(d));
}

int db_prepare(struct db *d, const char *sql, struct db_statement **ret_statement)
{
	sqlite3_stmt *s = NULL;
	int r = errno_of(
		sqlite3_prepare_v3(db_of(d), sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL));

	*ret_statement = (struct db_statement *)(void *)s;
	return r;
}

void db_finish(struct db_statement *s)
{
	(void)sqlite3_finalize(statement_of(s));
}

void db_bind_i64(struct db_statement *s, int i, int64_t v)
{
	(void)sqlite3_bind_int64(statement_of(s), i, v);
}

void db_bind_text(struct db_statement *s, int i, const char *text)
{
	(void)sqlite3_bind_text(statement_of(s), i, text, -1, SQLITE_STATIC);
}

void db_bind_bytes(struct db_statement *s, int i, const void *bytes, size_t n)
{
	(void)sqlite3_bind_blob64(statement_of(s), i, n ? bytes : "", n, SQLITE_STATIC);
}

void db_bind_chars(struct db_statement *s, int i, const char *text, size_t n)
{
	(void)sqlite3_bind_text64(statement_of(s), i, n ? text : "", n, SQLITE_STATIC, SQLITE_UTF8);
}

void db_bind_null(struct db_statement *s, int i)
{
	(void)sqlite3_bind_null(statement_of(s), i);
}

int db_step(struct db_statement *s)
{
	int r = sqlite3_step(statement_of(s));

	if (r == SQLITE_ROW)
		return 1;
	db_reset(s);
	return errno_of(r);
}

void db_reset(struct db_statement *s)
{
	(void)sqlite3_reset(statement_of(s));
	(void)sqlite3_clear_bindings(statement_of(s));
}

int64_t db_i64(struct db_statement *s, int column)
{
	return sqlite3_column_int64(statement_of(s), column);
}

bool db_null(struct db_statement *s, int column)
{
	return sqlite3_column_type(statement_of(s), column) == SQLITE_NULL;
}

const void *db_bytes(struct db_statement *s, int column, size_t *ret_n)
{
	const void *bytes = sqlite3_column_blob(statement_of(s), column);

	*ret_n = (size_t)sqlite3_column_bytes(statement_of(s), column);
	return bytes ? bytes : "";
}

void db_copy_text(struct db_statement *s, int column, char *to, size_t size)
{
	size_t n;
	const void *bytes = db_bytes(s, column, &n);

	n = n < size ? n : size - 1;
	memcpy(to, bytes, n);
	to[n] = 0;
}

void db_copy_bytes(struct db_statement *s, int column, void *to, size_t n)
{
	size_t have;
	const void *bytes = db_bytes(s, column, &have);

	memset(to, 0, n);
	if (have == n)
		memcpy(to, bytes, n);
}
