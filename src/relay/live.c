#include "relay/live.h"

#include "proto/time_text.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define COMMENT_US 15000000

struct live {
	struct list node; /* of its home */
	struct wheel_timer timer;
	struct visitor *visitor;
	struct route_home *home;
	uint8_t hash[RELAY_KEY_SIZE]; /* of its view key: to find the grant again */
	uint64_t expires_ms;
	bool all;
	uint16_t machines_n;
	uint32_t machines[];
};

static bool covers(const struct live *s, uint32_t machine)
{
	for (size_t i = 0; i < s->machines_n && machine; i++)
		if (s->machines[i] == machine)
			return true;
	return s->all;
}

static void write_time(struct buffer *to, uint64_t ms)
{
	char text[TIME_TEXT];

	if (ms == 0) {
		buffer_text(to, "null");
		return;
	}
	buffer_text(to, "\"");
	buffer_text(to, time_text(ms, 0, text));
	buffer_text(to, "\"");
}

static void write_identity(struct relay *r, const struct store_home *home, struct buffer *to)
{
	const struct route_home *h = route_find(&r->route, home->home);
	bool online = h && h->guard;
	char text[2048];
	struct json_writer w = json_writer_over(text, sizeof(text));
	char id[RELAY_HOME_TEXT];

	json_write_open(&w, '{');
	json_write_key(&w, "home");
	json_write_word(&w, b64_encode(home->home, sizeof(home->home), id));
	json_write_key(&w, "name");
	json_write_word(&w, home->name);
	json_write_key(&w, "guard");
	json_write_word(&w, home->guard);
	json_write_key(&w, "online");
	json_write_bool(&w, online);
	buffer_bytes(to, text, w.out.used);
	buffer_text(to, ",\"since\":");
	write_time(to, online ? h->since_ms : home->seen_ms);
}

static void write_grant(const struct store_grant *g, struct buffer *to)
{
	char text[256];
	struct json_writer w = json_writer_over(text, sizeof(text));

	buffer_text(to, ",\"grant\":");
	json_write_open(&w, '{');
	json_write_key(&w, "id");
	json_write_word(&w, g->id);
	json_write_key(&w, "can");
	relay_can_write(&w, g->can);
	buffer_bytes(to, text, w.out.used);
	buffer_text(to, ",\"expires\":");
	write_time(to, g->expires_ms == RELAY_NULL ? 0 : g->expires_ms);
	buffer_text(to, "}");
}

int live_write_home(struct relay *r, const struct store_grant *g, struct buffer *to)
{
	struct store_home home;
	int result = store_find_home(r->store, g->home, &home);

	if (result != 1)
		return result < 0 ? result : -1;
	write_identity(r, &home, to);
	write_grant(g, to);
	buffer_text(to, ",\"machines\":[");
	result = store_list_machines(r->store, g, to);
	buffer_text(to, "]}");
	return to->failed ? -1 : result;
}

static void end(struct live *s)
{
	struct visitor *v = s->visitor;
	struct relay *r = v->relay;

	wheel_cancel(&r->wheel, &s->timer);
	list_remove(&s->node);
	s->home->streams_n--;
	route_put(&r->route, s->home);
	free(s);
	v->owner = NULL;
	v->gone = NULL;
}

static void on_gone(void *owner)
{
	end(owner);
}

static void revoke(struct live *s)
{
	struct visitor *v = s->visitor;

	reply_event(v, "revoked", "{}", 2);
	end(s);
	visitor_end(v);
}

static void on_timer(struct wheel_timer *t)
{
	struct live *s = container_of(t, struct live, timer);

	if (s->expires_ms <= clock_wall_ms()) {
		revoke(s);
		return;
	}
	stream_write(&s->visitor->stream, ":\n\n", 3);
	wheel_set(&s->visitor->relay->wheel, t, COMMENT_US);
}

static struct live *live_new(struct call *c, const struct store_grant *g)
{
	struct live *s = calloc(1, sizeof(*s) + g->machines_n * sizeof(s->machines[0]));

	if (!s)
		return NULL;
	s->visitor = c->visitor;
	s->expires_ms = g->expires_ms;
	s->all = g->all;
	s->machines_n = g->machines_n;
	memcpy(s->machines, g->machines, g->machines_n * sizeof(s->machines[0]));
	list_init(&s->node);
	wheel_timer_init(&s->timer, on_timer);
	return s;
}

void live_start(struct call *c, const struct store_grant *g)
{
	struct route_home *h = route_take(&c->relay->route, g->home);
	struct buffer body = { 0 };
	struct live *s = NULL;

	if (h && h->streams_n >= c->relay->config.streams_per_home) {
		reply_problem(c->visitor, PROBLEM_OVERLOADED, NULL, NULL);
		return;
	}
	if (live_write_home(c->relay, g, &body) == 0)
		s = live_new(c, g);
	if (!h || !s) {
		if (h)
			route_put(&c->relay->route, h);
		reply_problem(c->visitor, PROBLEM_INTERNAL, NULL, NULL);
		buffer_done(&body);
		return;
	}
	s->home = h;
	memcpy(s->hash, c->hash, sizeof(s->hash));
	list_append(&h->streams, &s->node);
	h->streams_n++;
	visitor_wait(c->visitor, VISITOR_STREAMING, s, on_gone);
	c->visitor->stream.out_max = 1 << 19;
	reply_stream(c->visitor);
	reply_event(c->visitor, "home", body.start, body.used);
	wheel_set(&c->relay->wheel, &s->timer, COMMENT_US);
	buffer_done(&body);
}

void live_tell(struct relay *r, const uint8_t home[static RELAY_HOME_SIZE], const char *event,
	       uint32_t machine, struct slice json)
{
	struct route_home *h = route_find(&r->route, home);

	if (!h)
		return;
	list_each_safe(node, &h->streams)
	{
		struct live *s = container_of(node, struct live, node);

		if (covers(s, machine))
			reply_event(s->visitor, event, json.at, json.n);
	}
}

void live_tell_online(struct relay *r, const struct route_home *h, bool online)
{
	struct buffer b = { 0 };

	if (h->streams_n == 0)
		return;
	buffer_text(&b, online ? "{\"online\":true,\"since\":" : "{\"online\":false,\"since\":");
	write_time(&b, clock_wall_ms());
	buffer_text(&b, "}");
	if (!b.failed) {
		list_each(node, &h->streams)
		{
			struct live *s = container_of(node, struct live, node);

			reply_event(s->visitor, "online", b.start, b.used);
		}
	}
	buffer_done(&b);
	(void)r;
}

/* The grant of a stream as the store has it now; false: it is gone. */
static bool find_grant(struct relay *r, const struct live *s, struct store_grant *g)
{
	int found = store_find_view(r->store, s->home->id, s->hash, g);

	/* A database that cannot be read revokes nobody. */
	return found != 0;
}

void live_tell_machines(struct relay *r, const uint8_t home[static RELAY_HOME_SIZE])
{
	static struct store_grant g;
	struct route_home *h = route_find(&r->route, home);

	if (!h)
		return;
	list_each_safe(node, &h->streams)
	{
		struct live *s = container_of(node, struct live, node);
		struct buffer b = { 0 };

		buffer_text(&b, "{\"list\":[");
		if (find_grant(r, s, &g) && store_list_machines(r->store, &g, &b) == 0) {
			buffer_text(&b, "]}");
			reply_event(s->visitor, "machines", b.start, b.used);
		}
		buffer_done(&b);
	}
}

void live_check_grants(struct relay *r, const uint8_t home[static RELAY_HOME_SIZE])
{
	static struct store_grant g;
	struct route_home *h = route_find(&r->route, home);

	if (!h)
		return;
	/* The entry must outlive its last stream while the list is walked. */
	h->streams_n++;
	list_each_safe(node, &h->streams)
	{
		struct live *s = container_of(node, struct live, node);

		if (!find_grant(r, s, &g))
			revoke(s);
	}
	h->streams_n--;
	route_put(&r->route, h);
}
