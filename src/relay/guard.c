#include "relay/guard.h"

#include "relay/guard_state.h"
#include "relay/live.h"
#include "sys/clock.h"
#include "sys/entropy.h"

#include <stdio.h>
#include <stdlib.h>

#define JOIN_US 10000000
#define DOUBT_US 10000000
#define UNJOINED_MESSAGE_MAX 2048
#define GUARD_OUT_MAX 262144 /* bytes a guard may leave untaken */

static void send_frame(struct guard *g, enum ws_opcode opcode, const void *bytes, size_t n)
{
	uint8_t frame[WS_HEADER_MAX + 4096];
	size_t header = ws_header_write(opcode, n, NULL, frame);

	if (n > 4096)
		return;
	if (n)
		memcpy(frame + header, bytes, n);
	stream_write(&g->visitor->stream, frame, header + n);
}

void guard_send(struct guard *g, const char *text, size_t n)
{
	send_frame(g, WS_TEXT, text, n);
}

void guard_send_text(struct guard *g, const char *text)
{
	guard_send(g, text, strlen(text));
}

/* When it was seen; the store has its name. */
static void remember(struct relay *r, const struct route_home *h)
{
	struct store_op *op = store_op_new(STORE_SEEN, h->id);

	if (!op)
		return;
	op->now_ms = clock_wall_ms();
	store_submit(r->store, op);
}

/* The home has no guard any more, unless another connection took its place. */
static void leave_home(struct guard *g)
{
	struct relay *r = g->visitor->relay;
	struct route_home *h = g->home;

	if (!h)
		return;
	g->home = NULL;
	route_detach(&r->route, h, g);
	if (!h->guard) {
		live_tell_online(r, h, false);
		remember(r, h);
	}
	route_put(&r->route, h);
}

void guard_close(struct guard *g, uint16_t code, const char *reason)
{
	uint8_t payload[WS_CONTROL_MAX];

	if (g->over)
		return;
	g->over = true;
	send_frame(g, WS_CLOSE, payload, ws_close_write(code, reason, payload));
	leave_home(g);
	visitor_end(g->visitor);
}

static void on_gone(void *owner)
{
	struct guard *g = owner;

	g->over = true;
	leave_home(g);
	if (g->joining && g->joining->storing)
		g->joining->storing->context = NULL;
	free(g->joining);
	store_op_free(g->machines);
	store_op_free(g->grants);
	ws_reader_done(&g->reader);
	free(g);
}

void guard_silent(struct guard *g)
{
	g->visitor->relay->metrics.counters[METRIC_GUARD_SILENT]++;
	guard_close(g, GUARD_SILENCE, "silence");
}

void guard_doubt(struct guard *g)
{
	if (g->doubted || g->over)
		return;
	g->doubted = true;
	send_frame(g, WS_PING, "", 0);
	wheel_set(&g->visitor->relay->wheel, &g->visitor->timer, DOUBT_US);
}

static void heard(struct guard *g)
{
	struct relay *r = g->visitor->relay;

	g->doubted = false;
	/* Before it has joined its time is counted from the start. */
	if (g->home)
		wheel_set(&r->wheel, &g->visitor->timer, r->config.heartbeat_us * 5 / 2);
}

static void take_payload(struct guard *g, int what, const struct ws_payload *p)
{
	struct slice text = { (const char *)p->bytes, p->n };

	switch (what) {
	case WS_READ_TEXT:
		if (g->joining)
			guard_join(g, text);
		else
			guard_message(g, text);
		break;
	case WS_READ_PING:
		send_frame(g, WS_PONG, p->bytes, p->n);
		break;
	case WS_READ_CLOSE:
		guard_close(g, WS_NORMAL, "");
		break;
	default:
		break;
	}
}

size_t guard_bytes(struct guard *g, uint8_t *bytes, size_t n)
{
	struct ws_payload payload = { 0 };
	size_t taken = 0;

	heard(g);
	while (!g->over && taken < n) {
		size_t one = 0;
		int what = ws_reader_take(&g->reader, bytes + taken, n - taken, &one, &payload);

		if (what == WS_READ_MORE)
			break;
		if (what >= WS_NORMAL) {
			guard_close(g, (uint16_t)what, "");
			break;
		}
		taken += one;
		take_payload(g, what, &payload);
	}
	return g->over ? n : taken;
}

bool guard_challenge(const struct guard *g, uint64_t now_us, char to[static RELAY_NONCE_TEXT],
		     uint32_t *ret_seconds)
{
	if (g->challenge_until_us <= now_us)
		return false;
	b64_encode(g->challenge, sizeof(g->challenge), to);
	*ret_seconds = (uint32_t)((g->challenge_until_us - now_us) / 1000000);
	return true;
}

void guard_drain(struct guard *g, uint64_t seconds)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "{\"t\":\"drain\",\"seconds\":%llu}",
			 (unsigned long long)seconds);

	guard_send(g, text, (size_t)n);
}

void guard_again(struct guard *g)
{
	guard_send_text(g, "{\"t\":\"again\"}");
}

void guard_removed(struct guard *g)
{
	guard_close(g, GUARD_REMOVED, "removed");
}

/* --- the opening handshake --- */

static const char switching[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
				"Connection: Upgrade\r\nSec-WebSocket-Protocol: rouse.v1\r\n"
				"Sec-WebSocket-Accept: ";

/* The end of the handshake and the first message, in one piece. */
static void say_hello(struct call *c, struct guard *g)
{
	struct relay *r = c->relay;
	char challenge[B64_TEXT(RELAY_CHALLENGE_SIZE)], accept[WS_ACCEPT_TEXT];
	char hello[512], text[1024];
	uint8_t header[WS_HEADER_MAX];
	struct writer w = writer_over(text, sizeof(text));
	int n;

	entropy_bytes(g->joining->challenge, sizeof(g->joining->challenge));
	b64_encode(g->joining->challenge, sizeof(g->joining->challenge), challenge);
	n = snprintf(hello, sizeof(hello),
		     "{\"t\":\"hello\",\"challenge\":\"%s\",\"origin\":\"%s\"}", challenge,
		     r->config.public_url);
	writer_bytes(&w, switching, sizeof(switching) - 1);
	writer_bytes(&w, ws_accept(c->head->fields[HTTP_WEBSOCKET_KEY].at, accept),
		     WS_ACCEPT_TEXT - 1);
	writer_bytes(&w, "\r\n\r\n", 4);
	writer_bytes(&w, header, ws_header_write(WS_TEXT, (uint64_t)n, NULL, header));
	writer_bytes(&w, hello, (size_t)n);
	stream_write(&c->visitor->stream, text, w.used);
}

static struct guard *guard_new(struct call *c)
{
	struct guard *g = calloc(1, sizeof(*g));

	if (g)
		g->joining = calloc(1, sizeof(*g->joining));
	if (!g || !g->joining) {
		free(g);
		return NULL;
	}
	g->visitor = c->visitor;
	g->reader.from_client = true;
	g->reader.message_max = UNJOINED_MESSAGE_MAX;
	g->serial = ++c->relay->guard_serial;
	g->joining->client = c->client;
	return g;
}

static enum problem check_upgrade(const struct http_head *h)
{
	struct slice key = h->fields[HTTP_WEBSOCKET_KEY];

	/* Browsers say where a page is from; guards are none. */
	if (h->fields[HTTP_ORIGIN].at)
		return PROBLEM_WRONG_ORIGIN;
	if (h->method != HTTP_GET || !h->upgrade || h->length > 0 ||
	    !http_field_names(h->fields[HTTP_UPGRADE], "websocket") ||
	    !slice_is(h->fields[HTTP_WEBSOCKET_VERSION], "13"))
		return PROBLEM_UPGRADE_REQUIRED;
	if (!key.at || !ws_key_valid(key.at, key.n) ||
	    !http_field_names(h->fields[HTTP_WEBSOCKET_PROTOCOL], "rouse.v1"))
		return PROBLEM_BAD_REQUEST;
	return PROBLEMS;
}

void guard_upgrade(struct call *c)
{
	enum problem wrong = check_upgrade(c->head);
	struct visitor *v = c->visitor;
	struct guard *g;

	if (wrong != PROBLEMS) {
		reply_problem(v, wrong, NULL, NULL);
		return;
	}
	g = guard_new(c);
	if (!g) {
		reply_problem(v, PROBLEM_INTERNAL, NULL, NULL);
		return;
	}
	visitor_wait(v, VISITOR_GUARD, g, on_gone);
	v->stream.in_max = UNJOINED_MESSAGE_MAX + 256;
	v->stream.out_max = GUARD_OUT_MAX;
	/* It has not shown its key yet. */
	visitor_stranger(v);
	wheel_set(&c->relay->wheel, &v->timer, JOIN_US);
	say_hello(c, g);
}
