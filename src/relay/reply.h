/*
 * reply: answers over HTTP: status, fields that every answer has (security, date), problems (RFC 9457), streams of events.
 *
 * Refuses to know why something is answered.
 */
#ifndef ROUSE_RELAY_REPLY_H
#define ROUSE_RELAY_REPLY_H

#include "relay/buffer.h"

#include <stdint.h>

struct visitor;

enum problem {
	PROBLEM_BAD_REQUEST,
	PROBLEM_NOT_AUTHORIZED,
	PROBLEM_REFUSED,
	PROBLEM_WRONG_ORIGIN,
	PROBLEM_NOT_FOUND,
	PROBLEM_METHOD_NOT_ALLOWED,
	PROBLEM_TIMEOUT,
	PROBLEM_LENGTH_REQUIRED,
	PROBLEM_TOO_LARGE,
	PROBLEM_TARGET_TOO_LONG,
	PROBLEM_EXPECTATION,
	PROBLEM_UPGRADE_REQUIRED,
	PROBLEM_LIMITED,
	PROBLEM_HEADERS_TOO_LARGE,
	PROBLEM_INTERNAL,
	PROBLEM_GUARD_LOST,
	PROBLEM_GUARD_OFFLINE,
	PROBLEM_OVERLOADED,
	PROBLEM_GUARD_SILENT,
	PROBLEM_VERSION,
	PROBLEMS
};

struct reply {
	int status;
	const char *type; /* of the body; NULL: none */
	const char *fields; /* further ones, each with its CRLF; NULL: none */
	const char *body;
	size_t n;
	bool may_keep; /* it may be kept by caches and asked for again (fields say how) */
};

/* Each answers the request; the visitor goes on to the next one. */
void reply_send(struct visitor *v, const struct reply *reply);
void reply_json(struct visitor *v, int status, const char *json, size_t n);
/* `detail` and `members` (",\"result\":…") may be NULL. */
void reply_problem(struct visitor *v, enum problem p, const char *detail, const char *members);
/* 429 with Retry-After. */
void reply_limited(struct visitor *v, uint64_t wait_us, const char *members);
/* Appends a problem as JSON. */
void problem_write(struct buffer *to, enum problem p, const char *detail, const char *members);
int problem_status(enum problem p);
const char *problem_word(enum problem p);

/* The head of a stream of events; the request is not answered yet. */
void reply_stream(struct visitor *v);
/* One event with one line of JSON. */
void reply_event(struct visitor *v, const char *event, const char *json, size_t n);

#endif
