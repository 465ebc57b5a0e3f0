/*
 * The safe test: what woke the machine, the guard or the clock's alarm, and what is said when nobody reports. Guard, logind and
 * clock are the test's own; time asleep is made up.
 */
#include "sleeper/control_parts.h"
#include "sleeper/guard.h"
#include "sleeper/idle.h"
#include "sleeper/rtc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000)
#define AFTER 5
#define SAFETY 120

static struct sleeper sleeper;
static struct control control;
static struct client client;
/* What the program that asked has heard. */
static char steps[2048], result[1024];
static unsigned int alarm_seconds; /* 0: not set */
static bool suspended;

/* --- in place of the others --- */

void client_say(struct client *k, const struct json_writer *w)
{
	size_t used = strlen(steps);

	assert_ptr_equal(k, &client);
	(void)snprintf(steps + used, sizeof(steps) - used, "%s\n", w->out.start);
}

void client_end(struct client *k, const struct json_writer *w)
{
	assert_ptr_equal(k, &client);
	assert_string_equal(result, "");
	(void)snprintf(result, sizeof(result), "%s", w->out.start);
}

void client_result(struct client *k, enum answer_result r, const char *error)
{
	assert_ptr_equal(k, &client);
	assert_string_equal(result, "");
	(void)snprintf(result, sizeof(result), "%s: %s", answer_result_name(r), error);
}

enum guard_lease guard_lease_state(const struct guard *g)
{
	(void)g;
	return GUARD_HELD;
}

const char *guard_error(const struct guard *g)
{
	(void)g;
	return NULL;
}

void guard_test(struct guard *g, uint32_t after_seconds, sleeper_done *done, void *context)
{
	(void)g;
	assert_int_equal(after_seconds, AFTER);
	done(context, 0, "");
}

int idle_look(struct sleeper *s, idle_looked *looked, void *context)
{
	static const struct evidences none;

	(void)s;
	looked(context, &(struct idle_report){ .all = &none });
	return 0;
}

void sleeper_suspend(struct sleeper *s, const char *who, sleeper_done *done, void *context)
{
	(void)s, (void)who;
	suspended = true;
	done(context, 0, "");
}

int rtc_alarm_set(uint64_t seconds, bool *ret_ours)
{
	alarm_seconds = (unsigned int)seconds;
	*ret_ours = true;
	return 0;
}

void rtc_alarm_clear(void)
{
	alarm_seconds = 0;
}

/* --- one test --- */

static int setup(void **state)
{
	(void)state;
	steps[0] = result[0] = 0;
	suspended = false;
	alarm_seconds = 0;
	sleeper = (struct sleeper){ .control = &control };
	control = (struct control){ .s = &sleeper };
	client = (struct client){ .s = &sleeper, .control = &control };
	return loop_new(&sleeper.loop) < 0 || test_init(&control) < 0;
}

static int teardown(void **state)
{
	(void)state;
	test_done(&control);
	loop_free(sleeper.loop);
	return 0;
}

/* It slept so long, and is awake again. */
static void sleep_for(unsigned int seconds)
{
	test_start(&client, AFTER, SAFETY);
	assert_true(suspended);
	assert_int_equal(alarm_seconds, SAFETY);
	control.test.slept_us -= seconds * SECOND;
	control_woken(&sleeper);
}

static void tell(bool ok, const char *text)
{
	struct lease_told told = {
		.tell = TELL_TESTED, .ok = ok, .asleep_us = 2 * SECOND, .awake_us = 6 * SECOND
	};

	(void)snprintf(told.text, sizeof(told.text), "%s", text);
	control_tested(&sleeper, &told);
}

static void no_report_comes(void)
{
	loop_timer_set(&control.test.limit, 0);
	assert_int_equal(loop_run_once(sleeper.loop, 1000000), 0);
}

/* It is over: the alarm is taken back, and nothing is told any more. */
static void expect_result(const char *with)
{
	if (!strstr(result, with))
		fail_msg("is \"%s\", shall be \"%s\"", result, with);
	assert_int_equal(alarm_seconds, 0);
	assert_false(control.test.on);
	tell(true, "");
}

static void woken_by_the_guard(void **state)
{
	(void)state;
	sleep_for(AFTER + 2);
	assert_int_equal(alarm_seconds, 0);
	assert_string_equal(result, "");
	tell(true, "");
	expect_result("\"result\":\"ok\",\"asleep_seconds\":2");
	assert_non_null(strstr(steps, "awake again 7 s after it was sent to sleep"));
}

static void woken_by_the_alarm(void **state)
{
	(void)state;
	sleep_for(SAFETY);
	assert_string_equal(result, "");
	tell(false, "no sign of life");
	expect_result("failed: woken by the RTC alarm, not by the magic packet; the guard says: no "
		      "sign of life");
}

/* The guard takes the wake for its own: it cannot know of the alarm. */
static void the_alarm_is_no_success(void **state)
{
	(void)state;
	sleep_for(SAFETY + 3);
	tell(true, "");
	expect_result("failed: woken by the RTC alarm, not by the magic packet: Wake-on-LAN does "
		      "not reach or wake this machine");
}

static void the_guard_forgot_it(void **state)
{
	(void)state;
	sleep_for(SAFETY);
	no_report_comes();
	expect_result("failed: woken by the RTC alarm, and the guard does not report (it does not "
		      "know of a test): was roused restarted meanwhile? Then try again");
}

/* Somebody pressed the button before the alarm went off. */
static void the_guard_forgot_it_and_somebody_woke_it(void **state)
{
	(void)state;
	sleep_for(SAFETY / 2);
	assert_string_equal(result, "");
	no_report_comes();
	expect_result("failed: awake again, and the guard does not report");
}

static void awake_too_early(void **state)
{
	(void)state;
	sleep_for(AFTER - 2);
	expect_result("failed: it was awake again after 3 s, before the guard woke it");
}

static void it_did_not_sleep(void **state)
{
	(void)state;
	test_start(&client, AFTER, SAFETY);
	no_report_comes();
	expect_result("failed: it did not fall asleep within 60 s");
}

static void who_asked_went_away(void **state)
{
	(void)state;
	test_start(&client, AFTER, SAFETY);
	test_forget(&client);
	control.test.slept_us -= SAFETY * SECOND;
	control_woken(&sleeper);
	tell(false, "no sign of life");
	expect_result("");
	assert_string_equal(result, "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(woken_by_the_guard),
		TEST(woken_by_the_alarm),
		TEST(the_alarm_is_no_success),
		TEST(the_guard_forgot_it),
		TEST(the_guard_forgot_it_and_somebody_woke_it),
		TEST(awake_too_early),
		TEST(it_did_not_sleep),
		TEST(who_asked_went_away),
	};

	return cmocka_run_group_tests_name("sleeper/control_test", tests, NULL, NULL);
}
