/*
 * options: the command line of rouse-sleeper.
 */
#ifndef ROUSE_SLEEPER_OPTIONS_H
#define ROUSE_SLEEPER_OPTIONS_H

#include "proto/lease.h"

#include <stdbool.h>
#include <stdio.h>

#define OPTIONS_WRONG 160

enum options_action {
	OPTIONS_RUN,
	OPTIONS_CHECK,
	OPTIONS_GOODBYE,
	OPTIONS_HELLO,
	OPTIONS_RUN_CHECK,
	OPTIONS_HELP,
	OPTIONS_VERSION
};

struct options {
	enum options_action action;
	const char *file;
	bool debug;
	enum lease_why why; /* OPTIONS_GOODBYE */
};

void options_help(FILE *to);
/* -EINVAL with a sentence. */
int options_parse(int argc, char *const argv[], struct options *ret_options,
		  char wrong[static OPTIONS_WRONG]);

#endif
