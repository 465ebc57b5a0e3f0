#include "relay/server.h"

#include "proto/keys.h"
#include "relay/guard.h"
#include "relay/listener.h"
#include "relay/live.h"
#include "relay/visitor.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/log.h"
#include "sys/notify.h"
#include "sys/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define LOOK_US 1000000 /* how often the database is asked for homes that an operator removed */
#define DRAIN_LOOK_US 100000
#define DRAIN_WAIT_US 10000000 /* for requests that are under way */

struct server {
	struct relay relay;
	struct listener listener;
	struct loop_signals signals;
	struct loop_timer look, drain;
	uint64_t drain_until_us;
	const char *config_file;
};

/* --- homes that an operator removed --- */

static void forget_removal(struct relay *r, const uint8_t *home)
{
	struct route_home *h = route_find(&r->route, home);
	struct store_op *op = store_op_new(STORE_FORGET_REMOVAL, home);
	char id[RELAY_HOME_TEXT];

	log_notice("home %s was removed", b64_encode(home, RELAY_HOME_SIZE, id));
	if (h && h->guard)
		guard_removed(h->guard);
	live_check_grants(r, home);
	if (op)
		store_submit(r->store, op);
}

static void on_look(void *context)
{
	struct server *s = context;
	uint8_t home[RELAY_HOME_SIZE];

	/* One at a time is enough: the next look finds the next one. */
	if (store_state_now(s->relay.store) == STORE_OK &&
	    store_find_removal(s->relay.store, home) == 1)
		forget_removal(&s->relay, home);
	log_flush();
	loop_timer_set(&s->look, clock_monotonic_us() + LOOK_US);
}

/* --- storage --- */

static void ask_again(void *context, struct route_home *h)
{
	(void)context;
	if (!h->stale || !h->guard)
		return;
	h->stale = false;
	guard_again(h->guard);
}

static void on_store_changed(void *context, enum store_state now)
{
	struct server *s = context;

	if (now != STORE_OK) {
		log_error(
			"the database cannot be written (%s): wakes go on, but nothing new is kept",
			store_state_name(now));
		return;
	}
	log_notice("the database can be written again");
	route_each(&s->relay.route, ask_again, NULL);
}

/* --- signals --- */

static void reload(struct server *s)
{
	struct relay *r = &s->relay;
	struct tls_context *fresh;
	char problem[TLS_PROBLEM] = "";

	if (!r->tls)
		return;
	(void)notify_reloading();
	if (tls_context_new(r->config.tls_cert, r->config.tls_key, &fresh, problem) < 0) {
		log_error("the certificate stays as it was: %s", problem);
	} else {
		tls_context_free(r->tls);
		r->tls = fresh;
		log_notice("certificate and key read again");
	}
	(void)notify_ready(NULL);
}

static void tell_drain(void *context, struct route_home *h)
{
	struct relay *r = context;

	if (h->guard)
		guard_drain(h->guard, r->config.drain_us / 1000000);
}

static void on_drain(void *context)
{
	struct server *s = context;
	uint64_t now = clock_monotonic_us();

	if (s->relay.route.waiting == 0 || now >= s->drain_until_us)
		loop_stop(s->relay.loop);
	else
		loop_timer_set(&s->drain, now + DRAIN_LOOK_US);
}

static void drain(struct server *s)
{
	if (s->relay.draining)
		return;
	s->relay.draining = true;
	log_notice("stopping: %u guards are told to come back within %llu s", s->relay.route.guards,
		   (unsigned long long)(s->relay.config.drain_us / 1000000));
	(void)notify_stopping();
	listener_close(&s->listener);
	route_each(&s->relay.route, tell_drain, &s->relay);
	s->drain_until_us = clock_monotonic_us() + DRAIN_WAIT_US;
	loop_timer_set(&s->drain, clock_monotonic_us() + DRAIN_LOOK_US);
}

static void on_signal(void *context, int signal)
{
	if (signal == SIGHUP)
		reload(context);
	else
		drain(context);
}

/* --- start and end --- */

/* As many descriptors as the system lets us have; connections beyond them are not promised. */
static void raise_files(struct config *c)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur != RLIM_INFINITY && c->connections + 100 > limit.rlim_cur) {
		c->connections = limit.rlim_cur > 200 ? limit.rlim_cur - 100 : 100;
		log_notice("at most %llu connections: the limit of open files is %llu",
			   (unsigned long long)c->connections, (unsigned long long)limit.rlim_cur);
	}
}

static int open_tls(struct relay *r)
{
	char problem[TLS_PROBLEM] = "";
	int result = 0;

	if (r->config.tls_cert[0])
		result = tls_context_new(r->config.tls_cert, r->config.tls_key, &r->tls, problem);
	if (result < 0)
		log_error("%s", problem);
	return result;
}

static int open_store(struct server *s)
{
	const struct store_listener listener = { on_store_changed, s };
	struct relay *r = &s->relay;
	char problem[STORE_PROBLEM] = "";
	int result = store_open(r->config.database, r->loop, (uint32_t)r->config.events_per_home,
				&listener, &r->store, problem);

	if (result < 0)
		log_error("the database %s cannot be used: %s", r->config.database, problem);
	else if (store_state_now(r->store) != STORE_OK)
		on_store_changed(s, store_state_now(r->store));
	return result;
}

static int open_loop(struct server *s)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, 0 };
	struct relay *r = &s->relay;
	int result = loop_new(&r->loop);

	if (result == 0)
		result = wheel_init(&r->wheel, r->loop);
	if (result == 0)
		result = stream_hub_init(&r->hub, r->loop);
	if (result == 0)
		result = limits_init(&r->limits);
	if (result == 0)
		result = route_init(&r->route, &r->wheel, guard_send, guard_doubt);
	if (result == 0)
		result = loop_timer_init(&s->look, r->loop, on_look, s);
	if (result == 0)
		result = loop_timer_init(&s->drain, r->loop, on_drain, s);
	if (result == 0)
		result = loop_signals_init(&s->signals, r->loop, signals, on_signal, s);
	if (result < 0)
		log_error("cannot start: %s", strerror(-result));
	return result;
}

/* The directory of a file; `to` is "" for none. */
static void directory_of(const char *file, char to[static CONFIG_PATH_MAX + 1])
{
	const char *slash = strrchr(file, '/');
	size_t n = slash ? (size_t)(slash - file) : 0;

	memcpy(to, file, n);
	to[n] = 0;
	if (slash == file)
		(void)strcpy(to, "/");
}

/*
 * Everything that needs more than this is open by now. Should keep: the database's directory, and where certificate and key
 * are, to read them again. Must not keep: capabilities, other files, new connections. As root: becomes the owner of the
 * database's directory. Before the store's thread starts, because Landlock and seccomp are inherited by it.
 */
static int close_doors(const struct relay *r)
{
	char database[CONFIG_PATH_MAX + 1], cert[CONFIG_PATH_MAX + 1], key[CONFIG_PATH_MAX + 1];
	const struct sandbox_path paths[] = { { .path = database, .write = true },
					      { .path = cert },
					      { .path = key } };
	size_t n = r->config.tls_cert[0] ? 3 : 1;
	struct sandbox_report report;
	char text[SANDBOX_TEXT];
	struct stat owner;
	int result;

	directory_of(r->config.database, database);
	directory_of(r->config.tls_cert, cert);
	directory_of(r->config.tls_key, key);
	if (stat(database, &owner) < 0) {
		log_error("the database's directory %s: %s", database, strerror(errno));
		return -errno;
	}
	result = sandbox_identity(owner.st_uid, owner.st_gid, 0, &report);
	if (result == 0)
		result = sandbox_close(SANDBOX_RELAY, paths, n, &report);
	if (result < 0)
		log_error("giving up privileges fails: %s", strerror(-result));
	else
		log_info("runs with %s", sandbox_report_format(&report, text));
	return result;
}

static int open_all(struct server *s)
{
	struct relay *r = &s->relay;
	int result;

	list_init(&r->visitors);
	entropy_bytes(r->run, sizeof(r->run));
	b64_encode(r->run, sizeof(r->run), r->run_text);
	r->https = strncmp(r->config.public_url, "https:", 6) == 0;
	raise_files(&r->config);
	result = keys_init();
	if (result == 0)
		result = open_loop(s);
	if (result == 0)
		result = open_tls(r);
	if (result == 0)
		result = listener_open(&s->listener, r);
	if (result == 0)
		result = close_doors(r);
	if (result == 0)
		result = open_store(s);
	return result < 0 ? result : listener_start(&s->listener);
}

static void close_visitors(struct relay *r)
{
	list_each(node, &r->visitors)
		stream_close(&container_of(node, struct visitor, node)->stream);
	/* What is closed is told from the loop. */
	while (r->visitors_n && loop_run_once(r->loop, 0) == 0)
		;
}

int server_run(const struct config *c, const char *config_file)
{
	static struct server s;
	struct relay *r = &s.relay;
	int result;

	r->config = *c;
	s.config_file = config_file;
	log_open("rouse-relay");
	log_set_level(c->log_level);
	(void)signal(SIGPIPE, SIG_IGN);
	/* A file that may not grow any more is a full disk, not an end. */
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)notify_open();
	if (open_all(&s) < 0)
		return EXIT_FAILURE;
	on_look(&s);
	log_notice("rouse-relay " ROUSE_VERSION " serves %s", r->config.public_url);
	(void)notify_ready(NULL);
	result = loop_run(r->loop);
	listener_close(&s.listener);
	close_visitors(r);
	store_close(r->store);
	tls_context_free(r->tls);
	buffer_done(&r->out);
	limits_done(&r->limits);
	route_done(&r->route);
	stream_hub_done(&r->hub);
	log_flush();
	return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
