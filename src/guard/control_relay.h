/*
 * control_relay: the requests of the control socket about relay and grants, for control_commands.c's table.
 */
#ifndef ROUSE_GUARD_CONTROL_RELAY_H
#define ROUSE_GUARD_CONTROL_RELAY_H

struct client;

void client_start_share(struct client *k);
void client_ask_share(struct client *k);
void client_ask_join(struct client *k);
void client_ask_leave(struct client *k);
void client_ask_revoke(struct client *k);
void client_ask_grants(struct client *k);
void client_ask_relay(struct client *k);
/* Its connection ends, or its request has: what a share needs is wiped and given back. */
void client_share_done(struct client *k);

#endif
