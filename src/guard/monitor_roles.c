/*
 * monitor_roles: starts engine and control, tells them what they must know, and starts again the one that dies. The pair
 * between the two stays in the monitor's hands, so that the death of one is no event for the other.
 */
#include "guard/monitor.h"

#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAITING_MAX \
	(16U << 20) /* bytes of messages to a role that is slow: all machines at once must fit */
#define STOP_WAIT 300000 /* us for a role to take its last messages */

static const struct role_words {
	const char *name;
	char *const argv[2];
} words[ROLE_KINDS] = {
	[ROLE_ENGINE] = { "engine", { (char[]){ "roused: engine" }, NULL } },
	[ROLE_CONTROL] = { "control", { (char[]){ "roused: control" }, NULL } },
};

static void give_up(struct monitor *m, const char *why)
{
	log_error("%s", why);
	m->result = EXIT_FAILURE;
	loop_stop(m->loop);
}

void role_tell_with_all(struct monitor *m, enum role_kind kind, const struct ipc_message *q,
			const int *fds, size_t n)
{
	struct role *r = &m->roles[kind];
	int e;

	/* It is told everything when it starts. */
	if (!r->channel)
		return;
	e = channel_send(r->channel, q, ipc_length(q), fds, n);
	if (e == -ENOBUFS) {
		log_error("the %s does not listen any more", words[kind].name);
		(void)role_signal(&r->process, SIGKILL);
	}
}

void role_tell_with(struct monitor *m, enum role_kind kind, const struct ipc_message *q, int fd)
{
	role_tell_with_all(m, kind, q, &fd, fd >= 0 ? 1 : 0);
}

void role_tell(struct monitor *m, enum role_kind kind, const struct ipc_message *q)
{
	role_tell_with(m, kind, q, -1);
}

static void tell_settings(struct monitor *m, enum role_kind kind)
{
	struct ipc_message q = { .kind = IPC_SETTINGS };

	config_settings(&m->config, &q.settings);
	if (kind != ROLE_CONTROL)
		memset(q.settings.token, 0, sizeof(q.settings.token));
	role_tell(m, kind, &q);
}

void roles_tell_settings(struct monitor *m)
{
	tell_settings(m, ROLE_ENGINE);
	tell_settings(m, ROLE_CONTROL);
}

/* What a new process must know; its interfaces come with their sockets. */
static void tell_everything(struct monitor *m, enum role_kind kind)
{
	struct ipc_message q = { .kind = IPC_INTERFACE };

	tell_settings(m, kind);
	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++) {
		const struct lan_interface *i = &m->lan.slots[slot];

		if (!i->said.present)
			continue;
		q.interface = i->said;
		role_tell_with(m, kind, &q, kind == ROLE_ENGINE ? i->receive_fd : -1);
	}
	if (kind == ROLE_ENGINE) {
		lan_release_all(&m->lan);
		local_restart(&m->local);
		machines_tell_all(m);
		pairings_tell_all(m);
		relay_side_tell_engine(m);
	} else {
		listeners_tell_all(&m->listeners);
		discovery_tell_all(m);
	}
	q = (struct ipc_message){ .kind = IPC_GO };
	role_tell(m, kind, &q);
}

static void said(void *context, struct channel_message *c)
{
	struct role *r = context;
	const struct ipc_message *q = c->bytes;

	if (!ipc_check(q, c->length)) {
		log_error("a malformed message from the %s: it is ended", words[r->kind].name);
		(void)role_signal(&r->process, SIGKILL);
		return;
	}
	if (r->kind == ROLE_ENGINE)
		monitor_engine_said(r->monitor, q);
	else
		monitor_control_said(r->monitor, q);
}

/* Its end shows at the pidfd, with the reason. One that lives on without its channel would be deaf for ever. */
static void channel_ended(void *context, int why)
{
	struct role *r = context;

	(void)why;
	(void)role_signal(&r->process, SIGKILL);
}

static void forget_process(struct role *r)
{
	if (r->watching)
		loop_watch_done(&r->ended);
	r->watching = false;
	channel_free(r->channel);
	r->channel = NULL;
}

/* Too many deaths in too short a time, and not a minute's life since. */
static bool keeps_dying(struct role *r, uint64_t now)
{
	uint64_t oldest = r->deaths[r->deaths_n % DEATHS_MAX];
	uint64_t lived = now - r->started;

	r->served = r->served || lived >= SERVED_AFTER;
	if (lived >= DEATHS_WINDOW)
		r->pause = 0;
	r->deaths[r->deaths_n++ % DEATHS_MAX] = now;
	return r->pause > 0 || (r->deaths_n > DEATHS_MAX && now - oldest < DEATHS_WINDOW);
}

static int start(struct role *r);

static void start_again(void *context)
{
	struct role *r = context;

	loop_timer_set(&r->again, NEVER);
	if (start(r) < 0)
		give_up(r->monitor, "it could not be started again");
}

/* `why` it ended this time. Whoever can make it die must not be able to switch the guard off for good. */
static void pause_or_give_up(struct role *r, const char *why)
{
	char text[256];

	if (!r->served) {
		log_error("%s", why);
		snprintf(text, sizeof(text),
			 "the %s died %d times and never served anybody: giving up; please report "
			 "this with the log above",
			 words[r->kind].name, DEATHS_MAX + 1);
		give_up(r->monitor, text);
		return;
	}
	r->pause = r->pause == 0 ? PAUSE_FIRST : r->pause * 2;
	if (r->pause > PAUSE_MOST)
		r->pause = PAUSE_MOST;
	log_error("%s, again and again: it is started again in %u s; please report this with the "
		  "log above",
		  why, (unsigned int)(r->pause / 1000000));
	loop_timer_set(&r->again, clock_monotonic_us() + r->pause);
}

void role_end(struct monitor *m, enum role_kind kind)
{
	log_error("the %s is ended for what it said", words[kind].name);
	(void)role_signal(&m->roles[kind].process, SIGKILL);
}

static void ended(void *context, unsigned int what)
{
	struct role *r = context;
	struct role_end end;
	char why[160];

	(void)what;
	if (role_reap(&r->process, &end) != 1)
		return;
	forget_process(r);
	if (r->monitor->stopping)
		return;
	snprintf(why, sizeof(why), "the %s ended unexpectedly (%s %d)", words[r->kind].name,
		 end.killed ? "signal" : "status", end.code);
	if (keeps_dying(r, clock_monotonic_us())) {
		pause_or_give_up(r, why);
		return;
	}
	log_warning("%s; it is started again", why);
	start_again(r);
}

static int start(struct role *r)
{
	struct monitor *m = r->monitor;
	struct role_descriptor more[LAN_INTERFACES + 1];
	struct role_descriptors given = { .sister = m->sisters[r->kind], .more = more };
	int ends[2];
	int e = channel_pair(ends);

	if (e < 0)
		return e;
	for (uint8_t slot = 0; r->kind == ROLE_ENGINE && slot < LAN_INTERFACES; slot++)
		more[given.more_n++] = (struct role_descriptor){ m->lan.slots[slot].voice_fd,
								 ROLE_FD_VOICES + slot };
	if (r->kind == ROLE_ENGINE)
		more[given.more_n++] = (struct role_descriptor){ m->relay.pair[0], ROLE_FD_UPLINK };
	given.monitor = ends[1];
	e = role_spawn(&m->image, words[r->kind].argv, &given, &r->process);
	close(ends[1]);
	if (e < 0) {
		log_error("cannot start the %s: %s", words[r->kind].name, strerror(-e));
		close(ends[0]);
		return e;
	}
	r->started = clock_monotonic_us();
	e = loop_watch_init(&r->ended, m->loop, r->process.pidfd, LOOP_READ, ended, r);
	r->watching = e >= 0;
	if (e >= 0)
		e = channel_new(m->loop, ends[0], IPC_BYTES_MAX, WAITING_MAX,
				&(struct channel_handler){ said, channel_ended, r }, &r->channel);
	else
		close(ends[0]);
	if (e < 0)
		return e;
	tell_everything(m, r->kind);
	return 0;
}

int roles_init(struct monitor *m)
{
	int e = 0;

	for (int k = 0; k < ROLE_KINDS; k++) {
		struct role *r = &m->roles[k];

		r->monitor = m;
		r->kind = (enum role_kind)k;
		r->process.pidfd = -1;
		m->sisters[k] = -1;
		if (e >= 0)
			e = loop_timer_init(&r->again, m->loop, start_again, r);
	}
	return e < 0 ? e : channel_pair(m->sisters);
}

int roles_start(struct monitor *m)
{
	int e = start(&m->roles[ROLE_ENGINE]);

	return e < 0 ? e : start(&m->roles[ROLE_CONTROL]);
}

void roles_stop(struct monitor *m)
{
	m->stopping = true;
	for (int k = 0; k < ROLE_KINDS; k++) {
		if (m->roles[k].channel)
			(void)channel_drain(m->roles[k].channel, STOP_WAIT);
		loop_timer_done(&m->roles[k].again);
		forget_process(&m->roles[k]);
		role_kill(&m->roles[k].process);
		if (m->sisters[k] >= 0)
			close(m->sisters[k]);
	}
}
