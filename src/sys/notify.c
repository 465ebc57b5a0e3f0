#include "sys/notify.h"

#include "base/text.h"
#include "sys/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_FDS_START 3

static int notify_fd = -1;

static int notify_address(const char *name, struct sockaddr_un *ret_to, socklen_t *ret_n)
{
	size_t n = strlen(name);
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	if ((name[0] != '/' && name[0] != '@') || n < 2 || n >= sizeof(to.sun_path))
		return -EINVAL;
	memcpy(to.sun_path, name, n);
	*ret_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (name[0] == '@')
		to.sun_path[0] = 0;
	else
		++*ret_n;
	*ret_to = to;
	return 0;
}

int notify_open(void)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to;
	socklen_t n;
	int r;

	notify_close();
	if (!name || !*name)
		return 0;
	r = notify_address(name, &to, &n);
	unsetenv("NOTIFY_SOCKET");
	if (r < 0)
		return r;

	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&to, n) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	notify_fd = fd;
	return 0;
}

void notify_close(void)
{
	if (notify_fd >= 0)
		close(notify_fd);
	notify_fd = -1;
}

bool notify_active(void)
{
	return notify_fd >= 0;
}

static int notify_send(const struct text *t)
{
	if (notify_fd < 0)
		return 0;
	if (t->cut)
		return -EMSGSIZE;
	if (send(notify_fd, t->start, t->used, MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static void text_status(struct text *t, const char *status)
{
	text_string(t, "STATUS=");
	for (; *status; status++)
		text_char(t, *status == '\n' ? ' ' : *status);
	text_char(t, '\n');
}

int notify_ready(const char *status)
{
	char buffer[512];
	struct text t = text_over(buffer, sizeof(buffer));

	text_string(&t, "READY=1\n");
	if (status)
		text_status(&t, status);
	return notify_send(&t);
}

int notify_reloading(void)
{
	char buffer[64];
	struct text t = text_over(buffer, sizeof(buffer));

	text_string(&t, "RELOADING=1\nMONOTONIC_USEC=");
	text_u64(&t, clock_monotonic_us());
	return notify_send(&t);
}

int notify_stopping(void)
{
	char buffer[16];
	struct text t = text_over(buffer, sizeof(buffer));

	text_string(&t, "STOPPING=1");
	return notify_send(&t);
}

int notify_status(const char *status)
{
	char buffer[512];
	struct text t = text_over(buffer, sizeof(buffer));

	text_status(&t, status);
	return notify_send(&t);
}

/* The i-th of the names in "a:b:c"; systemd says "unknown" for those without. */
static void socket_name(const char *names, size_t i, char to[static NOTIFY_NAME_MAX])
{
	struct text t = text_over(to, NOTIFY_NAME_MAX);

	while (names && i--) {
		names = strchr(names, ':');
		if (names)
			names++;
	}
	if (!names || !*names || *names == ':')
		names = "unknown";
	for (; *names && *names != ':'; names++)
		text_char(&t, *names);
}

static int sockets_handed_over(uint64_t *ret_count)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	uint64_t who;

	*ret_count = 0;
	if (!pid || !count)
		return 0;
	if (text_parse_u64(pid, UINT32_MAX, &who) < 0)
		return -EINVAL;
	if (who != (uint64_t)getpid())
		return 0;
	return text_parse_u64(count, 1024, ret_count) < 0 ? -EINVAL : 0;
}

int notify_sockets(struct notify_socket *ret_sockets, size_t n)
{
	const char *names = getenv("LISTEN_FDNAMES");
	uint64_t count;
	int r = sockets_handed_over(&count);
	size_t kept = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		int fd = LISTEN_FDS_START + (int)i;

		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
			r = -EINVAL;
		} else if (kept < n) {
			ret_sockets[kept].fd = fd;
			socket_name(names, i, ret_sockets[kept++].name);
		} else {
			close(fd);
		}
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return r < 0 ? r : (int)kept;
}
