/*
 * monitor_relay: the monitor's side of the relay: the guard's key, the process that keeps the connection, what it is told
 * of machines, grants and events, and what people ask about all that.
 *
 * It never reads what comes from the relay, and gives nobody the private key but the engine.
 */
#ifndef ROUSE_GUARD_MONITOR_RELAY_H
#define ROUSE_GUARD_MONITOR_RELAY_H

#include "guard/config.h"
#include "proto/ipc.h"
#include "sys/channel.h"
#include "sys/loop.h"
#include "sys/role.h"

#include <stdbool.h>
#include <stdint.h>

struct monitor;

struct relay_side {
	struct monitor *monitor;
	struct role_image image; /* of the uplink's own program; image -1: it is not installed */
	int pair[2]; /* engine, uplink: kept, so that neither loses the other's end */
	struct role_process process;
	struct loop_watch ended;
	bool watching;
	struct channel *channel; /* NULL: no uplink runs */
	struct loop_timer again; /* it ended: when it is started again */
	uint64_t started_at;
	unsigned int quick_ends;
	bool has_key;
	uint8_t seed[RELAY_KEY_SIZE];
	struct ipc_uplink status;
	struct relay_joined wanted; /* the relay it is told to join; origin empty: none */
	char invitation[RELAY_INVITATION_TEXT];
	/* A join or a leave that somebody waits for. */
	enum { RELAY_IDLE, RELAY_JOINING, RELAY_LEAVING } doing;
	uint32_t request;
	struct loop_timer patience;
};

/* Finds the uplink's program; before the sandbox. */
int relay_side_init(struct monitor *m);
void relay_side_done(struct monitor *m);
/* Everything is running: connects to the relay that was joined, if one was. */
void relay_side_start(struct monitor *m);
/* A new engine: key and grants; the uplink starts anew with it. */
void relay_side_tell_engine(struct monitor *m);

/* monitor_relay_tell.c: what others did */
void relay_side_machine(struct monitor *m, uint32_t id);
void relay_side_machine_gone(struct monitor *m, uint32_t id);
void relay_side_event(struct monitor *m, const struct event *e);
/* An answer of the engine's is passed on as it is, behind the events of before it. One that the uplink is too slow for is lost. */
void relay_side_answered(struct monitor *m, const struct ipc_message *q);

/* What control asks: JOIN, LEAVE, SHARE, REVOKE, GRANTS, UPLINK_PLEASE; false: it is none of these. */
bool relay_side_asked(struct monitor *m, const struct ipc_message *q);

/* monitor_uplink.c: the process */
int uplink_find(struct relay_side *s, int null);
int uplink_start(struct relay_side *s);
void uplink_stop(struct relay_side *s);
void uplink_tell(struct relay_side *s, const struct ipc_message *q);
/* monitor_relay.c: what it said */
void relay_side_said(struct relay_side *s, const struct ipc_message *q);
/* monitor_relay.c: to control. An answer ends what was asked; the status goes before it. */
void relay_side_answer(struct relay_side *s, uint32_t request, enum ipc_code code,
		       const char *text);
void relay_side_answer_status(struct relay_side *s, uint32_t request);

/* monitor_relay_tell.c: what the uplink is told */

/* Everything a new uplink must know. */
void relay_side_tell_uplink(struct relay_side *s);
void relay_side_tell_grant(struct relay_side *s, const struct grant *g);
void relay_side_answer_log(struct relay_side *s, const struct ipc_message *q);

/* monitor_grants.c: what control asks of grants */
void relay_side_share(struct relay_side *s, const struct ipc_message *q);
void relay_side_revoke(struct relay_side *s, const struct ipc_message *q);
void relay_side_list_grants(struct relay_side *s, const struct ipc_message *q);

#endif
