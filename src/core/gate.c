#include "core/gate.h"

#include "core/claim.h"
#include "core/hold.h"
#include "core/life.h"
#include "core/wake.h"

void gate_init(struct home *h, const struct home_memory *memory)
{
	list_init(&h->gates);
	for (uint32_t i = 0; i < memory->gates_n; i++) {
		list_init(&memory->gates[i].node);
		list_append(&h->gates, &memory->gates[i].node);
	}
}

size_t gate_size(void)
{
	return sizeof(struct gate);
}

static struct gate *gate_at(struct list *node)
{
	return container_of(node, struct gate, node);
}

struct gate *gate_of(const struct machine *m, uint8_t address, uint16_t port)
{
	list_each(it, &m->gates)
	{
		struct gate *g = gate_at(it);

		if (g->address == address && g->port == port)
			return g;
	}
	return NULL;
}

bool gate_any(const struct machine *m, uint8_t address)
{
	list_each(it, &m->gates)
	{
		if (gate_at(it)->address == address && !gate_at(it)->open)
			return true;
	}
	return false;
}

/* What comes for this port now passes. */
static void let_pass(struct gate *g)
{
	g->open = true;
	g->probing = false;
	g->probe_at = NEVER;
}

static void gate_free(struct home *h, struct gate *g)
{
	list_remove(&g->node);
	list_append(&h->gates, &g->node);
}

static void start_probing(struct home *h, struct gate *g)
{
	g->probing = true;
	g->since = h->now.us;
	g->refused_at = 0;
	g->probe_at = h->now.us;
}

static void probe(struct home *h, struct machine *m, struct gate *g)
{
	struct claim *c = &m->claims[g->address];

	g->probe_at = home_in(h, GATE_PROBE);
	if (!claim_can_solicit(h, c))
		return; /* no address of our own to ask from: silence opens it */
	home_emit(h, (struct effect){ .kind = EFFECT_PROBE_PORT,
				      .interface = m->interface,
				      .machine = m,
				      .addr = c->addr,
				      .mac = m->mac,
				      .port = g->port });
}

struct gate *gate_make(struct home *h, struct machine *m, const struct claim *c, uint16_t port)
{
	uint8_t address = machine_claim_index(m, c);
	struct gate *g = gate_of(m, address, port);

	if (g || list_empty(&h->gates))
		return g;
	g = gate_at(h->gates.next);
	list_remove(&g->node);
	list_append(&m->gates, &g->node);
	g->address = address;
	g->port = port;
	g->probing = false;
	g->open = false;
	g->refused_at = 0;
	g->probe_at = NEVER;
	if (c->answered)
		start_probing(h, g);
	return g;
}

void gate_sweep(struct home *h, struct machine *m)
{
	list_each_safe(it, &m->gates)
	{
		struct gate *g = gate_at(it);
		struct claim *c = &m->claims[g->address];

		if (g->open || hold_next(m, NULL, g->address, true, g->port))
			continue;
		gate_free(h, g);
		claim_try_hand_back(h, m, c);
	}
}

void gate_drop_address(struct home *h, struct machine *m, uint8_t address)
{
	list_each_safe(it, &m->gates)
	{
		if (gate_at(it)->address == address)
			gate_free(h, gate_at(it));
	}
}

void gate_inherit(struct home *h, struct machine *from, struct machine *to)
{
	list_each_safe(it, &from->gates)
	{
		struct gate *g = gate_at(it);
		const struct claim *c = machine_claim(to, &from->claims[g->address].addr);

		if (!c) {
			gate_free(h, g);
			continue;
		}
		g->address = machine_claim_index(to, c);
		list_remove(&g->node);
		list_append(&to->gates, &g->node);
	}
}

void gate_begin(struct home *h, struct machine *m, const struct claim *c)
{
	uint8_t address = machine_claim_index(m, c);

	list_each(it, &m->gates)
	{
		struct gate *g = gate_at(it);

		if (g->address != address || g->open)
			continue;
		start_probing(h, g);
		probe(h, m, g); /* at once: the service may listen already */
	}
}

void gate_stop(struct home *h, struct machine *m)
{
	m->life.repoint_at = NEVER;
	hold_stop_replays(h, m);
	list_each_safe(it, &m->gates)
	{
		gate_at(it)->probing = false;
		gate_at(it)->probe_at = NEVER;
		if (gate_at(it)->open)
			gate_free(h, gate_at(it));
	}
	for (uint16_t i = 0; i < m->claims_n; i++)
		m->claims[i].answered = false;
}

/* Lets through what waits there. */
static void gate_open(struct home *h, struct machine *m, struct gate *g)
{
	struct claim *c = &m->claims[g->address];
	struct event e = { .kind = EVENT_READY, .to = c->addr, .to_port = g->port };

	e.replayed = hold_send(h, m, g->address, true, g->port);
	let_pass(g);
	claim_try_hand_back(h, m, c);
	e.took_us = wake_replayed(h, m, true, e.replayed);
	home_tell(h, m, e);
}

void gate_release_all(struct home *h, struct machine *m)
{
	for (uint16_t i = 0; i < m->claims_n; i++)
		(void)hold_send(h, m, (uint8_t)i, false, 0);
	list_each_safe(it, &m->gates)
	{
		struct gate *g = gate_at(it);

		(void)hold_send(h, m, g->address, true, g->port);
		gate_free(h, g);
	}
}

/* `hold` is over and the port still refuses: the clients shall see it as it is. */
static void gate_over(struct home *h, struct machine *m, struct gate *g)
{
	struct claim *c = &m->claims[g->address];
	struct event e = { .kind = EVENT_GATE_OVER, .to = c->addr, .to_port = g->port };

	e.took_us = h->now.us - g->since;
	hold_drop(h, m, g->address, true, g->port);
	let_pass(g);
	claim_try_hand_back(h, m, c);
	home_tell(h, m, e);
}

void gate_answer(struct home *h, struct machine *m, struct claim *c, uint16_t port, bool open)
{
	struct gate *g = gate_of(m, machine_claim_index(m, c), port);

	if (!g || !g->probing)
		return;
	if (open)
		gate_open(h, m, g);
	else
		g->refused_at = h->now.us;
}

/* --- keeping the clients that wait --- */

/* One frame a client, whatever it holds. */
static bool pointed_before(const struct machine *m, const struct hold_slot *s)
{
	list_each(it, &m->holds)
	{
		struct hold_slot *o = container_of(it, struct hold_slot, node);

		if (o == s)
			return false;
		if (o->knock == KNOCK_TCP && o->address == s->address && o->local == s->local &&
		    mac_equal(&o->src_mac, &s->src_mac) && addr_equal(&o->src, &s->src))
			return true;
	}
	return false;
}

static void repoint(struct home *h, struct machine *m)
{
	list_each(it, &m->holds)
	{
		struct hold_slot *s = container_of(it, struct hold_slot, node);
		struct effect e = { .interface = m->interface, .machine = m };

		if (s->knock != KNOCK_TCP || m->claims[s->address].state != CLAIM_HELD ||
		    pointed_before(m, s))
			continue;
		e.kind = s->local ? EFFECT_LOCAL : EFFECT_REPOINT;
		e.addr = m->claims[s->address].addr;
		if (!s->local) {
			e.peer_mac = s->src_mac;
			e.peer = s->src;
		}
		home_emit(h, e);
	}
	m->life.repointed_at = h->now.us;
	m->life.repoint_at = home_in(h, GATE_REPOINT);
}

/* The machine talks, so that neighbours may learn its own MAC from it. */
static bool repoints(const struct machine *m)
{
	if (list_empty(&m->gates) || !machine_holds_claims(m))
		return false;
	return (m->state == MACHINE_WAKING && m->life.moved) || m->state == MACHINE_AWAKE ||
	       m->state == MACHINE_DROWSY;
}

void gate_repoint_soon(struct home *h, struct machine *m)
{
	uint64_t again = home_in(h, GATE_REPOINT_GAP);

	if (!repoints(m))
		return;
	if (m->life.repointed_at + GATE_REPOINT_GAP <= h->now.us)
		repoint(h, m);
	/* And once more: a client may have heard us before it heard the machine. */
	if (again < m->life.repoint_at)
		m->life.repoint_at = again;
}

/* --- time --- */

static uint64_t silence_ends(const struct gate *g)
{
	return (g->refused_at > g->since ? g->refused_at : g->since) + GATE_SILENCE;
}

/* Silence of a port says something only while the machine answers otherwise, where it can be asked. */
static bool is_there(const struct home *h, const struct machine *m, const struct gate *g)
{
	return home_ago(h, m->life.heard_at) <= GATE_THERE ||
	       !claim_can_solicit(h, &m->claims[g->address]);
}

uint64_t gate_due(const struct home *h, const struct machine *m)
{
	uint64_t due = repoints(m) ? m->life.repoint_at : NEVER;

	(void)h;
	list_each(it, &m->gates)
	{
		/* Its end and its silence are seen at the next probe. */
		if (gate_at(it)->probe_at < due)
			due = gate_at(it)->probe_at;
	}
	return due;
}

void gate_tick(struct home *h, struct machine *m)
{
	list_each_safe(it, &m->gates)
	{
		struct gate *g = gate_at(it);

		if (g->probe_at > h->now.us)
			continue;
		if (h->now.us - g->since >= h->set.hold)
			gate_over(h, m, g);
		else if (silence_ends(g) <= h->now.us && is_there(h, m, g))
			gate_open(h, m, g);
		else
			probe(h, m, g);
	}
	if (m->life.repoint_at > h->now.us)
		return;
	if (repoints(m))
		repoint(h, m);
	else
		m->life.repoint_at = NEVER;
}
