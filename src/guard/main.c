/*
 * roused: the guard. This file only sees what it was started as: the program a person starts (the monitor), or one of
 * the roles that the monitor starts from the same image.
 */
#include "guard/config.h"
#include "guard/config_load.h"
#include "guard/control.h"
#include "guard/engine.h"
#include "guard/monitor.h"
#include "guard/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2

/* Prints what was understood, after every error was. */
static int check(const struct options *o)
{
	struct config c;
	int r = config_load(o, &c);

	if (r >= 0)
		config_print(&c, stdout);
	config_done(&c);
	return r < 0 ? EXIT_USAGE : EXIT_SUCCESS;
}

int main(int argc, char *argv[])
{
	static struct options options;
	char wrong[OPTIONS_WRONG];

	if (argc == 1 && strcmp(argv[0], "roused: engine") == 0)
		return engine_main();
	if (argc == 1 && strcmp(argv[0], "roused: control") == 0)
		return control_main();
	if (options_parse(argc, argv, &options, wrong) < 0) {
		fprintf(stderr, "roused: %s\nTry 'roused --help'.\n", wrong);
		return EXIT_USAGE;
	}
	switch (options.action) {
	case OPTIONS_HELP:
		options_help(stdout);
		return EXIT_SUCCESS;
	case OPTIONS_VERSION:
		puts("roused " ROUSE_VERSION);
		return EXIT_SUCCESS;
	case OPTIONS_CHECK:
		return check(&options);
	case OPTIONS_RUN:
		break;
	}
	return monitor_main(&options);
}
