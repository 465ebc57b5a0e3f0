/*
 * prop_relay_frames: random messages, written as random frames and cut anywhere, are read as they were; base64url there and
 * back; a changed letter is another value or none.
 */
#include "proto/b64.h"
#include "proto/websocket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 20000
#define MESSAGE_MAX 700

#define MUST(what)                                                                 \
	do {                                                                       \
		if (!(what)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
			exit(1);                                                   \
		}                                                                  \
	} while (0)

static size_t below(size_t n)
{
	return (size_t)random() % n;
}

/* The message in 1 to 4 frames, pings between; returns the bytes. */
static size_t write_frames(const uint8_t *text, size_t n, bool masked, uint8_t *to)
{
	size_t frames = 1 + below(4), used = 0, at = 0;

	for (size_t i = 0; i < frames; i++) {
		size_t part = i + 1 == frames ? n - at : below(n - at + 1);
		uint8_t mask[4] = { (uint8_t)random(), (uint8_t)random(), (uint8_t)random(), 7 };
		size_t head = ws_header_write(i ? WS_CONTINUATION : WS_TEXT, part,
					      masked ? mask : NULL, to + used);

		if (i + 1 < frames)
			to[used] &= 0x7f;
		memcpy(to + used + head, text + at, part);
		if (masked)
			ws_mask(to + used + head, part, mask);
		used += head + part;
		at += part;
		if (below(3) == 0)
			used += ws_header_write(WS_PING, 0, masked ? mask : NULL, to + used);
	}
	return used;
}

static void one_message(void)
{
	bool masked = below(2);
	struct ws_reader r = { .from_client = masked, .message_max = MESSAGE_MAX };
	uint8_t text[MESSAGE_MAX], bytes[MESSAGE_MAX + 200], seen[sizeof(bytes)];
	size_t n = below(MESSAGE_MAX), size, have = 0, used = 0, messages = 0;

	for (size_t i = 0; i < n; i++)
		text[i] = (uint8_t)(' ' + below(94));
	size = write_frames(text, n, masked, bytes);
	while (used < size) {
		struct ws_payload p;
		size_t more = 1 + below(size), taken = 0;
		int what;

		more = more < size - have ? more : size - have;
		memcpy(seen + have, bytes + have, more);
		have += more;
		while (used < have && (what = ws_reader_take(&r, seen + used, have - used, &taken,
							     &p)) != WS_READ_MORE) {
			MUST(what < WS_NORMAL);
			used += taken;
			if (what == WS_READ_TEXT) {
				messages++;
				MUST(p.n == n && (n == 0 || memcmp(p.bytes, text, n) == 0));
			}
		}
	}
	MUST(messages == 1);
	ws_reader_done(&r);
}

static void one_encoding(void)
{
	uint8_t bytes[40], back[40];
	char text[B64_TEXT(40)];
	size_t n = below(40), at;

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)random();
	b64_encode(bytes, n, text);
	MUST(strlen(text) == B64_LENGTH(n));
	MUST(b64_decode(text, strlen(text), back, n) == 0 && memcmp(bytes, back, n) == 0);
	MUST(b64_decode(text, strlen(text), back, n + 1) < 0);
	if (n == 0)
		return;
	at = below(strlen(text));
	text[at] ^= (char)(1 << below(7));
	if (b64_decode(text, strlen(text), back, n) == 0)
		MUST(memcmp(bytes, back, n) != 0);
}

int main(void)
{
	unsigned int seed = (unsigned int)time(NULL);
	const char *given = getenv("SEED");

	seed = given ? (unsigned int)strtoul(given, NULL, 10) : seed;
	printf("SEED=%u\n", seed);
	srandom(seed);
	for (int i = 0; i < ROUNDS; i++) {
		one_message();
		one_encoding();
	}
	return 0;
}
