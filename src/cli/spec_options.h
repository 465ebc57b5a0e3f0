/*
 * spec_options: the options that describe a machine, the same for `rouse add` and `rouse register`.
 */
#ifndef ROUSE_CLI_SPEC_OPTIONS_H
#define ROUSE_CLI_SPEC_OPTIONS_H

#include "base/spec.h"

/* Above all characters, for getopt_long(). */
enum spec_option {
	SPEC_OPTION_MAC = 0x100,
	SPEC_OPTION_ADDRESS,
	SPEC_OPTION_ON,
	SPEC_OPTION_FROM,
	SPEC_OPTION_IGNORE,
	SPEC_OPTION_SECUREON,
	SPEC_OPTION_INTERFACE,
	SPEC_OPTION_WATTS,
	SPEC_OPTION_END
};

/* Puts an option's value into the spec; what is wrong with it ("is no ..."), or NULL. */
const char *spec_option_take(int option, const char *value, struct spec *s);

#endif
