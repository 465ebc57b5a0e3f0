#include "core/machine.h"

#include "core/home.h"

#include <assert.h>
#include <string.h>

#define STEP(from, to) (1u << ((from)*MACHINE_STATES + (to)))

/* The life cycle. UNKNOWN can follow anything: the link or the interface was away. */
static const uint32_t steps =
	STEP(MACHINE_UNKNOWN, MACHINE_AWAKE) | STEP(MACHINE_UNKNOWN, MACHINE_DROWSY) |
	STEP(MACHINE_UNKNOWN, MACHINE_ASLEEP) | STEP(MACHINE_UNKNOWN, MACHINE_WAKING) |
	STEP(MACHINE_AWAKE, MACHINE_DROWSY) | STEP(MACHINE_AWAKE, MACHINE_ASLEEP) |
	STEP(MACHINE_AWAKE, MACHINE_UNKNOWN) | STEP(MACHINE_DROWSY, MACHINE_AWAKE) |
	STEP(MACHINE_DROWSY, MACHINE_ASLEEP) | STEP(MACHINE_DROWSY, MACHINE_UNKNOWN) |
	STEP(MACHINE_ASLEEP, MACHINE_WAKING) | STEP(MACHINE_ASLEEP, MACHINE_DROWSY) |
	STEP(MACHINE_ASLEEP, MACHINE_UNKNOWN) | STEP(MACHINE_WAKING, MACHINE_AWAKE) |
	STEP(MACHINE_WAKING, MACHINE_ASLEEP) | STEP(MACHINE_WAKING, MACHINE_DROWSY) |
	STEP(MACHINE_WAKING, MACHINE_UNKNOWN);

void machine_enter(struct machine *m, enum machine_state to, struct moment now)
{
	struct life *l = &m->life;
	bool again = m->state == MACHINE_UNKNOWN && to == l->verify_from;

	assert(steps & STEP(m->state, to));
	if (to == MACHINE_UNKNOWN)
		l->verify_from = m->state;
	m->state = (uint8_t)to;
	l->since = now.us;
	l->probes = 0;
	l->nic_since = 0;
	/* Not knowing is no news, and neither is to find it as it was: what was stored stays. */
	if (to == MACHINE_UNKNOWN || again)
		return;
	l->since_wall_ms = now.wall_ms;
	m->dirty = true;
}

struct claim *machine_claim(const struct machine *m, const struct addr *a)
{
	for (uint16_t i = 0; i < m->claims_n; i++) {
		if (addr_equal(&m->claims[i].addr, a))
			return &m->claims[i];
	}
	return NULL;
}

uint8_t machine_claim_index(const struct machine *m, const struct claim *c)
{
	return (uint8_t)(c - m->claims);
}

bool machine_holds_claims(const struct machine *m)
{
	for (uint16_t i = 0; i < m->claims_n; i++) {
		if (m->claims[i].state == CLAIM_HELD)
			return true;
	}
	return false;
}

bool machine_is_watched(const struct machine *m)
{
	return m->origin != SPEC_REGISTERED || m->has_sleeper;
}

size_t machine_size(const struct spec *s)
{
	return sizeof(struct machine) + s->addresses_n * sizeof(struct claim) +
	       s->rules_n * sizeof(struct rule) +
	       ((size_t)s->from_n + s->ignore_n) * sizeof(struct source) + strlen(s->name) + 1;
}

static void place_claims(struct machine *m, const struct spec *s)
{
	for (uint16_t i = 0; i < s->addresses_n; i++) {
		struct claim *c = &m->claims[i];

		c->addr = s->addresses[i];
		c->announce_at = NEVER;
		c->look_at = NEVER;
		c->index.machine = m;
		c->index.kind = INDEX_ADDRESS;
		c->index.address = (uint8_t)i;
	}
}

/* Behind the machine come its claims, rules, sources and name: from the widest alignment to none. */
static void place_arrays(struct machine *m, const struct spec *s)
{
	uint8_t *at = (uint8_t *)(m + 1);

	m->claims_n = s->addresses_n;
	m->rules_n = s->rules_n;
	m->from_n = s->from_n;
	m->ignore_n = s->ignore_n;
	m->claims = (struct claim *)(void *)at;
	at += s->addresses_n * sizeof(struct claim);
	m->rules = (struct rule *)(void *)at;
	memcpy(at, s->rules, s->rules_n * sizeof(struct rule));
	at += s->rules_n * sizeof(struct rule);
	m->from = (struct source *)(void *)at;
	memcpy(at, s->from, s->from_n * sizeof(struct source));
	at += s->from_n * sizeof(struct source);
	m->ignore = (struct source *)(void *)at;
	memcpy(at, s->ignore, s->ignore_n * sizeof(struct source));
	at += s->ignore_n * sizeof(struct source);
	m->name = (char *)at;
	memcpy(at, s->name, strlen(s->name) + 1);
}

struct machine *machine_place(void *memory, const struct spec *s, uint32_t id)
{
	struct machine *m = memory;

	memset(memory, 0, machine_size(s));
	m->id = id;
	m->line = s->line;
	m->watts = s->watts;
	m->mac = s->mac;
	m->secureon = s->secureon;
	m->origin = s->origin;
	m->interface = HOME_NO_INTERFACE;
	m->state = MACHINE_UNKNOWN;
	memcpy(m->link, s->interface, sizeof(m->link));
	list_init(&m->node);
	list_init(&m->holds);
	list_init(&m->replays);
	list_init(&m->gates);
	m->by_mac.machine = m;
	m->by_mac.kind = INDEX_MAC;
	m->by_name.machine = m;
	m->by_name.kind = INDEX_NAME;
	m->by_id.machine = m;
	m->by_id.kind = INDEX_ID;
	m->life.probe_at = NEVER;
	m->life.repoint_at = NEVER;
	m->wake.next = NEVER;
	m->wake.pending_at = NEVER;
	place_arrays(m, s);
	place_claims(m, s);
	return m;
}

uint32_t machine_id(const struct machine *m)
{
	return m->id;
}

const char *machine_name(const struct machine *m)
{
	return m->name;
}

const struct mac *machine_mac(const struct machine *m)
{
	return &m->mac;
}

const struct secureon *machine_secureon(const struct machine *m)
{
	return &m->secureon;
}

uint8_t machine_interface(const struct machine *m)
{
	return m->interface;
}

enum machine_state machine_state_of(const struct machine *m)
{
	return (enum machine_state)m->state;
}

void machine_past_of(const struct machine *m, struct machine_past *ret_past)
{
	bool known = m->state != MACHINE_UNKNOWN;

	*ret_past = (struct machine_past){
		.state = known ? m->state : m->life.verify_from,
		.nic_answers = m->life.nic_answers,
		.since_wall_ms = m->life.since_wall_ms,
		.last_wake = m->wake.record,
	};
}

void machine_spec_of(const struct machine *m, struct spec *ret_spec)
{
	struct spec *s = ret_spec;

	memset(s, 0, sizeof(*s));
	memcpy(s->name, m->name, strlen(m->name));
	memcpy(s->interface, m->link, sizeof(s->interface));
	s->origin = m->origin;
	s->mac = m->mac;
	s->secureon = m->secureon;
	s->line = m->line;
	s->watts = m->watts;
	s->addresses_n = m->claims_n;
	s->rules_n = m->rules_n;
	s->from_n = m->from_n;
	s->ignore_n = m->ignore_n;
	for (uint16_t i = 0; i < m->claims_n; i++)
		s->addresses[i] = m->claims[i].addr;
	memcpy(s->rules, m->rules, m->rules_n * sizeof(*m->rules));
	memcpy(s->from, m->from, m->from_n * sizeof(*m->from));
	memcpy(s->ignore, m->ignore, m->ignore_n * sizeof(*m->ignore));
}
