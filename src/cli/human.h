/*
 * human: times and tables as people like to read them.
 */
#ifndef ROUSE_CLI_HUMAN_H
#define ROUSE_CLI_HUMAN_H

#include "cli/cli.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define HUMAN_TIME 32

/* "just now", "40 s ago", "3 min ago", "5 h ago", "4 days ago"; returns `to`. */
char *human_ago(uint64_t now_ms, uint64_t then_ms, char to[static HUMAN_TIME]);
/* Local time: "Nov 21 22:13:05", with the year where it is another: "Nov 21 2025 22:13:05". */
char *human_time(uint64_t now_ms, uint64_t then_ms, char to[static HUMAN_TIME]);
/* Columns a terminal needs for it, roughly: combining marks none, East Asian wide and emoji two. */
size_t human_width(const char *text);

#define TABLE_COLUMNS 8
/* A table of text: the first row is the head. Cells are copied. */
struct table {
	size_t columns;
	char **cells;
	const char **colours; /* of each cell, or NULL */
	size_t n, size;
	bool failed; /* out of memory: it prints what it has */
};

/* At most TABLE_COLUMNS. */
void table_init(struct table *t, size_t columns);
/* The next cell, row by row; `colour` is an SGR parameter like "32", or NULL. Control characters are escaped. */
void table_add(struct table *t, const char *text, const char *colour);
void table_print(const struct table *t, FILE *to, bool colour);
void table_done(struct table *t);

#endif
