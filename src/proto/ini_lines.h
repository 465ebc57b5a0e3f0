/*
 * ini_lines: an INI file as a sequence of headings and keys; the door to inih.
 *
 * Owns: line numbers, comments, continuation lines, headings with a name in quotes, and what the library would take
 * silently for something else: lines longer than its buffer (200 bytes in Debian, a constant elsewhere), indented keys,
 * comments behind continuation lines, bytes that are no text. Refuses to know any key.
 */
#ifndef ROUSE_PROTO_INI_LINES_H
#define ROUSE_PROTO_INI_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INI_HEADING_MAX 255 /* bytes of the name in a heading */

struct ini_listener {
	/* [section] or [section "name"]; name is NULL without quotes; section is "" when `wrong` was called for it. */
	void (*heading)(void *who, uint32_t line, const char *section, const char *name);
	/* key = value; `more`: the value goes on from the line before. */
	void (*key)(void *who, uint32_t line, const char *key, const char *value, bool more);
	/* The line is neither; `what` is a sentence. */
	void (*wrong)(void *who, uint32_t line, const char *what);
	void *who;
};

/* Calls the listener for each line in order. 0, or -ENOMEM. */
int ini_lines(const char *bytes, size_t n, const struct ini_listener *listener);

#endif
