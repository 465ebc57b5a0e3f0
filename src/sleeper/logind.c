#include "sleeper/logind.h"

#include "sleeper/bus.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOGIN1 "org.freedesktop.login1"
#define LOGIN1_PATH "/org/freedesktop/login1"
#define LOGIN1_MANAGER "org.freedesktop.login1.Manager"
#define SYSTEMD1 "org.freedesktop.systemd1"
#define SYSTEMD1_PATH "/org/freedesktop/systemd1"
#define SYSTEMD1_MANAGER "org.freedesktop.systemd1.Manager"
#define DBUS "org.freedesktop.DBus"
/* Root is refused like others: SD_LOGIND_ROOT_CHECK_INHIBITORS of logind. */
#define CHECK_INHIBITORS UINT64_C(1)
#define JOBS_US 500000
#define AGAIN_US 60000000 /* after it refused the lock */

struct logind {
	struct sleeper *s;
	struct logind_user user;
	struct loop_timer again;
	char owner[64]; /* its unique name on the bus; empty: nobody has it */
	int lock; /* -1: not ours */
	bool leaving; /* released for good reason: not taken before the machine is back */
	bool said; /* that there is no lock */
	enum jobs_verdict how; /* told just before the signal that counts */
	sleeper_done *suspended; /* of the call that is under way */
	void *context;
};

/* --- the lock --- */

static void no_lock(struct logind *l, const char *why)
{
	if (!l->said)
		log_warning("no delay lock of logind: %s; a goodbye may come too late", why);
	l->said = true;
	loop_timer_set(&l->again, clock_monotonic_us() + AGAIN_US);
}

static int take_lock(sd_bus_message *m, void *context, sd_bus_error *ret_error)
{
	struct logind *l = context;
	const sd_bus_error *e = sd_bus_message_get_error(m);
	int fd, r;

	(void)ret_error;
	if (e) {
		no_lock(l, e->message ? e->message : e->name);
		return 0;
	}
	r = sd_bus_message_read(m, "h", &fd);
	fd = r < 0 ? r : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0) {
		no_lock(l, strerror(r < 0 ? -r : errno));
		return 0;
	}
	/* Asked for before it went: too late for this time. */
	if (l->leaving) {
		close(fd);
		return 0;
	}
	if (l->lock >= 0)
		close(l->lock);
	l->lock = fd;
	log_info("logind waits for us before this machine sleeps");
	l->said = false;
	return 0;
}

static void ask_lock(struct logind *l)
{
	sd_bus *bus = bus_now(l->s->bus);
	int r;

	if (!bus)
		return;
	r = sd_bus_call_method_async(bus, NULL, LOGIN1, LOGIN1_PATH, LOGIN1_MANAGER, "Inhibit",
				     take_lock, l, "ssss", "sleep:shutdown", "rouse-sleeper",
				     "Tells the guard that this machine sleeps", "delay");
	if (r < 0)
		no_lock(l, strerror(-r));
	bus_touch(l->s->bus);
}

static void again_due(void *context)
{
	struct logind *l = context;

	if (l->lock < 0 && !l->leaving)
		ask_lock(l);
}

void logind_lock(struct logind *l)
{
	l->leaving = false;
	if (l->lock < 0)
		ask_lock(l);
}

void logind_release(struct logind *l)
{
	l->leaving = true;
	if (l->lock >= 0)
		close(l->lock);
	l->lock = -1;
}

bool logind_is_there(const struct logind *l)
{
	return l->lock >= 0 || l->leaving;
}

/* --- signals --- */

static void set_owner(struct logind *l, const char *name)
{
	(void)snprintf(l->owner, sizeof(l->owner), "%s", name);
}

/*
 * Whether `who` said it. Any user may send any signal to a program of the bus, and the library does not know who has a name:
 * its matches let everybody through who has none of his own.
 */
static bool is_of(sd_bus_message *m, const char *who)
{
	const char *sender = sd_bus_message_get_sender(m);

	return sender && who[0] && strcmp(sender, who) == 0;
}

static int take_owner(sd_bus_message *m, void *context, sd_bus_error *error)
{
	const char *name = "";

	(void)error;
	/* Where nobody has it yet, NameOwnerChanged tells. */
	if (!sd_bus_message_get_error(m) && sd_bus_message_read(m, "s", &name) >= 0)
		set_owner(context, name);
	return 0;
}

static int prepare_sleep(sd_bus_message *m, void *context, sd_bus_error *error)
{
	struct logind *l = context;
	int begins;

	(void)error;
	if (!is_of(m, l->owner) || sd_bus_message_read(m, "b", &begins) < 0)
		return 0;
	if (begins)
		l->user.sleeps(l->user.context);
	else
		l->user.wakes(l->user.context);
	return 0;
}

static int prepare_shutdown(sd_bus_message *m, void *context, sd_bus_error *error)
{
	struct logind *l = context;
	enum jobs_verdict how = l->how;
	int begins;

	(void)error;
	if (!is_of(m, l->owner))
		return 0;
	l->how = JOBS_NONE;
	if (sd_bus_message_read(m, "b", &begins) < 0)
		return 0;
	if (begins)
		l->user.shuts_down(l->user.context, how);
	else
		l->user.stays(l->user.context);
	return 0;
}

/* Newer ones say how, right before the signal above (sd-login of 256). */
static int prepare_how(sd_bus_message *m, void *context, sd_bus_error *error)
{
	struct logind *l = context;
	const char *key, *how;
	int begins;

	(void)error;
	if (!is_of(m, l->owner))
		return 0;
	l->how = JOBS_NONE;
	if (sd_bus_message_read(m, "b", &begins) < 0 ||
	    sd_bus_message_enter_container(m, 'a', "{sv}") < 0)
		return 0;
	while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
		if (sd_bus_message_read(m, "s", &key) < 0)
			return 0;
		if (strcmp(key, "type") == 0) {
			if (sd_bus_message_read(m, "v", "s", &how) < 0)
				return 0;
			l->how = jobs_of_logind(how);
		} else if (sd_bus_message_skip(m, "v") < 0) {
			return 0;
		}
		if (sd_bus_message_exit_container(m) < 0)
			return 0;
	}
	return 0;
}

/* A new logind knows of the old one's locks only while their holder has not let go. */
static int owner_changed(sd_bus_message *m, void *context, sd_bus_error *error)
{
	struct logind *l = context;
	const char *name, *was, *is;

	(void)error;
	if (!is_of(m, DBUS) || sd_bus_message_read(m, "sss", &name, &was, &is) < 0)
		return 0;
	set_owner(l, is);
	if (is[0] && !l->leaving)
		ask_lock(l);
	else if (!is[0])
		log_info("logind is away");
	return 0;
}

static int matched(sd_bus_message *m, void *context, sd_bus_error *error)
{
	const sd_bus_error *e = sd_bus_message_get_error(m);

	(void)context, (void)error;
	if (e)
		log_warning("the system bus does not tell when this machine sleeps: %s",
			    e->message ? e->message : e->name);
	return 0;
}

static void bus_up(void *context, sd_bus *bus)
{
	struct logind *l = context;
	int r = sd_bus_match_signal_async(bus, NULL, LOGIN1, LOGIN1_PATH, LOGIN1_MANAGER,
					  "PrepareForSleep", prepare_sleep, matched, l);

	if (r >= 0)
		r = sd_bus_match_signal_async(bus, NULL, LOGIN1, LOGIN1_PATH, LOGIN1_MANAGER,
					      "PrepareForShutdownWithMetadata", prepare_how,
					      matched, l);
	if (r >= 0)
		r = sd_bus_match_signal_async(bus, NULL, LOGIN1, LOGIN1_PATH, LOGIN1_MANAGER,
					      "PrepareForShutdown", prepare_shutdown, matched, l);
	if (r >= 0)
		r = sd_bus_add_match_async(bus, NULL,
					   "type='signal',sender='" DBUS "',"
					   "member='NameOwnerChanged',arg0='" LOGIN1 "'",
					   owner_changed, matched, l);
	/* Behind the match, so that no change is missed between the two. */
	if (r >= 0)
		r = sd_bus_call_method_async(bus, NULL, DBUS, "/org/freedesktop/DBus", DBUS,
					     "GetNameOwner", take_owner, l, "s", LOGIN1);
	if (r < 0)
		log_warning("cannot listen on the system bus: %s", strerror(-r));
	if (!l->leaving)
		ask_lock(l);
}

static void over(struct logind *l, int result, const char *text)
{
	sleeper_done *done = l->suspended;

	l->suspended = NULL;
	if (done)
		done(l->context, result, text);
}

static void bus_down(void *context)
{
	set_owner(context, "");
	over(context, -ECONNRESET, "the system bus went away");
}

/* --- asking --- */

static int suspend_answered(sd_bus_message *m, void *context, sd_bus_error *error)
{
	const sd_bus_error *e = sd_bus_message_get_error(m);

	(void)error;
	if (e)
		over(context, -EACCES, e->message ? e->message : e->name);
	else
		over(context, 0, "");
	return 0;
}

void logind_suspend(struct logind *l, sleeper_done *done, void *context)
{
	sd_bus *bus = bus_now(l->s->bus);
	int r = -ENOTCONN;

	if (l->suspended) {
		done(context, -EBUSY, "it is asked for already");
		return;
	}
	if (bus)
		r = sd_bus_call_method_async(bus, NULL, LOGIN1, LOGIN1_PATH, LOGIN1_MANAGER,
					     "SuspendWithFlags", suspend_answered, l, "t",
					     CHECK_INHIBITORS);
	if (r < 0) {
		done(context, r, bus ? strerror(-r) : "there is no system bus");
		return;
	}
	l->suspended = done;
	l->context = context;
	bus_touch(l->s->bus);
}

/* --- the end --- */

static int list_jobs(sd_bus *bus, enum jobs_verdict *ret_verdict)
{
	enum jobs_verdict verdict = JOBS_NONE;
	sd_bus_message *call = NULL, *answer = NULL;
	const char *unit, *type;
	int r = sd_bus_message_new_method_call(bus, &call, SYSTEMD1, SYSTEMD1_PATH,
					       SYSTEMD1_MANAGER, "ListJobs");

	if (r >= 0)
		r = sd_bus_call(bus, call, JOBS_US, NULL, &answer);
	if (r >= 0)
		r = sd_bus_message_enter_container(answer, 'a', "(usssoo)");
	while (r >= 0 && (r = sd_bus_message_read(answer, "(usssoo)", NULL, &unit, &type, NULL,
						  NULL, NULL)) > 0)
		verdict = jobs_take(verdict, unit, type);
	sd_bus_message_unref(call);
	sd_bus_message_unref(answer);
	if (r < 0)
		return r;
	*ret_verdict = verdict;
	return 0;
}

/* The service manager's own socket, as systemctl(1) uses it: there while the bus is not. */
static int list_jobs_directly(enum jobs_verdict *ret_verdict)
{
	sd_bus *bus = NULL;
	int r = sd_bus_new(&bus);

	if (r >= 0)
		r = sd_bus_set_address(bus, "unix:path=/run/systemd/private");
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r >= 0)
		r = list_jobs(bus, ret_verdict);
	sd_bus_close(bus);
	sd_bus_unref(bus);
	return r;
}

int logind_jobs(struct bus *b, enum jobs_verdict *ret_verdict)
{
	sd_bus *bus = bus_now(b);
	int r = bus ? list_jobs(bus, ret_verdict) : -ENOTCONN;

	return r < 0 ? list_jobs_directly(ret_verdict) : 0;
}

/* --- making one --- */

int logind_new(struct sleeper *s, const struct logind_user *u, struct logind **ret_logind)
{
	struct logind *l = calloc(1, sizeof(*l));
	struct bus_user user = { bus_up, bus_down, NULL };
	int r;

	if (!l)
		return -ENOMEM;
	r = loop_timer_init(&l->again, s->loop, again_due, l);
	if (r < 0) {
		free(l);
		return r;
	}
	l->s = s;
	l->user = *u;
	l->lock = -1;
	user.context = l;
	bus_use(s->bus, &user);
	*ret_logind = l;
	return 0;
}

void logind_free(struct logind *l)
{
	if (!l)
		return;
	l->suspended = NULL;
	loop_timer_done(&l->again);
	if (l->lock >= 0)
		close(l->lock);
	free(l);
}
