#include "cli/dial.h"

#include "base/text.h"
#include "proto/registration.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

bool dial_parse(const char *text, struct dial *ret)
{
	size_t n = strlen(text);
	const char *port = NULL;
	uint64_t number = REGISTRATION_PORT;

	if (text[0] == '[') {
		const char *end = strchr(text, ']');

		if (!end || (end[1] && end[1] != ':'))
			return false;
		port = end[1] ? end + 2 : NULL;
		n = (size_t)(end - text) - 1;
		text++;
	} else if (strchr(text, ':') && strchr(text, ':') == strrchr(text, ':')) {
		n = (size_t)(strchr(text, ':') - text);
		port = text + n + 1;
	}
	if (n == 0 || n >= sizeof(ret->host))
		return false;
	if (port && (text_parse_u64(port, 65535, &number) < 0 || number == 0))
		return false;
	memcpy(ret->host, text, n);
	ret->host[n] = 0;
	(void)snprintf(ret->port, sizeof(ret->port), "%u", (unsigned int)number);
	return true;
}

/* connect(2) that does not take for ever; the error, positive. */
static int connect_in_time(int fd, const struct addrinfo *to, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t n = sizeof(error);

	if (connect(fd, to->ai_addr, to->ai_addrlen) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	if (poll(&p, 1, ms) <= 0)
		return ETIMEDOUT;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 ? errno : error;
}

/* Blocking from here on: there is one thing to wait for. */
static void make_patient(int fd, unsigned int seconds)
{
	struct timeval limit = { .tv_sec = (time_t)seconds };
	int flags = fcntl(fd, F_GETFL);

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	(void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

int dial_open(const struct dial *d, int ms, unsigned int seconds, char problem[static DIAL_PROBLEM])
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *all;
	int error = getaddrinfo(d->host, d->port, &hints, &all);

	if (error) {
		(void)snprintf(problem, DIAL_PROBLEM, "%s: %s", d->host, gai_strerror(error));
		return -EHOSTUNREACH;
	}
	for (const struct addrinfo *a = all; a; a = a->ai_next) {
		int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		error = fd < 0 ? errno : connect_in_time(fd, a, ms);
		if (error == 0) {
			freeaddrinfo(all);
			make_patient(fd, seconds);
			return fd;
		}
		if (fd >= 0)
			close(fd);
	}
	freeaddrinfo(all);
	(void)snprintf(problem, DIAL_PROBLEM, "no guard answers at %s port %s: %s", d->host,
		       d->port, strerror(error));
	return -error;
}

bool dial_send(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		bytes += sent;
		n -= (size_t)sent;
	}
	return true;
}

static struct addr address_of(const struct sockaddr_storage *s)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)s;
	const uint8_t *v6 =
		(const uint8_t *)&((const struct sockaddr_in6 *)(const void *)s)->sin6_addr;

	if (s->ss_family == AF_INET)
		return addr_v4((const uint8_t *)&v4->sin_addr);
	if (s->ss_family != AF_INET6)
		return ADDR_NONE;
	return memcmp(v6, mapped, sizeof(mapped)) == 0 ? addr_v4(v6 + sizeof(mapped)) : addr_v6(v6);
}

struct addr dial_own_end(int fd)
{
	struct sockaddr_storage s = { 0 };
	socklen_t n = sizeof(s);

	return getsockname(fd, (struct sockaddr *)&s, &n) < 0 ? ADDR_NONE : address_of(&s);
}

struct addr dial_other_end(int fd)
{
	struct sockaddr_storage s = { 0 };
	socklen_t n = sizeof(s);

	return getpeername(fd, (struct sockaddr *)&s, &n) < 0 ? ADDR_NONE : address_of(&s);
}
