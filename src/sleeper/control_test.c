/*
 * control_test: the safe test of `rouse setup`: an alarm of the clock as safety net, the guard asked for a wake, sleep, and the
 * guard's measurement afterwards. What woke the machine is told apart by the alarm: still pending, or gone off.
 */
#include "sleeper/control_parts.h"

#include "base/heap.h"
#include "sleeper/guard.h"
#include "sleeper/idle.h"
#include "sleeper/rtc.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECOND UINT64_C(1000000)
#define FALL_ASLEEP_US (60 * SECOND) /* of time awake */
#define REPORT_US (60 * SECOND) /* after the wake: the lease is back, the guard has measured */
#define ALARM_REPORT_US (30 * SECOND) /* likewise, where the alarm woke it */
#define TEXT 320

static uint64_t boottime_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec / 1000;
}

static void step(struct test *t, const char *name, const char *text)
{
	char bytes[1024];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	log_info("test: %s", text);
	if (!t->client)
		return;
	json_write_open(&w, '{');
	json_write_key(&w, "step");
	json_write_open(&w, '{');
	json_write_key(&w, "step");
	json_write_word(&w, name);
	json_write_key(&w, "text");
	json_write_word(&w, text);
	json_write_close(&w, '}');
	json_write_close(&w, '}');
	client_say(t->client, &w);
}

static void over(struct test *t)
{
	loop_timer_set(&t->limit, NEVER);
	if (t->alarm)
		rtc_alarm_clear();
	t->alarm = false;
	t->on = false;
	t->client = NULL;
}

static void failed(struct test *t, const char *text)
{
	struct client *k = t->client;

	log_warning("test failed: %s", text);
	over(t);
	if (k)
		client_result(k, ANSWER_FAILED, text);
}

/* --- the report --- */

static void write_us(struct json_writer *w, const char *key, uint64_t us)
{
	json_write_key(w, key);
	if (us)
		json_write_seconds(w, us);
	else
		json_write_null(w);
}

static void succeeded(struct test *t, const struct lease_told *told)
{
	struct client *k = t->client;
	char bytes[1024];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	over(t);
	log_notice("test: it slept, and the guard woke it");
	if (!k)
		return;
	json_write_open(&w, '{');
	json_write_key(&w, "result");
	json_write_word(&w, answer_result_name(ANSWER_OK));
	write_us(&w, "asleep_seconds", told->asleep_us);
	write_us(&w, "awake_seconds", told->awake_us);
	json_write_key(&w, "ready");
	json_write_open(&w, '[');
	for (uint32_t i = 0; i < told->ready_n && i < LEASE_PORTS; i++) {
		json_write_open(&w, '{');
		json_write_key(&w, "port");
		json_write_word(&w, told->ready[i].port);
		json_write_key(&w, "seconds");
		json_write_seconds(&w, told->ready[i].us);
		json_write_close(&w, '}');
	}
	json_write_close(&w, ']');
	json_write_close(&w, '}');
	client_end(k, &w);
}

/* The guard knows of the test: its magic packets did not wake the machine, or it says why it sent none. */
static void alarm_explained(struct test *t, const struct lease_told *told)
{
	char text[TEXT];

	(void)snprintf(text, sizeof(text),
		       "woken by the RTC alarm, not by the magic packet%s%.200s",
		       told->ok ? ": Wake-on-LAN does not reach or wake this machine"
				: "; the guard says: ",
		       told->ok ? "" : told->text);
	failed(t, text);
}

void control_tested(struct sleeper *s, const struct lease_told *told)
{
	struct test *t = s->control ? &s->control->test : NULL;

	if (!t || !t->on)
		return;
	if (t->by_alarm)
		alarm_explained(t, told);
	else if (told->ok)
		succeeded(t, told);
	else
		failed(t, told->text[0] ? told->text : "the guard could not measure it");
}

/* --- the wake --- */

void control_woken(struct sleeper *s)
{
	struct test *t = s->control ? &s->control->test : NULL;
	char text[TEXT];
	uint64_t took;

	if (!t || !t->on || !t->slept || t->woken)
		return;
	t->woken = true;
	t->woken_us = boottime_us();
	took = t->woken_us - t->slept_us;
	/* A second earlier: the alarm counts whole ones. */
	if (t->safety && took + SECOND >= t->safety * SECOND) {
		t->by_alarm = true;
		step(t, "resumed", "the RTC alarm woke it; the guard is asked why it did not");
		loop_timer_set(&t->limit, clock_monotonic_us() + ALARM_REPORT_US);
		return;
	}
	if (took < t->after * SECOND) {
		(void)snprintf(
			text, sizeof(text),
			"it was awake again after %llu s, before the guard woke it: it did not "
			"sleep, or something else woke it (journalctl -b -g suspend says more)",
			(unsigned long long)(took / SECOND));
		failed(t, text);
		return;
	}
	if (t->alarm)
		rtc_alarm_clear();
	t->alarm = false;
	(void)snprintf(text, sizeof(text), "awake again %llu s after it was sent to sleep",
		       (unsigned long long)(took / SECOND));
	step(t, "resumed", text);
	loop_timer_set(&t->limit, clock_monotonic_us() + REPORT_US);
}

static void limit_over(void *context)
{
	struct test *t = &((struct control *)context)->test;
	struct sleeper *s = ((struct control *)context)->s;
	const char *error = guard_error(s->guard);
	char text[TEXT];

	if (!t->woken) {
		failed(t,
		       "it did not fall asleep within 60 s: journalctl -u systemd-logind says why");
		return;
	}
	/* A guard that was restarted meanwhile has forgotten it. */
	(void)snprintf(text, sizeof(text),
		       "%s, and the guard does not report (%.150s): was roused restarted "
		       "meanwhile? Then try again",
		       t->by_alarm ? "woken by the RTC alarm" : "awake again",
		       error ? error : "it does not know of a test");
	failed(t, text);
}

void control_lease(struct sleeper *s)
{
	struct test *t = s->control ? &s->control->test : NULL;
	const char *error = guard_error(s->guard);

	/* Not what went on before: then the limit decides. */
	if (t && t->on && t->woken && guard_lease_state(s->guard) == GUARD_REFUSED)
		failed(t, error ? error : "the guard refuses the lease");
}

/* --- the start --- */

static void suspended(void *context, int result, const char *text)
{
	struct test *t = &((struct control *)context)->test;
	char why[TEXT];

	if (!t->on || result == 0)
		return;
	(void)snprintf(why, sizeof(why), "it cannot sleep: %.250s", text);
	failed(t, why);
}

static void guard_ready(void *context, int result, const char *text)
{
	struct control *c = context;
	struct test *t = &c->test;
	char said[TEXT];

	if (!t->on)
		return;
	if (result < 0) {
		(void)snprintf(said, sizeof(said), "the guard does not take part: %.250s", text);
		failed(t, said);
		return;
	}
	(void)snprintf(said, sizeof(said), "the guard wakes it %u s after it fell asleep",
		       t->after);
	step(t, "guard", said);
	step(t, "sleep", "now to sleep");
	t->slept = true;
	t->slept_us = boottime_us();
	loop_timer_set(&t->limit, clock_monotonic_us() + FALL_ASLEEP_US);
	sleeper_suspend(c->s, "test", suspended, c);
}

static bool set_alarm(struct test *t)
{
	char text[TEXT];
	int r;

	if (!t->safety) {
		step(t, "alarm", "no RTC alarm: only the guard wakes it, or its button");
		return true;
	}
	r = rtc_alarm_set(t->safety, &t->alarm);
	if (r < 0) {
		(void)snprintf(
			text, sizeof(text),
			"no RTC alarm can be set (%s), so nothing would wake it if the guard "
			"cannot; \"safety\":0 tries all the same",
			r == -ENODEV ? "there is no clock that has one" : strerror(-r));
		failed(t, text);
		return false;
	}
	(void)snprintf(text, sizeof(text), "RTC alarm in %u s, in case nothing else wakes it",
		       t->safety);
	step(t, "alarm", text);
	return true;
}

/* A person is there and wants it: what is busy does not matter, but what would break does. */
static void looked(void *context, const struct idle_report *r)
{
	struct control *c = context;
	char text[TEXT];

	if (!c->test.on)
		return;
	for (size_t i = 0; i < r->all->n; i++) {
		const struct evidence *e = &r->all->list[i];

		if (e->is.said != IDLE_BUSY || !e->firm)
			continue;
		(void)snprintf(text, sizeof(text), "it cannot sleep: %s", e->text);
		failed(&c->test, text);
		return;
	}
	if (set_alarm(&c->test))
		guard_test(c->s->guard, c->test.after, guard_ready, c);
}

void test_start(struct client *k, uint32_t after, uint32_t safety)
{
	struct control *c = k->control;
	struct test *t = &c->test;

	if (t->on) {
		client_result(k, ANSWER_BUSY, "a test is under way already");
		return;
	}
	if (guard_lease_state(c->s->guard) != GUARD_HELD) {
		const char *error = guard_error(c->s->guard);

		client_result(k, ANSWER_REFUSED,
			      error ? error : "no guard holds a lease of this machine");
		return;
	}
	if (c->s->phase != SLEEPER_UP) {
		client_result(k, ANSWER_REFUSED, "it is about to sleep already");
		return;
	}
	t->client = k;
	t->on = true;
	t->slept = t->woken = t->alarm = t->by_alarm = false;
	t->after = after;
	t->safety = safety;
	/* Before the guard knows: it would wake the machine from the next sleep, whenever that is. */
	if (idle_look(c->s, looked, c) < 0)
		failed(t, "too many ask at once");
}

void test_forget(struct client *k)
{
	struct test *t = &k->control->test;

	if (t->client == k)
		t->client = NULL;
}

int test_init(struct control *c)
{
	return loop_timer_init(&c->test.limit, c->s->loop, limit_over, c);
}

void test_done(struct control *c)
{
	if (c->test.on && c->test.alarm)
		rtc_alarm_clear();
	loop_timer_done(&c->test.limit);
}
