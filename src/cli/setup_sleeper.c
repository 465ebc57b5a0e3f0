/*
 * setup_sleeper: the rest of `rouse setup`, which rouse-sleeper does: it is started, lists what will wake the machine, and
 * carries out the safe test.
 */
#include "cli/setup.h"

#include "cli/box_parts.h"
#include "cli/connection.h"

#include "base/text.h"
#include "proto/json.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNIT "rouse-sleeper.service"
#define GOODBYE "rouse-sleeper-goodbye.service" /* the fallback */
#define LEASE_TRIES 75
#define LEASE_STEP_US 200000
#define TEST_AFTER 5 /* seconds asleep before the guard wakes it */
#define TEST_SAFETY 120 /* the clock's alarm wakes it, should nothing else */
#define TEST_PATIENCE (TEST_SAFETY + 180)
#define SERVICES_MAX 64
#define PATIENCE 10

/* --- starting it --- */

/* systemctl VERB UNIT [UNIT]: its exit status, or a negative errno. */
static int systemctl(const char *verb, const char *unit, const char *other)
{
	char program[] = "systemctl";
	char quiet[] = "--quiet";
	char words[3][64];
	char *argv[] = { program, quiet, words[0], words[1], other ? words[2] : NULL, NULL };
	int status;
	pid_t pid;
	int r;

	(void)snprintf(words[0], sizeof(words[0]), "%s", verb);
	(void)snprintf(words[1], sizeof(words[1]), "%s", unit);
	(void)snprintf(words[2], sizeof(words[2]), "%s", other ? other : "");
	r = posix_spawnp(&pid, program, NULL, NULL, argv, environ);
	if (r != 0)
		return -r;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

/* The sleeper reads the new pairing by itself; what it says of the lease decides. */
static bool wait_for_lease(struct setup *s)
{
	struct box *b = s->box;

	for (int i = 0; i < LEASE_TRIES; i++) {
		box_ask_sleeper(b);
		/* It may still hold the lease of the pairing before. */
		if (b->sleeper.error == 0 && strcmp(b->sleeper.lease, "held") == 0 &&
		    strcmp(b->sleeper.pairing, b->pairing.id) == 0)
			break;
		(void)usleep(LEASE_STEP_US);
	}
	s->sleeper = b->sleeper.error == 0;
	if (!s->sleeper)
		return setup_say(s, "sleeper", SETUP_FAILED,
				 "rouse-sleeper does not answer at %s; journalctl -u rouse-sleeper "
				 "says why",
				 s->cli->sleeper);
	if (strcmp(b->sleeper.pairing, b->pairing.id) != 0)
		return setup_say(s, "sleeper", SETUP_FAILED,
				 "it runs with another pairing than that in %s: systemctl restart "
				 "rouse-sleeper",
				 s->state);
	if (strcmp(b->sleeper.lease, "held") != 0)
		return setup_say(s, "sleeper", SETUP_FAILED, "it runs, but its lease is %s: %s%s",
				 b->sleeper.lease,
				 b->sleeper.problem[0] ? b->sleeper.problem : "no reason is known",
				 s->keeps ? "; pair anew with --again" : "");
	return setup_say(s, "sleeper", SETUP_DONE,
			 "it runs, and the guard knows that this machine "
			 "is awake; Wake-on-LAN: %s",
			 b->sleeper.wake_on_lan[0] ? b->sleeper.wake_on_lan : "not known");
}

bool setup_start(struct setup *s)
{
	bool systemd = access("/run/systemd/system", F_OK) == 0;
	int r;

	box_ask_sleeper(s->box);
	if (systemd) {
		r = systemctl("enable", UNIT, GOODBYE);
		if (r == 0)
			r = systemctl("start", UNIT, NULL);
		if (r != 0)
			return setup_say(s, "sleeper", SETUP_FAILED,
					 "systemctl could not start " UNIT
					 ": is it installed (./run install sleeper)? journalctl -u "
					 "rouse-sleeper says more");
	} else if (s->box->sleeper.error != 0) {
		return setup_say(
			s, "sleeper", SETUP_SKIPPED,
			"there is no systemd here, and rouse-sleeper does not run: start it "
			"(rouse-sleeper(8)), then run this again");
	}
	return wait_for_lease(s);
}

/* --- services --- */

struct service {
	char rule[RULE_TEXT];
	bool on;
};

struct services {
	struct setup *setup;
	struct service list[SERVICES_MAX];
	size_t n;
	FILE *json;
	bool quiet;
};

static void take_service(void *context, const struct json *answer)
{
	struct services *v = context;
	const struct json *one = json_member(answer, "service");
	const char *rule = json_word(json_member(one, "rule"));
	const char *unit = json_word(json_member(one, "unit"));
	const char *why = json_word(json_member(one, "why"));
	char *text;

	if (!rule || strlen(rule) >= RULE_TEXT || v->n == SERVICES_MAX)
		return;
	memcpy(v->list[v->n].rule, rule, strlen(rule) + 1);
	v->list[v->n].on = json_truth(json_member(one, "on"));
	if (!v->quiet)
		setup_tell(v->setup, "  %-14s %-3s %s%s%s", rule, v->list[v->n].on ? "on" : "off",
			   unit ? unit : "", unit && why ? ", " : "", why ? why : "");
	text = v->json ? json_print(one) : NULL;
	if (text)
		fprintf(v->json, "%s%s", v->n ? "," : "", text);
	free(text);
	v->n++;
}

static bool list_services(struct setup *s, struct services *v)
{
	size_t size;
	enum cli_exit r;

	*v = (struct services){ .setup = s };
	free(s->services);
	s->services = NULL;
	v->json = open_memstream(&s->services, &size);
	if (v->json)
		fputc('[', v->json);
	r = connection_ask_sleeper(s->cli, "{\"command\":\"services\"}\n", PATIENCE, take_service,
				   v);
	if (v->json) {
		fputc(']', v->json);
		(void)fclose(v->json);
	}
	v->json = NULL;
	return r == CLI_DONE;
}

/* Switches what was named, "tcp/445": true when it was one. */
static bool toggle(struct setup *s, const struct services *v, const char *rule)
{
	char line[128];

	for (size_t i = 0; i < v->n; i++) {
		if (strcmp(v->list[i].rule, rule) != 0)
			continue;
		(void)snprintf(line, sizeof(line),
			       "{\"command\":\"service\",\"rule\":\"%s\",\"on\":%s}\n", rule,
			       v->list[i].on ? "false" : "true");
		return connection_ask_sleeper(s->cli, line, PATIENCE, NULL, NULL) == CLI_DONE;
	}
	setup_tell(s, "'%s' is not in the list.", rule);
	return false;
}

bool setup_services(struct setup *s)
{
	static struct services v;
	char answer[64];
	unsigned int on = 0;

	if (!s->sleeper)
		return setup_say(s, "services", SETUP_SKIPPED, "rouse-sleeper finds them");
	setup_tell(s, "What wakes this machine:");
	if (!list_services(s, &v))
		return setup_say(s, "services", SETUP_FAILED, "rouse-sleeper did not say");
	for (int i = 0; i < SERVICES_MAX; i++) {
		if (!setup_ask(s, "Switch one on or off (tcp/22), or Enter to go on:", answer,
			       sizeof(answer)) ||
		    !answer[0])
			break;
		if (toggle(s, &v, answer) && !list_services(s, &v))
			break;
	}
	for (size_t i = 0; i < v.n; i++)
		on += v.list[i].on;
	return setup_say(s, "services", on ? SETUP_DONE : SETUP_WARNED,
			 "%u of %zu wake this machine%s", on, v.n,
			 on ? "" : ": then any TCP connection does");
}

/* --- the safe test --- */

struct proof {
	struct setup *setup;
	char error[SETUP_TEXT];
	bool ok;
};

/* "ssh" for "tcp/22": as the system's list has it, which a small system may lack. */
static const char *service_name(const char *port)
{
	const struct servent *known = NULL;

	if (strcmp(port, "tcp/22") == 0)
		return "ssh";
	if (strncmp(port, "tcp/", 4) == 0)
		/* cppcheck-suppress getservbyportCalled; one thread */
		known = getservbyport(htons((uint16_t)strtoul(port + 4, NULL, 10)), "tcp");
	return known ? known->s_name : port;
}

static void say_ready(struct text *t, const struct json *ready)
{
	for (size_t i = 0; i < json_count(ready) && i < 4; i++) {
		const struct json *one = json_item(ready, i);
		const char *port = json_word(json_member(one, "port"));
		char seconds[32];

		if (!port)
			continue;
		(void)snprintf(seconds, sizeof(seconds), " answered in %.1f s",
			       json_amount(json_member(one, "seconds")));
		text_string(t, ", ");
		text_string(t, service_name(port));
		text_string(t, seconds);
	}
}

static void take_step(struct proof *p, const struct json *answer)
{
	const char *text = json_word(json_member(json_member(answer, "step"), "text"));

	if (text && text[0])
		setup_tell(p->setup, "  %s", text);
}

static void take_end(struct proof *p, const struct json *answer)
{
	const char *error = json_word(json_member(answer, "error"));
	const char *result = json_word(json_member(answer, "result"));
	char ready[256];
	struct text t = text_over(ready, sizeof(ready));

	p->setup->test = json_print(answer);
	p->ok = result && strcmp(result, "ok") == 0;
	if (!p->ok) {
		(void)snprintf(p->error, sizeof(p->error), "%s",
			       error ? error : "it does not say why");
		return;
	}
	say_ready(&t, json_member(answer, "ready"));
	(void)setup_say(p->setup, "test", SETUP_DONE, "asleep after %.1f s, awake in %.1f s%s",
			json_amount(json_member(answer, "asleep_seconds")),
			json_amount(json_member(answer, "awake_seconds")), ready);
}

static bool run_test(struct setup *s, struct proof *p)
{
	static struct connection k;
	char line[128];
	struct json *answer;
	bool more = true;

	(void)snprintf(line, sizeof(line), "{\"command\":\"test\",\"after\":%d,\"safety\":%d}\n",
		       TEST_AFTER, s->no_alarm ? 0 : TEST_SAFETY);
	if (connection_open_sleeper(&k, s->cli, line, TEST_PATIENCE) < 0) {
		(void)snprintf(p->error, sizeof(p->error),
			       "rouse-sleeper does not answer any more");
		return false;
	}
	(void)snprintf(p->error, sizeof(p->error), "rouse-sleeper ended before the result");
	while (more && connection_answer(&k, &answer) == 0) {
		more = !json_member(answer, "result");
		if (more)
			take_step(p, answer);
		else
			take_end(p, answer);
		json_drop(answer);
	}
	connection_close(&k);
	return p->ok;
}

/* Without the safety net it is another question; --yes alone does not answer it. */
static bool agreed_without_alarm(struct setup *s)
{
	char answer[16];

	if (!s->no_alarm && !box_has_alarm(s->box) && !s->yes)
		s->no_alarm =
			setup_ask(s,
				  "No clock with an alarm is here as a safety net: if the guard "
				  "cannot wake it, its button must. All the same? [y/N]",
				  answer, sizeof(answer)) &&
			(answer[0] == 'y' || answer[0] == 'Y');
	return s->no_alarm || box_has_alarm(s->box);
}

bool setup_test(struct setup *s)
{
	struct proof p = { .setup = s };

	if (s->no_test)
		return setup_say(s, "test", SETUP_SKIPPED, "not asked for");
	if (!s->sleeper)
		return setup_say(s, "test", SETUP_SKIPPED, "it needs rouse-sleeper");
	if (!setup_agreed(
		    s, "Test it now? This machine falls asleep for some seconds; open connections "
		       "live on. [y/N]"))
		return setup_say(s, "test", SETUP_SKIPPED,
				 "not now: sudo rouse setup does it any time");
	if (!agreed_without_alarm(s))
		return setup_say(
			s, "test", SETUP_FAILED,
			"no clock with an alarm is here, so nothing but the guard and its button "
			"would wake it: --no-alarm tests all the same, --no-test leaves it");
	if (run_test(s, &p))
		return true;
	s->test_failed = true;
	return setup_say(s, "test", SETUP_FAILED, "%s; sudo rouse doctor looks for the reason",
			 p.error);
}
