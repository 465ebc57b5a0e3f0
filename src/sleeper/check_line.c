/*
 * check_line: the one line that comes back from a check. No I/O.
 */
#include "sleeper/check_runner.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

static const char *const words[] = {
	[CHECK_FAILED] = "failed",
	[CHECK_BUSY] = "busy",
	[CHECK_QUIET] = "quiet",
};

int check_line_read(const char *line, size_t n, enum check_result *ret,
		    char text[static CHECK_TEXT])
{
	const char *end = memchr(line, '\n', n);
	size_t length = end ? (size_t)(end - line) : 0;

	for (unsigned int i = 0; end && i < CHECK_RESULTS; i++) {
		size_t word = strlen(words[i]);
		size_t rest;

		if (length < word || memcmp(line, words[i], word) != 0 ||
		    (length > word && line[word] != ' '))
			continue;
		rest = length > word ? length - word - 1 : 0;
		rest = rest < CHECK_TEXT ? rest : CHECK_TEXT - 1;
		memcpy(text, line + length - (length > word ? length - word - 1 : 0), rest);
		text[rest] = 0;
		*ret = (enum check_result)i;
		return 0;
	}
	return -EINVAL;
}

int check_line_write(enum check_result result, const char *text, char line[static CHECK_LINE_MAX])
{
	char cut[CHECK_TEXT];
	struct text t = text_over(line, CHECK_LINE_MAX);
	size_t n = strcspn(text, "\n");

	n = n < sizeof(cut) ? n : sizeof(cut) - 1;
	memcpy(cut, text, n);
	cut[n] = 0;
	text_string(&t, words[result]);
	text_char(&t, ' ');
	text_string(&t, cut);
	text_char(&t, '\n');
	return (int)t.used;
}
