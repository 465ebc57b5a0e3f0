/*
 * loop: waits for descriptors, times and signals, and calls whoever asked. The only door to
 * libevent; callers never see its headers.
 *
 * Single-threaded. All callbacks run from loop_run(); each may set, disarm or finish any watch,
 * timer or deferred call of the same loop, its own included. Whoever embeds one of the structs
 * below owns it, must not move it, and finishes it before its memory and before the loop.
 * Errors: -ENOMEM, and what epoll_ctl(2), signalfd(2) say.
 */
#ifndef ROUSE_SYS_LOOP_H
#define ROUSE_SYS_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

int loop_new(struct loop **ret_loop);
/* NULL is fine. */
void loop_free(struct loop *l);
/* For doors to other parts of the same library (its resolver). */
struct event_base;
struct event_base *loop_base(const struct loop *l);
/* Runs until loop_stop(); 0, or a negative errno when waiting itself failed. */
int loop_run(struct loop *l);
/* Runs what is ready now, at most once, waiting at most wait_us for it: for tests, start and end.
 */
int loop_run_once(struct loop *l, uint64_t wait_us);
/* loop_run() returns after the callbacks that are ready already. */
void loop_stop(struct loop *l);

/* --- descriptors --- */

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop_watch {
	void (*ready)(void *context, unsigned int what); /* LOOP_READ, LOOP_WRITE, or both */
	void *context;
	int fd; /* the caller's: never closed here */
	unsigned int wants;
	void *event;
};

/*
 * Level-triggered and persistent; starts with `wants` (0: disarmed). End of file and errors count
 * as readable and writable. The descriptor must stay open until loop_watch_done().
 */
int loop_watch_init(struct loop_watch *w, struct loop *l, int fd, unsigned int wants,
		    void (*ready)(void *context, unsigned int what), void *context);
/* Costs a system call only when it changes something. */
int loop_watch_set(struct loop_watch *w, unsigned int wants);
/* Harmless on a zeroed or finished watch. */
void loop_watch_done(struct loop_watch *w);

/* --- time --- */

struct loop_timer {
	void (*due)(void *context);
	void *context;
	uint64_t at; /* what it is set to, or UINT64_MAX */
	void *event;
};

int loop_timer_init(struct loop_timer *t, struct loop *l, void (*due)(void *context),
		    void *context);
/*
 * Fires once, never before clock_monotonic_us() >= at_us (at once when that is now or past);
 * replaces an earlier setting. UINT64_MAX (NEVER of base/heap.h) disarms.
 */
void loop_timer_set(struct loop_timer *t, uint64_t at_us);
void loop_timer_done(struct loop_timer *t);

/* --- later --- */

/* Called once before the loop waits again; asking twice before that calls it once. */
struct loop_deferred {
	void (*run)(void *context);
	void *context;
	void *event;
};

int loop_deferred_init(struct loop_deferred *d, struct loop *l, void (*run)(void *context),
		       void *context);
void loop_defer(struct loop_deferred *d);
void loop_deferred_done(struct loop_deferred *d);

/* --- signals --- */

/* Through signalfd: the signals are blocked from init on, and unblocked by done. */
struct loop_signals {
	void (*caught)(void *context, int signal);
	void *context;
	struct loop_watch watch;
	uint64_t mask; /* bit n-1: signal n */
};

/* `signals` ends with 0. */
int loop_signals_init(struct loop_signals *s, struct loop *l, const int *signals,
		      void (*caught)(void *context, int signal), void *context);
void loop_signals_done(struct loop_signals *s);

#endif
