/*
 * store_statements: every SQL statement of the store, in one table.
 */
#ifndef ROUSE_RELAY_STORE_STATEMENTS_H
#define ROUSE_RELAY_STORE_STATEMENTS_H

#include "relay/db.h"

enum store_statement {
	/* of the reader */
	READ_HOME,
	READ_VIEW,
	READ_TOKEN,
	READ_LABEL,
	READ_MACHINES,
	READ_EVENTS_AFTER,
	READ_EVENTS_LAST,
	READ_REMOVAL,
	/* of the writer */
	WRITE_BEGIN,
	WRITE_COMMIT,
	WRITE_ROLLBACK,
	WRITE_PROBE,
	WRITE_FIND_HOME,
	WRITE_FIND_INVITATION,
	WRITE_USE_INVITATION,
	WRITE_NEW_HOME,
	WRITE_TOUCH,
	WRITE_SEEN,
	WRITE_FIND_DIGESTS,
	WRITE_MACHINES_DIGEST,
	WRITE_GRANTS_DIGEST,
	WRITE_CLEAR_MACHINES,
	WRITE_MACHINE,
	WRITE_MACHINE_GONE,
	WRITE_CLEAR_GRANTS,
	WRITE_GRANT,
	WRITE_FIND_TOKEN,
	WRITE_EVENT,
	WRITE_TRIM_EVENTS,
	WRITE_LEAVE,
	WRITE_FORGET_REMOVAL,
	STORE_STATEMENTS
};

/* Prepares those from `first` to `last`; those that are not prepared stay NULL. */
int statements_prepare(struct db *d, enum store_statement first, enum store_statement last,
		       struct db_statement *statements[static STORE_STATEMENTS]);
void statements_finish(struct db_statement *statements[static STORE_STATEMENTS]);

#endif
