/*
 * link: one TCP connection to a guard that carries lines.
 *
 * Owns the socket and its two buffers. Refuses to know what the lines say.
 */
#ifndef ROUSE_SLEEPER_LINK_H
#define ROUSE_SLEEPER_LINK_H

#include "base/addr.h"
#include "sys/loop.h"

#include <stddef.h>
#include <stdint.h>

/* Where a guard is; `scope` is the interface of a link-local address. */
struct link_end {
	struct addr addr;
	uint16_t port;
	uint32_t scope;
};

#define LINK_END_TEXT (ADDR_TEXT + 32)

/* "192.0.2.1", "fe80::1%eth0"; returns `to`. */
char *link_end_host(const struct link_end *e, char to[static LINK_END_TEXT]);
/* "192.0.2.1:13717", "[fe80::1%eth0]:13717"; returns `to`. */
char *link_end_format(const struct link_end *e, char to[static LINK_END_TEXT]);

/* For socket calls; its length. */
struct sockaddr_storage;
unsigned int link_end_address(const struct link_end *e, struct sockaddr_storage *ret);

/* Each of these may close the link. */
struct link_user {
	void (*up)(void *context);
	/* Without its newline, with a NUL behind it. */
	void (*line)(void *context, const char *line, size_t n);
	/* It did not come up, or ended (0: the guard closed it). The link is to be closed. */
	void (*down)(void *context, int error);
	void *context;
};

struct link;

/*
 * Starts to connect; `user` must live as long. A line without end within the buffers ends the link with -EMSGSIZE. Timing out
 * is the user's. Negative errno: not even started.
 */
int link_open(struct loop *l, const struct link_end *to, const struct link_user *user,
	      struct link **ret_link);
/* NULL is fine. */
void link_close(struct link *c);
/* All of it goes out, later if need be; -ENOBUFS when what waits is too much. */
int link_send(struct link *c, const char *bytes, size_t n);

#endif
