/*
 * resolve: from a host's name to its addresses, without ever waiting; the door to libevent's resolver.
 *
 * Reads /etc/resolv.conf and /etc/hosts anew for each question: a laptop's or a router's name servers change.
 */
#ifndef ROUSE_UPLINK_RESOLVE_H
#define ROUSE_UPLINK_RESOLVE_H

#include "sys/loop.h"

#include <stdint.h>
#include <sys/socket.h>

#define RESOLVE_MAX 8 /* addresses that are tried */

struct resolve_address {
	struct sockaddr_storage address;
	socklen_t length;
};

struct resolve;

/* `n` addresses, or 0 with why in words. Called once, from the loop or from within resolve_start(). */
typedef void resolve_done(void *context, const struct resolve_address *addresses, size_t n,
			  const char *why);

/* -ENOMEM. The question lives until resolve_free(), which also gives it up. */
int resolve_start(struct loop *l, const char *host, uint16_t port, resolve_done *done,
		  void *context, struct resolve **ret_resolve);
/* Not from within `done`. NULL is fine. */
void resolve_free(struct resolve *r);

#endif
