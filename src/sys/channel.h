/*
 * channel: messages between two roles over a SOCK_SEQPACKET pair, one packet a message, with up to
 * four descriptors each. (What the messages mean is proto/ipc.h's.)
 *
 * Owns its end of the pair, and the messages that wait because the peer is slow: they are bounded,
 * and sending more is an error for the caller to handle.
 */
#ifndef ROUSE_SYS_CHANNEL_H
#define ROUSE_SYS_CHANNEL_H

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

struct channel_handler {
	void (*message)(void *context, struct channel_message *m);
	/*
	 * 0: the peer closed its end. Otherwise a negative errno; -EMSGSIZE: more bytes or
	 * descriptors than a message may have. Called once, from the loop; then nothing more comes
	 * or goes.
	 */
	void (*closed)(void *context, int why);
	void *context;
};

struct channel;

/* A connected pair, non-blocking, close-on-exec. */
int channel_pair(int ret_fds[static 2]);

/*
 * Takes fd over (also when it fails: then it is closed). `message_max`: the longest message in
 * either direction, in bytes; `waiting_max`: bytes of messages that may wait for a slow peer.
 */
int channel_new(struct loop *l, int fd, size_t message_max, size_t waiting_max,
		const struct channel_handler *handler, struct channel **ret_channel);
/*
 * A message that is empty, too long, or has too many descriptors is not the end of this channel: it is dropped and `malformed`
 * called with the handler's context. For a peer that may be an enemy, and whose next process has the same end of the pair.
 */
void channel_bear(struct channel *c, void (*malformed)(void *context));
/* Closes; messages that wait are lost. Allowed in the channel's own callbacks. NULL is fine. */
void channel_free(struct channel *c);

/*
 * Sends n bytes (1 .. message_max) and duplicates of fds. 0: sent, or waiting in order. -ENOBUFS:
 * too much waits already, nothing was kept; -EPIPE: closed (the closed callback follows, or was
 * called); -EINVAL for a wrong length. Sending descriptors is the monitor's alone: the sandbox of
 * the other roles does not let them duplicate any.
 */
int channel_send(struct channel *c, const void *bytes, size_t n, const int *fds, size_t fds_n);
/* Both parts as one message, without copying them together. */
int channel_send_parts(struct channel *c, const void *head, size_t head_n, const void *body,
		       size_t body_n);
/* Bytes of messages that wait for a slow peer. */
size_t channel_waiting(const struct channel *c);
/* Sends what waits, at most for wait_us: a last word before the end. 0, -ETIMEDOUT, -EPIPE. */
int channel_drain(struct channel *c, uint64_t wait_us);

#endif
