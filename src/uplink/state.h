/*
 * state: what the relay is to know of the home: machines and grants as they are now, and which of them it has not been
 * told yet. There is no queue to run over: what changes twice is told once.
 */
#ifndef ROUSE_UPLINK_STATE_H
#define ROUSE_UPLINK_STATE_H

#include "proto/relay_state.h"

#define STATE_GONE_MAX 256

struct state_machine {
	bool told;
	struct relay_machine machine;
};

/*
 * A list that is told whole, in parts: the relay takes them together, so one that was begun is ended before the next
 * begins.
 */
struct state_list {
	bool wanted;
	bool again; /* what was told already has changed meanwhile */
	size_t at; /* the first that was not told */
};

struct state {
	struct state_machine *machines[RELAY_MACHINES_MAX];
	size_t machines_n;
	struct relay_grant *grants[RELAY_GRANTS_MAX]; /* only as long as their machines */
	size_t grants_n;
	uint32_t gone[STATE_GONE_MAX];
	size_t gone_n;
	struct state_list all_machines, all_grants;
};

void state_done(struct state *s);
/* They fail silently without memory: the relay knows less then. */
void state_machine(struct state *s, const struct relay_machine *m);
void state_machine_gone(struct state *s, uint32_t id);
void state_grant(struct state *s, const struct relay_grant *g);
void state_grant_gone(struct state *s, const char *id);
/* A new connection: everything is to be told, from the beginning. */
void state_restart(struct state *s);
/* The relay lost something: everything is to be told again. */
void state_again(struct state *s);
/* Writes the next message into `to`; its length, 0 when all is told. */
size_t state_next(struct state *s, char *to, size_t size);

#endif
