/*
 * The small parts below what keeps a machine awake: values of [idle], the line of a check, terminals, the clock's alarm, words.
 */
#include "sleeper/check_runner.h"
#include "sleeper/config.h"
#include "sleeper/evidence.h"
#include "sleeper/rtc.h"
#include "sleeper/session_tty.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <errno.h>

/* --- [idle] --- */

static struct config config;

/* What is said about a line of [idle]; "" for nothing. */
static const char *said(const char *line)
{
	static char text[512];
	char file[256];
	FILE *to = fmemopen(text, sizeof(text), "w");
	int r;

	text[0] = 0;
	(void)snprintf(file, sizeof(file), "[idle]\n%s\n", line);
	r = config_parse(&config, file, strlen(file), "f", to);
	(void)fclose(to);
	assert_int_equal(r, text[0] ? -EINVAL : 0);
	return text;
}

static const char *printed(const char *key)
{
	static char value[256];
	char *text = NULL, *at;
	char start[64];
	size_t n;
	FILE *to = open_memstream(&text, &n);

	config_print(&config, to);
	(void)fclose(to);
	(void)snprintf(start, sizeof(start), "\n%s = ", key);
	at = strstr(text, start);
	assert_non_null(at);
	at += strlen(start);
	(void)snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\n"), at);
	free(text);
	return value;
}

static void reads_values_and_prints_them_back(void **state)
{
	static const struct {
		const char *key, *value, *back;
	} cases[] = {
		{ "load", "0.8", "0.8" },
		{ "load", "12", "12.0" },
		{ "load", "0.05", "0.05" },
		{ "load", "off", "off" },
		{ "pressure", "100", "100.0" },
		{ "disk", "1MiB", "1MiB" },
		{ "disk", "1536KiB", "1536KiB" },
		{ "network", "1000", "1000" },
		{ "network", "off", "off" },
		{ "sessions", "any", "any" },
		{ "inhibitors", "ignore", "ignore" },
		{ "timers", "ignore", "ignore" },
		{ "timer-near", "1h", "1h" },
		{ "interval", "5s", "5s" },
		{ "units", "a.service,b.mount", "a.service b.mount" },
		{ "processes", "ffmpeg  rsync", "ffmpeg rsync" },
		{ "wake-for", "backup.timer", "backup.timer" },
	};
	char line[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(line, sizeof(line), "%s = %s", cases[i].key, cases[i].value);
		assert_string_equal(said(line), "");
		assert_string_equal(printed(cases[i].key), cases[i].back);
	}
	assert_string_equal(said("load = 0.8"), "");
	assert_int_equal(config.idle_load, 80);
	assert_int_equal(config.idle_disk, 500 * 1024);
	assert_int_equal(config.idle_network, 10 * 1024);
	assert_int_equal(config.idle_traffic, 1024);
}

static void refuses_values(void **state)
{
	static const char *const bad[] = {
		"load = 0",	     "load = 0.001",   "load = 1.",
		"load = -1",	     "load = x",       "load =",
		"pressure = 100.01", "disk = 0",       "disk = 5GiB",
		"disk = KiB",	     "disk = 1 KiB",   "disk = 99999999999KiB",
		"network = 2000MiB", "units = ssh",    "units = a/b.service",
		"interval = 1s",     "sessions = yes", "timer-near = 5s",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *text = said(bad[i]);

		if (strncmp(text, "f:2: ", 5) != 0)
			fail_msg("%s: \"%s\"", bad[i], text);
	}
}

/* --- a check's line --- */

static void a_line_comes_back(void **state)
{
	char line[CHECK_LINE_MAX], text[CHECK_TEXT];
	enum check_result result;
	char longer[1000];

	(void)state;
	for (unsigned int i = 0; i < CHECK_RESULTS; i++) {
		int n = check_line_write((enum check_result)i, "3 players\nand more", line);

		assert_int_equal(check_line_read(line, (size_t)n, &result, text), 0);
		assert_int_equal(result, i);
		assert_string_equal(text, "3 players");
		for (int cut = 0; cut < n; cut++)
			assert_int_equal(check_line_read(line, (size_t)cut, &result, text),
					 -EINVAL);
	}
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_true(check_line_write(CHECK_BUSY, longer, line) < CHECK_LINE_MAX);
	assert_int_equal(check_line_read("busy\n", 5, &result, text), 0);
	assert_string_equal(text, "");
	assert_int_equal(check_line_read("busyx\n", 6, &result, text), -EINVAL);
	assert_int_equal(check_line_read("\n", 1, &result, text), -EINVAL);
}

/* --- terminals --- */

static void finds_the_terminal_of_a_process(void **state)
{
	static const struct {
		const char *stat;
		int tty;
	} cases[] = {
		{ "10 (bash) S 1 10 10 34816 10 4194304", 0 },
		{ "10 (bash) S 1 10 10 34821 10 4194304", 5 },
		{ "10 (a) b) 1 2 (c) S 1 10 10 34817 10 4194304", 1 },
		{ "10 (x) S 1 10 10 1083400 10 1", 264 }, /* minor 264: above the low byte */
		{ "10 (x) S 1 10 10 0 -1 1", -1 },
		{ "10 (getty) S 1 10 10 1025 10 1", -1 }, /* tty1 */
		{ "10 (x) S 1 10", -1 },
		{ "10 (x)", -1 },
		{ "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(session_tty_of_stat(cases[i].stat), cases[i].tty);
}

/* --- the clock --- */

static char root[] = "/tmp/rouse-rtc-XXXXXX";

static void clock_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/rtc1/%s", root, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	(void)fclose(f);
}

static const char *alarm_text(void)
{
	static char text[64];
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/rtc1/wakealarm", root);
	f = fopen(path, "r");
	assert_non_null(f);
	text[0] = 0;
	(void)!fgets(text, sizeof(text), f);
	(void)fclose(f);
	return text;
}

static void sets_the_alarm(void **state)
{
	char path[128];
	bool ours = false;

	(void)state;
	assert_non_null(mkdtemp(root));
	assert_int_equal(rtc_alarm_set_at(root, 60, &ours), -ENODEV);
	(void)snprintf(path, sizeof(path), "%s/rtc0", root);
	assert_int_equal(mkdir(path, 0700), 0); /* one without an alarm */
	(void)snprintf(path, sizeof(path), "%s/rtc1", root);
	assert_int_equal(mkdir(path, 0700), 0);
	clock_file("since_epoch", "1000\n");
	clock_file("wakealarm", "");
	assert_int_equal(rtc_alarm_set_at(root, 60, &ours), 0);
	assert_true(ours);
	assert_string_equal(alarm_text(), "+60\n");
	/* Somebody else's, earlier: it stays. */
	clock_file("wakealarm", "1030\n");
	assert_int_equal(rtc_alarm_set_at(root, 60, &ours), 0);
	assert_false(ours);
	assert_string_equal(alarm_text(), "1030\n");
	/* Later, or over: replaced. */
	clock_file("wakealarm", "1090\n");
	assert_int_equal(rtc_alarm_set_at(root, 60, &ours), 0);
	assert_true(ours);
	assert_string_equal(alarm_text(), "+60\n");
	clock_file("wakealarm", "900\n");
	assert_int_equal(rtc_alarm_set_at(root, 60, &ours), 0);
	assert_true(ours);
	assert_string_equal(alarm_text(), "+60\n");
}

static int remove_clock(void **state)
{
	static const char *const names[] = { "/rtc1/since_epoch", "/rtc1/wakealarm", "/rtc1",
					     "/rtc0", "" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", root, names[i]);
		(void)remove(path);
	}
	return 0;
}

/* --- words --- */

static void says_amounts(void **state)
{
	static const struct {
		uint64_t us;
		const char *words;
	} spans[] = { { 0, "0 s" },
		      { 99999999, "99 s" },
		      { 100000000, "1 min" },
		      { UINT64_C(5999) * 1000000, "99 min" },
		      { UINT64_C(7200) * 1000000, "2 h" },
		      { UINT64_C(172800) * 1000000, "2 days" } };
	static const struct {
		uint64_t bytes;
		const char *words;
	} amounts[] = { { 0, "0 B" },
			{ 1023, "1023 B" },
			{ 1024, "1.0 KiB" },
			{ 512000, "500.0 KiB" },
			{ (1U << 20) - 1, "1023.9 KiB" },
			{ 1U << 20, "1.0 MiB" },
			{ 7U << 19, "3.5 MiB" } };
	char words[64];
	struct text t;

	(void)state;
	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		t = text_over(words, sizeof(words));
		evidence_put_duration(&t, spans[i].us);
		assert_string_equal(words, spans[i].words);
	}
	for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
		t = text_over(words, sizeof(words));
		evidence_put_bytes(&t, amounts[i].bytes);
		assert_string_equal(words, amounts[i].words);
	}
}

static void bears_too_much_evidence(void **state)
{
	static struct evidences all;
	struct text t;

	(void)state;
	for (int i = 0; i < EVIDENCE_MAX + 5; i++)
		(void)evidence_add(&all, "check", &t);
	assert_int_equal(all.n, EVIDENCE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_values_and_prints_them_back),
		cmocka_unit_test(refuses_values),
		cmocka_unit_test(a_line_comes_back),
		cmocka_unit_test(finds_the_terminal_of_a_process),
		cmocka_unit_test_teardown(sets_the_alarm, remove_clock),
		cmocka_unit_test(says_amounts),
		cmocka_unit_test(bears_too_much_evidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
