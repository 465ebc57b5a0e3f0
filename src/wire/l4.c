#include "wire/l4.h"

#include "wire/frame.h"
#include "wire/ip.h"
#include "wire/ndp.h"

#include <errno.h>

#define TCP_HEADER 20
#define UDP_HEADER 8
#define ECHO_HEADER 8
#define ECHO_DATA 32

enum { ICMP_ECHO_REPLY = 0, ICMP_ECHO_REQUEST = 8 };
enum { ICMPV6_ECHO_REQUEST = 128, ICMPV6_ECHO_REPLY = 129 };

enum { TCP_CHECKSUM_AT = 16, UDP_CHECKSUM_AT = 6, ICMP_CHECKSUM_AT = 2 };

static int decode_tcp(struct cursor *c, struct frame *f)
{
	uint32_t header;

	f->src_port = cursor_be16(c);
	f->dst_port = cursor_be16(c);
	f->tcp_seq = cursor_be32(c);
	f->tcp_ack = cursor_be32(c);
	header = 4 * (uint32_t)(cursor_u8(c) >> 4);
	f->tcp_flags = cursor_u8(c);
	cursor_skip(c, 6);
	if (c->failed || header < TCP_HEADER || header > f->l4_length)
		return -EBADMSG;
	f->payload_length = f->l4_length - header;
	f->kind = FRAME_TCP;
	return 0;
}

static int decode_udp(struct cursor *c, struct frame *f)
{
	uint32_t length;

	f->src_port = cursor_be16(c);
	f->dst_port = cursor_be16(c);
	length = cursor_be16(c);
	cursor_skip(c, 2);
	if (c->failed || length < UDP_HEADER)
		return -EBADMSG;
	if (length > f->l4_length) {
		if (!f->more_fragments)
			return -EBADMSG;
		length = f->l4_length;
	}
	f->payload_length = length - UDP_HEADER;
	f->kind = FRAME_UDP;
	return 0;
}

static int decode_echo(struct cursor *c, struct frame *f, enum frame_kind kind)
{
	cursor_skip(c, 4);
	f->echo_id = cursor_be16(c);
	f->echo_sequence = cursor_be16(c);
	if (c->failed)
		return -EBADMSG;
	f->payload_length = f->l4_length - ECHO_HEADER;
	f->kind = (uint8_t)kind;
	return 0;
}

static int decode_icmp(struct cursor *c, struct frame *f)
{
	struct cursor head = *c;
	uint8_t type = cursor_u8(&head);
	uint8_t code = cursor_u8(&head);

	cursor_skip(&head, 2);
	if (head.failed)
		return -EBADMSG;
	if (type == ICMP_ECHO_REQUEST && code == 0)
		return decode_echo(c, f, FRAME_ECHO_REQUEST);
	if (type == ICMP_ECHO_REPLY && code == 0)
		return decode_echo(c, f, FRAME_ECHO_REPLY);
	return 0;
}

static int decode_icmpv6(struct cursor *c, struct frame *f)
{
	struct cursor head = *c;
	uint8_t type = cursor_u8(&head);
	uint8_t code = cursor_u8(&head);

	cursor_skip(&head, 2);
	if (head.failed)
		return -EBADMSG;
	if (type >= ND_FIRST && type <= ND_LAST)
		return ndp_decode(c, f);
	if (type == ICMPV6_ECHO_REQUEST && code == 0)
		return decode_echo(c, f, FRAME_ECHO_REQUEST);
	if (type == ICMPV6_ECHO_REPLY && code == 0)
		return decode_echo(c, f, FRAME_ECHO_REPLY);
	return 0;
}

int l4_decode(struct cursor *segment, struct frame *f)
{
	if (f->protocol == PROTOCOL_TCP)
		return decode_tcp(segment, f);
	if (f->protocol == PROTOCOL_UDP)
		return decode_udp(segment, f);
	if (f->protocol == PROTOCOL_ICMP && f->ip_src.family == 4)
		return decode_icmp(segment, f);
	if (f->protocol == PROTOCOL_ICMPV6 && f->ip_src.family == 6)
		return decode_icmpv6(segment, f);
	return 0;
}

void tcp_encode_syn(struct writer *w, const struct envelope *e, uint16_t src_port,
		    uint16_t dst_port, uint32_t seq)
{
	struct ip_frame at = ip_begin(w, e, PROTOCOL_TCP, IP_HOP_LIMIT, TCP_HEADER + 4);

	writer_be16(w, src_port);
	writer_be16(w, dst_port);
	writer_be32(w, seq);
	writer_be32(w, 0);
	writer_u8(w, (TCP_HEADER + 4) / 4 << 4);
	writer_u8(w, TCP_SYN);
	writer_be16(w, 64240);
	writer_be32(w, 0); /* checksum, urgent pointer */
	writer_u8(w, 2); /* maximum segment size */
	writer_u8(w, 4);
	writer_be16(w, e->ip_dst.family == 4 ? 1460 : 1440);
	ip_end(w, e, at, TCP_CHECKSUM_AT);
}

void echo_encode_request(struct writer *w, const struct envelope *e, uint16_t id, uint16_t sequence)
{
	bool v4 = e->ip_dst.family == 4;
	struct ip_frame at = ip_begin(w, e, v4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6, IP_HOP_LIMIT,
				      ECHO_HEADER + ECHO_DATA);

	writer_u8(w, v4 ? ICMP_ECHO_REQUEST : ICMPV6_ECHO_REQUEST);
	writer_u8(w, 0);
	writer_be16(w, 0);
	writer_be16(w, id);
	writer_be16(w, sequence);
	writer_zero(w, ECHO_DATA);
	ip_end(w, e, at, ICMP_CHECKSUM_AT);
}

/* Where the checksum field is within the segment, and how much it covers; 0 when it is to be left alone. */
static uint32_t covered_by_checksum(const struct frame *f, const uint8_t *segment,
				    size_t *ret_field)
{
	uint32_t length = f->l4_length;

	if (f->kind == FRAME_TCP) {
		*ret_field = TCP_CHECKSUM_AT;
	} else if (f->kind == FRAME_UDP) {
		*ret_field = UDP_CHECKSUM_AT;
		length = UDP_HEADER + f->payload_length;
		if (f->ip_src.family == 4 && segment[UDP_CHECKSUM_AT] == 0 &&
		    segment[UDP_CHECKSUM_AT + 1] == 0)
			length = 0;
	} else if ((f->protocol == PROTOCOL_ICMP && f->ip_src.family == 4) ||
		   (f->protocol == PROTOCOL_ICMPV6 && f->ip_src.family == 6)) {
		*ret_field = ICMP_CHECKSUM_AT;
	} else {
		length = 0;
	}
	return length;
}

int l4_finish_checksum(uint8_t *l3, size_t n)
{
	struct cursor c = cursor_over(l3, n);
	struct cursor first = c;
	bool v4 = cursor_u8(&first) >> 4 == 4;
	struct frame f = { .kind = FRAME_OTHER };
	int r = v4 ? ip_decode_v4(&c, &f) : ip_decode_v6(&c, &f);
	uint8_t *segment;
	uint32_t length;
	uint16_t sum;
	size_t field;

	if (r < 0)
		return r;
	if (f.kind == FRAME_FRAGMENT || f.more_fragments || f.routed)
		return 0;
	segment = l3 + f.l4_at;
	length = covered_by_checksum(&f, segment, &field);
	if (length == 0)
		return 0;
	segment[field] = 0;
	segment[field + 1] = 0;
	sum = ip_checksum(&f.ip_src, &f.ip_dst, f.protocol, segment, length);
	segment[field] = (uint8_t)(sum >> 8);
	segment[field + 1] = (uint8_t)sum;
	return 0;
}
