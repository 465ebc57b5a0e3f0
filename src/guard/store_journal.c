#include "guard/store_journal.h"

#include "proto/keys.h"
#include "proto/record.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JOURNAL "journal"
#define MODE 0600 /* it holds the keys of grants */
#define BAD "journal.bad"
#define JOURNAL_MAX ((size_t)256 << 20) /* bytes that are read at the start */
#define LONG (1U << 20) /* bytes a journal may have in any case */
#define LONG_FACTOR 4 /* and in proportion to what is alive */
#define SAID_MAX 5 /* bad lines that are said one by one */
#define PAIRING_LINE 512 /* bytes of the longest of a pairing */
#define PATIENCE 10 /* a rewrite that failed is tried again after so many syncs */

void journal_say(struct store_journal *j, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (j->ear.say)
		j->ear.say(j->ear.who, line);
}

/* --- reading --- */

static int set_machine(struct store_memory *m, const struct record *r, const char *line, size_t n)
{
	const struct store_entry *mac = memory_by_mac(m, &r->spec.mac);
	const struct store_entry *name = memory_by_name(m, r->spec.name);
	struct store_entry *e;

	if ((mac && mac->id != r->id) || (name && name->id != r->id) || r->id == UINT32_MAX)
		return -EBADMSG;
	if (memory_reserve(m) < 0)
		return -ENOMEM;
	/* The line as it is: keys that only a newer version knows stay. */
	e = entry_new(r->id, &r->spec, line, n);
	if (!e)
		return -ENOMEM;
	memory_set(m, e);
	return 0;
}

struct reading {
	size_t good; /* bytes up to the end of the last whole line */
	size_t bad, strange; /* lines */
	char scratch[RECORD_MAX];
};

/* How long a past or an event is counts as we would write it: that is what a rewrite needs room for. */
static int apply(struct store_memory *m, const struct record *r, const char *line, size_t n,
		 char *scratch)
{
	struct store_entry *e = memory_by_id(m, r->id);

	switch (r->kind) {
	case RECORD_MACHINE:
		return set_machine(m, r, line, n);
	case RECORD_GONE:
		if (e)
			memory_remove(m, e);
		if (r->id >= m->next_machine && r->id < UINT32_MAX)
			m->next_machine = r->id + 1;
		break;
	case RECORD_PAST:
		if (e)
			memory_past(m, e, &r->past, record_past(r->id, &r->past, scratch));
		break;
	case RECORD_EVENT:
		/* In their order; the ids that stand above them are those of the future. */
		if (r->event.id > memory_last_event(m) && r->event.id < UINT64_MAX)
			memory_event(m, &r->event, record_event(&r->event, scratch));
		break;
	case RECORD_GRANT:
		if (!memory_grant(m, &r->grant))
			return -ENOMEM;
		break;
	case RECORD_REVOKED:
		(void)memory_revoke(m, r->grant.id);
		break;
	case RECORD_RELAY:
		m->relay = r->relay;
		break;
	case RECORD_PAIRED:
		if (!memory_pair(m, &r->pairing))
			return -ENOMEM;
		break;
	case RECORD_UNPAIRED:
		(void)memory_unpair(m, r->pairing.id);
		break;
	case RECORD_IDS:
		if (r->next_machine > m->next_machine)
			m->next_machine = r->next_machine;
		if (r->next_event > m->next_event)
			m->next_event = r->next_event;
		break;
	case RECORD_KINDS:
		break;
	}
	return 0;
}

/* Line by line. A last line without its end was being written when the power went: it is dropped. */
static int read_lines(struct store_journal *j, struct store_memory *m, const char *bytes, size_t n,
		      struct reading *ret_reading)
{
	size_t head = strlen(RECORD_HEADER);
	size_t at = head;

	for (size_t line = 2; at < n; line++) {
		const char *end = memchr(bytes + at, '\n', n - at);
		size_t length = end ? (size_t)(end - (bytes + at)) : 0;
		struct record r;
		int result;

		if (!end)
			break;
		result = record_decode(bytes + at, length, &r);
		if (result == 0)
			result = apply(m, &r, bytes + at, length + 1, ret_reading->scratch);
		if (result == -ENOMEM)
			return result;
		if (result < 0 && ret_reading->bad++ < SAID_MAX)
			journal_say(j, "%s:%zu: this line is damaged and left out", JOURNAL, line);
		ret_reading->strange += result == RECORD_STRANGE;
		at += length + 1;
	}
	ret_reading->good = at;
	return 0;
}

/* Keeps the file as journal.bad; the journal itself stays until it is replaced. */
static void keep_bad(struct store_journal *j, const char *bytes, size_t n)
{
	if (j->lock < 0)
		return;
	j->rewrite = true;
	(void)unlinkat(j->dir, BAD, 0);
	if (linkat(j->dir, JOURNAL, j->dir, BAD, 0) == 0 ||
	    file_replace(j->dir, BAD, bytes, n, MODE) == 0)
		journal_say(j, "the state journal is kept as %s", BAD);
}

/* What could be read, n bytes. */
static int understand(struct store_journal *j, struct store_memory *m, const char *bytes, size_t n)
{
	struct reading reading = { .good = 0 };
	size_t head = strlen(RECORD_HEADER);
	int r;

	/* A journal that never got its first line. */
	if (n < head && memcmp(bytes, RECORD_HEADER, n) == 0) {
		j->rewrite = true;
		return 0;
	}
	if (n < head || memcmp(bytes, RECORD_HEADER, head) != 0) {
		journal_say(j,
			    "%s:1: this is no state journal of this version: starting with an "
			    "empty one",
			    JOURNAL);
		keep_bad(j, bytes, n);
		return 0;
	}
	r = read_lines(j, m, bytes, n, &reading);
	if (r < 0)
		return r;
	if (reading.strange)
		journal_say(j, "%s: %zu lines of a newer version are left out", JOURNAL,
			    reading.strange);
	if (reading.bad) {
		journal_say(j, "%s: %zu lines were damaged", JOURNAL, reading.bad);
		keep_bad(j, bytes, n);
	}
	if (j->lock >= 0)
		j->broken = file_append_open(&j->file, j->dir, JOURNAL, MODE, reading.good);
	return 0;
}

static int read_journal(struct store_journal *j, struct store_memory *m)
{
	char *bytes = NULL;
	size_t n = 0;
	int r = file_read(j->dir, JOURNAL, JOURNAL_MAX, &bytes, &n);

	if (r == -ENOMEM)
		return r;
	if (r == -ENOENT) {
		j->rewrite = true;
		return 0;
	}
	if (r == 0) {
		r = understand(j, m, bytes, n);
		keys_wipe(bytes, n);
		free(bytes);
		return r;
	}
	journal_say(j, "the state journal cannot be read (%s): starting with an empty one",
		    strerror(-r));
	r = j->lock < 0 ? j->broken : file_rename(j->dir, JOURNAL, BAD);
	if (r == 0) {
		journal_say(j, "it is kept as %s", BAD);
		j->rewrite = true;
	} else {
		j->broken = r;
	}
	return 0;
}

int journal_open(struct store_journal *j, const char *folder, struct store_memory *m)
{
	pid_t holder = 0;
	int r = file_directory_open(folder, &j->dir);

	if (r < 0) {
		journal_say(
			j,
			"the state folder %s cannot be opened (%s): nothing will survive a restart",
			folder, strerror(-r));
		j->broken = r;
		j->failing = true;
		return 0;
	}
	r = file_lock(j->dir, "lock", &j->lock, &holder);
	if (r == -EWOULDBLOCK) {
		journal_say(j, "another guard (pid %ld) uses the state folder %s", (long)holder,
			    folder);
		return -EBUSY;
	}
	j->broken = r;
	/* Without the lock it can be read at least. */
	r = read_journal(j, m);
	if (r == 0 && j->rewrite && j->lock >= 0)
		(void)journal_rewrite(j, m);
	if (r == 0 && j->file.fd < 0 && !j->failing) {
		journal_say(j, "the state journal cannot be written (%s)", strerror(-j->broken));
		j->failing = true;
	}
	j->event_saved = m->next_event - 1;
	return r;
}

void journal_close(struct store_journal *j)
{
	file_append_close(&j->file);
	if (j->lock >= 0)
		close(j->lock);
	if (j->dir >= 0)
		close(j->dir);
}

/* --- writing --- */

static void failed(struct store_journal *j, int r)
{
	if (j->failing)
		return;
	j->failing = true;
	journal_say(j,
		    "the state journal cannot be written (%s): no machine can be added until it "
		    "can; what changes is "
		    "kept in memory and written later",
		    strerror(-r));
}

int journal_write(struct store_journal *j, const char *line, size_t n)
{
	int r = j->file.fd < 0 ? j->broken : file_append_write(&j->file, line, n);

	if (r < 0)
		failed(j, r);
	return r;
}

bool journal_long(const struct store_journal *j, const struct store_memory *m)
{
	return j->file.fd >= 0 && j->file.length > LONG && j->file.length > LONG_FACTOR * m->live &&
	       j->file.length >= j->compact_next;
}

/* Everything that is alive, as one block of *ret_n bytes; NULL: no memory. */
static char *all_lines(const struct store_memory *m, size_t *ret_n)
{
	size_t room = m->live + (m->grants_n + 3) * (size_t)RECORD_MAX +
		      m->pairings_n * (size_t)PAIRING_LINE;
	char *all = malloc(room);
	size_t n = strlen(RECORD_HEADER);

	if (!all)
		return NULL;
	/* With its NUL, which the next line replaces. */
	memcpy(all, RECORD_HEADER, n + 1);
	n += record_ids(m->next_machine, m->next_event, all + n);
	if (m->relay.origin[0])
		n += record_relay(&m->relay, all + n);
	for (size_t i = 0; i < m->grants_n; i++)
		n += record_grant(m->grants[i], all + n);
	for (size_t i = 0; i < m->pairings_n; i++)
		n += record_paired(m->pairings[i], all + n);
	for (size_t i = 0; i < m->n; i++) {
		const struct store_entry *e = m->entries[i];

		memcpy(all + n, e->line, e->line_n);
		n += e->line_n;
		/* The writer wants RECORD_MAX bytes, however short the line will be. */
		assert(room - n >= RECORD_MAX);
		if (e->has_past)
			n += record_past(e->id, &e->past, all + n);
	}
	for (size_t i = 0; i < m->ring_n; i++) {
		assert(room - n >= RECORD_MAX);
		n += record_event(memory_event_at(m, i), all + n);
	}
	*ret_n = n;
	return all;
}

static int replace_file(struct store_journal *j, const struct store_memory *m)
{
	size_t n = 0;
	char *all = all_lines(m, &n);
	int r;

	if (!all)
		return -ENOMEM;
	r = file_replace(j->dir, JOURNAL, all, n, MODE);
	keys_wipe(all, n);
	free(all);
	if (r < 0)
		return r;
	file_append_close(&j->file);
	j->broken = file_append_open(&j->file, j->dir, JOURNAL, MODE, UINT64_MAX);
	return j->broken;
}

int journal_rewrite(struct store_journal *j, struct store_memory *m)
{
	int r = j->lock < 0 ? j->broken : replace_file(j, m);

	if (r < 0) {
		if (j->file.fd < 0)
			j->broken = r;
		j->rewrite = j->rewrite || j->file.fd < 0;
		j->patience = PATIENCE;
		j->compact_next = j->file.length + LONG / 4;
		/* A journal that is merely long can be written all the same. */
		if (j->rewrite)
			failed(j, r);
		return r;
	}
	j->rewrite = false;
	j->compact_next = 0;
	j->event_saved = m->next_event - 1;
	for (size_t i = 0; i < m->n; i++)
		m->entries[i]->unsaved = m->entries[i]->past_unsaved = false;
	return 0;
}
