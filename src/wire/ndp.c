#include "wire/ndp.h"

#include "wire/ip.h"

#include <errno.h>

enum {
	OPTION_SOURCE_LINK = 1,
	OPTION_TARGET_LINK = 2,
	OPTION_NONCE = 14, /* RFC 3971, 5.3.2 */
};

enum { FLAG_ROUTER = 0x80, FLAG_SOLICITED = 0x40, FLAG_OVERRIDE = 0x20 };

#define ICMP_CHECKSUM_AT 2
#define ND_FIXED 24 /* bytes of NS and NA before the options */
#define LINK_OPTION 8

/* What a message of each type holds before its options, ICMPv6 header included. */
static size_t fixed_size(uint8_t type)
{
	switch (type) {
	case ND_RS:
		return 8;
	case ND_RA:
		return 16;
	case ND_REDIRECT:
		return 40;
	default:
		return ND_FIXED;
	}
}

/* All options to the end of the message. `link_type` is the one whose address we take, the first of them. */
static int decode_options(struct cursor *c, uint8_t link_type, struct frame_nd *nd)
{
	while (c->left > 0) {
		uint8_t type = cursor_u8(c);
		uint8_t units = cursor_u8(c);
		struct cursor body;

		if (c->failed || units == 0)
			return -EBADMSG;
		body = cursor_sub(c, units * 8U - 2);
		if (body.failed)
			return -EBADMSG;
		if (type == OPTION_NONCE)
			nd->has_nonce = true;
		if (type != link_type || nd->has_link)
			continue;
		/* Exactly one unit holds an Ethernet address (RFC 2464, 6); Linux drops others too. */
		if (units != 1)
			return -EBADMSG;
		cursor_copy(&body, nd->link.b, sizeof(nd->link.b));
		nd->has_link = true;
	}
	return 0;
}

static bool is_solicited_node(const struct addr *a)
{
	struct addr group = addr_solicited_node(a);

	return addr_equal(a, &group);
}

/* RFC 4861, 7.1.1 and 7.1.2. */
static bool rules_kept(const struct frame *f, uint8_t type, const struct frame_nd *nd)
{
	if (addr_is_multicast(&nd->target))
		return false;
	if (type == ND_NS && addr_is_unspecified(&f->ip_src))
		return is_solicited_node(&f->ip_dst) && !nd->has_link;
	return !(type == ND_NA && addr_is_multicast(&f->ip_dst) && nd->solicited);
}

static int decode_neighbour(struct cursor *fixed, struct cursor *options, uint8_t type,
			    struct frame *f)
{
	struct frame_nd nd = { .has_link = false };
	uint8_t flags = cursor_u8(fixed);
	uint8_t b[16];

	cursor_skip(fixed, 3);
	cursor_copy(fixed, b, sizeof(b));
	nd.target = addr_v6(b);
	if (type == ND_NA) {
		nd.router = (flags & FLAG_ROUTER) != 0;
		nd.solicited = (flags & FLAG_SOLICITED) != 0;
		nd.override = (flags & FLAG_OVERRIDE) != 0;
	}
	if (decode_options(options, type == ND_NS ? OPTION_SOURCE_LINK : OPTION_TARGET_LINK, &nd) <
	    0)
		return -EBADMSG;
	if (fixed->failed || !rules_kept(f, type, &nd))
		return -EBADMSG;
	f->nd = nd;
	f->kind = type == ND_NS ? FRAME_NS : FRAME_NA;
	return 0;
}

int ndp_decode(struct cursor *c, struct frame *f)
{
	struct cursor head = *c;
	uint8_t type = cursor_u8(&head);
	uint8_t code = cursor_u8(&head);
	struct cursor fixed = cursor_sub(c, fixed_size(type));
	struct frame_nd ignored = { .has_link = false };

	cursor_skip(&fixed, 4);
	if (head.failed || fixed.failed || code != 0 || f->hop_limit != IP_HOP_LIMIT_ND ||
	    f->fragment_header)
		return -EBADMSG;
	if (type == ND_NS || type == ND_NA)
		return decode_neighbour(&fixed, c, type, f);
	if (decode_options(c, 0, &ignored) < 0)
		return -EBADMSG;
	f->kind = FRAME_ND_OTHER;
	return 0;
}

static void encode(struct writer *w, const struct envelope *e, uint8_t type, uint8_t flags,
		   const struct frame_nd *nd)
{
	uint16_t length = ND_FIXED + (nd->has_link ? LINK_OPTION : 0);
	struct ip_frame at = ip_begin(w, e, PROTOCOL_ICMPV6, IP_HOP_LIMIT_ND, length);

	writer_u8(w, type);
	writer_u8(w, 0);
	writer_be16(w, 0);
	writer_u8(w, flags);
	writer_zero(w, 3);
	writer_bytes(w, nd->target.b, 16);
	if (nd->has_link) {
		writer_u8(w, type == ND_NS ? OPTION_SOURCE_LINK : OPTION_TARGET_LINK);
		writer_u8(w, 1);
		writer_bytes(w, nd->link.b, 6);
	}
	ip_end(w, e, at, ICMP_CHECKSUM_AT);
}

void ndp_encode_ns(struct writer *w, const struct envelope *e, const struct frame_nd *nd)
{
	encode(w, e, ND_NS, 0, nd);
}

void ndp_encode_na(struct writer *w, const struct envelope *e, const struct frame_nd *nd)
{
	uint8_t flags = (uint8_t)((nd->router ? FLAG_ROUTER : 0) |
				  (nd->solicited ? FLAG_SOLICITED : 0) |
				  (nd->override ? FLAG_OVERRIDE : 0));

	encode(w, e, ND_NA, flags, nd);
}
