/*
 * control_commands: what programs ask for over the local socket: one function a command, one table of them.
 */
#include "sleeper/control_parts.h"

#include "proto/time_text.h"
#include "sleeper/config.h"
#include "sleeper/guard.h"
#include "sleeper/idle.h"
#include "sleeper/services.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* --- writing --- */

static void write_word(struct json_writer *w, const char *key, const char *word)
{
	json_write_key(w, key);
	if (word)
		json_write_word(w, word);
	else
		json_write_null(w);
}

/* A moment for people; 0: null. */
static void write_time(struct json_writer *w, const char *key, uint64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm local = { 0 };
	char text[TIME_TEXT];

	(void)localtime_r(&seconds, &local);
	write_word(w, key, wall_ms ? time_text(wall_ms, (int)(local.tm_gmtoff / 60), text) : NULL);
}

static void write_seconds(struct json_writer *w, const char *key, uint64_t us, bool known)
{
	json_write_key(w, key);
	if (known)
		json_write_u64(w, us / 1000000);
	else
		json_write_null(w);
}

/* Monotonic microseconds as a moment of now's wall clock; 0: null. */
static void write_since(struct json_writer *w, const char *key, uint64_t us)
{
	struct moment now = clock_now();

	write_time(w, key, us && us <= now.us ? now.wall_ms - (now.us - us) / 1000 : 0);
}

/* --- version, status --- */

static void do_version(struct client *k, const struct json *request)
{
	char bytes[256];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	(void)request;
	json_write_open(&w, '{');
	write_word(&w, "result", answer_result_name(ANSWER_OK));
	write_word(&w, "version", ROUSE_VERSION);
	json_write_close(&w, '}');
	client_end(k, &w);
}

/* Of several, the one that is not as it should be. */
static const struct port_physical *telling(const struct port *p)
{
	for (size_t i = 0; i < p->physical_n; i++) {
		if (p->physical[i].wake != PORT_WAKE_ARMED)
			return &p->physical[i];
	}
	return p->physical_n ? &p->physical[0] : NULL;
}

static void write_port(struct json_writer *w, const struct port *p)
{
	const struct port_physical *hardware = telling(p);
	char mac[MAC_TEXT];

	json_write_key(w, "port");
	if (!p->ifindex) {
		json_write_null(w);
		return;
	}
	json_write_open(w, '{');
	write_word(w, "interface", p->interface);
	write_word(w, "physical", hardware ? hardware->name : NULL);
	write_word(w, "mac", mac_format(&p->mac, mac));
	write_word(w, "wake_on_lan", hardware ? port_wake_name(hardware->wake) : NULL);
	json_write_close(w, '}');
}

static void write_guard(struct json_writer *w, const struct sleeper *s)
{
	uint16_t port;
	struct addr a = guard_address(s->guard, &port);
	char text[ADDR_TEXT], both[ADDR_TEXT + 10];

	(void)snprintf(both, sizeof(both), a.family == 6 ? "[%s]:%u" : "%s:%u",
		       addr_format(&a, text), port);
	write_word(w, "guard", a.family ? both : NULL);
	write_word(w, "pairing", s->state.paired ? s->state.pairing.id : NULL);
	write_word(w, "lease", guard_lease_name(guard_lease_state(s->guard)));
	write_time(w, "since", guard_lease_since(s->guard).wall_ms);
	write_word(w, "error", guard_error(s->guard));
}

static void do_status(struct client *k, const struct json *request)
{
	static struct spec spec;
	char bytes[CONTROL_ANSWER_MAX], text[ADDR_TEXT];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	(void)request;
	sleeper_describe(k->s, &spec);
	json_write_open(&w, '{');
	json_write_key(&w, "sleeper");
	json_write_open(&w, '{');
	write_word(&w, "name", spec.name);
	write_guard(&w, k->s);
	write_port(&w, &k->s->port);
	json_write_key(&w, "addresses");
	json_write_open(&w, '[');
	for (size_t i = 0; i < spec.addresses_n; i++)
		json_write_word(&w, addr_format(&spec.addresses[i], text));
	json_write_close(&w, ']');
	write_time(&w, "woken", k->s->woken.us ? k->s->woken.wall_ms : 0);
	json_write_close(&w, '}');
	json_write_close(&w, '}');
	client_say(k, &w);
	client_result(k, ANSWER_OK, NULL);
}

/* --- services --- */

static void say_service(struct client *k, const struct service *one)
{
	char bytes[CONTROL_ANSWER_MAX], rule[RULE_TEXT];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	json_write_open(&w, '{');
	json_write_key(&w, "service");
	json_write_open(&w, '{');
	write_word(&w, "rule", rule_format(&one->rule, rule));
	write_word(&w, "unit", one->unit.unit[0] ? one->unit.unit : NULL);
	json_write_key(&w, "on");
	json_write_bool(&w, one->on);
	write_word(&w, "why", service_why_name(one->why));
	json_write_key(&w, "listens");
	json_write_bool(&w, one->listens);
	json_write_close(&w, '}');
	json_write_close(&w, '}');
	client_say(k, &w);
}

static void do_services(struct client *k, const struct json *request)
{
	size_t n;
	const struct service *list = services_list(k->s, &n);

	(void)request;
	for (size_t i = 0; i < n; i++)
		say_service(k, &list[i]);
	client_result(k, ANSWER_OK, NULL);
}

static void do_service(struct client *k, const struct json *request)
{
	const char *word = json_word(json_member(request, "rule"));
	const struct json *on = json_member(request, "on");
	char error[SERVICES_TEXT];
	struct rule rule;

	if (!word || rule_parse(word, &rule) < 0) {
		client_result(k, ANSWER_INVALID, "rule: expected a rule like tcp/22");
		return;
	}
	if (json_kind_of(on) != JSON_KIND_BOOL) {
		client_result(k, ANSWER_INVALID, "on: expected true or false");
		return;
	}
	if (services_switch(k->s, &rule, json_truth(on), error) < 0) {
		client_result(k, ANSWER_FAILED, error);
		return;
	}
	log_notice("uid %u switched %s %s", k->uid, word, json_truth(on) ? "on" : "off");
	client_result(k, ANSWER_OK, NULL);
}

/* --- why --- */

static void say_check(struct client *k, const struct evidence *e)
{
	char bytes[CONTROL_ANSWER_MAX];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	json_write_open(&w, '{');
	json_write_key(&w, "check");
	json_write_open(&w, '{');
	write_word(&w, "check", e->check);
	json_write_key(&w, "busy");
	json_write_bool(&w, e->is.said == IDLE_BUSY);
	json_write_key(&w, "postpones");
	json_write_bool(&w, e->is.said == IDLE_POSTPONES);
	write_word(&w, "text", e->text);
	write_since(&w, "since", e->is.last_us);
	json_write_close(&w, '}');
	json_write_close(&w, '}');
	client_say(k, &w);
}

static void say_why(void *context, const struct idle_report *r)
{
	struct client *k = context;
	const struct config *c = k->s->config;
	bool on = r->verdict != IDLE_OFF;
	char bytes[CONTROL_ANSWER_MAX];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	for (size_t i = 0; i < r->all->n; i++)
		say_check(k, &r->all->list[i]);
	json_write_open(&w, '{');
	json_write_key(&w, "idle");
	json_write_open(&w, '{');
	json_write_key(&w, "on");
	json_write_bool(&w, on);
	write_seconds(&w, "after_seconds", c->idle_after, on);
	write_seconds(&w, "idle_seconds", r->now_us - r->since_us, true);
	write_seconds(&w, "sleeps_in_seconds", r->at_us > r->now_us ? r->at_us - r->now_us : 0,
		      r->at_us != UINT64_MAX);
	write_seconds(&w, "grace_seconds", r->grace_us, true);
	json_write_key(&w, "next_timer");
	if (r->timer[0]) {
		json_write_open(&w, '{');
		write_word(&w, "unit", r->timer);
		write_time(&w, "at", r->timer_wall_ms);
		json_write_close(&w, '}');
	} else {
		json_write_null(&w);
	}
	json_write_close(&w, '}');
	json_write_close(&w, '}');
	client_say(k, &w);
	client_result(k, ANSWER_OK, NULL);
}

static void do_why(struct client *k, const struct json *request)
{
	(void)request;
	if (idle_look(k->s, say_why, k) < 0)
		client_result(k, ANSWER_BUSY, "too many ask at once");
}

/* --- sleep --- */

static void slept(void *context, int result, const char *text)
{
	client_result(context,
		      result == 0				? ANSWER_OK
		      : result == -EBUSY || result == -EALREADY ? ANSWER_REFUSED
								: ANSWER_FAILED,
		      result == 0 ? NULL : text);
}

static void do_sleep(struct client *k, const struct json *request)
{
	const struct json *force = json_member(request, "force");
	struct idle_asker who = { .pid = k->pid, .uid = k->uid, .force = json_truth(force) };

	if (force && json_kind_of(force) != JSON_KIND_BOOL) {
		client_result(k, ANSWER_INVALID, "force: expected true or false");
		return;
	}
	(void)snprintf(who.who, sizeof(who.who), "asked by uid %u%s", k->uid,
		       who.force ? ", by force" : "");
	idle_sleep(k->s, &who, slept, k);
}

struct asked {
	struct sleeper *s;
	uint32_t ask;
};

static void asked_slept(void *context, int result, const char *text)
{
	struct asked *a = context;

	if (result < 0)
		log_notice("does not sleep, though asked: %s", text);
	guard_answer(a->s->guard, a->ask, result == 0, text);
}

void control_asked(struct sleeper *s, uint32_t ask, const char *who)
{
	/* One at a time is enough: an older question is answered as the newer one. */
	static struct asked asked;
	struct idle_asker asker = { .away = true };

	asked = (struct asked){ s, ask };
	(void)snprintf(asker.who, sizeof(asker.who), "asked by %.50s", who);
	idle_forget(s, &asked);
	idle_sleep(s, &asker, asked_slept, &asked);
}

/* --- goodbye and hello, by the unit Before=sleep.target --- */

static void said(void *context, int result, const char *text)
{
	client_result(context, result == 0 ? ANSWER_OK : ANSWER_FAILED, result == 0 ? NULL : text);
}

static void do_goodbye(struct client *k, const struct json *request)
{
	const char *word = json_word(json_member(request, "why"));

	for (unsigned int i = WHY_SUSPEND; word && i <= WHY_HALT; i++) {
		if (strcmp(word, lease_why_name((enum lease_why)i)) != 0)
			continue;
		sleeper_goodbye(k->s, (enum lease_why)i, said, k);
		return;
	}
	client_result(k, ANSWER_INVALID, "why: expected suspend, hibernate, poweroff or halt");
}

static void do_hello(struct client *k, const struct json *request)
{
	(void)request;
	sleeper_hello(k->s);
	client_result(k, ANSWER_OK, NULL);
}

/* --- test --- */

static bool seconds_of(const struct json *request, const char *key, int64_t otherwise,
		       int64_t least, int64_t most, uint32_t *ret)
{
	const struct json *v = json_member(request, key);
	int64_t n = v ? json_whole(v) : otherwise;

	if ((v && json_kind_of(v) != JSON_KIND_WHOLE) || n < least || n > most)
		return false;
	*ret = (uint32_t)n;
	return true;
}

static void do_test(struct client *k, const struct json *request)
{
	uint32_t after, safety;

	if (!seconds_of(request, "after", 5, 1, 600, &after)) {
		client_result(k, ANSWER_INVALID, "after: expected seconds from 1 to 600");
		return;
	}
	if (!seconds_of(request, "safety", 120, 0, 3600, &safety) ||
	    (safety && safety < after + 30)) {
		client_result(
			k, ANSWER_INVALID,
			"safety: expected seconds, 30 more than after at least, up to 3600; 0 "
			"is no alarm");
		return;
	}
	test_start(k, after, safety);
}

/* --- the table --- */

static const struct {
	const char *name;
	void (*run)(struct client *k, const struct json *request);
} commands[] = {
	{ "version", do_version }, { "status", do_status },   { "services", do_services },
	{ "service", do_service }, { "why", do_why },	      { "sleep", do_sleep },
	{ "test", do_test },	   { "goodbye", do_goodbye }, { "hello", do_hello },
};

void control_request(struct client *k, const char *line, size_t n)
{
	char problem[JSON_PROBLEM];
	struct json *request;
	const char *word;
	int r = json_read(line, n, &request, problem);

	if (r < 0) {
		client_result(k, ANSWER_INVALID, r == -ENOMEM ? "out of memory" : problem);
		return;
	}
	word = json_word(json_member(request, "command"));
	for (size_t i = 0; word && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, word) == 0) {
			commands[i].run(k, request);
			json_drop(request);
			return;
		}
	}
	client_result(k, ANSWER_INVALID,
		      word ? "command: there is no such command" : "command: missing");
	json_drop(request);
}

void control_forget(struct client *k)
{
	idle_forget(k->s, k);
	sleeper_forget(k->s, k);
	test_forget(k);
}
