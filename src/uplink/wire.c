#include "uplink/wire.h"

#include "sys/clock.h"
#include "sys/entropy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESOLVE_PATIENCE 10000000 /* us */
#define CONNECT_PATIENCE 5000000 /* for each address */
#define SHAKE_PATIENCE 10000000 /* TLS and upgrade together */
#define ROUNDS 8 /* reads before others have their turn */

static void ready(void *context, unsigned int what);
static void try_next(struct wire *w);

static void let_go(struct wire *w)
{
	if (w->watching)
		loop_watch_done(&w->watch);
	w->watching = false;
	secure_free(w->tls);
	w->tls = NULL;
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

static void reset(struct wire *w)
{
	let_go(w);
	resolve_free(w->resolve);
	w->resolve = NULL;
	loop_timer_set(&w->patience, UINT64_MAX);
	ws_reader_done(&w->reader);
	free(w->out);
	w->out = NULL;
	w->out_at = w->out_used = w->out_room = 0;
	w->in_used = 0;
	w->ended = false;
	w->tls_wants_write = false;
	w->state = WIRE_CLOSED;
}

/* From the loop: nobody is closed below its own feet. */
static void end(struct wire *w, const char *why, unsigned int code)
{
	if (w->ended || w->state == WIRE_CLOSED)
		return;
	w->ended = true;
	w->code = code;
	(void)snprintf(w->why, sizeof(w->why), "%s", why);
	if (w->watching)
		(void)loop_watch_set(&w->watch, 0);
	loop_defer(&w->ending);
}

static void ending(void *context)
{
	struct wire *w = context;
	char why[WIRE_WHY];
	unsigned int code = w->code;

	if (!w->ended)
		return;
	memcpy(why, w->why, sizeof(why));
	reset(w);
	w->handler.closed(w->handler.context, why, code);
}

static void end_errno(struct wire *w, const char *what, int error)
{
	char why[WIRE_WHY];

	(void)snprintf(why, sizeof(why), "%s: %s", what, strerror(error));
	end(w, why, 0);
}

/* --- bytes --- */

static ssize_t put(struct wire *w, const uint8_t *bytes, size_t n)
{
	ssize_t r;

	if (w->tls) {
		r = secure_write(w->tls, bytes, n);
		return r == SECURE_READ || r == SECURE_WRITE ? -EAGAIN : r;
	}
	r = send(w->fd, bytes, n, MSG_NOSIGNAL);
	return r < 0 ? -errno : r;
}

static ssize_t get(struct wire *w)
{
	size_t room = sizeof(w->in) - w->in_used;
	ssize_t r;

	if (w->tls) {
		r = secure_read(w->tls, w->in + w->in_used, room);
		w->tls_wants_write = r == SECURE_WRITE;
		return r == SECURE_READ || r == SECURE_WRITE ? -EAGAIN : r;
	}
	r = recv(w->fd, w->in + w->in_used, room, 0);
	return r < 0 ? -errno : r;
}

static void set_watch(struct wire *w)
{
	bool writes = w->out_used > w->out_at || w->tls_wants_write;

	if (w->ended || !w->watching)
		return;
	if (loop_watch_set(&w->watch, LOOP_READ | (writes ? LOOP_WRITE : 0U)) < 0)
		end(w, "out of memory", 0);
}

static void flush(struct wire *w)
{
	bool had = w->out_used > w->out_at;

	while (w->out_used > w->out_at) {
		ssize_t n = put(w, w->out + w->out_at, w->out_used - w->out_at);

		if (n == -EAGAIN || n == -EINTR)
			break;
		if (n <= 0) {
			end_errno(w, "the connection broke", n < 0 ? (int)-n : ECONNRESET);
			return;
		}
		w->out_at += (size_t)n;
	}
	if (w->out_used > w->out_at)
		return;
	free(w->out);
	w->out = NULL;
	w->out_at = w->out_used = w->out_room = 0;
	if (had && w->state == WIRE_OPEN)
		w->handler.drained(w->handler.context);
}

/* Room for n bytes behind what waits; NULL: there is none. */
static uint8_t *make_room(struct wire *w, size_t n)
{
	if (w->out_at > 0) {
		memmove(w->out, w->out + w->out_at, w->out_used - w->out_at);
		w->out_used -= w->out_at;
		w->out_at = 0;
	}
	if (n > WIRE_OUT_MAX - w->out_used)
		return NULL;
	if (w->out_used + n > w->out_room) {
		size_t room = 2 * (w->out_used + n);
		uint8_t *out = realloc(w->out, room);

		if (!out)
			return NULL;
		w->out = out;
		w->out_room = room;
	}
	w->out_used += n;
	return w->out + w->out_used - n;
}

static bool send_frame(struct wire *w, enum ws_opcode opcode, const void *bytes, size_t n)
{
	uint8_t head[WS_HEADER_MAX], mask[4];
	size_t head_n;
	uint8_t *to;

	if (w->state != WIRE_OPEN || w->ended)
		return false;
	entropy_bytes(mask, sizeof(mask));
	head_n = ws_header_write(opcode, n, mask, head);
	to = make_room(w, head_n + n);
	if (!to) {
		end(w, "the relay does not read", 0);
		return false;
	}
	memcpy(to, head, head_n);
	if (n)
		memcpy(to + head_n, bytes, n);
	ws_mask(to + head_n, n, mask);
	flush(w);
	set_watch(w);
	return true;
}

bool wire_text(struct wire *w, const char *text, size_t n)
{
	return send_frame(w, WS_TEXT, text, n);
}

void wire_ping(struct wire *w, const void *bytes, size_t n)
{
	(void)send_frame(w, WS_PING, bytes, n);
}

size_t wire_waiting(const struct wire *w)
{
	return w->out_used - w->out_at;
}

void wire_close(struct wire *w, uint16_t code)
{
	uint8_t bytes[WS_CONTROL_MAX];

	(void)send_frame(w, WS_CLOSE, bytes, ws_close_write(code, "", bytes));
	reset(w);
}

/* --- frames --- */

static void hear_close(struct wire *w, const struct ws_payload *p)
{
	char why[WIRE_WHY];

	(void)snprintf(why, sizeof(why), "the relay closed the connection (%u)",
		       (unsigned int)p->code);
	end(w, why, p->code);
}

/* One frame from the start of what came in; false: there is none whole, or no more is wanted. */
static bool take_frame(struct wire *w, size_t *at)
{
	struct ws_payload p = { .n = 0 };
	size_t taken = 0;
	int v = ws_reader_take(&w->reader, w->in + *at, w->in_used - *at, &taken, &p);

	if (v == WS_READ_MORE)
		return false;
	*at += taken;
	if (v == WS_READ_TEXT)
		w->handler.text(w->handler.context, (char *)p.bytes, p.n);
	else if (v == WS_READ_PING)
		(void)send_frame(w, WS_PONG, p.bytes, p.n);
	else if (v == WS_READ_PONG)
		w->handler.pong(w->handler.context, p.bytes, p.n);
	else if (v == WS_READ_CLOSE)
		hear_close(w, &p);
	else if (v != WS_READ_NOTHING)
		end(w, "the relay broke the WebSocket protocol", 0);
	return !w->ended && w->state == WIRE_OPEN;
}

static void take_upgrade(struct wire *w)
{
	size_t size = 0;
	char why[WIRE_WHY];
	int v = upgrade_answer((const char *)w->in, w->in_used, w->key, &size);

	if (v == UPGRADE_MORE)
		return;
	if (v != UPGRADE_DONE) {
		(void)snprintf(why, sizeof(why),
			       v > 0 ? "it refused the connection with HTTP status %d"
				     : "what answers there is no relay",
			       v);
		end(w, why, 0);
		return;
	}
	memmove(w->in, w->in + size, w->in_used - size);
	w->in_used -= size;
	w->state = WIRE_OPEN;
	loop_timer_set(&w->patience, UINT64_MAX);
	w->handler.opened(w->handler.context);
}

static void take(struct wire *w)
{
	size_t at = 0;

	if (w->state == WIRE_UPGRADING)
		take_upgrade(w);
	if (w->state != WIRE_OPEN || w->ended)
		return;
	while (at < w->in_used && take_frame(w, &at))
		;
	/* It may have been closed meanwhile. */
	if (w->state != WIRE_OPEN)
		return;
	memmove(w->in, w->in + at, w->in_used - at);
	w->in_used -= at;
}

static void read_some(struct wire *w)
{
	for (int i = 0; i < ROUNDS && !w->ended && w->state >= WIRE_UPGRADING; i++) {
		ssize_t n;

		if (w->in_used == sizeof(w->in)) {
			end(w, "the relay broke the WebSocket protocol", 0);
			return;
		}
		n = get(w);
		if (n == -EAGAIN || n == -EINTR)
			return;
		if (n <= 0) {
			if (n == 0)
				end(w, "the relay closed the connection", 0);
			else
				end_errno(w, "the connection broke", (int)-n);
			return;
		}
		w->in_used += (size_t)n;
		take(w);
	}
}

/* --- coming to be --- */

static void begin_upgrade(struct wire *w)
{
	char request[UPGRADE_REQUEST_MAX];
	uint8_t random[16];
	size_t n;
	uint8_t *to;

	w->state = WIRE_UPGRADING;
	entropy_bytes(random, sizeof(random));
	n = upgrade_request(&w->url, upgrade_key(random, w->key), request);
	to = make_room(w, n);
	if (!to) {
		end(w, "out of memory", 0);
		return;
	}
	memcpy(to, request, n);
	flush(w);
}

static void shake(struct wire *w)
{
	int r = secure_handshake(w->tls);

	w->tls_wants_write = r == SECURE_WRITE;
	if (r == 0)
		begin_upgrade(w);
	else if (r != SECURE_READ && r != SECURE_WRITE)
		end(w, secure_problem(w->tls), 0);
}

static void connected(struct wire *w)
{
	int one = 1;
	int error = 0;
	socklen_t n = sizeof(error);

	if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		error = errno;
	if (error) {
		(void)snprintf(w->trouble, sizeof(w->trouble), "cannot connect: %s",
			       strerror(error));
		try_next(w);
		return;
	}
	(void)setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	loop_timer_set(&w->patience, clock_monotonic_us() + SHAKE_PATIENCE);
	if (!w->url.tls) {
		begin_upgrade(w);
		return;
	}
	w->state = WIRE_SHAKING;
	if (secure_new(w->fd, w->url.host, &w->tls) < 0)
		end(w, "out of memory", 0);
	else
		shake(w);
}

static void ready(void *context, unsigned int what)
{
	struct wire *w = context;

	if (w->ended)
		return;
	if (w->state == WIRE_CONNECTING) {
		connected(w);
		set_watch(w);
		return;
	}
	if (w->state == WIRE_SHAKING) {
		shake(w);
		set_watch(w);
		return;
	}
	if (what & LOOP_WRITE)
		flush(w);
	if (!w->ended && (what & LOOP_READ || w->tls_wants_write))
		read_some(w);
	set_watch(w);
}

static int dial(struct wire *w, const struct resolve_address *a)
{
	int r;

	w->fd = socket(a->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd < 0)
		return -errno;
	if (connect(w->fd, (const struct sockaddr *)&a->address, a->length) < 0 &&
	    errno != EINPROGRESS)
		return -errno;
	r = loop_watch_init(&w->watch, w->loop, w->fd, LOOP_WRITE, ready, w);
	w->watching = r >= 0;
	return r;
}

/* The next address, until one connects. */
static void try_next(struct wire *w)
{
	let_go(w);
	while (w->tried < w->addresses_n) {
		int r = dial(w, &w->addresses[w->tried++]);

		if (r == 0) {
			w->state = WIRE_CONNECTING;
			loop_timer_set(&w->patience, clock_monotonic_us() + CONNECT_PATIENCE);
			return;
		}
		(void)snprintf(w->trouble, sizeof(w->trouble), "cannot connect: %s", strerror(-r));
		let_go(w);
	}
	end(w, w->trouble, 0);
}

static void resolved(void *context, const struct resolve_address *addresses, size_t n,
		     const char *why)
{
	struct wire *w = context;

	if (n == 0) {
		char text[WIRE_WHY];

		(void)snprintf(text, sizeof(text), "cannot find %.64s: %s", w->url.host, why);
		end(w, text, 0);
		return;
	}
	memcpy(w->addresses, addresses, n * sizeof(addresses[0]));
	w->addresses_n = n;
	w->tried = 0;
	try_next(w);
}

static void out_of_patience(void *context)
{
	struct wire *w = context;

	switch (w->state) {
	case WIRE_RESOLVING:
		end(w, "the name servers do not answer", 0);
		return;
	case WIRE_CONNECTING:
		(void)snprintf(w->trouble, sizeof(w->trouble), "cannot connect: no answer");
		try_next(w);
		return;
	case WIRE_SHAKING:
	case WIRE_UPGRADING:
		end(w, "it accepts connections, but says nothing", 0);
		return;
	case WIRE_CLOSED:
	case WIRE_OPEN:
		return;
	}
}

void wire_open(struct wire *w, const struct relay_url *url)
{
	w->url = *url;
	w->state = WIRE_RESOLVING;
	w->reader = (struct ws_reader){ .message_max = 4096 };
	loop_timer_set(&w->patience, clock_monotonic_us() + RESOLVE_PATIENCE);
	if (resolve_start(w->loop, url->host, url->port, resolved, w, &w->resolve) < 0)
		end(w, "out of memory", 0);
}

int wire_init(struct wire *w, struct loop *l, const struct wire_handler *handler)
{
	int r;

	memset(w, 0, sizeof(*w));
	w->loop = l;
	w->handler = *handler;
	w->fd = -1;
	r = loop_timer_init(&w->patience, l, out_of_patience, w);
	return r < 0 ? r : loop_deferred_init(&w->ending, l, ending, w);
}

void wire_done(struct wire *w)
{
	reset(w);
	loop_timer_done(&w->patience);
	loop_deferred_done(&w->ending);
}
