/*
 * websocket_accept: the key and its answer in the opening handshake (RFC 6455, 4.2.2). SHA-1 (FIPS 180-4) is here and
 * nowhere else: it proves that the other side speaks WebSocket, and secures nothing.
 */
#include "proto/websocket.h"

#include <string.h>

#define SHA1_SIZE 20

static uint32_t rotate(uint32_t v, unsigned int by)
{
	return v << by | v >> (32 - by);
}

static uint32_t mix(unsigned int round, uint32_t b, uint32_t c, uint32_t d)
{
	switch (round / 20) {
	case 0:
		return ((b & c) | (~b & d)) + 0x5a827999;
	case 1:
		return (b ^ c ^ d) + 0x6ed9eba1;
	case 2:
		return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
	default:
		return (b ^ c ^ d) + 0xca62c1d6;
	}
}

static void block(uint32_t h[static 5], const uint8_t bytes[static 64])
{
	uint32_t w[80], v[5];

	for (unsigned int i = 0; i < 16; i++)
		w[i] = (uint32_t)bytes[4 * i] << 24 | (uint32_t)bytes[4 * i + 1] << 16 |
		       (uint32_t)bytes[4 * i + 2] << 8 | bytes[4 * i + 3];
	for (unsigned int i = 16; i < 80; i++)
		w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	memcpy(v, h, sizeof(v));
	for (unsigned int i = 0; i < 80; i++) {
		uint32_t next = rotate(v[0], 5) + mix(i, v[1], v[2], v[3]) + v[4] + w[i];

		v[4] = v[3];
		v[3] = v[2];
		v[2] = rotate(v[1], 30);
		v[1] = v[0];
		v[0] = next;
	}
	for (unsigned int i = 0; i < 5; i++)
		h[i] += v[i];
}

/* Of the one length that is needed: 60 bytes, two blocks. */
static void sha1_of_60(const uint8_t bytes[static 60], uint8_t to[static SHA1_SIZE])
{
	uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
	uint8_t padded[128] = { 0 };

	memcpy(padded, bytes, 60);
	padded[60] = 0x80;
	padded[126] = 60 * 8 >> 8;
	padded[127] = 60 * 8 & 255;
	block(h, padded);
	block(h, padded + 64);
	for (unsigned int i = 0; i < SHA1_SIZE; i++)
		to[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *ws_accept(const char key[static WS_KEY_LENGTH], char to[static WS_ACCEPT_TEXT])
{
	static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t bytes[60];
	uint8_t digest[SHA1_SIZE + 1] = { 0 };
	char *out = to;

	memcpy(bytes, key, WS_KEY_LENGTH);
	memcpy(bytes + WS_KEY_LENGTH, magic, sizeof(magic) - 1);
	sha1_of_60(bytes, digest);
	for (unsigned int i = 0; i < 21; i += 3) {
		uint32_t v = (uint32_t)digest[i] << 16 | (uint32_t)digest[i + 1] << 8 |
			     digest[i + 2];

		for (unsigned int shift = 24; shift > 0; shift -= 6)
			*out++ = letters[v >> (shift - 6) & 63];
	}
	/* 20 bytes are 27 characters and one '='. */
	to[27] = '=';
	to[28] = 0;
	return to;
}

bool ws_key_valid(const char *key, size_t n)
{
	if (n != WS_KEY_LENGTH || key[22] != '=' || key[23] != '=')
		return false;
	for (size_t i = 0; i < 22; i++)
		if (key[i] == 0 || !strchr(letters, key[i]))
			return false;
	return true;
}
