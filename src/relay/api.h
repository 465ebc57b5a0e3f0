/*
 * api: which request goes where: one table of routes; limits and checks that hold for all.
 */
#ifndef ROUSE_RELAY_API_H
#define ROUSE_RELAY_API_H

#include "relay/reply.h"
#include "relay/visitor.h"

/* One request while it is being served. */
struct call {
	struct relay *relay;
	struct visitor *visitor;
	const struct http_head *head;
	struct slice body;
	struct slice arg; /* what stands for the {…} of the route */
	struct addr client; /* who asks, behind trusted proxies */
	uint8_t client_key[LIMIT_ADDRESS_MAX];
	size_t client_key_n;
	uint8_t hash[RELAY_KEY_SIZE]; /* of the bearer's key, once call_grant() looked at it */
	uint64_t now_us;
};

/* Serves a request: answers it, or makes the visitor wait. */
void api_serve(struct visitor *v, const struct http_head *h, struct slice body);
/* Every route as "GET /path", one a line, for the tests. */
void api_print_routes(FILE *to);

/* --- for the handlers --- */

/* Takes one of the client's; answers 429 and returns false when there is none. */
bool call_allowed(struct call *c, enum limit_kind kind, const void *key, size_t n,
		  const struct rate *rate, const char *members);
/* A failure is charged to the client: answers with the problem, or 429. */
void call_failed(struct call *c, enum problem p, const char *members);
/*
 * The grant that the bearer's view key has in the home of the route; NULL: answered 401 (or 429). Valid until the next call.
 */
const struct store_grant *call_grant(struct call *c);
/* A whole number of the query: `fallback` when it is not there; false: answered 400. */
bool call_number(struct call *c, const char *key, uint64_t most, uint64_t fallback, uint64_t *ret);

/* 503 guard-offline with the members of a result. */
void call_offline(struct call *c);

/* api_homes.c */
void api_home(struct call *c);
void api_events(struct call *c);
void api_live(struct call *c);
void api_challenge(struct call *c);
void api_phrase(struct call *c);
/* api_wake.c */
void api_request(struct call *c);
void api_token_path(struct call *c);
void api_token_bearer(struct call *c);
/* api_files.c */
void api_file(struct call *c);
void api_openapi(struct call *c);

#endif
