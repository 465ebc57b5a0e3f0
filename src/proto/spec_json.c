#include "proto/spec_json.h"

#include "proto/json_write.h"

#include <errno.h>
#include <string.h>

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

/* --- reading --- */

const char *spec_json_put_mac(struct spec *s, const char *word)
{
	if (mac_parse(word, &s->mac) < 0)
		return " is not six pairs of hexadecimal digits";
	if (mac_equal(&s->mac, &MAC_BROADCAST))
		return " is the broadcast address";
	if (mac_is_group(&s->mac))
		return " is a multicast address";
	return mac_is_zero(&s->mac) ? " is nobody's address" : NULL;
}

const char *spec_json_put_name(struct spec *s, const char *word)
{
	size_t n = strlen(word);

	if (n > SPEC_NAME_MAX)
		return " is longer than 63 bytes";
	if (n == 0)
		return " is empty";
	if (!spec_name_valid(word, n))
		return " has '/', a control character, or a blank at an end";
	memcpy(s->name, word, n + 1);
	return NULL;
}

static const char *unfit_address(const struct addr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (a->family == 6 && memcmp(a->b, mapped, sizeof(mapped)) == 0)
		return " is an IPv4 address in IPv6 form: write it as IPv4";
	if (addr_is_unspecified(a))
		return " is no machine's address";
	if (addr_is_loopback(a))
		return " is a loopback address";
	if (addr_is_multicast(a))
		return " is a multicast address";
	if (addr_is_limited_broadcast(a))
		return " is the broadcast address";
	return NULL;
}

const char *spec_json_parse_address(const char *word, struct addr *ret)
{
	return addr_parse(word, ret) < 0 ? " is neither an IPv4 nor an IPv6 address"
					 : unfit_address(ret);
}

const char *spec_json_put_address(struct spec *s, const char *word)
{
	struct addr a;
	const char *why = spec_json_parse_address(word, &a);

	if (why)
		return why;
	switch (spec_add_address(s, &a)) {
	case 0:
		return NULL;
	case -EEXIST:
		return " is given twice";
	default:
		return " is one too many: a machine has at most 16 addresses";
	}
}

const char *spec_json_put_rule(struct spec *s, const char *word)
{
	struct rule rule;

	if (rule_parse(word, &rule) < 0)
		return " is no rule; rules are like tcp/22, tcp/22+data, udp/9987, tcp/8000-8010, "
		       "any, echo";
	return spec_add_rule(s, &rule) < 0 ? " is one too many: a machine has at most 256 rules"
					   : NULL;
}
