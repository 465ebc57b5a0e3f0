#include "relay/reply.h"

#include "relay/visitor.h"
#include "sys/clock.h"

#include <stdio.h>
#include <time.h>

#define TOGETHER_MAX 8192 /* bytes of a body that go out together with the head */

static const struct {
	int status;
	const char *word, *title;
} problems[PROBLEMS] = {
	[PROBLEM_BAD_REQUEST] = { 400, "bad-request", "The request makes no sense" },
	[PROBLEM_NOT_AUTHORIZED] = { 401, "not-authorized", "The key does not open this" },
	[PROBLEM_REFUSED] = { 403, "refused", "Refused" },
	[PROBLEM_WRONG_ORIGIN] = { 403, "wrong-origin", "Pages of other sites are not served" },
	[PROBLEM_NOT_FOUND] = { 404, "not-found", "There is nothing here" },
	[PROBLEM_METHOD_NOT_ALLOWED] = { 405, "method-not-allowed", "Not with this method" },
	[PROBLEM_TIMEOUT] = { 408, "timeout", "The request came too slowly" },
	[PROBLEM_LENGTH_REQUIRED] = { 411, "length-required", "The body needs a Content-Length" },
	[PROBLEM_TOO_LARGE] = { 413, "too-large", "The body is too large" },
	[PROBLEM_TARGET_TOO_LONG] = { 414, "target-too-long", "The address is too long" },
	[PROBLEM_EXPECTATION] = { 417, "expectation", "Expect is not supported" },
	[PROBLEM_UPGRADE_REQUIRED] = { 426, "upgrade-required",
				       "Guards connect here by WebSocket" },
	[PROBLEM_LIMITED] = { 429, "limited", "Too many requests" },
	[PROBLEM_HEADERS_TOO_LARGE] = { 431, "headers-too-large", "The header is too large" },
	[PROBLEM_INTERNAL] = { 500, "internal", "The relay failed" },
	[PROBLEM_GUARD_LOST] = { 502, "guard-lost",
				 "The guard's connection was lost; it may have got the request" },
	[PROBLEM_GUARD_OFFLINE] = { 503, "guard-offline", "The guard of this home is offline" },
	[PROBLEM_OVERLOADED] = { 503, "overloaded", "Too much is waiting already" },
	[PROBLEM_GUARD_SILENT] = { 504, "guard-silent",
				   "The guard does not answer; it may have got the request" },
	[PROBLEM_VERSION] = { 505, "version", "Only HTTP/1.1 is spoken here" },
};

int problem_status(enum problem p)
{
	return problems[p].status;
}

const char *problem_word(enum problem p)
{
	return problems[p].word;
}

/* Names of the statuses that are no problem of the table. */
static const char *reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 202:
		return "Accepted";
	case 304:
		return "Not Modified";
	case 403:
		return "Forbidden";
	case 504:
		return "Gateway Timeout";
	case 503:
		return "Service Unavailable";
	default:
		return "Problem";
	}
}

static const char security[] =
	"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self';"
	" img-src 'self' data:; connect-src 'self'; manifest-src 'self'; worker-src 'self';"
	" base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
	"Referrer-Policy: no-referrer\r\n"
	"X-Content-Type-Options: nosniff\r\n"
	"Cross-Origin-Resource-Policy: same-origin\r\n";

static const char *date_now(struct relay *r)
{
	uint64_t now = clock_wall_ms() / 1000;
	time_t seconds = (time_t)now;
	struct tm tm;

	if (now == r->date_s)
		return r->date;
	r->date_s = now;
	/* The C locale's names: nothing here calls setlocale(). */
	if (gmtime_r(&seconds, &tm))
		(void)strftime(r->date, sizeof(r->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return r->date;
}

/* Everything before the length. */
static void write_head(struct visitor *v, const struct reply *reply, struct buffer *to)
{
	/* Without TLS browsers complain of the second instead of obeying it. */
	static const char secure[] = "Strict-Transport-Security: max-age=31536000\r\n"
				     "Cross-Origin-Opener-Policy: same-origin\r\n";
	static const char no_store[] = "Cache-Control: no-store\r\n";

	buffer_text(to, "HTTP/1.1 ");
	buffer_u64(to, (uint64_t)reply->status);
	buffer_text(to, " ");
	buffer_text(to, reason(reply->status));
	buffer_text(to, "\r\nDate: ");
	buffer_text(to, date_now(v->relay));
	buffer_text(to, "\r\n");
	buffer_bytes(to, security, sizeof(security) - 1);
	if (v->relay->https)
		buffer_bytes(to, secure, sizeof(secure) - 1);
	if (!reply->may_keep)
		buffer_bytes(to, no_store, sizeof(no_store) - 1);
	if (reply->type) {
		buffer_text(to, "Content-Type: ");
		buffer_text(to, reply->type);
		buffer_text(to, "\r\n");
	}
	if (reply->fields)
		buffer_text(to, reply->fields);
}

static void write_length(const struct reply *reply, struct buffer *to)
{
	buffer_text(to, "Content-Length: ");
	buffer_u64(to, reply->n);
	buffer_text(to, "\r\n");
}

void reply_send(struct visitor *v, const struct reply *reply)
{
	struct buffer *out = &v->relay->out;
	bool body = !v->head_only && reply->status != 304;

	out->used = 0;
	write_head(v, reply, out);
	if (!v->keep_alive || v->relay->draining)
		buffer_text(out, "Connection: close\r\n");
	if (reply->status != 304)
		write_length(reply, out);
	buffer_text(out, "\r\n");
	/* Head and body in one: one system call, one TLS record, one packet. */
	if (body && reply->n <= TOGETHER_MAX)
		buffer_bytes(out, reply->body, reply->n);
	if (out->failed) {
		/* Without memory for two kilobytes there is nothing to say. */
		out->failed = false;
		stream_close(&v->stream);
	}
	stream_write(&v->stream, out->start, out->used);
	if (body && reply->n > TOGETHER_MAX)
		stream_write(&v->stream, reply->body, reply->n);
	visitor_answered(v);
}

void reply_json(struct visitor *v, int status, const char *json, size_t n)
{
	const struct reply reply = {
		.status = status, .type = "application/json", .body = json, .n = n
	};

	reply_send(v, &reply);
}

void problem_write(struct buffer *to, enum problem p, const char *detail, const char *members)
{
	buffer_text(to, "{\"type\":\"urn:rouse:problem:");
	buffer_text(to, problems[p].word);
	buffer_text(to, "\",\"title\":\"");
	buffer_text(to, problems[p].title);
	buffer_text(to, "\",\"status\":");
	buffer_u64(to, (uint64_t)problems[p].status);
	if (detail) {
		buffer_text(to, ",\"detail\":\"");
		buffer_text(to, detail);
		buffer_text(to, "\"");
	}
	if (members)
		buffer_text(to, members);
	buffer_text(to, "}");
}

static void send_problem(struct visitor *v, enum problem p, const char *detail, const char *members,
			 const char *fields)
{
	struct buffer body = { 0 };
	struct reply reply = { .status = problems[p].status,
			       .type = "application/problem+json",
			       .fields = fields };

	problem_write(&body, p, detail, members);
	if (!body.failed) {
		reply.body = body.start;
		reply.n = body.used;
	}
	reply_send(v, &reply);
	buffer_done(&body);
}

void reply_problem(struct visitor *v, enum problem p, const char *detail, const char *members)
{
	const char *fields = NULL;

	if (p == PROBLEM_NOT_AUTHORIZED)
		fields = "WWW-Authenticate: Bearer\r\n";
	if (p == PROBLEM_UPGRADE_REQUIRED)
		fields = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
	send_problem(v, p, detail, members, fields);
}

void reply_limited(struct visitor *v, uint64_t wait_us, const char *members)
{
	char field[48];

	(void)snprintf(field, sizeof(field), "Retry-After: %llu\r\n",
		       (unsigned long long)(wait_us / 1000000 + 1));
	v->relay->metrics.counters[METRIC_LIMITED]++;
	send_problem(v, PROBLEM_LIMITED, NULL, members, field);
}

void reply_stream(struct visitor *v)
{
	const struct reply reply = {
		.status = 200,
		.type = "text/event-stream",
		.fields = "X-Accel-Buffering: no\r\nConnection: close\r\n\r\n"
	};
	struct buffer *out = &v->relay->out;

	/* Its end is the end of the connection: no length, no chunks. */
	v->keep_alive = false;
	out->used = 0;
	write_head(v, &reply, out);
	stream_write(&v->stream, out->start, out->used);
}

void reply_event(struct visitor *v, const char *event, const char *json, size_t n)
{
	struct buffer b = { 0 };

	buffer_text(&b, "event: ");
	buffer_text(&b, event);
	buffer_text(&b, "\ndata: ");
	buffer_json(&b, (struct slice){ json, n });
	buffer_text(&b, "\n\n");
	if (b.failed)
		stream_close(&v->stream);
	else
		stream_write(&v->stream, b.start, b.used);
	buffer_done(&b);
}
