/*
 * store_writer: carries out operations of the store in one transaction. No threads here: whoever has the connection calls.
 */
#ifndef ROUSE_RELAY_STORE_WRITER_H
#define ROUSE_RELAY_STORE_WRITER_H

#include "relay/store.h"
#include "relay/store_statements.h"

struct store_writer {
	struct db *db;
	struct db_statement *s[STORE_STATEMENTS];
	uint32_t events_max;
};

/* Opens, migrates, prepares; the errors of db.h. */
int writer_open(struct store_writer *w, const char *path, uint32_t events_max);
void writer_close(struct store_writer *w);
/*
 * All of the list in one transaction, each with its result. 0, or a negative errno when nothing of it was stored (each
 * has it as its result).
 */
int writer_store(struct store_writer *w, struct list *ops);
/* Stores something, to see whether that works. */
int writer_probe(struct store_writer *w);

#endif
