/*
 * support: what the tests of wire share: bytes from hexadecimal text, in a heap block of exactly their size, so that a
 * sanitizer sees a read behind them.
 */
#ifndef ROUSE_TESTS_WIRE_SUPPORT_H
#define ROUSE_TESTS_WIRE_SUPPORT_H

#include "base/addr.h"
#include "base/text.h"
#include "wire/frame.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static inline struct addr address(const char *text)
{
	struct addr a;

	if (addr_parse(text, &a) < 0)
		abort();
	return a;
}

static inline struct mac mac_of(const char *text)
{
	struct mac m;

	if (mac_parse(text, &m) < 0)
		abort();
	return m;
}

struct bytes {
	uint8_t *at;
	size_t n;
};

static inline struct bytes bytes_copy(const void *from, size_t n)
{
	struct bytes b = { .at = malloc(n > 0 ? n : 1), .n = n };

	if (!b.at)
		abort();
	if (n > 0)
		memcpy(b.at, from, n);
	return b;
}

static inline struct bytes bytes_of(const char *hex)
{
	uint8_t to[512];
	size_t n = strlen(hex) / 2;

	if (n > sizeof(to) || strlen(hex) % 2)
		abort();
	for (size_t i = 0; i < n; i++) {
		int high = text_hex_digit(hex[2 * i]);
		int low = text_hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			abort();
		to[i] = (uint8_t)(high << 4 | low);
	}
	return bytes_copy(to, n);
}

/* The first n bytes alone. */
static inline int decode_first(const struct bytes *b, size_t n, struct frame *ret_frame)
{
	struct bytes cut = bytes_copy(b->at, n);
	int r = frame_decode(cut.at, cut.n, ret_frame);

	free(cut.at);
	return r;
}

static inline int decode_hex(const char *hex, struct frame *ret_frame)
{
	struct bytes b = bytes_of(hex);
	int r = frame_decode(b.at, b.n, ret_frame);

	free(b.at);
	return r;
}

/* Bytes to set in a frame before it is decoded; at 0 ends the list. */
struct patch {
	uint16_t at;
	uint8_t value;
};

static inline int decode_patched(const char *hex, const struct patch *patches, size_t n,
				 struct frame *ret_frame)
{
	struct bytes b = bytes_of(hex);
	int r;

	for (size_t i = 0; i < n && patches[i].at; i++) {
		if (patches[i].at >= b.n)
			abort();
		b.at[patches[i].at] = patches[i].value;
	}
	r = frame_decode(b.at, b.n, ret_frame);
	free(b.at);
	return r;
}

/* A row: this frame, changed so, gives this result and, when decoded, this kind. */
struct decode_row {
	const char *what;
	const char *hex;
	struct patch patches[4];
	int result;
	enum frame_kind kind;
};

static inline void check_rows(const struct decode_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct frame f = { .kind = FRAME_KINDS };
		int r = decode_patched(rows[i].hex, rows[i].patches, COUNT(rows[i].patches), &f);

		if (r != rows[i].result)
			fail_msg("%s: result %d", rows[i].what, r);
		if (f.kind != (r < 0 ? FRAME_KINDS : rows[i].kind))
			fail_msg("%s: kind %d", rows[i].what, f.kind);
	}
}

/* Every truncation of a frame that is not padded is refused, and nothing behind it is read. */
static inline void check_truncations(const char *hex, size_t shortest)
{
	struct bytes b = bytes_of(hex);

	for (size_t n = 0; n < b.n; n++) {
		struct frame f = { .kind = FRAME_KINDS };
		int r = decode_first(&b, n, &f);

		if ((r == 0) != (n >= shortest))
			fail_msg("%zu of %zu bytes: result %d", n, b.n, r);
		if (r < 0 && f.kind != FRAME_KINDS)
			fail_msg("%zu of %zu bytes: the frame was touched", n, b.n);
	}
	free(b.at);
}

#endif
