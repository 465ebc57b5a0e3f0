/*
 * control_pair: the requests of the control socket about sleepers, for control_commands.c's table.
 */
#ifndef ROUSE_GUARD_CONTROL_PAIR_H
#define ROUSE_GUARD_CONTROL_PAIR_H

struct client;

void client_start_pair(struct client *k);
void client_ask_pair(struct client *k);
void client_ask_pairings(struct client *k);
void client_ask_unpair(struct client *k);
void client_ask_sleep(struct client *k);
/* Its connection ends, or its request has: the code it showed is over. */
void client_pair_done(struct client *k);

#endif
