/*
 * Sockets as the kernel tells them: an answer cut at every length, and real sockets on loopback.
 */
#include "sys/cgroup.h"
#include "sys/sock_diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/tcp.h>
#include <sys/socket.h>

/* --- decoding --- */

static size_t attribute(uint8_t *to, uint16_t type, const void *value, size_t n)
{
	struct nlattr a = { .nla_len = (uint16_t)(sizeof(a) + n), .nla_type = type };

	memcpy(to, &a, sizeof(a));
	memcpy(to + sizeof(a), value, n);
	return (sizeof(a) + n + 3) / 4 * 4;
}

static size_t answer(uint8_t *to)
{
	struct inet_diag_msg m = { .idiag_family = AF_INET6, .id.idiag_if = 7 };
	struct tcp_info info = { .tcpi_last_data_sent = 3000,
				 .tcpi_last_data_recv = 4000,
				 .tcpi_bytes_acked = 5000,
				 .tcpi_bytes_received = 6000 };
	const uint64_t cgroup = 1234567890123;
	const uint8_t five[5] = { 1, 2, 3, 4, 5 };
	size_t n = sizeof(m);

	m.id.idiag_sport = htons(22);
	m.id.idiag_dport = htons(50000);
	m.id.idiag_cookie[0] = 1;
	m.id.idiag_cookie[1] = 2;
	inet_pton(AF_INET6, "::ffff:192.0.2.50", m.id.idiag_src);
	inet_pton(AF_INET6, "2001:db8::1", m.id.idiag_dst);
	memcpy(to, &m, sizeof(m));
	n += attribute(to + n, INET_DIAG_SHUTDOWN, five, sizeof(five));
	n += attribute(to + n, INET_DIAG_INFO, &info, sizeof(info));
	n += attribute(to + n, INET_DIAG_CGROUP_ID, &cgroup, sizeof(cgroup));
	return n;
}

static void decodes(void **state)
{
	uint8_t bytes[1024] = { 0 };
	size_t n = answer(bytes);
	struct sock_seen s;
	char text[ADDR_TEXT];

	(void)state;
	assert_int_equal(sock_diag_decode(bytes, n, &s), 0);
	assert_int_equal(s.family, 6);
	assert_string_equal(addr_format(&s.local, text), "192.0.2.50");
	assert_string_equal(addr_format(&s.peer, text), "2001:db8::1");
	assert_int_equal(s.local_port, 22);
	assert_int_equal(s.peer_port, 50000);
	assert_int_equal(s.interface, 7);
	assert_int_equal(s.cookie, UINT64_C(2) << 32 | 1);
	assert_int_equal(s.cgroup, 1234567890123);
	assert_true(s.has_info);
	assert_int_equal(s.sent_ms_ago, 3000);
	assert_int_equal(s.received_ms_ago, 4000);
	assert_int_equal(s.bytes_acked, 5000);
	assert_int_equal(s.bytes_received, 6000);
}

/* Memory of just that size, so that the sanitizer sees a read behind it. */
static void bears_every_cut(void **state)
{
	uint8_t bytes[1024] = { 0 };
	size_t n = answer(bytes);

	(void)state;
	for (size_t cut = 0; cut < n; cut++) {
		uint8_t *part = malloc(cut ? cut : 1);
		struct sock_seen s = { .cookie = 77 };
		int r;

		assert_non_null(part);
		memcpy(part, bytes, cut);
		r = sock_diag_decode(part, cut, &s);
		assert_int_equal(r, cut < sizeof(struct inet_diag_msg) ? -EBADMSG : 0);
		if (r < 0)
			assert_int_equal(s.cookie, 77);
		else
			assert_int_equal(s.cgroup, 0);
		free(part);
	}
}

static void bears_lengths_that_lie(void **state)
{
	uint8_t bytes[1024] = { 0 };
	size_t n = answer(bytes);
	struct nlattr a = { .nla_len = 2 };
	struct sock_seen s;

	(void)state;
	memcpy(bytes + sizeof(struct inet_diag_msg), &a, sizeof(a));
	assert_int_equal(sock_diag_decode(bytes, n, &s), 0);
	assert_false(s.has_info);
	a.nla_len = 65535;
	memcpy(bytes + sizeof(struct inet_diag_msg), &a, sizeof(a));
	assert_int_equal(sock_diag_decode(bytes, n, &s), 0);
	assert_false(s.has_info);
	bytes[0] = AF_UNIX;
	assert_int_equal(sock_diag_decode(bytes, n, &s), -EBADMSG);
}

/* --- real sockets --- */

struct wanted {
	uint16_t port;
	int n;
	struct sock_seen seen;
};

static void want(void *context, const struct sock_seen *s)
{
	struct wanted *w = context;

	if (s->local_port == w->port) {
		w->n++;
		w->seen = *s;
	}
}

static int bound(int family, int type, uint16_t *ret_port)
{
	struct sockaddr_in6 a = { .sin6_family = (sa_family_t)family,
				  .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in a4 = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = family == AF_INET ? sizeof(a4) : sizeof(a);
	struct sockaddr *where = family == AF_INET ? (void *)&a4 : (void *)&a;
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, where, length), 0);
	assert_int_equal(getsockname(fd, where, &length), 0);
	*ret_port = ntohs(family == AF_INET ? a4.sin_port : a.sin6_port);
	return fd;
}

static void finds_udp(void **state)
{
	struct wanted w = { .n = 0 };
	int fd = bound(AF_INET6, SOCK_DGRAM, &w.port);
	int r = sock_diag_each(SOCK_UDP_OPEN, want, &w);

	(void)state;
	close(fd);
	if (r == -ENOENT)
		skip(); /* this kernel has no udp_diag */
	assert_int_equal(r, 0);
	assert_int_equal(w.n, 1);
	assert_int_equal(w.seen.family, 6);
	assert_true(addr_is_loopback(&w.seen.local));
}

static void finds_listeners_and_data(void **state)
{
	struct wanted w = { .n = 0 };
	int listener = bound(AF_INET, SOCK_STREAM, &w.port);
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(w.port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char bytes[100] = "data";
	int server;

	(void)state;
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(sock_diag_each(SOCK_TCP_LISTENING, want, &w), 0);
	assert_int_equal(w.n, 1);
	assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
	server = accept(listener, NULL, NULL);
	assert_true(server >= 0);
	assert_int_equal(send(client, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_int_equal(recv(server, bytes, sizeof(bytes), MSG_WAITALL), sizeof(bytes));
	nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	w.n = 0;
	assert_int_equal(sock_diag_each(SOCK_TCP_ESTABLISHED, want, &w), 0);
	assert_int_equal(w.n, 1);
	assert_true(w.seen.has_info);
	assert_int_equal(w.seen.bytes_received, sizeof(bytes));
	assert_in_range(w.seen.received_ms_ago, 30, 5000);
	close(server);
	close(client);
	close(listener);
}

/* --- units --- */

static void names_units(void **state)
{
	static const char *const paths[][2] = {
		{ "/system.slice/ssh.service", "ssh.service" },
		{ "/system.slice/ssh.service/worker", "ssh.service" },
		{ "/user.slice/user-1000.slice/user@1000.service/app.slice/a.service",
		  "a.service" },
		{ "/init.scope", "init.scope" },
		{ "/system.slice", "" },
		{ "/.service", "" },
		{ "", "" },
	};
	char unit[CGROUP_UNIT];

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		cgroup_unit_of(paths[i][0], unit);
		assert_string_equal(unit, paths[i][1]);
	}
}

static void finds_groups_by_number(void **state)
{
	char root[] = "/tmp/rouse-cgroup-XXXXXX";
	char path[128];
	struct cgroup_name names[3] = { { .id = 1 } };
	struct stat s;

	(void)state;
	assert_non_null(mkdtemp(root));
	(void)snprintf(path, sizeof(path), "%s/system.slice", root);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/system.slice/ssh.service", root);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(stat(path, &s), 0);
	names[1].id = names[2].id = s.st_ino;
	assert_int_equal(cgroup_units(root, names, 3), 0);
	assert_string_equal(names[0].unit, "");
	assert_string_equal(names[1].unit, "ssh.service");
	assert_string_equal(names[2].unit, "ssh.service");
	rmdir(path);
	(void)snprintf(path, sizeof(path), "%s/system.slice", root);
	rmdir(path);
	rmdir(root);
	assert_int_equal(cgroup_units(root, names, 3), -ENOENT);
	assert_string_equal(names[1].unit, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes),
		cmocka_unit_test(bears_every_cut),
		cmocka_unit_test(bears_lengths_that_lie),
		cmocka_unit_test(finds_udp),
		cmocka_unit_test(finds_listeners_and_data),
		cmocka_unit_test(names_units),
		cmocka_unit_test(finds_groups_by_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
