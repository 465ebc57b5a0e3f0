#include "relay/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS_MAX 8 /* reads of one stream before others have their turn */

static void ready(void *context, unsigned int what);

static void update_watch(struct stream *s)
{
	unsigned int wants = 0;

	if (s->dead)
		return;
	if (s->in_used < s->in_max)
		wants |= LOOP_READ;
	if (s->out_used || s->tls_reads_on_write)
		wants |= LOOP_WRITE;
	if (loop_watch_set(&s->watch, wants) < 0)
		stream_close(s);
}

void stream_close(struct stream *s)
{
	if (s->dead)
		return;
	s->dead = true;
	list_remove(&s->node);
	list_append(&s->hub->dead, &s->node);
	loop_defer(&s->hub->work);
}

/* Everything that a stream has; the descriptor last, because the watch needs it. */
static void release(struct stream *s)
{
	int fd = s->watch.fd;

	loop_watch_done(&s->watch);
	tls_session_free(s->tls);
	free(s->in);
	free(s->out);
	s->in = s->out = NULL;
	s->tls = NULL;
	if (fd >= 0)
		close(fd);
	s->watch.fd = -1;
}

static void do_work(void *context)
{
	struct stream_hub *h = context;
	struct list again;

	list_init(&again);
	while (!list_empty(&h->again)) {
		struct list *node = h->again.next;

		list_remove(node);
		list_append(&again, node);
	}
	while (!list_empty(&again)) {
		struct stream *s = container_of(again.next, struct stream, node);

		list_remove(&s->node);
		ready(s, LOOP_READ);
	}
	while (!list_empty(&h->dead)) {
		struct stream *s = container_of(h->dead.next, struct stream, node);

		list_remove(&s->node);
		release(s);
		s->events->closed(s);
	}
}

int stream_hub_init(struct stream_hub *h, struct loop *l)
{
	h->loop = l;
	list_init(&h->dead);
	list_init(&h->again);
	h->scratch = malloc(STREAM_READ_MAX);
	if (!h->scratch)
		return -ENOMEM;
	return loop_deferred_init(&h->work, l, do_work, h);
}

void stream_hub_done(struct stream_hub *h)
{
	loop_deferred_done(&h->work);
	free(h->scratch);
	h->scratch = NULL;
}

int stream_init(struct stream *s, struct stream_hub *h, int fd, struct tls_context *context,
		const struct stream_events *events)
{
	int r = 0;

	*s = (struct stream){ .hub = h, .events = events, .in_max = 16384, .out_max = 1 << 20 };
	list_init(&s->node);
	s->watch.fd = -1;
	if (context) {
		r = tls_session_new(context, fd, &s->tls);
		s->shaking = true;
	}
	if (r == 0)
		r = loop_watch_init(&s->watch, h->loop, fd, LOOP_READ, ready, s);
	if (r < 0) {
		tls_session_free(s->tls);
		close(fd);
	}
	return r;
}

/* --- out --- */

static ssize_t put(struct stream *s, const void *bytes, size_t n)
{
	ssize_t r;

	if (s->tls) {
		r = tls_write(s->tls, bytes, n);
		/* A TLS write that has to read first is tried again when anything happens. */
		return r == TLS_WANTS_READ || r == TLS_WANTS_WRITE ? 0 : r;
	}
	r = send(s->watch.fd, bytes, n, MSG_NOSIGNAL);
	if (r >= 0)
		return r;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

static bool keep(uint8_t **bytes, uint32_t *used, uint32_t *room, const void *more, size_t n)
{
	uint8_t *grown;

	if (n > *room - *used) {
		/* The exact size first: mostly there is one rest and no second. */
		uint32_t wanted = *used + (uint32_t)n;

		if (*room && wanted < *room * 2)
			wanted = *room * 2;
		grown = realloc(*bytes, wanted);
		if (!grown)
			return false;
		*bytes = grown;
		*room = wanted;
	}
	memcpy(*bytes + *used, more, n);
	*used += (uint32_t)n;
	return true;
}

void stream_write(struct stream *s, const void *bytes, size_t n)
{
	ssize_t done = 0;

	if (s->dead || s->finishing || n == 0)
		return;
	if (s->out_used == 0 && !s->shaking)
		done = put(s, bytes, n);
	if (done < 0 || n - (size_t)done > s->out_max - (s->out_used - s->out_at)) {
		stream_close(s);
		return;
	}
	if ((size_t)done == n)
		return;
	if (!keep(&s->out, &s->out_used, &s->out_room, (const char *)bytes + done,
		  n - (size_t)done))
		stream_close(s);
	update_watch(s);
}

size_t stream_waiting(const struct stream *s)
{
	return s->out_used - s->out_at;
}

static void end_output(struct stream *s)
{
	if (s->ended)
		return;
	s->ended = true;
	tls_goodbye(s->tls);
	(void)shutdown(s->watch.fd, SHUT_WR);
}

void stream_finish(struct stream *s)
{
	if (s->dead)
		return;
	s->finishing = true;
	if (s->out_used == 0)
		end_output(s);
	/* What waits is not looked at any more; reading goes on until the end. */
	s->in_used = 0;
	update_watch(s);
}

static void flush(struct stream *s)
{
	while (s->out_at < s->out_used) {
		ssize_t r = put(s, s->out + s->out_at, s->out_used - s->out_at);

		if (r < 0) {
			stream_close(s);
			return;
		}
		if (r == 0)
			break;
		s->out_at += (uint32_t)r;
	}
	if (s->out_at < s->out_used || s->out_used == 0)
		return;
	free(s->out);
	s->out = NULL;
	s->out_at = s->out_used = s->out_room = 0;
	if (s->finishing)
		end_output(s);
	else if (s->events->drained)
		s->events->drained(s);
}

/* --- in --- */

static void keep_rest(struct stream *s, const uint8_t *bytes, size_t n)
{
	if (n && !keep(&s->in, &s->in_used, &s->in_room, bytes, n))
		stream_close(s);
}

/* Offers what waits; what is not taken goes on waiting. */
static void offer_waiting(struct stream *s)
{
	size_t taken = s->events->bytes(s, s->in, s->in_used);

	if (s->dead || s->finishing)
		return;
	s->in_used -= (uint32_t)taken;
	if (s->in_used) {
		memmove(s->in, s->in + taken, s->in_used);
		return;
	}
	free(s->in);
	s->in = NULL;
	s->in_room = 0;
}

static void offer(struct stream *s, uint8_t *bytes, size_t n)
{
	size_t taken;

	if (s->in_used) {
		keep_rest(s, bytes, n);
		if (!s->dead)
			offer_waiting(s);
		return;
	}
	taken = s->events->bytes(s, bytes, n);
	if (!s->dead && !s->finishing)
		keep_rest(s, bytes + taken, n - taken);
}

void stream_again(struct stream *s)
{
	if (s->dead || s->finishing || s->in_used == 0)
		return;
	offer_waiting(s);
	/* TLS may have more that no readiness will tell of. */
	if (!s->dead && s->tls && s->in_used < s->in_max && !list_linked(&s->node)) {
		list_append(&s->hub->again, &s->node);
		loop_defer(&s->hub->work);
	}
	update_watch(s);
}

/* Bytes; 0: nothing now; negative: it is over. */
static ssize_t get(struct stream *s, uint8_t *to, size_t n)
{
	ssize_t r;

	if (s->tls) {
		r = tls_read(s->tls, to, n);
		s->tls_reads_on_write = r == TLS_WANTS_WRITE;
		if (r == TLS_WANTS_READ || r == TLS_WANTS_WRITE)
			return 0;
		return r == 0 ? -ECONNRESET : r;
	}
	r = recv(s->watch.fd, to, n, 0);
	if (r > 0)
		return r;
	if (r == 0)
		return -ECONNRESET;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

static void read_all(struct stream *s)
{
	for (unsigned int round = 0; !s->dead && s->in_used < s->in_max; round++) {
		size_t room = s->in_max - s->in_used;
		ssize_t n;

		if (round == ROUNDS_MAX) {
			if (!list_linked(&s->node))
				list_append(&s->hub->again, &s->node);
			loop_defer(&s->hub->work);
			return;
		}
		room = room < STREAM_READ_MAX ? room : STREAM_READ_MAX;
		n = get(s, s->hub->scratch, room);
		if (n < 0)
			stream_close(s);
		if (n <= 0)
			return;
		if (!s->finishing)
			offer(s, s->hub->scratch, (size_t)n);
		/* A short read was all there is, and the loop tells of more. */
		if ((size_t)n < room && (s->dead || !s->tls || !tls_has_more(s->tls)))
			return;
	}
}

static bool shake(struct stream *s)
{
	int r = tls_handshake(s->tls);

	if (r == TLS_WANTS_READ || r == TLS_WANTS_WRITE) {
		s->tls_reads_on_write = r == TLS_WANTS_WRITE;
		update_watch(s);
		return false;
	}
	if (r < 0) {
		stream_close(s);
		return false;
	}
	s->shaking = false;
	s->tls_reads_on_write = false;
	return true;
}

static void ready(void *context, unsigned int what)
{
	struct stream *s = context;

	if (s->dead || (s->shaking && !shake(s)))
		return;
	if (s->out_used && (what & LOOP_WRITE || s->tls))
		flush(s);
	if (what & LOOP_READ || s->tls)
		read_all(s);
	update_watch(s);
}
