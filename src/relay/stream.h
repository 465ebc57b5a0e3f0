/*
 * stream: the bytes of one connection, plain or TLS, in both directions, without ever waiting.
 *
 * Owns the descriptor and what could not be handed over yet. A connection that is idle has no buffer: what comes in is
 * read to one place that all share, what goes out is written at once, and only a rest is kept. Nobody is freed below its own feet:
 * a stream that fails is told so (`closed`) from the loop, never from inside a call.
 * Refuses to know protocols and timeouts.
 */
#ifndef ROUSE_RELAY_STREAM_H
#define ROUSE_RELAY_STREAM_H

#include "base/list.h"
#include "relay/tls.h"
#include "sys/loop.h"

#define STREAM_READ_MAX 73728 /* what is read at once, and the most that may wait for its rest */

/* What all streams of a loop share. */
struct stream_hub {
	struct loop *loop;
	struct loop_deferred work;
	struct list dead; /* to be told */
	struct list again; /* stopped reading although there was more */
	uint8_t *scratch; /* STREAM_READ_MAX */
};

struct stream;

struct stream_events {
	/* Takes what it can use from the start of `bytes`, which it may change; returns how much. */
	size_t (*bytes)(struct stream *s, uint8_t *bytes, size_t n);
	/* Everything was written. May be NULL. */
	void (*drained)(struct stream *s);
	/* It is over; the last call. stream_done() has been called already. */
	void (*closed)(struct stream *s);
};

struct stream {
	struct stream_hub *hub;
	const struct stream_events *events;
	struct tls_session *tls;
	struct loop_watch watch;
	struct list node; /* in the hub's dead or again */
	uint8_t *in, *out;
	uint32_t in_used, in_room;
	uint32_t out_at, out_used, out_room;
	uint32_t in_max; /* bytes that may wait: no more is read */
	uint32_t out_max; /* beyond it the peer does not read, and the stream fails */
	bool shaking; /* TLS: hands */
	bool dead; /* failed or closed; every call is a nothing */
	bool finishing; /* closes when everything is written; what comes in is dropped */
	bool ended; /* ...and was written: only the peer's end is waited for */
	bool tls_reads_on_write; /* TLS: reading waits for writability */
};

int stream_hub_init(struct stream_hub *h, struct loop *l);
/* All streams must be done. */
void stream_hub_done(struct stream_hub *h);

/* Takes over a connected, non-blocking descriptor, also when it fails. `context` NULL: plain. */
int stream_init(struct stream *s, struct stream_hub *h, int fd, struct tls_context *context,
		const struct stream_events *events);
void stream_write(struct stream *s, const void *bytes, size_t n);
/* Bytes that wait to be written. */
size_t stream_waiting(const struct stream *s);
/* Offers the bytes that wait to `bytes` again: something that it waited for happened. */
void stream_again(struct stream *s);
/*
 * Closes when everything is written and the peer has closed too: closing on bytes that it still sends would make its
 * system throw away what we said. The owner's timer must end the wait by stream_close().
 */
void stream_finish(struct stream *s);
/* Closes now; `closed` is called soon. */
void stream_close(struct stream *s);

#endif
