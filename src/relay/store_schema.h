/*
 * store_schema: the tables, as numbered steps from an empty database to today's. A step is one transaction: what is
 * interrupted in it did not happen, and the next start does it again. Steps are never changed, only added.
 */
#ifndef ROUSE_RELAY_STORE_SCHEMA_H
#define ROUSE_RELAY_STORE_SCHEMA_H

#include "relay/db.h"

#define SCHEMA_VERSION 4

/*
 * Brings a database to `version` (SCHEMA_VERSION, or an earlier one in tests). Before each statement of a step `before`
 * is asked, if given; false: stop there, as a power cut would. -ECANCELED then; -EPROTO: the database is from a newer
 * program; or the database's errors.
 */
int schema_migrate(struct db *d, int version,
		   bool (*before)(void *context, int step, int statement), void *context);
/* 0: empty. */
int schema_version(struct db *d);

#endif
