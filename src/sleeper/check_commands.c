/*
 * check_commands: the user's own checks, [check "NAME"]: exit 0 means busy. They are run by rouse-sleeper-check@.service
 * (check_runner.h), which has the power to become their user; here a socket is connected, a name goes out, one line comes back.
 *
 * A check that cannot be run or runs too long counts as busy: nobody knows what it would have said.
 */
#include "sleeper/idle_parts.h"

#include "sleeper/check_runner.h"
#include "sys/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define EXTRA_US (10 * UINT64_C(1000000)) /* beyond a check's own limit */

struct command {
	struct sleeper_idle *i;
	const struct config_check *check;
	struct loop_watch watch;
	struct loop_timer limit;
	int fd; /* -1: it does not run */
	bool sent, awaited; /* a look waits for it */
	uint64_t ran_us; /* begun; 0: never */
	uint64_t last_us; /* when it was busy */
	enum check_result result;
	size_t used;
	char line[CHECK_LINE_MAX];
	char text[EVIDENCE_TEXT];
};

struct idle_commands {
	size_t n;
	struct command list[CONFIG_CHECKS_MAX];
};

static void finish(struct command *c, enum check_result result, const char *text)
{
	struct text t = text_over(c->text, sizeof(c->text));

	loop_watch_done(&c->watch);
	loop_timer_set(&c->limit, UINT64_MAX);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->result = result;
	text_escaped_utf8(&t, text, strlen(text));
	if (result != CHECK_QUIET)
		c->last_us = clock_monotonic_us();
	if (c->awaited) {
		c->awaited = false;
		idle_answered(c->i);
	}
}

static void failed(struct command *c, const char *what, int error)
{
	char text[EVIDENCE_TEXT];

	(void)snprintf(text, sizeof(text), "%s: %s", what, strerror(error));
	finish(c, CHECK_FAILED, text);
}

static void limit_over(void *context)
{
	finish(context, CHECK_FAILED, "no answer from " CHECK_SOCKET);
}

static void send_name(struct command *c)
{
	char line[SPEC_NAME_MAX + 2];
	int n = snprintf(line, sizeof(line), "%s\n", c->check->name);

	/* So little fits into an empty socket. */
	if (send(c->fd, line, (size_t)n, MSG_NOSIGNAL) != n) {
		failed(c, "cannot ask " CHECK_SOCKET, errno);
		return;
	}
	c->sent = true;
	if (loop_watch_set(&c->watch, LOOP_READ) < 0)
		failed(c, "cannot wait", ENOMEM);
}

static void ready(void *context, unsigned int what)
{
	struct command *c = context;
	char text[CHECK_TEXT];
	enum check_result result;
	ssize_t n;

	(void)what;
	if (!c->sent) {
		send_name(c);
		return;
	}
	n = recv(c->fd, c->line + c->used, sizeof(c->line) - c->used, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		failed(c, "cannot read from " CHECK_SOCKET, errno);
		return;
	}
	c->used += (size_t)n;
	if (n > 0 && !memchr(c->line, '\n', c->used) && c->used < sizeof(c->line))
		return;
	if (check_line_read(c->line, c->used, &result, text) < 0)
		finish(c, CHECK_FAILED,
		       "it could not be run: see journalctl -u 'rouse-sleeper-check@*'");
	else
		finish(c, result, text);
}

static void start(struct command *c, uint64_t now_us)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = CHECK_SOCKET };
	int r;

	c->ran_us = now_us;
	c->used = 0;
	c->sent = false;
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		failed(c, "it cannot be run: " CHECK_SOCKET, errno);
		return;
	}
	r = loop_watch_init(&c->watch, c->i->s->loop, c->fd, LOOP_WRITE, ready, c);
	if (r < 0) {
		failed(c, "it cannot be run", -r);
		return;
	}
	loop_timer_set(&c->limit, now_us + c->check->timeout_us + EXTRA_US);
}

void commands_ask(struct sleeper_idle *i, uint64_t now_us, bool now)
{
	for (size_t k = 0; k < i->commands->n; k++) {
		struct command *c = &i->commands->list[k];
		bool due = c->ran_us == 0 || now_us - c->ran_us >= c->check->every_us;

		/* The first answer and the last before sleep are waited for. */
		if ((now || c->ran_us == 0) && !c->awaited) {
			c->awaited = true;
			idle_pending(i);
		}
		if (c->fd < 0 && (now || due))
			start(c, now_us);
	}
}

void commands_tell(struct sleeper_idle *i, struct evidences *to)
{
	for (size_t k = 0; k < i->commands->n; k++) {
		const struct command *c = &i->commands->list[k];
		struct text t;
		struct evidence *e = evidence_add(to, c->check->name, &t);

		e->is.last_us = c->last_us;
		e->is.said = c->result == CHECK_QUIET ? IDLE_QUIET : IDLE_BUSY;
		text_string(&t, c->text);
		if (c->text[0])
			continue;
		text_string(&t, e->is.said == IDLE_BUSY ? "busy" : "not busy");
	}
}

int commands_new(struct sleeper_idle *i, struct idle_commands **ret)
{
	const struct config *config = i->s->config;
	struct idle_commands *all = calloc(1, sizeof(*all));
	int r = 0;

	if (!all)
		return -ENOMEM;
	for (size_t k = 0; k < config->checks_n && r == 0; k++) {
		struct command *c = &all->list[all->n++];

		c->i = i;
		c->check = &config->checks[k];
		c->fd = -1;
		r = loop_timer_init(&c->limit, i->s->loop, limit_over, c);
	}
	if (r < 0) {
		commands_free(all);
		return r;
	}
	*ret = all;
	return 0;
}

void commands_free(struct idle_commands *all)
{
	for (size_t k = 0; all && k < all->n; k++) {
		struct command *c = &all->list[k];

		loop_watch_done(&c->watch);
		loop_timer_done(&c->limit);
		if (c->fd >= 0)
			close(c->fd);
	}
	free(all);
}
