/*
 * store_journal: the file of the store: reading it at the start, adding lines, replacing it by a shorter one. For
 * store.c alone.
 */
#ifndef ROUSE_GUARD_STORE_JOURNAL_H
#define ROUSE_GUARD_STORE_JOURNAL_H

#include "guard/store_memory.h"
#include "sys/files.h"

struct store_journal {
	int dir, lock; /* -1: none */
	struct file_append file;
	struct store_ear ear;
	int broken; /* why nothing can be written while the file is closed; a negative errno */
	bool failing; /* and it was said */
	bool rewrite; /* the file must be replaced by what is in memory */
	unsigned int patience; /* calls of journal_sync() before the next try to replace it */
	uint64_t compact_next; /* length at which a shorter one is tried again */
	uint64_t event_saved; /* the last event in the file */
};

/* Opens, locks and reads into m. -EBUSY: locked by another; -ENOMEM. Everything else is said. */
int journal_open(struct store_journal *j, const char *folder, struct store_memory *m);
void journal_close(struct store_journal *j);
/* All of the line or nothing. */
int journal_write(struct store_journal *j, const char *line, size_t n);
/* Replaces the file by what is in memory; afterwards nothing there is unsaved. */
int journal_rewrite(struct store_journal *j, struct store_memory *m);
/* Is a shorter file worth it? */
bool journal_long(const struct store_journal *j, const struct store_memory *m);
__attribute__((format(printf, 2, 3))) void journal_say(struct store_journal *j, const char *format,
						       ...);

#endif
