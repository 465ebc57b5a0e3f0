/*
 * ether: the Ethernet header of a frame: read with the 802.1Q tags that are in the bytes, written with padding; the
 * checksum that the protocols above share; and the frame that only a switch should notice.
 *
 * It owns nothing and knows no protocol above it. An encoder writes one whole frame at the end of the writer, whatever
 * is there already (a vnet header, say); it fails as the writer does, by its sticky flag.
 */
#ifndef ROUSE_WIRE_ETHER_H
#define ROUSE_WIRE_ETHER_H

#include "base/addr.h"
#include "base/bytes.h"

#include <stddef.h>
#include <stdint.h>

struct frame;

#define ETHER_HEADER 14
#define ETHER_MIN 60 /* shortest frame, without its check sequence */
#define ETHER_ENCODED_MAX 256 /* no encoder of this folder writes a longer frame */

/* Where an IP packet of ours goes, on both layers. Both addresses are of one family. */
struct envelope {
	struct mac eth_dst, eth_src;
	struct addr ip_src, ip_dst;
};

/* Fills dst, src, ethertype, tagged; leaves the cursor at the payload. 0 or -EBADMSG. */
int ether_decode(struct cursor *c, struct frame *f);

/* Writes the header; returns where the frame starts, for ether_end. */
size_t ether_begin(struct writer *w, const struct mac *dst, const struct mac *src, uint16_t type);
/* Pads the frame that started at `start` with zeros to ETHER_MIN. */
void ether_end(struct writer *w, size_t start);

/*
 * Tells the switch where the virtual MAC lives, and nobody else: EtherType 0x88B5 (local experimental), virtual MAC ->
 * own MAC, which the switch knows on the same port and therefore does not forward (lan-experiments 1).
 */
void refresh_encode(struct writer *w, const struct mac *virtual_mac, const struct mac *own);

/* The Internet checksum (RFC 1071) in steps: sum any number of pieces (all but the last of even length), then fold. */
uint64_t checksum_add(uint64_t sum, const void *bytes, size_t n);
/* The pseudo header of both families (RFC 9293, 3.1; RFC 8200, 8.1). */
uint64_t checksum_pseudo(const struct addr *src, const struct addr *dst, uint8_t protocol,
			 uint32_t length);
/* What belongs into the checksum field, in host order. */
uint16_t checksum_fold(uint64_t sum);

#endif
