/*
 * ip: the headers of IPv4 (with options) and IPv6 (with extension headers), read and written.
 *
 * It stops at the upper layer, which l4 knows.
 */
#ifndef ROUSE_WIRE_IP_H
#define ROUSE_WIRE_IP_H

#include "base/bytes.h"
#include "wire/ether.h"

#include <stdint.h>

struct frame;

/* Assigned numbers of the upper layers that we know. */
enum {
	PROTOCOL_ICMP = 1,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_ICMPV6 = 58,
};

#define IP_HOP_LIMIT 64 /* of packets that may be routed */
#define IP_HOP_LIMIT_ND 255 /* RFC 4861: proof that no router was in between */

/*
 * The cursor is at the IP header, f->l3_at says where that is. Goes on into the upper layer. 0, or -EBADMSG: the packet
 * is longer than the bytes, shorter than its headers, or has more than 8 extension headers.
 */
int ip_decode_v4(struct cursor *c, struct frame *f);
int ip_decode_v6(struct cursor *c, struct frame *f);

/*
 * A whole frame around an upper layer, in three steps: ip_begin (Ethernet and IP header with room for `length` bytes of
 * `protocol`), the caller writes exactly these, ip_end (the checksum at `checksum_at` of them, which they hold as zero;
 * padding). No options, do not fragment.
 */
struct ip_frame {
	size_t start; /* of the frame */
	size_t l4; /* of the upper layer */
	uint8_t protocol;
};

struct ip_frame ip_begin(struct writer *w, const struct envelope *e, uint8_t protocol,
			 uint8_t hop_limit, uint16_t length);
void ip_end(struct writer *w, const struct envelope *e, struct ip_frame at, size_t checksum_at);

/* The checksum field of a segment whose field is zero now; UDP's zero is sent as ffff (RFC 768). */
uint16_t ip_checksum(const struct addr *src, const struct addr *dst, uint8_t protocol,
		     const uint8_t *segment, uint32_t length);

#endif
