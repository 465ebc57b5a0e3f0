/*
 * sleeper: the daemon rouse-sleeper as a whole: what belongs to it, what happens in which order when the machine goes to
 * sleep, wakes, is shut down. Every other file of this folder does one thing and hangs on `struct sleeper`.
 *
 * Refuses to know how things are said to the guard (guard.h), to logind (logind.h) and to programs (control.h), and what
 * keeps the machine awake (idle.h).
 */
#ifndef ROUSE_SLEEPER_SLEEPER_H
#define ROUSE_SLEEPER_SLEEPER_H

#include "base/event.h"
#include "base/spec.h"
#include "proto/lease.h"
#include "sleeper/port.h"
#include "sleeper/state.h"
#include "sys/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLEEPER_GOODBYE_US 2000000 /* the machine's sleep is never delayed longer */

struct bus; /* bus.h: the connection to the system bus; its header is the door to libsystemd */
struct config; /* config.h */
struct control; /* control.h: the local control socket */
struct guard; /* guard.h: the lease at the guard */
struct sleeper_idle; /* idle.h: what keeps it awake */
struct logind; /* logind.h: the delay lock */
struct net_view; /* sys/net.h */
struct options;
struct services; /* services.h: what listens here */

/* What the machine is about to do, or did. */
enum sleeper_phase {
	SLEEPER_UP,
	SLEEPER_LEAVING, /* the goodbye is under way */
	SLEEPER_GONE, /* the goodbye was said, or 2 s are over: it sleeps any moment */
	SLEEPER_PHASES
};

struct sleeper {
	struct loop *loop;
	const struct config *config;
	struct net_view *net;
	struct state state; /* the pairing */
	struct port port; /* the interface towards the guard and what is below it */
	enum sleeper_phase phase;
	struct moment started;
	struct moment woken; /* us 0: it did not sleep since the start */
	struct bus *bus;
	struct logind *logind;
	struct guard *guard;
	/* The evidence. */
	struct services *services;
	struct sleeper_idle *idle;
	struct control *control;
	struct sleeper_life *life; /* sleeper.c's own */
};

/* --- for everybody --- */

/* `result`: 0, or a negative errno with `text` for a person (never NULL). */
typedef void sleeper_done(void *context, int result, const char *text);

/* The description that leases and goodbyes carry: name, MAC, addresses, rules (services_rules()). */
void sleeper_describe(struct sleeper *s, struct spec *ret_spec);
/* Rules or addresses are others now: the guard is told, once for many changes. */
void sleeper_changed(struct sleeper *s);
/* Asks logind to suspend; `who` is for the log. `done` says whether logind took it, not that it slept. */
void sleeper_suspend(struct sleeper *s, const char *who, sleeper_done *done, void *context);
/*
 * Says goodbye now, unless that is done already: for the unit Before=sleep.target. `done` within 2 s; a guard that is away
 * is -ETIMEDOUT or so, and no reason not to sleep.
 */
void sleeper_goodbye(struct sleeper *s, enum lease_why why, sleeper_done *done, void *context);
/* Whoever waits for a goodbye with that context is not told any more. */
void sleeper_forget(struct sleeper *s, const void *context);
/* The machine is awake, whatever was said before: hello to the guard, Wake-on-LAN armed again. */
void sleeper_hello(struct sleeper *s);
/*
 * --- what the evidence provides, and when it is called ---
 *
 * services.h   int services_new(struct sleeper *s), void services_free(struct sleeper *s)
 *              void services_rules(struct sleeper *s, struct spec *spec)
 *                  scans, and sets spec's rules (rules_n 0: any TCP port): at each lease and goodbye
 * idle.h       int idle_new(struct sleeper *s), void idle_free(struct sleeper *s)
 *              void idle_woken(struct sleeper *s)             s->woken is new: the grace begins
 * control.h    int control_new(struct sleeper *s), void control_free(struct sleeper *s)
 *              void control_asked(struct sleeper *s, uint32_t ask, const char *who)
 *                  somebody at the guard wants it to sleep: answered by guard_answer(), then sleeper_suspend()
 *              void control_tested(struct sleeper *s, const struct lease_told *told)
 *                  TELL_TESTED came
 *              void control_lease(struct sleeper *s)
 *                  guard_lease_state() is another now
 *
 * They are made last and freed first; s->services, s->idle, s->control are theirs to set.
 */

#endif
