/*
 * sleep: `rouse sleep`, this machine sleeps now; with a NAME another one, through the guard (cli_sleep_machine()).
 */
#include "cli/cli.h"
#include "cli/connection.h"

#include <getopt.h>

#define PATIENCE 90 /* seconds: checks of the user's own are asked once more */

static enum cli_exit sleep_here(struct cli *c, bool force, bool as_json)
{
	const char *line = force ? "{\"command\":\"sleep\",\"force\":true}\n"
				 : "{\"command\":\"sleep\"}\n";
	enum cli_exit status = connection_ask_sleeper(c, line, PATIENCE, NULL, NULL);

	if (status == CLI_DONE)
		fputs(as_json ? "{\"result\":\"ok\"}\n" : "This machine goes to sleep.\n", c->out);
	return status;
}

enum cli_exit cli_sleep(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = { { "force", no_argument, NULL, 'f' },
						 { "json", no_argument, NULL, 'j' },
						 { NULL, 0, NULL, 0 } };
	bool force = false, as_json = false;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o != 'f' && o != 'j')
			return cli_usage(c, NULL);
		force = force || o == 'f';
		as_json = as_json || o == 'j';
	}
	if (optind == argc)
		return sleep_here(c, force, as_json);
	if (force)
		return cli_usage(
			c, "--force is for the machine itself: run 'rouse sleep --force' there");
	/* It reads the line anew. */
	optind = 0;
	return cli_sleep_machine(c, argc, argv);
}
