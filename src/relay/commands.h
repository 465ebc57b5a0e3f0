/*
 * commands: what an operator does beside the running relay: invite, homes, remove. They talk to the database only.
 */
#ifndef ROUSE_RELAY_COMMANDS_H
#define ROUSE_RELAY_COMMANDS_H

#include "relay/config.h"
#include "relay/options.h"

/* Each returns the exit status, and has said on stderr what is wrong. */
int command_invite(const struct config *c, const struct options *o);
int command_homes(const struct config *c, const struct options *o);
int command_remove(const struct config *c, const struct options *o);

#endif
