/*
 * db: one connection to an SQLite database; the door to SQLite. Errors are negative errnos: -ENOSPC full, -EROFS read-only,
 * -EBUSY another process writes, -EEXIST a constraint, -EUCLEAN damaged or no database, -EIO the rest.
 *
 * A connection belongs to one thread. Refuses to know what is stored.
 */
#ifndef ROUSE_RELAY_DB_H
#define ROUSE_RELAY_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct db_statement;

enum db_mode {
	DB_CREATE, /* read and write, made when it is missing; write-ahead log, synchronous = full */
	DB_READ, /* read only, beside a writer */
	DB_FROZEN, /* read only on a medium that cannot be written: nobody else may write it meanwhile */
};

int db_open(const char *path, enum db_mode mode, struct db **ret_db);
/* NULL is fine; all statements must be finished. */
void db_close(struct db *d);
/* What the last call that failed has to say. */
const char *db_problem(struct db *d);
int db_run(struct db *d, const char *sql);
/* How many rows the last statement changed. */
int64_t db_changes(struct db *d);
int64_t db_last_row(struct db *d);
/* No transaction is open. */
bool db_idle(struct db *d);

int db_prepare(struct db *d, const char *sql, struct db_statement **ret_statement);
void db_finish(struct db_statement *s);
/* Parameters count from 1, columns from 0. Memory of parameters must live until db_reset(). */
void db_bind_i64(struct db_statement *s, int i, int64_t v);
void db_bind_text(struct db_statement *s, int i, const char *text);
void db_bind_bytes(struct db_statement *s, int i, const void *bytes, size_t n); /* a blob */
void db_bind_chars(struct db_statement *s, int i, const char *text,
		   size_t n); /* text of that length */
void db_bind_null(struct db_statement *s, int i);
/* 1: a row; 0: no more (then it is reset); or an error (then too). */
int db_step(struct db_statement *s);
void db_reset(struct db_statement *s);
int64_t db_i64(struct db_statement *s, int column);
bool db_null(struct db_statement *s, int column);
/* Text or blob, until the next step; never NULL. */
const void *db_bytes(struct db_statement *s, int column, size_t *ret_n);
/* Copies text with a NUL, cut to what fits. */
void db_copy_text(struct db_statement *s, int column, char *to, size_t size);
/* Copies exactly n bytes of a blob; zeroes when it has another size. */
void db_copy_bytes(struct db_statement *s, int column, void *to, size_t n);

#endif
