/*
 * http_forwarded: who the client is when trusted proxies stand between (X-Forwarded-For, and Forwarded of RFC 7239).
 * The field that is there counts; with both, X-Forwarded-For does: it is the one that proxies write, and they pass a
 * client's own Forwarded on as it is.
 */
#include "proto/http.h"

#include <strings.h>

static bool is_trusted(const struct addr *a, const struct prefix *trusted, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (prefix_contains(&trusted[i], a))
			return true;
	return false;
}

static struct slice trim(struct slice s)
{
	while (s.n && strchr(" \t\"", s.at[0])) {
		s.at++;
		s.n--;
	}
	while (s.n && strchr(" \t\"", s.at[s.n - 1]))
		s.n--;
	return s;
}

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80". */
static struct addr read_node(struct slice s)
{
	char text[ADDR_TEXT];
	struct addr a;
	const char *colon, *end;

	s = trim(s);
	if (s.n && s.at[0] == '[') {
		end = memchr(s.at, ']', s.n);
		if (!end)
			return ADDR_NONE;
		s = (struct slice){ s.at + 1, (size_t)(end - s.at) - 1 };
	} else {
		colon = memchr(s.at, ':', s.n);
		if (colon && !memchr(colon + 1, ':', s.n - (size_t)(colon - s.at) - 1))
			s.n = (size_t)(colon - s.at);
	}
	if (!slice_copy(s, text, sizeof(text)) || addr_parse(text, &a) < 0)
		return ADDR_NONE;
	return a;
}

/* The value of for= of one element of Forwarded. */
static struct slice read_for(struct slice element)
{
	for (size_t i = 0; i < element.n;) {
		struct slice rest = { element.at + i, element.n - i };
		const char *semicolon = memchr(rest.at, ';', rest.n);
		struct slice pair = { rest.at, semicolon ? (size_t)(semicolon - rest.at) : rest.n };

		i += pair.n + 1;
		pair = trim(pair);
		if (pair.n > 4 && strncasecmp(pair.at, "for=", 4) == 0)
			return (struct slice){ pair.at + 4, pair.n - 4 };
	}
	return (struct slice){ "", 0 };
}

/* The last element of a list, which it is cut from. */
static struct slice take_last(struct slice *list)
{
	struct slice last = *list;

	for (size_t i = list->n; i > 0; i--) {
		if (list->at[i - 1] != ',')
			continue;
		last = (struct slice){ list->at + i, list->n - i };
		list->n = i - 1;
		return last;
	}
	list->n = 0;
	return last;
}

struct addr http_forwarded(const struct http_head *h, const struct prefix *trusted, size_t n)
{
	struct slice list = h->fields[HTTP_X_FORWARDED_FOR];
	bool standard = list.at == NULL;
	struct addr a = ADDR_NONE;

	if (standard)
		list = h->fields[HTTP_FORWARDED];
	while (list.at && list.n > 0) {
		struct slice element = take_last(&list);

		a = read_node(standard ? read_for(element) : element);
		if (!a.family || !is_trusted(&a, trusted, n))
			break;
	}
	return a;
}
