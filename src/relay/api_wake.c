/*
 * api_wake: requests to guards, sealed ones and those by plain token, and what comes back.
 *
 * The relay reads of a sealed request what it needs to find the way, and of an answer whether it is the last one and the
 * word that goes into the HTTP status.
 */
#include "proto/json_pick.h"
#include "proto/keys.h"
#include "proto/websocket.h"
#include "relay/api.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define WAIT_MAX_S 300
#define SEALED_MAX 1024
#define COMMENT_US 15000000

/* The members of a RESULT that is the relay's own. */
#define NO_RESULT(result, why)                    \
	",\"result\":\"" result "\",\"why\":" why \
	",\"machine\":null,\"attempts\":0,\"awake_seconds\":null,\"ready\":[]"
#define OFFLINE NO_RESULT("guard-offline", "null")

struct asking {
	struct route_request q;
	struct wheel_timer comment; /* of a stream */
	struct visitor *visitor;
	bool token; /* by plain token: answers are in the clear */
	bool stream;
	bool first_only; /* the first answer is enough */
	struct buffer answers;
};

void call_offline(struct call *c)
{
	c->relay->metrics.counters[METRIC_OFFLINE]++;
	reply_problem(c->visitor, PROBLEM_GUARD_OFFLINE, NULL, OFFLINE);
}

/* The HTTP status of an outcome. */
static int status_of(struct slice outcome)
{
	static const struct {
		const char *word;
		int status;
	} words[] = { { "awake", 200 },		{ "already-awake", 200 },
		      { "seen", 200 },		{ "asleep", 200 },
		      { "refused", 403 },	{ "no-sign-of-life", 504 },
		      { "guard-offline", 503 }, { "already-asleep", 200 },
		      { "stayed-awake", 504 } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (slice_is(outcome, words[i].word))
			return words[i].status;
	return 200;
}

static void free_asking(struct asking *a)
{
	route_end(&a->q);
	wheel_cancel(&a->visitor->relay->wheel, &a->comment);
	buffer_done(&a->answers);
	free(a);
}

static void on_gone(void *owner)
{
	free_asking(owner);
}

/* --- answers as JSON --- */

static void finish_json(struct asking *a, int status)
{
	struct visitor *v = a->visitor;

	if (!a->token)
		buffer_text(&a->answers, "]}");
	if (a->answers.failed)
		reply_problem(v, PROBLEM_INTERNAL, NULL, NULL);
	else
		reply_json(v, status, a->answers.start, a->answers.used);
	free_asking(a);
}

static void finish_problem(struct asking *a, enum problem p, const char *members)
{
	struct visitor *v = a->visitor;

	reply_problem(v, p, NULL, members);
	free_asking(a);
}

static void keep_answer(struct asking *a, const struct route_answer *answer)
{
	if (a->token) {
		a->answers.used = 0;
	} else {
		buffer_text(&a->answers, a->answers.used ? "," : "{\"answers\":[");
	}
	buffer_json(&a->answers, answer->body);
}

/* --- answers as a stream --- */

static void on_comment(struct wheel_timer *t)
{
	struct asking *a = container_of(t, struct asking, comment);

	stream_write(&a->visitor->stream, ":\n\n", 3);
	wheel_set(&a->visitor->relay->wheel, t, COMMENT_US);
}

static void finish_stream(struct asking *a)
{
	struct visitor *v = a->visitor;

	free_asking(a);
	v->owner = NULL;
	v->gone = NULL;
	visitor_end(v);
}

static void stream_problem(struct asking *a, enum problem p, const char *members)
{
	struct buffer b = { 0 };

	problem_write(&b, p, NULL, members);
	if (!b.failed)
		reply_event(a->visitor, "problem", b.start, b.used);
	buffer_done(&b);
	finish_stream(a);
}

static void stream_end(struct asking *a, int status, struct slice outcome)
{
	char json[96];
	int n;

	if (outcome.at)
		n = snprintf(json, sizeof(json), "{\"status\":%d,\"result\":\"%.*s\"}", status,
			     (int)outcome.n, outcome.at);
	else
		n = snprintf(json, sizeof(json), "{\"status\":%d,\"result\":null}", status);
	reply_event(a->visitor, "end", json, (size_t)n);
	finish_stream(a);
}

/* --- news --- */

static void problem(struct asking *a, enum problem p, const char *members)
{
	if (a->stream)
		stream_problem(a, p, members);
	else
		finish_problem(a, p, members);
}

static void on_answer(struct asking *a, const struct route_answer *answer)
{
	if (!answer->body.at) {
		problem(a, PROBLEM_REFUSED, NO_RESULT("refused", "\"not-authentic\""));
		return;
	}
	if (a->stream)
		reply_event(a->visitor, "answer", answer->body.at, answer->body.n);
	else
		keep_answer(a, answer);
	if (!answer->final && !a->first_only)
		return;
	if (a->stream)
		stream_end(a, status_of(answer->outcome), answer->outcome);
	else
		finish_json(a, answer->final ? status_of(answer->outcome) : 202);
}

static void on_news(struct route_request *q, enum route_news news,
		    const struct route_answer *answer)
{
	struct asking *a = container_of(q, struct asking, q);
	struct metrics *m = &a->visitor->relay->metrics;

	switch (news) {
	case ROUTE_ANSWER:
		on_answer(a, answer);
		break;
	case ROUTE_LOST:
		m->counters[METRIC_LOST]++;
		problem(a, PROBLEM_GUARD_LOST, NO_RESULT("unknown", "null"));
		break;
	case ROUTE_SILENT:
		m->counters[METRIC_UNANSWERED]++;
		problem(a, PROBLEM_GUARD_SILENT, NO_RESULT("unknown", "null"));
		break;
	case ROUTE_TIME_OVER:
		if (a->stream)
			stream_end(a, 202, (struct slice){ NULL, 0 });
		else
			finish_json(a, 202);
		break;
	}
}

/* --- asking --- */

/* Sends the message to the home's guard, and lets the visitor wait. */
static void ask(struct call *c, struct asking *a, const uint8_t *home, uint64_t wait_s,
		const struct buffer *message)
{
	struct relay *r = c->relay;
	struct route_home *h = route_find(&r->route, home);

	if (!h || !h->guard) {
		free(a);
		call_offline(c);
		return;
	}
	if (message->failed || h->requests_n >= r->config.waiting_per_home) {
		free(a);
		reply_problem(c->visitor, PROBLEM_OVERLOADED, NULL, NO_RESULT("limited", "null"));
		return;
	}
	a->visitor = c->visitor;
	a->q.told = on_news;
	a->first_only = wait_s == 0 && !a->stream;
	wheel_timer_init(&a->comment, on_comment);
	visitor_wait(c->visitor, a->stream ? VISITOR_STREAMING : VISITOR_BUSY, a, on_gone);
	if (a->stream) {
		reply_stream(c->visitor);
		wheel_set(&r->wheel, &a->comment, COMMENT_US);
	}
	r->metrics.counters[a->token ? METRIC_TOKENS : METRIC_SEALED]++;
	(void)route_send(&r->route, h, &a->q, wait_s * 1000000, message->start, message->used);
}

/* How long to wait, from the query; false: answered. A stream waits as long as there can be an answer. */
static bool read_wait(struct call *c, bool stream, uint64_t *ret_s)
{
	if (!call_number(c, "wait", WAIT_MAX_S, 0, ret_s))
		return false;
	if (stream)
		*ret_s = WAIT_MAX_S;
	return true;
}

static void begin_message(struct call *c, const char *type, struct buffer *to)
{
	char address[ADDR_TEXT];

	buffer_text(to, "{\"t\":\"");
	buffer_text(to, type);
	buffer_text(to, "\",\"id\":");
	buffer_u64(to, route_next_id(&c->relay->route));
	buffer_text(to, ",\"from\":\"");
	buffer_text(to, addr_format(&c->client, address));
	buffer_text(to, "\"");
}

/* Whether it looks like a sealed request for this home by this grant; 0, or the problem. */
static enum problem check_sealed(const struct call *c, const struct store_grant *g)
{
	struct json_pick p[] = { { .key = "v" },    { .key = "home" },	    { .key = "grant" },
				 { .key = "verb" }, { .key = "machine" },   { .key = "args" },
				 { .key = "mac" },  { .key = "challenge" }, { .key = "nonce" } };
	uint8_t bytes[RELAY_KEY_SIZE];
	struct slice word;

	if (c->body.n > SEALED_MAX)
		return PROBLEM_TOO_LARGE;
	if (!ws_utf8_valid((const uint8_t *)c->body.at, c->body.n) ||
	    json_pick(c->body, p, sizeof(p) / sizeof(p[0])) < 0 || !slice_is(p[0].value, "1"))
		return PROBLEM_BAD_REQUEST;
	for (size_t i = 3; i < 6; i++)
		if (!p[i].value.at || p[i].value.at[0] != '"')
			return PROBLEM_BAD_REQUEST;
	if (json_pick_b64(p[6].value, bytes, RELAY_KEY_SIZE) < 0 ||
	    json_pick_b64(p[7].value, bytes, RELAY_NONCE_SIZE) < 0 ||
	    json_pick_b64(p[8].value, bytes, RELAY_NONCE_SIZE) < 0)
		return PROBLEM_BAD_REQUEST;
	if (json_pick_word(p[1].value, &word) < 0 || !slice_equal(word, c->arg) ||
	    json_pick_word(p[2].value, &word) < 0 || !slice_is(word, g->id))
		return PROBLEM_NOT_AUTHORIZED;
	return PROBLEMS;
}

/* What holds for both kinds: how often a grant and a home may be asked. */
static bool allowed(struct call *c, const struct store_grant *g)
{
	uint8_t key[RELAY_HOME_SIZE + RELAY_GRANT_TEXT];

	memcpy(key, g->home, RELAY_HOME_SIZE);
	memcpy(key + RELAY_HOME_SIZE, g->id, RELAY_GRANT_TEXT);
	return call_allowed(c, LIMIT_GRANT, key, sizeof(key), &c->relay->config.grants,
			    NO_RESULT("limited", "null")) &&
	       call_allowed(c, LIMIT_HOME, g->home, RELAY_HOME_SIZE, &c->relay->config.homes,
			    NO_RESULT("limited", "null"));
}

void api_request(struct call *c)
{
	const struct store_grant *g = call_grant(c);
	struct slice accept = c->head->fields[HTTP_ACCEPT];
	bool stream = http_field_names(accept, "text/event-stream");
	struct buffer message = { 0 };
	enum problem wrong;
	struct asking *a;
	uint64_t wait_s;

	if (!g || !allowed(c, g) || !read_wait(c, stream, &wait_s))
		return;
	wrong = check_sealed(c, g);
	if (wrong != PROBLEMS) {
		call_failed(c, wrong, NULL);
		return;
	}
	a = calloc(1, sizeof(*a));
	if (!a) {
		reply_problem(c->visitor, PROBLEM_INTERNAL, NULL, NULL);
		return;
	}
	a->stream = stream;
	begin_message(c, "request", &message);
	buffer_text(&message, ",\"sealed\":");
	buffer_json(&message, c->body);
	buffer_text(&message, "}");
	ask(c, a, g->home, wait_s, &message);
	buffer_done(&message);
}

static void write_token(struct call *c, const struct store_grant *g, struct slice token,
			struct buffer *to)
{
	begin_message(c, "token", to);
	buffer_text(to, ",\"grant\":\"");
	buffer_text(to, g->id);
	buffer_text(to, "\",\"token\":\"");
	buffer_slice(to, token);
	buffer_text(to, c->head->method == HTTP_GET ? "\",\"get\":true}" : "\",\"get\":false}");
}

static void ask_by_token(struct call *c, const struct store_grant *g, struct slice token)
{
	struct buffer message = { 0 };
	struct asking *a;
	uint64_t wait_s;

	if (!allowed(c, g) || !read_wait(c, false, &wait_s))
		return;
	a = calloc(1, sizeof(*a));
	if (!a) {
		reply_problem(c->visitor, PROBLEM_INTERNAL, NULL, NULL);
		return;
	}
	a->token = true;
	write_token(c, g, token, &message);
	ask(c, a, g->home, wait_s, &message);
	buffer_done(&message);
}

static void serve_token(struct call *c, struct slice token)
{
	static struct store_grant g;
	uint8_t bytes[RELAY_KEY_SIZE] = { 0 };
	uint8_t hash[RELAY_KEY_SIZE];
	bool good = token.at && b64_decode(token.at, token.n, bytes, sizeof(bytes)) == 0;

	keys_hash(bytes, sizeof(bytes), hash);
	good = store_find_token(c->relay->store, hash, &g) == 1 && good;
	if (!good || g.expires_ms <= clock_wall_ms()) {
		call_failed(c, PROBLEM_REFUSED, NO_RESULT("refused", "\"unknown-token\""));
		return;
	}
	if (c->head->method != HTTP_POST && (!g.get || c->head->method == HTTP_HEAD))
		reply_problem(c->visitor, PROBLEM_METHOD_NOT_ALLOWED, NULL,
			      NO_RESULT("refused", "\"get-not-allowed\""));
	else
		ask_by_token(c, &g, token);
}

void api_token_path(struct call *c)
{
	serve_token(c, c->arg);
}

void api_token_bearer(struct call *c)
{
	serve_token(c, http_bearer(c->head->fields[HTTP_AUTHORIZATION]));
}
