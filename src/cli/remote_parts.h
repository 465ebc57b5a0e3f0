/*
 * remote_parts: what remote.c and remote_wake.c share, for these two alone.
 */
#ifndef ROUSE_CLI_REMOTE_PARTS_H
#define ROUSE_CLI_REMOTE_PARTS_H

#include "cli/https.h"
#include "cli/remote.h"
#include "proto/answer.h"
#include "proto/json.h"
#include "proto/keys.h"
#include "proto/relay_state.h"
#include "proto/sealed.h"

#include <stddef.h>
#include <stdint.h>

#define BODY_MAX (2U << 20) /* bytes of an answer: 1024 machines fit */
#define PATIENCE 12L /* seconds for what is answered at once; the command itself waits 15 */
#define WAKE_PATIENCE 320L /* the guard answers within 300 */
#define EVENTS_PAGE 200
#define LINE_MAX_BYTES 8192

struct remote {
	const struct home_entry *home;
	const struct command *request;
	int fd; /* lines go there */
	char bearer[RELAY_KEY_TEXT];
	uint8_t request_key[RELAY_KEY_SIZE], answer_key[RELAY_KEY_SIZE];
	char problem[HTTPS_PROBLEM];
	long status;
	/* The answer's body as a whole, or the line of a stream that is not complete. */
	char *body;
	size_t body_n;
	/* Of a wake. */
	struct sealed_request sealed;
	uint32_t machine;
	int64_t seq; /* the last one taken; -1: none */
	bool over; /* its result was said */
	struct answer_wake seen;
	uint64_t event; /* LOG: the last one shown */
	char type[16]; /* of the stream's present event */
};

void remote_say_result(struct remote *r, enum answer_result result, const char *error);
void remote_say_event(struct remote *r, const struct event *e);
void remote_say_status(struct remote *r);
void remote_say_unreachable(struct remote *r);
struct json *remote_get(struct remote *r, const char *path);
void remote_show_event(struct remote *r, const struct json *v);
int remote_open_stream(struct remote *r, const char *method, const char *path, const char *body,
		       long timeout);
void remote_stream_data(struct remote *r, const char *data);
void remote_run_wake(struct remote *r);
void remote_run_sleep(struct remote *r);

#endif
