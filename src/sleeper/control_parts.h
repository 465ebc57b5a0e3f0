/*
 * control_parts: what the files of the local socket share: control.c has the connections, control_commands.c the requests,
 * control_test.c the safe test.
 */
#ifndef ROUSE_SLEEPER_CONTROL_PARTS_H
#define ROUSE_SLEEPER_CONTROL_PARTS_H

#include "base/list.h"
#include "proto/answer.h"
#include "proto/json.h"
#include "proto/json_write.h"
#include "sleeper/control.h"

#define CONTROL_LINE_MAX 16384
#define CONTROL_OUT_MAX 131072 /* what a client may leave unread */
#define CONTROL_ANSWER_MAX 8192 /* one line of an answer */

struct client {
	struct sleeper *s;
	struct control *control;
	int fd; /* -1: free */
	int pid; /* of the program that connected */
	uint32_t uid;
	bool running; /* a request has no result yet */
	bool ended; /* it sends no more */
	struct loop_watch watch;
	struct loop_deferred again; /* the next request, or the end */
	size_t used, out_at, out_used;
	char *out;
	char line[CONTROL_LINE_MAX];
};

/* The safe test; one at a time. */
struct test {
	struct client *client; /* NULL: it went away, or there is no test */
	bool on; /* a test is under way */
	bool slept; /* logind took it */
	bool woken;
	bool alarm; /* ours */
	bool by_alarm; /* that woke it: the test failed, and the guard may know why */
	uint32_t after, safety; /* seconds */
	uint64_t slept_us, woken_us; /* CLOCK_BOOTTIME */
	struct loop_timer limit;
};

struct control {
	struct sleeper *s;
	int fd;
	struct loop_watch watch;
	struct client *clients; /* CONTROL_CLIENTS_MAX of them */
	struct test test;
};

/* control.c: a line of an answer that is not the last; the last one. */
void client_say(struct client *k, const struct json_writer *w);
void client_result(struct client *k, enum answer_result r, const char *error);
/* The last one, written already. */
void client_end(struct client *k, const struct json_writer *w);

/* control_commands.c: a request, without its line end. */
void control_request(struct client *k, const char *line, size_t n);
/* The client is gone: nothing calls back to it any more. */
void control_forget(struct client *k);

/* control_test.c */
int test_init(struct control *c);
void test_done(struct control *c);
void test_start(struct client *k, uint32_t after, uint32_t safety);
void test_forget(struct client *k);

#endif
