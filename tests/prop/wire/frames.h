/*
 * frames: seeded random frames, mostly valid, for the property tests of wire. Written byte by byte, not with the
 * encoders under test. Addresses, MACs and ports come from small sets, so that matches are frequent.
 */
#ifndef ROUSE_TESTS_WIRE_FRAMES_H
#define ROUSE_TESTS_WIRE_FRAMES_H

#include "../random.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_ROOM 320

struct made {
	uint8_t b[FRAME_ROOM];
	size_t n;
	uint64_t *seed;
};

static inline void make_u8(struct made *m, uint32_t v)
{
	if (m->n == sizeof(m->b))
		abort();
	m->b[m->n++] = (uint8_t)v;
}

static inline void make_be16(struct made *m, uint32_t v)
{
	make_u8(m, v >> 8);
	make_u8(m, v);
}

static inline void make_random(struct made *m, size_t n)
{
	while (n--)
		make_u8(m, (uint32_t)random64(m->seed));
}

/* One of the values, which are numbers or single bytes. */
#define PICK(m, ...)                                  \
	((const uint32_t[]){                          \
		__VA_ARGS__ }[random_below((m)->seed, \
					   sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)])

/* 02:00:00:00:00:01 to 04: the tests say whose they are. Now and then a group's. */
static inline void make_mac(struct made *m)
{
	static const uint8_t broadcast[6] = { 255, 255, 255, 255, 255, 255 };
	static const uint8_t group[6] = { 0x33, 0x33, 0xff, 0, 0, 1 };
	uint8_t own[6] = { 2, 0, 0, 0, 0, (uint8_t)(1 + random_below(m->seed, 4)) };
	uint32_t which = random_below(m->seed, 8);
	const uint8_t *b = which == 0 ? broadcast : which == 1 ? group : own;

	for (int i = 0; i < 6; i++)
		make_u8(m, b[i]);
}

/* 192.0.2.0 to 63. */
static inline void make_v4(struct made *m)
{
	make_be16(m, 0xc000);
	make_u8(m, 2);
	make_u8(m, random_below(m->seed, 64));
}

/* 2001:db8::0 to 3f; now and then :: or a solicited-node group. */
static inline void make_v6(struct made *m)
{
	uint32_t which = random_below(m->seed, 8);
	uint8_t b[16] = { 0x20, 0x01, 0x0d, 0xb8 };

	b[15] = (uint8_t)random_below(m->seed, 64);
	if (which == 0)
		memset(b, 0, sizeof(b));
	if (which == 1) {
		memset(b, 0, 15);
		b[0] = 0xff;
		b[1] = 2;
		b[11] = 1;
		b[12] = 0xff;
	}
	for (int i = 0; i < 16; i++)
		make_u8(m, b[i]);
}

#define GATE_PORT 61000
#define ECHO_ID 0x7272

static inline void make_arp(struct made *m)
{
	make_be16(m, 1);
	make_be16(m, 0x0800);
	make_be16(m, 0x0604);
	make_be16(m, PICK(m, 1, 1, 2, 2, 3));
	make_mac(m);
	make_v4(m);
	make_mac(m);
	make_v4(m);
}

static inline void make_option(struct made *m)
{
	uint32_t units = PICK(m, 1, 1, 1, 2);

	make_u8(m, PICK(m, 1, 1, 2, 2, 14, 5));
	make_u8(m, units);
	make_random(m, units * 8 - 2);
}

static inline void make_icmpv6(struct made *m)
{
	uint32_t type = PICK(m, 135, 135, 136, 136, 133, 134, 137, 128, 129, 131, 132, 143, 1);

	make_u8(m, type);
	make_u8(m, PICK(m, 0, 0, 0, 0, 0, 1));
	make_be16(m, 0);
	if (type < 133 || type == 143) {
		make_be16(m, PICK(m, ECHO_ID, ECHO_ID, 1));
		make_random(m, 2 + random_below(m->seed, 9));
		return;
	}
	make_u8(m, PICK(m, 0, 0x20, 0x60, 0xe0));
	make_random(m, 3);
	if (type == 134)
		make_random(m, 8);
	if (type == 137)
		make_v6(m);
	if (type >= 135)
		make_v6(m);
	for (uint32_t i = random_below(m->seed, 3); i > 0; i--)
		make_option(m);
}

static inline void make_icmp(struct made *m)
{
	make_u8(m, PICK(m, 8, 0, 0, 3));
	make_u8(m, PICK(m, 0, 0, 0, 1));
	make_be16(m, 0);
	make_be16(m, PICK(m, ECHO_ID, ECHO_ID, 1));
	make_random(m, 2 + random_below(m->seed, 9));
}

static inline void make_l4(struct made *m, uint32_t protocol)
{
	uint32_t options = PICK(m, 0, 0, 1, 10);
	size_t data = random_below(m->seed, 9);

	if (protocol == 58) {
		make_icmpv6(m);
	} else if (protocol == 1) {
		make_icmp(m);
	} else if (protocol == 6) {
		make_be16(m, PICK(m, 22, 40000));
		make_be16(m, PICK(m, GATE_PORT, 22, 67));
		make_random(m, 8);
		make_u8(m, (5 + options) << 4);
		make_u8(m, PICK(m, 2, 0x12, 0x10, 4, 1));
		make_random(m, 6 + 4 * options + data);
	} else if (protocol == 17) {
		make_be16(m, PICK(m, 68, 40000));
		make_be16(m, PICK(m, 67, 67, GATE_PORT, 9987, 5353));
		make_be16(m, (uint32_t)(8 + data));
		make_be16(m, PICK(m, 0, 0x1234));
		make_random(m, data);
	} else {
		make_random(m, data);
	}
}

static inline void make_v4_packet(struct made *m)
{
	size_t start = m->n;
	uint32_t options = PICK(m, 0, 0, 0, 1, 10);
	uint32_t protocol = PICK(m, 6, 6, 17, 17, 1, 1, 58, 47);

	make_u8(m, 0x45 + options);
	make_u8(m, 0);
	make_be16(m, 0);
	make_be16(m, 0);
	make_be16(m, PICK(m, 0, 0, 0x4000, 0x4000, 0x2000, 0x2003, 3));
	make_u8(m, 64);
	make_u8(m, protocol);
	make_be16(m, 0);
	make_v4(m);
	make_v4(m);
	make_random(m, 4 * options);
	make_l4(m, protocol);
	m->b[start + 2] = (uint8_t)((m->n - start) >> 8);
	m->b[start + 3] = (uint8_t)(m->n - start);
}

/* One extension header; the type of what follows is returned as given. */
static inline void make_extension(struct made *m, uint32_t kind, uint32_t next)
{
	make_u8(m, next);
	if (kind == 44) {
		make_u8(m, 0);
		make_be16(m, PICK(m, 0, 1, 8, 9));
		make_random(m, 4);
	} else if (kind == 43) {
		make_be16(m, 0);
		make_u8(m, PICK(m, 0, 1));
		make_random(m, 4);
	} else if (kind == 51) {
		make_u8(m, 1);
		make_random(m, 10);
	} else {
		make_u8(m, PICK(m, 0, 1));
		make_random(m, m->b[m->n - 1] ? 14 : 6);
	}
}

static inline void make_v6_packet(struct made *m)
{
	size_t start = m->n;
	uint32_t protocol = PICK(m, 6, 6, 17, 58, 58, 58, 58, 59, 1);
	uint32_t kinds[3];
	uint32_t n = PICK(m, 0, 0, 0, 0, 1, 2, 3);

	for (uint32_t i = 0; i < n; i++)
		kinds[i] = i == 0 ? PICK(m, 0, 43, 44, 51, 60) : PICK(m, 43, 44, 51, 60);
	make_be16(m, 0x6000);
	make_random(m, 2);
	make_be16(m, 0);
	make_u8(m, n ? kinds[0] : protocol);
	make_u8(m, protocol == 58 ? PICK(m, 255, 255, 255, 64) : 64);
	make_v6(m);
	make_v6(m);
	for (uint32_t i = 0; i < n; i++)
		make_extension(m, kinds[i], i + 1 < n ? kinds[i + 1] : protocol);
	make_l4(m, protocol);
	m->b[start + 4] = (uint8_t)((m->n - start - 40) >> 8);
	m->b[start + 5] = (uint8_t)(m->n - start - 40);
}

/* One frame, valid but for what the random values contradict; then, one time in four, a few bytes are changed. */
static inline struct made make_frame(uint64_t *seed)
{
	struct made m = { .seed = seed };
	uint32_t type = PICK(&m, 0x0806, 0x0800, 0x0800, 0x86dd, 0x86dd, 0x88cc);

	make_mac(&m);
	make_mac(&m);
	if (random_below(seed, 16) == 0) {
		make_be16(&m, 0x8100);
		make_be16(&m, PICK(&m, 0, 5));
	}
	make_be16(&m, type);
	if (type == 0x0806)
		make_arp(&m);
	else if (type == 0x0800)
		make_v4_packet(&m);
	else if (type == 0x86dd)
		make_v6_packet(&m);
	while (m.n < 60)
		make_u8(&m, 0);
	for (uint32_t i = random_below(seed, 4) ? 0 : random_below(seed, 4); i > 0; i--)
		m.b[random_below(seed, (uint32_t)m.n)] = (uint8_t)random64(seed);
	if (random_below(seed, 16) == 0)
		m.n = random_below(seed, (uint32_t)m.n + 1);
	return m;
}

#endif
