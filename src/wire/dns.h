/*
 * dns: multicast DNS (RFC 6762) as far as a guard is found by it: the query for guards, the answer of one (DNS-SD, RFC 6763),
 * both read and written.
 *
 * Refuses to know sockets and times, and answers nothing else: no probing (the host's name is made of a MAC), no other service.
 */
#ifndef ROUSE_WIRE_DNS_H
#define ROUSE_WIRE_DNS_H

#include "base/addr.h"
#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_PORT 5353
#define DNS_MESSAGE_MAX 9000 /* bytes (RFC 6762, 17) */
#define DNS_ANSWER_MAX 1232 /* bytes of ours: no fragments anywhere */
#define DNS_LABEL 64 /* a label and NUL */
#define DNS_ADDRESSES 8
#define DNS_TTL 120 /* seconds, of all our records */

/* 224.0.0.251 and ff02::fb */
extern const struct addr DNS_GROUP_V4, DNS_GROUP_V6;

/* What a guard says of itself. */
struct dns_service {
	char instance[DNS_LABEL]; /* of _rouse._tcp.local: for people */
	char host[DNS_LABEL]; /* of local */
	uint16_t port;
	uint16_t addresses_n;
	struct addr addresses[DNS_ADDRESSES];
};

/* "rouse-beeffacec0de": what the host with this MAC is called here. */
void dns_host(const struct mac *mac, char to[static DNS_LABEL]);

/* What a query wants of the service `own`. */
struct dns_wanted {
	bool service; /* its PTR, SRV, TXT, A or AAAA, and the asker does not say that it knows already */
	bool types; /* the list of all kinds of services there are */
};

/*
 * Reads a query: up to 32 questions, and as many answers that the asker knows. 0 also when it wants nothing of `own`; -EBADMSG: it
 * is none (an answer, another operation, or malformed).
 */
int dns_query_decode(const void *bytes, size_t n, const struct dns_service *own,
		     struct dns_wanted *ret);
/* The question for guards. */
void dns_query_encode(struct writer *w);

/* Everything about `s`; with `types` also that there is this kind of service. At most DNS_ANSWER_MAX bytes. */
void dns_answer_encode(struct writer *w, const struct dns_service *s, bool types);
/*
 * Guards in an answer, which other software may have put together in its own way: how many are at `ret` (those with a port and an
 * address alone, up to `max`), or -EBADMSG. Instances are valid UTF-8 without control characters ('?' instead).
 */
int dns_answer_decode(const void *bytes, size_t n, struct dns_service *ret, size_t max);

#endif
