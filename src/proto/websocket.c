#include "proto/websocket.h"

#include "base/bytes.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

struct header {
	bool fin, masked;
	uint8_t opcode;
	uint8_t mask[4];
	uint64_t length;
	size_t size;
};

size_t ws_header_write(enum ws_opcode opcode, uint64_t length, const uint8_t *mask,
		       uint8_t to[static WS_HEADER_MAX])
{
	struct writer w = writer_over(to, WS_HEADER_MAX);
	uint8_t masked = mask ? 0x80 : 0;

	writer_u8(&w, (uint8_t)(0x80 | opcode));
	if (length < 126) {
		writer_u8(&w, (uint8_t)(masked | length));
	} else if (length <= UINT16_MAX) {
		writer_u8(&w, masked | 126);
		writer_be16(&w, (uint16_t)length);
	} else {
		writer_u8(&w, masked | 127);
		writer_be32(&w, (uint32_t)(length >> 32));
		writer_be32(&w, (uint32_t)length);
	}
	if (mask)
		writer_bytes(&w, mask, 4);
	return w.used;
}

void ws_mask(uint8_t *bytes, size_t n, const uint8_t mask[static 4])
{
	uint64_t wide, block;
	size_t i = 0;

	memcpy(&wide, mask, 4);
	memcpy((uint8_t *)&wide + 4, mask, 4);
	for (; n - i >= 8; i += 8) {
		memcpy(&block, bytes + i, 8);
		block ^= wide;
		memcpy(bytes + i, &block, 8);
	}
	for (; i < n; i++)
		bytes[i] ^= mask[i & 3];
}

size_t ws_close_write(uint16_t code, const char *reason, uint8_t to[static WS_CONTROL_MAX])
{
	struct writer w = writer_over(to, WS_CONTROL_MAX);
	size_t n = strnlen(reason, WS_CONTROL_MAX - 2);

	writer_be16(&w, code);
	writer_bytes(&w, reason, n);
	return w.used;
}

bool ws_utf8_valid(const uint8_t *bytes, size_t n)
{
	size_t i = 0;

	while (i < n) {
		uint64_t block;
		size_t length;

		/* Nearly everything is ASCII: eight at a time. */
		while (n - i >= 8) {
			memcpy(&block, bytes + i, 8);
			if (block & 0x8080808080808080U)
				break;
			i += 8;
		}
		if (i == n)
			break;
		length = text_utf8_length((const char *)bytes + i, n - i);
		/* NUL is a character too, though no text of ours has one. */
		if (length == 0 && bytes[i] != 0)
			return false;
		i += length ? length : 1;
	}
	return true;
}

/* WS_READ_NOTHING when it is all there, WS_READ_MORE, or a close code. */
static int read_header(const uint8_t *bytes, size_t n, struct header *h)
{
	struct cursor c = cursor_over(bytes, n);
	uint8_t first = cursor_u8(&c);
	uint8_t second = cursor_u8(&c);

	if (c.failed)
		return WS_READ_MORE;
	if (first & 0x70)
		return WS_PROTOCOL_ERROR;
	*h = (struct header){ .fin = first >> 7, .opcode = first & 15, .masked = second >> 7 };
	h->length = second & 127;
	if (h->length == 126) {
		h->length = cursor_be16(&c);
		if (!c.failed && h->length < 126)
			return WS_PROTOCOL_ERROR;
	} else if (h->length == 127) {
		h->length = (uint64_t)cursor_be32(&c) << 32;
		h->length |= cursor_be32(&c);
		if (!c.failed && (h->length <= UINT16_MAX || h->length >> 63))
			return WS_PROTOCOL_ERROR;
	}
	if (h->masked)
		cursor_copy(&c, h->mask, 4);
	h->size = n - c.left;
	return c.failed ? WS_READ_MORE : WS_READ_NOTHING;
}

/* Whether a frame of this kind may come now. */
static int check_header(const struct ws_reader *r, const struct header *h)
{
	if (r->closed || h->masked != r->from_client)
		return WS_PROTOCOL_ERROR;
	switch (h->opcode) {
	case WS_CLOSE:
	case WS_PING:
	case WS_PONG:
		return h->fin && h->length <= WS_CONTROL_MAX ? 0 : WS_PROTOCOL_ERROR;
	case WS_TEXT:
		if (r->in_message)
			return WS_PROTOCOL_ERROR;
		break;
	case WS_CONTINUATION:
		if (!r->in_message)
			return WS_PROTOCOL_ERROR;
		if (r->fragments >= WS_FRAGMENTS_MAX)
			return WS_POLICY;
		break;
	case WS_BINARY:
		return r->in_message ? WS_PROTOCOL_ERROR : WS_UNSUPPORTED;
	default:
		return WS_PROTOCOL_ERROR;
	}
	return h->length <= r->message_max - r->used ? 0 : WS_TOO_BIG;
}

static bool keep_fragment(struct ws_reader *r, const uint8_t *bytes, size_t n)
{
	uint32_t wanted = r->used + (uint32_t)n;
	uint8_t *grown;

	if (wanted > r->room) {
		/* Twice what is there, within what a message may have: many small fragments cost no more than one. */
		uint32_t room = wanted > r->room * 2 ? wanted : r->room * 2;

		room = room < r->message_max ? room : r->message_max;
		grown = realloc(r->message, room ? room : 1);
		if (!grown)
			return false;
		r->message = grown;
		r->room = room;
	}
	if (n)
		memcpy(r->message + r->used, bytes, n);
	r->used = wanted;
	return true;
}

static int take_data(struct ws_reader *r, const struct header *h, struct ws_payload *p)
{
	if (!h->fin || r->in_message) {
		if (!keep_fragment(r, p->bytes, p->n))
			return WS_TOO_BIG;
		r->fragments++;
		r->in_message = true;
	}
	if (!h->fin)
		return WS_READ_NOTHING;
	if (r->in_message)
		*p = (struct ws_payload){ .bytes = r->message, .n = r->used };
	r->in_message = false;
	r->fragments = 0;
	return ws_utf8_valid(p->bytes, p->n) ? WS_READ_TEXT : WS_INVALID_DATA;
}

static bool close_code_valid(uint16_t code)
{
	if (code >= 3000)
		return code <= 4999;
	return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

static int take_close(struct ws_reader *r, struct ws_payload *p)
{
	p->code = WS_NO_STATUS;
	if (p->n == 1)
		return WS_PROTOCOL_ERROR;
	if (p->n >= 2) {
		p->code = (uint16_t)(p->bytes[0] << 8 | p->bytes[1]);
		p->bytes += 2;
		p->n -= 2;
		if (!close_code_valid(p->code))
			return WS_PROTOCOL_ERROR;
		if (!ws_utf8_valid(p->bytes, p->n))
			return WS_INVALID_DATA;
	}
	r->closed = true;
	return WS_READ_CLOSE;
}

int ws_reader_take(struct ws_reader *r, uint8_t *bytes, size_t n, size_t *ret_taken,
		   struct ws_payload *ret_payload)
{
	struct header h;
	int v;

	/* The message of the call before is not needed any more. */
	if (!r->in_message)
		ws_reader_done(r);
	v = read_header(bytes, n, &h);
	if (v != WS_READ_NOTHING)
		return v;
	v = check_header(r, &h);
	if (v)
		return v;
	if (h.length > n - h.size)
		return WS_READ_MORE;
	*ret_taken = h.size + (size_t)h.length;
	*ret_payload = (struct ws_payload){ .bytes = bytes + h.size, .n = (size_t)h.length };
	if (h.masked)
		ws_mask(ret_payload->bytes, ret_payload->n, h.mask);
	switch (h.opcode) {
	case WS_PING:
		return WS_READ_PING;
	case WS_PONG:
		return WS_READ_PONG;
	case WS_CLOSE:
		return take_close(r, ret_payload);
	default:
		return take_data(r, &h, ret_payload);
	}
}

void ws_reader_done(struct ws_reader *r)
{
	free(r->message);
	r->message = NULL;
	r->used = 0;
	r->room = 0;
	r->in_message = false;
	r->fragments = 0;
}
