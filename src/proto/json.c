#include "proto/json.h"

#include "base/text.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

void json_seed(uint64_t random)
{
	/* Without a seed the library would open /dev/urandom by itself, which no sandboxed role may. 0 means that too. */
	json_object_seed((size_t)random | 1);
}

static void scan_open(struct json_scan *s)
{
	s->depth++;
	s->containers++;
	if (s->depth > JSON_DEPTH_MAX)
		s->wrong = "nested too deeply";
	else if (s->containers > JSON_CONTAINERS_MAX)
		s->wrong = "too many objects and arrays";
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void scan_string(struct json_scan *s, char c)
{
	if (s->escaped)
		s->escaped = false;
	else if (c == '\\')
		s->escaped = true;
	else if (c == '"')
		s->in_string = false;
}

static void scan_byte(struct json_scan *s, char c)
{
	if (s->in_string) {
		scan_string(s, c);
		return;
	}
	if (is_blank(c))
		return;
	if (!s->begun && c != '{')
		s->wrong = "it does not begin with {";
	else if (s->done)
		s->wrong = "something follows the closing }";
	else if (c == '"')
		s->in_string = true;
	else if (c == '{' || c == '[')
		scan_open(s);
	else if ((c == '}' || c == ']') && --s->depth == 0)
		s->done = true;
	s->begun = true;
}

void json_scan(struct json_scan *s, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n && !s->wrong; i++)
		scan_byte(s, bytes[i]);
}

int json_read(const char *bytes, size_t n, struct json **ret_root,
	      char problem[static JSON_PROBLEM])
{
	struct text t = text_over(problem, JSON_PROBLEM);
	struct json_scan scan = { .depth = 0 };
	json_error_t error;
	json_t *root;

	if (n <= JSON_TEXT_MAX)
		json_scan(&scan, bytes, n);
	else
		scan.wrong = "it is longer than 65536 bytes";
	if (scan.wrong) {
		text_string(&t, scan.wrong);
		return -EINVAL;
	}
	root = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		if (json_error_code(&error) == json_error_out_of_memory)
			return -ENOMEM;
		text_string(&t, "line ");
		text_u64(&t, error.line > 0 ? (uint64_t)error.line : 0);
		text_string(&t, ": ");
		text_escaped(&t, error.text, strnlen(error.text, sizeof(error.text)));
		return -EINVAL;
	}
	*ret_root = (struct json *)root;
	return 0;
}

/* The library's handle is ours under another name; it does not say const where it does not write. */
static json_t *inside(const struct json *v)
{
	union {
		const struct json *ours;
		json_t *theirs;
	} u = { .ours = v };

	return u.theirs;
}

static const struct json *outside(const json_t *v)
{
	return (const struct json *)v;
}

void json_drop(struct json *root)
{
	json_decref(inside(root));
}

enum json_kind json_kind_of(const struct json *v)
{
	static const enum json_kind kinds[] = {
		[JSON_OBJECT] = JSON_KIND_MAP,	  [JSON_ARRAY] = JSON_KIND_LIST,
		[JSON_STRING] = JSON_KIND_WORD,	  [JSON_INTEGER] = JSON_KIND_WHOLE,
		[JSON_REAL] = JSON_KIND_FRACTION, [JSON_TRUE] = JSON_KIND_BOOL,
		[JSON_FALSE] = JSON_KIND_BOOL,	  [JSON_NULL] = JSON_KIND_NULL,
	};

	return v ? kinds[json_typeof(inside(v))] : JSON_KIND_NOTHING;
}

const char *json_kind_words(enum json_kind k)
{
	static const char *const words[JSON_KINDS] = {
		[JSON_KIND_NOTHING] = "missing",
		[JSON_KIND_NULL] = "null",
		[JSON_KIND_BOOL] = "true or false",
		[JSON_KIND_WHOLE] = "a number",
		[JSON_KIND_FRACTION] = "a number that is not whole",
		[JSON_KIND_WORD] = "a string",
		[JSON_KIND_LIST] = "an array",
		[JSON_KIND_MAP] = "an object",
	};

	return words[k];
}

const struct json *json_member(const struct json *map, const char *key)
{
	return outside(json_object_get(inside(map), key));
}

size_t json_count(const struct json *list)
{
	return json_array_size(inside(list));
}

const struct json *json_item(const struct json *list, size_t i)
{
	return outside(json_array_get(inside(list), i));
}

const char *json_word(const struct json *v)
{
	return json_string_value(inside(v));
}

bool json_truth(const struct json *v)
{
	return json_is_true(inside(v));
}

int64_t json_whole(const struct json *v)
{
	return json_integer_value(inside(v));
}

double json_amount(const struct json *v)
{
	return json_number_value(inside(v));
}

char *json_print(const struct json *v)
{
	/* Fifteen digits say every number we make as we made it. */
	return json_dumps(inside(v), JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
}
