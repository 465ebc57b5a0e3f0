#include "base/text.h"

#include <errno.h>
#include <string.h>

struct text text_over(char *to, size_t n)
{
	to[0] = 0;
	return (struct text){ .start = to, .used = 0, .size = n, .cut = false };
}

/* All n bytes or none. */
static void append_whole(struct text *t, const char *s, size_t n)
{
	if (t->cut || n >= t->size - t->used) {
		t->cut = true;
		return;
	}
	memcpy(t->start + t->used, s, n);
	t->used += n;
	t->start[t->used] = 0;
}

void text_char(struct text *t, char c)
{
	append_whole(t, &c, 1);
}

void text_string(struct text *t, const char *s)
{
	while (*s)
		text_char(t, *s++);
}

void text_u64(struct text *t, uint64_t v)
{
	char digits[20];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	while (n)
		text_char(t, digits[--n]);
}

void text_hex(struct text *t, uint64_t v, unsigned int digits)
{
	static const char hex[] = "0123456789abcdef";

	for (unsigned int i = 16; i > 0; i--) {
		unsigned int shift = 4 * (i - 1);

		if (i <= digits || v >> shift)
			text_char(t, hex[v >> shift & 15]);
	}
}

void text_seconds(struct text *t, uint64_t us)
{
	uint64_t ms = us / 1000 + (us % 1000 >= 500);
	uint64_t tenths = us / 100000 + (us % 100000 >= 50000);

	/* Three significant digits are enough for a person; below a second all of them matter. */
	if (ms >= 1000)
		ms = tenths * 100;
	text_u64(t, ms / 1000);
	text_char(t, '.');
	text_char(t, (char)('0' + ms / 100 % 10));
	if (ms % 100) {
		text_char(t, (char)('0' + ms / 10 % 10));
		text_char(t, (char)('0' + ms % 10));
	}
}

static void escape_byte(struct text *t, uint8_t c)
{
	char hex[5];
	struct text escape = text_over(hex, sizeof(hex));

	if (c == '\\') {
		text_string(&escape, "\\\\");
	} else if (c >= 0x20 && c < 0x7f) {
		text_char(&escape, (char)c);
	} else {
		text_string(&escape, "\\x");
		text_hex(&escape, c, 2);
	}
	append_whole(t, hex, escape.used);
}

void text_escaped(struct text *t, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		escape_byte(t, (uint8_t)s[i]);
}

void text_escaped_utf8(struct text *t, const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t length = text_utf8_length(s + i, n - i);

		if (length < 2 || text_is_control(s + i, length)) {
			escape_byte(t, (uint8_t)s[i++]);
			continue;
		}
		append_whole(t, s + i, length);
		i += length;
	}
}

int text_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Digits at *at, which moves past them; -EINVAL without any, -ERANGE beyond max. */
static int read_digits(const char **at, uint64_t max, uint64_t *ret_value)
{
	uint64_t v = 0;
	const char *p = *at;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (v > (max - digit) / 10 || digit > max)
			return -ERANGE;
		v = v * 10 + digit;
	}
	*at = p;
	*ret_value = v;
	return 0;
}

int text_parse_u64(const char *text, uint64_t max, uint64_t *ret_value)
{
	uint64_t v;
	int r = read_digits(&text, max, &v);

	if (r < 0)
		return r;
	if (*text)
		return -EINVAL;
	*ret_value = v;
	return 0;
}

static const struct unit {
	const char *name;
	uint64_t us;
} units[] = {
	{ "d", 86400000000ULL }, { "h", 3600000000ULL }, { "min", 60000000 },
	{ "s", 1000000 },	 { "ms", 1000 },	 { "us", 1 },
	{ "", 1000000 },
};

int text_parse_duration(const char *text, uint64_t *ret_us)
{
	const uint64_t longest = 1000 * units[0].us;
	uint64_t v;
	int r = read_digits(&text, longest, &v);

	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text, units[i].name) != 0)
			continue;
		if (v > longest / units[i].us)
			return -ERANGE;
		*ret_us = v * units[i].us;
		return 0;
	}
	return -EINVAL;
}

char *text_format_duration(uint64_t us, char to[static DURATION_TEXT])
{
	struct text t = text_over(to, DURATION_TEXT);
	size_t i = 0;

	if (us == 0) {
		text_string(&t, "0s");
		return to;
	}
	while (us % units[i].us)
		i++;
	text_u64(&t, us / units[i].us);
	text_string(&t, units[i].name);
	return to;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_equal_ignoring_case(const char *a, const char *b)
{
	while (*a && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return lower(*a) == lower(*b);
}

size_t text_utf8_length(const char *s, size_t n)
{
	const uint8_t *p = (const uint8_t *)s;
	size_t length;
	uint32_t code;

	if (n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || length > n)
		return 0;
	code = p[0] & (0xffU >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if ((length == 3 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) ||
	    (length == 4 && (code < 0x10000 || code > 0x10ffff)))
		return 0;
	return length;
}

bool text_is_control(const char *s, size_t length)
{
	/* First and last of each range, as UTF-8: within a length, byte order is the order of code points. */
	static const struct {
		const char *first, *last;
	} ranges[] = {
		{ "\x01", "\x1f" }, /* C0; NUL below */
		{ "\x7f", "\x7f" },
		{ "\xc2\x80", "\xc2\x9f" }, /* C1 */
		{ "\xd8\x9c", "\xd8\x9c" }, /* Arabic letter mark */
		{ "\xe2\x80\x8e", "\xe2\x80\x8f" }, /* left-to-right, right-to-left mark */
		{ "\xe2\x80\xa8", "\xe2\x80\xae" }, /* separators, embeddings, overrides */
		{ "\xe2\x81\xa6", "\xe2\x81\xa9" }, /* isolates */
	};

	if (length == 1 && s[0] == 0)
		return true;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (strlen(ranges[i].first) == length && memcmp(s, ranges[i].first, length) >= 0 &&
		    memcmp(s, ranges[i].last, length) <= 0)
			return true;
	}
	return false;
}
