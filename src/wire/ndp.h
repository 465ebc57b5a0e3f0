/*
 * ndp: IPv6 neighbour discovery (RFC 4861), read with the checks that its sections 6 and 7 demand, and the two
 * messages that we send.
 *
 * It knows neither who owns an address nor what a solicitation deserves.
 */
#ifndef ROUSE_WIRE_NDP_H
#define ROUSE_WIRE_NDP_H

#include "base/bytes.h"
#include "wire/ether.h"
#include "wire/frame.h"

enum {
	ND_FIRST = 133, /* router solicitation */
	ND_RS = 133,
	ND_RA = 134,
	ND_NS = 135,
	ND_NA = 136,
	ND_REDIRECT = 137,
	ND_LAST = 137,
};

/*
 * The cursor holds exactly the ICMPv6 message of such a type. 0, or -EBADMSG: hop limit not 255, code not 0, came as a
 * fragment (RFC 6980), an option of length 0 or beyond the message, or one of the rules of RFC 4861, 7.1 broken.
 */
int ndp_decode(struct cursor *c, struct frame *f);

/*
 * One whole frame: target, its link-layer address option when nd->has_link, and for an advertisement the three flags.
 * Hop limit 255. A nonce is not sent.
 */
void ndp_encode_ns(struct writer *w, const struct envelope *e, const struct frame_nd *nd);
void ndp_encode_na(struct writer *w, const struct envelope *e, const struct frame_nd *nd);

#endif
