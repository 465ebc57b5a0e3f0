#include "relay/listener.h"

#include "relay/visitor.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 65535 /* the kernel cuts it to net.core.somaxconn */
#define ROUNDS_MAX 256 /* connections before those that are there have their turn */
#define PAUSE_US 100000

union socket_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t to_socket_address(const struct config_endpoint *e, union socket_address *to)
{
	*to = (union socket_address){ 0 };
	if (e->addr.family == 4) {
		to->v4.sin_family = AF_INET;
		to->v4.sin_port = htons(e->port);
		memcpy(&to->v4.sin_addr, e->addr.b, 4);
		return sizeof(to->v4);
	}
	to->v6.sin6_family = AF_INET6;
	to->v6.sin6_port = htons(e->port);
	memcpy(&to->v6.sin6_addr, e->addr.b, 16);
	return sizeof(to->v6);
}

static struct addr from_socket_address(const union socket_address *a)
{
	if (a->any.sa_family == AF_INET) {
		uint8_t b[4];

		memcpy(b, &a->v4.sin_addr, sizeof(b));
		return addr_v4(b);
	}
	/* IPv4 through a socket of both families is IPv4. */
	if (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr))
		return addr_v4(a->v6.sin6_addr.s6_addr + 12);
	return addr_v6(a->v6.sin6_addr.s6_addr);
}

static int open_one(const struct config_endpoint *e, int *ret_fd)
{
	union socket_address address;
	socklen_t size = to_socket_address(e, &address);
	int on = 1, off = 0;
	int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* Connections inherit it. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (e->addr.family == 6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, &address.any, size) < 0 || listen(fd, BACKLOG) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int listener_open(struct listener *l, struct relay *r)
{
	*l = (struct listener){ .relay = r };
	for (; l->n < r->config.listen_n; l->n++) {
		const struct config_endpoint *e = &r->config.listen[l->n];
		char text[ADDR_TEXT];
		int fd = -1;
		int result = open_one(e, &fd);

		if (result < 0) {
			log_error("cannot listen on %s port %u: %s", addr_format(&e->addr, text),
				  e->port, strerror(-result));
			return result;
		}
		l->watches[l->n].fd = fd;
	}
	return 0;
}

static void pause_accepting(struct listener *l)
{
	log_error("no more connections can be accepted: %s", strerror(errno));
	for (size_t i = 0; i < l->n; i++)
		(void)loop_watch_set(&l->watches[i], 0);
	loop_timer_set(&l->pause, clock_monotonic_us() + PAUSE_US);
}

static void resume(void *context)
{
	struct listener *l = context;

	for (size_t i = 0; i < l->n; i++)
		(void)loop_watch_set(&l->watches[i], LOOP_READ);
}

/* Accepts from every socket: the loop does not say which one is ready. */
static void accept_from(struct listener *l, int listening)
{
	for (unsigned int round = 0; round < ROUNDS_MAX; round++) {
		union socket_address address = { 0 };
		socklen_t size = sizeof(address);
		struct addr peer;
		int fd = accept4(listening, &address.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			    errno == ENOBUFS)
				pause_accepting(l);
			/* ECONNABORTED and network errors belong to that connection. */
			return;
		}
		peer = from_socket_address(&address);
		visitor_new(l->relay, fd, &peer);
	}
}

static void ready(void *context, unsigned int what)
{
	struct listener *l = context;

	(void)what;
	for (size_t i = 0; i < l->n; i++)
		accept_from(l, l->watches[i].fd);
}

int listener_start(struct listener *l)
{
	int r = loop_timer_init(&l->pause, l->relay->loop, resume, l);

	for (size_t i = 0; i < l->n && r == 0; i++)
		r = loop_watch_init(&l->watches[i], l->relay->loop, l->watches[i].fd, LOOP_READ,
				    ready, l);
	return r;
}

void listener_close(struct listener *l)
{
	for (size_t i = 0; i < l->n; i++) {
		int fd = l->watches[i].fd;

		loop_watch_done(&l->watches[i]);
		if (fd >= 0)
			close(fd);
		l->watches[i].fd = -1;
	}
	loop_timer_done(&l->pause);
	l->n = 0;
}
