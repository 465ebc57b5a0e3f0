/*
 * l4: TCP, UDP, and the echo messages of ICMP and ICMPv6: read, the few that we send, and the checksum of one that
 * somebody else made.
 *
 * It keeps no connection and knows no port's meaning.
 */
#ifndef ROUSE_WIRE_L4_H
#define ROUSE_WIRE_L4_H

#include "base/bytes.h"
#include "wire/ether.h"

#include <stddef.h>
#include <stdint.h>

struct frame;

/*
 * The cursor holds exactly what follows the IP headers; f->protocol says what that is. 0 or -EBADMSG. A first fragment
 * may hold less than its headers announce.
 */
int l4_decode(struct cursor *segment, struct frame *f);

/* A SYN that asks whether a port is open (the ready gate): MSS option and a usual window, nothing to negotiate. */
void tcp_encode_syn(struct writer *w, const struct envelope *e, uint16_t src_port,
		    uint16_t dst_port, uint32_t seq);
/* An ICMP or ICMPv6 echo request, by the family of the envelope; 32 bytes of data. */
void echo_encode_request(struct writer *w, const struct envelope *e, uint16_t id,
			 uint16_t sequence);

/*
 * Completes the checksum of a captured IP packet (n bytes from its IP header on; what follows the packet's own length is
 * ignored): a packet of a local or virtual sender holds a partial one, and is dropped by the machine if it is sent on as
 * it is (facts/lan 5.3). TCP, UDP, ICMP and ICMPv6. The IPv4 header's own checksum is never partial and stays as it is.
 *
 * Left as they are, with 0: UDP without a checksum over IPv4; fragments, which nobody sends with a partial checksum;
 * packets with segments left in a routing header, whose pseudo header names the last stop; other protocols.
 * -EBADMSG (nothing written) for what frame_decode refuses as well.
 */
int l4_finish_checksum(uint8_t *l3, size_t n);

#endif
