/*
 * frame: one Ethernet frame of the LAN, decoded whole into a value. The only reader of foreign frames.
 *
 * It knows formats (RFC 826, 5227, 791, 8200, 4861, 9293, 768, 792, 4443), not meaning: whether a solicit is for
 * one of ours, or a packet is a knock, is for others to say.
 */
#ifndef ROUSE_WIRE_FRAME_H
#define ROUSE_WIRE_FRAME_H

#include "base/addr.h"
#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum frame_kind {
	FRAME_OTHER, /* an EtherType or protocol that says nothing to us; addresses filled as far as known */
	FRAME_ARP, /* arp */
	FRAME_NS, /* nd */
	FRAME_NA, /* nd */
	FRAME_ND_OTHER, /* router solicitation, advertisement, redirect: a sign of life, no more */
	FRAME_TCP, /* ip, l4 */
	FRAME_UDP, /* ip, l4 */
	FRAME_ECHO_REQUEST, /* ip, l4 (ident, sequence) */
	FRAME_ECHO_REPLY,
	FRAME_FRAGMENT, /* not the first of its packet: no ports */
	FRAME_KINDS
};

enum { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_PSH = 0x08, TCP_ACK = 0x10 };

struct frame_arp {
	uint16_t op; /* 1 request, 2 reply */
	struct mac sha, tha;
	struct addr spa, tpa; /* family 4; spa 0.0.0.0 is an ARP probe (RFC 5227) */
};

struct frame_nd {
	struct addr target;
	bool has_link; /* source (NS) or target (NA) link-layer address option */
	struct mac link;
	bool has_nonce; /* enhanced DAD, RFC 7527; read, never sent */
	bool router, solicited, override; /* NA flags */
};

struct frame {
	struct mac dst, src;
	uint16_t ethertype; /* after 802.1Q tags that are in the bytes */
	bool tagged; /* a tag with VID other than 0 was in the bytes */
	uint8_t kind; /* enum frame_kind */
	struct frame_arp arp;
	struct frame_nd nd;
	/* IP, when the frame carries it */
	struct addr ip_src, ip_dst;
	uint8_t hop_limit; /* or time to live */
	uint8_t protocol; /* of the upper layer, after extension headers */
	bool more_fragments; /* first fragment of several */
	bool fragment_header; /* IPv6: one was there, though it may say "whole" (RFC 6946) */
	bool routed; /* IPv6: a routing header has segments left, ip_dst is not the last stop */
	uint32_t l3_at, l3_length; /* the IP packet within the bytes, without Ethernet padding */
	uint32_t l4_at, l4_length; /* the upper-layer segment; 0 when none */
	/* TCP and UDP */
	uint16_t src_port, dst_port;
	uint8_t tcp_flags;
	uint32_t tcp_seq, tcp_ack;
	uint32_t payload_length; /* bytes of data */
	/* echo */
	uint16_t echo_id, echo_sequence;
};

/*
 * Decodes n bytes that start at the destination MAC. 0, or -EBADMSG for a frame that is shorter than it says, or whose
 * headers contradict each other (then *ret_frame is unchanged). A frame of an unknown kind is no error: FRAME_OTHER.
 * Checksums are not verified: a frame from this host's or a guest's sender may carry a partial one.
 */
int frame_decode(const void *bytes, size_t n, struct frame *ret_frame);

#endif
