#include "wire/filter.h"

#include "wire/ip.h"
#include "wire/ndp.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdbool.h>

#define ACCEPT_ALL UINT32_MAX
#define VID_MASK 0x0fff
#define FRAGMENT_MASK 0x3fff /* offset, and more to come */
#define DHCP_SERVER 67
#define ECHO_REPLY_V4 0
#define ECHO_REPLY_V6 129
/* What the report follows at once: a hop-by-hop header of 8 bytes (the router alert) before ICMPv6. */
#define HOP_BY_HOP 0
#define ROUTER_ALERT_THEN_ICMPV6 (PROTOCOL_ICMPV6 << 8)
#define MLD_REPORT 131
#define MLD_DONE 132
#define MLD2_REPORT 143
#define FOLD_SHIFT \
	15 /* brings the high bits down: without it prefixes that differ in few bits meet */

/* Offsets into the frame. */
enum {
	AT_DST = 0,
	AT_DST_LOW = 2,
	AT_TYPE = 12,
	AT_V4 = 14,
	AT_V4_FRAGMENT = 20,
	AT_V4_PROTOCOL = 23,
	AT_V4_DST = 30,
	AT_V6_NEXT = 20,
	AT_V6_DST = 38,
	AT_V6_L4 = 54,
	AT_V6_BEHIND_ALERT = 62,
};

/*
 * Jump targets by name until resolve() makes them distances. Distances in classic BPF have 8 bits; the part of a
 * program that uses names is shorter than the lowest of them, so that both fit into one field meanwhile.
 */
enum label {
	NEXT = 0, /* the following instruction: a distance already */
	LABEL_FIRST = 200,
	TO_ACCEPT = LABEL_FIRST,
	TO_REJECT,
	TO_UNTAGGED,
	TO_TYPES,
	TO_V4_BROADCAST,
	TO_V4_OWN,
	TO_V4_TCP,
	TO_V4_CLAIMS,
	TO_V6,
	TO_V6_NOT_ND,
	TO_V6_TCP,
	TO_V6_ALERT,
	TO_V6_OWN,
	TO_V6_CLAIMS,
	TO_V6_TREE,
	LABEL_END
};

struct program {
	struct sock_filter *code;
	size_t size;
	size_t n;
	bool full; /* something did not fit: sticky */
	size_t labels[LABEL_END - LABEL_FIRST];
};

static void put_jump(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
	if (p->n == p->size) {
		p->full = true;
		return;
	}
	p->code[p->n++] = (struct sock_filter){ .code = code, .jt = yes, .jf = no, .k = k };
}

static void put(struct program *p, uint16_t code, uint32_t k)
{
	put_jump(p, code, k, 0, 0);
}

static void load(struct program *p, uint16_t width, uint32_t at)
{
	put(p, BPF_LD | BPF_ABS | width, at);
}

/* X = length of the IPv4 header, then the load is relative to where it ends. */
static void load_behind_v4(struct program *p, uint16_t width, uint32_t at)
{
	put(p, BPF_LDX | BPF_B | BPF_MSH, AT_V4);
	put(p, BPF_LD | BPF_IND | width, AT_V4 + at);
}

static void test(struct program *p, uint16_t op, uint32_t k, enum label yes, enum label no)
{
	put_jump(p, (uint16_t)(BPF_JMP | BPF_K | op), k, (uint8_t)yes, (uint8_t)no);
}

static void is(struct program *p, uint32_t k, enum label yes, enum label no)
{
	test(p, BPF_JEQ, k, yes, no);
}

static void here(struct program *p, enum label l)
{
	p->labels[l - LABEL_FIRST] = p->n;
}

/* From behind instruction i to a label; a number that is no label is a distance already. Classic BPF only goes forward. */
static uint8_t distance(const struct program *p, size_t i, uint8_t label)
{
	size_t at;

	if (label < LABEL_FIRST)
		return label;
	at = p->labels[label - LABEL_FIRST];
	assert(at > i && at <= p->n);
	return (uint8_t)(at - i - 1);
}

static void resolve(struct program *p)
{
	if (p->full)
		return;
	assert(p->n < LABEL_FIRST);
	for (size_t i = 0; i < p->n; i++) {
		struct sock_filter *s = &p->code[i];

		if (BPF_CLASS(s->code) != BPF_JMP || BPF_OP(s->code) == BPF_JA)
			continue;
		s->jt = distance(p, i, s->jt);
		s->jf = distance(p, i, s->jf);
	}
}

static uint32_t mac_high(const struct mac *m)
{
	return (uint32_t)m->b[0] << 8 | m->b[1];
}

static uint32_t be32(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* The kernel has taken the outer tag out of the bytes. VID 0 is a priority alone: untagged. */
static void put_untagged(struct program *p)
{
	load(p, BPF_W, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT));
	is(p, 0, TO_UNTAGGED, NEXT);
	load(p, BPF_W, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG));
	put(p, BPF_ALU | BPF_AND | BPF_K, VID_MASK);
	is(p, 0, NEXT, TO_REJECT);
	here(p, TO_UNTAGGED);
}

/* `no` is a name: what follows is different for its two comparisons. */
static void put_dst_is(struct program *p, const struct mac *m, enum label yes, enum label no)
{
	assert(no >= LABEL_FIRST);
	load(p, BPF_W, AT_DST_LOW);
	is(p, be32(m->b + 2), NEXT, no);
	load(p, BPF_H, AT_DST);
	is(p, mac_high(m), yes, no);
}

static void put_v4(struct program *p, const struct filter_ours *ours)
{
	put_dst_is(p, &ours->own_mac, TO_V4_OWN, TO_V4_BROADCAST);
	here(p, TO_V4_BROADCAST);
	put_dst_is(p, &MAC_BROADCAST, NEXT, TO_REJECT);
	load(p, BPF_B, AT_V4_PROTOCOL);
	is(p, PROTOCOL_UDP, NEXT, TO_REJECT);
	load(p, BPF_H, AT_V4_FRAGMENT);
	test(p, BPF_JSET, FRAGMENT_MASK, TO_REJECT, NEXT);
	load_behind_v4(p, BPF_H, 2);
	is(p, DHCP_SERVER, TO_ACCEPT, TO_REJECT);

	here(p, TO_V4_OWN);
	load(p, BPF_H, AT_V4_FRAGMENT);
	test(p, BPF_JSET, FRAGMENT_MASK, TO_V4_CLAIMS, NEXT);
	load(p, BPF_B, AT_V4_PROTOCOL);
	is(p, PROTOCOL_TCP, TO_V4_TCP, NEXT);
	is(p, PROTOCOL_ICMP, NEXT, TO_V4_CLAIMS);
	load_behind_v4(p, BPF_B, 0);
	is(p, ECHO_REPLY_V4, NEXT, TO_V4_CLAIMS);
	load_behind_v4(p, BPF_H, 4);
	is(p, ours->echo_id, TO_ACCEPT, TO_V4_CLAIMS);

	here(p, TO_V4_TCP);
	load_behind_v4(p, BPF_H, 2);
	is(p, ours->gate_port, TO_ACCEPT, TO_V4_CLAIMS);
}

static void put_v6(struct program *p, const struct filter_ours *ours)
{
	here(p, TO_V6);
	load(p, BPF_B, AT_V6_NEXT);
	is(p, PROTOCOL_TCP, TO_V6_TCP, NEXT);
	is(p, PROTOCOL_ICMPV6, NEXT, TO_V6_ALERT);
	load(p, BPF_B, AT_V6_L4);
	test(p, BPF_JGE, ND_FIRST, NEXT, TO_V6_NOT_ND);
	test(p, BPF_JGT, ND_LAST, TO_V6_CLAIMS, TO_ACCEPT);

	here(p, TO_V6_NOT_ND);
	is(p, ECHO_REPLY_V6, NEXT, TO_V6_CLAIMS);
	load(p, BPF_H, AT_V6_L4 + 4);
	is(p, ours->echo_id, TO_V6_OWN, TO_V6_CLAIMS);

	/* The first frames of a booting machine are multicast listener reports: its DAD comes up to a second later. */
	here(p, TO_V6_ALERT);
	is(p, HOP_BY_HOP, NEXT, TO_V6_CLAIMS);
	load(p, BPF_H, AT_V6_L4);
	is(p, ROUTER_ALERT_THEN_ICMPV6, NEXT, TO_V6_CLAIMS);
	load(p, BPF_B, AT_V6_BEHIND_ALERT);
	is(p, MLD2_REPORT, TO_ACCEPT, NEXT);
	is(p, MLD_REPORT, TO_ACCEPT, NEXT);
	is(p, MLD_DONE, TO_ACCEPT, TO_V6_CLAIMS);

	here(p, TO_V6_TCP);
	load(p, BPF_H, AT_V6_L4 + 2);
	is(p, ours->gate_port, NEXT, TO_V6_CLAIMS);
	here(p, TO_V6_OWN);
	put_dst_is(p, &ours->own_mac, TO_ACCEPT, TO_REJECT);
}

static void put_types(struct program *p, const struct filter_ours *ours)
{
	here(p, TO_TYPES);
	load(p, BPF_H, AT_TYPE);
	is(p, ETH_P_ARP, TO_ACCEPT, NEXT);
	is(p, ETH_P_IPV6, TO_V6, NEXT);
	is(p, ETH_P_IP, NEXT, TO_REJECT);
	put_v4(p, ours);
	put_v6(p, ours);
}

static void put_verdicts(struct program *p)
{
	here(p, TO_ACCEPT);
	put(p, BPF_RET | BPF_K, ACCEPT_ALL);
	here(p, TO_REJECT);
	put(p, BPF_RET | BPF_K, 0);
}

static int finished(const struct program *p)
{
	return p->full ? -E2BIG : (int)p->n;
}

int filter_capture(const struct filter_ours *ours, struct sock_filter *to, size_t size)
{
	struct program p = { .code = to, .size = size };

	put_untagged(&p);
	put_dst_is(&p, &ours->virtual_mac, TO_ACCEPT, TO_TYPES);
	put_types(&p, ours);
	put_verdicts(&p);
	p.labels[TO_V4_CLAIMS - LABEL_FIRST] = p.labels[TO_REJECT - LABEL_FIRST];
	p.labels[TO_V6_CLAIMS - LABEL_FIRST] = p.labels[TO_REJECT - LABEL_FIRST];
	resolve(&p);
	return finished(&p);
}

int filter_outgoing(const struct mac *virtual_mac, struct sock_filter *to, size_t size)
{
	struct program p = { .code = to, .size = size };

	load(&p, BPF_W, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
	is(&p, PACKET_OUTGOING, NEXT, TO_REJECT);
	put_untagged(&p);
	put_dst_is(&p, virtual_mac, TO_ACCEPT, TO_REJECT);
	put_verdicts(&p);
	resolve(&p);
	return finished(&p);
}

uint32_t filter_fold(uint32_t fold_key, const struct addr *a)
{
	uint32_t fold = be32(a->b);

	for (size_t i = 4; i < 16; i += 4) {
		fold *= fold_key | 1;
		fold ^= fold >> FOLD_SHIFT;
		fold += be32(a->b + i);
	}
	return fold;
}

/* A = filter_fold of the IPv6 destination. */
static void put_fold(struct program *p, uint32_t fold_key)
{
	load(p, BPF_W, AT_V6_DST);
	for (uint32_t i = 1; i < 4; i++) {
		put(p, BPF_ALU | BPF_MUL | BPF_K, fold_key | 1);
		put(p, BPF_MISC | BPF_TAX, 0);
		put(p, BPF_ALU | BPF_RSH | BPF_K, FOLD_SHIFT);
		put(p, BPF_ALU | BPF_XOR | BPF_X, 0);
		put(p, BPF_MISC | BPF_TAX, 0);
		load(p, BPF_W, AT_V6_DST + 4 * i);
		put(p, BPF_ALU | BPF_ADD | BPF_X, 0);
	}
}

struct keys {
	uint32_t k[FILTER_OWN_ADDRESSES_MAX +
		   64]; /* some mixtures hold a few more than any mixture */
	size_t n;
};

/* Largest child upwards, for a heap sort: no allocation, n log n in the worst case. */
static void sift_down(uint32_t *k, size_t i, size_t n)
{
	for (;;) {
		size_t child = 2 * i + 1;
		uint32_t t = k[i];

		if (child >= n)
			return;
		if (child + 1 < n && k[child + 1] > k[child])
			child++;
		if (k[child] <= t)
			return;
		k[i] = k[child];
		k[child] = t;
		i = child;
	}
}

static void sort_unique(struct keys *keys)
{
	size_t unique = 0;

	for (size_t i = keys->n / 2; i > 0; i--)
		sift_down(keys->k, i - 1, keys->n);
	for (size_t n = keys->n; n > 1; n--) {
		uint32_t t = keys->k[0];

		keys->k[0] = keys->k[n - 1];
		keys->k[n - 1] = t;
		sift_down(keys->k, 0, n - 1);
	}
	for (size_t i = 0; i < keys->n; i++) {
		if (unique == 0 || keys->k[unique - 1] != keys->k[i])
			keys->k[unique++] = keys->k[i];
	}
	keys->n = unique;
}

static int collect(struct keys *keys, uint8_t family, const struct filter_ours *ours,
		   const struct addr *claimed, size_t n)
{
	keys->n = 0;
	for (size_t i = 0; i < n; i++) {
		if (claimed[i].family != family)
			continue;
		if (keys->n == sizeof(keys->k) / sizeof(keys->k[0]))
			return -E2BIG;
		keys->k[keys->n++] = family == 4 ? be32(claimed[i].b)
						 : filter_fold(ours->fold_key, &claimed[i]);
	}
	sort_unique(keys);
	return 0;
}

/*
 * The verdict for A: in the leaves up to LEAF comparisons in a row, above them one comparison a level. An inner node
 * takes two instructions, since what it jumps over can be longer than 8 bits say.
 */
#define LEAF 16U

static void put_tree(struct program *p, const uint32_t *k, size_t n)
{
	size_t leaves = (n + LEAF - 1) / LEAF;
	size_t left = leaves / 2 * LEAF;
	size_t jump;

	if (n <= LEAF) {
		for (size_t i = 0; i < n; i++)
			put_jump(p, BPF_JMP | BPF_K | BPF_JEQ, k[i], (uint8_t)(n - i), 0);
		put(p, BPF_RET | BPF_K, 0);
		put(p, BPF_RET | BPF_K, ACCEPT_ALL);
		return;
	}
	put_jump(p, BPF_JMP | BPF_K | BPF_JGE, k[left], 0, 1);
	jump = p->n;
	put(p, BPF_JMP | BPF_JA, 0);
	put_tree(p, k, left);
	if (!p->full)
		p->code[jump].k = (uint32_t)(p->n - jump - 1);
	put_tree(p, k + left, n - left);
}

/* The part with names, up to the two long jumps into the trees; returns where they are. */
static size_t put_own_rules(struct program *p, const struct filter_ours *ours)
{
	put_untagged(p);
	put_types(p, ours);
	here(p, TO_V6_CLAIMS);
	put_dst_is(p, &ours->own_mac, TO_V6_TREE, TO_REJECT);
	put_verdicts(p);
	here(p, TO_V6_TREE);
	put(p, BPF_JMP | BPF_JA, 0);
	here(p, TO_V4_CLAIMS);
	resolve(p);
	return p->n - 1;
}

int filter_capture_own(const struct filter_ours *ours, const struct addr *claimed, size_t n,
		       struct sock_filter *to, size_t size)
{
	struct program p = { .code = to, .size = size < BPF_MAXINSNS ? size : BPF_MAXINSNS };
	size_t jump = put_own_rules(&p, ours);
	struct keys keys;

	if (p.full || collect(&keys, 4, ours, claimed, n) < 0)
		return -E2BIG;
	load(&p, BPF_W, AT_V4_DST);
	put_tree(&p, keys.k, keys.n);
	if (p.full || collect(&keys, 6, ours, claimed, n) < 0)
		return -E2BIG;
	to[jump].k = (uint32_t)(p.n - jump - 1);
	put_fold(&p, ours->fold_key);
	put_tree(&p, keys.k, keys.n);
	return finished(&p);
}
