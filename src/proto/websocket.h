/*
 * websocket: frames and messages of RFC 6455, for both sides; no extensions.
 *
 * Pure but for the memory of a message that comes in fragments. Owns the rules: who masks, what may be fragmented, how
 * much. Refuses to know connections, and what messages say.
 */
#ifndef ROUSE_PROTO_WEBSOCKET_H
#define ROUSE_PROTO_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ws_opcode {
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10
};

/* Close codes (RFC 6455, 7.4.1). */
enum {
	WS_NORMAL = 1000,
	WS_GOING_AWAY = 1001,
	WS_PROTOCOL_ERROR = 1002,
	WS_UNSUPPORTED = 1003,
	WS_NO_STATUS = 1005, /* a close frame without a code; never sent */
	WS_INVALID_DATA = 1007,
	WS_POLICY = 1008,
	WS_TOO_BIG = 1009
};

#define WS_HEADER_MAX 14
#define WS_CONTROL_MAX 125 /* bytes of a ping, pong or close */
#define WS_FRAGMENTS_MAX 64

/* Writes the header of one unfragmented frame; `mask` (4 bytes) for clients, NULL for servers. Returns its size. */
size_t ws_header_write(enum ws_opcode opcode, uint64_t length, const uint8_t *mask,
		       uint8_t to[static WS_HEADER_MAX]);
/* Masks or unmasks in place, from the start of a payload. */
void ws_mask(uint8_t *bytes, size_t n, const uint8_t mask[static 4]);
/* The payload of a close frame; returns its size. The reason is cut to what fits. */
size_t ws_close_write(uint16_t code, const char *reason, uint8_t to[static WS_CONTROL_MAX]);
bool ws_utf8_valid(const uint8_t *bytes, size_t n);

/* Follows the messages of one direction. */
struct ws_reader {
	bool from_client; /* frames must be masked; else they must not */
	bool in_message; /* fragments came, the last one did not */
	bool closed; /* a close frame came: nothing is read any more */
	uint8_t fragments;
	uint32_t message_max; /* bytes */
	uint32_t used, room; /* of `message` */
	uint8_t *message; /* the fragments so far; NULL most of the time */
};

/* What was read; everything from 1000 on is the code to close with. */
enum ws_read {
	WS_READ_MORE,
	WS_READ_NOTHING,
	WS_READ_TEXT,
	WS_READ_PING,
	WS_READ_PONG,
	WS_READ_CLOSE
};

struct ws_payload {
	uint8_t *bytes; /* in the reader's memory or the caller's, until the next call */
	size_t n;
	uint16_t code; /* of WS_READ_CLOSE */
};

/*
 * Takes one frame from `bytes` (which it unmasks in place) and says how many bytes that was. WS_READ_MORE: it is not
 * all there, nothing was touched; WS_READ_NOTHING: a fragment, look at what follows. Text is valid UTF-8.
 */
int ws_reader_take(struct ws_reader *r, uint8_t *bytes, size_t n, size_t *ret_taken,
		   struct ws_payload *ret_payload);
void ws_reader_done(struct ws_reader *r);

#define WS_KEY_LENGTH 24 /* characters of Sec-WebSocket-Key */
#define WS_ACCEPT_TEXT 29
/* Sec-WebSocket-Accept for a key of WS_KEY_LENGTH characters. */
char *ws_accept(const char key[static WS_KEY_LENGTH], char to[static WS_ACCEPT_TEXT]);
/* Whether it is the base64 of 16 bytes. */
bool ws_key_valid(const char *key, size_t n);

#endif
