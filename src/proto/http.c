#include "proto/http.h"

#include "base/text.h"

#include <errno.h>
#include <strings.h>

static const char *const field_names[HTTP_FIELDS] = {
	[HTTP_HOST] = "host",
	[HTTP_CONTENT_LENGTH] = "content-length",
	[HTTP_CONTENT_TYPE] = "content-type",
	[HTTP_TRANSFER_ENCODING] = "transfer-encoding",
	[HTTP_CONNECTION] = "connection",
	[HTTP_UPGRADE] = "upgrade",
	[HTTP_EXPECT] = "expect",
	[HTTP_ORIGIN] = "origin",
	[HTTP_AUTHORIZATION] = "authorization",
	[HTTP_ACCEPT] = "accept",
	[HTTP_ACCEPT_ENCODING] = "accept-encoding",
	[HTTP_IF_NONE_MATCH] = "if-none-match",
	[HTTP_FORWARDED] = "forwarded",
	[HTTP_X_FORWARDED_FOR] = "x-forwarded-for",
	[HTTP_WEBSOCKET_KEY] = "sec-websocket-key",
	[HTTP_WEBSOCKET_VERSION] = "sec-websocket-version",
	[HTTP_WEBSOCKET_PROTOCOL] = "sec-websocket-protocol",
};

/* Fields that may come more than once; of the rest a second one is a 400. */
static bool repeats(enum http_field f)
{
	return f == HTTP_CONNECTION || f == HTTP_ACCEPT || f == HTTP_ACCEPT_ENCODING ||
	       f == HTTP_IF_NONE_MATCH || f == HTTP_FORWARDED || f == HTTP_X_FORWARDED_FOR ||
	       f == HTTP_WEBSOCKET_PROTOCOL;
}

static bool is_token(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static struct slice trimmed(struct slice s)
{
	while (s.n && (s.at[0] == ' ' || s.at[0] == '\t')) {
		s.at++;
		s.n--;
	}
	while (s.n && (s.at[s.n - 1] == ' ' || s.at[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static bool same_ignoring_case(struct slice s, const char *text)
{
	return s.n == strlen(text) && strncasecmp(s.at, text, s.n) == 0;
}

/* What is before the separator, which is taken too; false when there is none. */
static bool take_until(struct slice *rest, char separator, struct slice *ret)
{
	const char *p = memchr(rest->at, separator, rest->n);

	if (!p)
		return false;
	*ret = (struct slice){ rest->at, (size_t)(p - rest->at) };
	rest->n -= ret->n + 1;
	rest->at = p + 1;
	return true;
}

static enum http_method method_of(struct slice s)
{
	if (slice_is(s, "GET"))
		return HTTP_GET;
	if (slice_is(s, "POST"))
		return HTTP_POST;
	return slice_is(s, "HEAD") ? HTTP_HEAD : HTTP_OTHER;
}

static int read_target(struct slice target, struct http_head *h)
{
	const char *mark;

	if (target.n > HTTP_TARGET_MAX)
		return 414;
	if (target.n == 0 || target.at[0] != '/')
		return 400;
	for (size_t i = 0; i < target.n; i++)
		if (target.at[i] <= ' ' || target.at[i] == 127 || target.at[i] == '#')
			return 400;
	mark = memchr(target.at, '?', target.n);
	h->path = (struct slice){ target.at, mark ? (size_t)(mark - target.at) : target.n };
	if (mark)
		h->query = (struct slice){ mark + 1, target.n - h->path.n - 1 };
	return HTTP_DONE;
}

static int read_request_line(struct slice line, struct http_head *h)
{
	struct slice method, target;

	if (!take_until(&line, ' ', &method) || !take_until(&line, ' ', &target))
		return 400;
	if (method.n == 0 || method.n > 32)
		return 400;
	for (size_t i = 0; i < method.n; i++)
		if (!is_token(method.at[i]))
			return 400;
	h->method = method_of(method);
	if (line.n != 8 || !slice_starts(line, SLICE("HTTP/")) || line.at[6] != '.')
		return 400;
	if (line.at[5] != '1' || (line.at[7] != '1' && line.at[7] != '0'))
		return line.at[5] >= '0' && line.at[5] <= '9' ? 505 : 400;
	h->keep_alive = line.at[7] == '1';
	return read_target(target, h);
}

static int read_field(struct slice line, struct http_head *h)
{
	struct slice name;

	if (!take_until(&line, ':', &name) || name.n == 0)
		return 400;
	for (size_t i = 0; i < name.n; i++)
		if (!is_token(name.at[i]))
			return 400;
	line = trimmed(line);
	for (size_t i = 0; i < line.n; i++)
		if ((unsigned char)line.at[i] < ' ' ? line.at[i] != '\t' : line.at[i] == 127)
			return 400;
	for (unsigned int f = 0; f < HTTP_FIELDS; f++) {
		if (!same_ignoring_case(name, field_names[f]))
			continue;
		if (h->fields[f].at && !repeats(f))
			return 400;
		if (f == HTTP_CONNECTION) {
			h->upgrade = h->upgrade || http_field_names(line, "upgrade");
			h->keep_alive = h->keep_alive && !http_field_names(line, "close");
		}
		/* Of those that repeat the last one counts: it is the nearest proxy's. */
		h->fields[f] = line;
	}
	return HTTP_DONE;
}

static int read_length(struct http_head *h, bool http_1_1)
{
	struct slice s = h->fields[HTTP_CONTENT_LENGTH];

	if (h->fields[HTTP_TRANSFER_ENCODING].at)
		return 501;
	if (http_1_1 && !h->fields[HTTP_HOST].at)
		return 400;
	if (!s.at)
		return HTTP_DONE;
	if (s.n == 0 || s.n > 18)
		return 400;
	for (size_t i = 0; i < s.n; i++) {
		if (s.at[i] < '0' || s.at[i] > '9')
			return 400;
		h->length = h->length * 10 + (uint64_t)(s.at[i] - '0');
	}
	h->has_length = true;
	return HTTP_DONE;
}

/* The lines of a head that is complete, without its last CRLF. */
static int read_lines(struct slice rest, struct http_head *h)
{
	struct slice line;
	bool http_1_1 = false;
	int r;

	for (size_t i = 0; rest.n > 0; i++) {
		if (i > HTTP_FIELDS_MAX)
			return 431;
		if (!take_until(&rest, '\r', &line) || rest.n == 0 || rest.at[0] != '\n')
			return 400;
		rest.at++;
		rest.n--;
		r = i == 0 ? read_request_line(line, h) : read_field(line, h);
		if (i == 0)
			http_1_1 = line.n > 0 && line.at[line.n - 1] == '1';
		if (r != HTTP_DONE)
			return r;
	}
	return read_length(h, http_1_1);
}

int http_head_read(const char *bytes, size_t n, struct http_head *ret_head, size_t *ret_size)
{
	size_t room = n < HTTP_HEAD_MAX ? n : HTTP_HEAD_MAX;
	const char *end = memmem(bytes, room, "\r\n\r\n", 4);
	struct http_head h = { 0 };
	int r;

	if (!end) {
		/* What can never become a request is refused before it is all there. */
		if (room && !is_token(bytes[0]))
			return 400;
		return room == HTTP_HEAD_MAX ? 431 : HTTP_MORE;
	}
	r = read_lines((struct slice){ bytes, (size_t)(end - bytes) + 2 }, &h);
	if (r != HTTP_DONE)
		return r;
	*ret_head = h;
	*ret_size = (size_t)(end - bytes) + 4;
	return HTTP_DONE;
}

bool http_field_names(struct slice field, const char *token)
{
	struct slice one;

	while (field.n > 0) {
		if (!take_until(&field, ',', &one)) {
			one = field;
			field.n = 0;
		}
		if (same_ignoring_case(trimmed(one), token))
			return true;
	}
	return false;
}

int http_decode(struct slice s, bool form, char *to, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.at[i];

		if (c == '%') {
			bool room = s.n - i > 2;
			int high = room ? text_hex_digit(s.at[i + 1]) : -1;
			int low = room ? text_hex_digit(s.at[i + 2]) : -1;

			if (high < 0 || low < 0)
				return -EINVAL;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && form) {
			c = ' ';
		}
		if (c == 0 || used + 1 >= size)
			return -EINVAL;
		to[used++] = c;
	}
	to[used] = 0;
	return 0;
}

int http_query(struct slice query, const char *key, char *to, size_t size)
{
	struct slice pair, name;
	int found = 0;

	while (query.n > 0) {
		if (!take_until(&query, '&', &pair)) {
			pair = query;
			query.n = 0;
		}
		if (!take_until(&pair, '=', &name)) {
			name = pair;
			pair = (struct slice){ "", 0 };
		}
		if (!slice_is(name, key))
			continue;
		if (found || http_decode(pair, true, to, size) < 0)
			return -EINVAL;
		found = 1;
	}
	return found;
}

struct slice http_bearer(struct slice authorization)
{
	struct slice none = { NULL, 0 };
	struct slice scheme;

	if (!authorization.at || !take_until(&authorization, ' ', &scheme))
		return none;
	if (!same_ignoring_case(scheme, "bearer"))
		return none;
	return trimmed(authorization);
}
