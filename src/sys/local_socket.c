#include "sys/local_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int make_folder(const struct sockaddr_un *address)
{
	struct sockaddr_un folder = *address;
	char *slash = strrchr(folder.sun_path, '/');

	if (!slash || slash == folder.sun_path)
		return 0;
	*slash = 0;
	return mkdir(folder.sun_path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int bind_at(int fd, const struct sockaddr_un *address)
{
	mode_t mask;
	int r;

	if (unlink(address->sun_path) < 0 && errno != ENOENT)
		return -errno;
	/* From the first moment nobody else may connect. */
	mask = umask(0117);
	r = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
	umask(mask);
	return r;
}

int local_socket_listen(const char *path, int backlog, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	r = make_folder(&address);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = bind_at(fd, &address);
	if (r == 0 && listen(fd, backlog) < 0)
		r = -errno;
	if (r < 0)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}
