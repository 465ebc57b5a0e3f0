#include "sleeper/control.h"

#include "sleeper/config.h"
#include "sleeper/control_parts.h"
#include "sys/account.h"
#include "sys/local_socket.h"
#include "sys/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16
#define ACCEPTS_AT_ONCE 8

/* --- out --- */

static size_t unread(const struct client *k)
{
	return k->out_used - k->out_at;
}

/* Its memory stays: the loop may be calling for it now. */
static void close_client(struct client *k)
{
	if (k->fd < 0)
		return;
	control_forget(k);
	loop_watch_done(&k->watch);
	loop_deferred_done(&k->again);
	close(k->fd);
	free(k->out);
	k->out = NULL;
	k->fd = -1;
}

static void set_wants(struct client *k)
{
	unsigned int wants = 0;

	if (unread(k) > 0)
		wants |= LOOP_WRITE;
	/* Also while a request runs: who goes away then is not waited for. */
	if (!k->ended && k->used < sizeof(k->line))
		wants |= LOOP_READ;
	(void)loop_watch_set(&k->watch, wants);
}

/* False: it is closed now. */
static bool flush(struct client *k)
{
	while (unread(k) > 0) {
		ssize_t n = send(k->fd, k->out + k->out_at, unread(k), MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			close_client(k);
			return false;
		}
		if (n < 0)
			break;
		k->out_at += (size_t)n;
	}
	if (unread(k) == 0)
		k->out_at = k->out_used = 0;
	set_wants(k);
	return true;
}

void client_say(struct client *k, const struct json_writer *w)
{
	if (k->fd < 0)
		return;
	if (w->out.cut || w->out.used + 1 > CONTROL_OUT_MAX - k->out_used) {
		log_notice("control socket: a client of uid %u does not read its answers; closed",
			   k->uid);
		close_client(k);
		return;
	}
	memcpy(k->out + k->out_used, w->out.start, w->out.used);
	k->out_used += w->out.used;
	k->out[k->out_used++] = '\n';
	(void)flush(k);
}

void client_end(struct client *k, const struct json_writer *w)
{
	k->running = false;
	client_say(k, w);
	if (k->fd >= 0)
		loop_defer(&k->again);
}

void client_result(struct client *k, enum answer_result r, const char *error)
{
	char bytes[1024];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	json_write_open(&w, '{');
	json_write_key(&w, "result");
	json_write_word(&w, answer_result_name(r));
	if (error) {
		json_write_key(&w, "error");
		json_write_word(&w, error);
	}
	json_write_close(&w, '}');
	client_end(k, &w);
}

/* --- in --- */

static void next_request(void *context)
{
	struct client *k = context;
	const char *end = memchr(k->line, '\n', k->used);
	size_t n = end ? (size_t)(end - k->line) : k->used;

	if (k->fd < 0 || k->running)
		return;
	if (!end && k->used == sizeof(k->line)) {
		k->ended = true;
		k->used = 0;
		client_result(k, ANSWER_INVALID, "a request is one line of at most 16384 bytes");
		return;
	}
	/* A last line without its end counts. */
	if (!end && !(k->ended && n > 0)) {
		if (k->ended && unread(k) == 0)
			close_client(k);
		return;
	}
	if (n > 0) {
		k->running = true;
		control_request(k, k->line, n);
	}
	if (k->fd < 0)
		return;
	n += end != NULL;
	memmove(k->line, k->line + n, k->used - n);
	k->used -= n;
	set_wants(k);
	if (!k->running)
		loop_defer(&k->again);
}

static void receive(struct client *k)
{
	ssize_t n = recv(k->fd, k->line + k->used, sizeof(k->line) - k->used, 0);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			close_client(k);
		return;
	}
	k->ended = n == 0;
	k->used += (size_t)n;
	set_wants(k);
	if (!k->running)
		next_request(k);
}

static void client_ready(void *context, unsigned int what)
{
	struct client *k = context;

	if (what & LOOP_WRITE && unread(k) > 0) {
		if (!flush(k))
			return;
		loop_defer(&k->again);
	}
	if (what & LOOP_READ && !k->ended && k->used < sizeof(k->line))
		receive(k);
}

/* --- who comes in --- */

static void refuse(int fd)
{
	static const char busy[] = "{\"result\":\"busy\",\"error\":\"the sleeper has too many "
				   "clients; try again later\"}\n";

	(void)send(fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL);
	close(fd);
}

static struct client *free_client(struct control *c)
{
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (c->clients[i].fd < 0)
			return &c->clients[i];
	}
	return NULL;
}

static void admit(struct control *c, int fd)
{
	struct client *k = free_client(c);
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t n = sizeof(peer);
	char *out = k ? malloc(CONTROL_OUT_MAX) : NULL;

	if (!out) {
		refuse(fd);
		return;
	}
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n);
	memset(k, 0, sizeof(*k));
	k->s = c->s;
	k->control = c;
	k->out = out;
	k->fd = fd;
	k->pid = peer.pid;
	k->uid = peer.uid;
	if (loop_deferred_init(&k->again, c->s->loop, next_request, k) < 0 ||
	    loop_watch_init(&k->watch, c->s->loop, fd, LOOP_READ, client_ready, k) < 0)
		close_client(k);
}

static void listener_ready(void *context, unsigned int what)
{
	struct control *c = context;

	(void)what;
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		struct sockaddr_un peer;
		socklen_t n = sizeof(peer);
		int fd = accept4(c->fd, (struct sockaddr *)&peer, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		admit(c, fd);
	}
}

/* --- the socket --- */

static int open_socket(struct control *c, const char *path)
{
	gid_t group;
	/* One daemon a state folder, its lock sees to that: what is there is a dead one's. */
	int r = local_socket_listen(path, BACKLOG, &c->fd);

	if (r < 0)
		return r;
	/* The unit gives us the group already; by hand root may do that. */
	if (account_group("rouse", &group) == 0 && group != getegid() &&
	    lchown(path, (uid_t)-1, group) < 0)
		log_notice("%s is not of group rouse: %s", path, strerror(errno));
	return loop_watch_init(&c->watch, c->s->loop, c->fd, LOOP_READ, listener_ready, c);
}

int control_new(struct sleeper *s)
{
	struct control *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	s->control = c;
	c->s = s;
	c->fd = -1;
	c->clients = calloc(CONTROL_CLIENTS_MAX, sizeof(*c->clients));
	r = c->clients ? test_init(c) : -ENOMEM;
	for (size_t i = 0; c->clients && i < CONTROL_CLIENTS_MAX; i++)
		c->clients[i].fd = -1;
	if (r == 0)
		r = open_socket(c, s->config->control);
	if (r < 0) {
		log_error("control socket %s: %s", s->config->control, strerror(-r));
		control_free(s);
	}
	return r;
}

void control_free(struct sleeper *s)
{
	struct control *c = s->control;

	if (!c)
		return;
	for (size_t i = 0; c->clients && i < CONTROL_CLIENTS_MAX; i++)
		close_client(&c->clients[i]);
	test_done(c);
	loop_watch_done(&c->watch);
	if (c->fd >= 0) {
		close(c->fd);
		(void)unlink(s->config->control);
	}
	free(c->clients);
	free(c);
	s->control = NULL;
}
