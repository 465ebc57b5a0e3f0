#include "proto/spec_json.h"

#include "proto/json_write.h"

void spec_json_addresses(struct json_writer *w, const struct spec *s)
{
	char word[ADDR_TEXT];

	json_write_key(w, "addresses");
	json_write_open(w, '[');
	for (uint16_t i = 0; i < s->addresses_n; i++)
		json_write_word(w, addr_format(&s->addresses[i], word));
	json_write_close(w, ']');
}

void spec_json_rules(struct json_writer *w, const struct spec *s)
{
	char word[RULE_TEXT];

	json_write_key(w, "rules");
	json_write_open(w, '[');
	for (uint16_t i = 0; i < s->rules_n; i++)
		json_write_word(w, rule_format(&s->rules[i], word));
	json_write_close(w, ']');
}

static void write_sources(struct json_writer *w, const char *key, const struct source *sources,
			  size_t n)
{
	char word[PREFIX_TEXT];

	json_write_key(w, key);
	json_write_open(w, '[');
	for (size_t i = 0; i < n; i++)
		json_write_word(w, source_format(&sources[i], word));
	json_write_close(w, ']');
}

void spec_json_sources(struct json_writer *w, const struct spec *s)
{
	write_sources(w, "from", s->from, s->from_n);
	write_sources(w, "ignore_from", s->ignore, s->ignore_n);
}

void spec_json_secureon(struct json_writer *w, const struct spec *s)
{
	char word[SECUREON_TEXT];

	json_write_key(w, "secureon");
	json_write_word(w, secureon_format(&s->secureon, word));
}
