/*
 * remote_wake: a wake over the relay, or a request to sleep: the sealed request, the steps of its answer. Believes nothing that the relay could
 * have made up.
 */
#include "cli/remote_parts.h"

#include "proto/event_text.h"
#include "proto/time_text.h"
#include "sys/entropy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A step as the event that a guard beside us would have told. */
static struct event step_event(struct remote *r, enum event_kind kind)
{
	struct event e = { .kind = (uint8_t)kind, .by = BY_GRANT, .machine = r->machine };

	memcpy(e.name, r->request->name, sizeof(e.name));
	return e;
}

static uint64_t us_of(const struct json *v)
{
	double s = json_kind_of(v) == JSON_KIND_WHOLE ? (double)json_whole(v) : json_amount(v);

	return s > 0 && s < 1e9 ? (uint64_t)(s * 1e6 + 0.5) : 0;
}

static uint16_t whole16(const struct json *v)
{
	int64_t n = json_whole(v);

	return n > 0 && n <= UINT16_MAX ? (uint16_t)n : 0;
}

static uint16_t port_of(const struct json *v)
{
	const char *word = json_word(v);
	uint64_t port = 0;

	if (word && strncmp(word, "tcp/", 4) == 0)
		(void)text_parse_u64(word + 4, UINT16_MAX, &port);
	return (uint16_t)port;
}

static void take_result(struct remote *r, const struct json *body)
{
	const char *word = json_word(json_member(body, "result"));
	const char *why = json_word(json_member(body, "why"));
	const struct json *ready = json_member(body, "ready");
	enum answer_result result = word ? answer_result_of(word) : ANSWER_RESULTS;
	char error[128] = "";

	r->seen.attempts = whole16(json_member(body, "attempts"));
	r->seen.awake_us = us_of(json_member(body, "awake_seconds"));
	r->seen.ready_n = 0;
	for (size_t i = 0; i < json_count(ready) && i < ANSWER_READY_MAX; i++) {
		const struct json *v = json_item(ready, i);

		r->seen.ready[i].port = port_of(json_member(v, "port"));
		r->seen.ready[i].us = us_of(json_member(v, "seconds"));
		r->seen.ready_n++;
	}
	if (result == ANSWER_REFUSED)
		(void)snprintf(error, sizeof(error), "the guard refused: %.100s", why ? why : "?");
	else if (result == ANSWER_NO_SIGN_OF_LIFE)
		(void)snprintf(error, sizeof(error),
			       "check its power, its cable, and that Wake-on-LAN is on in firmware "
			       "and system");
	if (result == ANSWER_RESULTS)
		remote_say_result(r, ANSWER_FAILED, "the guard's answer is not understood");
	else
		remote_say_result(r, result, error[0] ? error : NULL);
}

/* What came of a request to sleep. */
static void take_slept(struct remote *r, const struct json *body)
{
	const char *word = json_word(json_member(body, "result"));
	const char *why = json_word(json_member(body, "why"));
	const char *text = json_word(json_member(body, "text"));
	enum answer_result result = word ? answer_result_of(word) : ANSWER_RESULTS;
	char error[256] = "";

	if (word && strcmp(word, "stayed-awake") == 0) {
		remote_say_result(r, ANSWER_FAILED, "it is still awake");
		return;
	}
	if (result == ANSWER_REFUSED && why && strcmp(why, "no-sleeper") == 0) {
		remote_say_result(r, ANSWER_NO_SLEEPER,
				  "no sleeper holds a lease for it at the guard, or it did not "
				  "answer");
		return;
	}
	if (result == ANSWER_REFUSED && text)
		(void)snprintf(error, sizeof(error), "%.200s", text);
	else if (result == ANSWER_REFUSED)
		(void)snprintf(error, sizeof(error), "the guard refused: %.100s", why ? why : "?");
	if (result == ANSWER_RESULTS)
		remote_say_result(r, ANSWER_FAILED, "the guard's answer is not understood");
	else
		remote_say_result(r, result, error[0] ? error : NULL);
}

static void take_step(struct remote *r, const struct json *body)
{
	const char *step = json_word(json_member(body, "step"));
	struct event e;

	if (r->request->kind == COMMAND_SLEEP) {
		if (!step || strcmp(step, "result") == 0)
			take_slept(r, body);
		return;
	}
	if (!step || strcmp(step, "result") == 0) {
		take_result(r, body);
		return;
	}
	if (!r->request->waits) {
		remote_say_result(r, ANSWER_STARTED, NULL);
		return;
	}
	if (strcmp(step, "sent") == 0) {
		e = step_event(r, EVENT_ATTEMPT);
		e.attempt = whole16(json_member(body, "attempt"));
		e.attempts = whole16(json_member(body, "attempts"));
		if (e.attempt <= 1)
			e.kind = EVENT_REQUEST;
	} else if (strcmp(step, "awake") == 0) {
		e = step_event(r, EVENT_AWAKE);
		e.took_us = us_of(json_member(body, "seconds"));
	} else if (strcmp(step, "ready") == 0) {
		e = step_event(r, EVENT_READY);
		e.to_port = port_of(json_member(body, "port"));
		e.took_us = us_of(json_member(body, "seconds"));
	} else {
		return;
	}
	remote_say_event(r, &e);
}

/* A sealed answer: only the guard can have made it, and each counts once, in order. */
static void take_answer(struct remote *r, const struct json *v)
{
	const struct relay_link *l = &r->home->link;
	char problem[JSON_PROBLEM];
	struct sealed_answer a;
	struct json *body;

	if (sealed_answer_read(v, &a) < 0 || strcmp(a.nonce, r->sealed.nonce) != 0 ||
	    !sealed_answer_authentic(l->home, l->grant, &a, r->answer_key)) {
		remote_say_result(
			r, ANSWER_FAILED,
			"the relay gave an answer that is not the guard's: it lies, or is broken");
		return;
	}
	if ((int64_t)a.seq <= r->seq)
		return;
	r->seq = a.seq;
	if (json_read(a.body, strlen(a.body), &body, problem) < 0)
		return;
	take_step(r, body);
	json_drop(body);
}

static void take_problem(struct remote *r, const struct json *v)
{
	const char *type = json_word(json_member(v, "type"));
	const char *title = json_word(json_member(v, "title"));
	char error[256];

	if (type && strstr(type, "guard-offline")) {
		r->status = 503;
		remote_say_status(r);
		return;
	}
	(void)snprintf(error, sizeof(error), "the relay says: %.200s", title ? title : "?");
	remote_say_result(r, ANSWER_FAILED, error);
}

void remote_stream_data(struct remote *r, const char *data)
{
	char problem[JSON_PROBLEM];
	struct json *v;

	if (json_read(data, strlen(data), &v, problem) < 0)
		return;
	if (strcmp(r->type, "event") == 0 && r->request->kind == COMMAND_LOG)
		remote_show_event(r, v);
	else if (strcmp(r->type, "revoked") == 0)
		remote_say_result(r, ANSWER_REFUSED, "this link was revoked, or has expired");
	else if (strcmp(r->type, "answer") == 0)
		take_answer(r, v);
	else if (strcmp(r->type, "problem") == 0)
		take_problem(r, v);
	json_drop(v);
}

static bool find_machine(struct remote *r)
{
	struct json *home = remote_get(r, "");
	const struct json *list;

	if (!home)
		return false;
	list = json_member(home, "machines");
	for (size_t i = 0; i < json_count(list); i++) {
		struct relay_machine m;

		if (relay_machine_read(json_item(list, i), &m) == 0 &&
		    strcmp(m.name, r->request->name) == 0)
			r->machine = m.id;
	}
	json_drop(home);
	if (!r->machine)
		remote_say_result(r, ANSWER_NOT_FOUND, NULL);
	return r->machine != 0;
}

static bool seal(struct remote *r, const char *verb)
{
	const struct relay_link *l = &r->home->link;
	struct sealed_request *q = &r->sealed;
	struct json *v = remote_get(r, "/challenge");
	const char *challenge = json_word(json_member(v, "challenge"));
	uint8_t nonce[RELAY_NONCE_SIZE];
	struct text t = text_over(q->machine, sizeof(q->machine));

	if (!v)
		return false;
	if (!challenge || strlen(challenge) >= sizeof(q->challenge)) {
		remote_say_result(r, ANSWER_FAILED, "the relay's answer is not understood");
		json_drop(v);
		return false;
	}
	memcpy(q->challenge, challenge, strlen(challenge) + 1);
	json_drop(v);
	entropy_bytes(nonce, sizeof(nonce));
	b64_encode(nonce, sizeof(nonce), q->nonce);
	memcpy(q->home, l->home, sizeof(q->home));
	memcpy(q->grant, l->grant, sizeof(q->grant));
	memcpy(q->verb, verb, strlen(verb) + 1);
	text_u64(&t, r->machine);
	sealed_request_seal(q, r->request_key);
	return true;
}

static void run(struct remote *r, const char *verb)
{
	char body[SEALED_REQUEST_MAX];
	struct json_writer w = json_writer_over(body, sizeof(body));
	uint32_t wait = r->request->wait_seconds;
	int e;

	r->seen.machine = r->request->name;
	r->seq = -1;
	if (!find_machine(r) || !seal(r, verb))
		return;
	sealed_request_write(&w, &r->sealed);
	e = remote_open_stream(r, "POST", "/requests", body,
			       wait && wait < WAKE_PATIENCE ? (long)wait : WAKE_PATIENCE);
	if (r->over)
		return;
	if (e == 0 && r->status != 200)
		remote_say_status(r);
	else if (wait && r->seq >= 0)
		remote_say_result(r, ANSWER_TIMEOUT, "it has not answered yet");
	else if (e < 0)
		remote_say_unreachable(r);
	else
		remote_say_result(r, ANSWER_FAILED,
				  "the relay ended before the guard's answer came");
}

void remote_run_wake(struct remote *r)
{
	run(r, "wake");
}

void remote_run_sleep(struct remote *r)
{
	run(r, "sleep");
}
