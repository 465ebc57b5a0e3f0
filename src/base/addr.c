#include "base/addr.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

const struct mac MAC_BROADCAST = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
const struct mac MAC_ZERO = { { 0 } };

bool mac_equal(const struct mac *a, const struct mac *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

int mac_compare(const struct mac *a, const struct mac *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

bool mac_is_zero(const struct mac *m)
{
	return mac_equal(m, &MAC_ZERO);
}

bool mac_is_group(const struct mac *m)
{
	return (m->b[0] & 1) != 0;
}

int mac_parse(const char *text, struct mac *ret_mac)
{
	struct mac m;
	char separator = 0;

	for (size_t i = 0; i < sizeof(m.b); i++) {
		int high = text_hex_digit(text[0]);
		int low = high < 0 ? -1 : text_hex_digit(text[1]);

		if (low < 0)
			return -EINVAL;
		m.b[i] = (uint8_t)(high << 4 | low);
		text += 2;
		if (i + 1 < sizeof(m.b)) {
			if ((*text != ':' && *text != '-') || (i && *text != separator))
				return -EINVAL;
			separator = *text++;
		}
	}
	if (*text)
		return -EINVAL;
	*ret_mac = m;
	return 0;
}

char *mac_format(const struct mac *m, char to[static MAC_TEXT])
{
	struct text t = text_over(to, MAC_TEXT);

	for (size_t i = 0; i < sizeof(m->b); i++) {
		if (i)
			text_char(&t, ':');
		text_hex(&t, m->b[i], 2);
	}
	return to;
}

struct addr addr_v4(const uint8_t b[static 4])
{
	struct addr a = { .family = 4 };

	memcpy(a.b, b, 4);
	return a;
}

struct addr addr_v6(const uint8_t b[static 16])
{
	struct addr a = { .family = 6 };

	memcpy(a.b, b, 16);
	return a;
}

size_t addr_size(const struct addr *a)
{
	return a->family == 4 ? 4 : a->family == 6 ? 16 : 0;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool addr_sane(const struct addr *a)
{
	if (a->family != 4 && a->family != 6 && a->family != 0)
		return false;
	for (size_t i = addr_size(a); i < sizeof(a->b); i++) {
		if (a->b[i])
			return false;
	}
	return true;
}

/* Dotted quad up to `end` (NUL); leading zeros are refused, since some readers take them as octal. */
static int parse_v4(const char *text, uint8_t ret_b[static 4])
{
	uint8_t b[4];

	for (size_t i = 0; i < 4; i++) {
		unsigned int v = 0;
		size_t digits = 0;

		while (*text >= '0' && *text <= '9' && digits < 4) {
			if (digits && v == 0)
				return -EINVAL;
			v = v * 10 + (unsigned int)(*text - '0');
			text++;
			digits++;
		}
		if (digits == 0 || digits > 3 || v > 255)
			return -EINVAL;
		b[i] = (uint8_t)v;
		if (i < 3 && *text++ != '.')
			return -EINVAL;
	}
	if (*text)
		return -EINVAL;
	memcpy(ret_b, b, 4);
	return 0;
}

struct v6_parse {
	uint8_t b[16];
	size_t filled; /* bytes written */
	size_t gap; /* where "::" stood */
	bool has_gap;
};

/* One group of hex digits; returns how many characters it took, 0 for none, -EINVAL for too many. */
static int parse_v6_group(const char *text, uint16_t *ret_value)
{
	unsigned int v = 0;
	int digits = 0;

	while (text_hex_digit(text[digits]) >= 0) {
		if (digits == 4)
			return -EINVAL;
		v = v << 4 | (unsigned int)text_hex_digit(text[digits]);
		digits++;
	}
	*ret_value = (uint16_t)v;
	return digits;
}

/* The part after a possible leading "::": groups, one gap at most, a dotted quad at the end. */
static int parse_v6_groups(struct v6_parse *p, const char *text)
{
	while (*text) {
		uint16_t v;
		int digits = parse_v6_group(text, &v);

		if (digits <= 0)
			return -EINVAL;
		if (text[digits] == '.') {
			if (p->filled > 12 || parse_v4(text, p->b + p->filled) < 0)
				return -EINVAL;
			p->filled += 4;
			return 0;
		}
		if (p->filled > 14)
			return -EINVAL;
		p->b[p->filled++] = (uint8_t)(v >> 8);
		p->b[p->filled++] = (uint8_t)v;
		text += digits;
		if (!*text)
			return 0;
		if (*text++ != ':' || !*text)
			return -EINVAL;
		if (*text == ':') {
			if (p->has_gap)
				return -EINVAL;
			p->has_gap = true;
			p->gap = p->filled;
			text++;
		}
	}
	return 0;
}

static int parse_v6(const char *text, uint8_t ret_b[static 16])
{
	struct v6_parse p = { .filled = 0 };

	if (text[0] == ':') {
		if (text[1] != ':')
			return -EINVAL;
		p.has_gap = true;
		text += 2;
	}
	if (parse_v6_groups(&p, text) < 0)
		return -EINVAL;
	if (p.has_gap ? p.filled > 14 : p.filled != 16)
		return -EINVAL;

	size_t tail = p.has_gap ? p.filled - p.gap : 0;

	memset(ret_b, 0, 16);
	memcpy(ret_b, p.b, p.filled - tail);
	memcpy(ret_b + 16 - tail, p.b + p.filled - tail, tail);
	return 0;
}

int addr_parse(const char *text, struct addr *ret_addr)
{
	uint8_t b[16];

	if (parse_v4(text, b) == 0) {
		*ret_addr = addr_v4(b);
		return 0;
	}
	if (parse_v6(text, b) == 0) {
		*ret_addr = addr_v6(b);
		return 0;
	}
	return -EINVAL;
}

static void format_v4(struct text *t, const uint8_t *b)
{
	for (size_t i = 0; i < 4; i++) {
		if (i)
			text_char(t, '.');
		text_u64(t, b[i]);
	}
}

static uint16_t v6_group(const struct addr *a, size_t i)
{
	return (uint16_t)(a->b[2 * i] << 8 | a->b[2 * i + 1]);
}

/* The longest run of zero groups, the first of equals, two or more (RFC 5952, 4.2). */
static size_t longest_zero_run(const struct addr *a, size_t *ret_length)
{
	size_t best = 8;
	size_t best_length = 1;

	for (size_t i = 0; i < 8;) {
		size_t n = 0;

		while (i + n < 8 && v6_group(a, i + n) == 0)
			n++;
		if (n > best_length) {
			best = i;
			best_length = n;
		}
		i += n ? n : 1;
	}
	*ret_length = best_length;
	return best;
}

static bool is_v4_mapped(const struct addr *a)
{
	static const uint8_t head[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a->b, head, sizeof(head)) == 0;
}

static void format_v6(struct text *t, const struct addr *a)
{
	size_t run_length;
	size_t run = longest_zero_run(a, &run_length);

	if (is_v4_mapped(a)) {
		text_string(t, "::ffff:");
		format_v4(t, a->b + 12);
		return;
	}
	for (size_t i = 0; i < 8; i++) {
		if (i == run) {
			text_string(t, "::");
			i += run_length - 1;
			continue;
		}
		if (i && i != run + run_length)
			text_char(t, ':');
		text_hex(t, v6_group(a, i), 1);
	}
}

char *addr_format(const struct addr *a, char to[static ADDR_TEXT])
{
	struct text t = text_over(to, ADDR_TEXT);

	if (a->family == 4)
		format_v4(&t, a->b);
	else if (a->family == 6)
		format_v6(&t, a);
	else
		text_char(&t, '-');
	return to;
}

bool addr_is_unspecified(const struct addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->b, zero, sizeof(zero)) == 0;
}

bool addr_is_loopback(const struct addr *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	return a->family == 4 ? a->b[0] == 127 : a->family == 6 && memcmp(a->b, one, 16) == 0;
}

bool addr_is_multicast(const struct addr *a)
{
	return a->family == 4 ? (a->b[0] & 0xf0) == 0xe0 : a->family == 6 && a->b[0] == 0xff;
}

bool addr_is_limited_broadcast(const struct addr *a)
{
	static const uint8_t ones[4] = { 0xff, 0xff, 0xff, 0xff };

	return a->family == 4 && memcmp(a->b, ones, 4) == 0;
}

bool addr_is_link_local(const struct addr *a)
{
	if (a->family == 4)
		return a->b[0] == 169 && a->b[1] == 254;
	return a->family == 6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

struct addr addr_solicited_node(const struct addr *a)
{
	struct addr group = { .family = 6, .b = { 0xff, 0x02, [11] = 1, [12] = 0xff } };

	memcpy(group.b + 13, a->b + 13, 3);
	return group;
}

struct mac addr_group_mac(const struct addr *group)
{
	struct mac m = { { 0x33, 0x33 } };

	memcpy(m.b + 2, group->b + 12, 4);
	return m;
}

/* The bits of byte i that a prefix of this length keeps. */
static uint8_t prefix_mask(uint8_t length, size_t i)
{
	if (length >= 8 * (i + 1))
		return 0xff;
	if (length <= 8 * i)
		return 0;
	return (uint8_t)(0xff << (8 - (length - 8 * i)));
}

int prefix_parse(const char *text, struct prefix *ret_prefix)
{
	char head[ADDR_TEXT];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	struct prefix p;
	uint64_t length;

	if (n >= sizeof(head))
		return -EINVAL;
	memcpy(head, text, n);
	head[n] = 0;
	if (addr_parse(head, &p.addr) < 0)
		return -EINVAL;
	length = 8 * addr_size(&p.addr);
	if (slash && text_parse_u64(slash + 1, length, &length) < 0)
		return -EINVAL;
	p.length = (uint8_t)length;
	for (size_t i = 0; i < sizeof(p.addr.b); i++)
		p.addr.b[i] &= prefix_mask(p.length, i);
	*ret_prefix = p;
	return 0;
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
	if (p->addr.family != a->family)
		return false;
	for (size_t i = 0; i < addr_size(a); i++) {
		if ((a->b[i] ^ p->addr.b[i]) & prefix_mask(p->length, i))
			return false;
	}
	return true;
}

char *prefix_format(const struct prefix *p, char to[static PREFIX_TEXT])
{
	addr_format(&p->addr, to);
	if (p->length == 8 * addr_size(&p->addr))
		return to;

	size_t used = strlen(to);
	struct text t = text_over(to + used, PREFIX_TEXT - used);

	text_char(&t, '/');
	text_u64(&t, p->length);
	return to;
}
