/*
 * check_runner: runs one of the user's own checks, as rouse-sleeper-check@.service: a connection to its socket names the check, its
 * command runs as its user with its time limit, one line says what came of it.
 *
 * The command and its user come from root's own configuration alone: who can connect can have nothing else run. Refuses to
 * know what the answer is good for.
 */
#ifndef ROUSE_SLEEPER_CHECK_RUNNER_H
#define ROUSE_SLEEPER_CHECK_RUNNER_H

#include "sleeper/config.h"

#define CHECK_SOCKET "/run/rouse-check/run.sock"
#define CHECK_LINE_MAX 256 /* bytes of an answer, with its end */
#define CHECK_TEXT 160

enum check_result {
	CHECK_FAILED, /* could not be run, was ended, or took too long: counts as busy */
	CHECK_BUSY, /* exit status 0 */
	CHECK_QUIET, /* any other */
	CHECK_RESULTS
};

/* "busy TEXT\n": -EINVAL when it is none. TEXT may be empty; what is longer is cut. */
int check_line_read(const char *line, size_t n, enum check_result *ret,
		    char text[static CHECK_TEXT]);
int check_line_write(enum check_result result, const char *text, char line[static CHECK_LINE_MAX]);

/* The whole program for one connection on descriptor 0. The exit status. */
int check_runner_main(const struct config *c);

#endif
