#include "uplink/resolve.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/dns.h>
#include <event2/util.h>

struct resolve {
	struct evdns_base *base;
	struct evdns_getaddrinfo_request *question;
	resolve_done *done;
	void *context;
};

static void answered(int error, struct evutil_addrinfo *all, void *context)
{
	struct resolve *r = context;
	struct resolve_address found[RESOLVE_MAX];
	size_t n = 0;

	r->question = NULL;
	if (error == EVUTIL_EAI_CANCEL)
		return;
	for (const struct evutil_addrinfo *a = all; a && n < RESOLVE_MAX; a = a->ai_next) {
		if (a->ai_addrlen > sizeof(found[n].address))
			continue;
		memcpy(&found[n].address, a->ai_addr, a->ai_addrlen);
		found[n++].length = (socklen_t)a->ai_addrlen;
	}
	if (all)
		evutil_freeaddrinfo(all);
	r->done(r->context, found, n, error ? evutil_gai_strerror(error) : "it has no address");
}

int resolve_start(struct loop *l, const char *host, uint16_t port, resolve_done *done,
		  void *context, struct resolve **ret_resolve)
{
	/* Without ADDRCONFIG: it would look at interfaces, which the sandbox hides, and connecting tells as well. */
	struct evutil_addrinfo hints = { .ai_family = AF_UNSPEC,
					 .ai_socktype = SOCK_STREAM,
					 .ai_protocol = IPPROTO_TCP };
	struct resolve *r = calloc(1, sizeof(*r));
	char service[8];

	if (!r)
		return -ENOMEM;
	r->done = done;
	r->context = context;
	r->base = evdns_base_new(loop_base(l), 0);
	if (!r->base) {
		free(r);
		return -ENOMEM;
	}
	/* Without the file it asks 127.0.0.1, as the C library does. */
	(void)evdns_base_resolv_conf_parse(r->base, DNS_OPTIONS_ALL, "/etc/resolv.conf");
	(void)evdns_base_set_option(r->base, "timeout", "3");
	(void)evdns_base_set_option(r->base, "attempts", "2");
	(void)snprintf(service, sizeof(service), "%u", (unsigned int)port);
	*ret_resolve = r;
	r->question = evdns_getaddrinfo(r->base, host, service, &hints, answered, r);
	return 0;
}

void resolve_free(struct resolve *r)
{
	if (!r)
		return;
	if (r->question)
		evdns_getaddrinfo_cancel(r->question);
	evdns_base_free(r->base, 0);
	free(r);
}
