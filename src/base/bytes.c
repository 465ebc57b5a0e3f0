#include "base/bytes.h"

#include <string.h>

const uint8_t *cursor_take(struct cursor *c, size_t n)
{
	if (c->failed || n > c->left) {
		c->failed = true;
		return NULL;
	}
	const uint8_t *here = c->at;

	/* Nothing at nowhere is no failure, but adding to a null pointer is undefined. */
	if (n > 0)
		c->at += n;
	c->left -= n;
	return here;
}

uint8_t cursor_u8(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 1);

	return p ? p[0] : 0;
}

uint16_t cursor_be16(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 2);

	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

uint32_t cursor_be32(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 4);

	if (!p)
		return 0;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void cursor_copy(struct cursor *c, void *to, size_t n)
{
	const uint8_t *p = cursor_take(c, n);

	if (n == 0)
		return;
	if (p)
		memcpy(to, p, n);
	else
		memset(to, 0, n);
}

void cursor_skip(struct cursor *c, size_t n)
{
	(void)cursor_take(c, n);
}

struct cursor cursor_sub(struct cursor *c, size_t n)
{
	const uint8_t *p = cursor_take(c, n);

	return (struct cursor){ .at = p, .left = p ? n : 0, .failed = !p };
}

uint8_t *writer_make(struct writer *w, size_t n)
{
	if (w->failed || n > w->size - w->used) {
		w->failed = true;
		return NULL;
	}
	uint8_t *here = w->start;

	if (w->used > 0)
		here += w->used;
	w->used += n;
	return here;
}

void writer_u8(struct writer *w, uint8_t v)
{
	uint8_t *p = writer_make(w, 1);

	if (p)
		p[0] = v;
}

void writer_be16(struct writer *w, uint16_t v)
{
	uint8_t *p = writer_make(w, 2);

	if (!p)
		return;
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void writer_be32(struct writer *w, uint32_t v)
{
	uint8_t *p = writer_make(w, 4);

	if (!p)
		return;
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

void writer_bytes(struct writer *w, const void *from, size_t n)
{
	uint8_t *p = writer_make(w, n);

	if (p && n > 0)
		memcpy(p, from, n);
}

void writer_zero(struct writer *w, size_t n)
{
	uint8_t *p = writer_make(w, n);

	if (p && n > 0)
		memset(p, 0, n);
}

bool bytes_equal_secret(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a;
	const uint8_t *y = b;
	volatile uint8_t differ = 0;

	for (size_t i = 0; i < n; i++)
		differ = (uint8_t)(differ | (x[i] ^ y[i]));
	return differ == 0;
}
