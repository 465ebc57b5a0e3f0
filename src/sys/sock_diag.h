/*
 * sock_diag: which sockets this host has, as NETLINK_SOCK_DIAG says (sock_diag(7)): who listens where, and when data last moved
 * over a connection. Needs no privilege.
 *
 * Owns nothing between two calls. Refuses to know which of them matter.
 */
#ifndef ROUSE_SYS_SOCK_DIAG_H
#define ROUSE_SYS_SOCK_DIAG_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sock_kind {
	SOCK_TCP_LISTENING,
	SOCK_UDP_OPEN, /* bound and not connected: what a datagram of anybody reaches */
	SOCK_TCP_ESTABLISHED, /* with times and counters */
	SOCK_KINDS
};

/* An IPv4 address in IPv6 form is told as IPv4. */
struct sock_seen {
	uint8_t family; /* of the socket: 4, 6 */
	struct addr local, peer; /* local: unspecified when it takes any */
	uint16_t local_port, peer_port;
	uint32_t interface; /* bound to it; 0: any */
	uint64_t cookie; /* the socket's own number, as long as the host runs */
	uint64_t cgroup; /* inode of its control group; 0: the kernel does not say */
	/* ESTABLISHED: */
	bool has_info; /* the rest is known */
	uint32_t sent_ms_ago, received_ms_ago; /* data, without acknowledgements and keep-alives */
	uint64_t bytes_acked, bytes_received;
};

typedef void sock_take(void *context, const struct sock_seen *s);

/*
 * Calls `take` for each socket of that kind, IPv4 and IPv6. Negative errno: -ENOENT when the kernel cannot say (no tcp_diag or
 * udp_diag), -ETIMEDOUT.
 */
int sock_diag_each(enum sock_kind kind, sock_take *take, void *context);

/* One answer of the kernel, behind its netlink header: for sock_diag_each() and its tests. -EBADMSG when it is cut or none. */
int sock_diag_decode(const void *bytes, size_t n, struct sock_seen *ret);

#endif
