#include "guard/store.h"

#include "guard/store_journal.h"
#include "guard/store_memory.h"
#include "proto/keys.h"
#include "proto/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct store {
	struct store_memory memory;
	struct store_journal journal;
	bool behind; /* something is in memory only */
	char line[RECORD_MAX]; /* the one that is being made */
};

int store_open(const char *folder, struct store_ear ear, struct store **ret_store)
{
	struct store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->journal = (struct store_journal){
		.dir = -1, .lock = -1, .file = { .fd = -1 }, .ear = ear
	};
	r = memory_init(&s->memory);
	if (r == 0)
		r = journal_open(&s->journal, folder, &s->memory);
	if (r < 0) {
		journal_close(&s->journal);
		memory_done(&s->memory);
		free(s);
		return r;
	}
	*ret_store = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	store_sync(s);
	journal_close(&s->journal);
	memory_done(&s->memory);
	free(s);
}

/* --- machines --- */

/* Whether another machine than `id` has the name or the MAC. */
static bool taken(const struct store *s, uint32_t id, const struct spec *spec)
{
	const struct store_entry *mac = memory_by_mac(&s->memory, &spec->mac);
	const struct store_entry *name = memory_by_name(&s->memory, spec->name);

	return (mac && mac->id != id) || (name && name->id != id);
}

int store_put_machine(struct store *s, uint32_t id, const struct spec *spec, uint32_t *ret_id)
{
	const struct store_entry *old = id ? memory_by_id(&s->memory, id) : NULL;
	struct store_entry *e;
	size_t n;
	int r;

	if (id && !old)
		return -ENOENT;
	if (taken(s, id, spec))
		return -EEXIST;
	if (!id)
		id = s->memory.next_machine;
	if (id == UINT32_MAX || memory_reserve(&s->memory) < 0)
		return -ENOMEM;
	n = record_machine(id, spec, s->line);
	/* A machine that registers again, or a file that was read again: nothing to write. */
	if (old && !old->unsaved && old->line_n == n && memcmp(old->line, s->line, n) == 0) {
		*ret_id = id;
		return 0;
	}
	e = entry_new(id, spec, s->line, n);
	if (!e)
		return -ENOMEM;
	r = journal_write(&s->journal, s->line, n);
	if (r < 0 && spec->origin != SPEC_FILE) {
		free(e);
		return r;
	}
	e->unsaved = r < 0;
	s->behind |= r < 0;
	memory_set(&s->memory, e);
	*ret_id = id;
	return 0;
}

int store_forget(struct store *s, uint32_t id)
{
	struct store_entry *e = memory_by_id(&s->memory, id);
	int r;

	if (!e)
		return -ENOENT;
	r = journal_write(&s->journal, s->line, record_gone(id, s->line));
	/* One of the file is forgotten at the next start as well, when the file does not have it. */
	if (r < 0 && e->origin != SPEC_FILE)
		return r;
	s->journal.rewrite |= r < 0;
	memory_remove(&s->memory, e);
	return 0;
}

/* Time asleep is counted when it ends. */
static void account_sleep(const struct machine_past *before, struct machine_past *now)
{
	now->slept_since_ms = before && before->slept_since_ms ? before->slept_since_ms
							       : now->since_wall_ms;
	now->slept_ms = before ? before->slept_ms : 0;
	if (before && before->state == MACHINE_ASLEEP && now->state != MACHINE_ASLEEP &&
	    before->since_wall_ms != 0 && now->since_wall_ms > before->since_wall_ms)
		now->slept_ms += now->since_wall_ms - before->since_wall_ms;
}

void store_put_past(struct store *s, uint32_t id, const struct machine_past *past)
{
	struct store_entry *e = memory_by_id(&s->memory, id);
	struct machine_past now = *past;
	size_t n;

	if (!e)
		return;
	account_sleep(e->has_past ? &e->past : NULL, &now);
	n = record_past(id, &now, s->line);
	memory_past(&s->memory, e, &now, n);
	/* In order: while something older waits, this waits as well. */
	e->past_unsaved = s->behind || journal_write(&s->journal, s->line, n) < 0;
	s->behind |= e->past_unsaved;
}

void store_put_event(struct store *s, struct event *e)
{
	size_t n;

	e->id = s->memory.next_event;
	n = record_event(e, s->line);
	memory_event(&s->memory, e, n);
	if (!s->behind && journal_write(&s->journal, s->line, n) == 0)
		s->journal.event_saved = e->id;
	else
		s->behind = true;
}

/* --- grants, the relay --- */

/* A line with a key in it: no copy of it stays. */
static int write_secret(struct store *s, size_t n)
{
	int r = journal_write(&s->journal, s->line, n);

	keys_wipe(s->line, n);
	return r;
}

int store_put_grant(struct store *s, const struct grant *g)
{
	int r;

	if (s->memory.grants_n == GRANTS_MAX && !memory_find_grant(&s->memory, g->id))
		return -ENOSPC;
	r = write_secret(s, record_grant(g, s->line));
	if (r < 0)
		return r;
	/* Written without memory for it: the next start will have it, and nobody was told of it. */
	return memory_grant(&s->memory, g) ? 0 : -ENOMEM;
}

int store_revoke(struct store *s, const char *id)
{
	int r;

	if (!memory_find_grant(&s->memory, id))
		return -ENOENT;
	r = journal_write(&s->journal, s->line, record_revoked(id, s->line));
	/* Revoked is revoked: what cannot be written now is left out of the next journal. */
	s->journal.rewrite |= r < 0;
	(void)memory_revoke(&s->memory, id);
	return 0;
}

int store_pair(struct store *s, const struct pairing *p)
{
	int r;

	if (s->memory.pairings_n == PAIRINGS_MAX && !memory_pairing_of(&s->memory, &p->mac))
		return -ENOSPC;
	r = write_secret(s, record_paired(p, s->line));
	if (r < 0)
		return r;
	return memory_pair(&s->memory, p) ? 0 : -ENOMEM;
}

int store_unpair(struct store *s, const char *id)
{
	size_t i = 0;
	int r;

	while (i < s->memory.pairings_n && strcmp(s->memory.pairings[i]->id, id) != 0)
		i++;
	if (i == s->memory.pairings_n)
		return -ENOENT;
	r = journal_write(&s->journal, s->line, record_unpaired(id, s->line));
	/* As with grants: what cannot be written now is left out of the next journal. */
	s->journal.rewrite |= r < 0;
	(void)memory_unpair(&s->memory, id);
	return 0;
}

const struct pairing *store_pairing(const struct store *s, size_t i)
{
	return i < s->memory.pairings_n ? s->memory.pairings[i] : NULL;
}

const struct pairing *store_pairing_of(const struct store *s, const struct mac *mac)
{
	return memory_pairing_of(&s->memory, mac);
}

int store_put_relay(struct store *s, const struct relay_joined *joined)
{
	int r = journal_write(&s->journal, s->line, record_relay(joined, s->line));

	if (r == 0)
		s->memory.relay = *joined;
	return r;
}

const struct grant *store_grant(const struct store *s, size_t i)
{
	return i < s->memory.grants_n ? s->memory.grants[i] : NULL;
}

const struct relay_joined *store_relay(const struct store *s)
{
	return &s->memory.relay;
}

/* --- to the disk --- */

static int catch_up_machines(struct store *s)
{
	for (size_t i = 0; i < s->memory.n; i++) {
		struct store_entry *e = s->memory.entries[i];
		int r = 0;

		if (e->unsaved)
			r = journal_write(&s->journal, e->line, e->line_n);
		if (r < 0)
			return r;
		e->unsaved = false;
		if (e->past_unsaved)
			r = journal_write(&s->journal, s->line,
					  record_past(e->id, &e->past, s->line));
		if (r < 0)
			return r;
		e->past_unsaved = false;
	}
	return 0;
}

/* Writes what could not be written when it happened; stops where that fails again. */
static int catch_up(struct store *s)
{
	int r = catch_up_machines(s);

	for (size_t i = 0; r == 0 && i < s->memory.ring_n; i++) {
		const struct event *e = memory_event_at(&s->memory, i);

		if (e->id <= s->journal.event_saved)
			continue;
		r = journal_write(&s->journal, s->line, record_event(e, s->line));
		if (r == 0)
			s->journal.event_saved = e->id;
	}
	return r;
}

bool store_dirty(const struct store *s)
{
	/* Without a folder to write into there is never anything to do. */
	if (s->journal.lock < 0)
		return false;
	return s->journal.file.dirty || s->behind || s->journal.rewrite ||
	       journal_long(&s->journal, &s->memory);
}

int store_tend(struct store *s)
{
	struct store_journal *j = &s->journal;

	if (j->lock < 0)
		return -1;
	if (j->patience > 0)
		j->patience--;
	if ((j->rewrite && j->patience == 0) || journal_long(j, &s->memory)) {
		if (journal_rewrite(j, &s->memory) == 0)
			s->behind = false;
	}
	if (s->behind && j->file.fd >= 0 && catch_up(s) == 0)
		s->behind = false;
	if (!j->file.dirty)
		return -1;
	/* What is written from now on is for the next time. */
	j->file.dirty = false;
	return j->file.fd;
}

void store_tended(struct store *s, int result)
{
	struct store_journal *j = &s->journal;

	if (result < 0) {
		/* What the kernel could not write it may have forgotten: only a new file is certain to be whole. */
		if (!j->failing)
			journal_say(j, "the state journal cannot be synced (%s)",
				    strerror(-result));
		j->failing = true;
		j->rewrite = true;
	}
	if (j->failing && !s->behind && !j->rewrite && j->file.fd >= 0) {
		j->failing = false;
		journal_say(j, "the state journal is written again");
	}
}

void store_sync(struct store *s)
{
	int fd = store_tend(s);

	if (s->journal.lock >= 0)
		store_tended(s, fd >= 0 && fdatasync(fd) < 0 ? -errno : 0);
}

/* --- reading --- */

size_t store_machines(const struct store *s)
{
	return s->memory.n;
}

bool store_next(const struct store *s, uint32_t after, struct store_machine *ret_machine)
{
	size_t i = after == UINT32_MAX ? s->memory.n : memory_from(&s->memory, after + 1);

	if (i == s->memory.n)
		return false;
	memory_decode(s->memory.entries[i], ret_machine);
	return true;
}

int store_machine(const struct store *s, uint32_t id, struct store_machine *ret_machine)
{
	const struct store_entry *e = memory_by_id(&s->memory, id);

	if (!e)
		return -ENOENT;
	memory_decode(e, ret_machine);
	return 0;
}

uint32_t store_by_mac(const struct store *s, const struct mac *mac)
{
	const struct store_entry *e = memory_by_mac(&s->memory, mac);

	return e ? e->id : 0;
}

uint32_t store_by_name(const struct store *s, const char *name)
{
	const struct store_entry *e = memory_by_name(&s->memory, name);

	return e ? e->id : 0;
}

const struct event *store_event(const struct store *s, size_t i)
{
	return i < s->memory.ring_n ? memory_event_at(&s->memory, i) : NULL;
}

static bool wanted(const struct event *e, const char *name)
{
	return !name || !*name || strcmp(e->name, name) == 0;
}

/* The place of the first event of a page: the `most`-th wanted one before `end`, or the first one. */
static size_t page_start(const struct store *s, size_t end, const char *name, size_t most)
{
	size_t first = end;

	while (most > 0 && end > 0) {
		end--;
		if (wanted(memory_event_at(&s->memory, end), name)) {
			first = end;
			most--;
		}
	}
	return first;
}

/* Seven: what a page is, and what comes of it. */
/* NOLINTNEXTLINE(readability-function-size) */
size_t store_events(const struct store *s, uint64_t after, bool backwards, const char *name,
		    size_t most, struct event *ret_events, bool *ret_more)
{
	const struct store_memory *m = &s->memory;
	size_t first = 0;
	size_t end = m->ring_n;
	size_t n = 0;

	if (backwards) {
		while (after && end > 0 && memory_event_at(m, end - 1)->id >= after)
			end--;
		first = page_start(s, end, name, most);
	} else {
		while (first < end && memory_event_at(m, first)->id <= after)
			first++;
	}
	*ret_more = backwards && page_start(s, first, name, 1) < first;
	for (size_t i = first; i < end; i++) {
		const struct event *e = memory_event_at(m, i);

		if (!wanted(e, name))
			continue;
		if (n == most) {
			*ret_more = true;
			break;
		}
		ret_events[n++] = *e;
	}
	return n;
}
