/*
 * test_upgrade: the request for a WebSocket, byte by byte, and which answers are one.
 */
#include "uplink/upgrade.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KEY "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455, 1.3 */
#define GOOD                                                                                \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nconnection: upgrade\r\n" \
	"Sec-WebSocket-Protocol: rouse.v1\r\nSec-WebSocket-Accept: "                        \
	"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static void asks_like_this(void **state)
{
	char request[UPGRADE_REQUEST_MAX], key[UPGRADE_KEY_TEXT];
	struct relay_url url;
	size_t n;

	(void)state;
	assert_string_equal(upgrade_key((const uint8_t *)"the sample nonce", key), KEY);
	assert_int_equal(relay_url_read("https://Relay.example:8443", &url, NULL), 0);
	n = upgrade_request(&url, KEY, request);
	assert_int_equal(n, strlen(request));
	assert_non_null(strstr(request, "GET /guard HTTP/1.1\r\nHost: relay.example:8443\r\n"));
	assert_non_null(strstr(request, "\r\nSec-WebSocket-Protocol: rouse.v1\r\n"));
	assert_non_null(strstr(request, "\r\nSec-WebSocket-Key: " KEY "\r\n\r\n"));
	/* The relay refuses browsers. */
	assert_null(strstr(request, "Origin"));
}

static void takes_the_right_answer(void **state)
{
	static const char good[] = GOOD "X: y\r\n\r\nrest";
	size_t size = 0;

	(void)state;
	for (size_t n = 0; n < sizeof(good) - 5; n++)
		assert_int_equal(upgrade_answer(good, n, KEY, &size), UPGRADE_MORE);
	assert_int_equal(upgrade_answer(good, sizeof(good) - 1, KEY, &size), UPGRADE_DONE);
	assert_int_equal(size, sizeof(good) - 5);
}

static void refuses_any_other(void **state)
{
	static const struct {
		const char *text;
		int verdict;
	} cases[] = {
		{ "HTTP/1.1 403 Forbidden\r\n\r\n", 403 },
		{ "HTTP/1.1 200 OK\r\n\r\n", -EPROTO },
		{ "HTTP/1.0 101 X\r\n\r\n", -EPROTO },
		{ "SSH-2.0-OpenSSH\r\n\r\n", -EPROTO },
		{ "HTTP/1.1 101 X\r\n\r\n", -EPROTO },
		{ GOOD "Upgrade: websocket\r\n\r\n", -EPROTO },
		{ GOOD "Sec-WebSocket-Extensions: x\r\n\r\n", -EPROTO },
		{ GOOD "nonsense\r\n\r\n", -EPROTO },
	};
	char other[] = GOOD "\r\n";
	char *accept = strstr(other, "s3pP");
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(upgrade_answer(cases[i].text, strlen(cases[i].text), KEY, &size),
				 cases[i].verdict);
	accept[0] = 'S';
	assert_int_equal(upgrade_answer(other, strlen(other), KEY, &size), -EPROTO);
	accept[0] = 's';
	*strstr(other, "rouse.v1") = 'R';
	assert_int_equal(upgrade_answer(other, strlen(other), KEY, &size), -EPROTO);
}

static void has_no_patience_for_endless_heads(void **state)
{
	static char endless[UPGRADE_ANSWER_MAX];
	size_t size;

	(void)state;
	memset(endless, 'x', sizeof(endless));
	assert_int_equal(upgrade_answer(endless, sizeof(endless) - 1, KEY, &size), UPGRADE_MORE);
	assert_int_equal(upgrade_answer(endless, sizeof(endless), KEY, &size), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_like_this),
		cmocka_unit_test(takes_the_right_answer),
		cmocka_unit_test(refuses_any_other),
		cmocka_unit_test(has_no_patience_for_endless_heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
