/*
 * control_client: one connection of the control socket, shared by control_clients.c (its bytes) and control_commands.c
 * (its requests).
 */
#ifndef ROUSE_GUARD_CONTROL_CLIENT_H
#define ROUSE_GUARD_CONTROL_CLIENT_H

#include "guard/control_state.h"
#include "proto/answer.h"
#include "proto/command.h"

struct client {
	struct list in;
	struct control *control;
	int fd;
	uint32_t uid; /* whose it is, as the kernel says */
	bool over; /* to be freed */
	bool ended; /* it sends no more requests */
	struct loop_watch watch;
	struct loop_deferred again; /* looks for the next request */
	/* Bytes in and out. */
	char line[COMMAND_LINE_MAX];
	size_t line_used;
	char *out;
	size_t out_at, out_used, out_size;
	/* So many requests began in this second. */
	uint64_t window_us;
	uint32_t window_n;
	/* The request being carried out. */
	bool running;
	bool following; /* HAPPENED of its machine, or of all, goes to it */
	struct command command;
	struct control_turn turn;
	struct control_request *request;
	struct control_deadline deadline; /* of wake with wait, or of too many requests */
	bool page_due; /* STATUS, LOG: more is there, and goes on when the client has read */
	uint64_t after; /* STATUS: the machine shown last */
	struct {
		enum { LOG_BACK, LOG_FORWARD, LOG_NAME } step;
		uint64_t at; /* BACK: the oldest event found; FORWARD: the one shown last */
		uint32_t found; /* BACK: so far */
		uint32_t asked, came; /* of this page */
	} log;
	struct answer_wake seen; /* WAKE with wait */
	struct sharing *sharing; /* SHARE: control_relay.c */
};

/* control_clients.c */
void client_write(struct client *k, const struct json_writer *w);
/* The last answer of a request, whose result it is; the next request may come. */
void client_finish(struct client *k, const struct json_writer *w);
void client_finish_result(struct client *k, enum answer_result r, const char *error);
/* Bytes the client has not read yet. */
size_t client_unread(const struct client *k);
#define CLIENT_UNREAD_PAGE 65536 /* beyond them no further page is asked for */

/* control_commands.c */
void client_start(struct client *k);
/* Its turn to ask; for struct control_turn. */
void client_turn(void *client);
/* The client has read what there was. */
void client_drained(struct client *k);
void client_happened(struct client *k, const struct event *e);
/* The time of its wake is over. */
void client_waited(struct client *k);

#endif
