/*
 * route: the way to a home: which guard is connected, which requests wait for it, who watches it. In this process; many
 * relays would put a network behind the same calls.
 *
 * Owns the entries of homes (one exists while a guard, a request or a stream needs it) and the ids of requests. Says of each
 * request exactly one of: acknowledged (its answers follow), offline, unknown. Refuses to know what requests and answers say.
 */
#ifndef ROUSE_RELAY_ROUTE_H
#define ROUSE_RELAY_ROUTE_H

#include "base/hash.h"
#include "base/list.h"
#include "proto/relay_auth.h"
#include "relay/wheel.h"

struct guard;

struct route_home {
	struct hash_node node;
	uint8_t id[RELAY_HOME_SIZE];
	struct guard *guard; /* NULL: offline */
	struct list requests, streams;
	uint32_t requests_n, streams_n;
	uint64_t
		since_ms; /* online since; of an offline home 0 (the store knows when it was seen) */
	bool stale; /* what its guard said could not be stored */
};

struct route {
	struct hash_key key;
	struct hash_table homes, requests;
	struct wheel *wheel;
	uint64_t next_id;
	uint32_t guards, waiting;
	/* Gives a message to a guard. */
	void (*send)(struct guard *g, const char *text, size_t n);
	/* A guard that does not acknowledge: is it alive? */
	void (*doubt)(struct guard *g);
};

/* What is told of a request. */
enum route_news {
	ROUTE_ANSWER, /* acknowledged with this, or a further one */
	ROUTE_LOST, /* not known: the connection was lost before the first answer */
	ROUTE_SILENT, /* not known: no answer in time */
	ROUTE_TIME_OVER, /* acknowledged, and the time to wait is over */
};

struct route_answer {
	bool final;
	struct slice outcome; /* of a final one */
	struct slice
		body; /* JSON: sealed answer or result; .at is NULL: refused because of `why` */
	struct slice why;
};

struct route_request {
	struct hash_node node;
	struct list by_home;
	struct wheel_timer timer;
	struct route *route;
	struct route_home *home;
	uint64_t id;
	uint64_t until_us; /* how long to wait after the acknowledgement */
	uint8_t answers; /* so far */
	/* May end the request; after all but ROUTE_ANSWER it has ended already. */
	void (*told)(struct route_request *q, enum route_news news, const struct route_answer *a);
};

int route_init(struct route *r, struct wheel *w, void (*send)(struct guard *, const char *, size_t),
	       void (*doubt)(struct guard *));
void route_done(struct route *r);

/* NULL when there is no entry; route_take() makes one (NULL without memory). */
struct route_home *route_find(struct route *r, const uint8_t home[static RELAY_HOME_SIZE]);
struct route_home *route_take(struct route *r, const uint8_t home[static RELAY_HOME_SIZE]);
/* Frees it if nothing needs it any more. */
void route_put(struct route *r, struct route_home *h);
void route_each(struct route *r, void (*each)(void *context, struct route_home *h), void *context);

/* The home's guard from now on; returns the one before, or NULL. Requests that were acknowledged by it go on waiting. */
struct guard *route_attach(struct route *r, struct route_home *h, struct guard *g, uint64_t now_ms);
/* Nothing when another guard is attached. Requests without an acknowledgement are lost. */
void route_detach(struct route *r, struct route_home *h, struct guard *g);

/* The id of the next request. */
uint64_t route_next_id(struct route *r);
/*
 * Sends a request with route_next_id() to the home's guard. False: it is offline, nothing happened. `q->told` is set;
 * `wait_us`: how long to wait for the final answer.
 */
bool route_send(struct route *r, struct route_home *h, struct route_request *q, uint64_t wait_us,
		const char *text, size_t n);
/* Nobody waits any more; further answers are ignored. */
void route_end(struct route_request *q);
/* From the guard of a home: an answer for a request of that home; false: there is none of that id. */
bool route_answered(struct route *r, struct route_home *h, uint64_t id,
		    const struct route_answer *a);

#endif
