/*
 * config_load: the configuration that this start asks for: the file, then the command line over it.
 */
#ifndef ROUSE_GUARD_CONFIG_LOAD_H
#define ROUSE_GUARD_CONFIG_LOAD_H

#include "guard/config.h"
#include "guard/options.h"

/*
 * Initialises *c and reads the file and the command line into it; everything that is wrong goes to stderr, with file and
 * line. 0, -EINVAL when it was wrong, or the error of reading the file. The caller calls config_done() in any case.
 */
int config_load(const struct options *o, struct config *c) __attribute__((warn_unused_result));

#endif
