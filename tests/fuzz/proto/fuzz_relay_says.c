/*
 * fuzz_relay_says: what a relay says to a guard; and sealed requests and answers, which come out as they went in.
 */
#include "proto/relay_message.h"

#include "base/bytes.h"
#include "proto/keys.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[RELAY_KEY_SIZE] = { 7 };

static void check_request(const struct sealed_request *q)
{
	char text[8192];
	char problem[JSON_PROBLEM];
	struct json_writer w = json_writer_over(text, sizeof(text));
	struct sealed_request again = *q;
	struct json *root;

	assert(sealed_request_sane(q));
	/* Nobody knows the key: what is not sealed with it is not authentic. */
	assert(!sealed_request_authentic(q, key));
	sealed_request_seal(&again, key);
	assert(sealed_request_authentic(&again, key));
	sealed_request_write(&w, &again);
	assert(!w.out.cut && json_read(text, w.out.used, &root, problem) == 0);
	assert(sealed_request_read(root, &again) == 0 && sealed_request_authentic(&again, key));
	json_drop(root);
}

static void check_answer(const uint8_t *data, size_t size)
{
	char problem[JSON_PROBLEM];
	struct sealed_answer a;
	struct json *root;

	if (json_read((const char *)data, size, &root, problem) < 0)
		return;
	if (sealed_answer_read(root, &a) == 0) {
		assert(sealed_answer_sane(&a));
		assert(!sealed_answer_authentic("home", "grant", &a, key));
		sealed_answer_seal("home", "grant", &a, key);
		assert(sealed_answer_authentic("home", "grant", &a, key));
	}
	json_drop(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct relay_message m;
	int r = relay_message_read((const char *)data, size, &m);

	assert(r == 0 || r == RELAY_UNKNOWN || r < 0);
	if (r == 0 && m.kind == RELAY_REQUEST && m.request.sane)
		check_request(&m.request.sealed);
	if (r == 0 && m.kind == RELAY_JOINED)
		assert(m.joined.heartbeat >= 25 && m.joined.heartbeat <= 55);
	check_answer(data, size);
	return 0;
}
