/*
 * listener: the sockets where connections come in. Owns them; gives each connection to the visitor.
 */
#ifndef ROUSE_RELAY_LISTENER_H
#define ROUSE_RELAY_LISTENER_H

#include "relay/relay.h"

struct listener {
	struct relay *relay;
	size_t n;
	struct loop_watch watches[CONFIG_LISTEN_MAX];
	struct loop_timer pause; /* without descriptors accepting waits a moment */
};

/* Binds and listens (before privileges are given up); says what fails. -1 in watches[].fd: not open. */
int listener_open(struct listener *l, struct relay *r);
/* Accepts from now on. */
int listener_start(struct listener *l);
void listener_close(struct listener *l);

#endif
