#include "proto/json_pick.h"

#include "base/text.h"
#include "proto/b64.h"
#include "proto/json.h"

#include <errno.h>

/* Reading position; `wrong` sticks. */
struct reader {
	const char *at, *end;
	bool wrong;
};

static char peek(const struct reader *r)
{
	return r->at < r->end ? *r->at : 0;
}

static void skip_blanks(struct reader *r)
{
	while (r->at < r->end &&
	       (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
		r->at++;
}

static bool take(struct reader *r, char c)
{
	if (peek(r) != c || r->at == r->end)
		return false;
	r->at++;
	return true;
}

static void expect(struct reader *r, char c)
{
	if (!take(r, c))
		r->wrong = true;
}

static void skip_escape(struct reader *r)
{
	char c = peek(r);

	if (c == 0 || !strchr("\"\\/bfnrtu", c)) {
		r->wrong = true;
		return;
	}
	r->at++;
	for (unsigned int i = 0; c == 'u' && i < 4; i++) {
		if (text_hex_digit(peek(r)) < 0)
			r->wrong = true;
		else
			r->at++;
	}
}

static void skip_string(struct reader *r)
{
	expect(r, '"');
	while (!r->wrong && r->at < r->end && *r->at != '"') {
		if ((unsigned char)*r->at < ' ')
			r->wrong = true;
		else if (*r->at++ == '\\')
			skip_escape(r);
	}
	expect(r, '"');
}

static void skip_digits(struct reader *r)
{
	const char *start = r->at;

	while (peek(r) >= '0' && peek(r) <= '9')
		r->at++;
	r->wrong = r->wrong || r->at == start;
}

static void skip_number(struct reader *r)
{
	(void)take(r, '-');
	if (!take(r, '0'))
		skip_digits(r);
	if (take(r, '.'))
		skip_digits(r);
	if (take(r, 'e') || take(r, 'E')) {
		if (!take(r, '+'))
			(void)take(r, '-');
		skip_digits(r);
	}
}

static void skip_literal(struct reader *r, struct slice literal)
{
	if (!slice_starts((struct slice){ r->at, (size_t)(r->end - r->at) }, literal))
		r->wrong = true;
	else
		r->at += literal.n;
}

static void skip_scalar(struct reader *r)
{
	switch (peek(r)) {
	case '"':
		skip_string(r);
		break;
	case 't':
		skip_literal(r, SLICE("true"));
		break;
	case 'f':
		skip_literal(r, SLICE("false"));
		break;
	case 'n':
		skip_literal(r, SLICE("null"));
		break;
	default:
		skip_number(r);
		break;
	}
}

/* The key and the colon of a member of a map. */
static void skip_key(struct reader *r)
{
	skip_blanks(r);
	skip_string(r);
	skip_blanks(r);
	expect(r, ':');
}

/* A container without recursion: a bit of `maps` says what each open one is. */
static void skip_container(struct reader *r)
{
	char kind[JSON_DEPTH_MAX];
	size_t depth = 0;

	for (;;) {
		skip_blanks(r);
		if (peek(r) == '{' || peek(r) == '[') {
			if (depth == sizeof(kind)) {
				r->wrong = true;
				return;
			}
			kind[depth++] = *r->at++ == '{' ? '}' : ']';
			skip_blanks(r);
			if (peek(r) != kind[depth - 1]) {
				if (kind[depth - 1] == '}')
					skip_key(r);
				if (r->wrong)
					return;
				continue;
			}
		} else {
			skip_scalar(r);
		}
		/* Behind a value: what it closes, then a comma. */
		for (skip_blanks(r); depth && !r->wrong && take(r, kind[depth - 1]); skip_blanks(r))
			depth--;
		if (depth == 0 || r->wrong)
			return;
		expect(r, ',');
		if (kind[depth - 1] == '}')
			skip_key(r);
		if (r->wrong)
			return;
	}
}

static void keep(struct reader *r, struct slice key, struct slice value, struct json_pick *picks,
		 size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!slice_is(key, picks[i].key))
			continue;
		r->wrong = r->wrong || picks[i].value.at;
		picks[i].value = value;
	}
}

static void read_member(struct reader *r, struct json_pick *picks, size_t n)
{
	struct slice key, value;

	skip_blanks(r);
	key.at = r->at + 1;
	skip_string(r);
	key.n = (size_t)(r->at - key.at) - 1;
	skip_blanks(r);
	expect(r, ':');
	skip_blanks(r);
	value.at = r->at;
	if (peek(r) == '{' || peek(r) == '[')
		skip_container(r);
	else
		skip_scalar(r);
	value.n = (size_t)(r->at - value.at);
	while (value.n && strchr(" \n\r\t", value.at[value.n - 1]))
		value.n--;
	if (!r->wrong)
		keep(r, key, value, picks, n);
	skip_blanks(r);
}

int json_pick(struct slice text, struct json_pick *picks, size_t n)
{
	struct reader r = { text.at, text.at + text.n, text.n > JSON_TEXT_MAX };

	for (size_t i = 0; i < n; i++)
		picks[i].value = (struct slice){ NULL, 0 };
	skip_blanks(&r);
	expect(&r, '{');
	skip_blanks(&r);
	if (!r.wrong && !take(&r, '}')) {
		do {
			read_member(&r, picks, n);
		} while (!r.wrong && take(&r, ','));
		expect(&r, '}');
	}
	skip_blanks(&r);
	return r.wrong || r.at != r.end ? -EINVAL : 0;
}

int json_pick_u64(struct slice value, uint64_t max, uint64_t *ret)
{
	char text[24];

	if (!value.at || !slice_copy(value, text, sizeof(text)))
		return -EINVAL;
	return text_parse_u64(text, max, ret) < 0 ? -EINVAL : 0;
}

int json_pick_bool(struct slice value, bool *ret)
{
	if (!slice_is(value, "true") && !slice_is(value, "false"))
		return -EINVAL;
	*ret = value.at[0] == 't';
	return 0;
}

int json_pick_word(struct slice value, struct slice *ret)
{
	if (!value.at || value.n < 2 || value.at[0] != '"' || memchr(value.at, '\\', value.n))
		return -EINVAL;
	*ret = (struct slice){ value.at + 1, value.n - 2 };
	return 0;
}

int json_pick_b64(struct slice value, void *to, size_t n)
{
	struct slice word;

	if (json_pick_word(value, &word) < 0)
		return -EINVAL;
	return b64_decode(word.at, word.n, to, n);
}

bool json_pick_is_null(struct slice value)
{
	return !value.at || slice_is(value, "null");
}
