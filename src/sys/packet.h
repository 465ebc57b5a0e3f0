/*
 * packet: AF_PACKET sockets: whole Ethernet frames in and out of one interface.
 *
 * A socket is a plain descriptor, because it travels from the monitor to the engine. Nothing here
 * looks into a frame; filters come as classic BPF from whoever knows the formats.
 */
#ifndef ROUSE_SYS_PACKET_H
#define ROUSE_SYS_PACKET_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sock_filter; /* <linux/filter.h> */

/* The raw struct virtio_net_hdr that the kernel puts before each frame (PACKET_VNET_HDR). */
#define PACKET_VNET 10

enum packet_flags {
	/* Sees what this host sends as well (the filter should want nothing else). */
	PACKET_SEE_OUTGOING = 1,
	/* The filter cannot be replaced or removed any more, by whoever holds the descriptor. */
	PACKET_LOCK = 2,
	/* Receives nothing (`code` is not looked at): for sending. */
	PACKET_SEND_ONLY = 4,
};

/*
 * A non-blocking, close-on-exec packet socket bound to `ifindex` and all EtherTypes. The filter is
 * attached before it is bound, so that no frame gets in unfiltered. `buffer` is the wanted receive
 * buffer in bytes (0: the system's; more than net.core.rmem_max only with CAP_NET_ADMIN, never an
 * error). Errors: -EPERM without CAP_NET_RAW, -ENODEV, -ENETDOWN is none (a link that is down can
 * be bound), -EINVAL for a filter the kernel refuses, and others of socket(2), setsockopt(2).
 */
int packet_open(int ifindex, const struct sock_filter *code, size_t n, unsigned int flags,
		size_t buffer, int *ret_fd);
/* Replaces the filter; what was queued under the old one stays queued. -EPERM after PACKET_LOCK. */
int packet_set_filter(int fd, const struct sock_filter *code, size_t n);
/* From now on the NIC accepts frames for this MAC too (PACKET_MR_UNICAST), as long as fd is open.
 */
int packet_accept(int fd, int ifindex, const struct mac *mac);
int packet_reject(int fd, int ifindex, const struct mac *mac);

struct packet_counts {
	uint32_t received; /* passed the filter, drops included */
	uint32_t dropped; /* for lack of buffer */
};
/* Since the last call: reading resets. */
int packet_counts(int fd, struct packet_counts *ret_counts);

/* Who the kernel thinks a frame was for (<linux/if_packet.h>). */
enum packet_way {
	PACKET_TO_US, /* our own MAC */
	PACKET_TO_ALL, /* broadcast */
	PACKET_TO_GROUP, /* multicast */
	PACKET_TO_OTHER, /* a MAC that is not the interface's: our virtual one */
	PACKET_FROM_US, /* sent by this host */
};

/* One received frame. Pointers live until the next packet_batch_receive() of its batch. */
struct packet_frame {
	uint8_t *bytes; /* from the destination MAC on, without VLAN tag and FCS; the caller may
			   change them */
	size_t length; /* bytes that are there */
	size_t original; /* bytes the frame had; more than `length` when truncated */
	bool truncated;
	bool partial_checksum; /* its L4 checksum is not finished (sent by this host or a guest) */
	bool tagged; /* carried an 802.1Q tag; VID 0 is only a priority */
	uint16_t vlan; /* VID, 0 without tag */
	uint8_t way; /* enum packet_way */
	uint8_t vnet[PACKET_VNET]; /* to be given back to packet_send() with a large frame */
	bool large; /* several segments merged by GRO: can be sent again only with `vnet` */
};

/* Room for receiving several frames with one system call; nothing is allocated afterwards. */
struct packet_batch;

/* `frames` (1 .. 64) slots of `size` bytes each (65550 holds any but BIG TCP). -ENOMEM. Untouched
 * pages cost nothing. */
int packet_batch_new(size_t frames, size_t size, struct packet_batch **ret_batch);
void packet_batch_free(struct packet_batch *b);
/*
 * Receives what is queued, at most the number of slots, into slots 0.. in order. Returns how many;
 * 0 when nothing is left; -ENETDOWN once when the link's interface went down (the socket stays
 * usable); other negative errnos of recvmmsg(2). A frame the kernel cannot describe is skipped.
 */
int packet_batch_receive(struct packet_batch *b, int fd);
/* i is below what the last receive returned. */
void packet_batch_frame(const struct packet_batch *b, size_t i, struct packet_frame *ret_frame);

/*
 * Sends one frame: `head` (the Ethernet header, maybe more), then `body`. `vnet` NULL: an ordinary
 * frame, checksums finished. With the vnet of a received large frame the kernel cuts it into
 * segments again and computes their checksums; head and body must then be as long as what was
 * received, and the checksum field what it was (packet_vnet_plain() says otherwise).
 * 0; -EMSGSIZE larger than the MTU and no vnet; -ENOBUFS, -EAGAIN full queue; -ENETDOWN; -ENXIO
 * the interface is gone; -EINVAL a vnet that does not fit the bytes.
 */
int packet_send(int fd, const uint8_t *vnet, const void *head, size_t head_n, const void *body,
		size_t body_n);
/*
 * Of a large frame's vnet: only how to cut it, no checksum offload. Right when the L4 checksum was
 * finished by the holder, or is wrong: TCP segments get theirs computed while they are cut.
 */
void packet_vnet_plain(const uint8_t vnet[static PACKET_VNET],
		       uint8_t ret_vnet[static PACKET_VNET]);

#endif
