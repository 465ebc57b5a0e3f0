/* home: the table of machines, its indexes and timers; passes evidence to the module it concerns. */
#include "core/home.h"

#include "core/claim.h"
#include "core/gate.h"
#include "core/hold.h"
#include "core/home_state.h"
#include "core/knock.h"
#include "core/life.h"
#include "core/wake.h"

#include <assert.h>
#include <string.h>

#define TICK_ROUNDS 4

/* --- what leaves --- */

void home_emit(struct home *h, struct effect e)
{
	if (h->set.observe && e.kind < EFFECT_EVENT)
		return;
	h->sink.take(h->sink.context, &e);
}

bool home_take(struct bucket *b, uint32_t burst, uint64_t gap, uint64_t now)
{
	uint64_t back = (now - b->refilled) / gap;

	if (back >= b->spent) {
		b->spent = 0;
		b->refilled = now;
	} else {
		b->spent -= (uint32_t)back;
		b->refilled += back * gap;
	}
	if (b->spent >= burst)
		return false;
	b->spent++;
	return true;
}

/* Records that strangers can cause without limit are limited; what a person did is always told. */
static bool event_allowed(struct home *h, struct machine *m, uint8_t kind)
{
	if (kind == EVENT_SCANNER || kind == EVENT_WAKE_LIMIT)
		return home_take(&h->source_events, EVENT_SOURCE_BURST, EVENT_SOURCE_GAP,
				 h->now.us);
	if (!m || kind == EVENT_ADDED || kind == EVENT_REMOVED || kind == EVENT_REQUEST ||
	    (kind == EVENT_UPDATED && m->origin != SPEC_REGISTERED))
		return true;
	return home_take(&m->events, EVENT_MACHINE_BURST, EVENT_MACHINE_GAP, h->now.us);
}

static void home_schedule(struct home *h)
{
	uint64_t due = h->left_out_at;

	for (uint8_t i = 0; i < HOME_INTERFACES; i++) {
		if (h->links[i].is.up && h->links[i].refresh_at < due)
			due = h->links[i].refresh_at;
	}
	heap_set(&h->heap, &h->timer, due);
}

void home_tell(struct home *h, struct machine *m, struct event e)
{
	struct effect out = {
		.kind = EFFECT_EVENT, .machine = m, .interface = HOME_NO_INTERFACE, .event = &e
	};

	if (!event_allowed(h, m, e.kind)) {
		h->left_out++;
		if (h->left_out_at == NEVER) {
			h->left_out_at = home_in(h, EVENT_LEFT_OUT_AFTER);
			home_schedule(h);
		}
		return;
	}
	e.wall_ms = h->now.wall_ms;
	e.observed = h->set.observe;
	if (m) {
		e.machine = m->id;
		memcpy(e.name, m->name, strlen(m->name) + 1);
		out.interface = m->interface;
	}
	home_emit(h, out);
}

static uint64_t machine_due(const struct home *h, const struct machine *m)
{
	uint64_t due = hold_due(h, m);
	uint64_t others[4];

	if (m->dropped || !home_link_up(h, m))
		return due;
	others[0] = life_due(m);
	others[1] = claim_due(m);
	others[2] = wake_due(m);
	others[3] = gate_due(h, m);
	for (size_t i = 0; i < 4; i++) {
		if (others[i] < due)
			due = others[i];
	}
	return due;
}

void home_settle(struct home *h, struct machine *m)
{
	if (m->dirty) {
		m->dirty = false;
		home_emit(h, (struct effect){ .kind = EFFECT_PAST,
					      .machine = m,
					      .interface = m->interface });
	}
	heap_set(&h->heap, &m->timer, machine_due(h, m));
}

/* --- the home --- */

size_t home_size(void)
{
	return sizeof(struct home);
}

void home_init(struct home *h, const struct home_settings *s, const struct home_memory *memory,
	       struct effect_sink sink)
{
	memset(h, 0, sizeof(*h));
	h->set = *s;
	h->sink = sink;
	h->key = memory->key;
	h->left_out_at = NEVER;
	list_init(&h->machines);
	for (size_t i = 0; i < HOME_INTERFACES; i++)
		h->links[i].refresh_at = NEVER;
	hash_init(&h->addresses, memory->address_buckets, memory->address_buckets_n);
	hash_init(&h->macs, memory->mac_buckets, memory->mac_buckets_n);
	hold_init(h, memory);
	gate_init(h, memory);
	knock_init(h, memory);
}

/* The clock never goes back, whatever the caller says. */
static void enter(struct home *h, struct moment now)
{
	if (now.us < h->now.us)
		now.us = h->now.us;
	h->now = now;
}

bool home_link_up(const struct home *h, const struct machine *m)
{
	return m->interface < HOME_INTERFACES && h->links[m->interface].is.present &&
	       h->links[m->interface].is.up;
}

void home_count_claims(struct home *h, uint8_t interface, int by)
{
	struct home_link *link = &h->links[interface];

	link->claims = (uint32_t)((int)link->claims + by);
	if (link->claims == 0)
		link->refresh_at = NEVER;
	else if (link->refresh_at == NEVER)
		link->refresh_at = home_in(h, CLAIM_REFRESH);
	home_schedule(h);
}

void home_add(struct home *h, struct machine *m, uint8_t interface, const struct machine_past *past,
	      struct moment now)
{
	enter(h, now);
	list_append(&h->machines, &m->node);
	table_insert(h, m);
	m->interface = interface;
	if (!past)
		home_tell(h, m, (struct event){ .kind = EVENT_ADDED });
	life_begin(h, m, past);
	home_settle(h, m);
}

void home_remove(struct home *h, struct machine *m, struct moment now)
{
	enter(h, now);
	claim_release_all(h, m);
	if (!m->dropped)
		home_tell(h, m, (struct event){ .kind = EVENT_REMOVED });
	table_remove(h, m);
}

void home_move(struct home *h, struct machine *m, uint8_t interface, struct moment now)
{
	enter(h, now);
	if (m->interface != interface) {
		claim_release_all(h, m);
		m->interface = interface;
	}
	life_verify(h, m);
	home_settle(h, m);
}

/* What `from` knew of an address goes with the address. */
static void inherit_claims(struct home *h, struct machine *from, struct machine *to)
{
	hold_inherit(h, from, to);
	gate_inherit(h, from, to);
	for (uint16_t i = 0; i < from->claims_n; i++) {
		struct claim *old = &from->claims[i];
		struct claim *c = machine_claim(to, &old->addr);
		struct index_entry index;

		if (!c) {
			claim_release(h, from, old);
			continue;
		}
		index = c->index;
		*c = *old;
		c->index = index;
	}
}

void home_replace(struct home *h, struct machine *from, struct machine *to, struct moment now)
{
	bool same = mac_equal(&from->mac, &to->mac);

	enter(h, now);
	if (!same)
		claim_release_all(h, from);
	to->interface = from->interface;
	to->state = from->state;
	to->life = from->life;
	to->wake = from->wake;
	to->events = from->events;
	to->changes = from->changes;
	to->has_sleeper = from->has_sleeper;
	inherit_claims(h, from, to);
	list_append(&from->node, &to->node); /* before what follows it: the same place */
	table_remove(h, from);
	table_insert(h, to);
	home_tell(h, to, (struct event){ .kind = EVENT_UPDATED });
	if (!same || to->state == MACHINE_ASLEEP)
		life_verify(h, to); /* another NIC, or a new address that somebody else may use */
	home_settle(h, to);
}

bool home_may_change(struct home *h, struct machine *m, struct moment now)
{
	enter(h, now);
	return home_take(&m->changes, CHANGE_BURST, CHANGE_GAP, h->now.us);
}

/* --- interfaces --- */

static void link_changed(struct home *h, struct machine *m, bool back, bool other_mac)
{
	bool unasked = m->state == MACHINE_UNKNOWN && m->life.probe_at == NEVER;

	if (back && m->state == MACHINE_WAKING)
		wake_link_is_back(h, m);
	else if (back || unasked)
		life_verify(h, m); /* an address of our own may have come */
	else if (other_mac)
		claim_announce_again(h, m, 0);
	home_settle(h, m);
}

void home_interface_set(struct home *h, uint8_t interface, const struct home_interface *i,
			struct moment now)
{
	struct home_link *link = &h->links[interface];
	bool was_up = link->is.present && link->is.up;
	bool is_up = i->present && i->up;
	bool other_mac = !mac_equal(&link->is.claim, &i->claim);

	enter(h, now);
	if (interface >= h->links_n)
		h->links_n = (uint8_t)(interface + 1);
	link->is = *i;
	list_each(it, &h->machines)
	{
		struct machine *m = container_of(it, struct machine, node);

		if (m->interface == interface && !m->dropped)
			link_changed(h, m, is_up && !was_up, is_up && other_mac);
	}
	home_schedule(h);
}

void home_configure(struct home *h, const struct home_settings *s, struct moment now)
{
	bool turned = h->set.observe != s->observe;

	enter(h, now);
	list_each(it, &h->machines)
	{
		if (turned && !h->set.observe)
			claim_release_all(h, container_of(it, struct machine, node));
	}
	h->set = *s;
	list_each(it, &h->machines)
	{
		struct machine *m = container_of(it, struct machine, node);

		if (turned && !m->dropped)
			life_verify(h, m);
		else
			life_retune(h, m);
		home_settle(h, m);
	}
}

/* --- what people ask, and what was seen --- */

void home_goodbye(struct home *h, struct machine *m, struct moment now)
{
	enter(h, now);
	life_goodbye(h, m);
	home_settle(h, m);
}

void home_stay(struct home *h, struct machine *m, struct moment now)
{
	enter(h, now);
	life_stay(h, m);
	home_settle(h, m);
}

void home_watch(struct home *h, struct machine *m, bool has_sleeper, struct moment now)
{
	if (m->has_sleeper == has_sleeper)
		return;
	enter(h, now);
	m->has_sleeper = has_sleeper;
	life_watch(h, m);
	home_settle(h, m);
}

/* `who` asked: the name of a grant for BY_GRANT, words of the caller for BY_REQUEST. */
static enum wake_verdict wake(struct home *h, struct machine *m, enum wake_by by, const char *who,
			      const struct caller *from)
{
	if (m->dropped || !home_link_up(h, m))
		return WAKE_UNREACHABLE;
	if (m->state == MACHINE_AWAKE)
		return WAKE_ALREADY_AWAKE;
	/* A cause that waits already, or runs, stays what it is. */
	if (!m->wake.running && m->wake.pending_by == BY_NOBODY) {
		memset(m->wake.who, 0, sizeof(m->wake.who));
		memcpy(m->wake.who, who, strnlen(who, sizeof(m->wake.who) - 1));
	}
	if (m->state == MACHINE_DROWSY)
		wake_later(h, m, by, from, NEVER); /* a magic packet now would be lost on it */
	else if (!m->wake.running)
		wake_start(h, m, by, from);
	home_settle(h, m);
	return WAKE_STARTED;
}

enum wake_verdict home_wake(struct home *h, struct machine *m, enum wake_by by, struct moment now)
{
	enter(h, now);
	return wake(h, m, by, "", &(struct caller){ .knock = KNOCK_NONE });
}

enum wake_verdict home_wake_asked(struct home *h, struct machine *m, const char *who,
				  struct moment now)
{
	enter(h, now);
	return wake(h, m, BY_REQUEST, who, &(struct caller){ .knock = KNOCK_NONE });
}

enum wake_verdict home_wake_granted(struct home *h, struct machine *m, const char *who,
				    const struct addr *from, struct moment now)
{
	enter(h, now);
	return wake(h, m, BY_GRANT, who, &(struct caller){ .knock = KNOCK_NONE, .from = *from });
}

void home_solicit(struct home *h, const struct solicit *s, struct moment now)
{
	struct machine *sender;
	struct claim *c;

	enter(h, now);
	if (home_is_own(h, &s->asker_mac) || mac_is_group(&s->asker_mac))
		return;
	sender = home_sender(h, s->interface, &s->asker_mac);
	if (sender) {
		(void)life_seen(h, sender, true);
		gate_repoint_soon(h, sender);
		home_settle(h, sender);
	}
	c = home_claim(h, s->interface, &s->target);
	if (!c || c->index.machine->dropped)
		return;
	claim_solicited(h, c, s);
	home_settle(h, c->index.machine);
}

/* The machine spoke for an address of its own. */
static void heard_address(struct home *h, struct machine *m, const struct heard *x)
{
	struct claim *c = machine_claim(m, &x->addr);
	bool answers = x->answer && x->lasting;

	if (!c || !mac_equal(&x->said, &m->mac))
		return;
	/* Where nothing can be asked, its claiming the address by itself has to do. */
	if (answers || (x->claims && !claim_can_solicit(h, c)))
		life_answered(h, m, c);
}

void home_heard(struct home *h, const struct heard *x, struct moment now)
{
	struct machine *m;
	struct claim *c;

	enter(h, now);
	if (home_is_own(h, &x->mac) || mac_is_group(&x->mac))
		return;
	m = home_sender(h, x->interface, &x->mac);
	if (m) {
		if (x->answer)
			m->life.answered_at = h->now.us;
		if (life_seen(h, m, x->must))
			heard_address(h, m, x);
		if (!x->answer)
			gate_repoint_soon(h, m);
		home_settle(h, m);
	}
	if (!x->claims || home_is_own(h, &x->said))
		return;
	c = home_claim(h, x->interface, &x->addr);
	if (!c || c->index.machine == m || c->index.machine->dropped ||
	    mac_equal(&x->said, &c->index.machine->mac))
		return;
	claim_rival(h, c, x);
	home_settle(h, c->index.machine);
}

void home_packet(struct home *h, const struct packet *p, struct moment now)
{
	struct machine *sender = NULL;
	struct claim *c;

	enter(h, now);
	if (!p->local) {
		if (home_is_own(h, &p->src_mac) || mac_is_group(&p->src_mac))
			return;
		sender = home_sender(h, p->interface, &p->src_mac);
	}
	c = home_claim(h, p->interface, &p->dst);
	if (c && c->index.machine != sender && !c->index.machine->dropped) {
		knock_packet(h, c, p);
		home_settle(h, c->index.machine);
	}
	if (sender) {
		(void)life_seen(h, sender, true);
		home_settle(h, sender);
	}
}

void home_port_answer(struct home *h, uint8_t interface, const struct addr *a, uint16_t port,
		      bool open, struct moment now)
{
	struct claim *c;

	enter(h, now);
	c = home_claim(h, interface, a);
	if (!c || c->index.machine->dropped)
		return;
	(void)life_seen(h, c->index.machine, true);
	gate_answer(h, c->index.machine, c, port, open);
	home_settle(h, c->index.machine);
}

void home_echo_answer(struct home *h, uint8_t interface, const struct addr *a, struct moment now)
{
	struct claim *c;

	enter(h, now);
	c = home_claim(h, interface, a);
	if (!c || c->index.machine->dropped)
		return;
	(void)life_seen(h, c->index.machine, true);
	home_settle(h, c->index.machine);
}

/* --- time --- */

uint64_t home_due(const struct home *h)
{
	const struct heap_node *first = heap_first(&h->heap);

	return first ? first->due : NEVER;
}

static void tick_home(struct home *h)
{
	if (h->left_out_at <= h->now.us) {
		struct event e = { .kind = EVENT_LEFT_OUT, .replayed = h->left_out };

		h->left_out = 0;
		h->left_out_at = NEVER;
		home_tell(h, NULL, e);
	}
	for (uint8_t i = 0; i < HOME_INTERFACES; i++) {
		struct home_link *link = &h->links[i];

		if (link->refresh_at > h->now.us)
			continue;
		link->refresh_at = home_in(h, CLAIM_REFRESH);
		if (link->is.up && link->is.virtual_mac)
			home_emit(h, (struct effect){ .kind = EFFECT_REFRESH, .interface = i });
	}
	home_schedule(h);
}

static void tick_machine(struct home *h, struct machine *m)
{
	hold_tick(h, m);
	/* A step into another state may want something done at once. */
	for (int round = 0; round < TICK_ROUNDS && machine_due(h, m) <= h->now.us; round++) {
		gate_tick(h, m);
		claim_tick(h, m);
		wake_tick(h, m);
		if (!m->dropped)
			life_tick(h, m);
	}
	home_settle(h, m);
	assert(!m->timer.in_heap || m->timer.due > h->now.us);
}

void home_tick(struct home *h, struct moment now)
{
	enter(h, now);
	for (int i = 0; i < HOME_TICK_BATCH; i++) {
		struct heap_node *first = heap_first(&h->heap);

		if (!first || first->due > h->now.us)
			return;
		if (first == &h->timer)
			tick_home(h);
		else
			tick_machine(h, container_of(first, struct machine, timer));
	}
}
