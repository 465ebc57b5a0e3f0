#include "sleeper/wakupator.h"

#include "proto/registration.h"
#include "sleeper/config.h"
#include "sleeper/ends.h"
#include "sys/clock.h"
#include "sys/files.h"
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define JSON_MAX 16384
#define TOKEN_FILE_MAX 4096
#define REPLY_MAX 512

struct wakupator {
	struct loop *loop;
	struct loop_watch watch;
	struct loop_timer deadline;
	struct search *search;
	struct ends ends;
	sleeper_done *done;
	void *context;
	int fd;
	bool reading;
	int error; /* of the last attempt */
	size_t json_n, sent, reply_n;
	char reply[REPLY_MAX];
	char json[JSON_MAX];
};

static void try_next(struct wakupator *w);

static void hang_up(struct wakupator *w)
{
	loop_watch_done(&w->watch);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	w->sent = w->reply_n = 0;
	w->reading = false;
}

static void over(struct wakupator *w, int result, const char *text)
{
	loop_timer_set(&w->deadline, UINT64_MAX);
	hang_up(w);
	w->done(w->context, result, text);
}

static void deadline_due(void *context)
{
	over(context, -ETIMEDOUT, "the guard did not answer in time");
}

static void failed(struct wakupator *w, int error)
{
	w->error = error;
	hang_up(w);
	try_next(w);
}

static void receive(struct wakupator *w)
{
	ssize_t n = recv(w->fd, w->reply + w->reply_n, REPLY_MAX - 1 - w->reply_n, 0);
	char text[REPLY_MAX];

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		failed(w, -errno);
		return;
	}
	w->reply_n += (size_t)n;
	w->reply[w->reply_n] = 0;
	/* The answer ends with a NUL, or with the connection. */
	if (n > 0 && !memchr(w->reply, 0, w->reply_n) && w->reply_n < REPLY_MAX - 1)
		return;
	if (w->reply_n == 0) {
		failed(w, -ECONNRESET);
		return;
	}
	memcpy(text, w->reply, w->reply_n + 1);
	over(w, strcmp(text, REGISTRATION_OK) == 0 ? 0 : -EACCES, text);
}

static void ready(void *context, unsigned int what)
{
	struct wakupator *w = context;
	ssize_t n;

	if (w->reading) {
		receive(w);
		return;
	}
	(void)what;
	n = send(w->fd, w->json + w->sent, w->json_n - w->sent, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		failed(w, -errno);
		return;
	}
	w->sent += n > 0 ? (size_t)n : 0;
	if (w->sent == w->json_n) {
		w->reading = true;
		(void)loop_watch_set(&w->watch, LOOP_READ);
	}
}

static int dial(struct wakupator *w, const struct link_end *end)
{
	struct sockaddr_storage address;
	socklen_t n = link_end_address(end, &address);
	int r;

	w->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd < 0)
		return -errno;
	if (connect(w->fd, (const struct sockaddr *)&address, n) < 0 && errno != EINPROGRESS)
		return -errno;
	r = loop_watch_init(&w->watch, w->loop, w->fd, LOOP_WRITE, ready, w);
	return r;
}

static void try_next(struct wakupator *w)
{
	struct link_end end;

	while (ends_next(&w->ends, &end)) {
		int r = dial(w, &end);

		if (r == 0)
			return;
		w->error = r;
		hang_up(w);
	}
	over(w, w->error, w->error == -ENOENT ? "its name has no address" : strerror(-w->error));
}

static void search_over(void *context)
{
	try_next(context);
}

static int start(struct wakupator *w, const char *guard)
{
	char host[ENDS_HOST];
	struct link_end end;
	uint16_t port;
	int r = ends_split(guard, host, &port);

	if (r < 0)
		return r;
	r = loop_timer_init(&w->deadline, w->loop, deadline_due, w);
	if (r < 0)
		return r;
	loop_timer_set(&w->deadline, clock_monotonic_us() + SLEEPER_GOODBYE_US);
	w->error = -ENOENT;
	if (!ends_literal(host, port, &end))
		return search_start(w->loop, &w->ends,
				    &(struct search_for){ host, port, "", search_over, w },
				    &w->search);
	ends_add(&w->ends, &end);
	if (ends_next(&w->ends, &end))
		r = dial(w, &end);
	return r;
}

/* The first line of the file. Without one it is tried all the same: the guard says whether it wants a token. */
static void take_token(const char *file, char to[static REGISTRATION_TOKEN_MAX + 1])
{
	char *bytes = NULL;
	size_t line = 0, n = 0;
	int r = file[0] ? file_read(AT_FDCWD, file, TOKEN_FILE_MAX, &bytes, &n) : 0;

	if (bytes)
		line = strcspn(bytes, "\r\n");
	if (r < 0)
		log_warning("token-file %s: %s", file, strerror(-r));
	else if (bytes && (line == 0 || line > REGISTRATION_TOKEN_MAX))
		log_warning("token-file %s: its first line is no token of 1 to %d bytes", file,
			    REGISTRATION_TOKEN_MAX);
	else if (bytes)
		memcpy(to, bytes, line);
	if (bytes)
		explicit_bzero(bytes, n);
	free(bytes);
}

int wakupator_register(struct loop *l, const struct config *c, const struct spec *spec,
		       sleeper_done *done, void *context, struct wakupator **ret)
{
	struct registration what = { .spec = *spec, .goodbye = true };
	struct wakupator *w = calloc(1, sizeof(*w));
	int n, r;

	if (!w)
		return -ENOMEM;
	w->loop = l;
	w->fd = -1;
	w->done = done;
	w->context = context;
	take_token(c->token_file, what.token);
	n = registration_encode(&what, w->json, sizeof(w->json));
	w->json_n = n < 0 ? 0 : (size_t)n;
	explicit_bzero(what.token, sizeof(what.token));
	r = n < 0 ? n : start(w, c->guard);
	if (r < 0)
		wakupator_free(w);
	else
		*ret = w;
	return r;
}

void wakupator_free(struct wakupator *w)
{
	if (!w)
		return;
	hang_up(w);
	search_free(w->search);
	loop_timer_done(&w->deadline);
	explicit_bzero(w->json, sizeof(w->json));
	free(w);
}
