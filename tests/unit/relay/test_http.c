/*
 * test_http: heads of requests, strictly; queries, bearers, and who is behind proxies. (What the relay answers to strange ones
 * is tested from outside.)
 */
#include "proto/http.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* From a block of exactly that size, so that a sanitizer sees a read beyond it. */
static int read_head(const char *text, size_t n, struct http_head *h, size_t *size)
{
	static char *block;
	int r;

	free(block);
	block = malloc(n ? n : 1);
	assert_non_null(block);
	memcpy(block, text, n);
	r = http_head_read(block, n, h, size);
	return r;
}

static void a_request(void **state)
{
	static const char text[] =
		"POST /w/x?wait=5&a HTTP/1.1\r\nhOST: r\r\nContent-Length: 12\r\n"
		"Connection: keep-alive, Upgrade\r\nAuthorization:\t Bearer abc \r\n\r\nbody";
	struct http_head h;
	size_t size = 0;

	(void)state;
	assert_int_equal(read_head(text, sizeof(text) - 1, &h, &size), HTTP_DONE);
	assert_int_equal(size, sizeof(text) - 1 - 4);
	assert_int_equal(h.method, HTTP_POST);
	assert_true(slice_is(h.path, "/w/x") && slice_is(h.query, "wait=5&a"));
	assert_true(h.keep_alive && h.upgrade && h.has_length);
	assert_int_equal(h.length, 12);
	assert_true(slice_is(h.fields[HTTP_HOST], "r"));
	assert_true(slice_is(http_bearer(h.fields[HTTP_AUTHORIZATION]), "abc"));
	assert_null(h.fields[HTTP_ORIGIN].at);
}

static void every_truncation_waits(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: r\r\nOrigin: null\r\n\r\n";
	struct http_head h;
	size_t size;

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(read_head(text, n, &h, &size), HTTP_MORE);
	assert_int_equal(read_head(text, sizeof(text) - 1, &h, &size), HTTP_DONE);
}

static void versions_and_keeping(void **state)
{
	static const struct {
		const char *text;
		int verdict;
		bool keep;
	} cases[] = {
		{ "GET / HTTP/1.0\r\n\r\n", HTTP_DONE, false },
		{ "GET / HTTP/1.1\r\nHost: r\r\nConnection: x, CLOSE\r\n\r\n", HTTP_DONE, false },
		{ "GET / HTTP/1.1\r\nHost: r\r\nConnection: close\r\nConnection: a\r\n\r\n",
		  HTTP_DONE, false },
		{ "GET / HTTP/1.2\r\nHost: r\r\n\r\n", 505, false },
		{ "GET / HTTP/9.1\r\nHost: r\r\n\r\n", 505, false },
		{ "GET / HTTP/x.1\r\nHost: r\r\n\r\n", 400, false },
		{ "GET / http/1.1\r\nHost: r\r\n\r\n", 400, false },
		{ "G\x01T / HTTP/1.1\r\nHost: r\r\n\r\n", 400, false },
		{ "GET /\x7f HTTP/1.1\r\nHost: r\r\n\r\n", 400, false },
		{ "GET /#a HTTP/1.1\r\nHost: r\r\n\r\n", 400, false },
		{ "\r\n\r\n", 400, false },
		{ "GET / HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: x\r\nContent-Length: 1\r\n\r\n",
		  501, false },
	};
	struct http_head h;
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(read_head(cases[i].text, strlen(cases[i].text), &h, &size),
				 cases[i].verdict);
		if (cases[i].verdict == HTTP_DONE)
			assert_int_equal(h.keep_alive, cases[i].keep);
	}
}

static void queries(void **state)
{
	static const struct {
		const char *query, *key;
		int r;
		const char *value;
	} cases[] = {
		{ "label=a+b%20c%C3%A4&x=1", "label", 1, "a b c\xc3\xa4" },
		{ "label=a", "lab", 0, NULL },
		{ "a=1&label", "label", 1, "" },
		{ "label=1&label=2", "label", -EINVAL, NULL },
		{ "label=%00", "label", -EINVAL, NULL },
		{ "label=%4", "label", -EINVAL, NULL },
		{ "label=%", "label", -EINVAL, NULL },
		{ "label=%zz", "label", -EINVAL, NULL },
		{ "label=123456789012345", "label", 1, "123456789012345" },
		{ "label=1234567890123456", "label", -EINVAL, NULL },
		{ "", "label", 0, NULL },
	};
	char to[16];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(http_query(slice_of(cases[i].query), cases[i].key, to, sizeof(to)),
				 cases[i].r);
		if (cases[i].value)
			assert_string_equal(to, cases[i].value);
	}
}

static void proxies(void **state)
{
	static const struct {
		const char *forwarded, *x_forwarded_for, *client;
	} cases[] = {
		{ NULL, "192.0.2.1", "192.0.2.1" },
		{ NULL, "203.0.113.9, 192.0.2.1 , 198.51.100.7", "192.0.2.1" },
		{ NULL, "192.0.2.1:443", "192.0.2.1" },
		{ NULL, "[2001:db8::1]:443", "2001:db8::1" },
		{ NULL, "2001:db8::1", "2001:db8::1" },
		{ NULL, "unknown", "-" },
		{ NULL, "", "-" },
		{ NULL, "192.0.2.1, nonsense", "-" },
		{ NULL, "198.51.100.7", "198.51.100.7" },
		{ "for=192.0.2.1", "192.0.2.9", "192.0.2.9" },
		{ "for=192.0.2.1", "unknown", "-" },
		{ "for=192.0.2.1", NULL, "192.0.2.1" },
		{ "by=x;FOR=\"[2001:db8::2]:1\";proto=http", NULL, "2001:db8::2" },
		{ "for=192.0.2.1, for=198.51.100.1", NULL, "192.0.2.1" },
		{ "proto=http", NULL, "-" },
		{ "for=_hidden", NULL, "-" },
	};
	struct prefix trusted;

	(void)state;
	assert_int_equal(prefix_parse("198.51.100.0/24", &trusted), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_head h = { 0 };
		struct addr a;
		char text[ADDR_TEXT];

		if (cases[i].forwarded)
			h.fields[HTTP_FORWARDED] = slice_of(cases[i].forwarded);
		if (cases[i].x_forwarded_for)
			h.fields[HTTP_X_FORWARDED_FOR] = slice_of(cases[i].x_forwarded_for);
		a = http_forwarded(&h, &trusted, 1);
		assert_string_equal(addr_format(&a, text), cases[i].client);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request),
		cmocka_unit_test(every_truncation_waits),
		cmocka_unit_test(versions_and_keeping),
		cmocka_unit_test(queries),
		cmocka_unit_test(proxies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
