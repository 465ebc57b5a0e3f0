#include "sys/channel.h"

#include "base/list.h"
#include "sys/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Messages taken in one round: a busy peer must not keep the others waiting. */
#define CHANNEL_ROUND 64

/* A message that the peer had no room for yet. */
struct parcel {
	struct list node;
	size_t n;
	int fds[CHANNEL_DESCRIPTORS];
	size_t fds_n;
	uint8_t bytes[];
};

struct channel {
	int fd;
	struct channel_handler handler;
	void (*malformed)(void *context); /* or NULL: it is the end */
	struct loop_watch watch;
	struct loop_timer failing; /* says `closed` from the loop after sending failed */
	int why;
	bool closed; /* nothing comes or goes any more */
	bool busy; /* a callback runs */
	bool freed; /* channel_free() was called by it */
	struct list waiting;
	size_t waiting_bytes;
	size_t waiting_max;
	size_t message_max;
	max_align_t buffer[];
};

int channel_pair(int ret_fds[static 2])
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	memcpy(ret_fds, fds, sizeof(fds));
	return 0;
}

static void close_all(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

static void parcel_free(struct parcel *p)
{
	close_all(p->fds, p->fds_n);
	/* What a message is about is not known here: it may be a key. */
	explicit_bzero(p->bytes, p->n);
	free(p);
}

static void channel_drop_waiting(struct channel *c)
{
	list_each_safe(it, &c->waiting)
	{
		list_remove(it);
		parcel_free(container_of(it, struct parcel, node));
	}
	c->waiting_bytes = 0;
}

static void channel_release(struct channel *c)
{
	channel_drop_waiting(c);
	loop_watch_done(&c->watch);
	loop_timer_done(&c->failing);
	close(c->fd);
	free(c);
}

void channel_bear(struct channel *c, void (*malformed)(void *context))
{
	c->malformed = malformed;
}

void channel_free(struct channel *c)
{
	if (!c)
		return;
	c->closed = true;
	c->freed = true;
	if (!c->busy)
		channel_release(c);
}

/* Calls `closed` and touches nothing afterwards. */
static void channel_say_closed(struct channel *c, int why)
{
	c->closed = true;
	channel_drop_waiting(c);
	loop_watch_set(&c->watch, 0);
	loop_timer_set(&c->failing, UINT64_MAX);
	c->busy = true;
	c->handler.closed(c->handler.context, why);
	c->busy = false;
	if (c->freed)
		channel_release(c);
}

static void channel_failing(void *context)
{
	struct channel *c = context;

	channel_say_closed(c, c->why);
}

/* Sending failed for good: said from the loop, because the caller is in the middle of something. */
static void channel_fail(struct channel *c, int why)
{
	if (c->closed)
		return;
	c->closed = true;
	c->why = why == -EPIPE || why == -ECONNRESET ? 0 : why;
	loop_timer_set(&c->failing, 0);
}

/* --- receiving --- */

static void message_take_fds(struct channel_message *m, struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;

		const unsigned char *at = CMSG_DATA(c);
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < n; i++, at += sizeof(int)) {
			int fd;

			memcpy(&fd, at, sizeof(fd));
			if (m->fds_n < CHANNEL_DESCRIPTORS)
				m->fds[m->fds_n++] = fd;
			else
				close(fd);
		}
	}
}

/* 1: a message; 0: the peer closed; negative errno, -EAGAIN for nothing there. */
static int channel_receive(struct channel *c, struct channel_message *ret_message)
{
	alignas(struct cmsghdr) char control[CMSG_SPACE(CHANNEL_DESCRIPTORS * sizeof(int))];
	struct iovec iov = { .iov_base = c->buffer, .iov_len = c->message_max };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct channel_message m = { .bytes = c->buffer };
	ssize_t n = recvmsg(c->fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -errno;
	message_take_fds(&m, &h);
	if (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		close_all(m.fds, m.fds_n);
		return -EMSGSIZE;
	}
	if (n == 0) {
		close_all(m.fds, m.fds_n);
		return 0;
	}
	m.length = (size_t)n;
	*ret_message = m;
	return 1;
}

/* An empty message reads as an end does; at an end the other side is gone. */
static bool hung_up(const struct channel *c)
{
	struct pollfd p = { .fd = c->fd };

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR));
}

/* False: the channel is closed or gone, do not touch it. */
static bool channel_take_one(struct channel *c)
{
	struct channel_message m = { .fds_n = 0 };
	int r = channel_receive(c, &m);
	bool malformed = r == -EMSGSIZE || (r == 0 && !hung_up(c));

	if (r == -EAGAIN || r == -EINTR)
		return false;
	if (r <= 0 && !(malformed && c->malformed)) {
		channel_say_closed(c, r == -ECONNRESET ? 0 : r);
		return false;
	}
	c->busy = true;
	if (malformed)
		c->malformed(c->handler.context);
	else
		c->handler.message(c->handler.context, &m);
	c->busy = false;
	close_all(m.fds, m.fds_n);
	if (c->freed) {
		channel_release(c);
		return false;
	}
	return !c->closed;
}

/* --- sending --- */

static int channel_put(int fd, const struct iovec *iov, size_t parts, const int *fds, size_t fds_n)
{
	alignas(struct cmsghdr) char control[CMSG_SPACE(CHANNEL_DESCRIPTORS * sizeof(int))] = { 0 };
	struct iovec copy[2] = { iov[0], parts > 1 ? iov[1] : (struct iovec){ 0 } };
	struct msghdr h = { .msg_iov = copy, .msg_iovlen = parts };

	if (fds_n) {
		h.msg_control = control;
		h.msg_controllen = CMSG_SPACE(fds_n * sizeof(int));

		struct cmsghdr *c = CMSG_FIRSTHDR(&h);

		assert(c);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fds_n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fds_n * sizeof(int));
	}
	if (sendmsg(fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static bool is_full(int r)
{
	return r == -EAGAIN || r == -EINTR || r == -ENOBUFS || r == -ENOMEM;
}

static int channel_keep(struct channel *c, const struct iovec *iov, size_t parts, size_t n,
			const int *fds, size_t fds_n)
{
	struct parcel *p;
	size_t at = 0;

	if (n > c->waiting_max - c->waiting_bytes)
		return -ENOBUFS;
	p = malloc(sizeof(*p) + n);
	if (!p)
		return -ENOBUFS;
	*p = (struct parcel){ .n = n };
	for (size_t i = 0; i < parts; i++) {
		if (iov[i].iov_len)
			memcpy(p->bytes + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	for (; p->fds_n < fds_n; p->fds_n++) {
		p->fds[p->fds_n] = fcntl(fds[p->fds_n], F_DUPFD_CLOEXEC, 0);
		if (p->fds[p->fds_n] < 0) {
			int r = -errno;

			parcel_free(p);
			return r;
		}
	}
	list_append(&c->waiting, &p->node);
	c->waiting_bytes += n;
	loop_watch_set(&c->watch, LOOP_READ | LOOP_WRITE);
	return 0;
}

static int channel_send_iov(struct channel *c, const struct iovec *iov, size_t parts,
			    const int *fds, size_t fds_n)
{
	size_t n = iov[0].iov_len + (parts > 1 ? iov[1].iov_len : 0);
	int r = -EAGAIN;

	if (n == 0 || n > c->message_max || fds_n > CHANNEL_DESCRIPTORS)
		return -EINVAL;
	if (c->closed)
		return -EPIPE;
	if (list_empty(&c->waiting))
		r = channel_put(c->fd, iov, parts, fds, fds_n);
	if (is_full(r))
		return channel_keep(c, iov, parts, n, fds, fds_n);
	if (r < 0) {
		channel_fail(c, r);
		return r == -ECONNRESET ? -EPIPE : r;
	}
	return 0;
}

int channel_send(struct channel *c, const void *bytes, size_t n, const int *fds, size_t fds_n)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = n };

	return channel_send_iov(c, &iov, 1, fds, fds_n);
}

int channel_send_parts(struct channel *c, const void *head, size_t head_n, const void *body,
		       size_t body_n)
{
	struct iovec iov[2] = {
		{ .iov_base = (void *)(uintptr_t)head, .iov_len = head_n },
		{ .iov_base = (void *)(uintptr_t)body, .iov_len = body_n },
	};

	if (head_n > c->message_max || body_n > c->message_max)
		return -EINVAL;
	return channel_send_iov(c, iov, 2, NULL, 0);
}

size_t channel_waiting(const struct channel *c)
{
	return c->waiting_bytes;
}

/* Sends what waits until the peer is full again. */
static void channel_flush(struct channel *c)
{
	list_each_safe(it, &c->waiting)
	{
		struct parcel *p = container_of(it, struct parcel, node);
		struct iovec iov = { .iov_base = p->bytes, .iov_len = p->n };
		int r = channel_put(c->fd, &iov, 1, p->fds, p->fds_n);

		if (is_full(r))
			return;
		if (r < 0) {
			channel_fail(c, r);
			return;
		}
		list_remove(it);
		c->waiting_bytes -= p->n;
		parcel_free(p);
	}
	loop_watch_set(&c->watch, LOOP_READ);
}

int channel_drain(struct channel *c, uint64_t wait_us)
{
	uint64_t end = clock_monotonic_us() + wait_us;

	while (!c->closed && channel_waiting(c)) {
		struct pollfd p = { .fd = c->fd, .events = POLLOUT };
		uint64_t now = clock_monotonic_us();

		channel_flush(c);
		if (!channel_waiting(c) || c->closed)
			break;
		if (now >= end)
			return -ETIMEDOUT;
		poll(&p, 1, (int)((end - now) / 1000 + 1));
	}
	return c->closed ? -EPIPE : 0;
}

/* --- both --- */

static void channel_ready(void *context, unsigned int what)
{
	struct channel *c = context;

	if (what & LOOP_WRITE)
		channel_flush(c);
	/* After a failure to send, what the peer said before it went away is not of use any more.
	 */
	if (c->closed || !(what & LOOP_READ))
		return;
	for (int i = 0; i < CHANNEL_ROUND && channel_take_one(c); i++)
		;
}

int channel_new(struct loop *l, int fd, size_t message_max, size_t waiting_max,
		const struct channel_handler *handler, struct channel **ret_channel)
{
	struct channel *c = malloc(sizeof(*c) + message_max);
	int r;

	if (!c) {
		close(fd);
		return -ENOMEM;
	}
	*c = (struct channel){ .fd = fd,
			       .handler = *handler,
			       .message_max = message_max,
			       .waiting_max = waiting_max };
	list_init(&c->waiting);
	r = loop_timer_init(&c->failing, l, channel_failing, c);
	if (r == 0)
		r = loop_watch_init(&c->watch, l, fd, LOOP_READ, channel_ready, c);
	if (r < 0) {
		channel_release(c);
		return r;
	}
	*ret_channel = c;
	return 0;
}
