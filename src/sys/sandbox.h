/*
 * sandbox: gives power away, stage by stage, for good. (passt's habit: each stage says what it
 * should and what it must not leave.)
 *
 *   sandbox_identity   monitor: from root to an ordinary user, a few capabilities left
 *   sandbox_strip      engine, control: no capability at all
 *   sandbox_close      every role, when everything is open: no_new_privs, Landlock, seccomp
 *
 * The only door to libseccomp (sandbox_seccomp.c); Landlock by raw system calls, because headers
 * are older than kernels. What the kernel does not have is left out and reported, never an error.
 * seccomp and Landlock are inherited: the monitor's are the union of what it and its roles need,
 * and each role narrows them.
 */
#ifndef ROUSE_SYS_SANDBOX_H
#define ROUSE_SYS_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum sandbox_role {
	SANDBOX_MONITOR,
	SANDBOX_ENGINE,
	SANDBOX_CONTROL,
	SANDBOX_UPLINK,
	SANDBOX_RELAY, /* a process of its own, which listens and has its files open by now */
};

/* Bits of a set of capabilities that somebody asks to keep. */
enum { SANDBOX_NET_RAW = 1, SANDBOX_NET_ADMIN = 2, SANDBOX_NET_BIND_SERVICE = 4 };

/* What is active, for the log and for --check. */
struct sandbox_report {
	bool changed_user; /* was root, is not any more */
	bool root; /* still is */
	uint64_t capabilities; /* effective, bit n: capability n */
	bool no_new_privs;
	bool seccomp;
	int landlock; /* ABI in use, 0: none */
	int seccomp_error; /* why not: positive errno, 0 */
	int landlock_error;
};

/*
 * Monitor, stage 1. As root: becomes uid/gid without supplementary groups, keeps the capabilities
 * of `keep` and clears the bounding set. As another user: uid and gid are not looked at; of what it
 * has, `keep` stays. Ambient and inheritable sets are empty afterwards. Should keep: files and
 * sockets that are open. Must not keep: a way back. -EPERM when a capability of `keep` is not there
 * to be kept (the rest is done).
 */
int sandbox_identity(uid_t uid, gid_t gid, unsigned int keep, struct sandbox_report *ret_report);

/* Role, stage 1: no capability in any set, not dumpable, no core, few descriptors, no further
 * process. */
int sandbox_strip(enum sandbox_role role, struct sandbox_report *ret_report);

/* A directory that the monitor goes on using, and how; absolute. Must exist by now; those that do
 * not are skipped. */
struct sandbox_path {
	const char *path;
	bool write; /* make, replace, remove files and sockets in it; else: read */
};

/* What a program reads that resolves names and checks certificates. */
#define SANDBOX_NETWORK_PATHS 7
extern const struct sandbox_path sandbox_network[SANDBOX_NETWORK_PATHS];

/*
 * Before the monitor's last stage: a program of ours, which it will start, and which goes out and connects. What it reads
 * belongs to the monitor's `paths`. The text must live on.
 */
void sandbox_program(const char *path);

/*
 * Last stage. For the monitor `paths` are added to what starting a role needs (the image's and the
 * libraries' directories); the uplink's and the relay's are all they may read and write; engine and control give none: they open
 * nothing. Descriptors 2, 3, 4 must be stderr and the channels in the guard's roles. Returns 0 also where the kernel has neither Landlock
 * nor seccomp: *report says so (fields of earlier stages are kept); a negative errno only when it
 * is half done and it is not safe to go on.
 */
int sandbox_close(enum sandbox_role role, const struct sandbox_path *paths, size_t n,
		  struct sandbox_report *report);

/* This build has sanitizers, and lets pass what they need: for tests only. */
bool sandbox_relaxed(void);

#define SANDBOX_TEXT 160
/* "user, capabilities net_raw, seccomp, Landlock ABI 7", with what is missing named. Returns `to`.
 */
char *sandbox_report_format(const struct sandbox_report *r, char to[static SANDBOX_TEXT]);

/*
 * For tests that ask a role to do what it must not: tries one action and returns 0 when it was
 * possible, or a negative errno. Some end the process (SIGSYS): that is a refusal too.
 * Actions: open, socket, send and write (a frame on fd, a packet socket), dup (fd), close (4),
 * exec, connect (fd), ptrace, kill (the parent, with signal 0), fork, code (new executable memory),
 * unshare. -EINVAL: no such action.
 */
int sandbox_probe(const char *action, int fd);

#endif
