/*
 * channel: messages between two roles over a SOCK_SEQPACKET pair, one packet a message, with up to
 * four descriptors each. (What the messages mean is proto/ipc.h's.)
 *
 * Owns its end of the pair, and the messages that wait because the peer is slow: they are bounded,
 * and sending more is an error for the caller to handle.
 */
#ifndef ROUSE_SYS_CHANNEL_H
#define ROUSE_SYS_CHANNEL_H

#include "base/list.h"
#include "sys/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHANNEL_DESCRIPTORS 4 /* with one message */

struct channel_message {
	const void *bytes; /* valid during the call only; aligned for any type */
	size_t length;
	/* Take one by setting it to -1; those left are closed afterwards. All close-on-exec. */
	int fds[CHANNEL_DESCRIPTORS];
	size_t fds_n;
};

struct channel {
	int fd; /* -1: closed */
	void *context;
	void (*message)(void *context, struct channel_message *m);
	/* 0: the peer closed its end. Otherwise a negative errno; -EMSGSIZE: more bytes or
	 * descriptors than a message may have. Called once; then no more messages come. */
	void (*closed)(void *context, int why);
	struct loop_watch watch;
	struct list waiting;
	size_t waiting_bytes;
	size_t waiting_max;
	void *buffer;
	size_t message_max;
};

/* A connected pair, non-blocking, close-on-exec. */
int channel_pair(int ret_fds[static 2]);

/*
 * Takes fd over (also when it fails: then it is closed). `message_max`: the longest message in
 * either direction, in bytes; `waiting_max`: bytes of messages that may wait for a slow peer.
 * Both callbacks may call channel_done().
 */
int channel_init(struct channel *c, struct loop *l, int fd, size_t message_max, size_t waiting_max,
		 void (*message)(void *context, struct channel_message *m),
		 void (*closed)(void *context, int why), void *context);
/* Closes; messages that wait are lost. Harmless on a zeroed or finished channel. */
void channel_done(struct channel *c);

/*
 * Sends n bytes (1 .. message_max) and duplicates of fds. 0: sent, or waiting in order. -ENOBUFS:
 * too much waits already, nothing was kept; -EPIPE: closed (the closed callback follows or was
 * called).
 */
int channel_send(struct channel *c, const void *bytes, size_t n, const int *fds, size_t fds_n);
/* Both parts as one message, without copying them together. */
int channel_send_parts(struct channel *c, const void *head, size_t head_n, const void *body,
		       size_t body_n);
/* Messages wait for a slow peer. */
bool channel_waiting(const struct channel *c);
/* Sends what waits, at most for wait_us: for a last word before the end. 0, -ETIMEDOUT, -EPIPE. */
int channel_drain(struct channel *c, uint64_t wait_us);

#endif
