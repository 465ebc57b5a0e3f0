/*
 * store: what survives a restart: the machines, their past, the last events; a journal in the state directory.
 *
 * Owns: the journal (`journal`, `lock`, and `journal.bad` when one could not be read), and the ids of machines and
 * events, which are never used again. What it was told survives kill -9 at once, and a power cut after the store_sync() that
 * follows. Refuses to know what machines do, and who may change them.
 */
#ifndef ROUSE_GUARD_STORE_H
#define ROUSE_GUARD_STORE_H

#include "base/event.h"
#include "base/spec.h"
#include "proto/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_EVENTS 1000 /* remembered */

struct store;

/* Gets one line for the log whenever something about the journal has to be known by a person. */
struct store_ear {
	void (*say)(void *who, const char *line);
	void *who;
};

/*
 * Opens, locks and reads the journal in `folder`, which is made when it is missing (its parents are not). -EBUSY: another
 * guard uses it; -ENOMEM. Whatever else is wrong with the journal is said, and the store works from memory: see
 * store_put_machine().
 */
int store_open(const char *folder, struct store_ear ear, struct store **ret_store)
	__attribute__((warn_unused_result));
/* Syncs. NULL is fine. */
void store_close(struct store *s);

/*
 * Guards a machine from now on: id 0 for a new one. 0 and its id; -ENOENT: no such id; -EEXIST: another has its name or MAC; the
 * error of the write otherwise (-ENOSPC, -EROFS …): then nothing changed, unless it is a machine of the file (SPEC_FILE),
 * which is in the configuration anyway and is never refused for that.
 */
int store_put_machine(struct store *s, uint32_t id, const struct spec *spec, uint32_t *ret_id)
	__attribute__((warn_unused_result));
/* Forgets it and its past. 0, -ENOENT, or the error of the write (nothing changed then). */
int store_forget(struct store *s, uint32_t id) __attribute__((warn_unused_result));
/* Never fail towards the caller: what cannot be written now is written by a later store_sync(). */
void store_put_past(struct store *s, uint32_t id, const struct machine_past *past);
/*
 * A grant holds from now on, or no more; a relay is joined (origin empty: left). 0 or the error of the write: then nothing
 * changed; but revoked is revoked, and only a start before there is room for it brings the grant back. -ENOSPC: there are
 * GRANTS_MAX already; -ENOENT: there is no such grant.
 */
int store_put_grant(struct store *s, const struct grant *g) __attribute__((warn_unused_result));
int store_revoke(struct store *s, const char *id) __attribute__((warn_unused_result));
int store_put_relay(struct store *s, const struct relay_joined *joined)
	__attribute__((warn_unused_result));
/* The i-th, in the order of their making; NULL: there are no more. */
const struct grant *store_grant(const struct store *s, size_t i);
/*
 * A machine was paired, in place of what had its MAC; or is no more, as with grants. 0 or the error of the write: then nothing
 * changed. -ENOSPC: there are PAIRINGS_MAX already; -ENOENT: there is no such pairing.
 */
int store_pair(struct store *s, const struct pairing *p) __attribute__((warn_unused_result));
int store_unpair(struct store *s, const char *id) __attribute__((warn_unused_result));
/* The i-th; NULL: there are no more. */
const struct pairing *store_pairing(const struct store *s, size_t i);
const struct pairing *store_pairing_of(const struct store *s, const struct mac *mac);
const struct relay_joined *store_relay(const struct store *s);
/* Gives the event its id. */
void store_put_event(struct store *s, struct event *e);

/* True when store_sync() has something to do: call it within a second, and again as long as this is true. */
bool store_dirty(const struct store *s);
/*
 * store_sync() in two steps, for those who cannot wait for the disk: writes what is still to be written (and compacts the
 * journal when that is due), and returns the descriptor that is to be fdatasync'ed, or -1; then the caller says how that
 * went (0 or a negative errno; 0 also when there was nothing to sync).
 */
int store_tend(struct store *s);
void store_tended(struct store *s, int result);
/* Makes everything survive a power cut, compacts the journal when that is due. Blocks for the disk. */
void store_sync(struct store *s);

struct store_machine {
	uint32_t id;
	bool has_past;
	struct machine_past past;
	struct spec spec;
};

/* The i-th event that is remembered, oldest first; NULL: there are no more. */
const struct event *store_event(const struct store *s, size_t i);
size_t store_machines(const struct store *s); /* how many */
/* The machine with the smallest id above `after` (0 to start); false: there is none. */
bool store_next(const struct store *s, uint32_t after, struct store_machine *ret_machine);
/* 0, or -ENOENT. */
int store_machine(const struct store *s, uint32_t id, struct store_machine *ret_machine);
/* The id of the machine, or 0. */
uint32_t store_by_mac(const struct store *s, const struct mac *mac);
uint32_t store_by_name(const struct store *s, const char *name);

/*
 * Up to `most` events of one machine (by its name then, NULL or "": all), oldest first: those after the id `after`, or,
 * backwards, the last `most` of those before it (0: the end). Returns how many; `more`: there are further ones that way.
 */
size_t store_events(const struct store *s, uint64_t after, bool backwards, const char *name,
		    size_t most, struct event *ret_events, bool *ret_more);

#endif
