/*
 * prop_filter: on seeded random frames, each kernel filter says what follows from its description and frame_decode. The
 * filters run in an interpreter here; the kernel's own verdict is tested in tests/unit/wire/test_filter.
 *
 * For a frame that frame_decode refuses a filter may say either, but must end.
 */
#include "wire/filter.h"
#include "wire/frame.h"
#include "wire/ip.h"

#include "bpf.h"
#include "frames.h"

#include <linux/if_packet.h>

#define ROUNDS 300000
#define CLAIMS 40

static const struct filter_ours ours = {
	.virtual_mac = { { 2, 0, 0, 0, 0, 1 } },
	.own_mac = { { 2, 0, 0, 0, 0, 2 } },
	.gate_port = GATE_PORT,
	.echo_id = ECHO_ID,
	.fold_key = 0x12345678,
};

static struct sock_filter capture[BPF_MAXINSNS];
static struct sock_filter own[BPF_MAXINSNS];
static struct sock_filter outgoing[BPF_MAXINSNS];
static size_t capture_n, own_n, outgoing_n;
static struct addr claimed[CLAIMS];
static unsigned long counts[2][2];

static bool is_claimed(const struct addr *a)
{
	for (size_t i = 0; i < CLAIMS; i++) {
		if (addr_equal(&claimed[i], a))
			return true;
	}
	return false;
}

static bool is_nd(const struct frame *f)
{
	return f->kind == FRAME_NS || f->kind == FRAME_NA || f->kind == FRAME_ND_OTHER;
}

/* A multicast listener report, with the one extension header it has to have (RFC 2710, 3; RFC 3810, 5). */
static bool is_mld(const struct frame *f, const struct bpf_frame *b)
{
	uint8_t type;

	if (f->ethertype != 0x86dd || f->protocol != PROTOCOL_ICMPV6 || f->l4_length == 0 ||
	    f->l4_at != f->l3_at + 48 || b->at[f->l3_at + 6] != 0)
		return false;
	type = b->at[f->l4_at];
	return type == 131 || type == 132 || type == 143;
}

/* Extension headers are not walked by a filter: the upper layer must follow at once. */
static bool is_direct(const struct frame *f)
{
	return f->ip_src.family == 4 || f->l4_at == f->l3_at + 40;
}

static bool has_tag(const struct bpf_frame *b)
{
	return b->tag_present && (b->tag & 0x0fff) != 0;
}

/* The rules that both modes share, but for the virtual MAC. */
static bool expect_rules(const struct frame *f, const struct bpf_frame *b)
{
	bool to_own = mac_equal(&f->dst, &ours.own_mac);
	bool whole = !f->more_fragments;

	if (f->ethertype == 0x0806)
		return true;
	if (is_nd(f))
		return is_direct(f);
	if (is_mld(f, b))
		return true;
	if (f->kind == FRAME_TCP)
		return to_own && whole && is_direct(f) && f->dst_port == GATE_PORT;
	if (f->kind == FRAME_ECHO_REPLY)
		return to_own && whole && is_direct(f) && f->echo_id == ECHO_ID;
	if (f->kind == FRAME_UDP && f->ip_src.family == 4)
		return mac_equal(&f->dst, &MAC_BROADCAST) && whole && f->dst_port == 67;
	return false;
}

static bool expect_capture(const struct frame *f, const struct bpf_frame *b)
{
	if (has_tag(b))
		return false;
	return mac_equal(&f->dst, &ours.virtual_mac) || expect_rules(f, b);
}

static bool expect_own(const struct frame *f, const struct bpf_frame *b)
{
	if (has_tag(b))
		return false;
	if (expect_rules(f, b))
		return true;
	return mac_equal(&f->dst, &ours.own_mac) && f->ip_dst.family && is_claimed(&f->ip_dst);
}

static bool expect_outgoing(const struct frame *f, const struct bpf_frame *b)
{
	return b->packet_type == PACKET_OUTGOING && !has_tag(b) &&
	       mac_equal(&f->dst, &ours.virtual_mac);
}

/*
 * A tag within the bytes hides the EtherType from a filter. An echo reply whose code is not 0 says nothing to
 * frame_decode; a filter does not look.
 */
static bool is_beyond_filters(const struct frame *f, const struct bpf_frame *b)
{
	uint32_t type = (uint32_t)(b->at[12] << 8 | b->at[13]);
	uint8_t reply = f->protocol == PROTOCOL_ICMP ? 0 : 129;

	return type != f->ethertype ||
	       (f->kind == FRAME_OTHER && f->l4_length > 0 && b->at[f->l4_at] == reply &&
		(f->protocol == PROTOCOL_ICMP || f->protocol == PROTOCOL_ICMPV6));
}

static void check(const char *name, const struct sock_filter *code, size_t n,
		  const struct bpf_frame *b, bool expected)
{
	size_t steps;
	bool passes = bpf_run(code, n, b, &steps) != 0;

	if (passes == expected) {
		counts[0][passes]++;
		return;
	}
	printf("%s: %s, expected otherwise; tag %d/%x, type %d:", name,
	       passes ? "passes" : "dropped", b->tag_present, b->tag, b->packet_type);
	for (size_t i = 0; i < b->n; i++)
		printf("%s%02x", i % 32 ? "" : "\n", b->at[i]);
	printf("\n");
	exit(1);
}

static void check_one(uint64_t *seed)
{
	struct made m = make_frame(seed);
	struct bpf_frame b = {
		.at = m.b,
		.n = m.n,
		.tag_present = random_below(seed, 4) == 0,
		.packet_type = (uint8_t)random_below(seed, 5),
	};
	struct frame f;

	b.tag = (uint16_t)(b.tag_present ? (random64(seed) & 0xf000) + random_below(seed, 2) * 5
					 : 0);
	if (frame_decode(m.b, m.n, &f) < 0) {
		size_t steps;

		(void)bpf_run(capture, capture_n, &b, &steps);
		(void)bpf_run(own, own_n, &b, &steps);
		(void)bpf_run(outgoing, outgoing_n, &b, &steps);
		counts[1][0]++;
		return;
	}
	check("outgoing", outgoing, outgoing_n, &b, expect_outgoing(&f, &b));
	if (is_beyond_filters(&f, &b)) {
		counts[1][1]++;
		return;
	}
	check("capture", capture, capture_n, &b, expect_capture(&f, &b));
	check("own", own, own_n, &b, expect_own(&f, &b));
}

static size_t built(int r)
{
	if (r < 0)
		abort();
	return (size_t)r;
}

int main(void)
{
	uint64_t seed = seed_from(getenv("ROUSE_SEED"));

	for (uint8_t i = 0; i < CLAIMS; i++) {
		claimed[i] = (struct addr){ .family = 4, .b = { 192, 0, 2, (uint8_t)(i + i % 3) } };
		if (i % 2)
			claimed[i] = (struct addr){ .family = 6,
						    .b = { 0x20, 1, 0x0d, 0xb8, [15] = i } };
	}
	capture_n = built(filter_capture(&ours, capture, BPF_MAXINSNS));
	own_n = built(filter_capture_own(&ours, claimed, CLAIMS, own, BPF_MAXINSNS));
	outgoing_n = built(filter_outgoing(&ours.virtual_mac, outgoing, BPF_MAXINSNS));
	for (int i = 0; i < ROUNDS; i++)
		check_one(&seed);
	printf("%lu passed, %lu dropped, %lu malformed, %lu beyond filters\n", counts[0][1],
	       counts[0][0], counts[1][0], counts[1][1]);
	/* A generator that makes nothing of interest proves nothing. */
	return counts[0][1] > ROUNDS / 4 && counts[0][0] > ROUNDS / 4 && counts[1][0] < ROUNDS / 2
		       ? 0
		       : 1;
}
