/*
 * test_websocket: frames and messages, both ways; every cut of a stream gives the same messages.
 */
#include "proto/websocket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t mask[4] = { 0x12, 0x34, 0x56, 0x78 };

static size_t put(uint8_t *to, uint8_t first, const char *text, bool masked)
{
	size_t n = strlen(text);
	size_t head = ws_header_write(WS_TEXT, n, masked ? mask : NULL, to);

	to[0] = first;
	memcpy(to + head, text, n);
	if (masked)
		ws_mask(to + head, n, mask);
	return head + n;
}

static void accept_of_the_rfc(void **state)
{
	char to[WS_ACCEPT_TEXT];

	(void)state;
	assert_string_equal(ws_accept("dGhlIHNhbXBsZSBub25jZQ==", to),
			    "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	assert_true(ws_key_valid("dGhlIHNhbXBsZSBub25jZQ==", 24));
	assert_false(ws_key_valid("dGhlIHNhbXBsZSBub25jZQ=", 23));
	assert_false(ws_key_valid("dGhlIHNhbXBsZSBub25j===!", 24));
}

static void lengths(void **state)
{
	static const size_t sizes[] = { 0, 1, 125, 126, 127, 65535, 65536, 70000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct ws_reader r = { .from_client = true, .message_max = 70000 };
		uint8_t *bytes = calloc(1, sizes[i] + WS_HEADER_MAX);
		size_t head, taken = 0;
		struct ws_payload p;

		assert_non_null(bytes);
		head = ws_header_write(WS_TEXT, sizes[i], mask, bytes);
		memset(bytes + head, 'a', sizes[i]);
		ws_mask(bytes + head, sizes[i], mask);
		for (size_t cut = 0; cut < head; cut++)
			assert_int_equal(ws_reader_take(&r, bytes, cut, &taken, &p), WS_READ_MORE);
		assert_int_equal(ws_reader_take(&r, bytes, head + sizes[i], &taken, &p),
				 WS_READ_TEXT);
		assert_int_equal(taken, head + sizes[i]);
		assert_int_equal(p.n, sizes[i]);
		for (size_t k = 0; k < p.n; k++)
			assert_int_equal(p.bytes[k], 'a');
		free(bytes);
	}
}

static void fragments_with_a_ping_between(void **state)
{
	struct ws_reader r = { .message_max = 100 };
	uint8_t bytes[100];
	struct ws_payload p = { 0 };
	size_t n, taken = 0;

	(void)state;
	n = put(bytes, 0x01, "ab\xc3", false);
	assert_int_equal(ws_reader_take(&r, bytes, n, &taken, &p), WS_READ_NOTHING);
	n = put(bytes, 0x89, "ping", false);
	assert_int_equal(ws_reader_take(&r, bytes, n, &taken, &p), WS_READ_PING);
	assert_memory_equal(p.bytes, "ping", 4);
	n = put(bytes, 0x00, "\xa4", false);
	assert_int_equal(ws_reader_take(&r, bytes, n, &taken, &p), WS_READ_NOTHING);
	n = put(bytes, 0x80, "c", false);
	assert_int_equal(ws_reader_take(&r, bytes, n, &taken, &p), WS_READ_TEXT);
	assert_int_equal(p.n, 5);
	assert_memory_equal(p.bytes,
			    "ab\xc3\xa4"
			    "c",
			    5);
	n = put(bytes, 0x81, "next", false);
	assert_int_equal(ws_reader_take(&r, bytes, n, &taken, &p), WS_READ_TEXT);
	assert_memory_equal(p.bytes, "next", 4);
	ws_reader_done(&r);
}

static void limits_of_messages(void **state)
{
	struct ws_reader r = { .message_max = 8 };
	uint8_t bytes[100];
	struct ws_payload p;
	size_t taken;

	(void)state;
	assert_int_equal(ws_reader_take(&r, bytes, put(bytes, 0x81, "123456789", false), &taken,
					&p),
			 WS_TOO_BIG);
	r = (struct ws_reader){ .message_max = 8 };
	assert_int_equal(ws_reader_take(&r, bytes, put(bytes, 0x01, "12345", false), &taken, &p),
			 WS_READ_NOTHING);
	assert_int_equal(ws_reader_take(&r, bytes, put(bytes, 0x80, "6789", false), &taken, &p),
			 WS_TOO_BIG);
	ws_reader_done(&r);
	/* A length is refused before its bytes are there. */
	r = (struct ws_reader){ .message_max = 8 };
	memcpy(bytes, "\x81\x7f\x00\x00\x01\x00\x00\x00\x00\x00", 10);
	assert_int_equal(ws_reader_take(&r, bytes, 10, &taken, &p), WS_TOO_BIG);
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		int code;
	} cases[] = {
		{ "\xc1\x00", 2, WS_PROTOCOL_ERROR },
		{ "\x83\x00", 2, WS_PROTOCOL_ERROR },
		{ "\x8b\x00", 2, WS_PROTOCOL_ERROR },
		{ "\x80\x00", 2, WS_PROTOCOL_ERROR },
		{ "\x09\x00", 2, WS_PROTOCOL_ERROR },
		{ "\x82\x00", 2, WS_UNSUPPORTED },
		{ "\x81\x80zzzz", 6, WS_PROTOCOL_ERROR },
		{ "\x81\x7e\x00\x7d", 4, WS_PROTOCOL_ERROR },
		{ "\x89\x7e\x00\x7e", 4, WS_PROTOCOL_ERROR },
		{ "\x81\x01\xff", 3, WS_INVALID_DATA },
		{ "\x81\x03\xed\xa0\x80", 5, WS_INVALID_DATA },
		{ "\x88\x01x", 3, WS_PROTOCOL_ERROR },
		{ "\x88\x02\x03\xee", 4, WS_PROTOCOL_ERROR },
		{ "\x88\x02\x0b\xb7", 4, WS_PROTOCOL_ERROR },
		{ "\x88\x03\x03\xe8\xff", 5, WS_INVALID_DATA },
		{ "\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00", 10, WS_PROTOCOL_ERROR },
		{ "\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff", 10, WS_PROTOCOL_ERROR },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ws_reader r = { .message_max = 1 << 20 };
		uint8_t *bytes = malloc(cases[i].n);
		struct ws_payload p;
		size_t taken;

		assert_non_null(bytes);
		memcpy(bytes, cases[i].bytes, cases[i].n);
		assert_int_equal(ws_reader_take(&r, bytes, cases[i].n, &taken, &p), cases[i].code);
		free(bytes);
	}
}

static void closing(void **state)
{
	uint8_t payload[WS_CONTROL_MAX], bytes[WS_CONTROL_MAX + 2];
	struct ws_reader r = { .message_max = 10 };
	struct ws_payload p;
	size_t taken, n;
	char reason[200];

	(void)state;
	memset(reason, 'x', sizeof(reason));
	reason[199] = 0;
	n = ws_close_write(4001, reason, payload);
	assert_int_equal(n, WS_CONTROL_MAX);
	memcpy(bytes + ws_header_write(WS_CLOSE, n, NULL, bytes), payload, n);
	assert_int_equal(ws_reader_take(&r, bytes, n + 2, &taken, &p), WS_READ_CLOSE);
	assert_int_equal(p.code, 4001);
	/* Nothing may follow. */
	assert_int_equal(ws_reader_take(&r, bytes, put(bytes, 0x81, "a", false), &taken, &p),
			 WS_PROTOCOL_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accept_of_the_rfc),
		cmocka_unit_test(lengths),
		cmocka_unit_test(fragments_with_a_ping_between),
		cmocka_unit_test(limits_of_messages),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(closing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
