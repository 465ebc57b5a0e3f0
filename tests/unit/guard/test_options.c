/*
 * test_options: roused's command line, and every line of Wakupator's.
 */
#include "guard/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The words of a line behind the program's name. */
static int parse(const char *line, struct options *o, char wrong[static OPTIONS_WRONG])
{
	static char copy[512];
	char *argv[32] = { copy };
	char *rest = copy + 7;
	int argc = 1;

	strcpy(copy, "roused");
	strcpy(rest, line);
	while (*line && argc < 32 && (argv[argc] = strsep(&rest, " ")))
		argc++;
	wrong[0] = 0;
	return options_parse(argc, argv, o, wrong);
}

/* The configuration that a line alone makes. */
static struct config configure(const char *line)
{
	struct config_report r = { 0 };
	char wrong[OPTIONS_WRONG];
	struct options o;
	struct config c;

	assert_int_equal(parse(line, &o, wrong), 0);
	config_init(&c);
	assert_int_equal(options_apply(&o, &c, &r), 0);
	return c;
}

static void own_options(void **state)
{
	char wrong[OPTIONS_WRONG];
	struct options o;
	struct config c;

	(void)state;
	assert_int_equal(parse("", &o, wrong), 0);
	assert_int_equal(o.action, OPTIONS_RUN);
	assert_string_equal(o.file, OPTIONS_DEFAULT_FILE);
	assert_true(o.file_optional && !o.wakupator && !o.debug);
	assert_int_equal(parse("--check -c x.conf -d", &o, wrong), 0);
	assert_int_equal(o.action, OPTIONS_CHECK);
	assert_string_equal(o.file, "x.conf");
	assert_true(!o.file_optional && o.debug);
	assert_int_equal(parse("--help --nonsense", &o, wrong), 0);
	assert_int_equal(o.action, OPTIONS_HELP);
	assert_int_equal(parse("--version", &o, wrong), 0);
	assert_int_equal(o.action, OPTIONS_VERSION);
	c = configure("--interface eth1 --state-dir=/tmp/x --control /tmp/s -p 7");
	assert_string_equal(c.interfaces.names[0], "eth1");
	assert_string_equal(c.state_dir, "/tmp/x");
	assert_string_equal(c.control, "/tmp/s");
	assert_int_equal(c.port, 7);
	assert_int_equal(c.on_exit_wake, 0);
	assert_int_equal(c.probe_interval, 250000);
}

static void check_wakupator(const struct config *c)
{
	struct addr a;

	assert_int_equal(addr_parse("192.0.2.1", &a), 0);
	assert_int_equal(c->listen.n, 1);
	assert_true(addr_equal(&c->listen.list[0], &a));
	assert_int_equal(c->port, 13717);
	assert_int_equal(c->interfaces.n, 1);
	assert_string_equal(c->interfaces.names[0], "eth2");
	assert_int_equal(c->attempts, 5);
	assert_int_equal(c->interval, 15000000);
	assert_int_equal(c->keep, 0);
	assert_true(c->shutdown_timeout == NEVER);
	assert_int_equal(c->probe_interval, 7000000);
	assert_int_equal(c->on_exit_wake, 1);
	assert_int_equal(c->register_mode, REGISTER_SELF);
}

static void wakupator_lines(void **state)
{
	struct config c;

	(void)state;
	c = configure("-H 192.0.2.1 -p 13717 -if eth2 -nb 5 -t 15 -kc 0 -st -1 -pd 7");
	check_wakupator(&c);
	c = configure("--host 192.0.2.1 --port 13717 --interface-name eth2 --number-attempt 5 "
		      "--time-between-attempt 15 "
		      "--keep-client 0 --shutdown-timeout -1 --probe-delay 7");
	check_wakupator(&c);
}

static void wakupator_defaults(void **state)
{
	char wrong[OPTIONS_WRONG];
	struct options o;
	struct config c;

	(void)state;
	assert_int_equal(parse("-H 2001:db8::1", &o, wrong), 0);
	assert_true(o.wakupator);
	assert_null(o.file);
	c = configure("-H 2001:db8::1");
	assert_int_equal(c.listen.list[0].family, 6);
	assert_int_equal(c.port, 13717);
	assert_string_equal(c.interfaces.names[0], "eth0");
	assert_int_equal(c.attempts, 3);
	assert_int_equal(c.interval, 30000000);
	assert_int_equal(c.keep, 1);
	assert_int_equal(c.shutdown_timeout, 600000000);
	assert_int_equal(c.probe_interval, 4000000);
	assert_int_equal(c.on_exit_wake, 1);
	/* With a file the options are only put over it. */
	assert_int_equal(parse("-c x.conf -H 192.0.2.1", &o, wrong), 0);
	assert_false(o.wakupator);
	c = configure("-c x.conf -H 192.0.2.1");
	assert_int_equal(c.on_exit_wake, 0);
	assert_int_equal(c.interfaces.n, 0);
}

static void what_is_wrong(void **state)
{
	static const char *const lines[][2] = {
		{ "-x", "there is no option -x" },
		{ "--interfaces eth0", "there is no option --interfaces" },
		{ "nas", "unexpected argument nas" },
		{ "-c", "-c needs a value; roused --help shows which" },
		{ "-H 192.0.2.1 -nb", "-nb needs a value; roused --help shows which" },
		{ "--check=yes", "--check takes no value" },
		{ "-\033[31m", "there is no option -\\x1b[31m" },
	};
	static const char *const values[][2] = {
		{ "-p 0", "-p: \"0\" is out of range; expected a port from 1 to 65535" },
		{ "-p 80x", "-p: \"80x\" is no number; expected a port from 1 to 65535" },
		{ "-kc 2", "-kc: \"2\" is none of the choices; expected yes or no" },
		{ "-H host", "-H: \"host\" is no address; expected up to 16 IPv4 or IPv6 addresses "
			     "of this host, "
			     "separated by blanks" },
		{ "-st -2", "-st: \"-2\" is no duration; expected a duration from 1s to 1000d such "
			    "as 10min, or never" },
		{ "--interface=", "--interface= needs a value" },
	};
	char wrong[OPTIONS_WRONG];
	struct options o;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(lines[i][0], &o, wrong), -EINVAL);
		assert_string_equal(wrong, lines[i][1]);
	}
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct config_report r = { 0 };
		struct config c;

		assert_int_equal(parse(values[i][0], &o, wrong), 0);
		config_init(&c);
		assert_int_equal(options_apply(&o, &c, &r), -EINVAL);
		assert_int_equal(r.n, 1);
		assert_string_equal(r.problems[0].text, values[i][1]);
		config_report_done(&r);
	}
}

static void too_many(void **state)
{
	char *argv[2 * OPTIONS_VALUES_MAX + 4];
	char p[] = "-p";
	char seven[] = "7";
	char wrong[OPTIONS_WRONG];
	struct options o;

	(void)state;
	for (int i = 0; i < OPTIONS_VALUES_MAX + 1; i++) {
		argv[1 + 2 * i] = p;
		argv[2 + 2 * i] = seven;
	}
	assert_int_equal(options_parse(1 + 2 * OPTIONS_VALUES_MAX, argv, &o, wrong), 0);
	assert_int_equal(options_parse(3 + 2 * OPTIONS_VALUES_MAX, argv, &o, wrong), -EINVAL);
}

static void help_names_everything(void **state)
{
	static const char *const words[] = { "-c, --config",	   "--check",
					     "-H, --host",	   "-if, --interface-name",
					     "-pd, --probe-delay", "Example" };
	char *said = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&said, &n);

	(void)state;
	options_help(to);
	fclose(to);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_non_null(strstr(said, words[i]));
	free(said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_options),	      cmocka_unit_test(wakupator_lines),
		cmocka_unit_test(wakupator_defaults), cmocka_unit_test(what_is_wrong),
		cmocka_unit_test(too_many),	      cmocka_unit_test(help_names_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
