#include "wire/ether.h"

#include "wire/frame.h"

#include <errno.h>
#include <linux/if_ether.h>

/* Service tag, customer tag; nobody stacks more on the way to a home. Beyond: a frame that says nothing to us. */
#define TAGS_MAX 2
#define VID_MASK 0x0fff

int ether_decode(struct cursor *c, struct frame *f)
{
	cursor_copy(c, f->dst.b, sizeof(f->dst.b));
	cursor_copy(c, f->src.b, sizeof(f->src.b));
	f->ethertype = cursor_be16(c);
	for (int i = 0; i < TAGS_MAX; i++) {
		if (f->ethertype != ETH_P_8021Q && f->ethertype != ETH_P_8021AD)
			break;
		/* VID 0 carries a priority alone: the frame counts as untagged (IEEE 802.1Q, 9.6). */
		if (cursor_be16(c) & VID_MASK)
			f->tagged = true;
		f->ethertype = cursor_be16(c);
	}
	return c->failed ? -EBADMSG : 0;
}

size_t ether_begin(struct writer *w, const struct mac *dst, const struct mac *src, uint16_t type)
{
	size_t start = w->used;

	writer_bytes(w, dst->b, sizeof(dst->b));
	writer_bytes(w, src->b, sizeof(src->b));
	writer_be16(w, type);
	return start;
}

void ether_end(struct writer *w, size_t start)
{
	size_t n = w->used - start;

	if (n < ETHER_MIN)
		writer_zero(w, ETHER_MIN - n);
}

void refresh_encode(struct writer *w, const struct mac *virtual_mac, const struct mac *own)
{
	ether_end(w, ether_begin(w, own, virtual_mac, ETH_P_802_EX1));
}

uint64_t checksum_add(uint64_t sum, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (; n >= 2; n -= 2, p += 2)
		sum += (uint64_t)p[0] << 8 | p[1];
	if (n)
		sum += (uint64_t)p[0] << 8;
	return sum;
}

uint64_t checksum_pseudo(const struct addr *src, const struct addr *dst, uint8_t protocol,
			 uint32_t length)
{
	uint64_t sum = checksum_add(0, src->b, addr_size(src));

	sum = checksum_add(sum, dst->b, addr_size(dst));
	return sum + protocol + (length >> 16) + (length & 0xffff);
}

uint16_t checksum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}
