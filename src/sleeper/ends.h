/*
 * ends: where the guard may be: where it was last, where the pairing and the configuration say, and, when it is at none of
 * these, what mDNS finds. Each is a hint: the lease proves who it is.
 *
 * Owns the list and the search. Refuses to know connections.
 */
#ifndef ROUSE_SLEEPER_ENDS_H
#define ROUSE_SLEEPER_ENDS_H

#include "sleeper/link.h"
#include "sys/discover.h"
#include "sys/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENDS_MAX 16
#define ENDS_HOST 256

/* "host", "host:port", "[v6]:port", "v6"; -EINVAL. Without a port: registration's. */
int ends_split(const char *text, char ret_host[static ENDS_HOST], uint16_t *ret_port);
/* Whether host is an address, with a zone perhaps: "192.0.2.1", "fe80::1%eth0". */
bool ends_literal(const char *host, uint16_t port, struct link_end *ret);

struct ends {
	size_t n, next;
	struct link_end list[ENDS_MAX];
};

void ends_clear(struct ends *e);
/* Left out when it is there already, or the list is full. */
void ends_add(struct ends *e, const struct link_end *end);
/*
 * What mDNS found: each guard's best address before the second of any, so that one that answers with many leaves room for
 * the others; link-local ones last, for they are bound to an interface.
 */
void ends_add_found(struct ends *e, const struct discovered *guards, size_t n);
bool ends_next(struct ends *e, struct link_end *ret);

/* --- searches, one at a time --- */

struct search;

/* Called once, from the loop; what was found is in the list that was given. */
typedef void search_done(void *context);

struct search_for {
	const char *host; /* resolved when it is a name; NULL or an address: not */
	uint16_t port;
	const char *interface; /* asked by mDNS there; empty: not */
	search_done *done;
	void *context;
};

/* The list must live until then. -ENOENT: there is nothing to search for. */
int search_start(struct loop *l, struct ends *to, const struct search_for *what,
		 struct search **ret_search);
/* NULL is fine. `done` is not called any more. */
void search_free(struct search *s);

#endif
