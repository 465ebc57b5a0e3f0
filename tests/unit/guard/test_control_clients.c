/*
 * test_control_clients: the control socket of the real control role.
 */
#include "control_rig.h"

#include "proto/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct ipc_settings settings = { .register_mode = REGISTER_SELF,
					      .attempts = 3,
					      .interval = 1000000 };

static void expect_line(int fd, const char *whole)
{
	char line[32768];

	rig_read_line(fd, line, sizeof(line));
	assert_string_equal(line, whole);
}

static void expect_begin(int fd, const char *begin)
{
	char line[32768];

	rig_read_line(fd, line, sizeof(line));
	if (strncmp(line, begin, strlen(begin)) != 0)
		fail_msg("\"%s\" does not begin with \"%s\"", line, begin);
}

/* The guard learns who asks from the kernel. */
static int dial_as_somebody(const struct rig *r, uid_t *ret_uid)
{
	uid_t own = geteuid();
	int fd;

	*ret_uid = own == 0 ? 65534 : own;
	assert_int_equal(seteuid(*ret_uid), 0);
	fd = rig_dial_control(r);
	assert_int_equal(seteuid(own), 0);
	return fd;
}

static void requests_one_after_the_other(void **state)
{
	struct ipc_message m;
	char rest[16];
	struct rig r;
	uid_t uid;
	int fd;

	(void)state;
	rig_start(&r, &settings);
	fd = dial_as_somebody(&r, &uid);
	/* Three in one packet, an empty line, the last without its end. */
	rig_send_text(fd, "{\"command\":\"version\"}\n\n{\"command\":\"remove\",\"name\":\"nas\"}"
			  "\n{\"command\":\"version\"}");
	expect_line(fd, "{\"result\":\"ok\",\"version\":\"" ROUSE_VERSION "\"}");
	rig_hear(r.engine, IPC_REMOVE, &m);
	assert_string_equal(m.name.name, "nas");
	assert_int_equal(m.name.uid, uid);
	assert_true(rig_silent(fd, 30));
	rig_answer(&r, m.request, RESULT_OK, "");
	expect_line(fd, "{\"result\":\"ok\"}");
	assert_true(rig_silent(fd, 30));
	shutdown(fd, SHUT_WR);
	expect_line(fd, "{\"result\":\"ok\",\"version\":\"" ROUSE_VERSION "\"}");
	assert_int_equal(rig_read_all(fd, rest, sizeof(rest)), 0);
	close(fd);
	rig_stop(&r);
}

static void what_is_not_understood(void **state)
{
	static const struct {
		const char *line, *answer;
	} cases[] = {
		{ "hello\n", "{\"result\":\"invalid\",\"error\":\"this is not the JSON of a "
			     "request: it does not begin with {\"}" },
		{ "{}\n", "{\"result\":\"invalid\",\"error\":\"command: missing\"}" },
		{ "{\"command\":\"dance\"}\n",
		  "{\"result\":\"invalid\",\"error\":\"command: \\\"dance\\\" is none; there are "
		  "version, status, wake, add, remove, log, export, "
		  "relay, join, leave, share, grants, revoke, pair, pairings, unpair, "
		  "sleep\"}" },
		{ "{\"command\":\"wake\"}\n",
		  "{\"result\":\"invalid\",\"error\":\"name: missing\"}" },
		{ "{\"command\":\"wake\",\"name\":\"nas\",\"wait\":0}\n",
		  "{\"result\":\"invalid\",\"error\":\"wait: not in 1..86400\"}" },
	};
	char *longest = malloc(20000);
	struct rig r;
	int fd;

	(void)state;
	rig_start(&r, &settings);
	fd = rig_dial_control(&r);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_send_text(fd, cases[i].line);
		expect_line(fd, cases[i].answer);
	}
	memset(longest, 'x', 20000);
	(void)!send(fd, longest, 20000, MSG_NOSIGNAL);
	expect_line(fd, "{\"result\":\"invalid\",\"error\":\"a request is one line of at most "
			"16384 bytes\"}");
	close(fd);
	free(longest);
	rig_stop(&r);
}

static void say_machine(struct rig *r, uint32_t request, uint32_t id)
{
	struct ipc_message m = { .kind = IPC_STATUS_ENTRY, .request = request };

	m.machine.id = id;
	m.machine.has_past = 1;
	m.machine.past.state = MACHINE_ASLEEP;
	m.machine.past.since_wall_ms = 1700000000000;
	snprintf(m.machine.spec.name, sizeof(m.machine.spec.name), "m%u", id);
	m.machine.spec.mac.b[5] = (uint8_t)id;
	rig_say(r->engine, &m);
}

static void status_in_pages(void **state)
{
	struct ipc_message m;
	char line[32768];
	char name[32];
	uint32_t id = 0;
	struct rig r;
	int fd;

	(void)state;
	rig_start(&r, &settings);
	fd = rig_dial_control(&r);
	rig_send_text(fd, "{\"command\":\"status\"}\n");
	for (uint32_t page = 0; page < 3; page++) {
		rig_hear(r.engine, IPC_STATUS, &m);
		assert_int_equal(m.page.id, id);
		assert_true(m.page.most > 0);
		for (uint32_t i = 0; i < m.page.most; i++)
			say_machine(&r, m.request, ++id);
		rig_answer(&r, m.request, page < 2 ? RESULT_MORE : RESULT_OK, "");
	}
	for (uint32_t i = 1; i <= id; i++) {
		rig_read_line(fd, line, sizeof(line));
		snprintf(name, sizeof(name), "{\"machine\":{\"id\":%u,\"name\":\"m%u\",", i, i);
		assert_memory_equal(line, name, strlen(name));
	}
	expect_line(fd, "{\"result\":\"ok\"}");
	rig_send_text(fd, "{\"command\":\"status\",\"name\":\"x\"}\n");
	rig_hear(r.engine, IPC_STATUS, &m);
	assert_string_equal(m.page.name, "x");
	rig_answer(&r, m.request, RESULT_NOT_FOUND, "no such machine");
	expect_line(fd, "{\"result\":\"not-found\",\"error\":\"no such machine\"}");
	close(fd);
	rig_stop(&r);
}

/* Whoever does not read gets no further pages, and holds up nobody. */
static void a_client_that_does_not_read(void **state)
{
	struct ipc_message m;
	uint32_t id = 0;
	uint32_t pages = 0;
	struct rig r;
	int fd, other;

	(void)state;
	rig_start(&r, &settings);
	fd = rig_dial_control(&r);
	rig_send_text(fd, "{\"command\":\"status\"}\n");
	while (pages < 2000 && !rig_silent(r.engine, 100)) {
		rig_hear(r.engine, IPC_STATUS, &m);
		for (uint32_t i = 0; i < m.page.most; i++)
			say_machine(&r, m.request, ++id);
		rig_answer(&r, m.request, RESULT_MORE, "");
		pages++;
	}
	assert_true(pages > 1 && pages < 2000);
	other = rig_dial_control(&r);
	rig_send_text(other, "{\"command\":\"version\"}\n");
	expect_begin(other, "{\"result\":\"ok\"");
	/* It reads after all. */
	for (uint32_t i = 0; i < id; i++)
		expect_begin(fd, "{\"machine\":");
	rig_hear(r.engine, IPC_STATUS, &m);
	assert_int_equal(m.page.id, id);
	close(fd);
	close(other);
	rig_stop(&r);
}

static void happen(struct rig *r, struct event e)
{
	struct ipc_message m = { .kind = IPC_HAPPENED, .event = e };

	snprintf(m.event.name, sizeof(m.event.name), "nas");
	rig_say(r->monitor, &m);
}

static void wake_and_wait(void **state)
{
	struct ipc_message m;
	struct rig r;
	uid_t uid;
	int fd;

	(void)state;
	rig_start(&r, &settings);
	fd = dial_as_somebody(&r, &uid);
	rig_send_text(fd, "{\"command\":\"wake\",\"name\":\"nas\"}\n");
	rig_hear(r.engine, IPC_WAKE_PLEASE, &m);
	assert_int_equal(m.name.uid, uid);
	rig_answer(&r, m.request, RESULT_OK, "");
	expect_line(fd, "{\"result\":\"started\",\"machine\":\"nas\",\"attempts\":0,\"awake_"
			"seconds\":null,\"ready\":[]}");
	/* The request's event may come before its answer, and the end too. */
	rig_send_text(fd, "{\"command\":\"wake\",\"name\":\"nas\",\"wait\":true}\n");
	rig_hear(r.engine, IPC_WAKE_PLEASE, &m);
	happen(&r, (struct event){
			   .kind = EVENT_REQUEST, .by = BY_REQUEST, .attempt = 1, .attempts = 3 });
	expect_begin(fd, "{\"event\":{\"id\":0,");
	rig_answer(&r, m.request, RESULT_OK, "");
	happen(&r, (struct event){ .kind = EVENT_ATTEMPT, .attempt = 2, .attempts = 3 });
	expect_begin(fd, "{\"event\":");
	happen(&r, (struct event){ .kind = EVENT_READY, .to_port = 22, .took_us = 7100000 });
	expect_begin(fd, "{\"event\":");
	happen(&r,
	       (struct event){
		       .kind = EVENT_AWAKE, .by = BY_REQUEST, .attempt = 2, .took_us = 6400000 });
	expect_begin(fd, "{\"event\":");
	expect_line(fd, "{\"result\":\"awake\",\"machine\":\"nas\",\"attempts\":2,\"awake_"
			"seconds\":6.4,\"ready\":[{\"port\":\"tcp/22\",\"seconds\":7.1}]}");
	/* What happens later is not its business. */
	happen(&r, (struct event){ .kind = EVENT_ASLEEP });
	assert_true(rig_silent(fd, 50));
	rig_send_text(fd, "{\"command\":\"wake\",\"name\":\"nas\",\"wait\":20}\n");
	rig_hear(r.engine, IPC_WAKE_PLEASE, &m);
	rig_answer(&r, m.request, RESULT_OK, "");
	happen(&r, (struct event){ .kind = EVENT_NO_SIGN_OF_LIFE, .attempts = 3 });
	expect_begin(fd, "{\"event\":");
	expect_begin(fd, "{\"result\":\"no-sign-of-life\",\"machine\":\"nas\",\"attempts\":3,"
			 "\"awake_seconds\":null,");
	rig_send_text(fd, "{\"command\":\"wake\",\"name\":\"nas\",\"wait\":1}\n");
	rig_hear(r.engine, IPC_WAKE_PLEASE, &m);
	rig_answer(&r, m.request, RESULT_OK, "");
	expect_begin(fd, "{\"result\":\"timeout\",");
	rig_send_text(fd, "{\"command\":\"wake\",\"name\":\"nas\",\"wait\":true}\n");
	rig_hear(r.engine, IPC_WAKE_PLEASE, &m);
	rig_answer(&r, m.request, RESULT_ALREADY_AWAKE, "");
	expect_begin(fd, "{\"result\":\"already-awake\",");
	close(fd);
	rig_stop(&r);
}

static void add(void **state)
{
	struct ipc_message m;
	char rule[RULE_TEXT];
	struct rig r;
	int fd;

	(void)state;
	rig_start(&r, &settings);
	fd = rig_dial_control(&r);
	rig_send_text(fd, "{\"command\":\"add\",\"name\":\"nas\",\"mac\":\"be:ef:fa:ce:c0:de\","
			  "\"addresses\":[\"192.0.2.50\"],\"rules\":[\"tcp/22\"]}\n");
	rig_hear(r.engine, IPC_ADD, &m);
	assert_string_equal(m.machine.spec.name, "nas");
	assert_int_equal(m.machine.spec.origin, SPEC_ADDED);
	assert_int_equal(m.machine.spec.addresses_n, 1);
	assert_string_equal(rule_format(&m.machine.spec.rules[0], rule), "tcp/22");
	rig_answer(&r, m.request, RESULT_REFUSED, "the name is taken");
	expect_line(fd, "{\"result\":\"refused\",\"error\":\"the name is taken\"}");
	close(fd);
	rig_stop(&r);
}

/* Plays the monitor's log of events 1 to n. */
static void answer_log(struct rig *r, uint64_t n)
{
	struct ipc_message m;
	uint64_t first, last;

	rig_hear(r->monitor, IPC_LOG, &m);
	assert_true(m.page.most <= 64);
	first = m.page.id + 1;
	last = first + m.page.most - 1;
	if (m.page.backwards) {
		last = m.page.id ? m.page.id - 1 : n;
		first = last > m.page.most ? last - m.page.most + 1 : 1;
	}
	m.kind = IPC_LOG_ENTRY;
	for (uint64_t id = first; id <= last && id <= n; id++) {
		m.event = (struct event){ .id = id, .kind = EVENT_ADDED, .name = "nas" };
		rig_say(r->monitor, &m);
	}
	m.kind = IPC_LOG_END;
	rig_say(r->monitor, &m);
}

static void expect_events(int fd, uint64_t first, uint64_t last)
{
	char begin[64];

	for (uint64_t id = first; id <= last; id++) {
		snprintf(begin, sizeof(begin), "{\"event\":{\"id\":%llu,", (unsigned long long)id);
		expect_begin(fd, begin);
	}
}

static void log_of_the_past(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_start(&r, &settings);
	fd = rig_dial_control(&r);
	/* Back three pages to find where the last 150 of 200 begin, then forward. */
	rig_send_text(fd, "{\"command\":\"log\",\"most\":150}\n");
	for (int i = 0; i < 6; i++)
		answer_log(&r, 200);
	expect_events(fd, 51, 200);
	expect_line(fd, "{\"result\":\"ok\"}");
	/* More than there are; exactly a page. */
	rig_send_text(fd, "{\"command\":\"log\",\"most\":1000}\n");
	for (int i = 0; i < 4; i++)
		answer_log(&r, 64);
	expect_events(fd, 1, 64);
	expect_line(fd, "{\"result\":\"ok\"}");
	rig_send_text(fd, "{\"command\":\"log\"}\n");
	answer_log(&r, 0);
	expect_line(fd, "{\"result\":\"ok\"}");
	close(fd);
	rig_stop(&r);
}

static void log_of_nobody(void **state)
{
	struct ipc_message m;
	struct rig r;
	int fd;

	(void)state;
	rig_start(&r, &settings);
	fd = rig_dial_control(&r);
	for (int known = 0; known < 2; known++) {
		rig_send_text(fd, "{\"command\":\"log\",\"name\":\"m1\"}\n");
		answer_log(&r, 0);
		rig_hear(r.engine, IPC_STATUS, &m);
		assert_string_equal(m.page.name, "m1");
		if (known)
			say_machine(&r, m.request, 1);
		rig_answer(&r, m.request, known ? RESULT_OK : RESULT_NOT_FOUND, "");
		expect_begin(fd, known ? "{\"result\":\"ok\"" : "{\"result\":\"not-found\"");
	}
	close(fd);
	rig_stop(&r);
}

static void log_that_goes_on(void **state)
{
	char rest[16];
	struct rig r;
	int fd;

	(void)state;
	rig_start(&r, &settings);
	fd = rig_dial_control(&r);
	rig_send_text(fd, "{\"command\":\"log\",\"name\":\"nas\",\"most\":1,\"follow\":true}\n");
	answer_log(&r, 1);
	answer_log(&r, 1);
	expect_events(fd, 1, 1);
	usleep(20000);
	happen(&r, (struct event){ .id = 2, .kind = EVENT_ASLEEP });
	expect_events(fd, 2, 2);
	shutdown(fd, SHUT_WR);
	assert_int_equal(rig_read_all(fd, rest, sizeof(rest)), 0);
	close(fd);
	rig_stop(&r);
}

static void many_clients(void **state)
{
	struct ipc_message m;
	struct rig r;
	int fds[40];

	(void)state;
	rig_start(&r, &settings);
	/* Idle ones make way. */
	for (int i = 0; i < 40; i++)
		fds[i] = rig_dial_control(&r);
	rig_send_text(fds[39], "{\"command\":\"version\"}\n");
	expect_begin(fds[39], "{\"result\":\"ok\"");
	for (int i = 0; i < 40; i++)
		close(fds[i]);
	/* Those at work do not. */
	for (int i = 0; i < 32; i++) {
		fds[i] = rig_dial_control(&r);
		rig_send_text(fds[i], "{\"command\":\"wake\",\"name\":\"nas\",\"wait\":60}\n");
	}
	for (int i = 0; i < 32; i++)
		rig_hear(r.engine, IPC_WAKE_PLEASE, &m);
	fds[32] = rig_dial_control(&r);
	expect_begin(fds[32], "{\"result\":\"busy\"");
	for (int i = 0; i < 33; i++)
		close(fds[i]);
	rig_stop(&r);
}

/* The monitor starts it again; it does not go on with a sister that makes no sense. */
static void malformed_sisters(void **state)
{
	struct ipc_message m = { .kind = IPC_RESULT, .result.code = RESULT_CODES };
	struct rig r;

	(void)state;
	rig_start(&r, &settings);
	rig_say(r.engine, &m);
	rig_expect_end(&r, 1);
	rig_start(&r, &settings);
	m = (struct ipc_message){ .kind = IPC_STATUS };
	rig_say(r.monitor, &m);
	rig_expect_end(&r, 1);
	rig_start(&r, &settings);
	shutdown(r.engine, SHUT_RDWR);
	rig_expect_end(&r, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_one_after_the_other),
		cmocka_unit_test(what_is_not_understood),
		cmocka_unit_test(status_in_pages),
		cmocka_unit_test(a_client_that_does_not_read),
		cmocka_unit_test(wake_and_wait),
		cmocka_unit_test(add),
		cmocka_unit_test(log_of_the_past),
		cmocka_unit_test(log_of_nobody),
		cmocka_unit_test(log_that_goes_on),
		cmocka_unit_test(many_clients),
		cmocka_unit_test(malformed_sisters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
