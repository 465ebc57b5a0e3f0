/*
 * setup: what the files of `rouse setup` share: what was asked for, what was found, and the report, which is for a person or
 * (--json) data.
 *
 * Each step says what it did, or what went wrong and what to do; none is taken twice, so that running it again is safe.
 */
#ifndef ROUSE_CLI_SETUP_H
#define ROUSE_CLI_SETUP_H

#include "cli/box.h"
#include "cli/cli.h"
#include "proto/json_write.h"

#include <stdbool.h>
#include <stddef.h>

#define SETUP_TEXT 512
#define SETUP_JSON 32768

enum setup_result {
	SETUP_DONE,
	SETUP_KEPT, /* it was so already */
	SETUP_WARNED, /* done, but look at this */
	SETUP_SKIPPED,
	SETUP_FAILED, /* and so nothing after it is tried */
	SETUP_RESULTS
};

struct setup {
	struct cli *cli;
	/* What was asked for; NULL: nothing. */
	const char *guard, *code, *name, *interface, *state;
	bool yes, as_json, again, no_test, no_alarm;
	/* What came of it. */
	struct box *box;
	bool keeps; /* the pairing there is */
	bool paired; /* now */
	bool sleeper; /* answers */
	bool failed, test_failed;
	char *services, *test; /* JSON, for free(); NULL: none */
	struct json_writer steps;
	char room[SETUP_JSON];
};

/* A step is over. False when it failed, for `return setup_say(…)`. */
__attribute__((format(printf, 4, 5))) bool setup_say(struct setup *s, const char *step,
						     enum setup_result r, const char *format, ...);
/* A line in between, for people alone. */
__attribute__((format(printf, 2, 3))) void setup_tell(const struct setup *s, const char *format,
						      ...);
/* What the person types, without its newline; false: nothing comes any more. With --yes nobody is asked: false. */
bool setup_ask(const struct setup *s, const char *question, char *to, size_t size);
/* Yes without being asked with --yes. */
bool setup_agreed(const struct setup *s, const char *question);

/* setup_guard: finds the guard: true, and it is in s->box->guard. */
bool setup_guard(struct setup *s);
/* setup_pair: pairs, unless a good pairing is there already, and stores it. */
bool setup_pair(struct setup *s);
/* setup_sleeper: the program that runs from now on; what wakes the machine; the proof. */
bool setup_start(struct setup *s);
bool setup_services(struct setup *s);
bool setup_test(struct setup *s);

#endif
