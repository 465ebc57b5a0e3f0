/*
 * fuzz_http: any bytes as the head of a request; what was read is decoded further. Slices stay inside of the bytes, and a cut
 * never turns a good head into a bad one.
 */
#include "proto/http.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct slice s, const char *bytes, size_t n)
{
	assert(!s.at || (s.at >= bytes && s.at + s.n <= bytes + n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	struct prefix trusted = { .addr = { .family = 4, .b = { 127 } }, .length = 8 };
	struct http_head h, again;
	size_t used = 0, other;
	char text[64];
	int r = http_head_read(bytes, size, &h, &used);

	assert(r == HTTP_DONE || r == HTTP_MORE || (r >= 400 && r < 600));
	if (r != HTTP_DONE)
		return 0;
	assert(used <= size && used <= HTTP_HEAD_MAX);
	for (unsigned int i = 0; i < HTTP_FIELDS; i++)
		inside(h.fields[i], bytes, used);
	inside(h.path, bytes, used);
	inside(h.query, bytes, used);
	assert(h.path.n > 0 && h.path.at[0] == '/');
	for (size_t cut = 0; cut < used; cut += 7)
		assert(http_head_read(bytes, cut, &again, &other) == HTTP_MORE);
	(void)http_query(h.query, "label", text, sizeof(text));
	(void)http_decode(h.path, false, text, sizeof(text));
	(void)http_bearer(h.fields[HTTP_AUTHORIZATION]);
	(void)http_forwarded(&h, &trusted, 1);
	return 0;
}
