/*
 * connection: one request over the guard's control socket, or the sleeper's, and its answers one by one.
 *
 * Says what is wrong to the person: no guard, no permission, no answer.
 */
#ifndef ROUSE_CLI_CONNECTION_H
#define ROUSE_CLI_CONNECTION_H

#include "cli/cli.h"
#include "proto/answer.h"
#include "proto/command.h"
#include "proto/json.h"

#include <stddef.h>

struct connection {
	const struct cli *cli;
	const char *peer; /* for messages: "the guard" */
	int fd; /* -1: closed */
	size_t used, taken;
	char bytes[65536];
};

/* Connects and sends the request. Negative errno after a message. `patient`: answers may take any time. */
int connection_open(struct connection *k, const struct cli *c, const struct command *request,
		    bool patient);
/*
 * The next answer, for json_drop(). Negative errno after a message, also when the guard ended the connection in
 * between.
 */
int connection_answer(struct connection *k, struct json **ret_answer);
void connection_close(struct connection *k);

/* The result an answer has, ANSWER_RESULTS when it has none: more follow. */
enum answer_result connection_result(const struct json *answer);
/* Says what went wrong, unless all is well; the exit status for it. */
enum cli_exit connection_end(const struct cli *c, const char *name, const struct json *answer);
/*
 * The usual request: its last answer decides. `take` (may be NULL) gets the answers before it.
 */
enum cli_exit connection_ask(const struct cli *c, const struct command *request, bool patient,
			     void (*take)(void *context, const struct json *answer), void *context);

/* --- the sleeper of this machine (docs/sleeper-control.md); `line` is the request with its newline --- */

/*
 * As connection_open(), but when nobody answers that is only said by what is returned: -ENOENT and -ECONNREFUSED no
 * sleeper, -EACCES no permission. `seconds`: how long an answer may take; 0: any time.
 */
int connection_open_sleeper(struct connection *k, const struct cli *c, const char *line,
			    unsigned int seconds);
/* The usual request, which says everything that goes wrong. */
enum cli_exit connection_ask_sleeper(const struct cli *c, const char *line, unsigned int seconds,
				     void (*take)(void *context, const struct json *answer),
				     void *context);

#endif
