/*
 * Landlock by raw system calls: kernels have more of it than the headers we compile with. Rules
 * name directories, because the files in them are replaced by rename; but for the running image.
 */
#include "sys/sandbox_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (UINT64_C(1) << 14) /* ABI 3 */
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP (UINT64_C(1) << 0) /* ABI 4 */
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (UINT64_C(1) << 1)
#endif
#ifndef LANDLOCK_SCOPE_SIGNAL
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0) /* ABI 6 */
#define LANDLOCK_SCOPE_SIGNAL (UINT64_C(1) << 1)
#endif

/* struct landlock_ruleset_attr as of ABI 6; older kernels accept the longer one while it is 0. */
struct ruleset {
	uint64_t fs, net, scoped;
};

#define READ_ONLY (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RUN (READ_ONLY | LANDLOCK_ACCESS_FS_EXECUTE)
#define WRITE                                                                      \
	(READ_ONLY | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE | \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |              \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE)
/* What a rule on a file, not a directory, may say. */
#define OF_FILES                                                     \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | \
	 LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)

/* Everything of files that this ABI can forbid. */
static uint64_t all_of_files(int abi)
{
	uint64_t all = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

	if (abi >= 2)
		all |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		all |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (abi >= 5)
		all |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
	return all;
}

/* One path and what is below it; a path that is not there needs no rule. */
static int allow(int ruleset, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = access };
	int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat s;
	int r = 0;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -errno;
	rule.parent_fd = fd;
	if (fstat(fd, &s) < 0)
		r = -errno;
	else if (!S_ISDIR(s.st_mode))
		rule.allowed_access &= OF_FILES;
	if (r == 0 &&
	    syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		r = -errno;
	close(fd);
	return r;
}

struct allow_libraries {
	int ruleset;
	uint64_t access;
	int result;
};

/* The directory of one loaded library, wherever a distribution keeps it. */
static int allow_library(struct dl_phdr_info *info, size_t size, void *context)
{
	struct allow_libraries *a = context;
	char path[PATH_MAX];
	char *slash;

	(void)size;
	if (info->dlpi_name[0] != '/' || strlen(info->dlpi_name) >= sizeof(path))
		return 0; /* the program itself, and the vDSO */
	memcpy(path, info->dlpi_name, strlen(info->dlpi_name) + 1);
	slash = strrchr(path, '/');
	slash[slash == path] = 0;
	a->result = allow(a->ruleset, path, a->access);
	return a->result;
}

/*
 * The running image itself, not its folder: what is started again is this file, whatever is installed in its place, and
 * the folder may be one that only root can enter (a home of mode 0700).
 */
static int allow_image(int ruleset, uint64_t access)
{
	return allow(ruleset, "/proc/self/exe", access);
}

const struct sandbox_path sandbox_network[SANDBOX_NETWORK_PATHS] = {
	{ .path = "/etc" },
	{ .path = "/run/systemd/resolve" },
	{ .path = "/run/resolvconf" },
	{ .path = "/run/NetworkManager" },
	{ .path = "/usr/lib/ssl" },
	{ .path = "/usr/share/ca-certificates" },
	{ .path = "/usr/local/share/ca-certificates" },
};

/* A program that the monitor starts; NULL: there is none. */
static const char *program;

void sandbox_program(const char *path)
{
	program = path;
}

static int allow_paths(int ruleset, uint64_t all, const struct sandbox_path *paths, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = allow(ruleset, paths[i].path, (paths[i].write ? WRITE : READ_ONLY) & all);
	return r;
}

/* Should keep: its own directories, and what starting a role again reads. Must not keep: the rest.
 */
static int allow_monitor(int ruleset, uint64_t all, const struct sandbox_path *paths, size_t n)
{
	/*
	 * Without the loader's cache (replaced by rename, so one day not ours any more) libraries
	 * are searched in the usual directories.
	 */
	static const char *const read_only[] = { "/etc/ld.so.cache", "/etc/localtime",
						 "/usr/share/zoneinfo" };
	struct allow_libraries libraries = { .ruleset = ruleset, .access = RUN & all };
	int r = allow_image(ruleset, RUN & all);

	if (r == 0) {
		dl_iterate_phdr(allow_library, &libraries);
		r = libraries.result;
	}
	for (size_t i = 0; r == 0 && i < sizeof(read_only) / sizeof(read_only[0]); i++)
		r = allow(ruleset, read_only[i], READ_ONLY & all);
	if (r == 0 && program)
		r = allow(ruleset, program, RUN & all);
	return r < 0 ? r : allow_paths(ruleset, all, paths, n);
}

/* Should keep: its own directories, the time zone of its log, a seed for SQLite. Must not keep: the rest, this image either. */
static int allow_relay(int ruleset, uint64_t all, const struct sandbox_path *paths, size_t n)
{
	static const char *const read_only[] = { "/etc/localtime", "/usr/share/zoneinfo",
						 "/dev/urandom" };
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(read_only) / sizeof(read_only[0]); i++)
		r = allow(ruleset, read_only[i], READ_ONLY & all);
	return r < 0 ? r : allow_paths(ruleset, all, paths, n);
}

static struct ruleset ruleset_of(enum sandbox_role role, int abi)
{
	bool connects = role == SANDBOX_UPLINK || (role == SANDBOX_MONITOR && program);
	struct ruleset s = { .fs = all_of_files(abi) };

	/* The monitor listens, and never connects, but the uplink does. Roles get their sockets ready-made. */
	if (abi >= 4)
		s.net = (connects ? 0 : LANDLOCK_ACCESS_NET_CONNECT_TCP) |
			(role == SANDBOX_MONITOR ? 0 : LANDLOCK_ACCESS_NET_BIND_TCP);
	/* Signals only to roles; the service manager's socket was connected before. */
	if (abi >= 6)
		s.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;
	return s;
}

int sandbox_landlock(enum sandbox_role role, const struct sandbox_path *paths, size_t n)
{
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
			       LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset attributes;
	int ruleset, r = 0;

	/* A container's filter says EPERM to what it does not know. */
	if (abi <= 0)
		return errno == EPERM ? -ENOSYS : -errno;
	attributes = ruleset_of(role, abi);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
	if (ruleset < 0)
		return -errno;
	if (role == SANDBOX_MONITOR)
		r = allow_monitor(ruleset, attributes.fs, paths, n);
	else if (role == SANDBOX_RELAY)
		r = allow_relay(ruleset, attributes.fs, paths, n);
	else
		r = allow_paths(ruleset, attributes.fs, paths, n);
	if (r == 0 && SANDBOX_SANITIZED)
		r = allow(ruleset, "/proc", READ_ONLY & attributes.fs);
	if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		r = -errno;
	close(ruleset);
	return r < 0 ? r : abi;
}
