/*
 * control_clients: the connections of the control socket: lines in, lines out, limits.
 *
 * Who may connect is decided by the socket's mode. A client does one request at a time; further lines wait in its buffer. One
 * that does not read what it asked for is cut off. What requests mean is control_commands.c's.
 */
#include "guard/control_client.h"

#include "guard/control_pair.h"
#include "guard/control_relay.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 32
#define REQUESTS_PER_SECOND 1000
#define OUT_MAX (2 * 1024 * 1024) /* what a client may leave unread: 1000 events fit */
#define ACCEPTS_AT_ONCE 16

/* --- the end of a connection --- */

/* Freed later: its watch may be the one that is calling. */
static void over(struct client *k)
{
	if (k->over)
		return;
	k->over = true;
	k->following = false;
	list_remove(&k->turn.in);
	control_request_forget(k->request);
	control_deadline_clear(k->control, &k->deadline);
	client_share_done(k);
	client_pair_done(k);
	(void)loop_watch_set(&k->watch, 0);
	loop_defer(&k->control->reaper);
}

static void client_free(struct client *k)
{
	over(k);
	list_remove(&k->in);
	k->control->clients_n--;
	loop_deferred_done(&k->again);
	loop_watch_done(&k->watch);
	close(k->fd);
	free(k->out);
	free(k);
}

void control_clients_reap(struct control *c)
{
	list_each_safe(it, &c->clients)
	{
		struct client *k = container_of(it, struct client, in);

		if (k->over)
			client_free(k);
	}
}

void control_clients_done(struct control *c)
{
	list_each_safe(it, &c->clients) client_free(container_of(it, struct client, in));
}

/* --- out --- */

size_t client_unread(const struct client *k)
{
	return k->out_used - k->out_at;
}

static void set_wants(struct client *k)
{
	unsigned int wants = 0;

	/* A full buffer waits for the request that runs; after the end there is nothing to read. */
	if (!k->ended && k->line_used < sizeof(k->line))
		wants |= LOOP_READ;
	if (client_unread(k) > 0)
		wants |= LOOP_WRITE;
	if (!k->over)
		(void)loop_watch_set(&k->watch, wants);
}

static void flush(struct client *k)
{
	while (client_unread(k) > 0) {
		ssize_t n = send(k->fd, k->out + k->out_at, client_unread(k), MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			over(k);
		if (n < 0)
			break;
		k->out_at += (size_t)n;
	}
	if (client_unread(k) == 0)
		k->out_at = k->out_used = 0;
	set_wants(k);
}

static bool make_room(struct client *k, size_t n)
{
	size_t size = k->out_size ? k->out_size : 4096;
	char *out;

	if (k->out_at > 0) {
		memmove(k->out, k->out + k->out_at, client_unread(k));
		k->out_used -= k->out_at;
		k->out_at = 0;
	}
	if (n > OUT_MAX - k->out_used)
		return false;
	while (size - k->out_used < n)
		size *= 2;
	if (size == k->out_size)
		return true;
	out = realloc(k->out, size);
	if (!out)
		return false;
	k->out = out;
	k->out_size = size;
	return true;
}

void client_write(struct client *k, const struct json_writer *w)
{
	if (k->over)
		return;
	if (w->out.cut || !make_room(k, w->out.used)) {
		log_notice("control socket: a client of uid %u does not read its answers; closed",
			   k->uid);
		over(k);
		return;
	}
	memcpy(k->out + k->out_used, w->out.start, w->out.used);
	k->out_used += w->out.used;
	flush(k);
}

void client_finish(struct client *k, const struct json_writer *w)
{
	k->running = false;
	k->following = false;
	k->page_due = false;
	client_pair_done(k);
	/* A question that is still under way must not end the next request. */
	control_request_forget(k->request);
	k->request = NULL;
	list_remove(&k->turn.in);
	control_deadline_clear(k->control, &k->deadline);
	client_write(k, w);
	if (!k->over)
		loop_defer(&k->again);
}

void client_finish_result(struct client *k, enum answer_result r, const char *error)
{
	char bytes[1024];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	answer_write_result(&w, r, error);
	client_finish(k, &w);
}

/* --- in --- */

/* False: too many in this second; it goes on in the next. */
static bool within_rate(struct client *k)
{
	uint64_t now = clock_monotonic_us();

	if (now - k->window_us >= 1000000) {
		k->window_us = now;
		k->window_n = 0;
	}
	if (k->window_n++ < REQUESTS_PER_SECOND)
		return true;
	control_deadline_set(k->control, &k->deadline, k->window_us + 1000000);
	return false;
}

static void begin(struct client *k, const char *line, size_t n)
{
	char error[COMMAND_ERROR];

	k->running = true;
	if (command_decode(line, n, &k->command, error) < 0)
		client_finish_result(k, ANSWER_INVALID, error);
	else
		client_start(k);
}

/* The next line, if it is whole; a last one without its end counts. */
static void next_request(void *context)
{
	struct client *k = context;
	const char *end = memchr(k->line, '\n', k->line_used);
	size_t n = end ? (size_t)(end - k->line) : k->line_used;

	if (k->running || k->over)
		return;
	if (!end && !k->ended) {
		if (k->line_used < sizeof(k->line))
			return;
		k->ended = true;
		k->line_used = 0;
		client_finish_result(k, ANSWER_INVALID,
				     "a request is one line of at most 16384 bytes");
		return;
	}
	if (k->line_used == 0) {
		/* It has all its answers, or will have when it reads them. */
		if (client_unread(k) == 0)
			over(k);
		return;
	}
	if (!within_rate(k))
		return;
	if (n > 0)
		begin(k, k->line, n);
	n += end != NULL;
	memmove(k->line, k->line + n, k->line_used - n);
	k->line_used -= n;
	set_wants(k);
	/* An empty line asks nothing. */
	if (!k->running)
		loop_defer(&k->again);
}

static void receive(struct client *k)
{
	ssize_t n = recv(k->fd, k->line + k->line_used, sizeof(k->line) - k->line_used, 0);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			over(k);
		return;
	}
	if (n == 0) {
		k->ended = true;
		/* There is no other way to stop following. */
		if (k->running && ((k->command.kind == COMMAND_LOG && k->command.follow) ||
				   k->command.kind == COMMAND_PAIR))
			over(k);
	}
	k->line_used += (size_t)n;
	set_wants(k);
	if (!k->running && !k->over)
		next_request(k);
}

static void ready(void *context, unsigned int what)
{
	struct client *k = context;

	if (what & LOOP_WRITE && client_unread(k) > 0) {
		flush(k);
		if (!k->over && client_unread(k) == 0) {
			client_drained(k);
			loop_defer(&k->again);
		}
	}
	if (what & LOOP_READ && !k->ended && !k->over && k->line_used < sizeof(k->line))
		receive(k);
}

static void deadline_due(void *owner)
{
	struct client *k = owner;

	if (k->running)
		client_waited(k);
	else
		next_request(k);
}

/* --- who comes in --- */

static void refuse(int fd)
{
	char bytes[256];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	answer_write_result(&w, ANSWER_BUSY, "the guard has too many clients; try again later");
	(void)send(fd, bytes, w.out.used, MSG_NOSIGNAL);
	close(fd);
}

/* The one that has been here longest without a request. */
static bool push_one_out(struct control *c)
{
	list_each(it, &c->clients)
	{
		struct client *k = container_of(it, struct client, in);

		if (!k->running || k->over) {
			over(k);
			control_clients_reap(c);
			return true;
		}
	}
	return false;
}

static void admit(struct control *c, int fd)
{
	struct client *k = calloc(1, sizeof(*k));
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t length = sizeof(peer);

	if (!k || loop_deferred_init(&k->again, c->loop, next_request, k) < 0) {
		free(k);
		refuse(fd);
		return;
	}
	if (loop_watch_init(&k->watch, c->loop, fd, LOOP_READ, ready, k) < 0) {
		loop_deferred_done(&k->again);
		free(k);
		refuse(fd);
		return;
	}
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
	k->control = c;
	k->fd = fd;
	k->uid = peer.uid;
	k->deadline = (struct control_deadline){ .due = deadline_due, .owner = k };
	k->turn = (struct control_turn){ .run = client_turn, .owner = k };
	list_init(&k->turn.in);
	list_append(&c->clients, &k->in);
	c->clients_n++;
}

void control_clients_accept(struct control *c, const struct control_listener *l)
{
	struct sockaddr_storage peer;
	int fd;

	for (int i = 0; i < ACCEPTS_AT_ONCE && control_accept(l, &peer, &fd) > 0; i++) {
		if (c->clients_n < CLIENTS_MAX || push_one_out(c))
			admit(c, fd);
		else
			refuse(fd);
	}
}

void control_clients_happened(struct control *c, const struct event *e)
{
	list_each(it, &c->clients)
	{
		struct client *k = container_of(it, struct client, in);

		if (k->following && !k->over)
			client_happened(k, e);
	}
}
