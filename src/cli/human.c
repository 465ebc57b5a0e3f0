#include "cli/human.h"

#include "base/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GAP 2 /* blanks between columns */

char *human_ago(uint64_t now_ms, uint64_t then_ms, char to[static HUMAN_TIME])
{
	uint64_t s = now_ms > then_ms ? (now_ms - then_ms) / 1000 : 0;

	if (s < 2)
		(void)snprintf(to, HUMAN_TIME, "just now");
	else if (s < 100)
		(void)snprintf(to, HUMAN_TIME, "%u s ago", (unsigned int)s);
	else if (s < 100 * 60)
		(void)snprintf(to, HUMAN_TIME, "%u min ago", (unsigned int)(s / 60));
	else if (s < 48 * 3600)
		(void)snprintf(to, HUMAN_TIME, "%u h ago", (unsigned int)(s / 3600));
	else
		(void)snprintf(to, HUMAN_TIME, "%llu days ago", (unsigned long long)(s / 86400));
	return to;
}

char *human_time(uint64_t now_ms, uint64_t then_ms, char to[static HUMAN_TIME])
{
	time_t now = (time_t)(now_ms / 1000);
	time_t then = (time_t)(then_ms / 1000);
	struct tm here = { 0 };
	struct tm there = { 0 };

	(void)localtime_r(&now, &here);
	(void)localtime_r(&then, &there);
	if (strftime(to, HUMAN_TIME,
		     here.tm_year == there.tm_year ? "%b %e %H:%M:%S" : "%b %e %Y %H:%M:%S",
		     &there) == 0)
		to[0] = 0;
	return to;
}

static uint32_t code_of(const char *s, size_t length)
{
	uint32_t code = length == 1 ? (uint8_t)s[0] : (uint8_t)s[0] & (0xffU >> (length + 1));

	for (size_t i = 1; i < length; i++)
		code = code << 6 | ((uint8_t)s[i] & 0x3f);
	return code;
}

static size_t code_width(uint32_t code)
{
	static const struct {
		uint32_t first, last;
		size_t width;
	} ranges[] = {
		{ 0x0300, 0x036f, 0 },	 { 0x200b, 0x200f, 0 },	  { 0x20d0, 0x20ff, 0 },
		{ 0xfe00, 0xfe0f, 0 },	 { 0x1100, 0x115f, 2 },	  { 0x2e80, 0xa4cf, 2 },
		{ 0xac00, 0xd7a3, 2 },	 { 0xf900, 0xfaff, 2 },	  { 0xfe30, 0xfe6f, 2 },
		{ 0xff00, 0xff60, 2 },	 { 0xffe0, 0xffe6, 2 },	  { 0x1f300, 0x1f64f, 2 },
		{ 0x1f680, 0x1f6ff, 2 }, { 0x1f900, 0x1f9ff, 2 }, { 0x20000, 0x3fffd, 2 },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (code >= ranges[i].first && code <= ranges[i].last)
			return ranges[i].width;
	}
	return 1;
}

size_t human_width(const char *text)
{
	size_t n = strlen(text);
	size_t width = 0;

	for (size_t i = 0; i < n;) {
		size_t length = text_utf8_length(text + i, n - i);

		width += length ? code_width(code_of(text + i, length)) : 1;
		i += length ? length : 1;
	}
	return width;
}

/* --- tables --- */

void table_init(struct table *t, size_t columns)
{
	assert(columns > 0 && columns <= TABLE_COLUMNS);
	*t = (struct table){ .columns = columns };
}

static bool grow(struct table *t)
{
	size_t size = t->size ? t->size * 2 : 64;
	char **cells = realloc(t->cells, size * sizeof(*cells));
	const char **colours;

	if (!cells)
		return false;
	t->cells = cells;
	colours = realloc(t->colours, size * sizeof(*colours));
	if (!colours)
		return false;
	t->colours = colours;
	t->size = size;
	return true;
}

/* A copy in which nothing can move the cursor. */
static char *harmless(const char *text)
{
	char *copy = NULL;
	size_t n;
	FILE *f = open_memstream(&copy, &n);

	if (!f)
		return NULL;
	cli_put(f, text);
	if (fclose(f) != 0) {
		free(copy);
		return NULL;
	}
	return copy;
}

void table_add(struct table *t, const char *text, const char *colour)
{
	char *copy = t->failed || (t->n == t->size && !grow(t)) ? NULL : harmless(text);

	if (!copy) {
		t->failed = true;
		return;
	}
	t->cells[t->n] = copy;
	t->colours[t->n] = colour;
	t->n++;
}

static size_t column_width(const struct table *t, size_t column)
{
	size_t widest = 0;

	for (size_t i = column; i < t->n; i += t->columns) {
		size_t width = human_width(t->cells[i]);

		widest = width > widest ? width : widest;
	}
	return widest;
}

static void print_cell(const struct table *t, size_t i, FILE *to, bool colour)
{
	if (colour && t->colours[i])
		fprintf(to, "\033[%sm%s\033[0m", t->colours[i], t->cells[i]);
	else
		fputs(t->cells[i], to);
}

void table_print(const struct table *t, FILE *to, bool colour)
{
	size_t widths[TABLE_COLUMNS];
	size_t pending = 0; /* blanks that only appear when something follows */

	assert(t->columns > 0);
	for (size_t column = 0; column < t->columns; column++)
		widths[column] = column_width(t, column);
	for (size_t i = 0; i < t->n; i++) {
		size_t column = i % t->columns;

		if (t->cells[i][0]) {
			fprintf(to, "%*s", (int)pending, "");
			pending = 0;
		}
		print_cell(t, i, to, colour);
		pending += widths[column] + GAP - human_width(t->cells[i]);
		if (column + 1 == t->columns) {
			fputc('\n', to);
			pending = 0;
		}
	}
}

void table_done(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t->colours);
	*t = (struct table){ .columns = t->columns };
}
