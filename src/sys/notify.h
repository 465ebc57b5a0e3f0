/*
 * notify: the service manager's two small protocols, without libsystemd: sd_notify(3) messages
 * and the descriptors of socket activation, sd_listen_fds(3).
 *
 * Owns one datagram socket, opened before the sandbox closes. Without NOTIFY_SOCKET everything
 * here is a successful nothing.
 */
#ifndef ROUSE_SYS_NOTIFY_H
#define ROUSE_SYS_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Reads and unsets NOTIFY_SOCKET (a path, or '@' and an abstract name) and connects. 0, also when
 * there is none; -EINVAL for a name that is no socket's; the errors of socket(2), connect(2).
 */
int notify_open(void);
void notify_close(void);
bool notify_active(void);

/* Each returns 0 or a negative errno, which nobody has to handle. */
int notify_ready(const char *status); /* READY=1 and STATUS= (NULL: none) */
int notify_reloading(void); /* RELOADING=1 with MONOTONIC_USEC; follow it with notify_ready() */
int notify_stopping(void);
int notify_status(const char *status); /* line breaks become blanks */

#define NOTIFY_NAME_MAX 64 /* longer descriptor names are cut */

/* A descriptor that the service manager handed over, and its FileDescriptorName= ("unknown"). */
struct notify_socket {
	int fd; /* close-on-exec; the caller's */
	char name[NOTIFY_NAME_MAX];
};

/*
 * The descriptors of LISTEN_FDS when LISTEN_PID is ours; unsets the variables. Returns how many
 * (at most n, further ones are closed), 0 for none, -EINVAL when the variables make no sense.
 */
int notify_sockets(struct notify_socket *ret_sockets, size_t n);

#endif
