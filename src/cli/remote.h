/*
 * remote: a guard's voice over the relay. Answers the requests STATUS, WAKE and LOG as a guard's control socket does, line
 * by line, so that the commands need not know where it is.
 */
#ifndef ROUSE_CLI_REMOTE_H
#define ROUSE_CLI_REMOTE_H

#include "cli/homes.h"
#include "proto/command.h"

bool remote_can(const struct command *request);
/*
 * Answers from another process; *ret_fd is where its lines come from. Negative errno after a message. Nothing of it needs
 * to be waited for.
 */
int remote_open(const struct cli *c, const struct home_entry *home, const struct command *request,
		int *ret_fd);
/* The home's own name, for `rouse home add`; false after a message. */
bool remote_name(const struct cli *c, const struct relay_link *link,
		 char to[static SPEC_NAME_MAX + 1]);

#endif
