#include "sys/syncer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct syncer {
	struct loop_watch watch;
	void (*done)(void *context, int result);
	void *context;
	pthread_t thread;
	int requests[2]; /* a descriptor each; closed: the end */
	int results[2]; /* a negative errno or 0 each */
	bool running, busy;
};

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The thread: what comes through a pipe of whole ints comes whole (PIPE_BUF). */
static void *work(void *context)
{
	struct syncer *s = context;
	int fd;

	for (;;) {
		ssize_t n = read(s->requests[0], &fd, sizeof(fd));
		int result;

		if (n < 0 && errno == EINTR)
			continue;
		if (n != (ssize_t)sizeof(fd))
			return NULL;
		result = fdatasync(fd) < 0 ? -errno : 0;
		close(fd);
		if (write(s->results[1], &result, sizeof(result)) < 0)
			return NULL;
	}
}

static void result_came(void *context, unsigned int what)
{
	struct syncer *s = context;
	int result;

	(void)what;
	if (read(s->results[0], &result, sizeof(result)) != (ssize_t)sizeof(result))
		return;
	s->busy = false;
	s->done(s->context, result);
}

int syncer_new(struct loop *l, void (*done)(void *context, int result), void *context,
	       struct syncer **ret_syncer)
{
	struct syncer *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	*s = (struct syncer){
		.done = done, .context = context, .requests = { -1, -1 }, .results = { -1, -1 }
	};
	if (pipe2(s->requests, O_CLOEXEC) < 0 || pipe2(s->results, O_CLOEXEC) < 0)
		r = -errno;
	else
		r = loop_watch_init(&s->watch, l, s->results[0], LOOP_READ, result_came, s);
	if (r == 0)
		r = -pthread_create(&s->thread, NULL, work, s);
	if (r < 0) {
		syncer_free(s);
		return r;
	}
	s->running = true;
	*ret_syncer = s;
	return 0;
}

void syncer_free(struct syncer *s)
{
	if (!s)
		return;
	close_end(&s->requests[1]);
	if (s->running)
		pthread_join(s->thread, NULL);
	loop_watch_done(&s->watch);
	close_end(&s->requests[0]);
	close_end(&s->results[0]);
	close_end(&s->results[1]);
	free(s);
}

bool syncer_busy(const struct syncer *s)
{
	return s->busy;
}

int syncer_start(struct syncer *s, int fd)
{
	int own;

	if (s->busy)
		return -EBUSY;
	own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (own < 0)
		return -errno;
	if (write(s->requests[1], &own, sizeof(own)) != (ssize_t)sizeof(own)) {
		close(own);
		return -EIO;
	}
	s->busy = true;
	return 0;
}
