#include "cli/remote.h"

#include "cli/https.h"
#include "proto/answer.h"
#include "proto/event_text.h"
#include "proto/json.h"
#include "proto/keys.h"
#include "proto/relay_state.h"
#include "proto/sealed.h"
#include "proto/time_text.h"
#include "sys/entropy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* --- lines --- */

static void say(struct remote *r, const struct json_writer *w)
{
	const char *at = w->out.start;
	size_t n = w->out.used;

	while (n > 0) {
		ssize_t sent = send(r->fd, at, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		/* Nobody listens any more. */
		if (sent < 0)
			_exit(0);
		at += sent;
		n -= (size_t)sent;
	}
}

static void say_result(struct remote *r, enum answer_result result, const char *error)
{
	char bytes[1024];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	r->over = true;
	if (r->request->kind == COMMAND_WAKE && result != ANSWER_NOT_FOUND)
		answer_write_wake(&w, result, &r->seen, error);
	else
		answer_write_result(&w, result, error);
	say(r, &w);
}

static void say_event(struct remote *r, const struct event *e)
{
	char bytes[EVENT_JSON + 64];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	answer_write_event(&w, e);
	say(r, &w);
}

/* --- asking the relay --- */

static bool keep(void *context, const char *bytes, size_t n)
{
	struct remote *r = context;
	char *more = r->body_n + n < BODY_MAX ? realloc(r->body, r->body_n + n + 1) : NULL;

	if (!more)
		return false;
	memcpy(more + r->body_n, bytes, n);
	r->body = more;
	r->body_n += n;
	more[r->body_n] = 0;
	return true;
}

static void url_of(const struct remote *r, const char *path, char to[static 1024])
{
	const struct relay_link *l = &r->home->link;

	(void)snprintf(to, 1024, "%s/api/v1/homes/%s%s", l->url.origin, l->home, path);
}

static int ask(struct remote *r, const char *path)
{
	char url[1024];
	struct https_request q = { .method = "GET",
				   .url = url,
				   .bearer = r->bearer,
				   .timeout = PATIENCE,
				   .take = keep,
				   .context = r };

	url_of(r, path, url);
	r->body_n = 0;
	return https_ask(&q, &r->status, r->problem);
}

/* What a status that is no success means. */
static void say_status(struct remote *r)
{
	char error[256];

	switch (r->status) {
	case 401:
		say_result(r, ANSWER_REFUSED,
			   "the relay does not know this link (any more): it was revoked or has "
			   "expired, or the home "
			   "has left");
		return;
	case 429:
		say_result(r, ANSWER_BUSY,
			   "the relay says: too many requests; try again in a minute");
		return;
	case 503:
		say_result(r, ANSWER_GUARD_OFFLINE,
			   "the home is offline: its guard has no connection to the relay");
		return;
	default:
		(void)snprintf(error, sizeof(error), "the relay answered with HTTP status %ld",
			       r->status);
		say_result(r, ANSWER_FAILED, error);
	}
}

static void say_unreachable(struct remote *r)
{
	char error[HTTPS_PROBLEM + 300];

	(void)snprintf(error, sizeof(error), "cannot reach the relay %s: %s",
		       r->home->link.url.origin, r->problem);
	say_result(r, ANSWER_FAILED, error);
}

/* JSON of the relay; NULL after the end was said. */
static struct json *get(struct remote *r, const char *path)
{
	char problem[JSON_PROBLEM];
	struct json *root;

	if (ask(r, path) < 0) {
		say_unreachable(r);
		return NULL;
	}
	if (r->status != 200) {
		say_status(r);
		return NULL;
	}
	if (json_read(r->body, r->body_n, &root, problem) < 0) {
		say_result(r, ANSWER_FAILED, "the relay's answer is not understood");
		return NULL;
	}
	return root;
}

/* --- status --- */

static void write_machine(struct remote *r, const struct relay_machine *m)
{
	static char bytes[ANSWER_MAX];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));
	struct spec s = { .watts = m->watts_u == RELAY_NULL ? 0
							    : (uint16_t)(m->watts_u / 1000000) };
	struct machine_past p = { .state = m->state, .since_wall_ms = m->since_ms };

	memcpy(s.name, m->name, sizeof(s.name));
	if (m->woken) {
		p.last_wake.at_wall_ms = m->woken_ms;
		p.last_wake.awake_us = m->woken_us == RELAY_NULL ? 0 : m->woken_us;
		memcpy(p.last_wake.who, m->who, sizeof(p.last_wake.who));
		for (uint8_t by = 0; by < BY_KINDS; by++) {
			if (strcmp(m->by, wake_by_name(by)) == 0)
				p.last_wake.by = by;
		}
	}
	answer_write_machine(&w, m->id, &s, &p);
	say(r, &w);
}

static void run_status(struct remote *r)
{
	struct json *home = get(r, "");
	const struct json *list;
	bool found = false;

	if (!home)
		return;
	list = json_member(home, "machines");
	for (size_t i = 0; i < json_count(list); i++) {
		struct relay_machine m;

		if (relay_machine_read(json_item(list, i), &m) < 0 ||
		    (r->request->name[0] && strcmp(m.name, r->request->name) != 0))
			continue;
		found = true;
		write_machine(r, &m);
	}
	json_drop(home);
	say_result(r, found || !r->request->name[0] ? ANSWER_OK : ANSWER_NOT_FOUND, NULL);
}

/* --- log --- */

static void event_of(const struct relay_event *from, struct event *e)
{
	static const struct {
		const char *prefix;
		uint8_t knock;
	} knocks[] = { { "tcp/", KNOCK_TCP }, { "udp/", KNOCK_UDP }, { "echo", KNOCK_ECHO } };
	uint64_t port = 0;

	*e = (struct event){ .id = from->id, .wall_ms = from->at_ms, .machine = from->machine };
	while (e->kind < EVENT_KINDS && strcmp(from->event, event_kind_name(e->kind)) != 0)
		e->kind++;
	while (e->by < BY_KINDS && strcmp(from->by, wake_by_name(e->by)) != 0)
		e->by++;
	if (e->by == BY_KINDS)
		e->by = BY_NOBODY;
	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(knocks[i].prefix);

		if (strncmp(from->to, knocks[i].prefix, n) != 0)
			continue;
		e->knock = knocks[i].knock;
		(void)text_parse_u64(from->to + n, UINT16_MAX, &port);
		e->to_port = (uint16_t)port;
	}
	memcpy(e->name, from->name, sizeof(e->name));
	memcpy(e->who, from->who, sizeof(e->who));
	e->attempt = from->attempt == RELAY_NULL ? 0 : (uint16_t)from->attempt;
	e->attempts = from->attempts == RELAY_NULL ? 0 : (uint16_t)from->attempts;
	e->took_us = from->seconds_us == RELAY_NULL ? 0 : from->seconds_us;
	e->late = from->late;
}

static void show_event(struct remote *r, const struct json *v)
{
	struct relay_event from;
	struct event e;

	if (relay_event_read(v, &from) < 0 || from.id <= r->event)
		return;
	r->event = from.id;
	event_of(&from, &e);
	/* A kind that only a newer guard knows. */
	if (e.kind == EVENT_KINDS || (r->request->name[0] && strcmp(r->request->name, e.name) != 0))
		return;
	say_event(r, &e);
}

/* The last `most`: in one page, or from the first that the relay has. */
static bool show_past(struct remote *r)
{
	uint32_t most = r->request->most;
	char path[64];
	size_t n = EVENTS_PAGE;

	if (most == 0)
		return true;
	(void)snprintf(path, sizeof(path), "/events?limit=%u",
		       most < EVENTS_PAGE ? (unsigned int)most : EVENTS_PAGE);
	while (n == EVENTS_PAGE) {
		struct json *page;
		const struct json *list;

		if (most > EVENTS_PAGE)
			(void)snprintf(path, sizeof(path), "/events?limit=%d&after=%llu",
				       EVENTS_PAGE, (unsigned long long)r->event);
		page = get(r, path);
		if (!page)
			return false;
		list = json_member(page, "events");
		n = json_count(list);
		for (size_t i = 0; i < n; i++)
			show_event(r, json_item(list, i));
		json_drop(page);
		if (most <= EVENTS_PAGE)
			break;
	}
	return true;
}

/* --- streams of events --- */

static void stream_data(struct remote *r, const char *data);

/* Line by line: "event: TYPE", "data: JSON". */
static bool stream(void *context, const char *bytes, size_t n)
{
	struct remote *r = context;
	char *end;

	if (r->body_n > BODY_MAX / 2)
		return false;
	if (!keep(r, bytes, n))
		return false;
	while (!r->over && (end = memchr(r->body, '\n', r->body_n)) != NULL) {
		size_t line = (size_t)(end - r->body) + 1;

		*end = 0;
		if (strncmp(r->body, "event: ", 7) == 0)
			(void)snprintf(r->type, sizeof(r->type), "%.15s", r->body + 7);
		else if (strncmp(r->body, "data: ", 6) == 0)
			stream_data(r, r->body + 6);
		memmove(r->body, r->body + line, r->body_n - line);
		r->body_n -= line;
	}
	return !r->over;
}

static int open_stream(struct remote *r, const char *method, const char *path, const char *body,
		       long timeout)
{
	char url[1024];
	struct https_request q = { .method = method,
				   .url = url,
				   .bearer = r->bearer,
				   .accept = "text/event-stream",
				   .body = body,
				   .timeout = timeout,
				   .take = stream,
				   .context = r };

	url_of(r, path, url);
	r->body_n = 0;
	r->type[0] = 0;
	return https_ask(&q, &r->status, r->problem);
}

static void run_log(struct remote *r)
{
	if (!show_past(r))
		return;
	while (r->request->follow && !r->over) {
		if (open_stream(r, "GET", "/live", NULL, 0) == 0 && r->status != 200)
			say_status(r);
		if (!r->over)
			(void)sleep(2);
	}
	if (!r->over)
		say_result(r, ANSWER_OK, NULL);
}

/* --- wake --- */

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
		say_result(r, ANSWER_FAILED, "the guard's answer is not understood");
	else
		say_result(r, result, error[0] ? error : NULL);
}

static void take_step(struct remote *r, const struct json *body)
{
	const char *step = json_word(json_member(body, "step"));
	struct event e;

	if (!step || strcmp(step, "result") == 0) {
		take_result(r, body);
		return;
	}
	if (!r->request->waits) {
		say_result(r, ANSWER_STARTED, NULL);
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
	say_event(r, &e);
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
		say_result(
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
		say_status(r);
		return;
	}
	(void)snprintf(error, sizeof(error), "the relay says: %.200s", title ? title : "?");
	say_result(r, ANSWER_FAILED, error);
}

static void stream_data(struct remote *r, const char *data)
{
	char problem[JSON_PROBLEM];
	struct json *v;

	if (json_read(data, strlen(data), &v, problem) < 0)
		return;
	if (strcmp(r->type, "event") == 0 && r->request->kind == COMMAND_LOG)
		show_event(r, v);
	else if (strcmp(r->type, "revoked") == 0)
		say_result(r, ANSWER_REFUSED, "this link was revoked, or has expired");
	else if (strcmp(r->type, "answer") == 0)
		take_answer(r, v);
	else if (strcmp(r->type, "problem") == 0)
		take_problem(r, v);
	json_drop(v);
}

static bool find_machine(struct remote *r)
{
	struct json *home = get(r, "");
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
		say_result(r, ANSWER_NOT_FOUND, NULL);
	return r->machine != 0;
}

static bool seal(struct remote *r, const char *verb)
{
	const struct relay_link *l = &r->home->link;
	struct sealed_request *q = &r->sealed;
	struct json *v = get(r, "/challenge");
	const char *challenge = json_word(json_member(v, "challenge"));
	uint8_t nonce[RELAY_NONCE_SIZE];
	struct text t = text_over(q->machine, sizeof(q->machine));

	if (!v)
		return false;
	if (!challenge || strlen(challenge) >= sizeof(q->challenge)) {
		say_result(r, ANSWER_FAILED, "the relay's answer is not understood");
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

static void run_wake(struct remote *r)
{
	char body[SEALED_REQUEST_MAX];
	struct json_writer w = json_writer_over(body, sizeof(body));
	uint32_t wait = r->request->wait_seconds;
	int e;

	r->seen.machine = r->request->name;
	r->seq = -1;
	if (!find_machine(r) || !seal(r, "wake"))
		return;
	sealed_request_write(&w, &r->sealed);
	e = open_stream(r, "POST", "/requests", body,
			wait && wait < WAKE_PATIENCE ? (long)wait : WAKE_PATIENCE);
	if (r->over)
		return;
	if (e == 0 && r->status != 200)
		say_status(r);
	else if (wait && r->seq >= 0)
		say_result(r, ANSWER_TIMEOUT, "it has not answered yet");
	else if (e < 0)
		say_unreachable(r);
	else
		say_result(r, ANSWER_FAILED, "the relay ended before the guard's answer came");
}

/* --- the process --- */

static void derive(struct remote *r)
{
	const struct relay_link *l = &r->home->link;
	uint8_t view[RELAY_KEY_SIZE];

	keys_derive(l->secret, "view", l->grant, view);
	keys_derive(l->secret, "request", l->grant, r->request_key);
	keys_derive(l->secret, "answer", l->grant, r->answer_key);
	b64_encode(view, sizeof(view), r->bearer);
}

static void (*runner_of(uint8_t kind))(struct remote *r)
{
	switch ((enum command_kind)kind) {
	case COMMAND_STATUS:
		return run_status;
	case COMMAND_WAKE:
		return run_wake;
	case COMMAND_LOG:
		return run_log;
	case COMMAND_VERSION:
	case COMMAND_ADD:
	case COMMAND_REMOVE:
	case COMMAND_EXPORT:
	case COMMAND_RELAY:
	case COMMAND_JOIN:
	case COMMAND_LEAVE:
	case COMMAND_SHARE:
	case COMMAND_GRANTS:
	case COMMAND_REVOKE:
	case COMMAND_KINDS:
		break;
	}
	return NULL;
}

bool remote_can(const struct command *request)
{
	return runner_of(request->kind) != NULL;
}

int remote_open(const struct cli *c, const struct home_entry *home, const struct command *request,
		int *ret_fd)
{
	int ends[2];
	pid_t child;

	if (keys_init() < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		cli_complain(c, "cannot start: %s", strerror(errno));
		return -EIO;
	}
	child = fork();
	if (child == 0) {
		static struct remote r;

		close(ends[0]);
		r.home = home;
		r.request = request;
		r.fd = ends[1];
		derive(&r);
		runner_of(request->kind)(&r);
		_exit(0);
	}
	close(ends[1]);
	if (child < 0) {
		cli_complain(c, "cannot start: %s", strerror(errno));
		close(ends[0]);
		return -EAGAIN;
	}
	*ret_fd = ends[0];
	return 0;
}

bool remote_name(const struct cli *c, const struct relay_link *link,
		 char to[static SPEC_NAME_MAX + 1])
{
	static struct remote r;
	static struct home_entry entry;
	struct json *root = NULL;
	char problem[JSON_PROBLEM];
	const char *name;

	entry.link = *link;
	r.home = &entry;
	derive(&r);
	if (ask(&r, "") < 0) {
		cli_complain(c, "cannot reach the relay %s: %s", link->url.origin, r.problem);
		return false;
	}
	if (r.status != 200 || json_read(r.body, r.body_n, &root, problem) < 0) {
		cli_complain(
			c,
			r.status == 401
				? "the relay does not know this link: it was revoked or has expired"
				: "the relay's answer is not understood");
		return false;
	}
	name = json_word(json_member(root, "name"));
	(void)snprintf(to, SPEC_NAME_MAX + 1, "%s", name ? name : "home");
	json_drop(root);
	return true;
}
