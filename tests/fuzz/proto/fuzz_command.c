/*
 * fuzz_command: a line of the control socket. Errors are text that fits into an answer; what is understood is sane, and comes out the
 * same when it is written and read again.
 */
#include "proto/answer.h"
#include "proto/command.h"
#include "proto/json.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(const char *error)
{
	static char line[ANSWER_MAX];
	char problem[JSON_PROBLEM];
	struct json_writer w = json_writer_over(line, sizeof(line));
	struct json *answer;

	assert(error[0] && strlen(error) < COMMAND_ERROR);
	answer_write_result(&w, ANSWER_INVALID, error);
	assert(!w.out.cut && line[w.out.used - 1] == '\n');
	assert(memchr(line, '\n', w.out.used) == line + w.out.used - 1);
	assert(json_read(line, w.out.used, &answer, problem) == 0);
	assert(answer_result_of(json_word(json_member(answer, "result"))) == ANSWER_INVALID);
	json_drop(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char line[2 * COMMAND_LINE_MAX];
	static struct command once;
	static struct command twice;
	char error[COMMAND_ERROR] = "";
	int n;

	json_seed(1);
	if (command_decode((const char *)data, size, &once, error) < 0) {
		check_error(error);
		return 0;
	}
	assert(once.kind < COMMAND_KINDS);
	if (once.kind == COMMAND_ADD)
		assert(spec_sane(&once.spec));
	n = command_encode(&once, line, sizeof(line));
	assert(n > 0 && n <= COMMAND_LINE_MAX && line[n - 1] == '\n');
	assert(command_decode(line, (size_t)n - 1, &twice, error) == 0);
	assert(memcmp(&once, &twice, sizeof(once)) == 0);
	return 0;
}
