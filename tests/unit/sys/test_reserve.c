/*
 * reserve: nobody else gets the port, and the kernel resets whoever connects to it.
 */
#include "lab.h"

#include "sys/reserve.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static int bind_port(int family, uint16_t port, bool reuse)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, r;

	assert_true(fd >= 0);
	if (reuse)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (reuse)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	r = family == AF_INET6 ? bind(fd, (struct sockaddr *)&six, sizeof(six))
			       : bind(fd, (struct sockaddr *)&four, sizeof(four));
	r = r < 0 ? -errno : 0;
	close(fd);
	return r;
}

static void test_is_ours_alone(void **state)
{
	uint16_t port, other;
	int fd, fd2;

	(void)state;
	assert_int_equal(reserve_port(&port, &fd), 0);
	assert_int_equal(reserve_port(&other, &fd2), 0);
	assert_true(port != 0 && port != other);
	for (int reuse = 0; reuse < 2; reuse++) {
		assert_int_equal(bind_port(AF_INET, port, reuse), -EADDRINUSE);
		assert_int_equal(bind_port(AF_INET6, port, reuse), -EADDRINUSE);
	}
	close(fd);
	assert_int_equal(bind_port(AF_INET, port, false), 0);
	close(fd2);
}

static void test_nobody_listens(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	uint16_t port;
	int fd, client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(reserve_port(&port, &fd), 0);
	to.sin_port = htons(port);
	assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof(to)), -1);
	assert_int_equal(errno, ECONNREFUSED);
	close(client);
	close(fd);
}

/* With one free port left in the ephemeral range, connect() must not pick the reserved one. */
static void test_connect_does_not_take_it(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in me;
	socklen_t n = sizeof(to);
	int fd, server, client;
	uint16_t port;

	(void)state;
	LAB_NEEDS_NAMESPACE();
	lab_run("sysctl -qw net.ipv4.ip_local_port_range='40000 40001'");
	server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	to.sin_port = htons(50000);
	assert_int_equal(bind(server, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(reserve_port(&port, &fd), 0);
	assert_in_range(port, 40000, 40001);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(getsockname(client, (struct sockaddr *)&me, &n), 0);
	assert_int_equal(ntohs(me.sin_port), port == 40000 ? 40001 : 40000);
	close(client);
	close(server);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_ours_alone),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_connect_does_not_take_it),
	};

	return cmocka_run_group_tests_name("sys/reserve", tests, NULL, NULL);
}
