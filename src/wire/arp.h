/*
 * arp: Address Resolution Protocol for IPv4 on Ethernet (RFC 826, 5227), both ways.
 *
 * It knows the form of a message, and how the few kinds we send are filled in; never when to send one.
 */
#ifndef ROUSE_WIRE_ARP_H
#define ROUSE_WIRE_ARP_H

#include "base/addr.h"
#include "base/bytes.h"
#include "wire/frame.h"

enum { ARP_REQUEST = 1, ARP_REPLY = 2 };

/* The cursor is behind the Ethernet header. 0, or -EBADMSG; an operation that is neither of ours is FRAME_OTHER. */
int arp_decode(struct cursor *c, struct frame *f);

/* One whole frame. spa and tpa are of family 4. */
void arp_encode(struct writer *w, const struct mac *eth_dst, const struct mac *eth_src,
		const struct frame_arp *arp);

/* "address is at mac": a request with spa = tpa, the form that Linux believes in every state (lan-experiments 2). */
struct frame_arp arp_announcement(const struct mac *mac, const struct addr *address);
struct frame_arp arp_request(const struct mac *sha, const struct addr *spa, const struct addr *tpa);
/* The answer to a request of asker_mac, asker: "address is at mac". */
struct frame_arp arp_reply(const struct mac *mac, const struct addr *address,
			   const struct mac *asker_mac, const struct addr *asker);
/* RFC 5227, 1.1: spa 0.0.0.0. For tests: we never send one (some access points learn wrong mappings from them). */
struct frame_arp arp_probe(const struct mac *sha, const struct addr *tpa);

#endif
