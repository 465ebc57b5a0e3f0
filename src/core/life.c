#include "core/life.h"

#include "core/claim.h"
#include "core/gate.h"
#include "core/hold.h"
#include "core/wake.h"

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void probe_all(struct home *h, struct machine *m, bool everybody)
{
	for (uint16_t i = 0; i < m->claims_n; i++)
		claim_solicit(h, &m->claims[i], everybody);
	if (m->life.probes < UINT8_MAX)
		m->life.probes++;
}

static bool was_asleep(const struct machine *m)
{
	return m->life.verify_from == MACHINE_ASLEEP || m->life.verify_from == MACHINE_WAKING;
}

bool life_nic_alone(const struct machine *m)
{
	const struct life *l = &m->life;

	if (!l->nic_answers || l->proved)
		return false;
	return m->state == MACHINE_ASLEEP || m->state == MACHINE_WAKING ||
	       (m->state == MACHINE_UNKNOWN && was_asleep(m));
}

void life_ask_more(struct home *h, struct machine *m)
{
	struct effect e = { .interface = m->interface, .machine = m, .mac = m->mac };

	for (uint16_t i = 0; i < m->claims_n; i++) {
		if (!claim_can_solicit(h, &m->claims[i]))
			continue;
		e.addr = m->claims[i].addr;
		e.kind = EFFECT_PROBE_ECHO;
		home_emit(h, e);
		for (uint16_t r = 0; r < m->rules_n; r++) {
			if (m->rules[r].kind > RULE_TCP_DATA || m->rules[r].first == 0)
				continue;
			e.kind = EFFECT_PROBE_PORT;
			e.port = m->rules[r].first;
			home_emit(h, e);
			break;
		}
	}
}

/* --- steps --- */

static void watch_from_now(struct home *h, struct machine *m)
{
	bool returning = machine_holds_claims(m);

	if (returning)
		m->life.probe_at = home_in(h, LIFE_WAKING_PROBE);
	else if (h->set.watch > 0 && machine_is_watched(m))
		m->life.probe_at = home_in(h, h->set.watch);
	else
		m->life.probe_at = NEVER;
}

static void enter_awake(struct home *h, struct machine *m)
{
	machine_enter(m, MACHINE_AWAKE, h->now);
	wake_over(m);
	claim_forget_others(m);
	for (uint16_t i = 0; i < m->claims_n; i++)
		claim_try_hand_back(h, m, &m->claims[i]);
	watch_from_now(h, m);
}

static void enter_waking(struct home *h, struct machine *m)
{
	machine_enter(m, MACHINE_WAKING, h->now);
	claim_hush(m);
	m->life.probe_at = h->now.us;
}

void life_is_awake(struct home *h, struct machine *m)
{
	wake_came_up(h, m);
	enter_awake(h, m);
}

/* How much longer it has to be silent before its neighbours are told again whom to ask. */
static uint64_t quiet_left(const struct home *h, const struct machine *m)
{
	uint64_t quiet = home_ago(h, m->life.heard_at);

	return quiet < CLAIM_MOVED_QUIET ? CLAIM_MOVED_QUIET - quiet : 0;
}

void life_fell_asleep(struct home *h, struct machine *m)
{
	struct life *l = &m->life;
	bool waking = m->state == MACHINE_WAKING;
	bool held = machine_holds_claims(m);
	bool again = m->state == MACHINE_UNKNOWN && was_asleep(m);
	struct event e = { .kind = EVENT_ASLEEP };

	if (l->heard_at != 0)
		e.took_us = home_ago(h,
				     l->nic_answers && l->must_at != 0 ? l->must_at : l->heard_at);
	machine_enter(m, MACHINE_ASLEEP, h->now);
	gate_stop(h, m);
	l->proved = false;
	l->probe_at = home_in(h, LIFE_ASLEEP_LOOK);
	claim_all(h, m, waking && (held || l->moved) ? CLAIM_QUIETLY : CLAIM_ANNOUNCED);
	/* Its boot was broken off, but it may be under way again. */
	if (waking && l->moved)
		claim_announce_again(h, m, quiet_left(h, m));
	l->moved = false;
	if (!waking && !again)
		home_tell(h, m, e);
	wake_pending(h, m);
}

/* It lives, and we did not know. */
static void found_alive(struct home *h, struct machine *m)
{
	struct life *l = &m->life;
	bool held = machine_holds_claims(m);

	if (l->verify_from == MACHINE_DROWSY) {
		machine_enter(m, MACHINE_DROWSY, h->now);
		l->probe_at = home_in(h, h->set.probe_interval);
	} else if (was_asleep(m) && (held || l->adopted)) {
		/* Neighbours have the virtual MAC: it gets its addresses back like any other that wakes. */
		claim_all(h, m, CLAIM_QUIETLY);
		if (l->verify_from == MACHINE_WAKING && l->restarted)
			wake_resume(h, m);
		enter_waking(h, m);
		l->moved = true;
	} else {
		enter_awake(h, m);
		if (!held)
			gate_release_all(h, m);
	}
}

bool life_seen(struct home *h, struct machine *m, bool must)
{
	struct life *l = &m->life;

	if (must) {
		l->must_at = h->now.us;
		l->nic_since = 0;
		if (life_nic_alone(m) && m->state == MACHINE_WAKING)
			l->probe_at = h->now.us; /* its answers count from now on: ask at once */
		l->proved = true;
	} else if (life_nic_alone(m)) {
		return false;
	}
	if (home_ago(h, l->heard_at) > LIFE_RUN_GAP)
		l->run_since = h->now.us;
	l->heard_at = h->now.us;
	l->probes = 0;
	switch ((enum machine_state)m->state) {
	case MACHINE_UNKNOWN:
		found_alive(h, m);
		break;
	case MACHINE_ASLEEP:
		l->moved = true;
		enter_waking(h, m);
		break;
	case MACHINE_WAKING:
		l->moved = true;
		break;
	case MACHINE_AWAKE:
	case MACHINE_DROWSY:
	case MACHINE_STATES:
		break;
	}
	/* Where nothing is claimed there is nothing to be handed back: a frame is enough. */
	if (m->state == MACHINE_WAKING && !machine_holds_claims(m))
		life_is_awake(h, m);
	return true;
}

void life_answered(struct home *h, struct machine *m, struct claim *c)
{
	struct event e = { .kind = EVENT_REPLAYED, .to = c->addr };
	uint8_t i = machine_claim_index(m, c);

	if (m->state == MACHINE_WAKING)
		life_is_awake(h, m);
	if ((m->state != MACHINE_AWAKE && m->state != MACHINE_DROWSY) || c->state != CLAIM_HELD ||
	    c->answered)
		return;
	c->answered = true;
	e.replayed = hold_send(h, m, i, false, 0);
	gate_begin(h, m, c);
	claim_try_hand_back(h, m, c);
	if (e.replayed == 0)
		return;
	e.took_us = wake_replayed(h, m, false, e.replayed);
	home_tell(h, m, e);
}

void life_goodbye(struct home *h, struct machine *m)
{
	struct life *l = &m->life;

	if (m->dropped)
		return;
	l->goodbye_at = h->now.us;
	l->nic_since = 0;
	if (m->state == MACHINE_DROWSY) {
		l->since = h->now.us;
		return;
	}
	if (m->state == MACHINE_UNKNOWN && l->adopted)
		claim_all(h, m, CLAIM_QUIETLY);
	wake_over(m);
	claim_hush(m);
	machine_enter(m, MACHINE_DROWSY, h->now);
	l->probe_at = home_in(h, h->set.probe_interval);
	home_tell(h, m, (struct event){ .kind = EVENT_GOODBYE });
}

void life_stay(struct home *h, struct machine *m)
{
	if (m->dropped)
		return;
	(void)life_seen(h, m, true);
	if (m->state != MACHINE_DROWSY)
		return;
	enter_awake(h, m);
	home_tell(h, m, (struct event){ .kind = EVENT_STAYS });
}

void life_watch(struct home *h, struct machine *m)
{
	if (m->state == MACHINE_AWAKE && !m->dropped)
		watch_from_now(h, m);
}

/* Nobody repeats a question that was answered. */
void life_asked(struct home *h, struct claim *c, const struct mac *asker)
{
	struct machine *m = c->index.machine;
	uint64_t ago = home_ago(h, c->asked_at);
	bool same = mac_equal(&c->asker, asker);

	if (!h->set.observe || m->state == MACHINE_ASLEEP || m->state == MACHINE_WAKING)
		return;
	if (same && ago < OBSERVE_REPEAT_MIN)
		return;
	if (same && ago <= OBSERVE_REPEAT_MAX && m->life.heard_at < c->asked_at) {
		c->asked_at = 0;
		life_fell_asleep(h, m);
		return;
	}
	c->asker = *asker;
	c->asked_at = h->now.us;
}

/* --- beginning --- */

void life_begin(struct home *h, struct machine *m, const struct machine_past *past)
{
	struct life *l = &m->life;

	l->since = h->now.us;
	l->since_wall_ms = h->now.wall_ms;
	l->probe_at = h->now.us;
	m->dirty = !past;
	if (!past)
		return;
	l->verify_from = past->state;
	l->nic_answers = past->nic_answers;
	l->since_wall_ms = past->since_wall_ms;
	l->goodbye_at = h->now.us;
	l->restarted = was_asleep(m);
	l->adopted = l->restarted;
	m->wake.record = past->last_wake;
}

void life_verify(struct home *h, struct machine *m)
{
	struct life *l = &m->life;

	if (m->dropped)
		return;
	wake_over(m);
	claim_hush(m);
	gate_stop(h, m);
	if (m->state == MACHINE_UNKNOWN) {
		l->since = h->now.us;
		l->probes = 0;
	} else {
		machine_enter(m, MACHINE_UNKNOWN, h->now);
		l->restarted = false;
		l->adopted = false;
	}
	l->proved = false;
	l->probe_at = h->now.us;
}

void life_retune(struct home *h, struct machine *m)
{
	if (m->state == MACHINE_AWAKE && m->life.probes == 0)
		watch_from_now(h, m);
}

/* --- time --- */

/* Asked long enough. Where nothing can be asked, it is what it was. */
static void decide_unknown(struct home *h, struct machine *m)
{
	struct life *l = &m->life;
	bool asked = claim_any_solicit(h, m);

	if (!asked && l->verify_from == MACHINE_UNKNOWN) {
		l->probe_at = NEVER;
	} else if (!asked && l->verify_from == MACHINE_AWAKE) {
		enter_awake(h, m);
	} else if (!asked && l->verify_from == MACHINE_DROWSY) {
		machine_enter(m, MACHINE_DROWSY, h->now);
		l->probe_at = home_in(h, h->set.probe_interval);
	} else if (l->verify_from == MACHINE_WAKING && l->restarted) {
		/* The guard was restarted while it booted: not a word to everybody. */
		claim_all(h, m, CLAIM_QUIETLY);
		wake_resume(h, m);
		enter_waking(h, m);
		l->moved = true;
	} else {
		life_fell_asleep(h, m);
	}
}

static void tick_unknown(struct home *h, struct machine *m)
{
	struct life *l = &m->life;
	uint64_t limit = l->since + (l->restarted ? LIFE_RESTART_LIMIT : LIFE_UNKNOWN_LIMIT);
	uint64_t next = home_in(h, l->restarted ? LIFE_RESTART_PROBE : LIFE_UNKNOWN_PROBE);

	if (h->now.us >= limit) {
		decide_unknown(h, m);
		return;
	}
	/* The last one to everybody: another host that uses an address shows itself. */
	probe_all(h, m, next >= limit);
	if (life_nic_alone(m))
		life_ask_more(h, m);
	l->probe_at = next < limit ? next : limit;
}

/* Addresses that did not answer yet, or wait for a port. */
static void tick_returning(struct home *h, struct machine *m)
{
	struct life *l = &m->life;
	bool watched = false;

	for (uint16_t i = 0; i < m->claims_n; i++) {
		struct claim *c = &m->claims[i];

		if (c->state != CLAIM_HELD)
			continue;
		if (!c->answered && h->now.us - l->since >= LIFE_NO_ANSWER) {
			claim_release(h, m, c);
			continue;
		}
		watched = watched || (c->answered && claim_can_solicit(h, c));
		if (!c->answered || l->probes % (LIFE_GATED_PROBE / LIFE_WAKING_PROBE) == 0)
			claim_solicit(h, c, false);
	}
	if (watched && home_ago(h, l->heard_at) >= LIFE_GATED_SILENCE) {
		life_fell_asleep(h, m);
		return;
	}
	l->probes++;
	watch_from_now(h, m);
}

static void tick_awake(struct home *h, struct machine *m)
{
	struct life *l = &m->life;

	if (machine_holds_claims(m)) {
		tick_returning(h, m);
		return;
	}
	if (h->set.watch == 0 || !machine_is_watched(m) || !claim_any_solicit(h, m)) {
		watch_from_now(h, m);
		return;
	}
	if (l->probes == 0 && home_ago(h, l->heard_at) < h->set.watch) {
		l->probe_at = l->heard_at + h->set.watch;
		return;
	}
	if (l->probes > LIFE_WATCH_PROBES) {
		life_fell_asleep(h, m);
		return;
	}
	probe_all(h, m, l->probes >= LIFE_WATCH_PROBES - 1);
	l->probe_at = home_in(h, LIFE_WATCH_PROBE);
}

/* Its NIC may answer for it: true when that is all there is. */
static bool nic_is_all(struct home *h, struct machine *m)
{
	struct life *l = &m->life;
	uint64_t from = later(l->must_at, l->since);

	if (l->answered_at <= from || h->now.us - from < LIFE_NIC_WAIT)
		return false;
	if (l->nic_since == 0) {
		l->nic_since = h->now.us;
		l->nic_probe_at = h->now.us;
	}
	if (h->now.us - l->nic_since >= LIFE_NIC_SILENCE)
		return true;
	if (h->now.us >= l->nic_probe_at) {
		l->nic_probe_at = home_in(h, LIFE_NIC_PROBE);
		life_ask_more(h, m);
	}
	return false;
}

static void tick_drowsy(struct home *h, struct machine *m)
{
	struct life *l = &m->life;
	uint64_t silence = LIFE_DROWSY_INTERVALS * h->set.probe_interval;
	uint64_t from = later(l->heard_at, l->since);
	bool asked = l->probes >= LIFE_DROWSY_UNANSWERED || !claim_any_solicit(h, m);

	if (asked && h->now.us - from >= silence) {
		life_fell_asleep(h, m);
		return;
	}
	if (nic_is_all(h, m)) {
		if (!l->nic_answers)
			home_tell(h, m, (struct event){ .kind = EVENT_NIC_ANSWERS });
		l->nic_answers = true;
		life_fell_asleep(h, m);
		return;
	}
	if (home_ago(h, l->goodbye_at) >= h->set.shutdown_timeout) {
		enter_awake(h, m);
		home_tell(h, m,
			  (struct event){ .kind = EVENT_STAYED_AWAKE,
					  .took_us = home_ago(h, l->goodbye_at) });
		return;
	}
	/* The second goes to everybody too, so that there is time for another host's answer. */
	probe_all(h, m, l->probes == LIFE_DROWSY_UNANSWERED - 1);
	l->probe_at = home_in(h, h->set.probe_interval);
	if (l->probes >= LIFE_DROWSY_UNANSWERED && from + silence < l->probe_at &&
	    from + silence > h->now.us)
		l->probe_at = from + silence;
}

static void tick_waking(struct home *h, struct machine *m)
{
	struct life *l = &m->life;
	bool held = machine_holds_claims(m);
	uint64_t alive = h->now.us - later(l->run_since, l->since);

	if (l->moved && home_ago(h, l->heard_at) <= LIFE_RUN_GAP && alive >= LIFE_NO_ANSWER) {
		/* It lives and answers for none of its addresses: it has others now. */
		claim_release_all(h, m);
		life_is_awake(h, m);
		return;
	}
	if (!m->wake.running && m->wake.pending_at == NEVER &&
	    h->now.us - later(l->heard_at, l->since) >= LIFE_HAND_QUIET) {
		life_fell_asleep(h, m);
		return;
	}
	for (uint16_t i = 0; i < m->claims_n; i++) {
		if (!held || m->claims[i].state == CLAIM_HELD)
			claim_solicit(h, &m->claims[i], false);
	}
	if (life_nic_alone(m))
		life_ask_more(h, m); /* as often: clients wait */
	l->probe_at = home_in(h, LIFE_WAKING_PROBE);
}

/* At a whole second: a thousand machines are one reason to wake up, not a thousand. */
static uint64_t next_look(const struct home *h)
{
	uint64_t at = home_in(h, LIFE_ASLEEP_LOOK);

	return at == NEVER ? NEVER : at - at % SECOND;
}

/* One address at a time: a machine that is up answers for each. */
static void tick_asleep(struct home *h, struct machine *m)
{
	if (m->claims_n > 0)
		claim_solicit(h, &m->claims[m->life.looks++ % m->claims_n], false);
	if (life_nic_alone(m))
		life_ask_more(h, m);
	m->life.probe_at = next_look(h);
}

uint64_t life_due(const struct machine *m)
{
	return m->life.probe_at;
}

void life_tick(struct home *h, struct machine *m)
{
	if (m->life.probe_at > h->now.us)
		return;
	switch ((enum machine_state)m->state) {
	case MACHINE_UNKNOWN:
		tick_unknown(h, m);
		break;
	case MACHINE_AWAKE:
		tick_awake(h, m);
		break;
	case MACHINE_DROWSY:
		tick_drowsy(h, m);
		break;
	case MACHINE_ASLEEP:
		tick_asleep(h, m);
		break;
	case MACHINE_WAKING:
		tick_waking(h, m);
		break;
	case MACHINE_STATES:
		break;
	}
}
