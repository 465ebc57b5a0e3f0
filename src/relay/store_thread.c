/*
 * store_thread: the writer's thread and the two queues between it and the loop.
 */
#include "relay/store_state.h"
#include "sys/log.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define GATHER_US 5000 /* how long the first operation waits for others */
#define PROBE_S 1 /* how often a store that does not work is tried */

static void move_all(struct list *from, struct list *to)
{
	while (!list_empty(from)) {
		struct list *node = from->next;

		list_remove(node);
		list_append(to, node);
	}
}

static void tell_loop(struct store *s)
{
	uint64_t one = 1;

	(void)!write(s->wake_loop, &one, sizeof(one));
}

/* Waits for work; while the store does not work, only for a while. Called with the lock. */
static void wait_for_work(struct store *s)
{
	struct timespec until;

	while (list_empty(&s->todo) && !s->stop) {
		if (s->thread_state == STORE_OK) {
			pthread_cond_wait(&s->work, &s->lock);
			continue;
		}
		(void)clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += PROBE_S;
		if (pthread_cond_timedwait(&s->work, &s->lock, &until) == ETIMEDOUT)
			return;
	}
}

static void *write_all(void *context)
{
	struct store *s = context;
	struct timespec gather = { .tv_nsec = GATHER_US * 1000L };
	struct list batch;
	int r;

	list_init(&batch);
	pthread_mutex_lock(&s->lock);
	while (!s->stop || !list_empty(&s->todo)) {
		wait_for_work(s);
		pthread_mutex_unlock(&s->lock);
		(void)nanosleep(&gather, NULL);
		pthread_mutex_lock(&s->lock);
		move_all(&s->todo, &batch);
		pthread_mutex_unlock(&s->lock);
		r = list_empty(&batch) ? 0 : writer_store(&s->writer, &batch);
		if (r == 0 && s->thread_state != STORE_OK)
			r = writer_probe(&s->writer);
		pthread_mutex_lock(&s->lock);
		s->thread_state = store_state_of(r);
		move_all(&batch, &s->done);
		tell_loop(s);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* On the loop: what came back, and whether the store works. */
static void collect(void *context, unsigned int what)
{
	struct store *s = context;
	enum store_state state;
	struct list done;
	uint64_t count;

	(void)what;
	(void)!read(s->wake_loop, &count, sizeof(count));
	list_init(&done);
	pthread_mutex_lock(&s->lock);
	move_all(&s->done, &done);
	state = s->thread_state;
	pthread_mutex_unlock(&s->lock);
	while (!list_empty(&done)) {
		struct store_op *op = container_of(done.next, struct store_op, node);

		list_remove(&op->node);
		s->waiting--;
		if (op->kind == STORE_GRANTS || op->kind == STORE_LEAVE ||
		    op->kind == STORE_FORGET_REMOVAL)
			cache_forget(&s->cache, op->home);
		if (op->kind == STORE_GRANTS && op->result == 0)
			cache_put_tokens(&s->cache, op);
		if (op->done)
			op->done(op);
		store_op_free(op);
	}
	if (state == s->state)
		return;
	s->state = state;
	s->listener.changed(s->listener.context, state);
}

int store_thread_start(struct store *s, struct loop *l)
{
	pthread_condattr_t attributes;
	sigset_t all, before;
	int r;

	list_init(&s->todo);
	list_init(&s->done);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&s->work, &attributes);
	pthread_condattr_destroy(&attributes);
	s->wake_loop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake_loop < 0)
		return -errno;
	r = loop_watch_init(&s->watch, l, s->wake_loop, LOOP_READ, collect, s);
	if (r < 0)
		return r;
	if (s->frozen)
		return 0;
	/* Signals are the loop's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&s->thread, NULL, write_all, s);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	s->running = r == 0;
	return -r;
}

void store_thread_stop(struct store *s)
{
	if (s->wake_loop < 0)
		return;
	if (s->running) {
		pthread_mutex_lock(&s->lock);
		s->stop = true;
		pthread_cond_signal(&s->work);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
		s->running = false;
	}
	collect(s, 0);
	loop_watch_done(&s->watch);
	close(s->wake_loop);
}

void store_submit(struct store *s, struct store_op *op)
{
	s->waiting++;
	pthread_mutex_lock(&s->lock);
	if (s->frozen) {
		op->result = -EROFS;
		list_append(&s->done, &op->node);
		tell_loop(s);
	} else {
		list_append(&s->todo, &op->node);
		pthread_cond_signal(&s->work);
	}
	pthread_mutex_unlock(&s->lock);
}
