/*
 * rouse: the command. This file only sees what the process has: streams, terminal, environment, clock.
 */
#include "cli/cli.h"
#include "proto/json.h"
#include "sys/clock.h"
#include "sys/entropy.h"

#include <locale.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	const char *no_colour = getenv("NO_COLOR");
	uint64_t random;
	struct cli c = {
		.out = stdout, .err = stderr, .socket = CLI_SOCKET, .sleeper = CLI_SLEEPER
	};
	int status;

	(void)setlocale(LC_CTYPE, "");
	tzset();
	entropy_bytes(&random, sizeof(random));
	json_seed(random);
	c.colour = isatty(STDOUT_FILENO) && !(no_colour && no_colour[0]);
	c.now_ms = clock_wall_ms();
	status = cli_run(&c, argc, argv);
	/* A full disk or a closed pipe must not look like success. */
	if (fflush(stdout) != 0 && status == CLI_DONE)
		status = CLI_FAILED;
	return status;
}
