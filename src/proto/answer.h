/*
 * answer: what the guard answers through its control socket. Every answer is one JSON object a line; the last one of a
 * request has "result". Described in docs/control-protocol.md.
 */
#ifndef ROUSE_PROTO_ANSWER_H
#define ROUSE_PROTO_ANSWER_H

#include "base/event.h"
#include "base/spec.h"
#include "proto/json_write.h"

#include <stdint.h>

/* How a request ended: the word of "result" in its last answer. */
enum answer_result {
	ANSWER_OK, /* done */
	ANSWER_STARTED, /* WAKE without wait: magic packets go out */
	ANSWER_AWAKE, /* WAKE: it is awake now */
	ANSWER_ALREADY_AWAKE,
	ANSWER_NO_SIGN_OF_LIFE, /* all attempts failed */
	ANSWER_TIMEOUT, /* WAKE: wait is over and it is not known yet */
	ANSWER_NOT_FOUND, /* no such machine */
	ANSWER_REFUSED, /* "error" says why */
	ANSWER_UNREACHABLE, /* the machine's interface is away */
	ANSWER_INVALID, /* the request was not understood: "error" says why */
	ANSWER_BUSY, /* a limit: ask again later */
	ANSWER_GUARD_OFFLINE, /* over a relay: the guard is not connected to it */
	ANSWER_FAILED, /* the guard did not answer in time */
	ANSWER_PAIRED, /* PAIR: a sleeper proved to know the code */
	ANSWER_EXPIRED, /* PAIR: nobody did in time */
	ANSWER_SPENT, /* PAIR: three others tried */
	ANSWER_NO_SLEEPER, /* SLEEP: no sleeper holds a lease for it, or it did not answer */
	ANSWER_ASLEEP, /* SLEEP over a relay: it is asleep now */
	ANSWER_ALREADY_ASLEEP,
	ANSWER_RESULTS
};

const char *answer_result_name(enum answer_result r);
/* ANSWER_RESULTS for a word that is none. */
enum answer_result answer_result_of(const char *word);

/* What `wake` with wait found. */
#define ANSWER_READY_MAX 16
struct answer_wake {
	const char *machine;
	uint16_t attempts;
	uint64_t awake_us; /* 0: it was not seen to wake */
	uint32_t ready_n;
	struct {
		uint16_t port;
		uint64_t us;
	} ready[ANSWER_READY_MAX];
};

/* Answers, each one line with its end; w->out.cut when it did not fit. `error` may be NULL. */
void answer_write_result(struct json_writer *w, enum answer_result r, const char *error);
void answer_write_wake(struct json_writer *w, enum answer_result r, const struct answer_wake *wake,
		       const char *error);
void answer_write_event(struct json_writer *w, const struct event *e);
/* How it stands with the sleeper of a machine that is paired. */
struct answer_sleeper {
	bool held; /* it holds a lease */
	uint64_t since_ms; /* so long; 0: not known */
	struct addr source;
};

/* `sleeper` NULL: it is not paired. */
void answer_write_machine(struct json_writer *w, uint32_t id, const struct spec *s,
			  const struct machine_past *p, const struct answer_sleeper *sleeper);
void answer_write_version(struct json_writer *w, const char *version);

/* Room for any answer: a machine with all its addresses and rules. */
#define ANSWER_MAX 16384

#endif
