/*
 * rouse-relay: what a person asked for, and who does it.
 */
#include "relay/api.h"
#include "relay/commands.h"
#include "relay/server.h"

#include <stdlib.h>

#define EXIT_USAGE 2

static int with_config(const struct options *o)
{
	static struct config c;

	if (config_load(&c, o->file, stderr) < 0)
		return EXIT_USAGE;
	switch (o->action) {
	case OPTIONS_CHECK:
		config_print(&c, stdout);
		return EXIT_SUCCESS;
	case OPTIONS_INVITE:
		return command_invite(&c, o);
	case OPTIONS_HOMES:
		return command_homes(&c, o);
	case OPTIONS_REMOVE:
		return command_remove(&c, o);
	case OPTIONS_RUN:
	case OPTIONS_ROUTES:
	case OPTIONS_HELP:
	case OPTIONS_VERSION:
		break;
	}
	return server_run(&c, o->file);
}

int main(int argc, char *argv[])
{
	char wrong[OPTIONS_WRONG];
	struct options o;

	if (options_parse(argc, argv, &o, wrong) < 0) {
		fprintf(stderr, "rouse-relay: %s\nTry 'rouse-relay --help'.\n", wrong);
		return EXIT_USAGE;
	}
	switch (o.action) {
	case OPTIONS_HELP:
		options_help(stdout);
		return EXIT_SUCCESS;
	case OPTIONS_VERSION:
		puts("rouse-relay " ROUSE_VERSION);
		return EXIT_SUCCESS;
	case OPTIONS_ROUTES:
		api_print_routes(stdout);
		return EXIT_SUCCESS;
	case OPTIONS_RUN:
	case OPTIONS_CHECK:
	case OPTIONS_INVITE:
	case OPTIONS_HOMES:
	case OPTIONS_REMOVE:
		break;
	}
	return with_config(&o);
}
