/*
 * uplink: the role that keeps the connection to a relay: joins, keeps it alive, comes back, tells what the relay is to
 * know, and carries requests and answers between the relay and the engine. It can read no sealed request and make none; the
 * guard's key is not here.
 *
 * Everything that comes from the relay is hostile; everything that goes to the LAN is the engine's to decide.
 */
#ifndef ROUSE_UPLINK_UPLINK_H
#define ROUSE_UPLINK_UPLINK_H

#include "proto/ipc.h"
#include "proto/relay_message.h"
#include "sys/channel.h"
#include "uplink/state.h"
#include "uplink/wire.h"

struct uplink {
	struct loop *loop;
	struct channel *monitor, *engine;
	struct wire wire;
	struct state state;
	struct relay_url url;
	struct ipc_relay relay;
	uint32_t session; /* what is between the engine and this process, and no other */
	bool told; /* by the monitor: GO */
	bool joined;
	bool over; /* refused for good, or left */
	bool leaving;
	char refused[RELAY_WORD_MAX + 1];
	/* Coming back. */
	struct loop_timer again;
	unsigned int attempts;
	uint64_t joined_at;
	/* Alive? */
	struct loop_timer beat; /* the next ping */
	struct loop_timer silence; /* no answer to it, or to joining */
	uint32_t heartbeat; /* seconds */
	uint64_t pinged;
	uint32_t rtt_us;
	struct loop_timer drain;
	/* Events: asked for page by page. */
	bool asking, more;
	uint64_t event; /* the relay has those up to here */
	/* How much may be told: the relay does not like to be flooded. */
	uint64_t full_at;
	struct loop_timer later;
};

/* session.c */
int session_init(struct uplink *u);
void session_done(struct uplink *u);
void session_go(struct uplink *u);
void session_leave(struct uplink *u);
/* Writes what is to be told, as far as there is room. */
void session_pump(struct uplink *u);
/* What the engine said. */
void session_answer(struct uplink *u, const struct ipc_message *m);
void session_event(struct uplink *u, const struct event *e);

/* main.c */
void uplink_tell_monitor(struct uplink *u, const struct ipc_message *m);
void uplink_tell_engine(struct uplink *u, struct ipc_message *m);

#endif
