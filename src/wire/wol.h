/*
 * wol: the magic packet (AMD publication 20213): six bytes ff, sixteen times the MAC, and a SecureOn password of 0, 4 or
 * 6 bytes, anywhere in a frame.
 *
 * It knows how one looks on the wire; how often and where to send it is not its business.
 */
#ifndef ROUSE_WIRE_WOL_H
#define ROUSE_WIRE_WOL_H

#include "base/addr.h"
#include "base/bytes.h"
#include "base/spec.h"
#include "wire/ether.h"

#include <stddef.h>

#define WOL_PORT 9 /* discard */
#define WOL_PAYLOAD 102 /* without SecureOn */

/* The bytes alone. */
void wol_payload(struct writer *w, const struct mac *target, const struct secureon *secureon);
/* One whole frame of EtherType 0x0842. */
void wol_encode(struct writer *w, const struct mac *eth_dst, const struct mac *eth_src,
		const struct mac *target, const struct secureon *secureon);
/* One whole frame with a UDP datagram from and to port 9; either family (an IPv4 broadcast address, usually). */
void wol_encode_udp(struct writer *w, const struct envelope *e, const struct mac *target,
		    const struct secureon *secureon);

/*
 * The first magic packet anywhere in n bytes, for a unicast MAC; exactly 4 or 6 bytes behind it are its SecureOn, any
 * other number is not. 0 or -ENOENT.
 */
int wol_find(const void *bytes, size_t n, struct mac *ret_mac, struct secureon *ret_secureon);

#endif
