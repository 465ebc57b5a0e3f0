/*
 * monitor_uplink: the uplink as a process: found, started, watched, started again. Unlike the other roles it may fail as often
 * as it likes: the guard works without it.
 */
#include "guard/monitor_relay.h"

#include "guard/monitor.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAITING_MAX (4U << 20) /* bytes of messages to an uplink that is slow */
#define AGAIN_FIRST 1000000 /* us */
#define AGAIN_MOST 60000000
#define QUICK 10000000 /* an end so soon after the start makes the next start later */

static char *const words[] = { (char[]){ "roused: uplink" }, NULL };

/* `where` beside the running program; 0 when it is there. */
static int open_beside(struct relay_side *s, const char *own, const char *where, const char *name)
{
	char path[2 * CONFIG_PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s%s/%s", own, where, name);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	s->image.image = open(path, O_PATH | O_CLOEXEC);
	return s->image.image < 0 ? -errno : 0;
}

int uplink_find(struct relay_side *s, int null)
{
	char own[CONFIG_PATH_MAX + 1];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash;
	int r;

	s->image = (struct role_image){ .image = -1, .null = null };
	if (n < 0)
		return -errno;
	own[n] = 0;
	slash = strrchr(own, '/');
	if (!slash)
		return -EINVAL;
	*slash = 0;
	/* Installed: sbin and libexec side by side. In a build folder: in the same one. */
	r = open_beside(s, own, "/../libexec/rouse", "uplink");
	if (r < 0)
		r = open_beside(s, own, "", "uplink");
	return r;
}

void uplink_tell(struct relay_side *s, const struct ipc_message *q)
{
	/* It is told everything when it starts. */
	if (!s->channel)
		return;
	if (channel_send(s->channel, q, ipc_length(q), NULL, 0) == -ENOBUFS) {
		log_warning("the uplink does not listen any more: it is started again");
		(void)role_signal(&s->process, SIGKILL);
	}
}

void relay_side_answered(struct monitor *m, const struct ipc_message *q)
{
	if (m->relay.channel)
		(void)channel_send(m->relay.channel, q, ipc_length(q), NULL, 0);
}

static void said(void *context, struct channel_message *c)
{
	struct relay_side *s = context;
	const struct ipc_message *q = c->bytes;

	if (!ipc_check(q, c->length)) {
		log_error("a malformed message from the uplink: it is ended");
		(void)role_signal(&s->process, SIGKILL);
		return;
	}
	relay_side_said(s, q);
}

static void channel_ended(void *context, int why)
{
	(void)context;
	(void)why; /* its end shows at the pidfd */
}

static void forget(struct relay_side *s)
{
	if (s->watching)
		loop_watch_done(&s->ended);
	s->watching = false;
	channel_free(s->channel);
	s->channel = NULL;
}

static void ended(void *context, unsigned int what)
{
	struct relay_side *s = context;
	struct role_end end;
	uint64_t now = clock_monotonic_us();
	uint64_t wait = AGAIN_FIRST;

	(void)what;
	if (role_reap(&s->process, &end) != 1)
		return;
	forget(s);
	if (s->monitor->stopping || !s->wanted.origin[0])
		return;
	/* Refused for good: it has said why, and somebody has to act. */
	if (!end.killed && end.code == EXIT_SUCCESS)
		return;
	s->status.state = UPLINK_OFFLINE;
	s->quick_ends = now - s->started_at < QUICK ? s->quick_ends + 1 : 0;
	for (unsigned int i = 0; i < s->quick_ends && wait < AGAIN_MOST; i++)
		wait *= 2;
	log_warning("the uplink ended unexpectedly (%s %d); it is started again in %u s",
		    end.killed ? "signal" : "status", end.code, (unsigned int)(wait / 1000000));
	loop_timer_set(&s->again, now + wait);
}

int uplink_start(struct relay_side *s)
{
	struct monitor *m = s->monitor;
	int ends[2];
	int e;

	loop_timer_set(&s->again, NEVER);
	if (s->channel)
		return 0;
	if (s->image.image < 0)
		return -ENOENT;
	e = channel_pair(ends);
	if (e < 0)
		return e;
	e = role_spawn(&s->image, words,
		       &(struct role_descriptors){ .monitor = ends[1], .sister = s->pair[1] },
		       &s->process);
	close(ends[1]);
	if (e < 0) {
		log_error("cannot start the uplink: %s", strerror(-e));
		close(ends[0]);
		return e;
	}
	s->started_at = clock_monotonic_us();
	e = loop_watch_init(&s->ended, m->loop, s->process.pidfd, LOOP_READ, ended, s);
	s->watching = e >= 0;
	if (e >= 0)
		e = channel_new(m->loop, ends[0], sizeof(struct ipc_message), WAITING_MAX,
				&(struct channel_handler){ said, channel_ended, s }, &s->channel);
	else
		close(ends[0]);
	if (e < 0)
		return e;
	relay_side_tell_uplink(s);
	return 0;
}

void uplink_stop(struct relay_side *s)
{
	loop_timer_set(&s->again, NEVER);
	forget(s);
	role_kill(&s->process);
	s->quick_ends = 0;
}
