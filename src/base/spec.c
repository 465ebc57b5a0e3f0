#include "base/spec.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

static const char *const origin_names[SPEC_ORIGINS] = {
	[SPEC_FILE] = "file",
	[SPEC_ADDED] = "added",
	[SPEC_REGISTERED] = "registered",
};

const char *spec_origin_name(enum spec_origin o)
{
	return origin_names[o];
}

/* How the kinds are written; `ports` says whether "/port" may follow. */
static const struct rule_form {
	const char *name;
	bool ports;
} rule_forms[RULE_KINDS] = {
	[RULE_TCP] = { "tcp", true },  [RULE_TCP_DATA] = { "tcp", true },
	[RULE_UDP] = { "udp", true },  [RULE_ECHO] = { "echo", false },
	[RULE_ANY] = { "any", false },
};

/* "22" or "8000-8010"; port 0 is no port. */
static int parse_ports(const char *text, size_t n, struct rule *r)
{
	char copy[12];
	char *dash;
	uint64_t first;
	uint64_t last;

	if (n >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, n);
	copy[n] = 0;
	dash = strchr(copy, '-');
	if (dash)
		*dash = 0;
	if (text_parse_u64(copy, 65535, &first) < 0)
		return -EINVAL;
	last = first;
	if (dash && text_parse_u64(dash + 1, 65535, &last) < 0)
		return -EINVAL;
	if (first == 0 || last < first)
		return -EINVAL;
	r->first = (uint16_t)first;
	r->last = (uint16_t)last;
	return 0;
}

int rule_parse(const char *text, struct rule *ret_rule)
{
	struct rule r = { .address = SPEC_ANY_ADDRESS, .first = 0, .last = 65535 };
	size_t length = strlen(text);
	const char *plus = strchr(text, '+');
	size_t body = plus ? (size_t)(plus - text) : length;
	const char *slash = memchr(text, '/', body);
	size_t word = slash ? (size_t)(slash - text) : body;

	for (r.kind = 0; r.kind < RULE_KINDS; r.kind++) {
		const char *name = rule_forms[r.kind].name;

		if (strlen(name) == word && memcmp(name, text, word) == 0)
			break;
	}
	if (r.kind == RULE_KINDS || (slash && !rule_forms[r.kind].ports))
		return -EINVAL;
	if (plus) {
		if (r.kind != RULE_TCP || strcmp(plus, "+data") != 0)
			return -EINVAL;
		r.kind = RULE_TCP_DATA;
	}
	if (slash && parse_ports(slash + 1, body - word - 1, &r) < 0)
		return -EINVAL;
	*ret_rule = r;
	return 0;
}

char *rule_format(const struct rule *r, char to[static RULE_TEXT])
{
	struct text t = text_over(to, RULE_TEXT);

	text_string(&t, rule_forms[r->kind].name);
	if (rule_forms[r->kind].ports && r->first != 0) {
		text_char(&t, '/');
		text_u64(&t, r->first);
		if (r->last != r->first) {
			text_char(&t, '-');
			text_u64(&t, r->last);
		}
	}
	if (r->kind == RULE_TCP_DATA)
		text_string(&t, "+data");
	return to;
}

int source_parse(const char *text, struct source *ret_source)
{
	struct source s = { .is_mac = 1 };

	if (mac_parse(text, &s.mac) == 0) {
		*ret_source = s;
		return 0;
	}
	s.is_mac = 0;
	if (prefix_parse(text, &s.prefix) < 0)
		return -EINVAL;
	*ret_source = s;
	return 0;
}

char *source_format(const struct source *s, char to[static PREFIX_TEXT])
{
	if (s->is_mac)
		return mac_format(&s->mac, to);
	return prefix_format(&s->prefix, to);
}

bool source_matches(const struct source *s, const struct mac *mac, const struct addr *addr)
{
	if (s->is_mac)
		return mac_equal(&s->mac, mac);
	return prefix_contains(&s->prefix, addr);
}

int secureon_parse(const char *text, struct secureon *ret_secureon)
{
	struct secureon s = { .length = 0 };
	struct addr quad;

	if (addr_parse(text, &quad) == 0 && quad.family == 4) {
		s.length = 4;
		memcpy(s.b, quad.b, 4);
		*ret_secureon = s;
		return 0;
	}
	for (;;) {
		int high = text_hex_digit(text[0]);
		int low = high < 0 ? -1 : text_hex_digit(text[1]);

		if (low < 0 || s.length == sizeof(s.b))
			return -EINVAL;
		s.b[s.length++] = (uint8_t)(high << 4 | low);
		text += 2;
		if (!*text)
			break;
		if (*text != ':' && *text != '-')
			return -EINVAL;
		text++;
	}
	if (s.length != 4 && s.length != 6)
		return -EINVAL;
	*ret_secureon = s;
	return 0;
}

char *secureon_format(const struct secureon *s, char to[static SECUREON_TEXT])
{
	struct text t = text_over(to, SECUREON_TEXT);

	for (uint8_t i = 0; i < s->length; i++) {
		if (i)
			text_char(&t, ':');
		text_hex(&t, s->b[i], 2);
	}
	return to;
}

bool spec_name_valid(const char *name, size_t n)
{
	if (n == 0 || n > SPEC_NAME_MAX || name[0] == ' ' || name[n - 1] == ' ')
		return false;
	for (size_t i = 0; i < n;) {
		size_t length = text_utf8_length(name + i, n - i);

		if (length == 0 || name[i] == '/' || text_is_control(name + i, length))
			return false;
		i += length;
	}
	return true;
}

static bool touches(const struct rule *a, const struct rule *b)
{
	return a->kind == b->kind && a->address == b->address &&
	       a->first <= (uint32_t)b->last + 1 && b->first <= (uint32_t)a->last + 1;
}

int spec_add_rule(struct spec *s, const struct rule *r)
{
	struct rule merged = *r;
	uint16_t kept = 0;
	uint16_t at = SPEC_RULES_MAX;

	/* The merged rule stands where the first one it touches stood; no two that were there touch. */
	for (uint16_t i = 0; i < s->rules_n; i++) {
		const struct rule *here = &s->rules[i];

		if (!touches(here, &merged)) {
			s->rules[kept++] = *here;
			continue;
		}
		if (at == SPEC_RULES_MAX)
			at = kept++;
		if (here->first < merged.first)
			merged.first = here->first;
		if (here->last > merged.last)
			merged.last = here->last;
	}
	if (at == SPEC_RULES_MAX)
		at = kept++;
	if (at == SPEC_RULES_MAX)
		return -ENOSPC;
	s->rules[at] = merged;
	s->rules_n = kept;
	return 0;
}

int spec_add_address(struct spec *s, const struct addr *a)
{
	for (uint16_t i = 0; i < s->addresses_n; i++) {
		if (addr_equal(&s->addresses[i], a))
			return -EEXIST;
	}
	if (s->addresses_n == SPEC_ADDRESSES_MAX)
		return -ENOSPC;
	s->addresses[s->addresses_n++] = *a;
	return 0;
}

static bool rules_sane(const struct spec *s)
{
	for (uint16_t i = 0; i < s->rules_n; i++) {
		const struct rule *r = &s->rules[i];

		if (r->kind >= RULE_KINDS || r->last < r->first ||
		    (r->address != SPEC_ANY_ADDRESS && r->address >= s->addresses_n))
			return false;
	}
	return true;
}

static bool sources_sane(const struct source *sources, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		const struct prefix *p = &sources[i].prefix;

		if (sources[i].is_mac > 1)
			return false;
		if (!sources[i].is_mac && (p->addr.family == 0 || !addr_sane(&p->addr) ||
					   p->length > 8 * addr_size(&p->addr)))
			return false;
	}
	return true;
}

bool spec_sane(const struct spec *s)
{
	const char *end = memchr(s->name, 0, sizeof(s->name));

	if (!end || !spec_name_valid(s->name, (size_t)(end - s->name)) ||
	    !memchr(s->interface, 0, sizeof(s->interface)))
		return false;
	if (s->origin >= SPEC_ORIGINS || s->addresses_n > SPEC_ADDRESSES_MAX ||
	    s->rules_n > SPEC_RULES_MAX || s->from_n > SPEC_SOURCES_MAX ||
	    s->ignore_n > SPEC_SOURCES_MAX)
		return false;
	if (s->secureon.length != 0 && s->secureon.length != 4 && s->secureon.length != 6)
		return false;
	for (uint16_t i = 0; i < s->addresses_n; i++) {
		if (s->addresses[i].family == 0 || !addr_sane(&s->addresses[i]))
			return false;
	}
	return rules_sane(s) && sources_sane(s->from, s->from_n) &&
	       sources_sane(s->ignore, s->ignore_n);
}

static bool arrays_equal(const struct spec *a, const struct spec *b)
{
	/* None of these has padding. */
	return a->addresses_n == b->addresses_n && a->rules_n == b->rules_n &&
	       a->from_n == b->from_n && a->ignore_n == b->ignore_n &&
	       memcmp(a->addresses, b->addresses, a->addresses_n * sizeof(a->addresses[0])) == 0 &&
	       memcmp(a->rules, b->rules, a->rules_n * sizeof(a->rules[0])) == 0 &&
	       memcmp(a->from, b->from, a->from_n * sizeof(a->from[0])) == 0 &&
	       memcmp(a->ignore, b->ignore, a->ignore_n * sizeof(a->ignore[0])) == 0;
}

bool spec_equal(const struct spec *a, const struct spec *b)
{
	return strcmp(a->name, b->name) == 0 && a->origin == b->origin &&
	       mac_equal(&a->mac, &b->mac) && a->line == b->line && a->watts == b->watts &&
	       a->secureon.length == b->secureon.length &&
	       memcmp(a->secureon.b, b->secureon.b, a->secureon.length) == 0 &&
	       strcmp(a->interface, b->interface) == 0 && arrays_equal(a, b);
}
