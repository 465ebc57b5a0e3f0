#include "relay/buffer.h"

#include "base/text.h"

#include <stdlib.h>

char *buffer_room(struct buffer *b, size_t n)
{
	if (b->failed)
		return NULL;
	if (n > b->room - b->used) {
		size_t wanted = b->used + n;
		size_t room = wanted > b->room * 2 ? wanted : b->room * 2;
		char *grown = realloc(b->start, room);

		if (!grown) {
			b->failed = true;
			return NULL;
		}
		b->start = grown;
		b->room = room;
	}
	return b->start + b->used;
}

void buffer_bytes(struct buffer *b, const void *bytes, size_t n)
{
	char *to = buffer_room(b, n);

	if (!to || n == 0)
		return;
	memcpy(to, bytes, n);
	b->used += n;
}

void buffer_text(struct buffer *b, const char *text)
{
	buffer_bytes(b, text, strlen(text));
}

void buffer_slice(struct buffer *b, struct slice s)
{
	buffer_bytes(b, s.at, s.n);
}

void buffer_u64(struct buffer *b, uint64_t v)
{
	char digits[24];
	struct text t = text_over(digits, sizeof(digits));

	text_u64(&t, v);
	buffer_bytes(b, digits, t.used);
}

void buffer_json(struct buffer *b, struct slice json)
{
	char *to = buffer_room(b, json.n);

	if (!to)
		return;
	for (size_t i = 0; i < json.n; i++)
		to[i] = json.at[i] == '\n' || json.at[i] == '\r' ? ' ' : json.at[i];
	b->used += json.n;
}

void buffer_done(struct buffer *b)
{
	free(b->start);
	*b = (struct buffer){ 0 };
}
