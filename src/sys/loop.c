#include "sys/loop.h"

#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

/*
 * base/event.h and libevent each have a struct event. In this file it is libevent's, and only ever
 * a pointer; the other one is seen through clock.h and not used.
 */

struct loop {
	struct event_base *base;
	struct event *nap; /* ends loop_run_once() */
};

static void nap_over(evutil_socket_t fd, short what, void *context)
{
	(void)fd, (void)what, (void)context;
}

/* What libevent says it also returns, except what it ends the process for. */
static void libevent_says(int severity, const char *message)
{
	if (severity == EVENT_LOG_ERR)
		log_error("libevent: %s", message);
	else
		log_debug("libevent: %s", message);
}

int loop_new(struct loop **ret_loop)
{
	struct loop *l = calloc(1, sizeof(*l));
	struct event_config *config = event_config_new();

	if (!l || !config)
		goto failed;
	event_set_log_callback(libevent_says);
	/* No locks: no threads. Precise: with the coarse clock timers would be 4 ms off. */
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
	event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
	l->base = event_base_new_with_config(config);
	if (!l->base)
		goto failed;
	l->nap = event_new(l->base, -1, 0, nap_over, NULL);
	if (!l->nap)
		goto failed;
	event_config_free(config);
	*ret_loop = l;
	return 0;
failed:
	if (config)
		event_config_free(config);
	loop_free(l);
	return -ENOMEM;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->nap)
		event_free(l->nap);
	if (l->base)
		event_base_free(l->base);
	free(l);
}

struct event_base *loop_base(const struct loop *l)
{
	return l->base;
}

int loop_run(struct loop *l)
{
	errno = 0;
	if (event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0)
		return errno ? -errno : -EIO;
	return 0;
}

static struct timeval timeval_of(uint64_t us)
{
	return (struct timeval){ .tv_sec = (time_t)(us / 1000000),
				 .tv_usec = (suseconds_t)(us % 1000000) };
}

int loop_run_once(struct loop *l, uint64_t wait_us)
{
	struct timeval wait = timeval_of(wait_us);
	int r;

	errno = 0;
	if (wait_us)
		event_add(l->nap, &wait);
	r = event_base_loop(l->base,
			    EVLOOP_NO_EXIT_ON_EMPTY | (wait_us ? EVLOOP_ONCE : EVLOOP_NONBLOCK));
	event_del(l->nap);
	if (r < 0)
		return errno ? -errno : -EIO;
	return 0;
}

void loop_stop(struct loop *l)
{
	/* The first needs memory; the second stops a little earlier. */
	if (event_base_loopexit(l->base, NULL) < 0)
		event_base_loopbreak(l->base);
}

/* --- descriptors --- */

static void watch_ready(evutil_socket_t fd, short what, void *context)
{
	struct loop_watch *w = context;

	(void)fd;
	w->ready(w->context,
		 (what & EV_READ ? LOOP_READ : 0u) | (what & EV_WRITE ? LOOP_WRITE : 0u));
}

static short watch_flags(unsigned int wants)
{
	return (short)(EV_PERSIST | (wants & LOOP_READ ? EV_READ : 0) |
		       (wants & LOOP_WRITE ? EV_WRITE : 0));
}

int loop_watch_init(struct loop_watch *w, struct loop *l, int fd, unsigned int wants,
		    void (*ready)(void *context, unsigned int what), void *context)
{
	int r;

	*w = (struct loop_watch){ .ready = ready, .context = context, .fd = fd };
	w->event = event_new(l->base, fd, watch_flags(0), watch_ready, w);
	if (!w->event)
		return -ENOMEM;
	r = loop_watch_set(w, wants);
	if (r < 0)
		loop_watch_done(w);
	return r;
}

int loop_watch_set(struct loop_watch *w, unsigned int wants)
{
	struct event_base *base = event_get_base(w->event);

	if (w->wants == wants)
		return 0;
	event_del(w->event);
	w->wants = 0;
	event_assign(w->event, base, w->fd, watch_flags(wants), watch_ready, w);
	if (!wants)
		return 0;
	errno = 0;
	if (event_add(w->event, NULL) < 0)
		return errno ? -errno : -EIO;
	w->wants = wants;
	return 0;
}

void loop_watch_done(struct loop_watch *w)
{
	if (w->event)
		event_free(w->event);
	w->event = NULL;
	w->wants = 0;
}

/* --- time --- */

/* Beyond this a timer looks again; libevent's own arithmetic stays far from its limits. */
#define TIMER_FAR_US (24 * 3600 * UINT64_C(1000000))

static void timer_arm(struct loop_timer *t)
{
	uint64_t now = clock_monotonic_us();
	uint64_t wait = t->at > now ? t->at - now : 0;
	struct timeval tv = timeval_of(wait < TIMER_FAR_US ? wait : TIMER_FAR_US);

	/* libevent counts from the time it last looked at the clock, before this round's callbacks.
	 */
	event_base_update_cache_time(event_get_base(t->event));
	event_add(t->event, &tv);
}

static void timer_fired(evutil_socket_t fd, short what, void *context)
{
	struct loop_timer *t = context;

	(void)fd, (void)what;
	if (t->at > clock_monotonic_us()) {
		timer_arm(t);
		return;
	}
	t->at = UINT64_MAX;
	t->due(t->context);
}

int loop_timer_init(struct loop_timer *t, struct loop *l, void (*due)(void *context), void *context)
{
	*t = (struct loop_timer){ .due = due, .context = context, .at = UINT64_MAX };
	t->event = event_new(l->base, -1, 0, timer_fired, t);
	return t->event ? 0 : -ENOMEM;
}

void loop_timer_set(struct loop_timer *t, uint64_t at_us)
{
	if (t->at == at_us && at_us == UINT64_MAX)
		return;
	t->at = at_us;
	if (at_us == UINT64_MAX)
		event_del(t->event);
	else
		timer_arm(t);
}

void loop_timer_done(struct loop_timer *t)
{
	if (t->event)
		event_free(t->event);
	t->event = NULL;
}

/* --- later --- */

static void deferred_run(evutil_socket_t fd, short what, void *context)
{
	struct loop_deferred *d = context;

	(void)fd, (void)what;
	d->run(d->context);
}

int loop_deferred_init(struct loop_deferred *d, struct loop *l, void (*run)(void *context),
		       void *context)
{
	*d = (struct loop_deferred){ .run = run, .context = context };
	d->event = event_new(l->base, -1, 0, deferred_run, d);
	return d->event ? 0 : -ENOMEM;
}

void loop_defer(struct loop_deferred *d)
{
	event_active(d->event, EV_TIMEOUT, 0);
}

void loop_deferred_done(struct loop_deferred *d)
{
	if (d->event)
		event_free(d->event);
	d->event = NULL;
}

/* --- signals --- */

static void signals_mask(const struct loop_signals *s, sigset_t *ret_set)
{
	sigemptyset(ret_set);
	for (int n = 1; n <= 64; n++) {
		if (s->mask & UINT64_C(1) << (n - 1))
			sigaddset(ret_set, n);
	}
}

static void signals_ready(void *context, unsigned int what)
{
	struct loop_signals *s = context;
	struct signalfd_siginfo info;

	(void)what;
	/* One a round: the callback may finish us, and what is left keeps the descriptor readable.
	 */
	if (read(s->watch.fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		s->caught(s->context, (int)info.ssi_signo);
}

int loop_signals_init(struct loop_signals *s, struct loop *l, const int *signals,
		      void (*caught)(void *context, int signal), void *context)
{
	sigset_t set;
	int fd, r;

	*s = (struct loop_signals){ .caught = caught, .context = context, .watch = { .fd = -1 } };
	for (; *signals; signals++)
		s->mask |= UINT64_C(1) << (*signals - 1);
	signals_mask(s, &set);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0) {
		r = -errno;
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		return r;
	}
	r = loop_watch_init(&s->watch, l, fd, LOOP_READ, signals_ready, s);
	if (r < 0)
		loop_signals_done(s);
	return r;
}

void loop_signals_done(struct loop_signals *s)
{
	sigset_t set;

	loop_watch_done(&s->watch);
	if (s->mask) {
		close(s->watch.fd);
		signals_mask(s, &set);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
	}
	s->mask = 0;
}
