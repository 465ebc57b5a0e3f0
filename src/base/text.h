/*
 * text: bounded building and strict reading of text, without the C library's printf family.
 *
 * A struct text appends to memory of its caller, is always NUL-terminated, and remembers when
 * something did not fit: then nothing further is appended. Escapes and UTF-8 sequences are never cut in two. Parsing is strict: the whole string, no sign, no blanks.
 */
#ifndef ROUSE_BASE_TEXT_H
#define ROUSE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *start;
	size_t used; /* without the NUL */
	size_t size; /* with the NUL */
	bool cut; /* something did not fit */
};

/* n is at least 1. */
struct text text_over(char *to, size_t n);
void text_char(struct text *t, char c);
void text_string(struct text *t, const char *s);
void text_u64(struct text *t, uint64_t v);
/* Lower case, at least `digits` digits. */
void text_hex(struct text *t, uint64_t v, unsigned int digits);
/* Microseconds as seconds with three digits and at least one decimal: "6.4", "0.012". */
void text_seconds(struct text *t, uint64_t us);
/* For names from the network in logs: printable ASCII as it is, '\\' doubled, everything else \xNN. */
void text_escaped(struct text *t, const char *s, size_t n);
/* The same, but valid UTF-8 beyond ASCII stays as it is, unless text_is_control. */
void text_escaped_utf8(struct text *t, const char *s, size_t n);

/* 0-15, or -1. */
int text_hex_digit(char c);
/* Decimal digits alone, at most `max`; -EINVAL, or -ERANGE when larger. */
int text_parse_u64(const char *text, uint64_t max, uint64_t *ret_value);
/* "250ms", "30s", "10min", "1h", "90d", a bare number is seconds; -EINVAL, or -ERANGE beyond a thousand days. */
int text_parse_duration(const char *text, uint64_t *ret_us);
/* The shortest of the forms above that says it exactly; returns `to`. */
#define DURATION_TEXT 24
char *text_format_duration(uint64_t us, char to[static DURATION_TEXT]);
bool text_equal_ignoring_case(const char *a, const char *b);
/* Length of the valid UTF-8 sequence at s (1 to 4), or 0 (RFC 3629: no overlong forms, no surrogates). */
size_t text_utf8_length(const char *s, size_t n);
/*
 * Whether the valid UTF-8 sequence of that length steers what shows it: C0, DEL, C1, line and paragraph separators, and
 * what changes the direction of text (a name with U+202E makes the rest of its line read backwards).
 */
bool text_is_control(const char *s, size_t length);

#endif
