#include "sleeper/bus.h"

#include "base/heap.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_LEAST_US 1000000
#define AGAIN_MOST_US 60000000
#define ROUND 64 /* messages taken before others have their turn */

struct bus {
	struct loop *loop;
	sd_bus *connection;
	struct loop_watch watch;
	struct loop_timer timeout; /* of the library's */
	struct loop_timer again; /* the next attempt to connect */
	struct loop_deferred touched;
	uint64_t wait_us;
	bool said; /* that there is none */
	size_t users_n;
	struct bus_user users[BUS_USERS_MAX];
};

static void disconnect(struct bus *b)
{
	if (!b->connection)
		return;
	loop_watch_done(&b->watch);
	loop_timer_set(&b->timeout, NEVER);
	for (size_t i = 0; i < b->users_n; i++)
		b->users[i].down(b->users[i].context);
	sd_bus_close(b->connection);
	b->connection = sd_bus_unref(b->connection);
}

static void broken(struct bus *b, int error)
{
	disconnect(b);
	if (!b->said)
		log_warning(
			"no system bus: %s; this machine's sleep is only noticed by its silence "
			"until it is there",
			strerror(-error));
	b->said = true;
	loop_timer_set(&b->again, clock_monotonic_us() + b->wait_us);
	b->wait_us = b->wait_us * 2 < AGAIN_MOST_US ? b->wait_us * 2 : AGAIN_MOST_US;
}

/* What the library waits for now. */
static void settle(struct bus *b)
{
	uint64_t at = NEVER;
	int events = sd_bus_get_events(b->connection);

	if (events < 0 || sd_bus_get_timeout(b->connection, &at) < 0) {
		broken(b, events < 0 ? events : -EIO);
		return;
	}
	(void)loop_watch_set(&b->watch, (events & POLLIN ? LOOP_READ : 0u) |
						(events & POLLOUT ? LOOP_WRITE : 0u));
	/* 0: something waits to be processed. */
	loop_timer_set(&b->timeout, at);
}

static void process(struct bus *b)
{
	int r = 1;

	for (int i = 0; r > 0 && i < ROUND && b->connection; i++)
		r = sd_bus_process(b->connection, NULL);
	if (!b->connection)
		return;
	if (r < 0)
		broken(b, r);
	else
		settle(b);
}

static void ready(void *context, unsigned int what)
{
	(void)what;
	process(context);
}

static void timeout_due(void *context)
{
	process(context);
}

static void touched(void *context)
{
	struct bus *b = context;

	if (b->connection)
		process(b);
}

/* The library says hello by itself; the first answer of the bus shows that it is one. */
static int connected(sd_bus_message *m, void *context, sd_bus_error *error)
{
	struct bus *b = context;

	(void)m, (void)error;
	b->wait_us = AGAIN_LEAST_US;
	if (b->said)
		log_notice("the system bus is there again");
	b->said = false;
	for (size_t i = 0; i < b->users_n; i++)
		b->users[i].up(b->users[i].context, b->connection);
	return 0;
}

static void connect_now(void *context)
{
	struct bus *b = context;
	int r = sd_bus_open_system(&b->connection);

	if (r < 0) {
		b->connection = NULL;
		broken(b, r);
		return;
	}
	r = loop_watch_init(&b->watch, b->loop, sd_bus_get_fd(b->connection), 0, ready, b);
	if (r == 0)
		r = sd_bus_call_method_async(b->connection, NULL, "org.freedesktop.DBus",
					     "/org/freedesktop/DBus", "org.freedesktop.DBus",
					     "GetId", connected, b, NULL);
	if (r < 0)
		broken(b, r);
	else
		process(b);
}

int bus_new(struct loop *l, struct bus **ret_bus)
{
	struct bus *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->loop = l;
	b->wait_us = AGAIN_LEAST_US;
	r = loop_timer_init(&b->timeout, l, timeout_due, b);
	if (r == 0)
		r = loop_timer_init(&b->again, l, connect_now, b);
	if (r == 0)
		r = loop_deferred_init(&b->touched, l, touched, b);
	if (r < 0) {
		bus_free(b);
		return r;
	}
	loop_timer_set(&b->again, 0);
	*ret_bus = b;
	return 0;
}

void bus_free(struct bus *b)
{
	if (!b)
		return;
	disconnect(b);
	loop_timer_done(&b->timeout);
	loop_timer_done(&b->again);
	loop_deferred_done(&b->touched);
	free(b);
}

void bus_use(struct bus *b, const struct bus_user *u)
{
	if (b->users_n == BUS_USERS_MAX)
		abort();
	b->users[b->users_n++] = *u;
	if (b->connection && !b->said)
		u->up(u->context, b->connection);
}

sd_bus *bus_now(const struct bus *b)
{
	return b->said ? NULL : b->connection;
}

void bus_touch(struct bus *b)
{
	loop_defer(&b->touched);
}
