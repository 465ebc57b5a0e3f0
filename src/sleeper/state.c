#include "sleeper/state.h"

#include "base/bytes.h"
#include "proto/keys.h"
#include "sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_file(int dir, struct state *ret)
{
	struct stat st;
	char *bytes;
	size_t n;
	int r;

	if (fstatat(dir, PAIRING_STATE_FILE, &st, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return -EPERM;
	r = file_read(dir, PAIRING_STATE_FILE, PAIRING_STATE_MAX, &bytes, &n);
	if (r < 0)
		return r;
	r = pairing_state_read(bytes, n, &ret->pairing);
	ret->paired = r == 0;
	keys_wipe(bytes, n);
	free(bytes);
	return r;
}

int state_load(const char *directory, struct state *ret)
{
	int dir;
	int r = file_directory_open(directory, &dir);

	memset(ret, 0, sizeof(*ret));
	if (r < 0)
		return r;
	r = read_file(dir, ret);
	close(dir);
	return r;
}

bool state_same(const struct state *a, const struct state *b)
{
	const struct pairing_state *p = &a->pairing, *q = &b->pairing;

	if (!a->paired || !b->paired)
		return a->paired == b->paired;
	return strcmp(p->id, q->id) == 0 && bytes_equal_secret(p->key, q->key, sizeof(p->key)) &&
	       strcmp(p->guard, q->guard) == 0 && p->port == q->port &&
	       mac_equal(&p->mac, &q->mac) && strcmp(p->name, q->name) == 0 &&
	       strcmp(p->interface, q->interface) == 0;
}

int state_save(const char *directory, const struct pairing_state *p)
{
	char text[PAIRING_STATE_MAX];
	int n = pairing_state_write(p, text, sizeof(text));
	int dir;
	int r;

	if (n < 0)
		return n;
	r = file_directory_open(directory, &dir);
	if (r == 0) {
		r = file_replace(dir, PAIRING_STATE_FILE, text, (size_t)n, 0600);
		close(dir);
	}
	keys_wipe(text, sizeof(text));
	return r;
}

/* --- watching --- */

static void ready(void *context, unsigned int what)
{
	struct state_watch *w = context;
	_Alignas(struct inotify_event) char bytes[4096];
	bool ours = false;
	ssize_t n = read(w->fd, bytes, sizeof(bytes));

	(void)what;
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const struct inotify_event *)(const void *)(bytes +
											     at);

		ours = ours || (e->len && strcmp(e->name, PAIRING_STATE_FILE) == 0);
		at += (ssize_t)(sizeof(*e) + e->len);
	}
	if (ours)
		w->changed(w->context);
}

int state_watch_init(struct state_watch *w, struct loop *l, const char *directory,
		     void (*changed)(void *context), void *context)
{
	int r;

	*w = (struct state_watch){ .fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK),
				   .changed = changed,
				   .context = context };
	if (w->fd < 0)
		return -errno;
	r = loop_watch_init(&w->watch, l, w->fd, LOOP_READ, ready, w);
	/* It is replaced by renaming. */
	if (r == 0 &&
	    inotify_add_watch(w->fd, directory, IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE) < 0)
		r = -errno;
	if (r < 0)
		state_watch_done(w);
	return r;
}

void state_watch_done(struct state_watch *w)
{
	loop_watch_done(&w->watch);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}
