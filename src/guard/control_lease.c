/*
 * control_lease: connections of sleepers at the registration port (docs/lease-protocol.md): lines in, lines out, limits. What
 * they say is the engine's: control holds no key, and can neither read nor make what is authentic.
 *
 * Owns the connections. One that has proved nothing has five seconds for each line and counts as a registration does; one
 * that has proved its key stays, and there is one for each pairing.
 */
#include "guard/control_state.h"

#include "base/text.h"
#include "proto/lease.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_US 5000000 /* for the next line, as long as nothing is proved */
#define STORE_US 15000000 /* for the guard's disk, once a pairing's last line came */
#define GOODBYE_US 2000000 /* for the sleeper to take the last line */
#define EVICT_AFTER_US 500000
#define LINES_PER_SECOND 32
#define BACKLOG_MAX (256 * 1024) /* bytes that wait for the engine */
#define OUT_MAX 65536 /* bytes a sleeper may leave unread */
#define DRAIN_MAX (512 * 1024)

struct sleeper {
	struct list in;
	struct control *control;
	int fd;
	uint32_t connection;
	struct addr peer;
	bool proved;
	bool leaving; /* its last line is out; what it still sends is thrown away */
	bool over; /* to be freed */
	bool told; /* the engine knows that it ended */
	struct loop_watch watch;
	struct control_deadline deadline;
	uint64_t since_us;
	uint64_t window_us; /* so many lines came in this second */
	uint32_t window_n;
	char *rest; /* of a line that is not complete */
	size_t rest_n;
	char *out;
	size_t out_n;
	size_t drained;
};

/* --- the end of a connection --- */

/* Freed later: its watch may be the one that is calling. */
static void over(struct sleeper *s)
{
	if (s->over)
		return;
	s->over = true;
	s->control->sleepers_unproved -= !s->proved;
	control_deadline_clear(s->control, &s->deadline);
	(void)loop_watch_set(&s->watch, 0);
	loop_defer(&s->control->reaper);
}

static void sleeper_free(struct sleeper *s)
{
	over(s);
	list_remove(&s->in);
	loop_watch_done(&s->watch);
	close(s->fd);
	free(s->rest);
	free(s->out);
	free(s);
}

void control_lease_reap(struct control *c)
{
	list_each_safe(it, &c->sleepers)
	{
		struct sleeper *s = container_of(it, struct sleeper, in);

		if (s->over)
			sleeper_free(s);
	}
}

void control_lease_done(struct control *c)
{
	list_each_safe(it, &c->sleepers) sleeper_free(container_of(it, struct sleeper, in));
}

static void tell_engine(struct sleeper *s, const struct ipc_message *m, const char *bytes, size_t n)
{
	if (channel_send_parts(s->control->engine, m, ipc_length(m), bytes, n) < 0)
		control_stop(s->control, EXIT_FAILURE,
			     "the engine does not take requests any more");
}

/*
 * No line of it comes to the engine behind this. It is said also when the end was the engine's own word: lines that were on
 * their way then may have begun something anew there.
 */
static void tell_end(struct sleeper *s)
{
	struct ipc_message m = { .kind = IPC_LEASE_GONE, .id = s->connection };

	if (s->told)
		return;
	s->told = true;
	tell_engine(s, &m, NULL, 0);
}

static void gone(struct sleeper *s)
{
	tell_end(s);
	over(s);
}

/* It may take what it was told last, but not for ever: whoever does not read would keep its place. */
static void begin_leaving(struct sleeper *s)
{
	tell_end(s);
	s->leaving = true;
	control_deadline_set(s->control, &s->deadline, clock_monotonic_us() + GOODBYE_US);
}

static void leave(struct sleeper *s)
{
	if (shutdown(s->fd, SHUT_WR) < 0) {
		over(s);
		return;
	}
	control_deadline_set(s->control, &s->deadline, clock_monotonic_us() + GOODBYE_US);
	(void)loop_watch_set(&s->watch, LOOP_READ);
}

/* --- out --- */

static void flush(struct sleeper *s)
{
	ssize_t n = s->out_n ? send(s->fd, s->out, s->out_n, MSG_NOSIGNAL) : 0;

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		gone(s);
		return;
	}
	if (n > 0) {
		s->out_n -= (size_t)n;
		memmove(s->out, s->out + n, s->out_n);
	}
	if (s->out_n > 0) {
		(void)loop_watch_set(&s->watch, LOOP_READ | LOOP_WRITE);
		return;
	}
	free(s->out);
	s->out = NULL;
	(void)loop_watch_set(&s->watch, LOOP_READ);
	if (s->leaving)
		leave(s);
}

static void say(struct sleeper *s, const char *bytes, size_t n)
{
	char *out;

	if (s->over || n == 0)
		return;
	out = s->out_n + n <= OUT_MAX ? realloc(s->out, s->out_n + n) : NULL;
	if (!out) {
		gone(s);
		return;
	}
	memcpy(out + s->out_n, bytes, n);
	s->out = out;
	s->out_n += n;
	flush(s);
}

/* What needs no engine to be seen as wrong. */
static void refuse(struct sleeper *s, const char *word, const char *why)
{
	struct lease_opening o = { .kind = LEASE_ERROR };
	struct text w = text_over(o.word, sizeof(o.word));
	struct text t = text_over(o.text, sizeof(o.text));
	char line[512];
	char peer[ADDR_TEXT];
	int n;

	log_notice("sleeper from %s refused: %s", addr_format(&s->peer, peer), why);
	text_string(&w, word);
	text_string(&t, why);
	n = lease_opening_write(&o, line, sizeof(line));
	begin_leaving(s);
	if (n > 0)
		say(s, line, (size_t)n);
}

static void too_late(void *owner)
{
	struct sleeper *s = owner;

	if (s->leaving)
		over(s);
	else
		refuse(s, "invalid", "nothing came for 5 seconds");
}

/* --- in --- */

static void take_opening(struct sleeper *s, const char *line, size_t n)
{
	struct ipc_message m = { .kind = IPC_LEASE_OPENING };
	int r = lease_opening_read(line, n, &m.lease_opening.opening);

	if (r < 0) {
		refuse(s, r == -EPROTONOSUPPORT ? "version" : "invalid",
		       r == -EPROTONOSUPPORT ? "the guard speaks version 1 alone"
					     : "this line makes no sense");
		return;
	}
	/* What is late now is our answer. */
	if (m.lease_opening.opening.kind == LEASE_PAIR_TAG && !s->proved)
		control_deadline_set(s->control, &s->deadline, clock_monotonic_us() + STORE_US);
	m.lease_opening.connection = s->connection;
	m.lease_opening.peer = s->peer;
	tell_engine(s, &m, NULL, 0);
}

static void take_line(struct sleeper *s, const char *line, size_t n)
{
	struct ipc_message m = { .kind = IPC_LEASE_LINE };

	if (!s->proved)
		control_deadline_set(s->control, &s->deadline, clock_monotonic_us() + LINE_US);
	/* In the clear there are objects; what may be authentic begins with its tag. */
	if (n > 0 && line[0] == '{') {
		take_opening(s, line, n);
		return;
	}
	m.lease_line.connection = s->connection;
	m.lease_line.length = (uint32_t)n;
	tell_engine(s, &m, line, n);
}

/* No sleeper has so much to say; and whoever floods must not fill the queue to the engine. */
static bool within_rate(struct sleeper *s)
{
	uint64_t now = clock_monotonic_us();

	if (now - s->window_us >= 1000000) {
		s->window_us = now;
		s->window_n = 0;
	}
	return s->window_n++ < LINES_PER_SECOND &&
	       channel_waiting(s->control->engine) < BACKLOG_MAX;
}

static void keep_rest(struct sleeper *s, const char *bytes, size_t n)
{
	char *rest = n ? malloc(n) : NULL;

	if (n && !rest) {
		refuse(s, "busy", "out of memory");
		return;
	}
	if (n)
		memcpy(rest, bytes, n);
	free(s->rest);
	s->rest = rest;
	s->rest_n = n;
}

/* n bytes that came in, with what there was of a line. */
static void take_bytes(struct sleeper *s, const char *bytes, size_t n)
{
	static const char too_long[] = "a line has at most 16384 bytes";

	while (n > 0 && !s->leaving && !s->over) {
		const char *end = memchr(bytes, '\n', n);

		if (!end)
			break;
		/* Before it goes on: to the engine a longer one would be no message of ours. */
		if (end - bytes >= LEASE_LINE_MAX) {
			refuse(s, "invalid", too_long);
			return;
		}
		if (!within_rate(s)) {
			refuse(s, "busy", "too many lines at once");
			return;
		}
		take_line(s, bytes, (size_t)(end - bytes));
		n -= (size_t)(end - bytes) + 1;
		bytes = end + 1;
	}
	if (s->leaving || s->over)
		return;
	if (n >= LEASE_LINE_MAX)
		refuse(s, "invalid", too_long);
	else
		keep_rest(s, bytes, n);
}

static void receive(struct sleeper *s)
{
	static char bytes[2 * LEASE_LINE_MAX];
	ssize_t n;

	if (s->rest_n)
		memcpy(bytes, s->rest, s->rest_n);
	n = recv(s->fd, bytes + s->rest_n, LEASE_LINE_MAX, 0);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		gone(s);
	else if (n > 0 && s->leaving)
		s->drained += (size_t)n;
	else if (n > 0)
		take_bytes(s, bytes, s->rest_n + (size_t)n);
	if (s->drained > DRAIN_MAX)
		over(s);
}

static void ready(void *context, unsigned int what)
{
	struct sleeper *s = context;

	if (what & LOOP_WRITE && s->out_n > 0)
		flush(s);
	if (what & LOOP_READ && !s->over)
		receive(s);
}

/* --- who comes in --- */

void control_lease_take(struct control *c, int fd, const struct addr *peer, const char *bytes,
			size_t n)
{
	struct sleeper *s = calloc(1, sizeof(*s));

	if (!s || loop_watch_init(&s->watch, c->loop, fd, LOOP_READ, ready, s) < 0) {
		free(s);
		close(fd);
		return;
	}
	s->control = c;
	s->fd = fd;
	s->peer = *peer;
	s->since_us = clock_monotonic_us();
	s->deadline = (struct control_deadline){ .due = too_late, .owner = s };
	if (++c->connections == 0)
		c->connections = 1;
	s->connection = c->connections;
	list_append(&c->sleepers, &s->in);
	c->sleepers_unproved++;
	control_deadline_set(c, &s->deadline, s->since_us + LINE_US);
	take_bytes(s, bytes, n);
}

size_t control_lease_count(const struct control *c, const struct addr *peer)
{
	size_t n = 0;

	list_each(it, &c->sleepers)
	{
		const struct sleeper *s = container_of(it, struct sleeper, in);

		n += !s->over && !s->proved && addr_equal(&s->peer, peer);
	}
	return n;
}

bool control_lease_push_out(struct control *c)
{
	uint64_t now = clock_monotonic_us();

	list_each(it, &c->sleepers)
	{
		struct sleeper *s = container_of(it, struct sleeper, in);

		if (s->over || s->proved || (!s->leaving && now - s->since_us <= EVICT_AFTER_US))
			continue;
		if (!s->leaving)
			refuse(s, "busy", "too many connections at once; try again");
		over(s);
		return true;
	}
	return false;
}

/* --- what the engine says --- */

static struct sleeper *find(struct control *c, uint32_t connection)
{
	list_each(it, &c->sleepers)
	{
		struct sleeper *s = container_of(it, struct sleeper, in);

		if (s->connection == connection && !s->over)
			return s;
	}
	return NULL;
}

void control_lease_send(struct control *c, const struct ipc_message *m)
{
	struct sleeper *s = find(c, m->lease_line.connection);

	if (!s || s->leaving)
		return;
	if (m->lease_line.proved && !s->proved) {
		s->proved = true;
		c->sleepers_unproved--;
		control_deadline_clear(c, &s->deadline);
	}
	if (m->lease_line.close)
		begin_leaving(s);
	if (m->lease_line.length)
		say(s, (const char *)ipc_packet(m), m->lease_line.length);
	else if (s->leaving)
		leave(s);
}

void control_lease_reset(struct control *c)
{
	list_each(it, &c->sleepers) gone(container_of(it, struct sleeper, in));
}
