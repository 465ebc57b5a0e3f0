/*
 * The sleeper's configuration: what it prints is what it read, defaults are there without a file, and errors name their line.
 */
#include "sleeper/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct config config;
static char said[4096]; /* errors, or what was printed */

static int parse(const char *text)
{
	FILE *to = fmemopen(said, sizeof(said), "w");
	int r = config_parse(&config, text, strlen(text), "f", to);

	assert_int_equal(fclose(to), 0);
	return r;
}

static char *print(void)
{
	static char text[8192];
	FILE *to = fmemopen(text, sizeof(text), "w");

	config_print(&config, to);
	assert_int_equal(fclose(to), 0);
	return text;
}

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(""), 0);
	assert_string_equal(config.state_dir, "/var/lib/rouse-sleeper");
	assert_string_equal(config.control, "/run/rouse-sleeper/control.sock");
	assert_int_equal(config.wake_on_lan, 0);
	assert_true(config.idle_after == CONFIG_OFF);
	assert_int_equal(config.idle_grace, 600 * 1000000);
	assert_int_equal(config.checks_n, 0);
}

/* What it prints means the same. */
static void test_back(void **state)
{
	static const char text[] = "[sleeper]\nguard = [2001:db8::1]:99\ntoken-file = "
				   "/etc/rouse/token\nname = n\xc3\xa4s\n"
				   "wake-on-lan = leave\n[services]\noff = tcp/631\n udp/53\n"
				   "[idle]\nafter = 20min\n"
				   "[check \"a \\\"b\\\"\"]\ncommand = test -e /x ; never\n"
				   "[check \"c\"]\ncommand = false\nuser = ann\ntimeout = 2s\n";
	char *once;

	(void)state;
	assert_int_equal(parse(text), 0);
	assert_string_equal(config.guard, "[2001:db8::1]:99");
	assert_string_equal(config.token_file, "/etc/rouse/token");
	assert_int_equal(config.wake_on_lan, 1);
	assert_int_equal(config.services_off.n, 2);
	assert_true(config.idle_after == UINT64_C(1200) * 1000000);
	assert_int_equal(config.checks_n, 2);
	assert_string_equal(config.checks[0].name, "a \"b\"");
	assert_string_equal(config.checks[0].command, "test -e /x");
	assert_string_equal(config.checks[0].user, "nobody");
	assert_int_equal(config.checks[1].timeout_us, 2000000);
	once = strdup(print());
	assert_int_equal(parse(once), 0);
	assert_string_equal(print(), once);
	free(once);
}

static void test_wrong(void **state)
{
	static const struct {
		const char *text, *says;
	} wrong[] = {
		{ "[sleeper]\nname = a/b\n", "f:2: name: " },
		{ "[sleeper]\nstate-dir = here\n", "f:2: state-dir: expected an absolute path" },
		{ "[sleeper]\nguard = a b\n", "f:2: guard: " },
		{ "[sleeper]\ninterface = a-name-of-sixteen\n", "f:2: interface: " },
		{ "[sleeper]\nwake-on-lan = no\n", "f:2: wake-on-lan: " },
		{ "[sleeper]\nnone = 1\n", "f:2: none: there is no such key in this section" },
		{ "[sleeper]\nafter = 1h\n", "f:2: after: there is no such key in this section" },
		{ "after = 1h\n", "f:1: after: there is no section of ours above it" },
		{ "[idle]\nafter = 5s\n", "f:2: after: " },
		{ "[idle]\nafter = 1h\nafter = 2h\n", "f:3: after: it is there twice" },
		{ "[idle]\n[sleeper]\n[idle]\n", "f:3: idle: the section is there twice" },
		{ "[relay]\n", "f:1: the sections are " },
		{ "[services]\non = tcp/22 tcp/x\n", "f:2: on: expected rules" },
		{ "[check x]\n", "f:1: a heading looks like [section] or [section \"name\"]" },
		{ "[check]\ncommand = x\n", "f:1: the heading is [check \"NAME\"]" },
		{ "[check \"a\"]\ncommand = x\n[check \"a\"]\ncommand = x\n", "f:3: a: " },
		{ "\n[check \"a\"]\nuser = x\n", "f:2: command: it is needed" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(parse(wrong[i].text), -EINVAL);
		if (strncmp(said, wrong[i].says, strlen(wrong[i].says)) != 0)
			fail_msg("%s: says %s", wrong[i].text, said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_back),
		cmocka_unit_test(test_wrong),
	};

	return cmocka_run_group_tests_name("sleeper/config", tests, NULL, NULL);
}
