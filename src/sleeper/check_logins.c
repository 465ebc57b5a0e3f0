/*
 * check_logins: who is logged in and does something, and what blocks sleep, as logind says.
 *
 * A terminal's session is idle since somebody last typed or read there; a graphical one when its desktop says so. A remote session
 * without a terminal (a copy, a mount) is judged by its traffic alone: logind cannot tell when it is idle.
 */
#include "sleeper/idle_parts.h"

#include "sleeper/bus.h"
#include "sleeper/session_tty.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOGIND "org.freedesktop.login1"
#define LOGIND_PATH "/org/freedesktop/login1"
#define MANAGER LOGIND ".Manager"

static void copy(char *to, size_t size, const char *from)
{
	struct text t = text_over(to, size);

	text_string(&t, from);
}

/* --- asking --- */

static void got_session(struct sleeper_idle *i, sd_bus_message *m, size_t nth)
{
	struct idle_session *s = &i->logins.sessions[nth];
	const struct idle_property wanted[] = {
		{ "Type", 's', s->type, sizeof(s->type) },
		{ "Class", 's', s->class, sizeof(s->class) },
		{ "TTY", 's', s->tty, sizeof(s->tty) },
		{ "RemoteHost", 's', s->host, sizeof(s->host) },
		{ "State", 's', s->state, sizeof(s->state) },
		{ "Remote", 'b', &s->remote, 0 },
		{ "IdleHint", 'b', &s->idle, 0 },
		{ "IdleSinceHintMonotonic", 't', &s->idle_since_us, 0 },
	};

	struct session_tty tty;

	/* One that ended meanwhile has no properties, and keeps nothing awake. */
	s->known = m && idle_bus_properties(m, wanted, sizeof(wanted) / sizeof(wanted[0])) == 0;
	if (s->known && s->remote && !s->tty[0] && session_tty_find(s->uid, s->id, &tty)) {
		copy(s->tty, sizeof(s->tty), tty.name);
		s->idle_since_us = tty.used_us;
	}
}

static void got_sessions(struct sleeper_idle *i, sd_bus_message *m, size_t nth)
{
	struct idle_logins *l = &i->logins;
	const char *id, *user, *seat, *path;
	uint32_t uid;

	(void)nth;
	l->sessions_n = 0;
	l->failed = !m || sd_bus_message_enter_container(m, 'a', "(susso)") < 0;
	while (!l->failed && l->sessions_n < IDLE_SESSIONS_MAX &&
	       sd_bus_message_read(m, "(susso)", &id, &uid, &user, &seat, &path) > 0) {
		struct idle_session *s = &l->sessions[l->sessions_n];

		*s = (struct idle_session){ .uid = uid };
		copy(s->id, sizeof(s->id), id);
		copy(s->user, sizeof(s->user), user);
		idle_bus_ask(i, &(struct idle_question){
					.service = LOGIND,
					.path = path,
					.interface = "org.freedesktop.DBus.Properties",
					.method = "GetAll",
					.word = LOGIND ".Session",
					.got = got_session,
					.nth = l->sessions_n++ });
	}
}

/* Whether "sleep:idle" names a word. */
static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	while (*words) {
		size_t length = strcspn(words, ":");

		if (length == n && memcmp(words, word, n) == 0)
			return true;
		words += length + (words[length] == ':');
	}
	return false;
}

static void got_inhibitors(struct sleeper_idle *i, sd_bus_message *m, size_t nth)
{
	struct idle_logins *l = &i->logins;
	const char *what, *who, *why, *mode;
	uint32_t uid, pid;

	(void)nth;
	l->inhibitors_n = 0;
	l->inhibitors_failed = !m || sd_bus_message_enter_container(m, 'a', "(ssssuu)") < 0;
	while (!l->inhibitors_failed && l->inhibitors_n < IDLE_INHIBITORS_MAX &&
	       sd_bus_message_read(m, "(ssssuu)", &what, &who, &why, &mode, &uid, &pid) > 0) {
		struct idle_inhibitor *one = &l->inhibitors[l->inhibitors_n];

		if (strcmp(mode, "block") != 0 ||
		    (!has_word(what, "sleep") && !has_word(what, "idle")))
			continue;
		*one = (struct idle_inhibitor){ .uid = uid, .sleep = has_word(what, "sleep") };
		copy(one->who, sizeof(one->who), who);
		copy(one->why, sizeof(one->why), why);
		l->inhibitors_n++;
	}
}

void logins_ask(struct sleeper_idle *i)
{
	struct idle_question q = { .service = LOGIND,
				   .path = LOGIND_PATH,
				   .interface = MANAGER,
				   .method = "ListInhibitors",
				   .got = got_inhibitors };

	idle_bus_ask(i, &q);
	if (i->s->config->idle_sessions == SESSIONS_IGNORE)
		return;
	q.method = "ListSessions";
	q.got = got_sessions;
	idle_bus_ask(i, &q);
}

/* --- sessions --- */

static bool counts(const struct idle_session *s)
{
	if (!s->known || strcmp(s->class, "user") != 0 || strcmp(s->state, "closing") == 0)
		return false;
	return !(s->remote && !s->tty[0]);
}

static bool is_graphical(const struct idle_session *s)
{
	return strcmp(s->type, "x11") == 0 || strcmp(s->type, "wayland") == 0 ||
	       strcmp(s->type, "mir") == 0;
}

/* When somebody last did something in it. */
static uint64_t last_done(const struct idle_session *s, uint64_t now_us)
{
	if (is_graphical(s) && !s->idle)
		return now_us;
	return s->idle_since_us;
}

/* /proc/PID/cgroup: ".../session-3.scope": the id behind "session-". */
static bool session_of(int pid, char to[static 32])
{
	char path[32], text[1024];
	const char *at, *end;
	ssize_t n = -1;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	fd = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = 0;
	at = strstr(text, "/session-");
	at = at ? at + strlen("/session-") : NULL;
	end = at ? strstr(at, ".scope") : NULL;
	if (!end || end - at >= 32)
		return false;
	memcpy(to, at, (size_t)(end - at));
	to[end - at] = 0;
	return true;
}

/* Somebody who asks for sleep does not keep it awake by having typed that. */
static bool is_askers(const struct idle_session *s, const struct idle_asker *asker)
{
	char id[32];

	if (!asker || asker->pid <= 0)
		return false;
	if (asker->uid != 0 && asker->uid == s->uid)
		return true;
	return session_of(asker->pid, id) && strcmp(id, s->id) == 0;
}

bool logins_host_of(const struct sleeper_idle *i, const struct idle_asker *asker, struct addr *ret)
{
	for (size_t k = 0; asker && k < i->logins.sessions_n; k++) {
		const struct idle_session *s = &i->logins.sessions[k];

		if (s->known && s->remote && is_askers(s, asker) && addr_parse(s->host, ret) == 0)
			return true;
	}
	return false;
}

static void put_session(struct text *t, const struct idle_session *s, uint64_t now_us,
			uint64_t last)
{
	text_escaped_utf8(t, s->user, strlen(s->user));
	text_string(t, " is logged in");
	if (s->tty[0]) {
		text_string(t, " on ");
		text_escaped_utf8(t, s->tty, strlen(s->tty));
	}
	if (s->host[0]) {
		text_string(t, " from ");
		text_escaped_utf8(t, s->host, strlen(s->host));
	}
	if (last && last < now_us) {
		text_string(t, ", active ");
		evidence_put_duration(t, now_us - last);
		text_string(t, " ago");
	} else {
		text_string(t, last ? ", active" : ", nobody knows how idle");
	}
}

static void tell_sessions(struct sleeper_idle *i, uint64_t now_us, const struct idle_asker *asker,
			  struct evidences *to)
{
	const struct idle_logins *l = &i->logins;
	bool any = i->s->config->idle_sessions == SESSIONS_ANY;
	const struct idle_session *newest = NULL;
	struct text t;
	struct evidence *e = evidence_add(to, "sessions", &t);

	if (l->failed) {
		e->is.said = IDLE_POSTPONES;
		text_string(&t, "logind does not answer");
		return;
	}
	for (size_t k = 0; k < l->sessions_n; k++) {
		const struct idle_session *s = &l->sessions[k];

		if (counts(s) && !is_askers(s, asker) &&
		    (!newest || last_done(s, now_us) > last_done(newest, now_us)))
			newest = s;
	}
	if (!newest) {
		text_string(&t, "nobody is logged in");
		return;
	}
	e->is.last_us = last_done(newest, now_us);
	if (any || now_us <= e->is.last_us + i->s->config->idle_interval)
		e->is.said = IDLE_BUSY;
	put_session(&t, newest, now_us, e->is.last_us);
}

/* --- inhibitors --- */

static void tell_inhibitors(struct sleeper_idle *i, struct evidences *to)
{
	const struct idle_logins *l = &i->logins;
	bool obey = i->s->config->idle_inhibitors != 0;
	const struct idle_inhibitor *one = NULL;
	struct text t;
	struct evidence *e = evidence_add(to, "inhibitors", &t);

	if (l->inhibitors_failed) {
		e->is.said = IDLE_POSTPONES;
		text_string(&t, "logind does not answer");
		return;
	}
	for (size_t k = 0; k < l->inhibitors_n; k++) {
		/* One that blocks sleep counts, whatever we were told: logind would pass over root's. */
		if (l->inhibitors[k].sleep || (obey && !one))
			one = &l->inhibitors[k];
		if (one && one->sleep)
			break;
	}
	if (!one) {
		text_string(&t, "nothing blocks sleep");
		return;
	}
	e->is.said = IDLE_BUSY;
	e->firm = one->sleep;
	text_escaped_utf8(&t, one->who, strlen(one->who));
	text_string(&t, one->sleep ? " blocks sleep" : " asks not to sleep by itself");
	if (one->why[0]) {
		text_string(&t, ": ");
		text_escaped_utf8(&t, one->why, strlen(one->why));
	}
}

void logins_tell(struct sleeper_idle *i, uint64_t now_us, const struct idle_asker *asker,
		 struct evidences *to)
{
	if (i->s->config->idle_sessions != SESSIONS_IGNORE)
		tell_sessions(i, now_us, asker, to);
	tell_inhibitors(i, to);
}
