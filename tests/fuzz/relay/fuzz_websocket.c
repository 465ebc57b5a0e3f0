/*
 * fuzz_websocket: any bytes as frames; the first one says which side reads. However the bytes are cut, the same comes out.
 */
#include "proto/websocket.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A digest of everything that was read, and the verdict that ended it. */
static uint64_t read_all(const uint8_t *data, size_t size, size_t step, bool from_client)
{
	struct ws_reader r = { .from_client = from_client, .message_max = 256 };
	uint8_t *bytes = malloc(size ? size : 1);
	uint64_t digest = 14695981039346656037U;
	size_t have = 0, used = 0;
	int what = WS_READ_MORE;

	assert(bytes);
	while (used < size && what < WS_NORMAL && (have < size || what != WS_READ_MORE)) {
		struct ws_payload p = { 0 };
		size_t taken = 0, more = step < size - have ? step : size - have;

		memcpy(bytes + have, data + have, more);
		have += more;
		for (what = 0; what < WS_NORMAL && used < have;) {
			what = ws_reader_take(&r, bytes + used, have - used, &taken, &p);
			if (what == WS_READ_MORE)
				break;
			digest = (digest ^ (uint64_t)what) * 1099511628211U;
			if (what >= WS_NORMAL)
				break;
			assert(taken > 0 && taken <= have - used);
			used += taken;
			for (size_t i = 0; what != WS_READ_NOTHING && i < p.n; i++)
				digest = (digest ^ p.bytes[i]) * 1099511628211U;
			assert(what != WS_READ_TEXT || ws_utf8_valid(p.bytes, p.n));
			assert(r.used <= r.message_max);
		}
	}
	ws_reader_done(&r);
	free(bytes);
	return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t whole;

	if (size == 0)
		return 0;
	whole = read_all(data + 1, size - 1, size, data[0] & 1);
	assert(whole == read_all(data + 1, size - 1, 1, data[0] & 1));
	assert(whole == read_all(data + 1, size - 1, 7, data[0] & 1));
	return 0;
}
