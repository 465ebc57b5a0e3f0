/*
 * session_tty: the terminal of a session that logind knows none of: sshd opens the session before it has one. Found by the
 * session's processes.
 */
#ifndef ROUSE_SLEEPER_SESSION_TTY_H
#define ROUSE_SLEEPER_SESSION_TTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SESSION_TTY 32

struct session_tty {
	char name[SESSION_TTY]; /* "pts/0" */
	uint64_t used_us; /* monotonic: when something was last typed or read there */
};

/* The one that was used last; false: none of its processes (the first 256 are looked at) has one. */
bool session_tty_find(uint32_t uid, const char *id, struct session_tty *ret);

/* The pseudo terminal of a process by the text of /proc/PID/stat, or -1. */
int session_tty_of_stat(const char *stat);

#endif
