/*
 * options: the command line of rouse-relay, understood as a whole before anything is done.
 */
#ifndef ROUSE_RELAY_OPTIONS_H
#define ROUSE_RELAY_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

enum options_action {
	OPTIONS_RUN,
	OPTIONS_CHECK,
	OPTIONS_INVITE,
	OPTIONS_HOMES,
	OPTIONS_REMOVE,
	OPTIONS_ROUTES,
	OPTIONS_HELP,
	OPTIONS_VERSION
};

struct options {
	enum options_action action;
	const char *file;
	const char *name; /* of an invitation */
	const char *expires;
	const char *home; /* to remove */
	bool json;
};

#define OPTIONS_WRONG 200
/* 0, or -EINVAL with one line for the person. */
int options_parse(int argc, char *const argv[], struct options *ret_options,
		  char wrong[static OPTIONS_WRONG]) __attribute__((warn_unused_result));
void options_help(FILE *to);

#endif
