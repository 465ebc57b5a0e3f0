#include "sys/packet.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static_assert(sizeof(struct virtio_net_hdr) == PACKET_VNET, "the header of PACKET_VNET_HDR");
static_assert(PACKET_TO_US == PACKET_HOST && PACKET_TO_ALL == PACKET_BROADCAST &&
		      PACKET_TO_GROUP == PACKET_MULTICAST && PACKET_TO_OTHER == PACKET_OTHERHOST &&
		      PACKET_FROM_US == PACKET_OUTGOING,
	      "enum packet_way is the kernel's pkttype");

#define BATCH_MAX 64
/* Frames in a row that the kernel could not describe, before the caller is told. */
#define SKIP_MAX 64

/* --- sockets --- */

static int set_on(int fd, int level, int option)
{
	static const int one = 1;

	return setsockopt(fd, level, option, &one, sizeof(one)) < 0 ? -errno : 0;
}

int packet_set_filter(int fd, const struct sock_filter *code, size_t n)
{
	/* The kernel only reads it. */
	struct sock_fprog program = { .len = (unsigned short)n,
				      .filter = (struct sock_filter *)(uintptr_t)code };

	if (n == 0 || n > BPF_MAXINSNS)
		return -EINVAL;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		return -errno;
	return 0;
}

static void set_buffer(int fd, size_t bytes)
{
	int n = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes;

	/* Beyond the system's limit takes a capability; less than wished for still works. */
	if (n && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &n, sizeof(n)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &n, sizeof(n));
}

static int set_options(int fd, unsigned int flags, size_t buffer)
{
	int r = set_on(fd, SOL_PACKET, PACKET_VNET_HDR);

	if (r == 0)
		r = set_on(fd, SOL_PACKET, PACKET_AUXDATA);
	/* Without this every packet that the host sends costs a clone before the filter sees it. */
	if (r == 0 && !(flags & PACKET_SEE_OUTGOING))
		r = set_on(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING);
	set_buffer(fd, buffer);
	return r;
}

int packet_open(int ifindex, const struct sock_filter *code, size_t n, unsigned int flags,
		size_t buffer, int *ret_fd)
{
	bool receives = !(flags & PACKET_SEND_ONLY);
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_protocol = receives ? htons(ETH_P_ALL) : 0,
				  .sll_ifindex = ifindex };
	/* Protocol 0 receives nothing until bind() names one, so nothing gets in unfiltered. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = set_options(fd, flags, buffer);
	if (r == 0 && receives)
		r = packet_set_filter(fd, code, n);
	if (r == 0 && (flags & PACKET_LOCK))
		r = set_on(fd, SOL_SOCKET, SO_LOCK_FILTER);
	if (r == 0 && bind(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

static int membership(int fd, int option, int ifindex, const struct mac *mac)
{
	struct packet_mreq m = { .mr_ifindex = ifindex,
				 .mr_type = PACKET_MR_UNICAST,
				 .mr_alen = sizeof(mac->b) };

	memcpy(m.mr_address, mac->b, sizeof(mac->b));
	return setsockopt(fd, SOL_PACKET, option, &m, sizeof(m)) < 0 ? -errno : 0;
}

int packet_accept(int fd, int ifindex, const struct mac *mac)
{
	return membership(fd, PACKET_ADD_MEMBERSHIP, ifindex, mac);
}

int packet_reject(int fd, int ifindex, const struct mac *mac)
{
	return membership(fd, PACKET_DROP_MEMBERSHIP, ifindex, mac);
}

int packet_counts(int fd, struct packet_counts *ret_counts)
{
	struct tpacket_stats s;
	socklen_t n = sizeof(s);

	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &s, &n) < 0)
		return -errno;
	*ret_counts = (struct packet_counts){ .received = s.tp_packets, .dropped = s.tp_drops };
	return 0;
}

/* --- receiving --- */

struct slot {
	struct virtio_net_hdr vnet;
	struct iovec iov[2];
	struct sockaddr_ll from;
	alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
};

struct packet_batch {
	struct mmsghdr messages[BATCH_MAX];
	size_t frames;
	size_t used; /* slots the last receive may have changed */
	uint8_t *bytes;
	struct slot slots[];
};

int packet_batch_new(size_t frames, size_t size, struct packet_batch **ret_batch)
{
	struct packet_batch *b;

	assert(frames >= 1 && frames <= BATCH_MAX);
	b = calloc(1, sizeof(*b) + frames * sizeof(b->slots[0]));
	if (!b)
		return -ENOMEM;
	b->bytes = calloc(frames, size);
	if (!b->bytes) {
		free(b);
		return -ENOMEM;
	}
	b->frames = b->used = frames;
	for (size_t i = 0; i < frames; i++) {
		struct slot *s = &b->slots[i];

		s->iov[0] = (struct iovec){ .iov_base = &s->vnet, .iov_len = sizeof(s->vnet) };
		s->iov[1] = (struct iovec){ .iov_base = b->bytes + i * size, .iov_len = size };
	}
	*ret_batch = b;
	return 0;
}

void packet_batch_free(struct packet_batch *b)
{
	if (!b)
		return;
	free(b->bytes);
	free(b);
}

/* The kernel writes lengths and flags into what it was given. */
static void batch_ready(struct packet_batch *b)
{
	for (size_t i = 0; i < b->used; i++) {
		struct slot *s = &b->slots[i];

		b->messages[i].msg_hdr = (struct msghdr){ .msg_name = &s->from,
							  .msg_namelen = sizeof(s->from),
							  .msg_iov = s->iov,
							  .msg_iovlen = 2,
							  .msg_control = s->control,
							  .msg_controllen = sizeof(s->control) };
	}
	b->used = 0;
}

int packet_batch_receive(struct packet_batch *b, int fd)
{
	batch_ready(b);
	for (int skipped = 0;;) {
		int n = recvmmsg(fd, b->messages, (unsigned int)b->frames, MSG_DONTWAIT, NULL);

		if (n >= 0) {
			b->used = n < (int)b->frames ? (size_t)n + 1 : b->frames;
			return n;
		}
		/* EINVAL: a frame whose kind of GSO has no vnet header; it is gone from the queue.
		 */
		if (errno == EAGAIN)
			return 0;
		if (errno != EINTR && (errno != EINVAL || ++skipped > SKIP_MAX))
			return -errno;
		b->used = b->frames;
		batch_ready(b);
	}
}

static bool find_auxdata(const struct msghdr *h, struct tpacket_auxdata *ret_aux)
{
	/* CMSG_FIRSTHDR wants it writable and does not write. */
	struct msghdr copy = *h;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(&copy); c; c = CMSG_NXTHDR(&copy, c)) {
		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(ret_aux, CMSG_DATA(c), sizeof(*ret_aux));
		return true;
	}
	return false;
}

void packet_batch_frame(const struct packet_batch *b, size_t i, struct packet_frame *ret_frame)
{
	const struct mmsghdr *m = &b->messages[i];
	const struct slot *s = &b->slots[i];
	struct tpacket_auxdata aux = { 0 };
	struct packet_frame f = { .bytes = s->iov[1].iov_base, .way = s->from.sll_pkttype };

	/* The vnet header is always complete: the kernel writes it first. */
	f.length = m->msg_len > sizeof(s->vnet) ? m->msg_len - sizeof(s->vnet) : 0;
	f.original = f.length;
	f.truncated = (m->msg_hdr.msg_flags & MSG_TRUNC) != 0;
	memcpy(f.vnet, &s->vnet, sizeof(f.vnet));
	f.large = s->vnet.gso_type != VIRTIO_NET_HDR_GSO_NONE;
	f.partial_checksum = (s->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;
	if (find_auxdata(&m->msg_hdr, &aux)) {
		if (aux.tp_len > f.original)
			f.original = aux.tp_len;
		f.tagged = (aux.tp_status & TP_STATUS_VLAN_VALID) != 0;
		f.vlan = f.tagged ? aux.tp_vlan_tci & 0x0fff : 0;
		if (aux.tp_status & TP_STATUS_CSUMNOTREADY)
			f.partial_checksum = true;
	}
	*ret_frame = f;
}

/* --- sending --- */

int packet_send(int fd, const uint8_t *vnet, const void *head, size_t head_n, const void *body,
		size_t body_n)
{
	static const uint8_t plain[PACKET_VNET];
	struct iovec iov[3] = {
		{ .iov_base = (void *)(uintptr_t)(vnet ? vnet : plain), .iov_len = PACKET_VNET },
		{ .iov_base = (void *)(uintptr_t)head, .iov_len = head_n },
		{ .iov_base = (void *)(uintptr_t)body, .iov_len = body_n },
	};
	struct msghdr h = { .msg_iov = iov, .msg_iovlen = 3 };
	ssize_t n;

	do {
		n = sendmsg(fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

void packet_vnet_plain(const uint8_t vnet[static PACKET_VNET], uint8_t ret_vnet[static PACKET_VNET])
{
	struct virtio_net_hdr h;

	memcpy(&h, vnet, sizeof(h));
	h.flags = 0;
	h.csum_start = 0;
	h.csum_offset = 0;
	memcpy(ret_vnet, &h, sizeof(h));
}
