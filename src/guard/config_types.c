/*
 * config_types: the kinds of values a configuration key can have: each with its parser and its printed form.
 *
 * A parser gets one word, writes its field only on success, and says in a few words why it refuses. Refuses to know which
 * keys there are.
 */
#include "guard/config_keys.h"

#include <errno.h>
#include <string.h>

/* --- numbers, durations, choices, rates, texts --- */

static const char *number_parse(const struct config_key *k, const char *word, void *field)
{
	uint64_t v;

	if (text_parse_u64(word, UINT32_MAX, &v) == -EINVAL)
		return "is no number";
	if (text_parse_u64(word, k->most, &v) < 0 || v < k->least)
		return "is out of range";
	*(uint64_t *)field = v;
	return NULL;
}

static bool number_format(const struct config_key *k, const void *field, size_t i, struct text *to)
{
	(void)k;
	text_u64(to, *(const uint64_t *)field);
	return i == 0;
}

static void number_clear(const struct config_key *k, void *field)
{
	(void)k;
	*(uint64_t *)field = 0;
}

const struct config_type config_number = { .parse = number_parse,
					   .format = number_format,
					   .clear = number_clear };

static bool is_special(const struct config_key *k, const char *word)
{
	if (!k->special)
		return false;
	/* How Wakupator and people say never. */
	if (k->special_value == NEVER && (strcmp(word, "-1") == 0 || strcmp(word, "forever") == 0))
		return true;
	return strcmp(word, k->special) == 0;
}

static const char *duration_parse(const struct config_key *k, const char *word, void *field)
{
	uint64_t v;
	int r;

	if (is_special(k, word)) {
		*(uint64_t *)field = k->special_value;
		return NULL;
	}
	r = text_parse_duration(word, &v);
	if (r == -EINVAL)
		return "is no duration";
	if (r < 0 || v < k->least || v > k->most)
		return "is out of range";
	*(uint64_t *)field = v;
	return NULL;
}

static bool duration_format(const struct config_key *k, const void *field, size_t i,
			    struct text *to)
{
	uint64_t v = *(const uint64_t *)field;
	char said[DURATION_TEXT];

	text_string(to, k->special && v == k->special_value ? k->special
							    : text_format_duration(v, said));
	return i == 0;
}

const struct config_type config_duration = { .parse = duration_parse,
					     .format = duration_format,
					     .clear = number_clear };

static const char *choice_parse(const struct config_key *k, const char *word, void *field)
{
	static const char *const synonyms[][2] = { { "0", "no" },     { "off", "no" },
						   { "false", "no" }, { "1", "yes" },
						   { "on", "yes" },   { "true", "yes" } };

	for (uint64_t i = 0; k->choices[i]; i++) {
		if (strcmp(word, k->choices[i]) == 0) {
			*(uint64_t *)field = i;
			return NULL;
		}
	}
	if (!k->choices[0] || strcmp(k->choices[0], "no") != 0)
		return "is none of the choices";
	for (size_t i = 0; i < sizeof(synonyms) / sizeof(synonyms[0]); i++) {
		if (strcmp(word, synonyms[i][0]) == 0)
			return choice_parse(k, synonyms[i][1], field);
	}
	return "is none of the choices";
}

static bool choice_format(const struct config_key *k, const void *field, size_t i, struct text *to)
{
	text_string(to, k->choices[*(const uint64_t *)field]);
	return i == 0;
}

const struct config_type config_choice = { .parse = choice_parse,
					   .format = choice_format,
					   .clear = number_clear };

static const char *rate_parse(const struct config_key *k, const char *word, void *field)
{
	struct config_rate rate = { 0 };
	const char *slash = strchr(word, '/');
	char count[8] = "";
	uint64_t limit;

	(void)k;
	if (strcmp(word, "off") != 0) {
		if (!slash || (size_t)(slash - word) >= sizeof(count))
			return "is no rate";
		memcpy(count, word, (size_t)(slash - word));
		if (text_parse_u64(count, 65535, &limit) < 0 ||
		    text_parse_duration(slash + 1, &rate.window) < 0)
			return "is no rate";
		if (limit == 0 || rate.window < 1000000 || rate.window > 3600000000ULL)
			return "is out of range";
		rate.limit = (uint16_t)limit;
	}
	*(struct config_rate *)field = rate;
	return NULL;
}

static bool rate_format(const struct config_key *k, const void *field, size_t i, struct text *to)
{
	const struct config_rate *rate = field;
	char said[DURATION_TEXT];

	(void)k;
	if (rate->limit == 0) {
		text_string(to, "off");
		return i == 0;
	}
	text_u64(to, rate->limit);
	text_char(to, '/');
	text_string(to, text_format_duration(rate->window, said));
	return i == 0;
}

static void rate_clear(const struct config_key *k, void *field)
{
	(void)k;
	*(struct config_rate *)field = (struct config_rate){ 0 };
}

const struct config_type config_rate_type = { .parse = rate_parse,
					      .format = rate_format,
					      .clear = rate_clear };

static const char *string_parse(const struct config_key *k, const char *word, void *field)
{
	size_t n = strlen(word);

	if (n < k->least)
		return "is too short";
	if (n > k->most)
		return "is too long";
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)word[i];

		if (c < 0x20 || c == 0x7f || (k->secret && (c == ' ' || c > 0x7f)))
			return "has a character that cannot be there";
	}
	memcpy(field, word, n + 1);
	return NULL;
}

static bool string_format(const struct config_key *k, const void *field, size_t i, struct text *to)
{
	const char *s = field;

	(void)k;
	text_string(to, s);
	return i == 0 && *s;
}

static void string_clear(const struct config_key *k, void *field)
{
	(void)k;
	*(char *)field = 0;
}

const struct config_type config_string = { .parse = string_parse,
					   .format = string_format,
					   .clear = string_clear };

/* --- interfaces and addresses of the guard --- */

/* What the kernel takes for a name (dev_valid_name), and of that only what can be seen. */
static const char *interface_name_wrong(const char *name)
{
	size_t n = strlen(name);

	if (n > 15)
		return "is too long (15 bytes at most)";
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return "is no interface's name";
	for (size_t i = 0; i < n; i++) {
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/' || name[i] == ':')
			return "has a character that cannot be in an interface's name";
	}
	return NULL;
}

static const char *interfaces_parse(const struct config_key *k, const char *word, void *field)
{
	struct config_interfaces *all = field;
	const char *why = interface_name_wrong(word);

	(void)k;
	if (why)
		return why;
	for (uint16_t i = 0; i < all->n; i++) {
		if (strcmp(all->names[i], word) == 0)
			return "is there twice";
	}
	if (all->n == CONFIG_INTERFACES_MAX)
		return "is one too many";
	strncpy(all->names[all->n], word, sizeof(all->names[0]) - 1);
	all->n++;
	return NULL;
}

static bool interfaces_format(const struct config_key *k, const void *field, size_t i,
			      struct text *to)
{
	const struct config_interfaces *all = field;

	(void)k;
	if (i >= all->n)
		return false;
	text_string(to, all->names[i]);
	return true;
}

static void interfaces_clear(const struct config_key *k, void *field)
{
	(void)k;
	memset(field, 0, sizeof(struct config_interfaces));
}

const struct config_type config_interface_list = { .list = true,
						   .parse = interfaces_parse,
						   .format = interfaces_format,
						   .clear = interfaces_clear };

static const char *listen_parse(const struct config_key *k, const char *word, void *field)
{
	struct config_addresses *all = field;
	struct addr a;

	(void)k;
	if (addr_parse(word, &a) < 0)
		return "is no address";
	if (addr_is_multicast(&a) || addr_is_limited_broadcast(&a))
		return "is no address of one host";
	for (uint16_t i = 0; i < all->n; i++) {
		if (addr_equal(&all->list[i], &a))
			return "is there twice";
	}
	if (all->n == CONFIG_LISTEN_MAX)
		return "is one too many";
	all->list[all->n++] = a;
	return NULL;
}

static bool listen_format(const struct config_key *k, const void *field, size_t i, struct text *to)
{
	const struct config_addresses *all = field;
	char said[ADDR_TEXT];

	(void)k;
	if (i >= all->n)
		return false;
	text_string(to, addr_format(&all->list[i], said));
	return true;
}

static void listen_clear(const struct config_key *k, void *field)
{
	(void)k;
	memset(field, 0, sizeof(struct config_addresses));
}

const struct config_type config_address_list = {
	.list = true, .parse = listen_parse, .format = listen_format, .clear = listen_clear
};

/* A MAC that one host can have. */
static const char *mac_wrong(const char *word, struct mac *ret_mac)
{
	struct mac m;

	if (mac_parse(word, &m) < 0)
		return "is no MAC";
	if (mac_is_group(&m))
		return "is a group address (multicast or broadcast)";
	if (mac_is_zero(&m))
		return "is nobody's MAC";
	*ret_mac = m;
	return NULL;
}

static const char *virtual_mac_parse(const struct config_key *k, const char *word, void *field)
{
	struct config_mac v = { .kind = VIRTUAL_MAC_GIVEN };
	const char *why = NULL;

	(void)k;
	if (strcmp(word, "auto") == 0)
		v.kind = VIRTUAL_MAC_AUTO;
	else if (strcmp(word, "own") == 0)
		v.kind = VIRTUAL_MAC_OWN;
	else
		why = mac_wrong(word, &v.mac);
	if (!why)
		*(struct config_mac *)field = v;
	return why;
}

static bool virtual_mac_format(const struct config_key *k, const void *field, size_t i,
			       struct text *to)
{
	const struct config_mac *v = field;
	char said[MAC_TEXT];

	(void)k;
	if (v->kind == VIRTUAL_MAC_GIVEN)
		text_string(to, mac_format(&v->mac, said));
	else
		text_string(to, v->kind == VIRTUAL_MAC_OWN ? "own" : "auto");
	return i == 0;
}

static void virtual_mac_clear(const struct config_key *k, void *field)
{
	(void)k;
	*(struct config_mac *)field = (struct config_mac){ 0 };
}

const struct config_type config_virtual_mac_type = { .parse = virtual_mac_parse,
						     .format = virtual_mac_format,
						     .clear = virtual_mac_clear };

/* --- machines --- */

static const char *spec_mac_parse(const struct config_key *k, const char *word, void *field)
{
	(void)k;
	return mac_wrong(word, field);
}

static bool spec_mac_format(const struct config_key *k, const void *field, size_t i,
			    struct text *to)
{
	char said[MAC_TEXT];

	(void)k;
	text_string(to, mac_format(field, said));
	return i == 0;
}

static void spec_mac_clear(const struct config_key *k, void *field)
{
	(void)k;
	*(struct mac *)field = MAC_ZERO;
}

const struct config_type spec_mac_type = { .parse = spec_mac_parse,
					   .format = spec_mac_format,
					   .clear = spec_mac_clear };

static const char *spec_address_parse(const struct config_key *k, const char *word, void *field)
{
	struct addr a;

	(void)k;
	if (addr_parse(word, &a) < 0)
		return "is no address";
	if (addr_is_unspecified(&a) || addr_is_loopback(&a) || addr_is_multicast(&a) ||
	    addr_is_limited_broadcast(&a))
		return "is no address of one machine on the LAN";
	switch (spec_add_address(field, &a)) {
	case 0:
		return NULL;
	case -EEXIST:
		return "is there twice";
	default:
		return "is one too many";
	}
}

static bool spec_address_format(const struct config_key *k, const void *field, size_t i,
				struct text *to)
{
	const struct spec *s = field;
	char said[ADDR_TEXT];

	(void)k;
	if (i >= s->addresses_n)
		return false;
	text_string(to, addr_format(&s->addresses[i], said));
	return true;
}

static void spec_address_clear(const struct config_key *k, void *field)
{
	(void)k;
	((struct spec *)field)->addresses_n = 0;
}

const struct config_type spec_address_list = { .list = true,
					       .parse = spec_address_parse,
					       .format = spec_address_format,
					       .clear = spec_address_clear };

static const char *spec_rule_parse(const struct config_key *k, const char *word, void *field)
{
	struct rule r;

	(void)k;
	if (rule_parse(word, &r) < 0)
		return "is no rule";
	return spec_add_rule(field, &r) < 0 ? "is one too many" : NULL;
}

static bool spec_rule_format(const struct config_key *k, const void *field, size_t i,
			     struct text *to)
{
	const struct spec *s = field;
	char said[RULE_TEXT];

	(void)k;
	if (i >= s->rules_n)
		return false;
	text_string(to, rule_format(&s->rules[i], said));
	return true;
}

static void spec_rule_clear(const struct config_key *k, void *field)
{
	(void)k;
	((struct spec *)field)->rules_n = 0;
}

const struct config_type spec_rule_list = {
	.list = true, .parse = spec_rule_parse, .format = spec_rule_format, .clear = spec_rule_clear
};

static const char *source_add(const char *word, struct source sources[static SPEC_SOURCES_MAX],
			      uint16_t *n)
{
	struct source s;

	if (source_parse(word, &s) < 0)
		return "is no address, prefix or MAC";
	if (s.is_mac && (mac_is_group(&s.mac) || mac_is_zero(&s.mac)))
		return "is no MAC of one host";
	if (*n == SPEC_SOURCES_MAX)
		return "is one too many";
	sources[(*n)++] = s;
	return NULL;
}

static bool source_word(const struct source *sources, uint16_t n, size_t i, struct text *to)
{
	char said[PREFIX_TEXT];

	if (i >= n)
		return false;
	text_string(to, source_format(&sources[i], said));
	return true;
}

static const char *spec_from_parse(const struct config_key *k, const char *word, void *field)
{
	struct spec *s = field;

	(void)k;
	return source_add(word, s->from, &s->from_n);
}

static bool spec_from_format(const struct config_key *k, const void *field, size_t i,
			     struct text *to)
{
	const struct spec *s = field;

	(void)k;
	return source_word(s->from, s->from_n, i, to);
}

static void spec_from_clear(const struct config_key *k, void *field)
{
	(void)k;
	((struct spec *)field)->from_n = 0;
}

const struct config_type spec_from_list = {
	.list = true, .parse = spec_from_parse, .format = spec_from_format, .clear = spec_from_clear
};

static const char *spec_ignore_parse(const struct config_key *k, const char *word, void *field)
{
	struct spec *s = field;

	(void)k;
	return source_add(word, s->ignore, &s->ignore_n);
}

static bool spec_ignore_format(const struct config_key *k, const void *field, size_t i,
			       struct text *to)
{
	const struct spec *s = field;

	(void)k;
	return source_word(s->ignore, s->ignore_n, i, to);
}

static void spec_ignore_clear(const struct config_key *k, void *field)
{
	(void)k;
	((struct spec *)field)->ignore_n = 0;
}

const struct config_type spec_ignore_list = { .list = true,
					      .parse = spec_ignore_parse,
					      .format = spec_ignore_format,
					      .clear = spec_ignore_clear };

static const char *spec_secureon_parse(const struct config_key *k, const char *word, void *field)
{
	(void)k;
	return secureon_parse(word, field) < 0 ? "is no SecureOn password" : NULL;
}

static bool spec_secureon_format(const struct config_key *k, const void *field, size_t i,
				 struct text *to)
{
	const struct secureon *s = field;
	char said[SECUREON_TEXT];

	(void)k;
	text_string(to, secureon_format(s, said));
	return i == 0 && s->length > 0;
}

static void spec_secureon_clear(const struct config_key *k, void *field)
{
	(void)k;
	*(struct secureon *)field = (struct secureon){ 0 };
}

const struct config_type spec_secureon_type = { .parse = spec_secureon_parse,
						.format = spec_secureon_format,
						.clear = spec_secureon_clear };

static const char *spec_interface_parse(const struct config_key *k, const char *word, void *field)
{
	const char *why = interface_name_wrong(word);

	(void)k;
	if (!why)
		strncpy(field, word, 15);
	return why;
}

const struct config_type spec_interface_type = { .parse = spec_interface_parse,
						 .format = string_format,
						 .clear = string_clear };
