#include "wire/wol.h"

#include "wire/ip.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <string.h>

#define SYNC 6
#define REPEATS 16
#define UDP_HEADER 8
#define UDP_CHECKSUM_AT 6
#define ETHERTYPE_WOL 0x0842 /* not in the oldest headers' if_ether.h */

void wol_payload(struct writer *w, const struct mac *target, const struct secureon *secureon)
{
	assert(secureon->length <= sizeof(secureon->b));
	writer_bytes(w, MAC_BROADCAST.b, SYNC);
	for (int i = 0; i < REPEATS; i++)
		writer_bytes(w, target->b, sizeof(target->b));
	writer_bytes(w, secureon->b, secureon->length);
}

void wol_encode(struct writer *w, const struct mac *eth_dst, const struct mac *eth_src,
		const struct mac *target, const struct secureon *secureon)
{
	size_t start = ether_begin(w, eth_dst, eth_src, ETHERTYPE_WOL);

	wol_payload(w, target, secureon);
	ether_end(w, start);
}

void wol_encode_udp(struct writer *w, const struct envelope *e, const struct mac *target,
		    const struct secureon *secureon)
{
	uint16_t length = (uint16_t)(UDP_HEADER + WOL_PAYLOAD + secureon->length);
	struct ip_frame at = ip_begin(w, e, PROTOCOL_UDP, IP_HOP_LIMIT, length);

	writer_be16(w, WOL_PORT);
	writer_be16(w, WOL_PORT);
	writer_be16(w, length);
	writer_be16(w, 0);
	wol_payload(w, target, secureon);
	ip_end(w, e, at, UDP_CHECKSUM_AT);
}

/* Whether a magic packet starts here; moves the cursor behind it. */
static bool take_magic(struct cursor *c, struct mac *ret_mac)
{
	const uint8_t *sync = cursor_take(c, SYNC);
	const uint8_t *mac = cursor_take(c, sizeof(ret_mac->b));

	if (!mac || memcmp(sync, MAC_BROADCAST.b, SYNC) != 0)
		return false;
	for (int i = 1; i < REPEATS; i++) {
		const uint8_t *again = cursor_take(c, sizeof(ret_mac->b));

		if (!again || memcmp(again, mac, sizeof(ret_mac->b)) != 0)
			return false;
	}
	memcpy(ret_mac->b, mac, sizeof(ret_mac->b));
	return !mac_is_group(ret_mac) && !mac_is_zero(ret_mac);
}

int wol_find(const void *bytes, size_t n, struct mac *ret_mac, struct secureon *ret_secureon)
{
	struct cursor c = cursor_over(bytes, n);

	for (; c.left >= WOL_PAYLOAD; cursor_skip(&c, 1)) {
		struct secureon secureon = { .length = 0 };
		struct cursor here = c;
		struct mac mac;

		if (!take_magic(&here, &mac))
			continue;
		if (here.left == 4 || here.left == 6) {
			secureon.length = (uint8_t)here.left;
			cursor_copy(&here, secureon.b, secureon.length);
		}
		*ret_mac = mac;
		*ret_secureon = secureon;
		return 0;
	}
	return -ENOENT;
}
