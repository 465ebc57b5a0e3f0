/*
 * rouse-sleeper: what a person or a unit asked for, and who does it.
 */
#include "sleeper/check_runner.h"
#include "sleeper/config.h"
#include "sleeper/daemon.h"
#include "sleeper/errand.h"
#include "sleeper/options.h"
#include "sys/log.h"

#include <stdlib.h>

#define EXIT_USAGE 2

static int with_config(const struct options *o)
{
	static struct config c;

	if (config_load(&c, o->file, stderr) < 0)
		return EXIT_USAGE;
	if (o->action == OPTIONS_CHECK) {
		config_print(&c, stdout);
		return EXIT_SUCCESS;
	}
	log_open("rouse-sleeper");
	log_set_level(o->debug ? LOG_LEVEL_DEBUG : (enum log_level)c.log_level);
	if (o->action == OPTIONS_RUN_CHECK)
		return check_runner_main(&c);
	if (o->action == OPTIONS_GOODBYE)
		return errand_goodbye(&c, o->why);
	if (o->action == OPTIONS_HELLO)
		return errand_hello(&c);
	return daemon_main(&c);
}

int main(int argc, char *argv[])
{
	char wrong[OPTIONS_WRONG];
	struct options o;

	if (options_parse(argc, argv, &o, wrong) < 0) {
		fprintf(stderr, "rouse-sleeper: %s\nTry 'rouse-sleeper --help'.\n", wrong);
		return EXIT_USAGE;
	}
	if (o.action == OPTIONS_HELP) {
		options_help(stdout);
		return EXIT_SUCCESS;
	}
	if (o.action == OPTIONS_VERSION) {
		puts("rouse-sleeper " ROUSE_VERSION);
		return EXIT_SUCCESS;
	}
	return with_config(&o);
}
