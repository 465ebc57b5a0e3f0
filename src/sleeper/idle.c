#include "sleeper/idle.h"

#include "sleeper/control.h"
#include "sleeper/guard.h"
#include "sleeper/idle_parts.h"
#include "sleeper/rtc.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOON_US (5 * UINT64_C(1000000)) /* never more often than that */
#define LEAVING_US (60 * UINT64_C(1000000)) /* logind sleeps within that, or not at all */
#define TIMER_EARLY 30 /* seconds: the machine is up when its timer elapses */

static struct idle_settings settings_of(const struct sleeper_idle *i)
{
	const struct config *c = i->s->config;

	return (struct idle_settings){
		.after_us = c->idle_after == CONFIG_OFF ? 0 : c->idle_after,
		.grace_us = c->idle_grace,
	};
}

/* --- what was found --- */

/* Asleep without a guard nobody reaches it. */
static void tell_lease(struct sleeper_idle *i, struct evidences *to)
{
	const struct sleeper *s = i->s;
	const char *error = guard_error(s->guard);
	struct evidence *e;
	struct text t;

	if (!s->config->idle_lease)
		return;
	e = evidence_add(to, "lease", &t);
	if (guard_lease_state(s->guard) == GUARD_HELD) {
		text_string(&t, "the guard stands in");
	} else if (!s->state.paired && s->config->guard[0]) {
		text_string(&t, "no pairing, but a guard that is told");
	} else {
		e->is.said = IDLE_POSTPONES;
		text_string(&t, "no guard stands in, so nobody could wake it: ");
		text_string(&t, !s->state.paired ? "not paired (rouse setup)"
				: error		 ? error
						 : "no connection to the guard");
	}
}

static void tell_all(struct sleeper_idle *i, uint64_t now_us, const struct idle_asker *asker,
		     struct evidences *to)
{
	struct addr host;
	bool from = logins_host_of(i, asker, &host);

	to->n = 0;
	tell_lease(i, to);
	traffic_tell(i, now_us, from ? &host : NULL, to);
	logins_tell(i, now_us, asker, to);
	here_look(i, now_us, to);
	units_tell(i, now_us, to);
	commands_tell(i, to);
}

static enum idle_verdict decide(struct sleeper_idle *i, uint64_t now_us, uint64_t *ret_at_us)
{
	struct idle_settings s = settings_of(i);
	struct idle_evidence evidence[EVIDENCE_MAX];

	for (size_t k = 0; k < i->all.n; k++)
		evidence[k] = i->all.list[k].is;
	return idle_decide(&i->times, &s, evidence, i->all.n, now_us, ret_at_us);
}

static struct idle_report report_of(struct sleeper_idle *i, uint64_t now_us)
{
	struct idle_settings s = settings_of(i);
	struct idle_report r = { .now_us = now_us, .all = &i->all };
	uint64_t grace = i->times.woke_us + s.grace_us;

	r.verdict = decide(i, now_us, &r.at_us);
	r.since_us = i->times.since_us;
	r.grace_us = grace > now_us ? grace - now_us : 0;
	r.timer = i->units.next.unit;
	r.timer_wall_ms = i->units.next.at_wall_us / 1000;
	return r;
}

/* --- to sleep --- */

/* The clock wakes the machine for the next timer that wants that. */
static void set_alarm(struct sleeper_idle *i)
{
	uint64_t now = clock_wall_ms() / 1000;
	uint64_t at = i->units.next.at_wall_us / 1000000;
	uint64_t in = at > now + TIMER_EARLY ? at - now - TIMER_EARLY : 1;
	bool ours = false;
	int r;

	if (!i->s->config->idle_timers || !i->units.next.unit[0])
		return;
	r = rtc_alarm_set(in, &ours);
	i->alarm = i->alarm || ours;
	if (r < 0)
		log_warning("no alarm for %s: %s", i->units.next.unit, strerror(-r));
	else
		log_info("an alarm wakes this machine for %s", i->units.next.unit);
}

static void suspended(void *context, int result, const char *text)
{
	struct sleeper_idle *i = context;

	if (result == 0)
		return;
	i->left_us = 0;
	idle_failed(&i->times, clock_monotonic_us());
	log_warning("this machine does not sleep: %s; next attempt in 5 min at the earliest", text);
}

static void go(struct sleeper_idle *i, uint64_t now_us)
{
	char who[64];
	struct text t = text_over(who, sizeof(who));

	text_string(&t, "idle for ");
	evidence_put_duration(&t, now_us - i->times.since_us);
	set_alarm(i);
	i->left_us = now_us;
	/* Should it not sleep although logind took it, it is not tried at every look. */
	idle_failed(&i->times, now_us);
	sleeper_suspend(i->s, who, suspended, i);
}

/* --- looking --- */

void idle_pending(struct sleeper_idle *i)
{
	i->pending++;
}

void idle_answered(struct sleeper_idle *i)
{
	if (i->pending > 0 && --i->pending == 0 && i->looking)
		loop_defer(&i->finish);
}

static void look(struct sleeper_idle *i)
{
	if (i->looking)
		return;
	i->looking = true;
	i->asked_bus = false;
	loop_timer_set(&i->timer, UINT64_MAX);
	/* One of our own, so that answers which come at once do not finish it too early. */
	idle_pending(i);
	commands_ask(i, clock_monotonic_us(), i->confirming);
	idle_answered(i);
}

/* Behind the user's own checks, which take up to a minute: what logind said before them would be old. */
static void ask_bus(struct sleeper_idle *i)
{
	i->asked_bus = true;
	idle_pending(i);
	logins_ask(i);
	units_ask(i);
	idle_answered(i);
}

static void tell_waiters(struct sleeper_idle *i, const struct idle_report *r)
{
	struct idle_waiter waiters[IDLE_WAITERS_MAX];
	size_t n = i->waiters_n;

	memcpy(waiters, i->waiters, n * sizeof(waiters[0]));
	i->waiters_n = 0;
	for (size_t k = 0; k < n; k++)
		waiters[k].looked(waiters[k].context, r);
}

/* When to look again: at the next moment that may matter, and at least every interval. */
static void set_timer(struct sleeper_idle *i, const struct idle_report *r)
{
	uint64_t next = r->now_us + i->s->config->idle_interval;

	if (r->verdict == IDLE_OFF) {
		loop_timer_set(&i->timer, UINT64_MAX);
		return;
	}
	if (r->at_us < next)
		next = r->at_us > r->now_us + SOON_US ? r->at_us : r->now_us + SOON_US;
	loop_timer_set(&i->timer, next);
}

/* True: one more look comes first, with every command asked anew. */
static bool must_confirm(struct sleeper_idle *i, const struct idle_report *r)
{
	bool confirmed = i->confirming;

	i->confirming = r->verdict == IDLE_SLEEP && !confirmed && i->s->config->checks_n > 0;
	return i->confirming;
}

static void finish(void *context)
{
	struct sleeper_idle *i = context;
	uint64_t now = clock_monotonic_us();
	struct idle_report r;

	/* More was asked since. */
	if (i->pending > 0)
		return;
	if (!i->asked_bus) {
		ask_bus(i);
		return;
	}
	i->looking = false;
	traffic_look(i, now);
	tell_all(i, now, NULL, &i->all);
	r = report_of(i, now);
	set_timer(i, &r);
	tell_waiters(i, &r);
	if (r.verdict != IDLE_SLEEP || i->s->phase != SLEEPER_UP ||
	    (i->left_us && now - i->left_us < LEAVING_US)) {
		i->confirming = false;
		return;
	}
	if (must_confirm(i, &r))
		look(i);
	else
		go(i, now);
}

static void timer_due(void *context)
{
	look(context);
}

int idle_look(struct sleeper *s, idle_looked *looked, void *context)
{
	struct sleeper_idle *i = s->idle;

	if (i->waiters_n == IDLE_WAITERS_MAX)
		return -EBUSY;
	i->waiters[i->waiters_n++] = (struct idle_waiter){ looked, context };
	look(i);
	return 0;
}

/* --- sleep that was asked for --- */

struct asked {
	struct list in;
	struct sleeper_idle *i;
	struct idle_asker who;
	sleeper_done *done; /* NULL: nobody waits any more */
	void *context;
};

static void asked_end(struct asked *a, int result, const char *text)
{
	sleeper_done *done = a->done;
	void *context = a->context;

	list_remove(&a->in);
	free(a);
	if (done)
		done(context, result, text);
}

static void asked_suspended(void *context, int result, const char *text)
{
	struct asked *a = context;

	if (result < 0)
		a->i->left_us = 0;
	asked_end(a, result, text);
}

/* What speaks against it; NULL: nothing. */
static const struct evidence *against(const struct evidences *all, bool force)
{
	for (size_t k = 0; k < all->n; k++) {
		const struct evidence *e = &all->list[k];

		if (e->is.said == IDLE_BUSY && (e->firm || !force))
			return e;
	}
	return NULL;
}

static void asked_looked(void *context, const struct idle_report *r)
{
	static struct evidences all;
	struct asked *a = context;
	const struct evidence *e;
	char text[EVIDENCE_TEXT + SPEC_NAME_MAX + 64];

	/* Nobody is there to be told: nobody wants it any more. */
	if (!a->done) {
		asked_end(a, -ECANCELED, "");
		return;
	}
	tell_all(a->i, r->now_us, &a->who, &all);
	e = against(&all, a->who.force);
	if (e) {
		(void)snprintf(text, sizeof(text), "%s: %s: %s%s", e->firm ? "blocked" : "busy",
			       e->check, e->text,
			       e->firm || a->who.away ? "" : "; --force overrides");
		asked_end(a, -EBUSY, text);
		return;
	}
	set_alarm(a->i);
	a->i->left_us = r->now_us;
	sleeper_suspend(a->i->s, a->who.who, asked_suspended, a);
}

/* The next look asks every check of the user's own; so does one that is under way, and the bus again behind them. */
static void confirm(struct sleeper_idle *i)
{
	if (i->looking && !i->confirming) {
		i->asked_bus = false;
		commands_ask(i, clock_monotonic_us(), true);
	}
	i->confirming = true;
}

void idle_sleep(struct sleeper *s, const struct idle_asker *who, sleeper_done *done, void *context)
{
	struct sleeper_idle *i = s->idle;
	struct asked *a = s->phase == SLEEPER_UP ? calloc(1, sizeof(*a)) : NULL;
	int r;

	if (!a) {
		done(context, s->phase == SLEEPER_UP ? -ENOMEM : -EALREADY,
		     s->phase == SLEEPER_UP ? "out of memory" : "it is about to sleep already");
		return;
	}
	*a = (struct asked){ .i = i, .who = *who, .done = done, .context = context };
	list_append(&i->asked, &a->in);
	if (!who->force)
		confirm(i);
	r = idle_look(s, asked_looked, a);
	if (r < 0)
		asked_end(a, r, "too many ask at once");
}

void idle_forget(struct sleeper *s, const void *context)
{
	struct sleeper_idle *i = s->idle;
	size_t kept = 0;

	for (size_t k = 0; k < i->waiters_n; k++) {
		if (i->waiters[k].context != context)
			i->waiters[kept++] = i->waiters[k];
	}
	i->waiters_n = kept;
	list_each(it, &i->asked)
	{
		struct asked *a = container_of(it, struct asked, in);

		if (a->context == context)
			a->done = NULL;
	}
}

/* --- life --- */

void idle_woken(struct sleeper *s)
{
	struct sleeper_idle *i = s->idle;
	struct idle_settings settings = settings_of(i);

	i->left_us = 0;
	i->confirming = false;
	if (i->alarm)
		rtc_alarm_clear();
	i->alarm = false;
	idle_woke(&i->times, clock_monotonic_us());
	if (settings.after_us)
		loop_timer_set(&i->timer, clock_monotonic_us() + s->config->idle_interval);
	control_woken(s);
}

int idle_new(struct sleeper *s)
{
	struct sleeper_idle *i = calloc(1, sizeof(*i));
	int r;

	if (!i)
		return -ENOMEM;
	s->idle = i;
	i->s = s;
	list_init(&i->asked);
	r = loop_timer_init(&i->timer, s->loop, timer_due, i);
	if (r == 0)
		r = loop_deferred_init(&i->finish, s->loop, finish, i);
	if (r == 0)
		r = commands_new(i, &i->commands);
	if (r == 0)
		r = idle_bus_new(i);
	if (r < 0) {
		idle_free(s);
		return r;
	}
	idle_woken(s);
	return 0;
}

void idle_free(struct sleeper *s)
{
	struct sleeper_idle *i = s->idle;

	if (!i)
		return;
	list_each_safe(it, &i->asked)
	{
		struct asked *a = container_of(it, struct asked, in);

		list_remove(&a->in);
		free(a);
	}
	idle_bus_free(i);
	commands_free(i->commands);
	loop_deferred_done(&i->finish);
	loop_timer_done(&i->timer);
	free(i);
	s->idle = NULL;
}
