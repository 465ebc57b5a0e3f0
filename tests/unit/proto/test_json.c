/*
 * test_json: the scanner of texts that come in pieces, the strict reader, and the writer.
 */
#include "proto/json.h"
#include "proto/json_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void scans_to_the_end(void **state)
{
	static const char text[] = " {\"a\\\"}\":[{},\"]\"]} ";
	struct json_scan s = { .depth = 0 };

	(void)state;
	for (size_t i = 0; i < strlen(text); i++) {
		/* Done with the last brace, not before. */
		assert_int_equal(s.done, i > strlen(text) - 2);
		json_scan(&s, text + i, 1);
		assert_null(s.wrong);
	}
	json_scan(&s, "x", 1);
	assert_non_null(s.wrong);
}

static void limits(void **state)
{
	char problem[JSON_PROBLEM];
	struct json *root;
	char *text = malloc(JSON_TEXT_MAX + 2);

	(void)state;
	memset(text, ' ', JSON_TEXT_MAX + 1);
	text[0] = '{';
	text[JSON_TEXT_MAX - 1] = '}';
	assert_int_equal(json_read(text, JSON_TEXT_MAX, &root, problem), 0);
	json_drop(root);
	assert_true(json_read(text, JSON_TEXT_MAX + 1, &root, problem) < 0);
	assert_string_equal(problem, "it is longer than 65536 bytes");
	/* As many containers as are allowed, and one more. */
	for (size_t extra = 0; extra < 2; extra++) {
		size_t n = (size_t)sprintf(text, "{\"a\":[");

		for (size_t i = 0; i < JSON_CONTAINERS_MAX - 2 + extra; i++)
			n += (size_t)sprintf(text + n, "%s[]", i ? "," : "");
		n += (size_t)sprintf(text + n, "]}");
		assert_int_equal(json_read(text, n, &root, problem), extra ? -22 : 0);
		if (!extra)
			json_drop(root);
	}
	assert_string_equal(problem, "too many objects and arrays");
	assert_true(json_read("{\"a\":\"\\u0000\"}", 14, &root, problem) < 0);
	free(text);
}

static void what_a_value_is(void **state)
{
	static const char text[] =
		"{\"w\":\"x\",\"n\":7,\"f\":6.4,\"t\":true,\"z\":null,\"l\":[1,2],\"m\":{}}";
	char problem[JSON_PROBLEM];
	struct json *root;
	char *again;

	(void)state;
	assert_int_equal(json_read(text, strlen(text), &root, problem), 0);
	assert_string_equal(json_word(json_member(root, "w")), "x");
	assert_null(json_word(json_member(root, "n")));
	assert_int_equal(json_whole(json_member(root, "n")), 7);
	assert_int_equal(json_whole(json_member(root, "f")), 0);
	assert_true(json_amount(json_member(root, "f")) > 6.39);
	assert_true(json_truth(json_member(root, "t")));
	assert_int_equal(json_kind_of(json_member(root, "z")), JSON_KIND_NULL);
	assert_int_equal(json_kind_of(json_member(root, "none")), JSON_KIND_NOTHING);
	assert_int_equal(json_count(json_member(root, "l")), 2);
	assert_int_equal(json_count(NULL), 0);
	assert_int_equal(json_whole(json_item(json_member(root, "l"), 1)), 2);
	assert_null(json_item(json_member(root, "l"), 2));
	assert_int_equal(json_kind_of(json_member(root, "m")), JSON_KIND_MAP);
	again = json_print(root);
	assert_string_equal(again, text);
	free(again);
	json_drop(root);
}

static void writes(void **state)
{
	char bytes[512];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	(void)state;
	json_write_open(&w, '{');
	json_write_key(&w, "a");
	json_write_open(&w, '[');
	json_write_u64(&w, 1);
	json_write_null(&w);
	json_write_bool(&w, false);
	json_write_seconds(&w, 6400000);
	json_write_close(&w, ']');
	json_write_key(&w, "s");
	/* Quotes, controls of C0 and C1, bytes that are no UTF-8, and UTF-8. */
	json_write_word(&w, "\"\\\n\x7f\xc2\x9b\xff\xc3\xa4");
	json_write_close(&w, '}');
	assert_string_equal(bytes, "{\"a\":[1,null,false,6.4],\"s\":"
				   "\"\\\"\\\\\\u000a\\u007f\\u009b\xef\xbf\xbd\xc3\xa4\"}");
	assert_false(w.out.cut);
	w = json_writer_over(bytes, 4);
	json_write_word(&w, "abc");
	assert_true(w.out.cut);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scans_to_the_end),
		cmocka_unit_test(limits),
		cmocka_unit_test(what_a_value_is),
		cmocka_unit_test(writes),
	};

	json_seed(42);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
