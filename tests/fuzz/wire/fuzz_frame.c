/*
 * fuzz_frame: frame_decode on any bytes. What it says must lie within the bytes, and what the encoders can write must
 * come back as it was.
 */
#include "wire/arp.h"
#include "wire/frame.h"
#include "wire/ip.h"
#include "wire/ndp.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_l4(const struct frame *f)
{
	return f->kind == FRAME_TCP || f->kind == FRAME_UDP || f->kind == FRAME_ECHO_REQUEST ||
	       f->kind == FRAME_ECHO_REPLY;
}

static void check_bounds(const struct frame *f, size_t size)
{
	assert(f->kind < FRAME_KINDS);
	assert(f->l3_at <= size && f->l3_length <= size - f->l3_at);
	assert(f->l4_length == 0 || f->l4_at >= f->l3_at + 20);
	assert(f->l4_at <= size && f->l4_length <= size - f->l4_at);
	if (f->l4_length)
		assert(f->l4_at + f->l4_length == f->l3_at + f->l3_length);
	assert(f->payload_length <= f->l4_length);
	assert(!has_l4(f) || (f->l4_length >= 8 && f->ip_src.family == f->ip_dst.family));
	assert(addr_sane(&f->ip_src) && addr_sane(&f->ip_dst));
}

static bool same_nd(const struct frame_nd *a, const struct frame_nd *b)
{
	return addr_equal(&a->target, &b->target) && a->has_link == b->has_link &&
	       mac_equal(&a->link, &b->link) && a->router == b->router &&
	       a->solicited == b->solicited && a->override == b->override;
}

static void check_reencoded(const struct frame *f)
{
	uint8_t bytes[ETHER_ENCODED_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));
	struct envelope e = { f->dst, f->src, f->ip_src, f->ip_dst };
	struct frame again;

	if (f->kind == FRAME_ARP)
		arp_encode(&w, &f->dst, &f->src, &f->arp);
	else if (f->kind == FRAME_NS)
		ndp_encode_ns(&w, &e, &f->nd);
	else if (f->kind == FRAME_NA)
		ndp_encode_na(&w, &e, &f->nd);
	else
		return;
	assert(!w.failed);
	assert(frame_decode(bytes, w.used, &again) == 0);
	assert(again.kind == f->kind);
	assert(again.arp.op == f->arp.op && mac_equal(&again.arp.sha, &f->arp.sha) &&
	       mac_equal(&again.arp.tha, &f->arp.tha) && addr_equal(&again.arp.spa, &f->arp.spa) &&
	       addr_equal(&again.arp.tpa, &f->arp.tpa));
	assert(same_nd(&again.nd, &f->nd));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame f;
	struct frame untouched;

	memset(&f, 0xa5, sizeof(f));
	untouched = f;
	if (frame_decode(data, size, &f) < 0) {
		assert(memcmp(&f, &untouched, sizeof(f)) == 0);
		return 0;
	}
	check_bounds(&f, size);
	check_reencoded(&f);
	return 0;
}
