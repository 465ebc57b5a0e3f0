#include "control_rig.h"

#include "guard/control.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 10000

void rig_pass(int fd, const struct ipc_message *m, const int *passed, size_t n)
{
	struct ipc_message copy = *m;
	struct iovec part = { .iov_base = &copy, .iov_len = ipc_length(m) };
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(RIG_PASSED_MAX * sizeof(int))];
	} control = { 0 };
	struct msghdr packet = { .msg_iov = &part, .msg_iovlen = 1 };

	assert_true(n <= RIG_PASSED_MAX);
	if (n > 0) {
		packet.msg_control = &control;
		packet.msg_controllen = CMSG_SPACE(n * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(&control.head), passed, n * sizeof(int));
	}
	assert_int_equal(sendmsg(fd, &packet, MSG_NOSIGNAL), ipc_length(m));
}

void rig_say(int fd, const struct ipc_message *m)
{
	rig_pass(fd, m, NULL, 0);
}

static int listen_tcp(uint16_t *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*ret_port = ntohs(a.sin_port);
	return fd;
}

static socklen_t control_address(const struct rig *r, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret->sun_path + 1, r->path, strlen(r->path));
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(r->path));
}

static int listen_control(struct rig *r)
{
	static int count;
	struct sockaddr_un a;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(r->path, sizeof(r->path), "rouse-test-%d-%d", (int)getpid(), ++count);
	assert_int_equal(bind(fd, (const struct sockaddr *)&a, control_address(r, &a)), 0);
	assert_int_equal(listen(fd, 128), 0);
	return fd;
}

/* As role_spawn() places them. */
static void become_control(int monitor, int engine)
{
	int m = fcntl(monitor, F_DUPFD, 10);
	int e = fcntl(engine, F_DUPFD, 10);

	if (dup2(m, 3) != 3 || dup2(e, 4) != 4)
		_exit(99);
	for (int fd = 5; fd < 100; fd++)
		close(fd);
	_exit(control_main());
}

void rig_start(struct rig *r, const struct ipc_settings *s)
{
	struct ipc_message m = { .kind = IPC_SETTINGS };
	int monitor[2];
	int engine[2];
	int fd;

	*r = (struct rig){ .settings = *s };
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
				    monitor),
			 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
				    engine),
			 0);
	fflush(NULL);
	r->pid = fork();
	assert_true(r->pid >= 0);
	if (r->pid == 0)
		become_control(monitor[1], engine[1]);
	close(monitor[1]);
	close(engine[1]);
	r->monitor = monitor[0];
	r->engine = engine[0];
	if (r->settings.connections_max == 0)
		r->settings.connections_max = 64;
	if (r->settings.connections_per_source == 0)
		r->settings.connections_per_source = 16;
	m.settings = r->settings;
	rig_say(r->monitor, &m);
	fd = listen_tcp(&r->port);
	m = (struct ipc_message){ .kind = IPC_LISTENER, .listener.kind = LISTENER_REGISTRATION };
	rig_pass(r->monitor, &m, &fd, 1);
	close(fd);
	fd = listen_control(r);
	m.listener.kind = LISTENER_CONTROL;
	rig_pass(r->monitor, &m, &fd, 1);
	close(fd);
	m = (struct ipc_message){ .kind = IPC_GO };
	rig_say(r->monitor, &m);
	/* It is new, and says so. */
	rig_hear(r->engine, IPC_LEASE_RESET, &m);
}

void rig_expect_end(struct rig *r, int status)
{
	int how = -1;
	pid_t ended = 0;

	for (int i = 0; i < PATIENCE_MS / 10 && ended == 0; i++) {
		ended = waitpid(r->pid, &how, WNOHANG);
		if (ended == 0)
			usleep(10000);
	}
	if (ended == 0) {
		kill(r->pid, SIGKILL);
		waitpid(r->pid, &how, 0);
	}
	close(r->monitor);
	close(r->engine);
	assert_true(WIFEXITED(how));
	assert_int_equal(WEXITSTATUS(how), status);
}

void rig_stop(struct rig *r)
{
	shutdown(r->monitor, SHUT_RDWR);
	rig_expect_end(r, 0);
}

bool rig_silent(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 0;
}

void rig_hear(int fd, enum ipc_kind kind, struct ipc_message *ret)
{
	ssize_t n;

	if (rig_silent(fd, PATIENCE_MS))
		fail_msg("no %s came", ipc_kind_name(kind));
	n = recv(fd, ret, sizeof(*ret), 0);
	assert_true(n > 0);
	assert_true(ipc_check(ret, (size_t)n));
	assert_string_equal(ipc_kind_name(ret->kind), ipc_kind_name(kind));
}

void rig_answer(struct rig *r, uint32_t request, enum ipc_code code, const char *text)
{
	struct ipc_message m = { .kind = IPC_RESULT, .request = request, .result.code = code };

	snprintf(m.result.text, sizeof(m.result.text), "%s", text);
	rig_say(r->engine, &m);
}

int rig_dial(const struct rig *r, const char *from)
{
	struct sockaddr_in own = { .sin_family = AF_INET };
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(r->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET, from, &own.sin_addr), 1);
	assert_int_equal(bind(fd, (const struct sockaddr *)&own, sizeof(own)), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

int rig_dial_control(const struct rig *r)
{
	struct sockaddr_un a;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&a, control_address(r, &a)), 0);
	return fd;
}

void rig_send(int fd, const void *bytes, size_t n)
{
	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

void rig_send_text(int fd, const char *text)
{
	rig_send(fd, text, strlen(text));
}

ssize_t rig_read_all(int fd, char *to, size_t size)
{
	size_t used = 0;

	for (;;) {
		ssize_t n;

		if (rig_silent(fd, PATIENCE_MS))
			fail_msg("the connection does not end; so far: %.*s", (int)used, to);
		n = recv(fd, to + used, size - 1 - used, 0);
		if (n < 0)
			return -1;
		used += (size_t)n;
		to[used] = 0;
		if (n == 0)
			return (ssize_t)used;
	}
}

void rig_read_line(int fd, char *to, size_t size)
{
	size_t used = 0;

	for (;;) {
		assert_true(used < size);
		if (rig_silent(fd, PATIENCE_MS))
			fail_msg("no line came; so far: %.*s", (int)used, to);
		assert_int_equal(recv(fd, to + used, 1, 0), 1);
		if (to[used] == '\n')
			break;
		used++;
	}
	to[used] = 0;
}
