/* Asking resolvers and mDNS takes seconds, and their functions block: a thread of its own that ends with the search. */
#include "sleeper/ends.h"

#include "base/text.h"
#include "proto/registration.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DISCOVER_MS 2500 /* a guard waits up to 1.2 s with its answer */
#define STACK_SIZE (256 * 1024)

int ends_split(const char *text, char ret_host[static ENDS_HOST], uint16_t *ret_port)
{
	const char *port = NULL;
	uint64_t number = REGISTRATION_PORT;
	size_t n = strlen(text);

	if (text[0] == '[') {
		const char *end = strchr(text, ']');

		if (!end || (end[1] && end[1] != ':'))
			return -EINVAL;
		port = end[1] ? end + 2 : NULL;
		n = (size_t)(end - text) - 1;
		text++;
	} else if (strchr(text, ':') && strchr(text, ':') == strrchr(text, ':')) {
		n = (size_t)(strchr(text, ':') - text);
		port = text + n + 1;
	}
	if (n == 0 || n >= ENDS_HOST)
		return -EINVAL;
	if (port && (text_parse_u64(port, 65535, &number) < 0 || number == 0))
		return -EINVAL;
	memcpy(ret_host, text, n);
	ret_host[n] = 0;
	*ret_port = (uint16_t)number;
	return 0;
}

bool ends_literal(const char *host, uint16_t port, struct link_end *ret)
{
	const char *zone = strchr(host, '%');
	size_t n = zone ? (size_t)(zone - host) : strlen(host);
	struct link_end e = { .port = port };
	char address[ADDR_TEXT] = "";

	if (n >= sizeof(address))
		return false;
	memcpy(address, host, n);
	if (addr_parse(address, &e.addr) < 0)
		return false;
	if (zone)
		e.scope = if_nametoindex(zone + 1);
	*ret = e;
	return true;
}

void ends_clear(struct ends *e)
{
	e->n = 0;
	e->next = 0;
}

void ends_add(struct ends *e, const struct link_end *end)
{
	for (size_t i = 0; i < e->n; i++) {
		if (addr_equal(&e->list[i].addr, &end->addr) && e->list[i].port == end->port &&
		    e->list[i].scope == end->scope)
			return;
	}
	if (e->n < ENDS_MAX)
		e->list[e->n++] = *end;
}

/* The k-th address of each guard of those that are link-local, or are not. */
static void add_rank(struct ends *e, const struct discovered *guards, size_t n, size_t k,
		     bool link_local)
{
	for (size_t i = 0; i < n; i++) {
		const struct discovered *d = &guards[i];
		struct link_end end = { .port = d->port,
					.scope = link_local ? (uint32_t)d->ifindex : 0 };

		if (k >= d->addresses_n || addr_is_link_local(&d->addresses[k]) != link_local)
			continue;
		end.addr = d->addresses[k];
		ends_add(e, &end);
	}
}

void ends_add_found(struct ends *e, const struct discovered *guards, size_t n)
{
	for (int link_local = 0; link_local < 2; link_local++) {
		for (size_t k = 0; k < DISCOVER_ADDRESSES; k++)
			add_rank(e, guards, n, k, link_local);
	}
}

bool ends_next(struct ends *e, struct link_end *ret)
{
	if (e->next == e->n)
		return false;
	*ret = e->list[e->next++];
	return true;
}

/* --- the search --- */

/* Shared with the thread; whoever lets go last frees it. */
struct work {
	atomic_int holders;
	int done_fd; /* the thread's: written to when it is over */
	char host[ENDS_HOST]; /* empty: none */
	uint16_t port;
	char interface[IF_NAMESIZE];
	struct ends found;
};

struct search {
	struct work *work;
	struct loop_watch watch;
	int fd;
	struct ends *to;
	search_done *done;
	void *context;
};

static void let_go(struct work *w)
{
	if (atomic_fetch_sub(&w->holders, 1) == 1) {
		if (w->done_fd >= 0)
			close(w->done_fd);
		free(w);
	}
}

static void resolve(struct work *w)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *all;

	if (getaddrinfo(w->host, NULL, &hints, &all) != 0)
		return;
	for (const struct addrinfo *a = all; a; a = a->ai_next) {
		struct link_end e = { .port = w->port };

		if (a->ai_family == AF_INET) {
			const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)
							       a->ai_addr;

			e.addr = addr_v4((const uint8_t *)&v4->sin_addr);
		} else if (a->ai_family == AF_INET6) {
			const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)
								a->ai_addr;

			e.addr = addr_v6((const uint8_t *)&v6->sin6_addr);
			e.scope = v6->sin6_scope_id;
		}
		if (e.addr.family)
			ends_add(&w->found, &e);
	}
	freeaddrinfo(all);
}

static void discover(struct work *w)
{
	struct discovered guards[DISCOVER_GUARDS];
	int n = discover_guards(DISCOVER_MS, w->interface, guards,
				sizeof(guards) / sizeof(guards[0]));

	ends_add_found(&w->found, guards, n > 0 ? (size_t)n : 0);
}

static void *work_main(void *context)
{
	struct work *w = context;

	if (w->host[0])
		resolve(w);
	if (w->interface[0])
		discover(w);
	(void)!write(w->done_fd, "", 1);
	let_go(w);
	return NULL;
}

static void search_ready(void *context, unsigned int what)
{
	struct search *s = context;

	(void)what;
	(void)loop_watch_set(&s->watch, 0);
	for (size_t i = 0; i < s->work->found.n; i++)
		ends_add(s->to, &s->work->found.list[i]);
	s->done(s->context);
}

static int run_thread(struct work *w)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int r = -pthread_attr_init(&attributes);

	if (r < 0)
		return r;
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
	r = -pthread_create(&thread, &attributes, work_main, w);
	(void)pthread_attr_destroy(&attributes);
	return r;
}

static int search_init(struct search *s, struct loop *l)
{
	int fds[2];
	int r;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	s->fd = fds[0];
	s->work->done_fd = fds[1];
	r = loop_watch_init(&s->watch, l, s->fd, LOOP_READ, search_ready, s);
	if (r < 0)
		return r;
	atomic_store(&s->work->holders, 2);
	r = run_thread(s->work);
	if (r < 0)
		atomic_store(&s->work->holders, 1);
	return r;
}

int search_start(struct loop *l, struct ends *to, const struct search_for *what,
		 struct search **ret_search)
{
	const char *host = what->host;
	struct search *s;
	struct link_end e;
	int r;

	if (host && (ends_literal(host, what->port, &e) || strlen(host) >= ENDS_HOST))
		host = NULL;
	if (!host && !what->interface[0])
		return -ENOENT;
	s = calloc(1, sizeof(*s));
	if (s)
		s->work = calloc(1, sizeof(*s->work));
	if (!s || !s->work) {
		free(s);
		return -ENOMEM;
	}
	s->to = to;
	s->done = what->done;
	s->context = what->context;
	s->fd = -1;
	s->work->done_fd = -1;
	s->work->port = what->port;
	atomic_init(&s->work->holders, 1);
	if (host)
		memcpy(s->work->host, host, strlen(host) + 1);
	strncpy(s->work->interface, what->interface, sizeof(s->work->interface) - 1);
	r = search_init(s, l);
	if (r < 0)
		search_free(s);
	else
		*ret_search = s;
	return r;
}

void search_free(struct search *s)
{
	if (!s)
		return;
	loop_watch_done(&s->watch);
	if (s->fd >= 0)
		close(s->fd);
	let_go(s->work);
	free(s);
}
