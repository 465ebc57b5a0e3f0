#include "guard/listeners.h"

#include "sys/local_socket.h"
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG 128
/* How long the roles of a guard that was killed may take to be gone. */
#define LEAVING_TRIES 20
#define LEAVING_PAUSE_NS 50000000L

void listeners_init(struct listeners *l,
		    void (*tell)(void *context, const struct ipc_listener *said, int fd),
		    void *context)
{
	memset(l, 0, sizeof(*l));
	l->tell = tell;
	l->context = context;
}

static void add(struct listeners *l, const struct ipc_listener *said, int ifindex, int fd)
{
	l->list[l->n++] = (struct listener){ .said = *said, .ifindex = ifindex, .fd = fd };
	l->tell(l->context, said, fd);
}

bool listeners_adopt(struct listeners *l, int fd, const char *name)
{
	struct ipc_listener said = { .kind = LISTENER_CONTROL };
	int domain = 0;
	socklen_t n = sizeof(domain);

	if (strcmp(name, "control") != 0 || l->n == LISTENERS_MAX ||
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) < 0 || domain != AF_UNIX)
		return false;
	/* The service manager's is a blocking one: control would wait in accept(). */
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return false;
	add(l, &said, 0, fd);
	return true;
}

static bool has_control(const struct listeners *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->list[i].said.kind == LISTENER_CONTROL)
			return true;
	}
	return false;
}

static bool somebody_answers(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	/* One that accepts nothing is there as well, and must not be waited for. */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool answers;

	if (fd < 0)
		return false;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	answers = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
		  errno == EAGAIN;
	close(fd);
	return answers;
}

/* True when whoever answers goes on answering: a killed guard's socket lives until its last role has ended. */
static bool somebody_stays(const char *path)
{
	const struct timespec pause = { .tv_nsec = LEAVING_PAUSE_NS };

	for (int i = 0; i < LEAVING_TRIES; i++) {
		if (!somebody_answers(path))
			return false;
		(void)nanosleep(&pause, NULL);
	}
	return somebody_answers(path);
}

int listeners_control(struct listeners *l, const char *path, uid_t owner, gid_t group)
{
	struct ipc_listener said = { .kind = LISTENER_CONTROL };
	int fd;
	int r;

	if (has_control(l))
		return 0;
	if (somebody_stays(path))
		return -EADDRINUSE;
	r = local_socket_listen(path, BACKLOG, &fd);
	if (r < 0)
		return r;
	/* Whoever owns the folder may put a link in its place: that must not give away where it leads. */
	if ((owner != (uid_t)-1 || group != (gid_t)-1) && lchown(path, owner, group) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	snprintf(l->path, sizeof(l->path), "%s", path);
	l->own_path = true;
	add(l, &said, 0, fd);
	return 0;
}

static socklen_t socket_address(const struct ipc_listener *said, int ifindex,
				struct sockaddr_storage *ret_address)
{
	memset(ret_address, 0, sizeof(*ret_address));
	if (said->addr.family == 4) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)ret_address;

		v4->sin_family = AF_INET;
		v4->sin_port = htons(said->port);
		memcpy(&v4->sin_addr, said->addr.b, 4);
		return sizeof(*v4);
	}
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_address;

	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(said->port);
	v6->sin6_scope_id = addr_is_link_local(&said->addr) ? (uint32_t)ifindex : 0;
	memcpy(&v6->sin6_addr, said->addr.b, 16);
	return sizeof(*v6);
}

static int listen_at(const struct ipc_listener *said, int ifindex)
{
	struct sockaddr_storage address;
	socklen_t n = socket_address(said, ifindex, &address);
	int one = 1;
	int r;
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (address.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	/* A configured address may come up later. */
	(void)setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, n) < 0 || listen(fd, BACKLOG) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static void want(struct listeners *l, const struct addr *a, uint16_t port, int ifindex)
{
	struct ipc_listener said = { .kind = LISTENER_REGISTRATION, .addr = *a, .port = port };
	char text[ADDR_TEXT];
	int fd;

	for (size_t i = 0; i < l->n; i++) {
		const struct listener *have = &l->list[i];

		if (have->said.kind == LISTENER_REGISTRATION && addr_equal(&have->said.addr, a) &&
		    (!addr_is_link_local(a) || have->ifindex == ifindex))
			return;
	}
	if (l->n == LISTENERS_MAX) {
		log_warning(
			"registrations are not accepted at %s: more than %d addresses to listen at",
			addr_format(a, text), LISTENERS_MAX);
		return;
	}
	fd = listen_at(&said, ifindex);
	if (fd < 0) {
		log_error("registrations are not accepted at %s port %u: %s%s",
			  addr_format(a, text), port, strerror(-fd),
			  fd == -EACCES ? " (ports below 1024 need CAP_NET_BIND_SERVICE)" : "");
		return;
	}
	add(l, &said, ifindex, fd);
}

void listeners_registration(struct listeners *l, const struct config *c, const struct lan *lan)
{
	if (c->register_mode == REGISTER_OFF)
		return;
	for (uint16_t i = 0; i < c->listen.n; i++)
		want(l, &c->listen.list[i], (uint16_t)c->port, lan->slots[0].ifindex);
	if (c->listen.n > 0)
		return;
	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++) {
		const struct lan_interface *i = &lan->slots[slot];

		for (size_t k = 0; i->ifindex != 0 && k < i->net->addresses_n; k++) {
			if (!i->net->addresses[k].tentative)
				want(l, &i->net->addresses[k].addr, (uint16_t)c->port, i->ifindex);
		}
	}
}

bool listeners_registering(const struct listeners *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->list[i].said.kind == LISTENER_REGISTRATION)
			return true;
	}
	return false;
}

void listeners_tell_all(const struct listeners *l)
{
	for (size_t i = 0; i < l->n; i++)
		l->tell(l->context, &l->list[i].said, l->list[i].fd);
}

void listeners_done(struct listeners *l)
{
	for (size_t i = 0; i < l->n; i++)
		close(l->list[i].fd);
	l->n = 0;
	if (l->own_path)
		(void)unlink(l->path);
	l->own_path = false;
}
