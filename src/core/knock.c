#include "core/knock.h"

#include "core/claim.h"
#include "core/gate.h"
#include "core/hold.h"
#include "core/life.h"
#include "core/wake.h"

#include <string.h>

enum match {
	MATCH_IGNORED, /* from a source that shall not count */
	MATCH_NONE,
	MATCH_ANY, /* a rule without ports, or no rules at all */
	MATCH_PORT, /* a rule that names the port: somebody expects a service there */
};

/* --- sources --- */

void knock_init(struct home *h, const struct home_memory *memory)
{
	list_init(&h->knockers);
	list_init(&h->idle);
	for (uint32_t i = 0; i < memory->knockers_n; i++) {
		list_init(&memory->knockers[i].list);
		list_append(&h->knockers, &memory->knockers[i].list);
	}
	hash_init(&h->sources, memory->knocker_buckets, memory->knocker_buckets_n);
}

size_t knocker_size(void)
{
	return sizeof(struct knocker);
}

static struct knocker *find(const struct home *h, const struct addr *a, uint64_t hash)
{
	for (struct hash_node *n = hash_first(&h->sources, hash); n; n = hash_next(n)) {
		struct knocker *k = container_of(n, struct knocker, node);

		if (addr_equal(&k->addr, a))
			return k;
	}
	return NULL;
}

struct knocker *knock_source(struct home *h, const struct addr *a)
{
	uint64_t hash = hash_bytes(&h->key, a, sizeof(*a));
	struct knocker *k = find(h, a, hash);

	if (k) {
		if (k->held == 0) {
			list_remove(&k->list);
			list_append(&h->idle, &k->list);
		}
		return k;
	}
	if (!list_empty(&h->knockers)) {
		k = container_of(h->knockers.next, struct knocker, list);
	} else if (!list_empty(&h->idle)) {
		k = container_of(h->idle.next, struct knocker, list);
		hash_remove(&h->sources, &k->node);
	} else {
		return NULL;
	}
	list_remove(&k->list);
	memset(k, 0, sizeof(*k));
	list_init(&k->list);
	k->addr = *a;
	hash_insert(&h->sources, &k->node, hash);
	list_append(&h->idle, &k->list);
	return k;
}

void knock_held(struct home *h, struct knocker *k, int by)
{
	k->held = (uint16_t)(k->held + by);
	list_remove(&k->list);
	if (k->held == 0)
		list_append(&h->idle, &k->list);
}

/* Counts `key` once in the window; the how manyth different one it is, as far as remembered. */
static uint16_t count_once(struct home *h, uint64_t *since, uint64_t window, uint16_t *n,
			   uint32_t keys[static KNOCK_REMEMBERED], uint32_t key)
{
	uint16_t known;

	if (*since == 0 || h->now.us - *since >= window) {
		*since = h->now.us;
		*n = 0;
	}
	known = *n < KNOCK_REMEMBERED ? *n : KNOCK_REMEMBERED;
	for (uint16_t i = 0; i < known; i++) {
		if (keys[i] == key)
			return (uint16_t)(i + 1);
	}
	keys[*n % KNOCK_REMEMBERED] = key;
	if (*n < UINT16_MAX)
		(*n)++;
	return *n;
}

static void say(struct home *h, const struct packet *p, enum event_kind kind)
{
	struct event e = {
		.kind = (uint8_t)kind,
		.knock = p->knock,
		.local = p->local,
		.from_mac = p->src_mac,
		.from = p->src,
		.from_port = p->src_port,
		.to = p->dst,
		.to_port = p->dst_port,
	};

	home_tell(h, NULL, e);
}

static bool muted(const struct home *h, const struct knocker *k)
{
	return k && k->muted_until > h->now.us;
}

/* It touched something without a rule: who does so too often looks for something. */
static void touched(struct home *h, const struct packet *p)
{
	struct knocker *k;
	uint16_t n;

	if (h->set.scan_limit == 0)
		return;
	k = knock_source(h, &p->src);
	if (!k)
		return;
	if (muted(h, k)) {
		k->muted_until = home_in(h, KNOCK_MUTE);
		return;
	}
	n = count_once(h, &k->touch_since, h->set.scan_window, &k->touches, k->touched,
		       (uint32_t)hash_bytes(&h->key, &p->dst, sizeof(p->dst)) + p->dst_port);
	if (n <= h->set.scan_limit)
		return;
	k->muted_until = home_in(h, KNOCK_MUTE);
	k->touch_since = 0;
	say(h, p, EVENT_SCANNER);
}

static bool may_wake(struct home *h, const struct machine *m, const struct packet *p)
{
	struct knocker *k;
	uint16_t n;

	if (h->set.wake_limit == 0)
		return true;
	k = knock_source(h, &p->src);
	if (!k)
		return true;
	if (k->wake_since == 0 || h->now.us - k->wake_since >= h->set.wake_window)
		k->limit_named = false;
	n = count_once(h, &k->wake_since, h->set.wake_window, &k->wakes, k->woken, m->id);
	if (n <= h->set.wake_limit)
		return true;
	if (!k->limit_named)
		say(h, p, EVENT_WAKE_LIMIT);
	k->limit_named = true;
	return false;
}

/* --- rules --- */

static bool rule_takes(const struct rule *r, const struct packet *p)
{
	switch ((enum rule_kind)r->kind) {
	case RULE_TCP:
		return p->knock == KNOCK_TCP;
	case RULE_TCP_DATA:
		return p->knock == KNOCK_TCP ||
		       (p->knock == KNOCK_TCP_DATA && p->payload_length >= KNOCK_DATA_MIN);
	case RULE_UDP:
		return p->knock == KNOCK_UDP;
	case RULE_ECHO:
		return p->knock == KNOCK_ECHO;
	case RULE_ANY:
		return p->knock == KNOCK_TCP || p->knock == KNOCK_UDP;
	case RULE_KINDS:
		break;
	}
	return false;
}

static bool source_in(const struct source *sources, uint16_t n, const struct packet *p)
{
	for (uint16_t i = 0; i < n; i++) {
		if (source_matches(&sources[i], &p->src_mac, &p->src))
			return true;
	}
	return false;
}

static enum match match(const struct machine *m, const struct claim *c, const struct packet *p)
{
	uint8_t address = machine_claim_index(m, c);
	enum match best = MATCH_NONE;

	if (source_in(m->ignore, m->ignore_n, p))
		return MATCH_IGNORED;
	if (m->from_n > 0 && !source_in(m->from, m->from_n, p))
		return MATCH_NONE;
	if (m->rules_n == 0)
		return p->knock == KNOCK_TCP ? MATCH_ANY : MATCH_NONE;
	for (uint16_t i = 0; i < m->rules_n; i++) {
		const struct rule *r = &m->rules[i];

		if (!rule_takes(r, p) ||
		    (r->address != SPEC_ANY_ADDRESS && r->address != address) ||
		    (r->kind != RULE_ECHO && (p->dst_port < r->first || p->dst_port > r->last)))
			continue;
		if (r->first > 0)
			return MATCH_PORT;
		best = MATCH_ANY;
	}
	return best;
}

/* --- packets --- */

/* The machine is up and this address of it answers, or is not claimed: packets go to it. */
static bool delivers(const struct machine *m, const struct claim *c)
{
	if (m->state != MACHINE_AWAKE && m->state != MACHINE_DROWSY)
		return false;
	return c->state != CLAIM_HELD || c->answered;
}

/* A connection to a port that is not ready yet waits; everything else goes on at once. */
static void deliver(struct home *h, struct machine *m, struct claim *c, const struct packet *p)
{
	const struct gate *g = NULL;
	bool waits = false;

	if (p->knock == KNOCK_TCP && c->state == CLAIM_HELD) {
		g = gate_of(m, machine_claim_index(m, c), p->dst_port);
		/* A service it is known for may not listen yet, and the address is still ours: find out. */
		waits = g ? !g->open : match(m, c, p) == MATCH_PORT;
	}
	if (waits)
		(void)hold_add(h, m, c, p);
	else
		hold_forward(h, m, p);
}

static struct caller caller_of(const struct packet *p)
{
	return (struct caller){
		.mac = p->src_mac,
		.from = p->src,
		.to = p->dst,
		.from_port = p->src_port,
		.to_port = p->dst_port,
		.knock = p->knock,
		.local = p->local,
	};
}

/* A knock that is allowed. A segment of an established connection is not held: it is sent again by itself. */
static void knocked(struct home *h, struct machine *m, struct claim *c, const struct packet *p)
{
	struct caller who = caller_of(p);

	switch ((enum machine_state)m->state) {
	case MACHINE_ASLEEP:
		if (wake_allowed(h, m)) {
			if (!may_wake(h, m, p))
				return;
			wake_start(h, m, BY_KNOCK, &who);
		}
		break;
	case MACHINE_WAKING:
		if (!m->wake.running && wake_allowed(h, m)) {
			if (!may_wake(h, m, p))
				return;
			wake_later(h, m, BY_KNOCK, &who, m->life.since + WAKE_HAND_GRACE);
		}
		break;
	case MACHINE_UNKNOWN:
	case MACHINE_DROWSY:
		if (!may_wake(h, m, p))
			return;
		wake_later(h, m, BY_KNOCK, &who, NEVER);
		break;
	case MACHINE_AWAKE:
	case MACHINE_STATES:
		break;
	}
	if (p->knock != KNOCK_TCP_DATA)
		(void)hold_add(h, m, c, p);
}

void knock_packet(struct home *h, struct claim *c, const struct packet *p)
{
	struct machine *m = c->index.machine;
	enum match found;

	c->local = c->local || p->local;
	hold_seen(h, m, machine_claim_index(m, c), p);
	if (delivers(m, c)) {
		deliver(h, m, c, p);
		return;
	}
	if (p->knock == KNOCK_NONE || c->state == CLAIM_YIELDED || c->state == CLAIM_CONFLICT)
		return;
	found = match(m, c, p);
	if (found == MATCH_NONE && p->knock != KNOCK_TCP_DATA)
		touched(h, p);
	if (found == MATCH_NONE || found == MATCH_IGNORED)
		return;
	if (h->set.scan_limit > 0 &&
	    muted(h, find(h, &p->src, hash_bytes(&h->key, &p->src, sizeof(p->src)))))
		return;
	knocked(h, m, c, p);
}
