/*
 * control_state: the insides of the control role, shared by the files control*.c alone.
 */
#ifndef ROUSE_GUARD_CONTROL_STATE_H
#define ROUSE_GUARD_CONTROL_STATE_H

#include "base/heap.h"
#include "base/list.h"
#include "proto/ipc.h"
#include "sys/channel.h"
#include "sys/loop.h"

#include <stdbool.h>
#include <stdint.h>

#define CONTROL_REQUESTS 64 /* under way at the engine and the monitor */
#define CONTROL_LISTENERS 64
#define CONTROL_REQUEST_US 10000000 /* then it counts as not answered */

struct control;

/* A point in time at which something of a client is over. */
struct control_deadline {
	struct heap_node node;
	void (*due)(void *owner);
	void *owner;
};

/* A question to another role. */
struct control_request {
	struct list in; /* free ones */
	struct control *control;
	struct control_deadline deadline;
	uint32_t id; /* what its answers carry; 0: free */
	/* Each answer; NULL: there was none in time. After RESULT, LOG_END and NULL no more come. */
	void (*answer)(void *owner, const struct ipc_message *m);
	void *owner; /* NULL: nobody waits any more */
};

/* Somebody who wants to ask, and waits until one of the requests is free. */
struct control_turn {
	struct list in;
	void (*run)(void *owner);
	void *owner;
};

struct control_listener {
	struct control *control;
	struct loop_watch watch;
	struct control_deadline pause; /* no descriptor was left: not accepting for a moment */
	int fd; /* -1: unused */
	struct ipc_listener said;
};

struct control {
	struct loop *loop;
	struct channel *monitor, *engine;
	struct loop_timer timer;
	struct heap deadlines;
	struct loop_deferred reaper; /* frees clients that are over */
	struct ipc_settings settings;
	bool going; /* GO was said */
	int exit_status;
	struct control_listener listeners[CONTROL_LISTENERS];
	struct control_request requests[CONTROL_REQUESTS];
	struct list free_requests;
	struct list turns;
	uint32_t asked; /* makes request ids differ */
	struct list registrations; /* struct registrant */
	struct list clients; /* struct client */
	size_t registrations_n, clients_n;
	struct list discoveries; /* struct discovery */
	struct list sleepers; /* struct sleeper */
	size_t sleepers_unproved; /* that count as registrations do */
	uint32_t connections; /* makes their ids differ */
	struct client *pairing; /* who waits for what comes of the code it showed */
};

/* control.c */
void control_deadline_set(struct control *c, struct control_deadline *d, uint64_t at_us);
void control_deadline_clear(struct control *c, struct control_deadline *d);
/* Ends the role: with reason, unless the monitor itself is gone. */
void control_stop(struct control *c, int status, const char *why);

/* control_requests.c */
void control_requests_init(struct control *c);
/* Runs t->run now if a request is free, else when it is its turn. */
void control_turn_take(struct control *c, struct control_turn *t);
/*
 * Asks the engine (LOG: the monitor); a request must be free, as in a turn. `m->request` is set here. Never calls back
 * before it returns.
 */
struct control_request *control_ask(struct control *c, struct ipc_message *m,
				    void (*answer)(void *owner, const struct ipc_message *m),
				    void *owner);
/* The owner goes away: the answer goes nowhere. NULL is fine. */
void control_request_forget(struct control_request *r);
/* An answer came in; ends the role when nobody can have asked. */
void control_answered(struct control *c, const struct ipc_message *m);

/* control_registration.c */
void control_registration_accept(struct control *c, const struct control_listener *l);
void control_registration_reap(struct control *c);
void control_registration_done(struct control *c);

/* control_discovery.c: sockets that machines find this guard by; with none in `carrier` it is over */
struct channel_message;
void control_discovery_said(struct control *c, const struct ipc_discovery *said,
			    struct channel_message *carrier);
void control_discovery_done(struct control *c);

/* control_lease.c: connections of sleepers */

/* Takes fd over, with what it has said already. */
void control_lease_take(struct control *c, int fd, const struct addr *peer, const char *bytes,
			size_t n);
/* Those of a source that have proved nothing. */
size_t control_lease_count(const struct control *c, const struct addr *peer);
/* Ends one of those; false: none was here long enough. */
bool control_lease_push_out(struct control *c);
void control_lease_send(struct control *c, const struct ipc_message *m);
/* The engine is another one, and knows none of them. */
void control_lease_reset(struct control *c);
void control_lease_reap(struct control *c);
void control_lease_done(struct control *c);

/* control_pair.c: what came of the code that somebody waits for */
void control_pair_news(struct control *c, const struct ipc_pair_news *news);
void control_pair_reset(struct control *c);

/* control_clients.c: the control socket's connections */
void control_clients_accept(struct control *c, const struct control_listener *l);
void control_clients_reap(struct control *c);
void control_clients_happened(struct control *c, const struct event *e);
void control_clients_done(struct control *c);

/* control.c: accept4 for both; 1: *ret_fd, 0: nobody there any more; pauses the listener when descriptors ran out. */
struct sockaddr_storage;
int control_accept(const struct control_listener *l, struct sockaddr_storage *ret_peer,
		   int *ret_fd);

#endif
