/*
 * idle: what is asked before this machine sleeps because somebody wants it, also while a look is under way already. The checks
 * are the test's own; their answers come when it says so.
 */
#include "sleeper/idle.h"

#include "sleeper/config.h"
#include "sleeper/control.h"
#include "sleeper/guard.h"
#include "sleeper/idle_parts.h"
#include "sleeper/rtc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct config config;
static struct sleeper sleeper;
static char asked[64]; /* c: checks that are due, C: every check, b: the bus */
static bool commands_wait, bus_waits; /* for an answer */
static bool busy; /* says the user's check when it is asked */
static bool told_busy; /* it said last */
static bool suspended;
static int result; /* 1: none yet */
static char why[256];

static void note(char what)
{
	size_t n = strlen(asked);

	assert_true(n + 1 < sizeof(asked));
	asked[n] = what;
	asked[n + 1] = 0;
}

/* --- in place of the others --- */

int commands_new(struct sleeper_idle *i, struct idle_commands **ret)
{
	(void)i, (void)ret;
	return 0;
}

void commands_free(struct idle_commands *all)
{
	(void)all;
}

void commands_ask(struct sleeper_idle *i, uint64_t now_us, bool now)
{
	(void)now_us;
	note(now ? 'C' : 'c');
	if (!now || commands_wait)
		return;
	commands_wait = true;
	idle_pending(i);
}

void commands_tell(struct sleeper_idle *i, struct evidences *to)
{
	struct text t;
	struct evidence *e = evidence_add(to, "backup", &t);

	(void)i;
	e->is.said = told_busy ? IDLE_BUSY : IDLE_QUIET;
	text_string(&t, told_busy ? "runs" : "does not run");
}

void logins_ask(struct sleeper_idle *i)
{
	assert_false(bus_waits);
	note('b');
	bus_waits = true;
	idle_pending(i);
}

void logins_tell(struct sleeper_idle *i, uint64_t now_us, const struct idle_asker *asker,
		 struct evidences *to)
{
	(void)i, (void)now_us, (void)asker, (void)to;
}

bool logins_host_of(const struct sleeper_idle *i, const struct idle_asker *asker, struct addr *ret)
{
	(void)i, (void)asker, (void)ret;
	return false;
}

void units_ask(struct sleeper_idle *i)
{
	(void)i;
}

void units_tell(struct sleeper_idle *i, uint64_t now_us, struct evidences *to)
{
	(void)i, (void)now_us, (void)to;
}

void traffic_look(struct sleeper_idle *i, uint64_t now_us)
{
	(void)i, (void)now_us;
}

void traffic_tell(struct sleeper_idle *i, uint64_t now_us, const struct addr *except,
		  struct evidences *to)
{
	(void)i, (void)now_us, (void)except, (void)to;
}

void here_look(struct sleeper_idle *i, uint64_t now_us, struct evidences *to)
{
	(void)i, (void)now_us, (void)to;
}

int idle_bus_new(struct sleeper_idle *i)
{
	(void)i;
	return 0;
}

void idle_bus_free(struct sleeper_idle *i)
{
	(void)i;
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

int rtc_alarm_set(uint64_t seconds, bool *ret_ours)
{
	(void)seconds;
	*ret_ours = false;
	return 0;
}

void rtc_alarm_clear(void)
{
}

void control_woken(struct sleeper *s)
{
	(void)s;
}

void sleeper_suspend(struct sleeper *s, const char *who, sleeper_done *done, void *context)
{
	(void)s, (void)who;
	suspended = true;
	done(context, 0, "");
}

/* --- one sleep that is asked for --- */

static int setup(void **state)
{
	(void)state;
	config = (struct config){ .idle_after = CONFIG_OFF };
	sleeper = (struct sleeper){ .config = &config, .phase = SLEEPER_UP };
	asked[0] = why[0] = 0;
	commands_wait = bus_waits = busy = told_busy = suspended = false;
	result = 1;
	return loop_new(&sleeper.loop) < 0 || idle_new(&sleeper) < 0;
}

static int teardown(void **state)
{
	(void)state;
	idle_free(&sleeper);
	loop_free(sleeper.loop);
	return 0;
}

static void run(void)
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(loop_run_once(sleeper.loop, 0), 0);
}

static void commands_answer(void)
{
	assert_true(commands_wait);
	commands_wait = false;
	told_busy = busy;
	idle_answered(sleeper.idle);
	run();
}

static void bus_answers(void)
{
	assert_true(bus_waits);
	bus_waits = false;
	idle_answered(sleeper.idle);
	run();
}

static void looked(void *context, const struct idle_report *r)
{
	(void)context, (void)r;
}

static void slept(void *context, int r, const char *text)
{
	(void)context;
	assert_int_equal(result, 1);
	result = r;
	(void)snprintf(why, sizeof(why), "%s", text);
}

static void sleep_now(bool force)
{
	const struct idle_asker who = { .who = "somebody", .force = force };

	idle_sleep(&sleeper, &who, slept, &result);
}

static void expect_refused(void)
{
	assert_false(suspended);
	assert_int_equal(result, -EBUSY);
	assert_non_null(strstr(why, "busy: backup: runs"));
}

static void every_check_is_asked_and_the_bus_behind_them(void **state)
{
	(void)state;
	busy = true;
	sleep_now(false);
	run();
	assert_string_equal(asked, "C");
	commands_answer();
	assert_string_equal(asked, "Cb");
	bus_answers();
	expect_refused();
}

static void forced_it_asks_only_what_is_due(void **state)
{
	(void)state;
	sleep_now(true);
	run();
	bus_answers();
	assert_string_equal(asked, "cb");
	assert_true(suspended);
	assert_int_equal(result, 0);
}

/* Somebody asks why it is awake, and in that moment somebody that it sleeps: the last answer of the check may be an hour old. */
static void behind_a_look_that_has_not_asked_the_bus(void **state)
{
	(void)state;
	busy = true;
	assert_int_equal(idle_look(&sleeper, looked, NULL), 0);
	sleep_now(false);
	run();
	commands_answer();
	bus_answers();
	expect_refused();
	assert_string_equal(asked, "cCb");
}

static void behind_a_look_that_waits_for_the_bus(void **state)
{
	(void)state;
	busy = true;
	assert_int_equal(idle_look(&sleeper, looked, NULL), 0);
	run();
	assert_string_equal(asked, "cb");
	sleep_now(false);
	run();
	bus_answers();
	assert_false(suspended);
	commands_answer();
	/* What logind said before is old by now. */
	assert_string_equal(asked, "cbCb");
	bus_answers();
	expect_refused();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_check_is_asked_and_the_bus_behind_them),
		TEST(forced_it_asks_only_what_is_due),
		TEST(behind_a_look_that_has_not_asked_the_bus),
		TEST(behind_a_look_that_waits_for_the_bus),
	};

	return cmocka_run_group_tests_name("sleeper/idle", tests, NULL, NULL);
}
