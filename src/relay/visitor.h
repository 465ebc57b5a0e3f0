/*
 * visitor: one connection, from accept to close: reads HTTP requests, one at a time, and gives them to the API; or has
 * become a guard's WebSocket, or a stream of events.
 *
 * Owns the connection, its timeouts and its place in the limits. Refuses to know resources and messages.
 */
#ifndef ROUSE_RELAY_VISITOR_H
#define ROUSE_RELAY_VISITOR_H

#include "proto/http.h"
#include "relay/relay.h"

enum visitor_phase {
	VISITOR_IDLE, /* nothing of a request yet */
	VISITOR_READING, /* a request is coming in */
	VISITOR_BUSY, /* it waits for its answer */
	VISITOR_STREAMING, /* its answer is a stream of events */
	VISITOR_GUARD, /* a WebSocket */
	VISITOR_ENDING, /* everything is said */
};

struct visitor {
	struct stream stream;
	struct list node; /* in relay.visitors */
	struct wheel_timer timer;
	struct relay *relay;
	struct limit_count *counted; /* of its address; NULL: not counted any more */
	/* What it has become, and how that learns that the connection is gone. */
	void *owner;
	void (*gone)(void *owner);
	struct addr peer; /* as accept said */
	uint8_t phase; /* enum visitor_phase */
	bool stranger; /* counted in relay.strangers_n */
	bool keep_alive, head_only; /* of the request that is being answered */
	bool in_bytes; /* inside of its own reading */
	bool proxied; /* the peer is a trusted proxy */
};

/* Takes the descriptor over. */
void visitor_new(struct relay *r, int fd, const struct addr *peer);

/* It has shown what it is: counts as a stranger no more. And the opposite. */
void visitor_known(struct visitor *v);
void visitor_stranger(struct visitor *v);
/* It is a guard that proved its key: its address is not charged for it any more. */
void visitor_trusted(struct visitor *v);
/* The answer is complete: the next request, or the end. */
void visitor_answered(struct visitor *v);
/* Waits for an answer that comes later; `gone` is called when the connection ends before visitor_answered(). */
void visitor_wait(struct visitor *v, enum visitor_phase phase, void *owner,
		  void (*gone)(void *owner));
/* After what is being written: the end. */
void visitor_end(struct visitor *v);

#endif
