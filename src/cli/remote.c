#include "cli/remote.h"

#include "cli/https.h"
#include "cli/remote_parts.h"
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

void remote_say_result(struct remote *r, enum answer_result result, const char *error)
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

void remote_say_event(struct remote *r, const struct event *e)
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
void remote_say_status(struct remote *r)
{
	char error[256];

	switch (r->status) {
	case 401:
		remote_say_result(
			r, ANSWER_REFUSED,
			"the relay does not know this link (any more): it was revoked or has "
			"expired, or the home "
			"has left");
		return;
	case 429:
		remote_say_result(r, ANSWER_BUSY,
				  "the relay says: too many requests; try again in a minute");
		return;
	case 503:
		remote_say_result(r, ANSWER_GUARD_OFFLINE,
				  "the home is offline: its guard has no connection to the relay");
		return;
	default:
		(void)snprintf(error, sizeof(error), "the relay answered with HTTP status %ld",
			       r->status);
		remote_say_result(r, ANSWER_FAILED, error);
	}
}

void remote_say_unreachable(struct remote *r)
{
	char error[HTTPS_PROBLEM + 300];

	(void)snprintf(error, sizeof(error), "cannot reach the relay %s: %s",
		       r->home->link.url.origin, r->problem);
	remote_say_result(r, ANSWER_FAILED, error);
}

/* JSON of the relay; NULL after the end was said. */
struct json *remote_get(struct remote *r, const char *path)
{
	char problem[JSON_PROBLEM];
	struct json *root;

	if (ask(r, path) < 0) {
		remote_say_unreachable(r);
		return NULL;
	}
	if (r->status != 200) {
		remote_say_status(r);
		return NULL;
	}
	if (json_read(r->body, r->body_n, &root, problem) < 0) {
		remote_say_result(r, ANSWER_FAILED, "the relay's answer is not understood");
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
		for (unsigned int by = 0; by < BY_KINDS; by++) {
			if (strcmp(m->by, wake_by_name((enum wake_by)by)) == 0)
				p.last_wake.by = (uint8_t)by;
		}
	}
	answer_write_machine(&w, m->id, &s, &p, NULL);
	say(r, &w);
}

static void run_status(struct remote *r)
{
	struct json *home = remote_get(r, "");
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
	remote_say_result(r, found || !r->request->name[0] ? ANSWER_OK : ANSWER_NOT_FOUND, NULL);
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

void remote_show_event(struct remote *r, const struct json *v)
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
	remote_say_event(r, &e);
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
		page = remote_get(r, path);
		if (!page)
			return false;
		list = json_member(page, "events");
		n = json_count(list);
		for (size_t i = 0; i < n; i++)
			remote_show_event(r, json_item(list, i));
		json_drop(page);
		if (most <= EVENTS_PAGE)
			break;
	}
	return true;
}

/* --- streams of events --- */

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
			remote_stream_data(r, r->body + 6);
		memmove(r->body, r->body + line, r->body_n - line);
		r->body_n -= line;
	}
	return !r->over;
}

int remote_open_stream(struct remote *r, const char *method, const char *path, const char *body,
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
		if (remote_open_stream(r, "GET", "/live", NULL, 0) == 0 && r->status != 200)
			remote_say_status(r);
		if (!r->over)
			(void)sleep(2);
	}
	if (!r->over)
		remote_say_result(r, ANSWER_OK, NULL);
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
		return remote_run_wake;
	case COMMAND_SLEEP:
		return remote_run_sleep;
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
	case COMMAND_PAIR:
	case COMMAND_PAIRINGS:
	case COMMAND_UNPAIR:
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
