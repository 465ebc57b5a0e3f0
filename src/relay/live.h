/*
 * live: streams of what happens in a home (Server-Sent Events), each with the part that its grant covers.
 */
#ifndef ROUSE_RELAY_LIVE_H
#define ROUSE_RELAY_LIVE_H

#include "relay/api.h"

/* The call becomes a stream: the whole home first. */
void live_start(struct call *c, const struct store_grant *g);
/* The home as a grant sees it: HOME of docs/protocol.md. 0, or an error. */
int live_write_home(struct relay *r, const struct store_grant *g, struct buffer *to);

/* To those who watch this home. `machine` 0: to those whose grant is for all machines. */
void live_tell(struct relay *r, const uint8_t home[static RELAY_HOME_SIZE], const char *event,
	       uint32_t machine, struct slice json);
/* The list of machines is another one. */
void live_tell_machines(struct relay *r, const uint8_t home[static RELAY_HOME_SIZE]);
void live_tell_online(struct relay *r, const struct route_home *h, bool online);
/* Grants changed: streams whose grant is gone end. */
void live_check_grants(struct relay *r, const uint8_t home[static RELAY_HOME_SIZE]);

#endif
