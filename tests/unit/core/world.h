/*
 * world: one home on a virtual clock, with everything it does recorded, so that a test reads like a story.
 *
 * Owns the memory of the home and of its machines. It also watches: whatever a story does, each effect is held
 * against the rules that always hold (world_check_effect), and the program aborts when one is broken.
 */
#ifndef ROUSE_TESTS_CORE_WORLD_H
#define ROUSE_TESTS_CORE_WORLD_H

#include "core/home.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MS ((uint64_t)1000)
#define S ((uint64_t)1000000)

#define WORLD_EFFECTS 20000
#define WORLD_MACHINES 64
#define WORLD_SLOTS 256
#define WORLD_GATES 64
#define WORLD_KNOCKERS 64

struct record {
	uint64_t at;
	struct effect e; /* e.event points at `event` */
	struct event event;
	uint32_t sent; /* first bytes of what was sent */
};

struct world {
	struct home *h;
	struct moment now;
	struct home_settings set;
	struct home_interface link;
	uint32_t next_id;
	struct machine *machines[WORLD_MACHINES];
	size_t machines_n;
	size_t mark; /* counts begin here */
	size_t n;
	struct record records[WORLD_EFFECTS];
	void (*spy)(void *context, const struct effect *e); /* sees each effect as well */
	void *spy_context;
	void *memory[8];
	size_t gone_n;
	struct machine *gone[WORLD_MACHINES];
};

extern const struct mac OWN, VIRTUAL, NAS, CLIENT, OTHER, GUARD_LOW, GUARD_HIGH;

/* An empty home with one interface (0) that is up; default settings, changed by `tune` (may be NULL). */
struct world *world_new(void (*tune)(struct home_settings *s));
void world_free(struct world *w);
/* "192.0.2.50 2001:db8::50", "tcp/22 udp/9987"; either may be empty. */
struct spec world_spec(const char *name, const struct mac *mac, const char *addresses,
		       const char *rules);
struct machine *world_add(struct world *w, const struct spec *s, const struct machine_past *past);
/* The usual one: "nas", NAS, 192.0.2.50, tcp/22; described in the file. */
struct machine *world_nas(struct world *w);
/* It, found asleep and claimed; the mark is set after it, its announcements are over. */
struct machine *world_sleeping(struct world *w, const char *addresses, const char *rules);
void world_forget(struct world *w, struct machine *m);

/* Lets the time pass. */
void world_run(struct world *w, uint64_t us);
void world_mark(struct world *w);

struct addr ip(const char *text);
struct mac mac(const char *text);

/* --- what is seen on the LAN --- */

void world_asks(struct world *w, const struct mac *who, const char *from, const char *target);
/* The machine answers our solicit. */
void world_answers(struct world *w, const struct mac *who, const char *address);
void world_announces(struct world *w, const struct mac *who, const struct mac *said,
		     const char *address);
/* A frame that says nothing of an address (DHCP, MLD, a packet to the guard). */
void world_talks(struct world *w, const struct mac *who);
struct packet world_packet(enum knock_kind kind, const char *from, uint16_t from_port,
			   const char *to, uint16_t to_port);
void world_sends(struct world *w, const struct packet *p);
void world_syn(struct world *w, const char *from, uint16_t from_port, const char *to,
	       uint16_t to_port);
void world_port(struct world *w, const char *address, uint16_t port, bool open);

/* --- what was done since the mark --- */

size_t did(const struct world *w, enum effect_kind kind);
size_t told(const struct world *w, enum event_kind kind);
/* The n-th (from 0) of that kind since the mark, or NULL. */
const struct record *done(const struct world *w, enum effect_kind kind, size_t n);
const struct event *event(const struct world *w, enum event_kind kind, size_t n);
/* When that was, or NEVER. */
uint64_t done_at(const struct world *w, enum effect_kind kind, size_t n);
uint64_t told_at(const struct world *w, enum event_kind kind, size_t n);
/* For a failing test's reader: everything since the mark, on stderr. */
void world_dump(const struct world *w);

/* What must be true of each effect, and of the home between two calls; abort with a message otherwise. */
void world_check_effect(const struct home *h, const struct effect *e);
void world_check_home(struct home *h, struct moment now);

#endif
