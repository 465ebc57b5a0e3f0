/*
 * What a role must not do, tried. For tests through a hidden option; does nothing harmful where it
 * is possible after all.
 */
#include "sys/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int opened(int fd)
{
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int done(long r)
{
	return r < 0 ? -errno : 0;
}

static int probe_open(int fd)
{
	(void)fd;
	return opened(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int probe_socket(int fd)
{
	(void)fd;
	return opened(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

/* A local experimental EtherType from and to nobody, behind an empty vnet header. */
static int probe_send(int fd)
{
	char frame[10 + 60] = { [10 + 12] = (char)0x88, [10 + 13] = (char)0xb5 };
	struct iovec iov = { .iov_base = frame, .iov_len = sizeof(frame) };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	return done(sendmsg(fd, &h, MSG_DONTWAIT));
}

static int probe_write(int fd)
{
	char frame[10 + 60] = { [10 + 12] = (char)0x88, [10 + 13] = (char)0xb5 };

	return done(write(fd, frame, sizeof(frame)));
}

static int probe_dup(int fd)
{
	return opened(dup(fd));
}

static int probe_close(int fd)
{
	(void)fd;
	return done(close(4));
}

static int probe_exec(int fd)
{
	char *argv[] = { (char[]){ "true" }, NULL };

	(void)fd;
	return done(execve("/bin/true", argv, argv + 1));
}

static int probe_connect(int fd)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };

	return done(connect(fd, (const struct sockaddr *)&to, sizeof(to)));
}

static int probe_ptrace(int fd)
{
	(void)fd;
	return done(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL));
}

static int probe_kill(int fd)
{
	(void)fd;
	return done(kill(getppid(), 0));
}

static int probe_fork(int fd)
{
	pid_t child = fork();

	(void)fd;
	if (child == 0)
		_exit(0);
	if (child < 0)
		return -errno;
	waitpid(child, NULL, 0);
	return 0;
}

static int probe_code(int fd)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)fd;
	if (page == MAP_FAILED)
		return -errno;
	munmap(page, 4096);
	return 0;
}

static int probe_unshare(int fd)
{
	(void)fd;
	return done(syscall(SYS_unshare, 0x40000000 /* CLONE_NEWNET */));
}

int sandbox_probe(const char *action, int fd)
{
	static const struct {
		const char *name;
		int (*try)(int fd);
	} actions[] = {
		{ "open", probe_open },	      { "socket", probe_socket },
		{ "send", probe_send },	      { "write", probe_write },
		{ "dup", probe_dup },	      { "close", probe_close },
		{ "exec", probe_exec },	      { "connect", probe_connect },
		{ "ptrace", probe_ptrace },   { "kill", probe_kill },
		{ "fork", probe_fork },	      { "code", probe_code },
		{ "unshare", probe_unshare },
	};

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].name, action) == 0)
			return actions[i].try(fd);
	}
	return -EINVAL;
}
