/*
 * log: what really arrives on descriptor 2, in a child whose stderr is a pipe.
 */
#include "lab.h"

#include "sys/log.h"

#include <sys/stat.h>

/* What `say` writes to stderr, as a string. */
static const char *heard(int (*say)(void *context), void *context)
{
	static char text[200000];
	size_t used = 0;
	int fds[2], status;
	pid_t child;
	ssize_t n;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(fds[1], 2);
		close(fds[0]);
		close(fds[1]);
		_exit(say(context));
	}
	close(fds[1]);
	while ((n = read(fds[0], text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = 0;
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	return text;
}

static int say_levels(void *context)
{
	(void)context;
	errno = 77;
	log_debug("not said");
	log_info("info %d", 1);
	log_warning("careful");
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("not said");
	log_error("bad");
	return errno == 77 ? 0 : 1;
}

static void test_plain(void **state)
{
	(void)state;
	assert_string_equal(heard(say_levels, NULL), "info 1\nwarning: careful\nerror: bad\n");
}

/* A terminal that was stopped, a pager, a journal that hangs. */
static int say_to_a_full_pipe(void *context)
{
	int fds[2];

	(void)context;
	alarm(5); /* the end, if writing waits */
	if (pipe(fds) < 0 || dup2(fds[1], 2) < 0)
		return 1;
	log_open("test");
	for (int i = 0; i < 1000; i++)
		log_notice("line %d, of which there are more than the pipe holds%80s", i, "");
	return 0;
}

static void test_reader_that_stops(void **state)
{
	(void)state;
	assert_int_equal(lab_child(say_to_a_full_pipe, NULL), 0);
}

static int say_opened(void *context)
{
	(void)context;
	setenv("TZ", "UTC", 1);
	log_open("roused");
	log_notice("hello");
	return 0;
}

static void test_with_time(void **state)
{
	int y, mo, d, h, mi, s, ms, end = 0;
	const char *text = heard(say_opened, NULL);

	(void)state;
	assert_int_equal(sscanf(text, "%4d-%2d-%2d %2d:%2d:%2d.%3d roused: hello\n%n", &y, &mo, &d,
				&h, &mi, &s, &ms, &end),
			 7);
	assert_int_equal(end, (int)strlen(text));
	assert_true(y >= 1970 && mo >= 1 && mo <= 12);
}

static int say_journal(void *context)
{
	char stream[64];
	struct stat s;

	(void)context;
	fstat(2, &s);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)s.st_dev,
		 (unsigned long long)s.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open("roused");
	log_set_level(LOG_LEVEL_DEBUG);
	log_error("a");
	log_warning("b");
	log_notice("c");
	log_info("d");
	log_debug("e");
	return 0;
}

static void test_journal(void **state)
{
	(void)state;
	assert_string_equal(heard(say_journal, NULL), "<3>a\n<4>b\n<5>c\n<6>d\n<7>e\n");
}

static int say_other_journal(void *context)
{
	setenv("JOURNAL_STREAM", "1:1", 1);
	return say_opened(context);
}

static void test_somebody_elses_journal(void **state)
{
	(void)state;
	assert_null(strchr(heard(say_other_journal, NULL), '<'));
}

static int say_dirty(void *context)
{
	(void)context;
	log_notice("%s", "a\nb\x1b[31m\x7f \xc2\x9b \xff \xc3\xa4 \\x1b \xe2\x82\xac");
	return 0;
}

static void test_control_characters(void **state)
{
	(void)state;
	assert_string_equal(heard(say_dirty, NULL),
			    "a\\x0ab\\x1b[31m\\x7f \\xc2\\x9b \\xff \xc3\xa4 \\x1b \xe2\x82\xac\n");
}

static int say_long(void *context)
{
	char text[3 * LOG_LINE_MAX];

	(void)context;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = 0;
	log_notice("%s", text);
	return 0;
}

static void test_long(void **state)
{
	const char *text = heard(say_long, NULL);

	(void)state;
	assert_int_equal(strlen(text), LOG_LINE_MAX);
	assert_string_equal(text + strlen(text) - 4, "...\n");
}

static int say_again(void *context)
{
	(void)context;
	for (int i = 0; i < 100; i++)
		log_notice("the same");
	log_notice("another");
	log_flush();
	log_flush();
	return 0;
}

static void test_repeated(void **state)
{
	(void)state;
	assert_string_equal(heard(say_again, NULL),
			    "the same\nthe same\nthe same\nthe same\nthe same\nanother\n"
			    "warning: 95 lines left out\n");
}

static int say_flood(void *context)
{
	(void)context;
	for (int i = 0; i < 5000; i++)
		log_notice("line %d", i);
	log_flush();
	return 0;
}

static void test_flood_of_different_lines(void **state)
{
	const char *text = heard(say_flood, NULL);
	int lines = 0, left_out = 0;
	const char *last;

	(void)state;
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	/* A thousand at once, some more for the time that passes meanwhile. */
	assert_in_range(lines, 1000, 4000);
	last = strstr(text, "warning: ");
	assert_non_null(last);
	assert_int_equal(sscanf(last, "warning: %d lines left out\n", &left_out), 1);
	assert_in_range(left_out, 1000, 4000);
}

static int say_to_nobody(void *context)
{
	(void)context;
	signal(SIGPIPE, SIG_IGN);
	close(2);
	log_error("nobody hears this");
	return 0;
}

static void test_nobody_listens(void **state)
{
	(void)state;
	assert_string_equal(heard(say_to_nobody, NULL), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_reader_that_stops),
		cmocka_unit_test(test_with_time),
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_somebody_elses_journal),
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_flood_of_different_lines),
		cmocka_unit_test(test_nobody_listens),
	};

	unsetenv("JOURNAL_STREAM");
	return cmocka_run_group_tests_name("sys/log", tests, NULL, NULL);
}
