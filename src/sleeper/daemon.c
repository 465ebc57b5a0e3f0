/*
 * daemon: makes everything that rouse-sleeper consists of, in order, runs it, and takes it apart. And the one errand that
 * needs most of it: a goodbye where no daemon runs.
 */
#include "sleeper/daemon.h"

#include "base/heap.h"
#include "proto/json.h"
#include "proto/keys.h"
#include "sleeper/arm.h"
#include "sleeper/bus.h"
#include "sleeper/config.h"
#include "sleeper/control.h"
#include "sleeper/guard.h"
#include "sleeper/idle.h"
#include "sleeper/lean.h"
#include "sleeper/life.h"
#include "sleeper/logind.h"
#include "sleeper/services.h"
#include "sleeper/wakupator.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/files.h"
#include "sys/log.h"
#include "sys/net.h"
#include "sys/notify.h"
#include "sys/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOCK "lock"
#define LEAN_US 5000000 /* after the start */
/* A machine that runs no longer has just booted. */
#define BOOT_SECONDS 300

static void net_changed(void *context)
{
	sleeper_look(context);
}

/* What an errand needs as well. */
static int make(struct sleeper *s, const struct config *c)
{
	uint64_t random;
	int r = keys_init();

	entropy_bytes(&random, sizeof(random));
	json_seed(random);
	s->config = c;
	s->started = clock_now();
	if (r == 0)
		r = loop_new(&s->loop);
	if (r == 0)
		r = net_view_new(s->loop, net_changed, s, &s->net);
	if (r < 0)
		return r;
	sleeper_pairing(s);
	r = guard_new(s, &s->guard);
	if (r == 0)
		r = services_new(s);
	if (r == 0)
		sleeper_look(s);
	return r;
}

static void take_apart(struct sleeper *s)
{
	control_free(s);
	idle_free(s);
	services_free(s);
	wakupator_free(s->life->registration);
	guard_free(s->guard);
	logind_free(s->logind);
	bus_free(s->bus);
	if (s->life->pairing.changed)
		state_watch_done(&s->life->pairing);
	if (s->life->resume.resumed)
		resume_done(&s->life->resume);
	loop_timer_done(&s->life->still_here);
	loop_timer_done(&s->life->lean);
	loop_signals_done(&s->life->signals);
	net_view_free(s->net);
	loop_free(s->loop);
	keys_wipe(&s->state, sizeof(s->state));
}

/* --- the daemon --- */

static void caught(void *context, int signal)
{
	if (signal == SIGHUP)
		sleeper_pairing(context);
	else
		sleeper_end(context);
}

static enum lease_why why_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec < BOOT_SECONDS ? WHY_BOOT : WHY_START;
}

/* Two daemons would say two things. */
static int lock(const struct config *c, int *ret_lock)
{
	pid_t holder;
	int dir;
	int r = file_directory_open(c->state_dir, &dir);

	if (r < 0) {
		log_error("%s: %s", c->state_dir, strerror(-r));
		return r;
	}
	r = file_lock(dir, LOCK, ret_lock, &holder);
	close(dir);
	if (r == -EWOULDBLOCK)
		log_error("a sleeper runs already (pid %ld)", (long)holder);
	else if (r < 0)
		log_error("%s/" LOCK ": %s", c->state_dir, strerror(-r));
	return r;
}

static void lean_due(void *context)
{
	(void)context;
	lean_now();
}

/* Stays root, whose files the hardware's switches are; of root's powers only what arming needs. */
static void give_power_away(void)
{
	struct sandbox_report report;
	int r = sandbox_identity(geteuid(), getegid(), SANDBOX_NET_ADMIN, &report);

	/* The service's unit has done it already, and leaves no power to do it again. */
	if (r < 0)
		log_debug("powers are left as they are: %s", strerror(-r));
}

static int run(struct sleeper *s, const struct config *c)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, 0 };
	int r = make(s, c);

	if (r == 0)
		r = loop_signals_init(&s->life->signals, s->loop, signals, caught, s);
	if (r == 0)
		r = sleeper_watch(s);
	if (r == 0)
		r = idle_new(s);
	if (r == 0)
		r = control_new(s);
	if (r == 0)
		r = loop_timer_init(&s->life->lean, s->loop, lean_due, s);
	if (r < 0)
		return r;
	give_power_away();
	guard_kick(s->guard, why_now());
	loop_timer_set(&s->life->lean, s->started.us + LEAN_US);
	(void)notify_ready(NULL);
	return loop_run(s->loop);
}

int daemon_main(const struct config *c)
{
	static struct sleeper sleeper;
	static struct sleeper_life life;
	int locked = -1;
	int r;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)notify_open();
	r = lock(c, &locked);
	if (r < 0)
		return EXIT_FAILURE;
	sleeper.life = &life;
	r = run(&sleeper, c);
	if (r < 0)
		log_error("cannot go on: %s", strerror(-r));
	take_apart(&sleeper);
	log_flush();
	close(locked);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* --- the errand --- */

struct errand {
	struct sleeper *s;
	int result;
};

static void errand_over(void *context, int result, const char *text)
{
	struct errand *e = context;

	(void)text;
	e->result = result;
	loop_stop(e->s->loop);
}

int daemon_goodbye(const struct config *c, enum lease_why why)
{
	static struct sleeper sleeper;
	static struct sleeper_life life = { .errand = true };
	struct errand e = { .s = &sleeper };
	int r;

	(void)signal(SIGPIPE, SIG_IGN);
	sleeper.life = &life;
	r = make(&sleeper, c);
	if (r == 0)
		r = loop_timer_init(&life.still_here, sleeper.loop, NULL, NULL);
	if (r == 0) {
		sleeper_goodbye(&sleeper, why, errand_over, &e);
		/* It may be over before anything was waited for. */
		if (sleeper.phase == SLEEPER_LEAVING)
			r = loop_run(sleeper.loop);
	}
	take_apart(&sleeper);
	return r < 0 ? r : e.result;
}
