#include "wire/arp.h"

#include "wire/ether.h"

#include <errno.h>
#include <linux/if_ether.h>

enum { HTYPE_ETHERNET = 1, HTYPE_IEEE802 = 6 };

static struct addr read_v4(struct cursor *c)
{
	uint8_t b[4];

	cursor_copy(c, b, sizeof(b));
	return addr_v4(b);
}

int arp_decode(struct cursor *c, struct frame *f)
{
	struct frame_arp arp;
	uint16_t htype = cursor_be16(c);
	uint16_t ptype = cursor_be16(c);
	uint8_t hlen = cursor_u8(c);
	uint8_t plen = cursor_u8(c);

	arp.op = cursor_be16(c);
	cursor_copy(c, arp.sha.b, sizeof(arp.sha.b));
	arp.spa = read_v4(c);
	cursor_copy(c, arp.tha.b, sizeof(arp.tha.b));
	arp.tpa = read_v4(c);
	/* RFC 1122, 2.3.3 hosts may say IEEE 802 on Ethernet; Linux takes both. */
	if (c->failed || (htype != HTYPE_ETHERNET && htype != HTYPE_IEEE802) || ptype != ETH_P_IP ||
	    hlen != 6 || plen != 4)
		return -EBADMSG;
	if (arp.op != ARP_REQUEST && arp.op != ARP_REPLY)
		return 0;
	f->kind = FRAME_ARP;
	f->arp = arp;
	return 0;
}

void arp_encode(struct writer *w, const struct mac *eth_dst, const struct mac *eth_src,
		const struct frame_arp *arp)
{
	size_t start = ether_begin(w, eth_dst, eth_src, ETH_P_ARP);

	writer_be16(w, HTYPE_ETHERNET);
	writer_be16(w, ETH_P_IP);
	writer_u8(w, 6);
	writer_u8(w, 4);
	writer_be16(w, arp->op);
	writer_bytes(w, arp->sha.b, 6);
	writer_bytes(w, arp->spa.b, 4);
	writer_bytes(w, arp->tha.b, 6);
	writer_bytes(w, arp->tpa.b, 4);
	ether_end(w, start);
}

struct frame_arp arp_announcement(const struct mac *mac, const struct addr *address)
{
	return arp_request(mac, address, address);
}

struct frame_arp arp_request(const struct mac *sha, const struct addr *spa, const struct addr *tpa)
{
	return (struct frame_arp){ .op = ARP_REQUEST, .sha = *sha, .spa = *spa, .tpa = *tpa };
}

struct frame_arp arp_reply(const struct mac *mac, const struct addr *address,
			   const struct mac *asker_mac, const struct addr *asker)
{
	return (struct frame_arp){
		.op = ARP_REPLY,
		.sha = *mac,
		.spa = *address,
		.tha = *asker_mac,
		.tpa = *asker,
	};
}

struct frame_arp arp_probe(const struct mac *sha, const struct addr *tpa)
{
	static const uint8_t nobody[4];
	struct addr spa = addr_v4(nobody);

	return arp_request(sha, &spa, tpa);
}
