/*
 * config_report: what was wrong with a configuration, collected, in the order of the file.
 */
#include "guard/config_report.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void add(struct config_report *r, uint32_t line, bool warning, const char *text)
{
	struct config_problem *more;

	if (!warning)
		r->errors++;
	if (r->n == CONFIG_PROBLEMS_MAX)
		return;
	more = realloc(r->problems, (r->n + 1) * sizeof(*more));
	if (!more)
		return;
	r->problems = more;
	more[r->n] = (struct config_problem){ .line = line,
					      .warning = warning,
					      .text = strdup(text) };
	r->n += more[r->n].text != NULL;
}

__attribute__((format(printf, 4, 0))) static void vreport(struct config_report *r, uint32_t line,
							  bool warning, const char *format,
							  va_list args)
{
	char raw[512];
	char text[1024];
	struct text t = text_over(text, sizeof(text));
	int n = vsnprintf(raw, sizeof(raw), format, args);

	if (n < 0)
		return;
	/* What was in the file goes to terminals and logs. */
	text_escaped_utf8(&t, raw, strlen(raw));
	add(r, line, warning, text);
}

void config_error(struct config_report *r, uint32_t line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vreport(r, line, false, format, args);
	va_end(args);
}

void config_warning(struct config_report *r, uint32_t line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vreport(r, line, true, format, args);
	va_end(args);
}

void config_report_sort(struct config_report *r)
{
	/* Nearly sorted, and a hundred at most; problems of one line stay in the order they were found in. */
	for (size_t i = 1; i < r->n; i++) {
		struct config_problem p = r->problems[i];
		size_t j = i;

		for (; j > 0 && r->problems[j - 1].line > p.line; j--)
			r->problems[j] = r->problems[j - 1];
		r->problems[j] = p;
	}
}

void config_report_print(const struct config_report *r, const char *file, FILE *to)
{
	size_t shown = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct config_problem *p = &r->problems[i];

		if (p->line)
			fprintf(to, "%s:%u: %s%s\n", file, p->line, p->warning ? "warning: " : "",
				p->text);
		else
			fprintf(to, "%s%s\n", p->warning ? "warning: " : "", p->text);
		shown += !p->warning;
	}
	if (r->errors > shown)
		fprintf(to, "%s: %zu more errors\n", file, r->errors - shown);
}

void config_report_done(struct config_report *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->problems[i].text);
	free(r->problems);
	*r = (struct config_report){ 0 };
}
