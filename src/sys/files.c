#include "sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int close_with(int fd, int r)
{
	if (fd >= 0)
		close(fd);
	return r;
}

int file_directory_open(const char *path, int *ret_dir)
{
	int fd;

	if (mkdir(path, 0750) < 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_dir = fd;
	return 0;
}

/* --- lock --- */

static pid_t lock_holder(int fd)
{
	char text[16] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	long pid = n > 0 ? strtol(text, NULL, 10) : 0;

	return pid > 0 && pid < INT_MAX ? (pid_t)pid : 0;
}

int file_lock(int dir, const char *name, int *ret_fd, pid_t *ret_holder)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	int fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int r = -errno;

		if (ret_holder)
			*ret_holder = lock_holder(fd);
		return close_with(fd, r);
	}
	/* The number is for people; on a full disk the lock holds without it. */
	if (ftruncate(fd, 0) == 0)
		(void)!pwrite(fd, text, (size_t)n, 0);
	*ret_fd = fd;
	return 0;
}

/* --- reading --- */

static int read_all(int fd, char *to, size_t n, size_t *ret_n)
{
	size_t used = 0;

	while (used < n) {
		ssize_t got = read(fd, to + used, n - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	*ret_n = used;
	return 0;
}

int file_read(int dir, const char *name, size_t max, char **ret_bytes, size_t *ret_n)
{
	/* Non-blocking, so that opening a FIFO does not wait for its writer. */
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat s;
	char *bytes;
	size_t n = 0;
	int r;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &s) < 0)
		return close_with(fd, -errno);
	if (!S_ISREG(s.st_mode))
		return close_with(fd, -EINVAL);
	if ((uint64_t)s.st_size > max)
		return close_with(fd, -EFBIG);
	bytes = malloc((size_t)s.st_size + 1);
	if (!bytes)
		return close_with(fd, -ENOMEM);
	r = close_with(fd, read_all(fd, bytes, (size_t)s.st_size, &n));
	if (r < 0) {
		free(bytes);
		return r;
	}
	bytes[n] = 0;
	*ret_bytes = bytes;
	*ret_n = n;
	return 0;
}

/* --- writing --- */

static int write_all(int fd, const void *bytes, size_t n, uint64_t at)
{
	const uint8_t *from = bytes;

	while (n) {
		ssize_t done = pwrite(fd, from, n, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (done == 0)
			return -EIO;
		from += done;
		at += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

static int sync_directory(int dir)
{
	/* AT_FDCWD is no descriptor; a directory that was opened is, and can be synced. */
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return -errno;
	/* Some file systems cannot sync a directory, and say EINVAL. */
	if (fsync(fd) < 0 && errno != EINVAL)
		r = -errno;
	return close_with(fd, r);
}

static int write_new(int dir, const char *name, const void *bytes, size_t n, mode_t mode)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, bytes, n, 0);
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	/* Network file systems report a full disk here. */
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

int file_replace(int dir, const char *name, const void *bytes, size_t n, mode_t mode)
{
	char temporary[NAME_MAX + 1];
	int length = snprintf(temporary, sizeof(temporary), "%s.new", name);
	int r;

	if (length < 0 || (size_t)length >= sizeof(temporary))
		return -ENAMETOOLONG;
	r = write_new(dir, temporary, bytes, n, mode);
	if (r == 0)
		r = file_rename(dir, temporary, name);
	if (r < 0)
		unlinkat(dir, temporary, 0);
	return r;
}

int file_rename(int dir, const char *from, const char *to)
{
	if (renameat(dir, from, dir, to) < 0)
		return -errno;
	return sync_directory(dir);
}

/* --- appending --- */

/* Cuts off what is behind the good bytes. */
static int append_cut(struct file_append *f)
{
	f->torn = true;
	if (ftruncate(f->fd, (off_t)f->length) < 0)
		return -errno;
	f->torn = false;
	return 0;
}

/* A regular file, and open to nobody else: one of an earlier version may be. */
static int append_inspect(const struct file_append *f, mode_t mode, struct stat *ret_stat)
{
	if (fstat(f->fd, ret_stat) < 0)
		return -errno;
	if (!S_ISREG(ret_stat->st_mode))
		return -EINVAL;
	if ((ret_stat->st_mode & 07777) != mode && fchmod(f->fd, mode) < 0)
		return -errno;
	return 0;
}

int file_append_open(struct file_append *f, int dir, const char *name, mode_t mode, uint64_t length)
{
	struct stat s;
	int r;

	*f = (struct file_append){ .fd = -1 };
	f->fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);
	if (f->fd < 0)
		return -errno;
	r = append_inspect(f, mode, &s);
	if (r == 0) {
		f->length = (uint64_t)s.st_size < length ? (uint64_t)s.st_size : length;
		if (f->length < (uint64_t)s.st_size)
			r = append_cut(f);
	}
	/* A new file's name must survive a power cut as well. */
	if (r == 0 && s.st_size == 0)
		r = sync_directory(dir);
	if (r < 0)
		file_append_close(f);
	return r;
}

int file_append_write(struct file_append *f, const void *bytes, size_t n)
{
	int r = f->torn ? append_cut(f) : 0;

	if (r < 0)
		return r;
	r = write_all(f->fd, bytes, n, f->length);
	if (r < 0) {
		(void)append_cut(f); /* remembered, and tried again before the next write */
		return r;
	}
	f->length += n;
	f->dirty = true;
	return 0;
}

int file_append_sync(struct file_append *f)
{
	if (!f->dirty)
		return 0;
	if (fdatasync(f->fd) < 0)
		return -errno;
	f->dirty = false;
	return 0;
}

void file_append_close(struct file_append *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}
