#include "proto/ini_lines.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

struct reader {
	const struct ini_listener *to;
	const char *at; /* the next line */
	size_t left;
	char *copy; /* the current line, cleaned */
	char heading[3]; /* what inih gets for every heading */
	size_t copy_size;
	char *rest; /* what of it inih has not got yet; empty: nothing */
	uint32_t line;
	bool more; /* the current piece continues a value */
	bool waiting; /* a piece that has to become a key went to inih */
};

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static char *skip_blanks(char *s)
{
	while (blank(*s))
		s++;
	return s;
}

static void wrong(struct reader *r, const char *what)
{
	r->to->wrong(r->to->who, r->line, what);
}

/* A line whose first word is followed by '=' is a key, however far it is indented. */
static bool looks_like_key(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

	if (n == 0)
		return false;
	s += n;
	while (blank(*s))
		s++;
	return *s == '=';
}

/* Cuts what a ';' behind a blank begins. inih does so too, but not on continuation lines. */
static void cut_comment(char *s)
{
	for (char *p = s; *p; p++) {
		if (*p == ';' && p > s && blank(p[-1])) {
			*p = 0;
			return;
		}
	}
}

static void cut_blanks(char *s)
{
	size_t n = strlen(s);

	while (n && (blank(s[n - 1]) || s[n - 1] == '\r'))
		n--;
	s[n] = 0;
}

/* The text between quotes at s, '\"' and '\\' understood; returns what follows, NULL when it does not end. */
static char *read_quoted(char *s, char name[static INI_HEADING_MAX + 1])
{
	struct text t = text_over(name, INI_HEADING_MAX + 1);

	for (; *s != '"'; s++) {
		if (*s == '\\' && (s[1] == '"' || s[1] == '\\'))
			s++;
		if (!*s)
			return NULL;
		text_char(&t, *s);
	}
	return t.cut ? NULL : s + 1;
}

/* s is behind the '['. */
static void read_heading(struct reader *r, char *s)
{
	char name[INI_HEADING_MAX + 1];
	bool named = false;
	char *section = skip_blanks(s);
	char *end = section + strcspn(section, " \t\"]");
	char *p = skip_blanks(end);

	if (*p == '"') {
		named = true;
		p = read_quoted(p + 1, name);
		if (p)
			p = skip_blanks(p);
	}
	if (!p || *p != ']' || end == section) {
		wrong(r, "a heading looks like [section] or [section \"name\"]");
		section = end;
	} else if (p = skip_blanks(p + 1), *p && *p != ';' && *p != '#') {
		wrong(r, "only a comment can follow a heading");
	}
	*end = 0;
	/* "" when it is not understood: what follows must not count for the heading before. */
	r->to->heading(r->to->who, r->line, section, named ? name : NULL);
}

/* The next line of the file into r->copy, without its end; false behind the last one, and without memory. */
static bool fetch_line(struct reader *r)
{
	const char *end;
	size_t n;

	if (r->left == 0)
		return false;
	end = memchr(r->at, '\n', r->left);
	n = end ? (size_t)(end - r->at) : r->left;
	if (n + 1 > r->copy_size) {
		free(r->copy);
		r->copy_size = n + 1;
		r->copy = malloc(r->copy_size);
		if (!r->copy)
			return false;
	}
	memcpy(r->copy, r->at, n);
	r->copy[n] = 0;
	n += end != NULL;
	r->at += n;
	r->left -= n;
	r->line++;
	return true;
}

/* What of the current line is for inih: a key or a continuation; an empty text when there is nothing. */
static char *clean_line(struct reader *r, size_t raw)
{
	char *s = r->copy;
	char *first;

	if (strlen(s) != raw) {
		wrong(r, "there is a byte 0 in this line");
		return s + strlen(s);
	}
	first = skip_blanks(s);
	if (*first == ';' || *first == '#')
		return first + strlen(first);
	cut_blanks(first);
	if (*first == '[') {
		read_heading(r, first + 1);
		/* A heading of no meaning ends inih's idea of a value that goes on. */
		return r->heading;
	}
	cut_comment(first);
	cut_blanks(first);
	if (first == s || looks_like_key(first))
		return first;
	r->more = *first != 0;
	return *first ? s : first;
}

/* Fills inih's buffer of n bytes from r->rest: as many words as fit; the others become continuation lines. */
static bool give_piece(struct reader *r, char *to, size_t n)
{
	size_t length = strlen(r->rest);
	size_t room = n - 1;

	if (length > room) {
		for (length = room; length > 0 && !blank(r->rest[length]);)
			length--;
		while (length > 0 && blank(r->rest[length - 1]))
			length--;
	}
	if (length == 0) {
		wrong(r, "there is a word of more than 190 bytes in this line");
		return false;
	}
	memcpy(to, r->rest, length);
	to[length] = 0;
	/* The blank that stays in front makes the rest a continuation. */
	r->rest += length;
	return true;
}

/* Reads lines until one has something for inih, and gives the first piece of it. */
static char *read_piece(char *to, int n, void *who)
{
	struct reader *r = who;
	size_t raw;

	if (r->waiting)
		wrong(r, "expected `key = value`, or a blank first to continue a list");
	r->waiting = false;
	r->more = *r->rest != 0;
	for (;;) {
		if (*r->rest && give_piece(r, to, (size_t)n))
			break;
		r->more = false;
		raw = r->left;
		if (!fetch_line(r))
			return NULL;
		raw -= r->left;
		raw -= raw > 0 && r->at[-1] == '\n';
		r->rest = clean_line(r, raw);
	}
	r->waiting = to[0] != '[';
	return to;
}

static int take_key(void *who, const char *section, const char *key, const char *value)
{
	struct reader *r = who;

	(void)section;
	r->waiting = false;
	r->to->key(r->to->who, r->line, key, value, r->more);
	return 1;
}

int ini_lines(const char *bytes, size_t n, const struct ini_listener *listener)
{
	static char nothing[1];
	struct reader r = {
		.to = listener, .at = bytes, .left = n, .rest = nothing, .heading = "[]"
	};
	int result;

	if (n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
		r.at += 3;
		r.left -= 3;
	}
	result = ini_parse_stream(read_piece, &r, take_key, &r);
	/* A line that inih refuses has been reported by then; the rest of the file is read all the same. */
	if (r.left > 0 || result == -2)
		result = -ENOMEM;
	else
		result = 0;
	free(r.copy);
	return result;
}
