#include "core/wake.h"

#include "core/claim.h"
#include "core/life.h"

#include <string.h>

#define RESUME_MAX_MS (60 * 60 * (uint64_t)1000) /* a wall clock that jumped says more */

/* Who asked; nothing where nobody with a name did. */
static void name_who(uint8_t by, const char from[static SPEC_NAME_MAX + 1],
		     char to[static SPEC_NAME_MAX + 1])
{
	if (by == BY_GRANT || by == BY_REQUEST)
		memcpy(to, from, SPEC_NAME_MAX + 1);
}

static struct event about(const struct home *h, const struct machine *m, enum event_kind kind)
{
	const struct wake *w = &m->wake;
	struct event e = {
		.kind = (uint8_t)kind,
		.by = w->by,
		.knock = w->caller.knock,
		.local = w->caller.local,
		.from_mac = w->caller.mac,
		.from = w->caller.from,
		.to = w->caller.to,
		.from_port = w->caller.from_port,
		.to_port = w->caller.to_port,
		.attempt = w->attempt,
		.attempts = h->set.attempts,
		.took_us = h->now.us - w->started,
	};

	name_who(w->by, w->record.who, e.who);
	return e;
}

static void burst(struct home *h, struct machine *m)
{
	struct wake *w = &m->wake;

	if (!home_link_up(h, m)) {
		w->next = h->now.us; /* as soon as it is back */
		return;
	}
	w->attempt++;
	w->next = home_in(h, h->set.interval);
	w->record.attempts = w->attempt;
	m->dirty = true;
	home_emit(h, (struct effect){ .kind = EFFECT_WAKE,
				      .interface = m->interface,
				      .machine = m,
				      .attempt = (uint8_t)(w->attempt > UINT8_MAX ? UINT8_MAX
										  : w->attempt) });
}

bool wake_allowed(const struct home *h, const struct machine *m)
{
	const struct wake *w = &m->wake;

	return !w->running && (w->came_up || home_ago(h, w->started) >= WAKE_AGAIN);
}

void wake_start(struct home *h, struct machine *m, enum wake_by by, const struct caller *who)
{
	struct wake *w = &m->wake;

	w->running = true;
	w->came_up = false;
	w->by = (uint8_t)by;
	w->attempt = 0;
	w->started = h->now.us;
	w->failed_at = 0;
	w->caller = *who;
	w->pending_by = BY_NOBODY;
	w->pending_at = NEVER;
	w->record = (struct wake_record){
		.by = (uint8_t)by,
		.knock = who->knock,
		.from = who->from,
		.to = who->to,
		.from_port = who->from_port,
		.to_port = who->to_port,
		.at_wall_ms = h->now.wall_ms,
	};
	name_who(w->by, w->who, w->record.who);
	burst(h, m); /* before anything else: somebody waits */
	if (m->state == MACHINE_UNKNOWN && m->life.adopted)
		claim_all(h, m, CLAIM_QUIETLY);
	if (m->state != MACHINE_WAKING) {
		m->life.moved = false;
		machine_enter(m, MACHINE_WAKING, h->now);
	}
	claim_hush(m);
	m->life.probe_at = h->now.us;
	home_tell(h, m, about(h, m, by == BY_KNOCK ? EVENT_KNOCK : EVENT_REQUEST));
}

void wake_later(struct home *h, struct machine *m, enum wake_by by, const struct caller *who,
		uint64_t at)
{
	struct wake *w = &m->wake;

	(void)h;
	if (w->pending_by != BY_NOBODY)
		return;
	w->pending_by = (uint8_t)by;
	w->pending = *who;
	w->pending_at = at;
}

static void start_pending(struct home *h, struct machine *m)
{
	struct caller who = m->wake.pending;

	wake_start(h, m, (enum wake_by)m->wake.pending_by, &who);
}

void wake_pending(struct home *h, struct machine *m)
{
	struct wake *w = &m->wake;

	if (w->pending_by == BY_NOBODY)
		return;
	if (w->pending_by == BY_KNOCK && !wake_allowed(h, m)) {
		w->pending_by = BY_NOBODY;
		w->pending_at = NEVER;
		return;
	}
	start_pending(h, m);
}

/* What is known of the series that the last process began. */
void wake_resume(struct home *h, struct machine *m)
{
	struct wake *w = &m->wake;
	const struct wake_record *r = &w->record;
	uint64_t ms = h->now.wall_ms > r->at_wall_ms ? h->now.wall_ms - r->at_wall_ms : 0;

	if (r->awake_us != 0 || (r->by != BY_KNOCK && r->by != BY_REQUEST && r->by != BY_GRANT))
		return;
	if (ms > RESUME_MAX_MS || ms * 1000 >= h->now.us)
		ms = 0;
	w->running = true;
	w->by = r->by;
	w->attempt = r->attempts;
	w->started = h->now.us - ms * 1000;
	w->next = home_in(h, h->set.interval);
	w->caller = (struct caller){
		.from = r->from,
		.to = r->to,
		.from_port = r->from_port,
		.to_port = r->to_port,
		.knock = r->knock,
	};
}

void wake_came_up(struct home *h, struct machine *m)
{
	struct wake *w = &m->wake;
	bool late = !w->running && w->failed_at != 0 && home_ago(h, w->failed_at) <= WAKE_LATE;
	struct event e;

	if (!w->running && !late) {
		w->by = BY_HAND;
		w->attempt = 0;
		w->started = m->life.since;
		w->caller = (struct caller){ .knock = KNOCK_NONE };
		w->record = (struct wake_record){
			.by = BY_HAND,
			.at_wall_ms = h->now.wall_ms - (h->now.us - w->started) / 1000,
		};
	}
	w->record.awake_us = h->now.us > w->started ? h->now.us - w->started : 1;
	e = about(h, m, EVENT_AWAKE);
	e.late = late;
	wake_over(m);
	w->came_up = true;
	w->failed_at = 0;
	m->dirty = true;
	home_tell(h, m, e);
}

uint64_t wake_replayed(struct home *h, struct machine *m, bool ready, uint32_t replayed)
{
	struct wake *w = &m->wake;
	uint64_t took = h->now.us - w->started;

	if (ready && w->record.ready_us == 0)
		w->record.ready_us = took > 0 ? took : 1;
	w->record.replayed += replayed;
	m->dirty = true;
	return took;
}

void wake_over(struct machine *m)
{
	struct wake *w = &m->wake;

	w->running = false;
	w->next = NEVER;
	w->pending_by = BY_NOBODY;
	w->pending_at = NEVER;
}

void wake_link_is_back(struct home *h, struct machine *m)
{
	if (m->wake.running && m->wake.next <= h->now.us) {
		if (m->wake.attempt > 0)
			m->wake.attempt--; /* nobody could hear the last one's answer */
		m->wake.next = h->now.us;
	}
}

static void failed(struct home *h, struct machine *m)
{
	struct wake *w = &m->wake;

	if (m->life.moved && home_ago(h, m->life.heard_at) <= LIFE_RUN_GAP) {
		w->next = home_in(h, LIFE_RUN_GAP); /* it is coming up just now */
		return;
	}
	w->running = false;
	w->next = NEVER;
	w->failed_at = h->now.us;
	home_tell(h, m, about(h, m, EVENT_NO_SIGN_OF_LIFE));
	if (h->set.keep) {
		life_fell_asleep(h, m);
		return;
	}
	claim_release_all(h, m);
	m->dropped = true;
	home_emit(h,
		  (struct effect){ .kind = EFFECT_DROP, .machine = m, .interface = m->interface });
}

uint64_t wake_due(const struct machine *m)
{
	return m->wake.next < m->wake.pending_at ? m->wake.next : m->wake.pending_at;
}

void wake_tick(struct home *h, struct machine *m)
{
	struct wake *w = &m->wake;

	if (w->pending_at <= h->now.us && !w->running && m->state == MACHINE_WAKING)
		start_pending(h, m);
	if (w->next > h->now.us)
		return;
	if (w->attempt >= h->set.attempts) {
		failed(h, m);
		return;
	}
	burst(h, m);
	home_tell(h, m, about(h, m, EVENT_ATTEMPT));
}
