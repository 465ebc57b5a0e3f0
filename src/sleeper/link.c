#include "sleeper/link.h"

#include "base/text.h"
#include "proto/lease.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_MAX (2 * LEASE_LINE_MAX)
#define ROUND_LINES 32 /* taken before others have their turn */

struct link {
	struct loop_watch watch;
	const struct link_user *user;
	int fd;
	bool up;
	bool *closed; /* of who is calling back: set when the user closed the link meanwhile */
	size_t in_n, out_n;
	char in[LEASE_LINE_MAX + 1]; /* and a NUL */
	char out[OUT_MAX];
};

static void put_host(const struct link_end *e, struct text *t)
{
	char name[IF_NAMESIZE] = "";
	char address[ADDR_TEXT];

	text_string(t, addr_format(&e->addr, address));
	if (addr_is_link_local(&e->addr) && e->scope && if_indextoname(e->scope, name)) {
		text_char(t, '%');
		text_string(t, name);
	}
}

char *link_end_host(const struct link_end *e, char to[static LINK_END_TEXT])
{
	struct text t = text_over(to, LINK_END_TEXT);

	put_host(e, &t);
	return to;
}

char *link_end_format(const struct link_end *e, char to[static LINK_END_TEXT])
{
	struct text t = text_over(to, LINK_END_TEXT);

	text_string(&t, e->addr.family == 6 ? "[" : "");
	put_host(e, &t);
	text_string(&t, e->addr.family == 6 ? "]:" : ":");
	text_u64(&t, e->port);
	return to;
}

unsigned int link_end_address(const struct link_end *e, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (e->addr.family == 4) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)ret;

		v4->sin_family = AF_INET;
		v4->sin_port = htons(e->port);
		memcpy(&v4->sin_addr, e->addr.b, 4);
		return sizeof(*v4);
	}
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(e->port);
	v6->sin6_scope_id = addr_is_link_local(&e->addr) ? e->scope : 0;
	memcpy(&v6->sin6_addr, e->addr.b, 16);
	return sizeof(*v6);
}

static void fail(struct link *c, int error)
{
	(void)loop_watch_set(&c->watch, 0);
	c->user->down(c->user->context, error);
}

static void want(struct link *c)
{
	(void)loop_watch_set(&c->watch,
			     (c->up ? LOOP_READ : 0u) | (c->out_n || !c->up ? LOOP_WRITE : 0u));
}

/* False: the user closed the link. */
static bool come_up(struct link *c)
{
	bool closed = false;
	int error = 0;
	socklen_t n = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		error = errno;
	if (error) {
		fail(c, -error);
		return false;
	}
	c->up = true;
	want(c);
	/* cppcheck-suppress autoVariables ; unset before it goes, or c is gone */
	c->closed = &closed;
	c->user->up(c->user->context);
	if (!closed)
		c->closed = NULL;
	return !closed;
}

static bool flush(struct link *c)
{
	ssize_t n;

	if (c->out_n == 0)
		return true;
	n = send(c->fd, c->out, c->out_n, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n < 0) {
		fail(c, -errno);
		return false;
	}
	c->out_n -= (size_t)n;
	memmove(c->out, c->out + n, c->out_n);
	want(c);
	return true;
}

/* Hands over whole lines. False: the user closed the link. */
static bool take_lines(struct link *c)
{
	bool closed = false;
	size_t at = 0;

	/* cppcheck-suppress autoVariables ; unset before it goes, or c is gone */
	c->closed = &closed;
	for (int i = 0; i < ROUND_LINES; i++) {
		char *end = memchr(c->in + at, '\n', c->in_n - at);
		size_t n = end ? (size_t)(end - (c->in + at)) : 0;

		if (!end)
			break;
		*end = 0;
		c->user->line(c->user->context, c->in + at, n);
		if (closed)
			return false;
		at += n + 1;
	}
	c->closed = NULL;
	c->in_n -= at;
	memmove(c->in, c->in + at, c->in_n);
	return true;
}

static void receive(struct link *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_n, LEASE_LINE_MAX - c->in_n, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fail(c, n < 0 ? -errno : 0);
		return;
	}
	c->in_n += (size_t)n;
	if (take_lines(c) && c->in_n == LEASE_LINE_MAX)
		fail(c, -EMSGSIZE);
}

static void ready(void *context, unsigned int what)
{
	struct link *c = context;

	if (!c->up) {
		if (!come_up(c))
			return;
	}
	if ((what & LOOP_WRITE) && !flush(c))
		return;
	if (what & LOOP_READ)
		receive(c);
}

static int connect_to(const struct link_end *to, int *ret_fd)
{
	struct sockaddr_storage address;
	socklen_t n = link_end_address(to, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (const struct sockaddr *)&address, n) < 0 && errno != EINPROGRESS) {
		int r = -errno;

		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int link_open(struct loop *l, const struct link_end *to, const struct link_user *user,
	      struct link **ret_link)
{
	struct link *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->user = user;
	r = connect_to(to, &c->fd);
	if (r < 0) {
		free(c);
		return r;
	}
	r = loop_watch_init(&c->watch, l, c->fd, LOOP_WRITE, ready, c);
	if (r < 0) {
		close(c->fd);
		free(c);
		return r;
	}
	*ret_link = c;
	return 0;
}

void link_close(struct link *c)
{
	if (!c)
		return;
	if (c->closed)
		*c->closed = true;
	loop_watch_done(&c->watch);
	close(c->fd);
	free(c);
}

int link_send(struct link *c, const char *bytes, size_t n)
{
	if (n > sizeof(c->out) - c->out_n)
		return -ENOBUFS;
	memcpy(c->out + c->out_n, bytes, n);
	c->out_n += n;
	want(c);
	return 0;
}
