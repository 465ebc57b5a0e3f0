#include "proto/json_write.h"

#include <string.h>

struct json_writer json_writer_over(char *to, size_t n)
{
	return (struct json_writer){ .out = text_over(to, n), .comma = false };
}

static void before_value(struct json_writer *w)
{
	if (w->comma)
		text_char(&w->out, ',');
	w->comma = true;
}

void json_write_open(struct json_writer *w, char bracket)
{
	before_value(w);
	text_char(&w->out, bracket);
	w->comma = false;
}

void json_write_close(struct json_writer *w, char bracket)
{
	text_char(&w->out, bracket);
	w->comma = true;
}

static void write_character(struct json_writer *w, const char *s, size_t length)
{
	uint8_t c = (uint8_t)s[0];

	if (length == 0) {
		text_string(&w->out, "\xef\xbf\xbd");
	} else if (c == '"' || c == '\\') {
		text_char(&w->out, '\\');
		text_char(&w->out, s[0]);
	} else if (c < 0x20 || c == 0x7f) {
		text_string(&w->out, "\\u");
		text_hex(&w->out, c, 4);
	} else if (length == 2 && c == 0xc2 && (uint8_t)s[1] < 0xa0) {
		/* C1 controls steer some terminals as escape sequences do. */
		text_string(&w->out, "\\u");
		text_hex(&w->out, (uint8_t)s[1], 4);
	} else {
		while (length--)
			text_char(&w->out, *s++);
	}
}

static void write_quoted(struct json_writer *w, const char *s)
{
	size_t n = strlen(s);

	text_char(&w->out, '"');
	for (size_t i = 0; i < n;) {
		size_t length = text_utf8_length(s + i, n - i);

		write_character(w, s + i, length);
		i += length ? length : 1;
	}
	text_char(&w->out, '"');
}

void json_write_key(struct json_writer *w, const char *key)
{
	before_value(w);
	write_quoted(w, key);
	text_char(&w->out, ':');
	w->comma = false;
}

void json_write_word(struct json_writer *w, const char *s)
{
	before_value(w);
	write_quoted(w, s);
}

void json_write_u64(struct json_writer *w, uint64_t v)
{
	before_value(w);
	text_u64(&w->out, v);
}

void json_write_bool(struct json_writer *w, bool v)
{
	before_value(w);
	text_string(&w->out, v ? "true" : "false");
}

void json_write_null(struct json_writer *w)
{
	before_value(w);
	text_string(&w->out, "null");
}

void json_write_seconds(struct json_writer *w, uint64_t us)
{
	before_value(w);
	text_seconds(&w->out, us);
}
