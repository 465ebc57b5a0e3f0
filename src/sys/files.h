/*
 * files: the few things rouse does with files, each complete with its error handling: append
 * durably, replace atomically, read whole and bounded, lock.
 *
 * Names are relative to a directory descriptor (file_directory_open, or AT_FDCWD). Refuses to know
 * what is in them. A full disk is -ENOSPC (or -EDQUOT) and leaves what was there before valid.
 */
#ifndef ROUSE_SYS_FILES_H
#define ROUSE_SYS_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Opens a directory, making its last component (mode 0750) when it is missing. */
int file_directory_open(const char *path, int *ret_dir);

/*
 * The lock file `name` in a directory, created when missing. Held until *ret_fd is closed, also by
 * dying. -EWOULDBLOCK: another process holds it; then *ret_holder (optional) is its pid, or 0.
 */
int file_lock(int dir, const char *name, int *ret_fd, pid_t *ret_holder);

/*
 * A whole regular file. *ret_bytes is malloc'ed, has a NUL after its n bytes. -ENOENT; -EFBIG when
 * it has more than `max` bytes; -EINVAL when it is no regular file; errors of open(2), read(2).
 */
int file_read(int dir, const char *name, size_t max, char **ret_bytes, size_t *ret_n);

/*
 * Writes `name` anew: temporary file beside it, fsync, rename, fsync of the directory. After an
 * error the old file is as it was and nothing is left beside it; only when that last sync fails the
 * new one is there already. (A power cut may leave "NAME.new"; the next call replaces it.)
 */
int file_replace(int dir, const char *name, const void *bytes, size_t n, mode_t mode);
/* Renames within the directory, durably. */
int file_rename(int dir, const char *from, const char *to);

/* A file that only grows at its end. */
struct file_append {
	int fd; /* -1: closed */
	uint64_t length; /* bytes that are valid */
	bool dirty; /* something was written since the last sync */
	bool torn; /* a failed write left bytes behind `length` that could not be cut off yet */
};

/*
 * Opens or creates it. `length` is how much of it is good: what follows is cut off (a torn last
 * line); UINT64_MAX keeps everything.
 */
int file_append_open(struct file_append *f, int dir, const char *name, mode_t mode,
		     uint64_t length);
/* All n bytes or none: after an error the file ends where it ended before. Survives kill -9 at
 * once. */
int file_append_write(struct file_append *f, const void *bytes, size_t n);
/* fdatasync when dirty: then it survives a power cut too. The caller's timer decides how often. */
int file_append_sync(struct file_append *f);
/* Closes without syncing; harmless when closed (fd -1). */
void file_append_close(struct file_append *f);

#endif
