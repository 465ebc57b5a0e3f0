/*
 * fuzz_relay_message: any text as a message between guard, relay and client. The picker and the JSON library agree about
 * what is JSON; what is read as a machine, an event or a grant is written, and read again as the same.
 */
#include "proto/json.h"
#include "proto/json_pick.h"
#include "proto/relay_state.h"
#include "proto/websocket.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void machine_again(const struct json *root)
{
	static char text[RELAY_MACHINE_JSON], twice[RELAY_MACHINE_JSON];
	struct json_writer w = json_writer_over(text, sizeof(text)),
			   v = json_writer_over(twice, sizeof(twice));
	char problem[JSON_PROBLEM];
	struct relay_machine m;
	struct json *again;

	if (relay_machine_read(root, &m) < 0)
		return;
	relay_machine_write(&w, &m);
	assert(!w.out.cut && json_read(text, w.out.used, &again, problem) == 0);
	assert(relay_machine_read(again, &m) == 0);
	relay_machine_write(&v, &m);
	assert(w.out.used == v.out.used);
	json_drop(again);
}

static void event_again(const struct json *root)
{
	static char text[RELAY_EVENT_JSON];
	struct json_writer w = json_writer_over(text, sizeof(text));
	char problem[JSON_PROBLEM];
	struct relay_event e;
	struct json *again;

	if (relay_event_read(root, &e) < 0)
		return;
	relay_event_write(&w, &e);
	assert(!w.out.cut && json_read(text, w.out.used, &again, problem) == 0);
	assert(relay_event_read(again, &e) == 0);
	json_drop(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct relay_grant grant;
	struct json_pick p[] = {
		{ .key = "t" }, { .key = "id" }, { .key = "sealed" }, { .key = "final" }
	};
	struct slice text = { (const char *)data, size }, word;
	char problem[JSON_PROBLEM];
	uint8_t bytes[32];
	struct json *root;
	uint64_t number;
	bool truth, good = json_pick(text, p, 4) == 0;

	for (size_t i = 0; good && i < 4; i++) {
		assert(!p[i].value.at || (p[i].value.at > text.at && p[i].value.n > 0 &&
					  p[i].value.at + p[i].value.n < text.at + text.n));
		(void)json_pick_u64(p[i].value, RELAY_WHOLE_MAX, &number);
		(void)json_pick_bool(p[i].value, &truth);
		(void)json_pick_word(p[i].value, &word);
		(void)json_pick_b64(p[i].value, bytes, 16);
	}
	if (!ws_utf8_valid(data, size) || json_read(text.at, text.n, &root, problem) < 0)
		return 0;
	/*
	 * The picker refuses a member that it picks twice; and a NUL behind a number, which the library passes over.
	 */
	assert(good || memchr(data, 0, size) || json_member(root, "t") || json_member(root, "id") ||
	       json_member(root, "sealed") || json_member(root, "final"));
	machine_again(root);
	event_again(root);
	(void)relay_grant_read(root, &grant);
	json_drop(root);
	return 0;
}
