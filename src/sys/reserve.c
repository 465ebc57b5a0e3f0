#include "sys/reserve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* One dual-stack socket holds the number for both families; without IPv6, IPv4 is all there is. */
static int reserve_family(int family, struct sockaddr *any, socklen_t n)
{
	static const int off;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0)
		r = -errno;
	/* No SO_REUSEADDR: with it on both sides somebody else could bind the same number. */
	if (r == 0 && (bind(fd, any, n) < 0 || getsockname(fd, any, &n) < 0))
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

int reserve_port(uint16_t *ret_port, int *ret_fd)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	int fd = reserve_family(AF_INET6, (struct sockaddr *)&six, sizeof(six));

	if (fd >= 0) {
		*ret_port = ntohs(six.sin6_port);
	} else {
		fd = reserve_family(AF_INET, (struct sockaddr *)&four, sizeof(four));
		if (fd < 0)
			return fd;
		*ret_port = ntohs(four.sin_port);
	}
	*ret_fd = fd;
	return 0;
}
