#include "relay/visitor.h"

#include "base/heap.h"
#include "relay/api.h"
#include "relay/guard.h"
#include "relay/reply.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <unistd.h>

#define REQUEST_US 10000000 /* for a request to come in, hands of TLS included */
#define IDLE_US 60000000 /* between requests */
#define STALL_US 30000000 /* for an answer to be taken */
#define ENDING_US 3000000 /* for the peer to close */
#define BODY_MAX 4096

static void set_phase(struct visitor *v, enum visitor_phase phase)
{
	uint64_t us = NEVER;

	v->phase = (uint8_t)phase;
	switch (phase) {
	case VISITOR_IDLE:
		us = stream_waiting(&v->stream) ? STALL_US : IDLE_US;
		break;
	case VISITOR_READING:
		us = REQUEST_US;
		break;
	case VISITOR_ENDING:
		us = v->stream.ended ? ENDING_US : STALL_US;
		break;
	case VISITOR_BUSY:
	case VISITOR_STREAMING:
	case VISITOR_GUARD:
		break;
	}
	if (us == NEVER)
		wheel_cancel(&v->relay->wheel, &v->timer);
	else
		wheel_set(&v->relay->wheel, &v->timer, us);
}

static void on_timer(struct wheel_timer *t)
{
	struct visitor *v = container_of(t, struct visitor, timer);

	/* Somebody who was saying something is told; silence is answered with silence. */
	if (v->phase == VISITOR_READING && !v->stream.shaking && v->stream.in_used) {
		v->keep_alive = false;
		reply_problem(v, PROBLEM_TIMEOUT, NULL, NULL);
		return;
	}
	if (v->phase == VISITOR_GUARD)
		guard_silent(v->owner);
	else
		stream_close(&v->stream);
}

void visitor_known(struct visitor *v)
{
	if (v->stranger)
		v->relay->strangers_n--;
	v->stranger = false;
}

void visitor_stranger(struct visitor *v)
{
	v->relay->strangers_n += !v->stranger;
	v->stranger = true;
}

void visitor_trusted(struct visitor *v)
{
	struct relay *r = v->relay;
	uint8_t key[LIMIT_ADDRESS_MAX];

	visitor_known(v);
	if (!v->counted)
		return;
	limits_give(&r->limits, LIMIT_CONNECT, key, limit_address(&v->peer, key),
		    &r->config.connects);
	limits_uncount(&r->limits, v->counted);
	v->counted = NULL;
}

void visitor_end(struct visitor *v)
{
	if (v->stream.dead)
		return;
	stream_finish(&v->stream);
	set_phase(v, VISITOR_ENDING);
}

void visitor_answered(struct visitor *v)
{
	v->owner = NULL;
	v->gone = NULL;
	if (v->stream.dead)
		return;
	if (!v->keep_alive || v->relay->draining) {
		visitor_end(v);
		return;
	}
	set_phase(v, VISITOR_IDLE);
	/* What came in meanwhile; while it is reading itself, its loop goes on by itself. */
	if (!v->in_bytes)
		stream_again(&v->stream);
}

void visitor_wait(struct visitor *v, enum visitor_phase phase, void *owner,
		  void (*gone)(void *owner))
{
	v->owner = owner;
	v->gone = gone;
	set_phase(v, phase);
}

static void refuse(struct visitor *v, enum problem problem)
{
	/* Where the next request would begin is not known. */
	v->keep_alive = false;
	visitor_known(v);
	reply_problem(v, problem, NULL, NULL);
}

static enum problem problem_of(int status)
{
	switch (status) {
	case 414:
		return PROBLEM_TARGET_TOO_LONG;
	case 431:
		return PROBLEM_HEADERS_TOO_LARGE;
	case 501:
		return PROBLEM_LENGTH_REQUIRED;
	case 505:
		return PROBLEM_VERSION;
	default:
		return PROBLEM_BAD_REQUEST;
	}
}

/* What cannot be served before its body is looked at; PROBLEMS: nothing wrong. */
static enum problem check_head(const struct http_head *h)
{
	if (h->method == HTTP_POST && !h->has_length)
		return PROBLEM_LENGTH_REQUIRED;
	if (h->length > BODY_MAX)
		return PROBLEM_TOO_LARGE;
	return h->fields[HTTP_EXPECT].at ? PROBLEM_EXPECTATION : PROBLEMS;
}

/* One request from the start; returns the bytes that it took, 0: it is not all there (or is refused). */
static size_t take_request(struct visitor *v, const char *bytes, size_t n)
{
	struct http_head h;
	enum problem problem;
	size_t size = 0;
	int r = http_head_read(bytes, n, &h, &size);

	if (r == HTTP_MORE)
		return 0;
	if (r != HTTP_DONE) {
		refuse(v, problem_of(r));
		return 0;
	}
	problem = check_head(&h);
	v->head_only = h.method == HTTP_HEAD;
	if (problem != PROBLEMS) {
		refuse(v, problem);
		return 0;
	}
	if (n - size < h.length)
		return 0;
	v->keep_alive = h.keep_alive;
	visitor_known(v);
	v->phase = VISITOR_BUSY;
	api_serve(v, &h, (struct slice){ bytes + size, (size_t)h.length });
	return size + (size_t)h.length;
}

static size_t on_http(struct visitor *v, const char *bytes, size_t n)
{
	size_t taken = 0;

	if (v->phase == VISITOR_IDLE && n)
		set_phase(v, VISITOR_READING);
	while (taken < n && v->phase == VISITOR_READING) {
		size_t one = take_request(v, bytes + taken, n - taken);

		if (one == 0)
			break;
		taken += one;
		if (v->phase == VISITOR_IDLE && taken < n)
			set_phase(v, VISITOR_READING);
	}
	return taken;
}

static size_t on_bytes(struct stream *s, uint8_t *bytes, size_t n)
{
	struct visitor *v = container_of(s, struct visitor, stream);
	size_t taken;

	v->in_bytes = true;
	if (v->phase == VISITOR_GUARD)
		taken = guard_bytes(v->owner, bytes, n);
	else
		taken = on_http(v, (const char *)bytes, n);
	/* A guard's first frames may come with its request. */
	if (v->phase == VISITOR_GUARD && taken < n && !v->stream.dead)
		taken += guard_bytes(v->owner, bytes + taken, n - taken);
	v->in_bytes = false;
	return v->phase == VISITOR_STREAMING ? n : taken;
}

static void on_drained(struct stream *s)
{
	struct visitor *v = container_of(s, struct visitor, stream);

	if (v->phase == VISITOR_IDLE)
		set_phase(v, VISITOR_IDLE);
}

static void on_closed(struct stream *s)
{
	struct visitor *v = container_of(s, struct visitor, stream);
	struct relay *r = v->relay;

	wheel_cancel(&r->wheel, &v->timer);
	if (v->gone)
		v->gone(v->owner);
	visitor_known(v);
	limits_uncount(&r->limits, v->counted);
	list_remove(&v->node);
	r->visitors_n--;
	free(v);
}

static const struct stream_events events = { on_bytes, on_drained, on_closed };

static bool is_proxy(const struct relay *r, const struct addr *peer)
{
	for (size_t i = 0; i < r->config.proxies_n; i++)
		if (prefix_contains(&r->config.proxies[i], peer))
			return true;
	return false;
}

/* Whether one more of this address may come in; charges for it. */
static bool admit(struct relay *r, const struct addr *peer, bool proxied,
		  struct limit_count **ret_counted)
{
	uint8_t key[LIMIT_ADDRESS_MAX];

	*ret_counted = NULL;
	if (r->draining || r->visitors_n >= r->config.connections ||
	    r->strangers_n >= r->config.handshakes)
		return false;
	if (proxied)
		return true;
	if (limits_take(&r->limits, LIMIT_CONNECT, key, limit_address(peer, key),
			&r->config.connects, clock_monotonic_us()))
		return false;
	*ret_counted = limits_count(&r->limits, peer, (uint32_t)r->config.connections_per_address);
	return *ret_counted != NULL;
}

void visitor_new(struct relay *r, int fd, const struct addr *peer)
{
	bool proxied = is_proxy(r, peer);
	struct limit_count *counted;
	struct visitor *v;

	if (!admit(r, peer, proxied, &counted)) {
		r->metrics.counters[METRIC_REFUSED]++;
		close(fd);
		return;
	}
	v = calloc(1, sizeof(*v));
	if (!v || stream_init(&v->stream, &r->hub, fd, r->tls, &events) < 0) {
		if (!v)
			close(fd);
		limits_uncount(&r->limits, counted);
		free(v);
		return;
	}
	v->relay = r;
	v->peer = *peer;
	v->counted = counted;
	v->proxied = proxied;
	v->stranger = true;
	wheel_timer_init(&v->timer, on_timer);
	list_init(&v->node);
	list_append(&r->visitors, &v->node);
	r->visitors_n++;
	r->strangers_n++;
	r->metrics.counters[METRIC_CONNECTIONS]++;
	set_phase(v, VISITOR_READING);
}
