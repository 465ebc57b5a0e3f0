/*
 * server: the relay as a process: opens everything, gives up what power it has, runs, reloads, drains, ends.
 */
#ifndef ROUSE_RELAY_SERVER_H
#define ROUSE_RELAY_SERVER_H

#include "relay/config.h"

/* Runs until SIGTERM; the exit status. */
int server_run(const struct config *c, const char *config_file);

#endif
