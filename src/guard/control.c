#include "guard/control.h"

#include "guard/control_state.h"
#include "proto/json.h"
#include "proto/keys.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/log.h"
#include "sys/role.h"
#include "sys/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAITING_MAX (1 << 20) /* bytes of requests that wait for a slow sister */
#define ACCEPT_PAUSE_US 100000

/* --- deadlines --- */

static void arm(struct control *c)
{
	const struct heap_node *first = heap_first(&c->deadlines);

	loop_timer_set(&c->timer, first ? first->due : NEVER);
}

static void deadlines_due(void *context)
{
	struct control *c = context;
	uint64_t now = clock_monotonic_us();
	struct heap_node *first;

	while ((first = heap_first(&c->deadlines)) != NULL && first->due <= now) {
		struct control_deadline *d = container_of(first, struct control_deadline, node);

		heap_remove(&c->deadlines, first);
		d->due(d->owner);
	}
	arm(c);
}

void control_deadline_set(struct control *c, struct control_deadline *d, uint64_t at_us)
{
	heap_set(&c->deadlines, &d->node, at_us);
	/* A timer that is early only looks again; setting it for each client would cost more. */
	if (at_us < c->timer.at)
		loop_timer_set(&c->timer, at_us);
}

void control_deadline_clear(struct control *c, struct control_deadline *d)
{
	heap_remove(&c->deadlines, &d->node);
}

void control_stop(struct control *c, int status, const char *why)
{
	if (why)
		log_error("control: %s", why);
	c->exit_status = status;
	loop_stop(c->loop);
}

/* --- listening sockets --- */

static void listener_ready(void *context, unsigned int what)
{
	const struct control_listener *l = context;

	(void)what;
	if (l->said.kind == LISTENER_CONTROL)
		control_clients_accept(l->control, l);
	else
		control_registration_accept(l->control, l);
}

static void listener_resume(void *owner)
{
	struct control_listener *l = owner;

	if (l->fd >= 0 && l->control->going)
		(void)loop_watch_set(&l->watch, LOOP_READ);
}

int control_accept(const struct control_listener *l, struct sockaddr_storage *ret_peer, int *ret_fd)
{
	struct control_listener *own = &l->control->listeners[l - l->control->listeners];
	socklen_t length = sizeof(*ret_peer);
	int fd;

	memset(ret_peer, 0, sizeof(*ret_peer));
	do {
		fd = accept4(l->fd, (struct sockaddr *)ret_peer, &length,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (fd >= 0) {
		*ret_fd = fd;
		return 1;
	}
	if (errno != EAGAIN) {
		/* Out of descriptors or memory: what waits would wake us without end. */
		log_warning("cannot accept a connection: %s", strerror(errno));
		(void)loop_watch_set(&own->watch, 0);
		control_deadline_set(l->control, &own->pause,
				     clock_monotonic_us() + ACCEPT_PAUSE_US);
	}
	return 0;
}

static void listener_close(struct control_listener *l)
{
	if (l->fd < 0)
		return;
	control_deadline_clear(l->control, &l->pause);
	loop_watch_done(&l->watch);
	close(l->fd);
	l->fd = -1;
}

static struct control_listener *free_listener(struct control *c)
{
	for (size_t i = 0; i < CONTROL_LISTENERS; i++) {
		if (c->listeners[i].fd < 0)
			return &c->listeners[i];
	}
	return NULL;
}

static void take_listener(struct control *c, const struct ipc_message *m,
			  struct channel_message *carrier)
{
	struct control_listener *l = free_listener(c);

	if (!l || carrier->fds_n != 1) {
		control_stop(c, EXIT_FAILURE, "the monitor sent a listener that cannot be");
		return;
	}
	l->control = c;
	l->said = m->listener;
	l->pause = (struct control_deadline){ .due = listener_resume, .owner = l };
	l->fd = carrier->fds[0];
	if (loop_watch_init(&l->watch, c->loop, l->fd, c->going ? LOOP_READ : 0, listener_ready,
			    l) < 0) {
		l->fd = -1;
		control_stop(c, EXIT_FAILURE, "out of memory");
		return;
	}
	carrier->fds[0] = -1;
}

/* Nobody is served before all is known that decides about them. */
static void go(struct control *c)
{
	struct ipc_message reset = { .kind = IPC_LEASE_RESET };

	c->going = true;
	/* The engine may know connections of a control before this one. */
	(void)channel_send(c->engine, &reset, ipc_length(&reset), NULL, 0);
	for (size_t i = 0; i < CONTROL_LISTENERS; i++)
		listener_resume(&c->listeners[i]);
}

/* --- the other roles --- */

static void monitor_said(void *context, struct channel_message *carrier)
{
	struct control *c = context;
	const struct ipc_message *m = carrier->bytes;

	if (!ipc_check(m, carrier->length)) {
		control_stop(c, EXIT_FAILURE, "the monitor sent a malformed message");
		return;
	}
	switch (m->kind) {
	case IPC_SETTINGS:
		c->settings = m->settings;
		return;
	case IPC_INTERFACE:
		return; /* who is on which interface is the engine's to judge */
	case IPC_LISTENER:
		take_listener(c, m, carrier);
		return;
	case IPC_DISCOVERY:
		control_discovery_said(c, &m->discovery, carrier);
		return;
	case IPC_GO:
		go(c);
		return;
	case IPC_LOG_ENTRY:
	case IPC_LOG_END:
	case IPC_RESULT:
	case IPC_GRANT_ENTRY:
	case IPC_PAIRING_ENTRY:
	case IPC_UPLINK:
		control_answered(c, m);
		return;
	case IPC_HAPPENED:
		control_clients_happened(c, &m->event);
		return;
	default:
		control_stop(c, EXIT_FAILURE, "the monitor sent what is not its to say");
	}
}

static void engine_said(void *context, struct channel_message *carrier)
{
	struct control *c = context;
	const struct ipc_message *m = carrier->bytes;

	if (!ipc_check(m, carrier->length)) {
		control_stop(c, EXIT_FAILURE, "the engine sent a malformed message");
		return;
	}
	switch (m->kind) {
	case IPC_RESULT:
	case IPC_STATUS_ENTRY:
		control_answered(c, m);
		return;
	case IPC_PAIR_NEWS:
		if (m->request)
			control_answered(c, m);
		else
			control_pair_news(c, &m->pair_news);
		return;
	case IPC_LEASE_SEND:
		control_lease_send(c, m);
		return;
	case IPC_LEASE_RESET:
		control_lease_reset(c);
		control_pair_reset(c);
		return;
	default:
		control_stop(c, EXIT_FAILURE, "the engine sent what is not its to say");
	}
}

/* The monitor supervises: it knows already when a role is gone, and starts both again. */
static void monitor_gone(void *context, int why)
{
	control_stop(context, why ? EXIT_FAILURE : EXIT_SUCCESS,
		     why ? "the monitor's channel failed" : NULL);
}

static void engine_gone(void *context, int why)
{
	control_stop(context, EXIT_FAILURE, why ? "the engine's channel failed" : NULL);
}

/* --- life --- */

static void reap(void *context)
{
	struct control *c = context;

	control_registration_reap(c);
	control_lease_reap(c);
	control_clients_reap(c);
}

static int open_all(struct control *c)
{
	int r = loop_new(&c->loop);

	if (r < 0)
		return r;
	r = loop_timer_init(&c->timer, c->loop, deadlines_due, c);
	if (r == 0)
		r = loop_deferred_init(&c->reaper, c->loop, reap, c);
	if (r == 0)
		r = channel_new(c->loop, ROLE_FD_MONITOR, sizeof(struct ipc_message), WAITING_MAX,
				&(struct channel_handler){ monitor_said, monitor_gone, c },
				&c->monitor);
	if (r == 0)
		r = channel_new(c->loop, ROLE_FD_SISTER,
				sizeof(struct ipc_message) + LEASE_LINE_MAX, WAITING_MAX,
				&(struct channel_handler){ engine_said, engine_gone, c },
				&c->engine);
	return r;
}

static void close_all(struct control *c)
{
	control_discovery_done(c);
	control_registration_done(c);
	control_lease_done(c);
	control_clients_done(c);
	for (size_t i = 0; i < CONTROL_LISTENERS; i++)
		listener_close(&c->listeners[i]);
	channel_free(c->engine);
	channel_free(c->monitor);
	loop_deferred_done(&c->reaper);
	loop_timer_done(&c->timer);
	loop_free(c->loop);
}

static int confine(void)
{
	struct sandbox_report report = { 0 };
	int r = sandbox_strip(SANDBOX_CONTROL, &report);

	if (r == 0)
		r = sandbox_close(SANDBOX_CONTROL, NULL, 0, &report);
	return r;
}

static void seed(void)
{
	uint64_t random;

	entropy_bytes(&random, sizeof(random));
	json_seed(random);
}

int control_main(void)
{
	struct control *c = calloc(1, sizeof(*c));
	int status = EXIT_FAILURE;
	int r = c ? role_enter() : -ENOMEM;

	log_open("roused");
	/* A terminal's Ctrl-C is for the monitor, which ends its roles in order. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	seed();
	if (r == 0)
		r = keys_init();
	if (r == 0) {
		control_requests_init(c);
		list_init(&c->registrations);
		list_init(&c->clients);
		list_init(&c->discoveries);
		list_init(&c->sleepers);
		c->connections = entropy_u32();
		for (size_t i = 0; i < CONTROL_LISTENERS; i++)
			c->listeners[i].fd = -1;
		r = open_all(c);
		if (r == 0)
			r = confine();
		if (r == 0)
			r = loop_run(c->loop);
		status = r < 0 ? EXIT_FAILURE : c->exit_status;
		close_all(c);
	}
	if (r < 0)
		log_error("control: %s", strerror(-r));
	free(c);
	return status;
}
