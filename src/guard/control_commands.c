/*
 * control_commands: what the requests of the control socket mean: which question goes to which role, and what their answers
 * make of it.
 *
 * Owns a request from its decoding to its last answer. Refuses to know how bytes come and go.
 */
#include "guard/control_client.h"

#include "guard/control_pair.h"
#include "guard/control_relay.h"
#include "proto/event_text.h"
#include "sys/clock.h"

#include <string.h>

#define STATUS_PAGE 16 /* machines asked for at once */
#define LOG_PAGE 64 /* events; the monitor gives no more */
#define WAIT_SPARE_US 5000000 /* the guard's own end of trying comes first */

/* --- answers of other roles --- */

static enum answer_result result_of(const struct ipc_result *r)
{
	static const enum answer_result results[RESULT_CODES] = {
		[RESULT_OK] = ANSWER_OK,
		[RESULT_MORE] = ANSWER_FAILED, /* only STATUS says it, and handles it */
		[RESULT_NOT_FOUND] = ANSWER_NOT_FOUND,
		[RESULT_REFUSED] = ANSWER_REFUSED,
		[RESULT_ALREADY_AWAKE] = ANSWER_ALREADY_AWAKE,
		[RESULT_UNREACHABLE] = ANSWER_UNREACHABLE,
		[RESULT_FULL] = ANSWER_BUSY,
		[RESULT_ALREADY_ASLEEP] = ANSWER_ALREADY_ASLEEP,
		[RESULT_NO_SLEEPER] = ANSWER_NO_SLEEPER,
		[RESULT_BUSY] = ANSWER_BUSY,
	};

	return results[r->code];
}

static void finish_not_answered(struct client *k)
{
	client_finish_result(k, ANSWER_FAILED, "the guard did not answer in time");
}

static void finish_not_found(struct client *k)
{
	client_finish_result(k, ANSWER_NOT_FOUND, "no such machine");
}

/* The plain end of a request: what the engine said. */
static void simply_answered(void *owner, const struct ipc_message *m)
{
	struct client *k = owner;

	k->request = NULL;
	if (!m)
		finish_not_answered(k);
	else if (m->kind != IPC_RESULT || m->result.code == RESULT_NOT_FOUND)
		finish_not_found(k);
	else
		client_finish_result(k, result_of(&m->result),
				     m->result.text[0] ? m->result.text : NULL);
}

/* --- version --- */

static void start_version(struct client *k)
{
	char bytes[256];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	answer_write_version(&w, ROUSE_VERSION);
	client_finish(k, &w);
}

/* --- status: pages of machines, each a line --- */

static void write_machine(struct client *k, const struct ipc_machine *m)
{
	static const struct machine_past nothing = { .state = MACHINE_UNKNOWN };
	char bytes[ANSWER_MAX];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));
	struct answer_sleeper sleeper = { .held = m->sleeper.held,
					  .since_ms = m->sleeper.since_ms,
					  .source = m->sleeper.source };

	answer_write_machine(&w, m->id, &m->spec, m->has_past ? &m->past : &nothing,
			     m->sleeper.paired ? &sleeper : NULL);
	client_write(k, &w);
}

static void status_answered(void *owner, const struct ipc_message *m)
{
	struct client *k = owner;

	if (m && m->kind == IPC_STATUS_ENTRY) {
		k->after = m->machine.id;
		write_machine(k, &m->machine);
		return;
	}
	k->request = NULL;
	if (!m) {
		finish_not_answered(k);
	} else if (m->kind == IPC_RESULT && m->result.code == RESULT_MORE) {
		k->page_due = true;
		client_drained(k);
	} else {
		simply_answered(k, m);
	}
}

static void ask_status(struct client *k)
{
	struct ipc_message m = { .kind = IPC_STATUS };

	m.page.id = k->after;
	m.page.most = STATUS_PAGE;
	memcpy(m.page.name, k->command.name, sizeof(m.page.name));
	k->request = control_ask(k->control, &m, status_answered, k);
}

void client_drained(struct client *k)
{
	if (!k->page_due || k->over || client_unread(k) > CLIENT_UNREAD_PAGE)
		return;
	k->page_due = false;
	control_turn_take(k->control, &k->turn);
}

/* --- log --- */

static void write_event(struct client *k, const struct event *e)
{
	char bytes[EVENT_JSON + 64];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	answer_write_event(&w, e);
	client_write(k, &w);
}

static void shown(struct client *k)
{
	if (k->command.follow)
		k->following = true;
	else
		client_finish_result(k, ANSWER_OK, NULL);
}

/* No event bears the name: then it should at least be a machine's. */
static void name_answered(void *owner, const struct ipc_message *m)
{
	struct client *k = owner;

	if (m && m->kind == IPC_STATUS_ENTRY) {
		k->log.found++;
		return;
	}
	k->request = NULL;
	if (!m)
		finish_not_answered(k);
	else if (k->log.found == 0)
		finish_not_found(k);
	else
		shown(k);
}

static void ask_name(struct client *k)
{
	struct ipc_message m = { .kind = IPC_STATUS, .page.most = 1 };

	memcpy(m.page.name, k->command.name, sizeof(m.page.name));
	k->request = control_ask(k->control, &m, name_answered, k);
}

/* A page going back: only where the last `most` begin is of interest. */
static void counted(struct client *k)
{
	if (k->log.came == k->log.asked && k->log.found < k->command.most) {
		control_turn_take(k->control, &k->turn);
	} else if (k->log.found > 0) {
		k->log.step = LOG_FORWARD;
		k->log.at--;
		control_turn_take(k->control, &k->turn);
	} else if (k->command.name[0]) {
		k->log.step = LOG_NAME;
		control_turn_take(k->control, &k->turn);
	} else {
		shown(k);
	}
}

static void log_ended(struct client *k)
{
	if (k->log.step == LOG_BACK) {
		counted(k);
	} else if (k->log.came == k->log.asked) {
		k->page_due = true;
		client_drained(k);
	} else {
		shown(k);
	}
}

static void log_answered(void *owner, const struct ipc_message *m)
{
	struct client *k = owner;

	if (m && m->kind == IPC_LOG_ENTRY) {
		/* Oldest first: going back, the first of a page is where the next one ends. */
		if (k->log.step == LOG_FORWARD || k->log.came == 0)
			k->log.at = m->event.id;
		k->log.came++;
		if (k->log.step == LOG_FORWARD)
			write_event(k, &m->event);
		else
			k->log.found++;
		return;
	}
	k->request = NULL;
	if (m)
		log_ended(k);
	else
		finish_not_answered(k);
}

static void ask_log(struct client *k)
{
	struct ipc_message m = { .kind = IPC_LOG };
	uint32_t left = k->command.most - k->log.found;

	if (k->log.step == LOG_NAME) {
		ask_name(k);
		return;
	}
	m.page.id = k->log.at;
	m.page.backwards = k->log.step == LOG_BACK;
	m.page.most = k->log.step == LOG_BACK && left < LOG_PAGE ? left : LOG_PAGE;
	memcpy(m.page.name, k->command.name, sizeof(m.page.name));
	k->log.came = 0;
	k->log.asked = m.page.most;
	k->request = control_ask(k->control, &m, log_answered, k);
}

/* --- wake --- */

static void finish_wake(struct client *k, enum answer_result r, const char *error)
{
	char bytes[2048];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	answer_write_wake(&w, r, &k->seen, error);
	client_finish(k, &w);
}

static void wake_answered(void *owner, const struct ipc_message *m)
{
	struct client *k = owner;

	k->request = NULL;
	if (!m)
		finish_not_answered(k);
	else if (m->kind != IPC_RESULT || m->result.code == RESULT_NOT_FOUND)
		finish_not_found(k);
	else if (m->result.code != RESULT_OK)
		finish_wake(k, result_of(&m->result), m->result.text[0] ? m->result.text : NULL);
	else if (!k->command.waits)
		finish_wake(k, ANSWER_STARTED, NULL);
}

/* As long as the guard tries, unless the client said how long. */
static uint64_t wait_us(const struct client *k)
{
	const struct ipc_settings *s = &k->control->settings;

	if (k->command.wait_seconds)
		return k->command.wait_seconds * UINT64_C(1000000);
	return (s->attempts ? s->attempts : 1) * s->interval + WAIT_SPARE_US;
}

/* Asks for something that names the machine and nothing else. */
static void ask_by_name(struct client *k, enum ipc_kind kind,
			void (*answer)(void *owner, const struct ipc_message *m))
{
	struct ipc_message m = { .kind = kind };

	memcpy(m.name.name, k->command.name, sizeof(m.name.name));
	m.name.uid = k->uid;
	k->request = control_ask(k->control, &m, answer, k);
}

static void ask_wake(struct client *k)
{
	ask_by_name(k, IPC_WAKE_PLEASE, wake_answered);
}

static void start_wake(struct client *k)
{
	k->seen = (struct answer_wake){ .machine = k->command.name };
	if (k->command.waits) {
		/* From before the request: what it causes must not be missed. */
		k->following = true;
		control_deadline_set(k->control, &k->deadline, clock_monotonic_us() + wait_us(k));
	}
	control_turn_take(k->control, &k->turn);
}

void client_waited(struct client *k)
{
	finish_wake(k, ANSWER_TIMEOUT, "it has not answered yet");
}

static void note_ready(struct answer_wake *seen, const struct event *e)
{
	if (seen->ready_n == ANSWER_READY_MAX)
		return;
	seen->ready[seen->ready_n].port = e->to_port;
	seen->ready[seen->ready_n].us = e->took_us;
	seen->ready_n++;
}

static void wake_happened(struct client *k, const struct event *e)
{
	if (e->attempt > k->seen.attempts)
		k->seen.attempts = e->attempt;
	write_event(k, e);
	if (e->kind == EVENT_READY)
		note_ready(&k->seen, e);
	if (e->kind != EVENT_AWAKE && e->kind != EVENT_NO_SIGN_OF_LIFE && e->kind != EVENT_REMOVED)
		return;
	if (e->kind == EVENT_REMOVED) {
		finish_not_found(k);
	} else if (e->kind == EVENT_AWAKE) {
		k->seen.awake_us = e->took_us;
		finish_wake(k, ANSWER_AWAKE, NULL);
	} else {
		if (e->attempts > k->seen.attempts)
			k->seen.attempts = e->attempts;
		finish_wake(k, ANSWER_NO_SIGN_OF_LIFE,
			    "check its power, its cable, and that Wake-on-LAN is on in firmware "
			    "and system");
	}
}

void client_happened(struct client *k, const struct event *e)
{
	if (k->command.name[0] && strcmp(k->command.name, e->name) != 0)
		return;
	if (k->command.kind == COMMAND_WAKE)
		wake_happened(k, e);
	else
		write_event(k, e);
}

/* --- add, remove --- */

static void ask_add(struct client *k)
{
	struct ipc_message m = { .kind = IPC_ADD };

	m.machine.interface = 0xff;
	m.machine.spec = k->command.spec;
	m.machine.uid = k->uid;
	k->request = control_ask(k->control, &m, simply_answered, k);
}

static void ask_remove(struct client *k)
{
	ask_by_name(k, IPC_REMOVE, simply_answered);
}

/* --- export: every machine as the request that makes it again --- */

static void write_export(struct client *k, const struct ipc_machine *m)
{
	char bytes[COMMAND_LINE_MAX + 32];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));
	char *add = bytes + sizeof("{\"export\":") - 1;
	struct command c = { .kind = COMMAND_ADD, .spec = m->spec };
	int n;

	text_string(&w.out, "{\"export\":");
	memcpy(c.name, m->spec.name, sizeof(c.name));
	n = command_encode(&c, add, COMMAND_LINE_MAX);
	if (n < 0)
		return;
	/* Without its line end. */
	w.out.used += (size_t)n - 1;
	text_string(&w.out, "}\n");
	client_write(k, &w);
}

static void export_answered(void *owner, const struct ipc_message *m)
{
	struct client *k = owner;

	if (m && m->kind == IPC_STATUS_ENTRY) {
		k->after = m->machine.id;
		write_export(k, &m->machine);
		return;
	}
	status_answered(owner, m);
}

static void ask_export(struct client *k)
{
	struct ipc_message m = { .kind = IPC_STATUS };

	m.page.id = k->after;
	m.page.most = STATUS_PAGE;
	k->request = control_ask(k->control, &m, export_answered, k);
}

/* --- all of them --- */

static void start_asking(struct client *k)
{
	control_turn_take(k->control, &k->turn);
}

static const struct handling {
	void (*start)(struct client *k);
	void (*turn)(struct client *k);
} handlings[COMMAND_KINDS] = {
	[COMMAND_VERSION] = { start_version, NULL },
	[COMMAND_STATUS] = { start_asking, ask_status },
	[COMMAND_WAKE] = { start_wake, ask_wake },
	[COMMAND_ADD] = { start_asking, ask_add },
	[COMMAND_REMOVE] = { start_asking, ask_remove },
	[COMMAND_LOG] = { start_asking, ask_log },
	[COMMAND_EXPORT] = { start_asking, ask_export },
	[COMMAND_RELAY] = { start_asking, client_ask_relay },
	[COMMAND_JOIN] = { start_asking, client_ask_join },
	[COMMAND_LEAVE] = { start_asking, client_ask_leave },
	[COMMAND_SHARE] = { client_start_share, client_ask_share },
	[COMMAND_GRANTS] = { start_asking, client_ask_grants },
	[COMMAND_REVOKE] = { start_asking, client_ask_revoke },
	[COMMAND_PAIR] = { client_start_pair, client_ask_pair },
	[COMMAND_PAIRINGS] = { start_asking, client_ask_pairings },
	[COMMAND_UNPAIR] = { start_asking, client_ask_unpair },
	[COMMAND_SLEEP] = { start_asking, client_ask_sleep },
};

void client_start(struct client *k)
{
	k->request = NULL;
	k->page_due = false;
	k->after = 0;
	memset(&k->log, 0, sizeof(k->log));
	handlings[k->command.kind].start(k);
}

void client_turn(void *client)
{
	struct client *k = client;

	handlings[k->command.kind].turn(k);
}
