/*
 * test_cli: what `rouse` prints, for what a guard answers: golden/NAME.in has the command line, then the answers;
 * golden/NAME.ok what comes out, and the exit status.
 *
 * After a wanted change: CLI_OK=tests/unit/cli/golden BUILD/tests/unit/test_cli_cli
 */
#include "cli/cli.h"
#include "cli/human.h"
#include "proto/json.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW 1770087906789 /* 2026-02-03 03:05:06 UTC */

static const char *const names[] = {
	"status",
	"status-empty",
	"status-one",
	"status-json",
	"status-not-found",
	"status-colour",
	"wake",
	"wake-wait",
	"wake-dead",
	"wake-dead-json",
	"wake-already",
	"wake-timeout",
	"add",
	"add-refused",
	"add-bad-rule",
	"remove",
	"remove-not-found",
	"unpair",
	"pair",
	"pair-guarded",
	"log",
	"log-json",
	"log-hostile",
	"log-not-found",
	"version",
	"broken-answer",
	"ended",
	"usage-none",
	"usage-wait",
	"usage-two",
	"help-wake",
	"relay",
	"relay-none",
	"relay-refused",
	"why",
	"why-off",
	"why-json",
	"why-colour",
	"why-none",
	"services",
	"services-none",
	"services-json",
	"service",
	"service-bad",
	"sleep",
	"sleep-refused",
	"sleep-force-name",
};

static char folder[] = "/tmp/rouse-test-XXXXXX";

static char *read_file(const char *name, const char *suffix)
{
	char path[512];
	char *text = calloc(1, 65536);
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.%s", GOLDEN, name, suffix);
	f = fopen(path, "r");
	if (f) {
		(void)!fread(text, 1, 65535, f);
		fclose(f);
	}
	return text;
}

/* A guard that says the same to whoever asks, once. */
static pid_t serve(const char *path, const char *answers)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	(void)unlink(path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		char request[65536];
		int client;

		alarm(5);
		client = accept(fd, NULL, NULL);
		if (client < 0 || read(client, request, sizeof(request)) <= 0)
			_exit(1);
		(void)!write(client, answers, strlen(answers));
		_exit(0);
	}
	close(fd);
	return pid;
}

/* Runs "$ status nas" of the file; the streams and the status in one text. */
static char *run(char *in, const char *path)
{
	char program[] = "rouse";
	char *argv[16] = { program };
	int argc = 1;
	char *out, *err, *all;
	size_t out_n, err_n, all_n;
	char *answers = strchr(in, '\n');
	struct cli c = { .socket = path, .sleeper = path, .now_ms = NOW };
	FILE *f;
	int status;

	*answers++ = 0;
	for (char *word = strtok(in + 1, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	c.colour = argc > 1 && strcmp(argv[argc - 1], "COLOUR") == 0;
	argc -= c.colour;
	argv[argc] = NULL;
	c.out = open_memstream(&out, &out_n);
	c.err = open_memstream(&err, &err_n);
	pid_t guard = serve(path, answers);

	status = cli_run(&c, argc, argv);
	kill(guard, SIGKILL);
	waitpid(guard, NULL, 0);
	fclose(c.out);
	fclose(c.err);
	f = open_memstream(&all, &all_n);
	fprintf(f, "%s-- err\n%s-- exit %d\n", out, err, status);
	fclose(f);
	free(out);
	free(err);
	return all;
}

static void write_golden(const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.ok", getenv("CLI_OK"), name);
	f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
}

static void golden(void **state)
{
	char path[64];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *in = read_file(names[i], "in");
		char *ok = read_file(names[i], "ok");

		if (in[0] != '$')
			fail_msg("golden/%s.in is not there", names[i]);
		char *is = run(in, path);

		if (getenv("CLI_OK"))
			write_golden(names[i], is);
		else if (strcmp(is, ok) != 0)
			fail_msg("%s\n--- is\n%s--- shall be\n%s", names[i], is, ok);
		free(in);
		free(ok);
		free(is);
	}
	(void)unlink(path);
	(void)rmdir(folder);
}

static void no_guard(void **state)
{
	char words[4][32] = { "rouse", "--socket", "/nowhere/none.sock", "status" };
	char *argv[] = { words[0], words[1], words[2], words[3], NULL };
	char *text;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	struct cli c = { .out = f, .err = f, .socket = CLI_SOCKET, .now_ms = NOW };

	(void)state;
	assert_int_equal(cli_run(&c, 4, argv), CLI_FAILED);
	fclose(f);
	assert_non_null(strstr(text, "no guard answers at /nowhere/none.sock: is roused running"));
	free(text);
}

static void every_command_has_help(void **state)
{
	(void)state;
	for (const struct cli_command *k = cli_commands; k->name; k++) {
		char words[3][16] = { "rouse", "", "--help" };
		char *argv[] = { words[0], words[1], words[2], NULL };
		char *text;
		size_t n;
		FILE *f = open_memstream(&text, &n);
		struct cli c = { .out = f, .err = stderr, .socket = "/nowhere", .now_ms = NOW };

		snprintf(words[1], sizeof(words[1]), "%s", k->name);
		assert_int_equal(cli_run(&c, 3, argv), CLI_DONE);
		fclose(f);
		assert_non_null(strstr(text, "Example:\n  rouse "));
		free(text);
	}
}

static void times(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} cases[] = { { 0, "just now" },
		      { 40, "40 s ago" },
		      { 180, "3 min ago" },
		      { 5 * 3600, "5 h ago" },
		      { 4 * 86400, "4 days ago" } };
	char text[HUMAN_TIME];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(human_ago(NOW, NOW - cases[i].seconds * 1000, text),
				    cases[i].text);
	/* A clock that was set back is no reason for nonsense. */
	assert_string_equal(human_ago(NOW, NOW + 5000, text), "just now");
	assert_string_equal(human_time(NOW, NOW - 1000, text), "Feb  3 03:05:05");
	assert_string_equal(human_time(NOW, NOW - 90 * 86400000ULL, text), "Nov  5 2025 03:05:06");
}

static void widths(void **state)
{
	(void)state;
	assert_int_equal(human_width("abc"), 3);
	assert_int_equal(human_width("n\xc3\xa4s"), 3);
	assert_int_equal(human_width("a\xcc\x88"), 1);
	assert_int_equal(human_width("\xe7\x8c\xab"), 2);
	assert_int_equal(human_width("\xff"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(no_guard),
		cmocka_unit_test(every_command_has_help),
		cmocka_unit_test(times),
		cmocka_unit_test(widths),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	json_seed(42);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
