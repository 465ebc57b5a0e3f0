/*
 * The seccomp profiles, as tables of system call names. The only door to libseccomp.
 *
 * Names that this machine's architecture, or this version of libseccomp, does not know are left
 * out: x86_64, aarch64 and arm differ in what they have (open, mmap2, clock_gettime64 ...).
 *
 * Filters stack and the strictest answer counts. The monitor's comes first and is the union of all;
 * what a role must not do ends it at once (SIGSYS), except what the C library tries without need.
 */
#include "sys/role.h"
#include "sys/sandbox_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* clang-format off */ /* it would give each name a line of its own */

/* Should: memory, time, waiting, and being told; any program of ours. Must not: reach anything. */
static const char *const calls_all[] = {
	"brk", "munmap", "mremap", "madvise", "membarrier",
	"futex", "futex_time64", "futex_waitv", "sched_yield", "sched_getaffinity", "getcpu",
	"set_robust_list", "rseq", "restart_syscall", "exit", "exit_group",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "sigaltstack",
	"getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid",
	"getuid32", "geteuid32", "getgid32", "getegid32",
	"clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64",
	"clock_nanosleep", "clock_nanosleep_time64", "nanosleep", "gettimeofday", "time",
	"getrandom", "uname", "sysinfo", "getrlimit", "ugetrlimit",
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
	"poll", "ppoll", "ppoll_time64", "timerfd_create", "timerfd_settime",
	"timerfd_settime64", "timerfd_gettime", "timerfd_gettime64", "eventfd2", "signalfd4",
	"read", "readv", "recvmsg", "recvmmsg", "recvmmsg_time64", "fstat", "fstat64",
	"cacheflush", "set_tls", "breakpoint", /* arm */
};

/* Should: talk with whoever connected. Must not: make a socket, connect, listen. */
static const char *const calls_control[] = {
	"write", "writev", "send", "recv", "recvfrom", "accept", "accept4",
	"shutdown", "getsockname", "getpeername", "getsockopt",
};

/* See add_uplink(). */
static const char *const calls_uplink[] = {
	"write", "writev", "sendmsg", "sendmmsg", "send", "sendto", "recv", "recvfrom", "connect",
	"shutdown", "getsockname", "getpeername", "getsockopt", "setsockopt", "close",
	"stat", "stat64", "lstat", "lstat64", "newfstatat", "fstatat64", "statx", "access",
	"faccessat", "faccessat2", "readlink", "readlinkat", "getdents64", "pread64",
};

/* See add_relay(). */
static const char *const calls_relay[] = {
	"close", "open", "openat", "pread64", "pwrite64", "lseek", "_llseek", "ftruncate",
	"ftruncate64", "fallocate", "fsync", "fdatasync", "fchmod", "unlink", "unlinkat", "getcwd", "readlink",
	"readlinkat", "access", "faccessat", "faccessat2", "stat", "stat64", "lstat", "lstat64",
	"newfstatat", "fstatat64", "statx", "fadvise64", "umask", "set_tid_address",
};

/*
 * Should: own the sockets, the files of its directories, and the roles, and let those start: what
 * the loader does, and the narrowing that roles do to themselves. Must not: change users, mount,
 * trace, load anything into the kernel, or reach memory of others.
 */
static const char *const calls_monitor[] = {
	/* sockets */
	"sendto", "sendmsg", "sendmmsg", "bind", "connect", "listen", "setsockopt", "socketpair",
	/* descriptors */
	"close", "dup", "dup2", "dup3", "pipe2", "fcntl", "fcntl64", "close_range", "ioctl",
	/* files */
	"open", "openat", "openat2", "pread64", "pwrite64", "preadv", "pwritev", "lseek",
	"_llseek", "ftruncate", "ftruncate64", "fsync", "fdatasync", "flock", "fchmod",
	"fchmodat", "chmod", "fchown", "fchown32", "fchownat", "chown", "chown32", "umask",
	"rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat",
	"getdents64", "getcwd", "readlink", "readlinkat", "access", "faccessat", "faccessat2",
	"stat", "stat64", "lstat", "lstat64", "newfstatat", "fstatat64", "statx", "statfs",
	"statfs64", "fstatfs", "fstatfs64",
	/* roles */
	"wait4", "waitid", "pidfd_open", "pidfd_send_signal", "kill", "prctl", "capget",
	"capset", "prlimit64", "setrlimit", "seccomp", "landlock_create_ruleset",
	"landlock_add_rule", "landlock_restrict_self", "set_tid_address", "arch_prctl",
	"getresuid", "getresgid", "getresuid32", "getresgid32", "getpgrp", "getgroups",
	"getgroups32",
};

/* The C library tries these without need (time zone, terminal, locale): refused, not fatal. */
static const char *const refused_files[] = {
	"open", "openat", "openat2", "readlink", "readlinkat", "access", "faccessat",
	"faccessat2", "stat", "stat64", "lstat", "lstat64", "newfstatat", "fstatat64", "statx",
	"statfs", "statfs64", "getcwd",
};
static const char *const refused[] = { "prctl", "lseek", "_llseek", "fadvise64" };

/* Sanitizers: see sandbox_parts.h. */
static const char *const calls_sanitizers[] = {
	"open", "openat", "readlink", "readlinkat", "getdents64", "newfstatat", "fstatat64",
	"stat", "lstat", "statx", "lseek", "pipe2", "clone", "ptrace", "process_vm_readv",
	"wait4", "prctl", "personality", "tgkill", "close", "getpgrp", "ioctl", "access",
};

/* clang-format on */

static struct scmp_arg_cmp equal(unsigned int argument, scmp_datum_t value)
{
	return (struct scmp_arg_cmp){ .arg = argument, .op = SCMP_CMP_EQ, .datum_a = value };
}

static struct scmp_arg_cmp masked(unsigned int argument, scmp_datum_t mask, scmp_datum_t value)
{
	return (struct scmp_arg_cmp){
		.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value
	};
}

static int add(scmp_filter_ctx f, uint32_t action, const char *name,
	       const struct scmp_arg_cmp *conditions, unsigned int n)
{
	int call = seccomp_syscall_resolve_name(name);
	int r;

	if (call == __NR_SCMP_ERROR || call < 0)
		return 0;
	r = seccomp_rule_add_array(f, action, call, n, conditions);
	/* Unconditional already, or the same as the default. */
	return r == -EEXIST || r == -EACCES ? 0 : r;
}

static int add_all(scmp_filter_ctx f, uint32_t action, const char *const *names, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = add(f, action, names[i], NULL, 0);
	return r;
}

static int allow_if(scmp_filter_ctx f, const char *name, struct scmp_arg_cmp condition)
{
	return add(f, SCMP_ACT_ALLOW, name, &condition, 1);
}

/* --- conditions all roles share --- */

/* Should: memory for data. Must not: new code. (The monitor's roles still have to be loaded.) */
static int add_memory(scmp_filter_ctx f, enum sandbox_role role)
{
	static const char *const names[] = { "mmap", "mmap2", "mprotect" };
	int r = 0;

	for (size_t i = 0; r == 0 && i < COUNT(names); i++) {
		if (role == SANDBOX_MONITOR && i < 2)
			r = add(f, SCMP_ACT_ALLOW, names[i], NULL, 0);
		else
			r = allow_if(f, names[i], masked(2, PROT_EXEC, 0));
	}
	return r;
}

/* Should: abort(). Must not: end somebody else, its sister role not either. */
static int add_self(scmp_filter_ctx f)
{
	int r = allow_if(f, "tgkill", equal(0, (scmp_datum_t)getpid()));

	/* Asking for limits, not setting them. */
	return r < 0 ? r : allow_if(f, "prlimit64", equal(2, 0));
}

static int add_fcntl(scmp_filter_ctx f)
{
	static const char *const names[] = { "fcntl", "fcntl64" };
	static const int commands[] = { F_GETFD, F_SETFD, F_GETFL, F_SETFL };
	int r = 0;

	for (size_t i = 0; i < COUNT(names); i++) {
		for (size_t k = 0; r == 0 && k < COUNT(commands); k++)
			r = allow_if(f, names[i], equal(1, (scmp_datum_t)commands[k]));
	}
	return r;
}

/* --- the profiles --- */

/*
 * Should: say things to its log and its three channels, and a magic packet with its voices (UDP sockets that the
 * monitor has connected to port 9 of one LAN: write() takes no address). Must not: write on any other
 * descriptor, which would be a frame on the LAN. So a packet socket must not get one of those
 * numbers either: no dup, and they cannot be closed, or the next socket that is received would take
 * their place.
 */
static int add_engine(scmp_filter_ctx f)
{
	static const char *const writes[] = { "write", "writev", "sendmsg" };
	int r = 0;

	for (size_t i = 0; i < COUNT(writes); i++) {
		for (scmp_datum_t fd = 2; r == 0 && fd <= ROLE_FD_UPLINK; fd++)
			r = allow_if(f, writes[i], equal(0, fd));
	}
	/* The voices are a block of 16 to 31. */
	if (r == 0)
		r = allow_if(f, "write",
			     masked(0, ~(scmp_datum_t)(ROLE_FD_VOICES - 1), ROLE_FD_VOICES));
	for (scmp_datum_t fd = ROLE_FD_UPLINK + 1; r == 0 && fd < ROLE_FD_VOICES; fd++)
		r = allow_if(f, "close", equal(0, fd));
	/* 32 to 63, 64 to 127, ...: the kernel looks at 32 bits, so "greater than" of 64 will not do. */
	for (scmp_datum_t from = ROLE_FD_VOICES_END; r == 0 && from <= 0x8000; from *= 2)
		r = allow_if(f, "close", masked(0, ~(from - 1), from));
	return r;
}

/* Talking on what is connected. */
static int add_talk(scmp_filter_ctx f)
{
	/* send() is sendto() without an address. */
	struct scmp_arg_cmp linger[] = { equal(1, SOL_SOCKET), equal(2, SO_LINGER) };
	struct scmp_arg_cmp no_delay[] = { equal(1, IPPROTO_TCP), equal(2, TCP_NODELAY) };
	int r = add_all(f, SCMP_ACT_ALLOW, calls_control, COUNT(calls_control));

	if (r == 0)
		r = allow_if(f, "sendto", equal(4, 0));
	if (r == 0)
		r = add(f, SCMP_ACT_ALLOW, "setsockopt", linger, 2);
	return r < 0 ? r : add(f, SCMP_ACT_ALLOW, "setsockopt", no_delay, 2);
}

/*
 * sendmsg() takes an address, which a filter does not see: with it control would send anything to anybody from the UDP sockets
 * that it answers queries with, though they are connected, and connect to anybody from a listening one that is shut down
 * (MSG_FASTOPEN). So it is for the channels alone, whose numbers nothing else may get: they cannot be closed.
 */
static int add_control(scmp_filter_ctx f)
{
	int r = add_talk(f);

	for (scmp_datum_t fd = ROLE_FD_MONITOR; r == 0 && fd <= ROLE_FD_SISTER; fd++)
		r = allow_if(f, "sendmsg", equal(0, fd));
	/* Refused, not fatal: a role that ends in order tries. */
	for (scmp_datum_t fd = 0; r == 0 && !SANDBOX_SANITIZED && fd <= ROLE_FD_SISTER; fd++) {
		struct scmp_arg_cmp number = equal(0, fd);

		r = add(f, SCMP_ACT_ERRNO(EPERM), "close", &number, 1);
	}
	for (scmp_datum_t fd = ROLE_FD_SISTER + 1; r == 0 && fd < 8; fd++)
		r = allow_if(f, "close", equal(0, fd));
	/* 8 to 15, 16 to 31, ... */
	for (scmp_datum_t from = 8; r == 0 && from <= 0x8000; from *= 2)
		r = allow_if(f, "close", masked(0, ~(from - 1), from));
	return r;
}

/* Should: connect to a relay, ask name servers, read certificates. Must not: write a file, listen, start anything. */
static int add_uplink(scmp_filter_ctx f)
{
	static const scmp_datum_t writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
	int r = add_all(f, SCMP_ACT_ALLOW, calls_uplink, COUNT(calls_uplink));

	if (r == 0)
		r = allow_if(f, "socket", equal(0, AF_INET));
	if (r == 0)
		r = allow_if(f, "socket", equal(0, AF_INET6));
	if (r == 0)
		r = allow_if(f, "open", masked(1, writing, 0));
	return r < 0 ? r : allow_if(f, "openat", masked(2, writing, 0));
}

/*
 * Should: take connections and talk with whoever connected, keep a database, read certificates again, start the thread
 * that writes. Must not: make a socket, connect, start a process. Which files is Landlock's to say.
 */
static int add_relay(scmp_filter_ctx f)
{
	static const int locks[] = { F_GETLK, F_SETLK, F_SETLKW };
	int r = add_talk(f);

	if (r == 0)
		r = allow_if(f, "sendmsg", masked(2, MSG_FASTOPEN, 0));
	if (r == 0)
		r = add_all(f, SCMP_ACT_ALLOW, calls_relay, COUNT(calls_relay));
	for (size_t i = 0; r == 0 && i < COUNT(locks); i++)
		r = allow_if(f, "fcntl", equal(1, (scmp_datum_t)locks[i]));
	for (size_t i = 0; r == 0 && i < COUNT(locks); i++)
		r = allow_if(f, "fcntl64", equal(1, (scmp_datum_t)locks[i]));
	if (r == 0)
		r = allow_if(f, "clone", masked(0, CLONE_THREAD, CLONE_THREAD));
	/* Its flags are in memory, out of a filter's sight; the C library then takes clone. */
	return r < 0 ? r : add(f, SCMP_ACT_ERRNO(ENOSYS), "clone3", NULL, 0);
}

static int add_own(scmp_filter_ctx f, enum sandbox_role role)
{
	if (role == SANDBOX_RELAY)
		return add_relay(f);
	if (role == SANDBOX_UPLINK)
		return add_uplink(f);
	return role == SANDBOX_ENGINE ? add_engine(f) : add_control(f);
}

static int add_role(scmp_filter_ctx f, enum sandbox_role role)
{
	int r = 0;

	if (SANDBOX_SANITIZED)
		r = add_all(f, SCMP_ACT_ALLOW, calls_sanitizers, COUNT(calls_sanitizers));
	if (r == 0 && !SANDBOX_SANITIZED && role != SANDBOX_UPLINK && role != SANDBOX_RELAY)
		r = add_all(f, SCMP_ACT_ERRNO(EACCES), refused_files, COUNT(refused_files));
	if (r == 0 && !SANDBOX_SANITIZED && role != SANDBOX_RELAY)
		r = add_all(f, SCMP_ACT_ERRNO(EPERM), refused, COUNT(refused));
	if (r == 0 && !SANDBOX_SANITIZED)
		r = add(f, SCMP_ACT_ERRNO(ENOTTY), "ioctl", NULL, 0);
	if (r == 0)
		r = add_self(f);
	if (r == 0)
		r = add_fcntl(f);
	if (r == 0)
		r = add_own(f, role);
	return r;
}

static int add_monitor(scmp_filter_ctx f)
{
	static const int families[] = { AF_PACKET, AF_INET, AF_INET6, AF_NETLINK, AF_UNIX };
	const scmp_datum_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
					CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
	int r = add_all(f, SCMP_ACT_ALLOW, calls_control, COUNT(calls_control));

	if (r == 0)
		r = add_all(f, SCMP_ACT_ALLOW, calls_monitor, COUNT(calls_monitor));
	if (r == 0 && SANDBOX_SANITIZED)
		r = add_all(f, SCMP_ACT_ALLOW, calls_sanitizers, COUNT(calls_sanitizers));
	for (size_t i = 0; r == 0 && i < COUNT(families); i++)
		r = allow_if(f, "socket", equal(0, (scmp_datum_t)families[i]));
	/* tgkill: not by number of this process, because the roles' own are other numbers. */
	if (r == 0)
		r = add(f, SCMP_ACT_ALLOW, "tgkill", NULL, 0);
	if (r == 0)
		r = allow_if(f, "clone", masked(0, namespaces, 0));
	/* Its flags are in memory, out of a filter's sight; the C library then takes clone. */
	if (r == 0)
		r = add(f, SCMP_ACT_ERRNO(ENOSYS), "clone3", NULL, 0);
	/* Only an image that is open already; Landlock says from where. */
	return r < 0 ? r : allow_if(f, "execveat", equal(4, AT_EMPTY_PATH));
}

int sandbox_seccomp(enum sandbox_role role)
{
	/* Monitor and relay survive what they must not do: that they answer is worth more. */
	bool survives = role == SANDBOX_MONITOR || role == SANDBOX_RELAY;
	uint32_t otherwise = survives ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS;
	scmp_filter_ctx f = seccomp_init(otherwise);
	int r;

	if (!f)
		return -ENOMEM;
	r = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* A tree instead of a list: each of the engine's calls goes through two filters. */
	if (r == 0)
		r = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = add_all(f, SCMP_ACT_ALLOW, calls_all, COUNT(calls_all));
	if (r == 0)
		r = add_memory(f, role);
	if (r == 0)
		r = role == SANDBOX_MONITOR ? add_monitor(f) : add_role(f, role);
	if (r == 0)
		r = seccomp_load(f) < 0 ? -ENOSYS
					: 0; /* whatever it says, it is not for us to mend */
	seccomp_release(f);
	return r;
}
