/*
 * http: the head of an HTTP/1.1 request (RFC 9112), strictly and bounded; and the few decodings around it.
 *
 * Pure. Owns the limits of what is read. What RFC 9112 lets a recipient tolerate (bare LF, folded lines, blanks before
 * a colon, a repeated or signed length, a transfer coding) is refused: two programs that understand one request
 * differently are how requests are smuggled. Refuses to know resources.
 */
#ifndef ROUSE_PROTO_HTTP_H
#define ROUSE_PROTO_HTTP_H

#include "base/addr.h"
#include "proto/slice.h"

#include <stdint.h>

#define HTTP_HEAD_MAX 8192 /* bytes of request line and fields */
#define HTTP_FIELDS_MAX 64 /* how many fields */
#define HTTP_TARGET_MAX 2048

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OTHER, HTTP_METHODS };

/* The fields that we read. */
enum http_field {
	HTTP_HOST,
	HTTP_CONTENT_LENGTH,
	HTTP_CONTENT_TYPE,
	HTTP_TRANSFER_ENCODING,
	HTTP_CONNECTION,
	HTTP_UPGRADE,
	HTTP_EXPECT,
	HTTP_ORIGIN,
	HTTP_AUTHORIZATION,
	HTTP_ACCEPT,
	HTTP_ACCEPT_ENCODING,
	HTTP_IF_NONE_MATCH,
	HTTP_FORWARDED,
	HTTP_X_FORWARDED_FOR,
	HTTP_WEBSOCKET_KEY,
	HTTP_WEBSOCKET_VERSION,
	HTTP_WEBSOCKET_PROTOCOL,
	HTTP_FIELDS
};

struct http_head {
	enum http_method method;
	bool keep_alive; /* the connection goes on afterwards */
	bool upgrade; /* Connection names it */
	bool has_length;
	uint64_t length; /* of the body; 0 without */
	struct slice path; /* as it was sent, percent signs and all */
	struct slice query; /* behind the '?' */
	struct slice fields[HTTP_FIELDS];
};

/* Verdicts; everything from 400 on is the HTTP status to refuse with. */
enum { HTTP_DONE = 1, HTTP_MORE = 2 };

/*
 * A head from the start of `bytes`. HTTP_DONE and its size with the empty line; HTTP_MORE; or 400, 414, 431, 501, 505.
 * The slices point into `bytes`.
 */
int http_head_read(const char *bytes, size_t n, struct http_head *ret_head, size_t *ret_size);

/* Whether a comma-separated field names the token, without regard to case. */
bool http_field_names(struct slice field, const char *token);
/* Percent decoding into text; '+' is a blank when `form`. -EINVAL: not well-formed, a NUL, or it does not fit. */
int http_decode(struct slice s, bool form, char *to, size_t size);
/* The decoded value of a key of the query: 1 when it is there, 0 when not, -EINVAL (also when it is there twice). */
int http_query(struct slice query, const char *key, char *to, size_t size);
/* "Bearer TOKEN" without regard to case of the scheme; .at is NULL otherwise. */
struct slice http_bearer(struct slice authorization);

/*
 * Who a chain of proxies says the client is: from the right, the first address that no trusted prefix contains (all
 * trusted: the leftmost). ADDR_NONE when what is found there is no address.
 */
struct addr http_forwarded(const struct http_head *h, const struct prefix *trusted, size_t n);

#endif
