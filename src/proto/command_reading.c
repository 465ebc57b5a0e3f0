#include "proto/command_reading.h"

#include <errno.h>
#include <string.h>

/* What is wrong with a field: "name: missing". */
int command_complain(struct command_reading *r, const char *field, const char *why)
{
	text_string(&r->error, field);
	text_string(&r->error, ": ");
	text_string(&r->error, why);
	return -EINVAL;
}

/* "address: "x" is …" */
int command_complain_of(struct command_reading *r, const char *field, const char *value,
			const char *why)
{
	size_t n = strlen(value);

	command_complain(r, field, "\"");
	text_escaped_utf8(&r->error, value, n < 60 ? n : 60);
	text_string(&r->error, n < 60 ? "\"" : "...\"");
	text_string(&r->error, why);
	return -EINVAL;
}

int command_complain_kind(struct command_reading *r, const char *field, const struct json *v,
			  const char *expected)
{
	if (!v)
		return command_complain(r, field, "missing");
	command_complain(r, field, json_kind_words(json_kind_of(v)));
	text_string(&r->error, ", not ");
	text_string(&r->error, expected);
	return -EINVAL;
}

int command_read_name(struct command_reading *r, bool needed)
{
	const struct json *v = json_member(r->root, "name");
	const char *word = json_word(v);

	if (!needed && (!v || json_kind_of(v) == JSON_KIND_NULL))
		return 0;
	if (!word)
		return command_complain_kind(r, "name", v, "a string");
	if (!spec_name_valid(word, strlen(word)))
		return command_complain_of(
			r, "name", word,
			" is not 1 to 63 bytes of UTF-8 without '/', control characters "
			"and blanks at the ends");
	memcpy(r->to->name, word, strlen(word) + 1);
	return 0;
}

int command_read_flag(struct command_reading *r, const char *field, bool *ret_flag)
{
	const struct json *v = json_member(r->root, field);

	if (v && json_kind_of(v) != JSON_KIND_BOOL)
		return command_complain_kind(r, field, v, "true or false");
	*ret_flag = json_truth(v);
	return 0;
}

int command_read_number(struct command_reading *r, const char *field, uint32_t least, uint32_t most,
			uint32_t *ret_number)
{
	const struct json *v = json_member(r->root, field);

	if (json_kind_of(v) != JSON_KIND_WHOLE)
		return command_complain_kind(r, field, v, "a whole number");
	if (json_whole(v) < least || json_whole(v) > most) {
		command_complain(r, field, "not in ");
		text_u64(&r->error, least);
		text_string(&r->error, "..");
		text_u64(&r->error, most);
		return -EINVAL;
	}
	*ret_number = (uint32_t)json_whole(v);
	return 0;
}
