#include "core/claim.h"

#include "core/gate.h"
#include "core/hold.h"
#include "core/life.h"

#include <string.h>

/* Virtual MACs of guards begin alike, so that they know each other ("ro", locally administered). */
static const uint8_t guard_prefix[3] = { 0x0a, 0x72, 0x6f };

static bool is_guard(const struct mac *mac)
{
	return memcmp(mac->b, guard_prefix, sizeof(guard_prefix)) == 0;
}

static struct effect about(const struct claim *c, enum effect_kind kind)
{
	struct machine *m = c->index.machine;

	return (struct effect){
		.kind = (uint8_t)kind, .interface = m->interface, .machine = m, .addr = c->addr
	};
}

/* While a machine may be booting, nothing about its addresses goes to everybody: one such frame fails its DAD. */
static bool may_be_booting(const struct machine *m)
{
	return m->state != MACHINE_ASLEEP;
}

bool claim_can_solicit(const struct home *h, const struct claim *c)
{
	const struct machine *m = c->index.machine;
	const struct home_interface *is;

	if (h->set.observe || !home_link_up(h, m))
		return false;
	is = &h->links[m->interface].is;
	return c->addr.family == 4 ? is->has4 : is->has6;
}

bool claim_any_solicit(const struct home *h, const struct machine *m)
{
	for (uint16_t i = 0; i < m->claims_n; i++) {
		if (claim_can_solicit(h, &m->claims[i]))
			return true;
	}
	return false;
}

void claim_solicit(struct home *h, struct claim *c, bool everybody)
{
	struct effect e = about(c, EFFECT_SOLICIT);

	if (!claim_can_solicit(h, c))
		return;
	e.mac = c->index.machine->mac;
	home_emit(h, e);
	if (!everybody)
		return;
	e.mac = MAC_ZERO;
	home_emit(h, e);
}

/* --- taking --- */

static void announce_from(struct home *h, struct claim *c, bool real, uint64_t in)
{
	c->announces = CLAIM_ANNOUNCES;
	c->real = real;
	c->announce_at = home_in(h, in);
}

static void announce(struct home *h, struct claim *c)
{
	struct effect e = about(c, EFFECT_ANNOUNCE);
	uint64_t gap = c->addr.family == 6 && !c->real ? CLAIM_ANNOUNCE_GAP_6 : CLAIM_ANNOUNCE_GAP;

	if (c->real)
		e.mac = c->index.machine->mac;
	c->announces--;
	c->announce_at = c->announces ? home_in(h, gap) : NEVER;
	home_emit(h, e);
}

static void claim_hold(struct home *h, struct claim *c)
{
	if (c->state == CLAIM_HELD)
		return;
	c->state = CLAIM_HELD;
	c->look_at = NEVER;
	home_count_claims(h, c->index.machine->interface, 1);
	home_emit(h, about(c, EFFECT_CLAIM));
}

static void say(struct home *h, const struct claim *c, enum event_kind kind)
{
	struct event e = { .kind = (uint8_t)kind, .to = c->addr, .from_mac = c->rival };

	home_tell(h, c->index.machine, e);
}

/* Not ours for now: another guard keeps it, or another host uses it. */
static void stand_back(struct home *h, struct claim *c, bool guard)
{
	bool said = c->state == CLAIM_YIELDED || c->state == CLAIM_CONFLICT;

	claim_release(h, c->index.machine, c);
	c->state = guard ? CLAIM_YIELDED : CLAIM_CONFLICT;
	c->looks = 0;
	c->look_at = home_in(h, guard ? CLAIM_YIELDED_LOOK : CLAIM_CONFLICT_LOOK);
	if (!said)
		say(h, c, guard ? EVENT_YIELDED : EVENT_CONFLICT);
}

/* The lower virtual MAC of two guards keeps the claim. */
static bool outranks(const struct home *h, const struct claim *c, const struct mac *rival)
{
	const struct home_interface *is = &h->links[c->index.machine->interface].is;

	return is->virtual_mac && mac_compare(&is->claim, rival) < 0;
}

void claim_all(struct home *h, struct machine *m, enum claim_how how)
{
	if (h->set.observe || m->interface >= HOME_INTERFACES)
		return;
	for (uint16_t i = 0; i < m->claims_n; i++) {
		struct claim *c = &m->claims[i];

		c->answered = false;
		if (c->state == CLAIM_YIELDED || c->state == CLAIM_CONFLICT)
			continue;
		if (home_ago(h, c->rival_at) <= CLAIM_RIVAL_FRESH &&
		    !(is_guard(&c->rival) && outranks(h, c, &c->rival))) {
			stand_back(h, c, is_guard(&c->rival));
			continue;
		}
		claim_hold(h, c);
		c->announces = 0;
		c->announce_at = NEVER;
		if (how == CLAIM_ANNOUNCED) {
			announce_from(h, c, false, 0);
			announce(h, c);
		}
	}
}

void claim_announce_again(struct home *h, struct machine *m, uint64_t in)
{
	for (uint16_t i = 0; i < m->claims_n; i++) {
		if (m->claims[i].state == CLAIM_HELD && !may_be_booting(m))
			announce_from(h, &m->claims[i], false, in);
	}
}

void claim_hush(struct machine *m)
{
	for (uint16_t i = 0; i < m->claims_n; i++) {
		struct claim *c = &m->claims[i];

		c->announces = 0;
		c->announce_at = NEVER;
	}
}

/* --- giving --- */

void claim_release(struct home *h, struct machine *m, struct claim *c)
{
	uint8_t i = machine_claim_index(m, c);

	hold_drop_address(h, m, i);
	gate_drop_address(h, m, i);
	c->announces = 0;
	c->announce_at = NEVER;
	c->look_at = NEVER;
	c->answered = false;
	if (c->state == CLAIM_HELD) {
		home_count_claims(h, m->interface, -1);
		home_emit(h, about(c, EFFECT_RELEASE));
	}
	c->state = CLAIM_NONE;
}

void claim_release_all(struct home *h, struct machine *m)
{
	for (uint16_t i = 0; i < m->claims_n; i++)
		claim_release(h, m, &m->claims[i]);
}

void claim_hand_back(struct home *h, struct machine *m, struct claim *c)
{
	struct effect local = about(c, EFFECT_LOCAL);

	announce_from(h, c, true, 0);
	announce(h, c);
	if (c->local) {
		local.mac = m->mac;
		home_emit(h, local);
	}
	c->local = false;
	c->answered = false;
	c->state = CLAIM_NONE;
	gate_drop_address(h, m, machine_claim_index(m, c));
	home_count_claims(h, m->interface, -1);
	home_emit(h, about(c, EFFECT_RELEASE));
}

void claim_try_hand_back(struct home *h, struct machine *m, struct claim *c)
{
	if (m->state == MACHINE_AWAKE && c->state == CLAIM_HELD && c->answered &&
	    !gate_any(m, machine_claim_index(m, c)))
		claim_hand_back(h, m, c);
}

void claim_forget_others(struct machine *m)
{
	for (uint16_t i = 0; i < m->claims_n; i++) {
		struct claim *c = &m->claims[i];

		if (c->state != CLAIM_YIELDED && c->state != CLAIM_CONFLICT)
			continue;
		c->state = CLAIM_NONE;
		c->look_at = NEVER;
	}
}

/* --- others --- */

static struct bucket *asker(struct home *h, const struct mac *mac)
{
	return &h->askers[hash_bytes(&h->key, mac, sizeof(*mac)) & (CLAIM_ASKERS - 1)];
}

void claim_solicited(struct home *h, struct claim *c, const struct solicit *s)
{
	struct machine *m = c->index.machine;
	struct effect e = about(c, EFFECT_ANSWER);

	/* Answering the machine fails its address configuration; an announcement asks nothing. */
	if (mac_equal(&s->asker_mac, &m->mac) || mac_equal(&s->asker_said, &m->mac) ||
	    addr_equal(&s->asker, &s->target))
		return;
	life_asked(h, c, &s->asker_mac);
	if (c->state != CLAIM_HELD)
		return;
	/* A flood of questions must not use up what the others' answers need. */
	if (!home_take(asker(h, &s->asker_mac), CLAIM_ANSWER_BURST, CLAIM_ANSWER_GAP, h->now.us))
		return;
	e.peer_mac = s->asker_mac;
	e.peer = s->asker;
	home_emit(h, e);
	/* The NIC answers as well; only an announcement wins against an answer within Linux' locktime. */
	if (m->life.nic_answers && !addr_is_unspecified(&s->asker)) {
		e.kind = EFFECT_REPOINT;
		home_emit(h, e);
	}
}

/* Once, RFC 5227, 2.4 (b); to everybody only while the machine surely sleeps. */
static void defend(struct home *h, struct claim *c, const struct heard *x)
{
	struct effect e = about(c, may_be_booting(c->index.machine) ? EFFECT_REPOINT
								    : EFFECT_ANNOUNCE);

	if (e.kind == EFFECT_REPOINT) {
		e.peer_mac = x->mac;
		e.peer = x->addr;
	}
	c->defended_at = h->now.us;
	home_emit(h, e);
}

void claim_rival(struct home *h, struct claim *c, const struct heard *x)
{
	bool guard = is_guard(&x->said);
	uint64_t defended = home_ago(h, c->defended_at);

	c->rival = x->said;
	c->rival_at = h->now.us;
	if (c->state != CLAIM_HELD)
		return;
	if (guard && outranks(h, c, &x->said)) {
		if (defended >= CLAIM_GUARD_DEFEND)
			defend(h, c, x);
		return;
	}
	/* Between guards whose claims are not told apart by a virtual MAC the ordinary rule decides. */
	if (guard && h->links[c->index.machine->interface].is.virtual_mac)
		stand_back(h, c, true);
	else if (defended >= CLAIM_DEFEND_INTERVAL)
		defend(h, c, x);
	else
		stand_back(h, c, false);
}

/* Does the one we stood back for still use the address? */
static void look(struct home *h, struct claim *c)
{
	bool guard = c->state == CLAIM_YIELDED;
	struct effect e = about(c, EFFECT_SOLICIT);

	if (c->index.machine->state != MACHINE_ASLEEP || !claim_can_solicit(h, c)) {
		c->looks = 0;
		c->look_at = home_in(h, guard ? CLAIM_YIELDED_LOOK : CLAIM_CONFLICT_LOOK);
		return;
	}
	if (c->looks > 0 &&
	    home_ago(h, c->rival_at) <= (CLAIM_LOOK_PROBES + 1) * CLAIM_LOOK_PROBE) {
		stand_back(h, c, is_guard(&c->rival));
		return;
	}
	if (c->looks < CLAIM_LOOK_PROBES) {
		c->looks++;
		c->look_at = home_in(h, CLAIM_LOOK_PROBE);
		home_emit(h, e);
		return;
	}
	c->state = CLAIM_NONE;
	claim_hold(h, c);
	announce_from(h, c, false, 0);
	announce(h, c);
	say(h, c, EVENT_RECLAIMED);
}

/* --- time --- */

uint64_t claim_due(const struct machine *m)
{
	uint64_t due = NEVER;

	for (uint16_t i = 0; i < m->claims_n; i++) {
		const struct claim *c = &m->claims[i];

		if (c->announce_at < due)
			due = c->announce_at;
		if (c->look_at < due)
			due = c->look_at;
	}
	return due;
}

void claim_tick(struct home *h, struct machine *m)
{
	for (uint16_t i = 0; i < m->claims_n; i++) {
		struct claim *c = &m->claims[i];

		if (c->announce_at <= h->now.us)
			announce(h, c);
		if (c->look_at <= h->now.us)
			look(h, c);
	}
}
