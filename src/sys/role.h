/*
 * role: one daemon, several processes of the very same image. The monitor starts a role with
 * nothing but its channels; the role finds them at fixed descriptors.
 *
 * Owns the descriptor of the running image, so that an upgrade in between cannot mix versions.
 * Refuses to know what the roles do.
 */
#ifndef ROUSE_SYS_ROLE_H
#define ROUSE_SYS_ROLE_H

#include <stdbool.h>
#include <sys/types.h>

enum {
	ROLE_FD_MONITOR = 3, /* channel to the monitor */
	ROLE_FD_SISTER = 4, /* channel to the sister role (engine - control) */
	ROLE_FD_UPLINK =
		5, /* the engine's channel to the uplink, which has the other end as its sister */
	ROLE_FD_VOICES = 16, /* to 31: the engine's voices, one an interface (guard/lan.h) */
	ROLE_FD_VOICES_END = 32,
};

/* A further descriptor that a role is given, and the number it has there (5 to 59). */
struct role_descriptor {
	int fd, at;
};

#define ROLE_DESCRIPTORS_MAX 32

/* Everything that a role is given; -1 is /dev/null. */
struct role_descriptors {
	int monitor; /* becomes ROLE_FD_MONITOR */
	int sister; /* becomes ROLE_FD_SISTER */
	const struct role_descriptor *more;
	size_t more_n; /* at most ROLE_DESCRIPTORS_MAX */
};

/* Opened once at start, before any sandbox. */
struct role_image {
	int image; /* O_PATH of /proc/self/exe */
	int null; /* /dev/null */
};

/* -ENOENT without /proc. */
int role_image_open(struct role_image *ret_image);
void role_image_close(struct role_image *i);

struct role_process {
	pid_t pid; /* 0: none */
	int pidfd; /* readable when it ended; -1: none */
};

/*
 * Starts the image again. `argv` ends with NULL; argv[0] names the role. The new process has: 0 and
 * 1 on /dev/null, 2 as here, those of `given` where they belong and no other descriptor; a minimal environment (time zone and journal stream); no capability, no blocked signal; and dies
 * with this process. The caller closes its copies of the role's ends. 0 once the image runs; the
 * error of fork(2) or of execveat(2) otherwise.
 */
int role_spawn(const struct role_image *i, char *const argv[], const struct role_descriptors *given,
	       struct role_process *ret_process);

/* How a process ended. */
struct role_end {
	bool killed;
	int code; /* exit status, or the signal's number */
};

/* Reaps it: 1 ended (*ret_end set, process closed), 0 still running, negative errno. */
int role_reap(struct role_process *p, struct role_end *ret_end);
/* Sends a signal to this very process, never to another that got its number. */
int role_signal(const struct role_process *p, int signal);
/* Kills and reaps; harmless when there is none. */
void role_kill(struct role_process *p);

/*
 * First thing in a role: checks that 3 and 4 are what role_spawn() places there, makes them
 * close-on-exec, asks to die with the monitor. -EINVAL when started by hand (3 is no such socket);
 * -ESRCH: the monitor is gone already.
 */
int role_enter(void);

#endif
