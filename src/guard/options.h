/*
 * options: the command line of roused: its own options and Wakupator's, whose start lines work unchanged.
 *
 * A line is first understood as a whole, then applied to a configuration; refuses to read files or to print by itself.
 */
#ifndef ROUSE_GUARD_OPTIONS_H
#define ROUSE_GUARD_OPTIONS_H

#include "guard/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define OPTIONS_DEFAULT_FILE "/etc/rouse/roused.conf"
#define OPTIONS_VALUES_MAX 64
#define OPTIONS_WRONG 200

enum options_action { OPTIONS_RUN, OPTIONS_CHECK, OPTIONS_HELP, OPTIONS_VERSION };

struct options_value {
	const char *section, *key; /* of the configuration */
	const char *said; /* the option, as it was written */
	const char *value; /* points into argv */
};

struct options {
	enum options_action action;
	/*
	 * The configuration to read; NULL: none, for a start in Wakupator's way (-H without -c). `file_optional`: nobody
	 * named it, so that its absence is no error.
	 */
	const char *file;
	bool file_optional;
	bool debug;
	bool wakupator;
	size_t values_n;
	struct options_value values[OPTIONS_VALUES_MAX];
};

/* 0, or -EINVAL with one line for the person in `wrong`. */
int options_parse(int argc, char *const argv[], struct options *ret_options,
		  char wrong[static OPTIONS_WRONG]) __attribute__((warn_unused_result));
/*
 * Puts what the line says over the configuration, after the file was read: Wakupator's own defaults first when the line is
 * Wakupator's (eth0, probe delay 4 s, on-exit = wake). 0, or -EINVAL with errors in the report.
 */
int options_apply(const struct options *o, struct config *c, struct config_report *r)
	__attribute__((warn_unused_result));
void options_help(FILE *to);

#endif
