#include "wire/ip.h"

#include "wire/frame.h"
#include "wire/l4.h"

#include <errno.h>
#include <linux/if_ether.h>

#define V4_HEADER 20
#define V4_MORE 0x2000
#define V4_OFFSET 0x1fff
#define V6_HEADER 40
#define V6_MORE 0x0001
#define V6_OFFSET 0xfff8

/* A sane packet has one of each kind at most; a long chain only wants to cost us time (RFC 8504, 5.3). */
#define EXTENSIONS_MAX 8

enum {
	NEXT_HOP_BY_HOP = 0,
	NEXT_ROUTING = 43,
	NEXT_FRAGMENT = 44,
	NEXT_AH = 51,
	NEXT_DESTINATION = 60,
};

int ip_decode_v4(struct cursor *c, struct frame *f)
{
	struct cursor packet = *c;
	uint8_t first = cursor_u8(c);
	uint32_t header = 4 * (first & 15U);
	uint16_t total;
	uint16_t fragment;
	uint8_t b[8];

	cursor_skip(c, 1);
	total = cursor_be16(c);
	cursor_skip(c, 2);
	fragment = cursor_be16(c);
	f->hop_limit = cursor_u8(c);
	f->protocol = cursor_u8(c);
	cursor_skip(c, 2);
	cursor_copy(c, b, sizeof(b));
	if (c->failed || first >> 4 != 4 || header < V4_HEADER || total < header ||
	    total > packet.left)
		return -EBADMSG;
	f->ip_src = addr_v4(b);
	f->ip_dst = addr_v4(b + 4);
	f->l3_length = total;
	if (fragment & V4_OFFSET) {
		f->kind = FRAME_FRAGMENT;
		return 0;
	}
	f->more_fragments = (fragment & V4_MORE) != 0;
	packet = cursor_sub(&packet, total);
	cursor_skip(&packet, header);
	f->l4_at = f->l3_at + header;
	f->l4_length = total - header;
	return l4_decode(&packet, f);
}

/* The rest of an extension header whose first two bytes are read: next header and length, in units of its kind. */
static void skip_extension(struct cursor *packet, struct frame *f, uint8_t kind, uint8_t units)
{
	uint16_t offset;

	switch (kind) {
	case NEXT_AH:
		/* RFC 4302, 2.2: in 32-bit words, minus 2. */
		cursor_skip(packet, (units + 2U) * 4 - 2);
		break;
	case NEXT_FRAGMENT:
		offset = cursor_be16(packet);
		cursor_skip(packet, 4);
		f->fragment_header = true;
		f->more_fragments = (offset & V6_MORE) != 0;
		if (offset & V6_OFFSET)
			f->kind = FRAME_FRAGMENT;
		break;
	case NEXT_ROUTING:
		cursor_skip(packet, 1);
		if (cursor_u8(packet))
			f->routed = true;
		cursor_skip(packet, units * 8U + 4);
		break;
	default:
		cursor_skip(packet, units * 8U + 6);
		break;
	}
}

static bool is_extension(uint8_t next)
{
	return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_FRAGMENT ||
	       next == NEXT_AH || next == NEXT_DESTINATION;
}

/* Walks to the upper layer, or to the fragment header of a fragment that is not the first. */
static int walk_extensions(struct cursor *packet, struct frame *f, uint8_t next)
{
	for (int i = 0; is_extension(next) && f->kind != FRAME_FRAGMENT; i++) {
		uint8_t kind = next;

		/* RFC 8200, 4.1: hop-by-hop options stand first or nowhere. */
		if (i == EXTENSIONS_MAX || (kind == NEXT_HOP_BY_HOP && i > 0))
			return -EBADMSG;
		next = cursor_u8(packet);
		skip_extension(packet, f, kind, cursor_u8(packet));
		if (packet->failed)
			return -EBADMSG;
	}
	f->protocol = next;
	return 0;
}

int ip_decode_v6(struct cursor *c, struct frame *f)
{
	struct cursor packet = *c;
	uint8_t first = cursor_u8(c);
	uint32_t length;
	uint8_t next;
	uint8_t b[32];
	int r;

	cursor_skip(c, 3);
	length = cursor_be16(c);
	next = cursor_u8(c);
	f->hop_limit = cursor_u8(c);
	cursor_copy(c, b, sizeof(b));
	if (c->failed || first >> 4 != 6 || length > c->left)
		return -EBADMSG;
	f->ip_src = addr_v6(b);
	f->ip_dst = addr_v6(b + 16);
	f->l3_length = V6_HEADER + length;
	packet = cursor_sub(&packet, f->l3_length);
	cursor_skip(&packet, V6_HEADER);
	r = walk_extensions(&packet, f, next);
	if (r < 0)
		return r;
	if (f->kind == FRAME_FRAGMENT) {
		f->more_fragments = false;
		return 0;
	}
	f->l4_length = (uint32_t)packet.left;
	f->l4_at = f->l3_at + f->l3_length - f->l4_length;
	return l4_decode(&packet, f);
}

static void begin_v4(struct writer *w, const struct envelope *e, uint8_t protocol,
		     uint8_t hop_limit, uint16_t length)
{
	size_t start = w->used;
	uint8_t *checksum;
	uint16_t sum;

	writer_u8(w, 0x45);
	writer_u8(w, 0);
	writer_be16(w, (uint16_t)(V4_HEADER + length));
	writer_be16(w, 0); /* identification: meaningless where nothing may fragment (RFC 6864) */
	writer_be16(w, 0x4000);
	writer_u8(w, hop_limit);
	writer_u8(w, protocol);
	checksum = writer_make(w, 2);
	writer_bytes(w, e->ip_src.b, 4);
	writer_bytes(w, e->ip_dst.b, 4);
	if (w->failed)
		return;
	checksum[0] = 0;
	checksum[1] = 0;
	sum = checksum_fold(checksum_add(0, w->start + start, V4_HEADER));
	checksum[0] = (uint8_t)(sum >> 8);
	checksum[1] = (uint8_t)sum;
}

struct ip_frame ip_begin(struct writer *w, const struct envelope *e, uint8_t protocol,
			 uint8_t hop_limit, uint16_t length)
{
	bool v4 = e->ip_dst.family == 4;
	struct ip_frame at = { .protocol = protocol };

	at.start = ether_begin(w, &e->eth_dst, &e->eth_src, v4 ? ETH_P_IP : ETH_P_IPV6);
	if (v4) {
		begin_v4(w, e, protocol, hop_limit, length);
	} else {
		writer_be32(w, 0x60000000);
		writer_be16(w, length);
		writer_u8(w, protocol);
		writer_u8(w, hop_limit);
		writer_bytes(w, e->ip_src.b, 16);
		writer_bytes(w, e->ip_dst.b, 16);
	}
	at.l4 = w->used;
	return at;
}

uint16_t ip_checksum(const struct addr *src, const struct addr *dst, uint8_t protocol,
		     const uint8_t *segment, uint32_t length)
{
	/* ICMP, unlike ICMPv6, has no pseudo header (RFC 792). */
	uint64_t sum = protocol == PROTOCOL_ICMP ? 0 : checksum_pseudo(src, dst, protocol, length);
	uint16_t folded = checksum_fold(checksum_add(sum, segment, length));

	return protocol == PROTOCOL_UDP && folded == 0 ? 0xffff : folded;
}

void ip_end(struct writer *w, const struct envelope *e, struct ip_frame at, size_t checksum_at)
{
	uint8_t *segment = w->start + at.l4;
	uint16_t sum;

	if (w->failed)
		return;
	sum = ip_checksum(&e->ip_src, &e->ip_dst, at.protocol, segment,
			  (uint32_t)(w->used - at.l4));
	segment[checksum_at] = (uint8_t)(sum >> 8);
	segment[checksum_at + 1] = (uint8_t)sum;
	ether_end(w, at.start);
}
