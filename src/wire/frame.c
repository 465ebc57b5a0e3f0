#include "wire/frame.h"

#include "wire/arp.h"
#include "wire/ether.h"
#include "wire/ip.h"

#include <errno.h>
#include <linux/if_ether.h>

static int decode_payload(struct cursor *c, struct frame *f)
{
	if (f->ethertype == ETH_P_ARP)
		return arp_decode(c, f);
	if (f->ethertype == ETH_P_IP)
		return ip_decode_v4(c, f);
	if (f->ethertype == ETH_P_IPV6)
		return ip_decode_v6(c, f);
	return 0;
}

int frame_decode(const void *bytes, size_t n, struct frame *ret_frame)
{
	struct cursor c = cursor_over(bytes, n);
	struct frame f = { .kind = FRAME_OTHER };
	int r = ether_decode(&c, &f);

	if (r < 0)
		return r;
	f.l3_at = (uint32_t)(n - c.left);
	r = decode_payload(&c, &f);
	if (r < 0)
		return r;
	*ret_frame = f;
	return 0;
}
