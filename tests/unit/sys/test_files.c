/*
 * files: durable appending, atomic replacing, bounded reading, locking; on a tiny tmpfs that fills
 * up, and with a writer that is killed at random instants.
 */
#include "lab.h"

#include "sys/files.h"

#include <sys/mount.h>
#include <sys/stat.h>

static char place[] = "/tmp/rouse-files-XXXXXX";
static int dir = -1;

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(strcpy(place, "/tmp/rouse-files-XXXXXX")))
		return -1;
	return file_directory_open(place, &dir);
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	close(dir);
	snprintf(command, sizeof(command), "rm -rf %s", place);
	return system(command);
}

static void assert_content(const char *name, const char *expected)
{
	char *bytes;
	size_t n;

	assert_int_equal(file_read(dir, name, 1000000, &bytes, &n), 0);
	assert_int_equal(n, strlen(expected));
	assert_string_equal(bytes, expected);
	free(bytes);
}

static void test_directory(void **state)
{
	char path[64];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/new", place);
	assert_int_equal(file_directory_open(path, &fd), 0);
	close(fd);
	assert_int_equal(file_directory_open(path, &fd), 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/no/such", place);
	assert_int_equal(file_directory_open(path, &fd), -ENOENT);
	assert_int_equal(file_directory_open("/etc/passwd", &fd), -ENOTDIR);
}

static void test_append(void **state)
{
	struct file_append f;

	(void)state;
	assert_int_equal(file_append_open(&f, dir, "log", 0600, UINT64_MAX), 0);
	assert_int_equal(f.length, 0);
	assert_int_equal(file_append_write(&f, "one\n", 4), 0);
	assert_true(f.dirty);
	assert_int_equal(file_append_sync(&f), 0);
	assert_false(f.dirty);
	assert_int_equal(file_append_write(&f, "two\n", 4), 0);
	file_append_close(&f);
	file_append_close(&f);
	assert_content("log", "one\ntwo\n");
	/* A torn end is cut off, and the next line takes its place. */
	assert_int_equal(file_append_open(&f, dir, "log", 0600, 5), 0);
	assert_int_equal(f.length, 5);
	assert_int_equal(file_append_write(&f, "!\n", 2), 0);
	file_append_close(&f);
	assert_content("log", "one\nt!\n");
	assert_int_equal(file_append_open(&f, dir, "log", 0600, 1000), 0);
	assert_int_equal(f.length, 7);
	file_append_close(&f);
	assert_int_equal(mkdirat(dir, "folder", 0700), 0);
	assert_int_equal(file_append_open(&f, dir, "folder", 0600, 0), -EISDIR);
	assert_int_equal(f.fd, -1);
}

static void test_replace(void **state)
{
	struct stat s;

	(void)state;
	assert_int_equal(file_replace(dir, "state", "first", 5, 0640), 0);
	assert_int_equal(file_replace(dir, "state", "2nd", 3, 0640), 0);
	assert_content("state", "2nd");
	assert_int_equal(fstatat(dir, "state", &s, 0), 0);
	assert_int_equal(s.st_mode & 0777, 0640);
	assert_int_equal(fstatat(dir, "state.new", &s, 0), -1);
	/* What a power cut left is no obstacle, and a symbolic link is not followed. */
	assert_int_equal(symlinkat("/tmp/rouse-files-elsewhere", dir, "link.new"), 0);
	assert_int_equal(file_replace(dir, "link", "x", 1, 0600), -ELOOP);
	assert_int_equal(file_rename(dir, "state", "state.bad"), 0);
	assert_content("state.bad", "2nd");
	assert_int_equal(file_rename(dir, "state", "state.bad"), -ENOENT);
}

static void test_read(void **state)
{
	char *bytes = NULL;
	size_t n;

	(void)state;
	assert_int_equal(file_replace(dir, "ten", "0123456789", 10, 0600), 0);
	assert_int_equal(file_read(dir, "ten", 9, &bytes, &n), -EFBIG);
	assert_int_equal(file_read(dir, "ten", 10, &bytes, &n), 0);
	assert_int_equal(n, 10);
	free(bytes);
	assert_int_equal(file_read(dir, "none", 10, &bytes, &n), -ENOENT);
	assert_int_equal(file_read(AT_FDCWD, "/", 10, &bytes, &n), -EINVAL);
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(file_read(dir, "fifo", 10, &bytes, &n), -EINVAL);
}

static int try_lock(void *context)
{
	pid_t holder = 0;
	int fd, r = file_lock(dir, "lock", &fd, &holder);

	return r == 0 ? 0 : r == -EWOULDBLOCK && holder == *(pid_t *)context ? 1 : 2;
}

static void test_lock(void **state)
{
	pid_t me = getpid();
	int fd;

	(void)state;
	assert_int_equal(file_lock(dir, "lock", &fd, NULL), 0);
	assert_int_equal(WEXITSTATUS(lab_child(try_lock, &me)), 1);
	close(fd);
	assert_int_equal(WEXITSTATUS(lab_child(try_lock, &me)), 0);
	/* Its holder is dead by now, and the file still there. */
	assert_int_equal(file_lock(dir, "lock", &fd, NULL), 0);
	close(fd);
}

/* --- a full disk --- */

static char line[10000];

/* Runs in a mount namespace of its own. */
static int full_disk(void *context)
{
	struct file_append f;
	uint64_t before;
	char *bytes;
	size_t n;
	int lines = 0, r;

	(void)context;
	memset(line, 'x', sizeof(line));
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", place, "tmpfs", 0, "size=256k") < 0)
		return 77;
	close(dir);
	if (file_directory_open(place, &dir) < 0 ||
	    file_replace(dir, "state", "kept", 4, 0600) < 0 ||
	    file_append_open(&f, dir, "log", 0600, UINT64_MAX) < 0)
		return 1;
	while ((r = file_append_write(&f, line, sizeof(line))) == 0)
		lines++;
	/* Not one byte of the line that did not fit is left. */
	if (r != -ENOSPC || lines < 10 || f.torn || f.length != (uint64_t)lines * sizeof(line))
		return 2;
	if (file_read(dir, "log", 1 << 20, &bytes, &n) < 0 || n != f.length)
		return 3;
	free(bytes);
	if (file_replace(dir, "state", line, sizeof(line), 0600) != -ENOSPC)
		return 4;
	if (file_read(dir, "state", 100, &bytes, &n) < 0 || strcmp(bytes, "kept") != 0)
		return 5;
	free(bytes);
	if (faccessat(dir, "state.new", F_OK, 0) == 0)
		return 6;
	/* Room again: it goes on where it was. */
	before = f.length;
	f.length -= 5 * sizeof(line);
	f.torn = true;
	if (file_append_write(&f, "end\n", 4) < 0 || f.length != before - 5 * sizeof(line) + 4)
		return 7;
	return file_read(dir, "log", 1 << 20, &bytes, &n) == 0 && n == f.length ? 0 : 8;
}

static void test_full_disk(void **state)
{
	int status = lab_child(full_disk, NULL);

	(void)state;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("skipped: needs root and mount namespaces\n");
		skip();
	}
	assert_int_equal(status, 0);
}

/* --- kill -9 --- */

/* Writes numbered lines, and says each number after it was written. */
static _Noreturn void write_lines(int out)
{
	struct file_append f;
	char text[64];

	if (file_append_open(&f, dir, "journal", 0600, UINT64_MAX) < 0)
		_exit(1);
	for (unsigned int i = 0;; i++) {
		int n = snprintf(text, sizeof(text), "%u abcdefghijklmnopqrstuvwxyz\n", i);

		if (file_append_write(&f, text, (size_t)n) < 0 ||
		    write(out, &i, sizeof(i)) != sizeof(i))
			_exit(1);
	}
}

static void test_killed_writer(void **state)
{
	unsigned int seed = (unsigned int)getpid();

	(void)state;
	print_message("seed %u\n", seed);
	for (int round = 0; round < 30; round++) {
		unsigned int said = 0, i = 0;
		int fds[2], any = 0;
		pid_t child;
		char *bytes;
		size_t n;

		unlinkat(dir, "journal", 0);
		assert_int_equal(pipe(fds), 0);
		child = fork();
		if (child == 0)
			write_lines(fds[1]);
		close(fds[1]);
		usleep((useconds_t)(1000 + rand_r(&seed) % 5000));
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		while (read(fds[0], &said, sizeof(said)) == sizeof(said))
			any = 1;
		close(fds[0]);
		/* It may have been killed before it began. */
		if (!any)
			continue;
		/* What was said to be written is there: whole lines, in order. */
		assert_int_equal(file_read(dir, "journal", 100000000, &bytes, &n), 0);
		for (char *at = bytes; *at && i <= said; i++) {
			assert_int_equal(strtoul(at, &at, 10), i);
			assert_memory_equal(at, " abcdefghijklmnopqrstuvwxyz\n", 28);
			at += 28;
		}
		assert_true(i > said);
		free(bytes);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_directory), T(test_append),    T(test_replace),	     T(test_read),
		T(test_lock),	   T(test_full_disk), T(test_killed_writer),
	};

	return cmocka_run_group_tests_name("sys/files", tests, NULL, NULL);
}
