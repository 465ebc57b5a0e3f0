#include "sys/sock_diag.h"

#include "base/bytes.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define BUFFER 32768 /* what the kernel fills at most with one part of a dump */
#define PARTS_MAX 4096 /* of one dump: some 400,000 sockets */

/* The kernel's numbers (include/net/tcp_states.h, for UDP as well). */
#define STATE(n) (1U << (n))
#define ESTABLISHED 1
#define CLOSED 7
#define LISTENING 10

static const struct {
	uint8_t protocol;
	uint32_t states;
} kinds[] = {
	[SOCK_TCP_LISTENING] = { IPPROTO_TCP, STATE(LISTENING) },
	[SOCK_UDP_OPEN] = { IPPROTO_UDP, STATE(CLOSED) },
	[SOCK_TCP_ESTABLISHED] = { IPPROTO_TCP, STATE(ESTABLISHED) },
};

/* --- one answer --- */

static struct addr addr_from(uint8_t family, const void *words)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const uint8_t *b = words;

	if (family == AF_INET)
		return addr_v4(b);
	return memcmp(b, mapped, sizeof(mapped)) == 0 ? addr_v4(b + 12) : addr_v6(b);
}

/* The kernel's struct grows at its end; of an older one the end is missing. */
static void take_info(struct cursor c, struct sock_seen *s)
{
	struct tcp_info info;

	if (c.left < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof(uint64_t))
		return;
	memset(&info, 0, sizeof(info));
	cursor_copy(&c, &info, c.left < sizeof(info) ? c.left : sizeof(info));
	s->has_info = true;
	s->sent_ms_ago = info.tcpi_last_data_sent;
	s->received_ms_ago = info.tcpi_last_data_recv;
	s->bytes_acked = info.tcpi_bytes_acked;
	s->bytes_received = info.tcpi_bytes_received;
}

static void take_attributes(struct cursor *c, struct sock_seen *s)
{
	struct nlattr a;

	while (c->left >= sizeof(a)) {
		cursor_copy(c, &a, sizeof(a));
		if (a.nla_len < sizeof(a))
			return;

		size_t n = a.nla_len - sizeof(a);
		struct cursor value = cursor_sub(c, n);

		if (value.failed)
			return;
		if (a.nla_type == INET_DIAG_CGROUP_ID && n == sizeof(s->cgroup))
			cursor_copy(&value, &s->cgroup, sizeof(s->cgroup));
		else if (a.nla_type == INET_DIAG_INFO)
			take_info(value, s);
		/* Attributes start at multiples of four; the last one's padding may be missing. */
		n = (4 - n % 4) % 4;
		cursor_skip(c, n < c->left ? n : c->left);
	}
}

int sock_diag_decode(const void *bytes, size_t n, struct sock_seen *ret)
{
	struct cursor c = cursor_over(bytes, n);
	struct inet_diag_msg m;
	struct sock_seen s = { 0 };

	cursor_copy(&c, &m, sizeof(m));
	if (c.failed || (m.idiag_family != AF_INET && m.idiag_family != AF_INET6))
		return -EBADMSG;
	s.family = m.idiag_family == AF_INET ? 4 : 6;
	s.local = addr_from(m.idiag_family, m.id.idiag_src);
	s.peer = addr_from(m.idiag_family, m.id.idiag_dst);
	s.local_port = ntohs(m.id.idiag_sport);
	s.peer_port = ntohs(m.id.idiag_dport);
	s.interface = m.id.idiag_if;
	s.cookie = (uint64_t)m.id.idiag_cookie[1] << 32 | m.id.idiag_cookie[0];
	take_attributes(&c, &s);
	*ret = s;
	return 0;
}

/* --- asking --- */

static int ask(int fd, enum sock_kind kind, uint8_t family, uint32_t sequence)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 body;
	} request = {
		.head = { .nlmsg_len = sizeof(request),
			  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			  .nlmsg_seq = sequence },
		.body = { .sdiag_family = family,
			  .sdiag_protocol = kinds[kind].protocol,
			  .idiag_ext = kind == SOCK_TCP_ESTABLISHED ? 1U << (INET_DIAG_INFO - 1)
								    : 0,
			  .idiag_states = kinds[kind].states },
	};

	return send(fd, &request, sizeof(request), 0) < 0 ? -errno : 0;
}

static int error_of(struct cursor c)
{
	int error;

	cursor_copy(&c, &error, sizeof(error));
	return c.failed || error > 0 ? -EPROTO : error;
}

/* One part of the answer: 1 more follows, 0 complete, negative errno. */
static int take_part(struct cursor c, uint32_t sequence, sock_take *take, void *context)
{
	while (c.left >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr h;
		struct sock_seen s;
		size_t n;

		cursor_copy(&c, &h, sizeof(h));
		if (h.nlmsg_len < sizeof(h))
			return -EPROTO;
		n = h.nlmsg_len - sizeof(h);

		struct cursor body = cursor_sub(&c, n);

		if (body.failed)
			return -EPROTO;
		n = (4 - n % 4) % 4;
		cursor_skip(&c, n < c.left ? n : c.left);
		if (h.nlmsg_seq != sequence)
			continue;
		if (h.nlmsg_type == NLMSG_ERROR)
			return error_of(body);
		if (h.nlmsg_type == NLMSG_DONE)
			return 0;
		if (h.nlmsg_type == SOCK_DIAG_BY_FAMILY &&
		    sock_diag_decode(body.at, body.left, &s) == 0)
			take(context, &s);
	}
	return 1;
}

static int dump(int fd, enum sock_kind kind, uint8_t family, sock_take *take, void *context)
{
	/* One at a time: there is one thread, and no callback asks again. */
	static alignas(struct nlmsghdr) uint8_t buffer[BUFFER];
	uint32_t sequence = family;
	int r = ask(fd, kind, family, sequence);

	if (r < 0)
		return r;
	for (int i = 0; i < PARTS_MAX; i++) {
		ssize_t n = recv(fd, buffer, sizeof(buffer), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		r = take_part(cursor_over(buffer, (size_t)n), sequence, take, context);
		if (r <= 0)
			return r;
	}
	return -EMSGSIZE;
}

int sock_diag_each(enum sock_kind kind, sock_take *take, void *context)
{
	/* The kernel answers within the call; should it not, we must not hang. */
	const struct timeval patience = { .tv_sec = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	int r;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	r = dump(fd, kind, AF_INET, take, context);
	if (r == 0)
		r = dump(fd, kind, AF_INET6, take, context);
	close(fd);
	/* Without IPv6 there are none of it. */
	return r == -EAFNOSUPPORT ? 0 : r;
}
