#include "world.h"

#include "core/gate.h"
#include "core/hold.h"
#include "core/home_state.h"
#include "core/knock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct mac OWN = { { 0x02, 0, 0, 0, 0, 0x20 } };
const struct mac VIRTUAL = { { 0x0a, 0x72, 0x6f, 0, 0, 0x20 } };
const struct mac NAS = { { 0xbe, 0xef, 0xfa, 0xce, 0xc0, 0xde } };
const struct mac CLIENT = { { 0x02, 0, 0, 0, 0, 0x10 } };
const struct mac OTHER = { { 0x02, 0, 0, 0, 0, 0x30 } };
const struct mac GUARD_LOW = { { 0x0a, 0x72, 0x6f, 0, 0, 0x10 } };
const struct mac GUARD_HIGH = { { 0x0a, 0x72, 0x6f, 0, 0, 0x30 } };

static const char *const effect_names[EFFECT_KINDS] = {
	"answer", "announce", "repoint", "solicit", "probe-port", "probe-echo", "wake", "send",
	"claim",  "release",  "local",	 "refresh", "event",	  "past",	"drop",
};

struct addr ip(const char *text)
{
	struct addr a = ADDR_NONE;

	if (text[0] && addr_parse(text, &a) < 0)
		abort();
	return a;
}

struct mac mac(const char *text)
{
	struct mac m;

	if (mac_parse(text, &m) < 0)
		abort();
	return m;
}

/* --- what must always be true --- */

static void broken(const char *rule, const struct effect *e)
{
	char a[ADDR_TEXT];

	fprintf(stderr, "broken: %s (%s of %s)\n", rule, effect_names[e->kind],
		addr_format(&e->addr, a));
	abort();
}

#define MUST(e, rule)                     \
	do {                              \
		if (!(rule))              \
			broken(#rule, e); \
	} while (0)

static bool mac_is_own(const struct mac *m)
{
	return mac_equal(m, &OWN) || mac_equal(m, &VIRTUAL);
}

static void check_claimed(const struct effect *e, const struct claim *c)
{
	MUST(e, c->state == CLAIM_HELD);
	MUST(e, !mac_equal(&e->peer_mac, &e->machine->mac));
	MUST(e, !mac_is_own(&e->peer_mac));
	MUST(e, !mac_is_group(&e->peer_mac) && !mac_is_zero(&e->peer_mac));
}

static void check_announce(const struct effect *e, const struct claim *c)
{
	const struct machine *m = e->machine;

	if (mac_is_zero(&e->mac)) {
		/* With our MAC, to everybody: only while it surely sleeps. */
		MUST(e, c->state == CLAIM_HELD);
		MUST(e, m->state == MACHINE_ASLEEP);
	} else {
		/* With its own: only when it answered for this address. */
		MUST(e, mac_equal(&e->mac, &m->mac));
		MUST(e, m->state == MACHINE_AWAKE);
		MUST(e, c->state == CLAIM_NONE || c->answered);
	}
}

void world_check_effect(const struct home *h, const struct effect *e)
{
	const struct claim *c = e->machine && e->addr.family ? machine_claim(e->machine, &e->addr)
							     : NULL;

	MUST(e, e->kind < EFFECT_KINDS);
	MUST(e, !h->set.observe || e->kind >= EFFECT_EVENT);
	if (e->kind < EFFECT_EVENT)
		MUST(e, e->interface < HOME_INTERFACES);
	switch ((enum effect_kind)e->kind) {
	case EFFECT_ANSWER:
	case EFFECT_REPOINT:
		MUST(e, c);
		check_claimed(e, c);
		break;
	case EFFECT_ANNOUNCE:
		MUST(e, c);
		check_announce(e, c);
		break;
	case EFFECT_SOLICIT:
		MUST(e, mac_is_zero(&e->mac) || mac_equal(&e->mac, &e->machine->mac));
		MUST(e, h->links[e->interface].is.up);
		MUST(e, e->addr.family == 4 ? h->links[e->interface].is.has4
					    : h->links[e->interface].is.has6);
		break;
	case EFFECT_PROBE_PORT:
	case EFFECT_PROBE_ECHO:
		MUST(e, c && mac_equal(&e->mac, &e->machine->mac));
		MUST(e, e->kind == EFFECT_PROBE_ECHO || e->port != 0);
		break;
	case EFFECT_SEND:
		MUST(e, c && mac_equal(&e->mac, &e->machine->mac) && e->length > 0);
		break;
	case EFFECT_WAKE:
		MUST(e, h->links[e->interface].is.up && e->attempt > 0);
		MUST(e, e->attempt <= h->set.attempts);
		break;
	case EFFECT_CLAIM:
		MUST(e, c && c->state == CLAIM_HELD);
		break;
	case EFFECT_RELEASE:
	case EFFECT_LOCAL:
		MUST(e, c);
		break;
	case EFFECT_REFRESH:
		MUST(e, h->links[e->interface].claims > 0);
		break;
	case EFFECT_EVENT:
		MUST(e, event_sane(e->event));
		MUST(e, e->event->observed == h->set.observe);
		break;
	case EFFECT_PAST:
	case EFFECT_DROP:
		MUST(e, e->machine);
		break;
	case EFFECT_KINDS:
		abort();
	}
}

static void check_machine(const struct home *h, const struct machine *m)
{
	struct effect none = { .kind = EFFECT_PAST };
	const struct effect *e = &none;

	for (uint16_t i = 0; i < m->claims_n; i++) {
		const struct claim *c = &m->claims[i];

		none.addr = c->addr;
		/* Asleep means claimed, unless somebody else has it. */
		if (m->state == MACHINE_ASLEEP && !h->set.observe && !m->dropped &&
		    m->interface != HOME_NO_INTERFACE)
			MUST(e, c->state != CLAIM_NONE);
		/* While it may boot, no announcement with our MAC is on its way. */
		if (m->state != MACHINE_ASLEEP && c->announces > 0)
			MUST(e, c->real && c->state == CLAIM_NONE);
		MUST(e, (c->announces > 0) == (c->announce_at != NEVER));
		MUST(e, !c->answered || m->state == MACHINE_AWAKE || m->state == MACHINE_DROWSY);
		MUST(e, !h->set.observe || c->state != CLAIM_HELD);
	}
	MUST(e, m->held <= HOLD_PER_MACHINE);
	MUST(e, !m->wake.running || m->state == MACHINE_WAKING);
	/* A machine that wakes is looked at until it is decided. */
	MUST(e, m->state != MACHINE_WAKING || m->dropped || m->life.probe_at != NEVER);
	/* Who waits at a gate is waited with. */
	for (struct list *it = m->gates.next; it != &m->gates; it = it->next) {
		struct gate *g = container_of(it, struct gate, node);
		bool waits = hold_next(m, NULL, g->address, true, g->port) != NULL;

		MUST(e, g->open != waits);
	}
	for (struct list *it = m->holds.next; it != &m->holds; it = it->next) {
		struct hold_slot *s = container_of(it, struct hold_slot, node);

		MUST(e, s->knock != KNOCK_TCP || gate_of(m, s->address, s->dst_port));
		MUST(e, s->source && s->source->held <= HOLD_PER_SOURCE);
		/* A timer may be served a little late. */
		MUST(e, h->now.us - s->at <= h->set.hold + 1 * S);
	}
}

void world_check_home(struct home *h, struct moment now)
{
	struct effect none = { .kind = EFFECT_PAST };
	uint32_t claims[HOME_INTERFACES] = { 0 };
	uint32_t all = 0;
	uint32_t counted = 0;

	(void)now;
	for (struct machine *m = home_next(h, NULL); m; m = home_next(h, m)) {
		check_machine(h, m);
		for (uint16_t i = 0; i < m->claims_n; i++) {
			if (m->claims[i].state == CLAIM_HELD) {
				claims[m->interface]++;
				all++;
			}
		}
	}
	for (size_t i = 0; i < HOME_INTERFACES; i++) {
		counted += h->links[i].claims;
		MUST(&none, h->links[i].claims == claims[i]);
		MUST(&none, (h->links[i].claims == 0) == (h->links[i].refresh_at == NEVER));
	}
	MUST(&none, counted == all);
}

/* --- the home --- */

static void take(void *context, const struct effect *e)
{
	struct world *w = context;
	struct record *r = &w->records[w->n];

	world_check_effect(w->h, e);
	if (w->spy)
		w->spy(w->spy_context, e);
	if (e->kind == EFFECT_DROP && w->gone_n < WORLD_MACHINES)
		w->gone[w->gone_n++] = e->machine;
	if (w->n == WORLD_EFFECTS)
		return;
	w->n++;
	r->at = w->now.us;
	r->e = *e;
	if (e->kind == EFFECT_EVENT)
		r->event = *e->event;
	r->e.event = &r->event;
	if (e->length >= 4)
		memcpy(&r->sent, e->bytes, 4);
}

static void *zeroed(struct world *w, size_t i, size_t n, size_t size)
{
	w->memory[i] = calloc(n, size);
	if (!w->memory[i])
		abort();
	return w->memory[i];
}

static const struct home_settings defaults = {
	.attempts = 3,
	.interval = 30 * S,
	.hold = 90 * S,
	.keep = true,
	.shutdown_timeout = 600 * S,
	.probe_interval = 250 * MS,
	.watch = 10 * S,
	.scan_limit = 5,
	.scan_window = 10 * S,
	.wake_limit = 10,
	.wake_window = 60 * S,
};

struct world *world_new(void (*tune)(struct home_settings *s))
{
	struct world *w = calloc(1, sizeof(*w));
	struct home_memory memory = { 0 };

	if (!w)
		abort();
	w->set = defaults;
	if (tune)
		tune(&w->set);
	w->now = (struct moment){ .us = 3600 * S, .wall_ms = 1750000000000 };
	w->h = zeroed(w, 0, 1, home_size());
	memory.slots = zeroed(w, 1, WORLD_SLOTS, hold_slot_size());
	memory.slots_n = WORLD_SLOTS;
	memory.gates = zeroed(w, 2, WORLD_GATES, gate_size());
	memory.gates_n = WORLD_GATES;
	memory.knockers = zeroed(w, 3, WORLD_KNOCKERS, knocker_size());
	memory.knockers_n = WORLD_KNOCKERS;
	memory.knocker_buckets = zeroed(w, 4, 64, sizeof(void *));
	memory.knocker_buckets_n = 64;
	memory.address_buckets = zeroed(w, 5, 16, sizeof(void *));
	memory.address_buckets_n = 16;
	memory.mac_buckets = zeroed(w, 6, 16, sizeof(void *));
	memory.mac_buckets_n = 16;
	home_init(w->h, &w->set, &memory, (struct effect_sink){ take, w });
	w->link = (struct home_interface){ .present = true,
					   .up = true,
					   .virtual_mac = true,
					   .own = OWN,
					   .claim = VIRTUAL,
					   .has4 = true,
					   .has6 = true };
	home_interface_set(w->h, 0, &w->link, w->now);
	return w;
}

void world_free(struct world *w)
{
	world_check_home(w->h, w->now);
	for (size_t i = 0; i < w->machines_n; i++)
		free(w->machines[i]);
	for (size_t i = 0; i < sizeof(w->memory) / sizeof(w->memory[0]); i++)
		free(w->memory[i]);
	free(w);
}

static void each_word(const char *text, void (*take_word)(struct spec *s, const char *word),
		      struct spec *s)
{
	char copy[512];
	char *rest = copy;
	char *word;

	if (strlen(text) >= sizeof(copy))
		abort();
	memcpy(copy, text, strlen(text) + 1);
	while ((word = strtok_r(rest, " ", &rest)))
		take_word(s, word);
}

static void take_address(struct spec *s, const char *word)
{
	struct addr a = ip(word);

	if (spec_add_address(s, &a) < 0)
		abort();
}

static void take_rule(struct spec *s, const char *word)
{
	struct rule r;

	if (rule_parse(word, &r) < 0 || spec_add_rule(s, &r) < 0)
		abort();
}

struct spec world_spec(const char *name, const struct mac *m, const char *addresses,
		       const char *rules)
{
	struct spec s = { .mac = *m, .origin = SPEC_FILE };

	memcpy(s.name, name, strlen(name));
	each_word(addresses, take_address, &s);
	each_word(rules, take_rule, &s);
	return s;
}

struct machine *world_add(struct world *w, const struct spec *s, const struct machine_past *past)
{
	void *memory = malloc(machine_size(s));
	struct machine *m;

	if (!memory || w->machines_n == WORLD_MACHINES || !spec_sane(s))
		abort();
	m = machine_place(memory, s, ++w->next_id);
	w->machines[w->machines_n++] = m;
	home_add(w->h, m, 0, past, w->now);
	world_check_home(w->h, w->now);
	return m;
}

void world_forget(struct world *w, struct machine *m)
{
	for (size_t i = 0; i < w->machines_n; i++) {
		if (w->machines[i] != m)
			continue;
		w->machines[i] = w->machines[--w->machines_n];
		free(m);
		return;
	}
	abort();
}

struct machine *world_nas(struct world *w)
{
	struct spec s = world_spec("nas", &NAS, "192.0.2.50", "tcp/22");

	return world_add(w, &s, NULL);
}

struct machine *world_sleeping(struct world *w, const char *addresses, const char *rules)
{
	struct spec s = world_spec("nas", &NAS, addresses, rules);
	struct machine *m = world_add(w, &s, NULL);

	world_run(w, 5 * S);
	if (machine_state_of(m) != MACHINE_ASLEEP)
		abort();
	world_mark(w);
	return m;
}

void world_run(struct world *w, uint64_t us)
{
	uint64_t end = w->now.us + us;
	uint64_t start = w->now.us;
	uint64_t wall = w->now.wall_ms;
	uint32_t steps = 0;

	while (home_due(w->h) <= end) {
		if (home_due(w->h) > w->now.us)
			w->now.us = home_due(w->h);
		w->now.wall_ms = wall + (w->now.us - start) / 1000;
		home_tick(w->h, w->now);
		world_check_home(w->h, w->now);
		if (++steps > 4000000)
			abort(); /* a storm of timers */
	}
	w->now.us = end;
	w->now.wall_ms = wall + us / 1000;
}

void world_mark(struct world *w)
{
	w->mark = w->n;
}

/* --- what is seen --- */

static void settle(struct world *w)
{
	world_check_home(w->h, w->now);
	world_run(w, 0);
}

void world_asks(struct world *w, const struct mac *who, const char *from, const char *target)
{
	struct solicit s = {
		.asker_mac = *who, .asker_said = *who, .asker = ip(from), .target = ip(target)
	};

	home_solicit(w->h, &s, w->now);
	settle(w);
}

void world_answers(struct world *w, const struct mac *who, const char *address)
{
	struct heard x = { .mac = *who,
			   .said = *who,
			   .addr = ip(address),
			   .answer = true,
			   .lasting = true,
			   .claims = true };

	home_heard(w->h, &x, w->now);
	settle(w);
}

void world_announces(struct world *w, const struct mac *who, const struct mac *said,
		     const char *address)
{
	struct heard x = {
		.mac = *who, .said = *said, .addr = ip(address), .claims = true, .must = true
	};

	home_heard(w->h, &x, w->now);
	settle(w);
}

void world_talks(struct world *w, const struct mac *who)
{
	struct heard x = { .mac = *who, .said = *who, .must = true };

	home_heard(w->h, &x, w->now);
	settle(w);
}

struct packet world_packet(enum knock_kind kind, const char *from, uint16_t from_port,
			   const char *to, uint16_t to_port)
{
	static uint8_t bytes[60];
	static uint32_t serial;

	serial++;
	memcpy(bytes, &serial, sizeof(serial));
	return (struct packet){
		.knock = (uint8_t)kind,
		.src_mac = CLIENT,
		.src = ip(from),
		.dst = ip(to),
		.src_port = from_port,
		.dst_port = to_port,
		.bytes = bytes,
		.length = sizeof(bytes),
	};
}

void world_sends(struct world *w, const struct packet *p)
{
	home_packet(w->h, p, w->now);
	settle(w);
}

void world_syn(struct world *w, const char *from, uint16_t from_port, const char *to,
	       uint16_t to_port)
{
	struct packet p = world_packet(KNOCK_TCP, from, from_port, to, to_port);

	world_sends(w, &p);
}

void world_port(struct world *w, const char *address, uint16_t port, bool open)
{
	struct addr a = ip(address);

	home_port_answer(w->h, 0, &a, port, open, w->now);
	settle(w);
}

/* --- what was done --- */

const struct record *done(const struct world *w, enum effect_kind kind, size_t n)
{
	for (size_t i = w->mark; i < w->n; i++) {
		if (w->records[i].e.kind == kind && n-- == 0)
			return &w->records[i];
	}
	return NULL;
}

static const struct record *told_record(const struct world *w, enum event_kind kind, size_t n)
{
	for (size_t i = w->mark; i < w->n; i++) {
		if (w->records[i].e.kind == EFFECT_EVENT && w->records[i].event.kind == kind &&
		    n-- == 0)
			return &w->records[i];
	}
	return NULL;
}

const struct event *event(const struct world *w, enum event_kind kind, size_t n)
{
	const struct record *r = told_record(w, kind, n);

	return r ? &r->event : NULL;
}

uint64_t done_at(const struct world *w, enum effect_kind kind, size_t n)
{
	const struct record *r = done(w, kind, n);

	return r ? r->at : NEVER;
}

uint64_t told_at(const struct world *w, enum event_kind kind, size_t n)
{
	const struct record *r = told_record(w, kind, n);

	return r ? r->at : NEVER;
}

size_t did(const struct world *w, enum effect_kind kind)
{
	size_t n = 0;

	while (done(w, kind, n))
		n++;
	return n;
}

size_t told(const struct world *w, enum event_kind kind)
{
	size_t n = 0;

	while (told_record(w, kind, n))
		n++;
	return n;
}

void world_dump(const struct world *w)
{
	char a[ADDR_TEXT];
	char m[MAC_TEXT];

	for (size_t i = w->mark; i < w->n; i++) {
		const struct record *r = &w->records[i];

		fprintf(stderr, "%10.3f %s %s mac %s port %u", (double)(r->at - 3600 * S) / 1e6,
			effect_names[r->e.kind], addr_format(&r->e.addr, a),
			mac_format(&r->e.mac, m), r->e.port);
		if (r->e.kind == EFFECT_EVENT)
			fprintf(stderr, " %s took %" PRIu64 " replayed %u",
				event_kind_name((enum event_kind)r->event.kind), r->event.took_us,
				r->event.replayed);
		fprintf(stderr, "\n");
	}
}
