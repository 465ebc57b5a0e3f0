/*
 * test_json_pick: members as slices, and the grammar, compared with what the JSON library takes.
 */
#include "proto/json.h"
#include "proto/json_pick.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void picks(void **state)
{
	static const char text[] =
		" {\"t\" : \"answer\" ,\"id\":12,\"x\":[{\"t\":1},\"}\"],\"sealed\":{\"a\":[1,{}]} "
		", \"final\":true,"
		"\"none\":null} ";
	struct json_pick p[] = { { .key = "t" },     { .key = "id" },	{ .key = "sealed" },
				 { .key = "final" }, { .key = "none" }, { .key = "away" } };
	struct slice word;
	uint64_t id;
	bool final;

	(void)state;
	assert_int_equal(json_pick(SLICE(text), p, 6), 0);
	assert_int_equal(json_pick_word(p[0].value, &word), 0);
	assert_true(slice_is(word, "answer"));
	assert_int_equal(json_pick_u64(p[1].value, 12, &id), 0);
	assert_int_equal(id, 12);
	assert_true(json_pick_u64(p[1].value, 11, &id) < 0);
	assert_true(slice_is(p[2].value, "{\"a\":[1,{}]}"));
	assert_int_equal(json_pick_bool(p[3].value, &final), 0);
	assert_true(final);
	assert_true(json_pick_is_null(p[4].value) && json_pick_is_null(p[5].value));
	assert_true(json_pick_word(p[1].value, &word) < 0 &&
		    json_pick_bool(p[0].value, &final) < 0);
}

static void grammar_is_the_library_s(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{ }",
		"{\"a\":1}",
		"{\"a\":-0.5e+10}",
		"{\"a\":[]}",
		"{\"a\":[[],{}]}",
		"{\"a\":\"\\u00e4\\n\"}",
		"",
		"[]",
		"1",
		"{",
		"}",
		"{}}",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{,}",
		"{\"a\":01}",
		"{\"a\":1.}",
		"{\"a\":.5}",
		"{\"a\":+1}",
		"{\"a\":1e}",
		"{\"a\":tru}",
		"{\"a\":True}",
		"{\"a\":\"\\x\"}",
		"{\"a\":\"\\u12g4\"}",
		"{\"a\":\"\n\"}",
		"{\"a\":\"b}",
		"{a:1}",
		"{\"a\":[1,]}",
		"{\"a\":[1 2]}",
		"{\"a\":[}",
		"{\"a\":[{]}}",
		"{\"a\":{\"b\":1]}",
		"{\"a\":1 \"b\":2}",
		"{\"a\"::1}",
		"{\"a\":-}",
		"{\"a\":[1}}",
		"{\"a\":{\"b\"}}",
		"{\"a\":{1:2}}",
		"{\"a\":nul",
		"{\"a\":1}x",
		"{\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}",
	};
	char problem[JSON_PROBLEM];
	struct json *root;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		bool theirs = json_read(texts[i], strlen(texts[i]), &root, problem) == 0;

		if (theirs)
			json_drop(root);
		if ((json_pick(slice_of(texts[i]), NULL, 0) == 0) != theirs)
			fail_msg("%s: the library says %s", texts[i], theirs ? "yes" : "no");
	}
}

static void repeated_and_deep(void **state)
{
	struct json_pick p = { .key = "a" };
	char deep[128] = "{\"a\":";
	size_t n = strlen(deep);

	(void)state;
	assert_true(json_pick(SLICE("{\"a\":1,\"b\":2,\"b\":3}"), &p, 1) == 0);
	assert_true(json_pick(SLICE("{\"a\":1,\"a\":1}"), &p, 1) < 0);
	memset(deep + n, '[', JSON_DEPTH_MAX + 1);
	memset(deep + n + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	deep[n + 2 * (JSON_DEPTH_MAX + 1)] = '}';
	assert_true(json_pick(slice_of(deep), &p, 1) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(picks),
		cmocka_unit_test(grammar_is_the_library_s),
		cmocka_unit_test(repeated_and_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
