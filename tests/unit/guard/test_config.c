/*
 * test_config: the configuration. Golden files: golden/NAME.in comes out as golden/NAME.ok: warnings and errors, then, without
 * errors, what `--check` prints. With ROUSE_ACCEPT set in the environment they are written anew, to be looked at.
 */
#include "guard/config.h"
#include "guard/config_keys.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The whole file with a NUL behind it; for the tests' own files. */
static char *slurp(const char *path, size_t *ret_n)
{
	FILE *f = fopen(path, "rb");
	char *bytes = calloc(1, 1 << 20);

	assert_non_null(bytes);
	*ret_n = 0;
	if (f) {
		*ret_n = fread(bytes, 1, (1 << 20) - 1, f);
		fclose(f);
	}
	return bytes;
}

/* What `--check` says about n bytes; the caller frees it. */
static char *check(const char *bytes, size_t n, const char *name)
{
	struct config_report report = { 0 };
	struct config c;
	char *said = NULL;
	size_t said_n = 0;
	FILE *to = open_memstream(&said, &said_n);
	int r;

	assert_non_null(to);
	config_init(&c);
	r = config_parse(&c, bytes, n, &report);
	assert_int_equal(r, report.errors ? -EINVAL : 0);
	config_report_print(&report, name, to);
	if (r == 0)
		config_print(&c, to);
	fclose(to);
	config_done(&c);
	config_report_done(&report);
	return said;
}

static void check_golden(const char *in_name)
{
	char in_path[512];
	char ok_path[512];
	size_t n;
	size_t ok_n;
	char *in;
	char *ok;
	char *said;

	(void)snprintf(in_path, sizeof(in_path), "%s/%s", GOLDEN, in_name);
	(void)snprintf(ok_path, sizeof(ok_path), "%s/%.*s.ok", GOLDEN, (int)strlen(in_name) - 3,
		       in_name);
	in = slurp(in_path, &n);
	ok = slurp(ok_path, &ok_n);
	said = check(in, n, in_name);
	if (getenv("ROUSE_ACCEPT")) {
		FILE *f = fopen(ok_path, "w");

		assert_non_null(f);
		fputs(said, f);
		fclose(f);
	} else {
		print_message("%s\n", in_name);
		assert_string_equal(said, ok);
	}
	free(in);
	free(ok);
	free(said);
}

static void golden(void **state)
{
	DIR *folder = opendir(GOLDEN);
	struct dirent *entry;
	int files = 0;

	(void)state;
	assert_non_null(folder);
	while ((entry = readdir(folder))) {
		size_t n = strlen(entry->d_name);

		if (n < 4 || strcmp(entry->d_name + n - 3, ".in") != 0)
			continue;
		check_golden(entry->d_name);
		files++;
	}
	closedir(folder);
	assert_true(files > 5);
}

/* What is printed is understood to be the same. */
static void prints_what_it_reads(void **state)
{
	size_t n;
	char *in = slurp(GOLDEN "/full.in", &n);
	char *once = check(in, n, "full.in");
	char *printed = strstr(once, "[guard]");
	char *twice;

	(void)state;
	assert_non_null(printed);
	twice = check(printed, strlen(printed), "printed");
	assert_string_equal(twice, printed);
	free(in);
	free(once);
	free(twice);
}

static void reports_everything_but_keeps_a_hundred(void **state)
{
	char text[4096] = "[guard]\n";
	struct config_report r = { 0 };
	struct config c;

	(void)state;
	for (int i = 0; i < 150; i++)
		strcat(text, "colour = red\n");
	config_init(&c);
	assert_int_equal(config_parse(&c, text, strlen(text), &r), -EINVAL);
	assert_int_equal(r.errors, 150);
	assert_int_equal(r.n, CONFIG_PROBLEMS_MAX);
	assert_int_equal(r.problems[99].line, 101);
	config_report_done(&r);
	config_done(&c);
}

static void byte_zero(void **state)
{
	static const char text[] = "[guard]\npo\0rt = 1\nport = 7\n";
	struct config_report r = { 0 };
	struct config c;

	(void)state;
	config_init(&c);
	assert_int_equal(config_parse(&c, text, sizeof(text) - 1, &r), -EINVAL);
	assert_int_equal(r.errors, 1);
	assert_int_equal(r.problems[0].line, 2);
	assert_int_equal(c.port, 7);
	config_report_done(&r);
	config_done(&c);
}

/* A list of any length in one line: inih's buffer has 200 bytes. */
static void long_lists(void **state)
{
	char text[16384] = "[machine \"m\"]\nmac = 02:00:00:00:00:01\nwake-on =";
	struct config_report r = { 0 };
	struct config c;

	(void)state;
	for (int i = 0; i < 256; i++)
		(void)sprintf(text + strlen(text), " %s/%d", i % 2 ? "tcp" : "udp", 10000 + 7 * i);
	strcat(text, " ; and a comment\naddress = 192.0.2.1");
	config_init(&c);
	assert_int_equal(config_parse(&c, text, strlen(text), &r), 0);
	assert_int_equal(c.machines[0].rules_n, 256);
	assert_int_equal(c.machines[0].addresses_n, 1);
	for (int i = 0; i < 256; i++)
		assert_int_equal(c.machines[0].rules[i].first, 10000 + 7 * i);
	config_done(&c);
}

/* The words of every length around the buffer's size, at every place of it. */
static void long_words(void **state)
{
	(void)state;
	for (int before = 0; before < 220; before++) {
		for (int n = 150; n < 220; n++) {
			char text[1024];
			struct config_report r = { 0 };
			struct config c;
			int length = snprintf(text, sizeof(text),
					      "[guard]\nlisten = %*s%0*d\nport = 7\n", before, "",
					      n, 1);

			config_init(&c);
			assert_int_equal(config_parse(&c, text, (size_t)length, &r), -EINVAL);
			assert_int_equal(r.problems[0].line, 2);
			assert_int_equal(c.port, 7);
			config_report_done(&r);
			config_done(&c);
		}
	}
}

static void many_machines(void **state)
{
	char *text = calloc(1, 200 * 2000);
	struct config_report r = { 0 };
	struct config c;
	size_t n = 0;

	(void)state;
	for (unsigned int i = 0; i < 2000; i++)
		n += (size_t)sprintf(
			text + n,
			"[machine \"m%u\"]\nmac = 02:00:00:00:%02x:%02x\naddress = 198.51.%u.%u\n",
			i, i >> 8, i & 255, 100 + (i >> 8), i & 255);
	config_init(&c);
	assert_int_equal(config_parse(&c, text, n, &r), 0);
	assert_int_equal(c.machines_n, 2000);
	assert_int_equal(c.machines[1999].line, 1 + 3 * 1999);
	free(text);
	config_done(&c);
}

static void settings(void **state)
{
	static const char text[] =
		"[guard]\nregister = token\ntoken = correct-horse\nscan-limit = off\n"
		"wake-limit = 7/2min\n[wake]\nshutdown-timeout = -1\nwatch = off\nattempts = 5\n"
		"keep = no\nprobe-interval = 100ms\n";
	struct config_report r = { 0 };
	struct ipc_settings s;
	struct config c;

	(void)state;
	config_init(&c);
	assert_int_equal(config_parse(&c, text, sizeof(text) - 1, &r), 0);
	config_settings(&c, &s);
	assert_int_equal(s.register_mode, REGISTER_TOKEN);
	/* printf correct-horse | sha256sum */
	assert_string_equal(s.token,
			    "9dca666eb54730714630d1519264a7bf1eeaad00b8f2edc90d3ecbfad928d163");
	assert_int_equal(s.scan_limit, 0);
	assert_int_equal(s.wake_limit, 7);
	assert_int_equal(s.wake_window, 120000000);
	assert_true(s.shutdown_timeout == NEVER);
	assert_int_equal(s.watch, 0);
	assert_int_equal(s.attempts, 5);
	assert_int_equal(s.keep, 0);
	assert_int_equal(s.probe_interval, 100000);
	assert_int_equal(s.interval, 30000000);
	assert_int_equal(s.hold, 90000000);
	assert_int_equal(s.machines_max, 10000);
	config_done(&c);
}

static void note_change(void *who, const char *section, const char *key, bool restart)
{
	char *said = who;

	(void)sprintf(said + strlen(said), "%s.%s%s ", section, key, restart ? "!" : "");
}

static void differences(void **state)
{
	struct config_report r = { 0 };
	struct config a;
	struct config b;
	char said[512] = "";

	(void)state;
	config_init(&a);
	config_init(&b);
	config_diff(&a, &b, note_change, said);
	assert_string_equal(said, "");
	assert_int_equal(config_set(&b, "guard", "interface", "eth0 eth1", "--interface", &r), 0);
	assert_int_equal(config_set(&b, "guard", "token", "12345678", "x", &r), 0);
	assert_int_equal(config_set(&b, "wake", "hold", "2min", "x", &r), 0);
	config_diff(&a, &b, note_change, said);
	assert_string_equal(said, "guard.interface! guard.token wake.hold ");
	/* A list is replaced, not added to. */
	assert_int_equal(config_set(&b, "guard", "interface", "wlan0", "--interface", &r), 0);
	assert_int_equal(b.interfaces.n, 1);
	assert_int_equal(config_set(&b, "wake", "hold", "2 minutes", "-x", &r), -EINVAL);
	assert_non_null(strstr(r.problems[0].text, "-x: \"2 minutes\" is no duration"));
	config_report_done(&r);
	config_done(&a);
	config_done(&b);
}

/* Every default is one that its own key would read, and every key can be explained. */
static void documentation(void **state)
{
	struct config_doc doc;
	struct config c;
	size_t n = 0;

	(void)state;
	config_init(&c);
	for (; config_doc(n, &doc); n++) {
		const struct config_key *k = config_key_find(doc.section, doc.key);
		char value[256];
		struct text t = text_over(value, sizeof(value));

		assert_non_null(k);
		assert_true(strlen(doc.help) > 5 && strlen(doc.expected) > 5);
		if (strcmp(doc.section, "machine") == 0)
			continue;
		config_key_format(k, &c, &t);
		if (strcmp(doc.fallback, value) != 0 && strcmp(value, "90s") != 0)
			assert_string_equal(doc.fallback, value);
	}
	assert_int_equal(n, config_keys_n);
	config_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(prints_what_it_reads),
		cmocka_unit_test(reports_everything_but_keeps_a_hundred),
		cmocka_unit_test(byte_zero),
		cmocka_unit_test(long_lists),
		cmocka_unit_test(long_words),
		cmocka_unit_test(many_machines),
		cmocka_unit_test(settings),
		cmocka_unit_test(differences),
		cmocka_unit_test(documentation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
