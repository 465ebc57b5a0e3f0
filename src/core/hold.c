#include "core/hold.h"

#include "core/gate.h"
#include "core/knock.h"

#include <string.h>

void hold_init(struct home *h, const struct home_memory *memory)
{
	list_init(&h->slots);
	for (uint32_t i = 0; i < memory->slots_n; i++) {
		list_init(&memory->slots[i].node);
		list_append(&h->slots, &memory->slots[i].node);
	}
}

size_t hold_slot_size(void)
{
	return sizeof(struct hold_slot);
}

static struct hold_slot *slot_of(struct list *node)
{
	return container_of(node, struct hold_slot, node);
}

struct hold_slot *hold_next(const struct machine *m, const struct hold_slot *after, uint8_t address,
			    bool syn, uint16_t port)
{
	struct list *it = after ? after->node.next : m->holds.next;

	for (; it != &m->holds; it = it->next) {
		struct hold_slot *s = slot_of(it);

		if (s->address == address && (s->knock == KNOCK_TCP) == syn &&
		    (!syn || s->dst_port == port))
			return s;
	}
	return NULL;
}

static void hold_move(struct list *to, struct hold_slot *s)
{
	list_remove(&s->node);
	list_append(to, &s->node);
}

/* Nobody waits for it any more, so nobody is charged for it. */
static void hold_over(struct home *h, struct machine *m, struct hold_slot *s, struct list *to)
{
	hold_move(to, s);
	m->held--;
	knock_held(h, s->source, -1);
	s->source = NULL;
}

static void hold_free(struct home *h, struct machine *m, struct hold_slot *s)
{
	hold_over(h, m, s, &h->slots);
}

/* Of the same client and ports; of one protocol, if `p` is what `s` can be. */
static bool same_ends(const struct hold_slot *s, uint8_t address, const struct packet *p)
{
	return s->address == address && s->src_port == p->src_port && s->dst_port == p->dst_port &&
	       addr_equal(&s->src, &p->src);
}

static bool same_flow(const struct hold_slot *s, uint8_t address, const struct packet *p)
{
	return s->knock == p->knock && same_ends(s, address, p);
}

/* What of the flow is there already: the newest SYN takes the place of the last. */
static struct hold_slot *flow(struct machine *m, uint8_t address, const struct packet *p,
			      uint32_t *ret_n)
{
	struct hold_slot *first = NULL;

	*ret_n = 0;
	list_each(it, &m->holds)
	{
		struct hold_slot *s = slot_of(it);

		if (!same_flow(s, address, p))
			continue;
		if (!first)
			first = s;
		(*ret_n)++;
	}
	return first;
}

static void fill(struct home *h, struct machine *m, struct hold_slot *s, const struct packet *p)
{
	s->at = h->now.us;
	s->local = p->local;
	s->src_mac = p->src_mac;
	s->length = p->length;
	memcpy(s->bytes, p->bytes, p->length);
	hold_move(&m->holds, s);
}

static struct hold_slot *new_slot(struct home *h, struct machine *m, const struct packet *p)
{
	struct knocker *source;
	struct hold_slot *s;

	/* Who waits comes before who was served. */
	if (list_empty(&h->slots))
		hold_stop_replays(h, m);
	if (m->held >= HOLD_PER_MACHINE || list_empty(&h->slots))
		return NULL;
	source = knock_source(h, &p->src);
	if (!source || source->held >= HOLD_PER_SOURCE)
		return NULL;
	s = slot_of(h->slots.next);
	s->source = source;
	knock_held(h, source, 1);
	m->held++;
	return s;
}

bool hold_add(struct home *h, struct machine *m, const struct claim *c, const struct packet *p)
{
	uint8_t address = machine_claim_index(m, c);
	struct hold_slot *s;
	uint32_t n;

	if (p->dropped || p->length > HOLD_PACKET_MAX || p->length == 0)
		return false;
	s = flow(m, address, p, &n);
	if (s && p->knock == KNOCK_TCP) {
		fill(h, m, s, p);
		return true;
	}
	if (n >= HOLD_PER_FLOW)
		return false;
	/* A connection without a gate would never be let through. */
	if (p->knock == KNOCK_TCP && !gate_make(h, m, c, p->dst_port))
		return false;
	s = new_slot(h, m, p);
	if (!s) {
		gate_sweep(h, m);
		return false;
	}
	s->address = address;
	s->knock = p->knock;
	s->src = p->src;
	s->src_port = p->src_port;
	s->dst_port = p->dst_port;
	fill(h, m, s, p);
	return true;
}

static void send_bytes(struct home *h, struct machine *m, const struct addr *to,
		       const uint8_t *bytes, uint32_t length)
{
	home_emit(h, (struct effect){ .kind = EFFECT_SEND,
				      .interface = m->interface,
				      .machine = m,
				      .addr = *to,
				      .mac = m->mac,
				      .bytes = bytes,
				      .length = length });
}

/* Its first time: it is sent again. */
static void keep_replay(struct home *h, struct machine *m, struct hold_slot *s)
{
	hold_over(h, m, s, &m->replays);
	s->at = h->now.us;
	s->sent = 1;
}

uint32_t hold_send(struct home *h, struct machine *m, uint8_t address, bool syn, uint16_t port)
{
	struct hold_slot *s;
	uint32_t n = 0;

	while ((s = hold_next(m, NULL, address, syn, port))) {
		send_bytes(h, m, &m->claims[address].addr, s->bytes, s->length);
		if (syn)
			keep_replay(h, m, s);
		else
			hold_free(h, m, s);
		n++;
	}
	return n;
}

void hold_stop_replays(struct home *h, struct machine *m)
{
	while (!list_empty(&m->replays))
		hold_move(&h->slots, slot_of(m->replays.next));
}

void hold_seen(struct home *h, struct machine *m, uint8_t address, const struct packet *p)
{
	list_each_safe(it, &m->replays)
	{
		if (same_ends(slot_of(it), address, p))
			hold_move(&h->slots, slot_of(it));
	}
}

static uint64_t again_at(const struct hold_slot *s)
{
	return s->at + (s->sent == 1 ? HOLD_AGAIN : HOLD_LAST);
}

static void replay_again(struct home *h, struct machine *m)
{
	list_each_safe(it, &m->replays)
	{
		struct hold_slot *s = slot_of(it);

		if (again_at(s) > h->now.us)
			continue;
		send_bytes(h, m, &m->claims[s->address].addr, s->bytes, s->length);
		if (++s->sent > 2)
			hold_move(&h->slots, s);
	}
}

void hold_drop(struct home *h, struct machine *m, uint8_t address, bool syn, uint16_t port)
{
	struct hold_slot *s;

	while ((s = hold_next(m, NULL, address, syn, port)))
		hold_free(h, m, s);
}

void hold_drop_address(struct home *h, struct machine *m, uint8_t address)
{
	list_each_safe(it, &m->holds)
	{
		if (slot_of(it)->address == address)
			hold_free(h, m, slot_of(it));
	}
	list_each_safe(it, &m->replays)
	{
		if (slot_of(it)->address == address)
			hold_move(&h->slots, slot_of(it));
	}
}

/* Packets name their address by its place in the machine, which may be another in the new one. */
static bool rename_address(struct hold_slot *s, const struct machine *from,
			   const struct machine *to)
{
	const struct claim *c = machine_claim(to, &from->claims[s->address].addr);

	if (c)
		s->address = machine_claim_index(to, c);
	return c != NULL;
}

void hold_inherit(struct home *h, struct machine *from, struct machine *to)
{
	list_each_safe(it, &from->holds)
	{
		if (!rename_address(slot_of(it), from, to)) {
			hold_free(h, from, slot_of(it));
			continue;
		}
		hold_move(&to->holds, slot_of(it));
		from->held--;
		to->held++;
	}
	list_each_safe(it, &from->replays)
	{
		bool there = rename_address(slot_of(it), from, to);

		hold_move(there ? &to->replays : &h->slots, slot_of(it));
	}
}

/* The oldest has been held long enough. */
static uint64_t over_at(const struct home *h, const struct machine *m)
{
	uint64_t at;

	if (list_empty(&m->holds))
		return NEVER;
	at = slot_of(m->holds.next)->at;
	return h->set.hold >= NEVER - at ? NEVER : at + h->set.hold;
}

uint64_t hold_due(const struct home *h, const struct machine *m)
{
	uint64_t due = over_at(h, m);

	list_each(it, &m->replays)
	{
		if (again_at(slot_of(it)) < due)
			due = again_at(slot_of(it));
	}
	return due;
}

void hold_tick(struct home *h, struct machine *m)
{
	bool some = false;

	replay_again(h, m);
	while (over_at(h, m) <= h->now.us) {
		hold_free(h, m, slot_of(m->holds.next));
		some = true;
	}
	if (some)
		gate_sweep(h, m);
}

void hold_forward(struct home *h, struct machine *m, const struct packet *p)
{
	if (!p->dropped && p->length > 0)
		send_bytes(h, m, &p->dst, p->bytes, p->length);
}
