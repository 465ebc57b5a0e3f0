/*
 * test_control_registration: the registration port of the real control role, over loopback.
 */
#include "control_rig.h"

#include "proto/keys.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const struct ipc_settings self = { .register_mode = REGISTER_SELF };

static void expect_reply(int fd, const char *begins)
{
	char reply[1024];
	ssize_t n = rig_read_all(fd, reply, sizeof(reply));

	assert_true(n > 0);
	/* Text, one NUL, the end. */
	assert_int_equal(reply[n - 1], 0);
	assert_int_equal(strlen(reply), n - 1);
	if (strncmp(reply, begins, strlen(begins)) != 0)
		fail_msg("\"%s\" does not begin with \"%s\"", reply, begins);
	close(fd);
}

static void in_any_number_of_segments(void **state)
{
	struct rig r;
	struct ipc_message m;
	char mac[MAC_TEXT];
	char peer[ADDR_TEXT];

	(void)state;
	rig_start(&r, &self);
	for (size_t step = 1; step < 200; step = step * 3 + 1) {
		int fd = rig_dial(&r, "127.0.0.1");

		for (size_t at = 0; at < strlen(RIG_JSON); at += step) {
			size_t left = strlen(RIG_JSON) - at;

			rig_send(fd, &RIG_JSON[at], left < step ? left : step);
			usleep(300);
		}
		rig_hear(r.engine, IPC_REGISTER, &m);
		assert_string_equal(m.registration.spec.name, "nas");
		assert_string_equal(mac_format(&m.registration.spec.mac, mac), "be:ef:fa:ce:c0:de");
		assert_string_equal(addr_format(&m.registration.peer, peer), "127.0.0.1");
		assert_int_equal(m.registration.trusted, 0);
		assert_int_equal(m.registration.goodbye, 1);
		rig_answer(&r, m.request, RESULT_OK, "");
		expect_reply(fd, "OK.");
	}
	rig_stop(&r);
}

static void errors_do_not_reach_the_engine(void **state)
{
	static const struct {
		const char *json, *reply;
	} cases[] = {
		{ "{}", "An error has been found in the JSON. Please check the types, key names "
			"and structure. mac: missing" },
		{ "[1]", "An error has been found in the JSON." },
		{ "hello", "An error has been found in the JSON." },
		{ RIG_JSON " x", "An error has been found in the JSON." },
		{ "{\"mac\":\"x\"}", "Invalid MAC address format. mac: \"x\"" },
	};
	struct rig r;

	(void)state;
	rig_start(&r, &self);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = rig_dial(&r, "127.0.0.1");

		rig_send_text(fd, cases[i].json);
		expect_reply(fd, cases[i].reply);
	}
	/* Half a JSON and the end of what the client says. */
	int fd = rig_dial(&r, "127.0.0.1");

	rig_send_text(fd, "{\"mac\":");
	shutdown(fd, SHUT_WR);
	expect_reply(fd, "An error has been found in the JSON.");
	assert_true(rig_silent(r.engine, 50));
	rig_stop(&r);
}

static void the_engines_refusal_is_the_reply(void **state)
{
	struct rig r;
	struct ipc_message m;
	int fd;

	(void)state;
	rig_start(&r, &self);
	fd = rig_dial(&r, "127.0.0.1");
	rig_send_text(fd, RIG_JSON);
	rig_hear(r.engine, IPC_REGISTER, &m);
	rig_answer(&r, m.request, RESULT_REFUSED, "192.0.2.50 is at another MAC");
	expect_reply(fd, "192.0.2.50 is at another MAC");
	rig_stop(&r);
}

/* A JSON of n bytes. */
static char *padded(size_t n)
{
	char *json = malloc(n);
	size_t whole = strlen(RIG_JSON);

	memset(json, ' ', n);
	memcpy(json, RIG_JSON, whole - 1);
	json[n - 1] = '}';
	return json;
}

static void send_most(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		bytes += sent;
		n -= (size_t)sent;
	}
}

static void sizes(void **state)
{
	struct rig r;
	struct ipc_message m;
	char *json = padded(65536);
	char *flood = padded(300000);
	int fd;

	(void)state;
	rig_start(&r, &self);
	fd = rig_dial(&r, "127.0.0.1");
	send_most(fd, json, 65536);
	rig_hear(r.engine, IPC_REGISTER, &m);
	rig_answer(&r, m.request, RESULT_OK, "");
	expect_reply(fd, "OK.");
	/* Whoever sends far more still gets to read why not: no reset takes the reply back. */
	fd = rig_dial(&r, "127.0.0.1");
	send_most(fd, flood, 300000);
	expect_reply(fd, "An error has been found in the JSON.");
	assert_true(rig_silent(r.engine, 20));
	free(json);
	free(flood);
	rig_stop(&r);
}

static void token(void **state)
{
	struct ipc_settings s = { .register_mode = REGISTER_TOKEN };
	static const char *const wrong[] = { "", "\"token\":\"s3cret-tokem\",",
					     "\"token\":\"s3cret-token2\"," };
	struct rig r;
	struct ipc_message m;
	char json[256];
	int fd;

	(void)state;
	(void)keys_hash_hex("s3cret-token", 12, s.token);
	rig_start(&r, &s);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		fd = rig_dial(&r, "127.0.0.1");
		snprintf(json, sizeof(json), "{%s%s", wrong[i], &RIG_JSON[1]);
		rig_send_text(fd, json);
		expect_reply(fd, "The guard takes registrations with the right token only");
	}
	assert_true(rig_silent(r.engine, 20));
	fd = rig_dial(&r, "127.0.0.1");
	snprintf(json, sizeof(json), "{\"token\":\"s3cret-token\",%s", &RIG_JSON[1]);
	rig_send_text(fd, json);
	rig_hear(r.engine, IPC_REGISTER, &m);
	assert_int_equal(m.registration.trusted, 1);
	rig_answer(&r, m.request, RESULT_OK, "");
	expect_reply(fd, "OK.");
	rig_stop(&r);
}

/* register = token without a token set: nobody, also not with the empty one. */
static void no_token_is_set(void **state)
{
	struct ipc_settings s = { .register_mode = REGISTER_TOKEN };
	struct rig r;
	int fd;

	(void)state;
	rig_start(&r, &s);
	fd = rig_dial(&r, "127.0.0.1");
	rig_send_text(fd, RIG_JSON);
	expect_reply(fd, "The guard takes registrations with the right token only");
	rig_stop(&r);
}

static void anyone_and_off(void **state)
{
	struct ipc_settings s = { .register_mode = REGISTER_ANYONE };
	struct ipc_message m;
	struct rig r;
	int fd;

	(void)state;
	rig_start(&r, &s);
	fd = rig_dial(&r, "127.0.0.1");
	rig_send_text(fd, RIG_JSON);
	rig_hear(r.engine, IPC_REGISTER, &m);
	assert_int_equal(m.registration.trusted, 1);
	rig_answer(&r, m.request, RESULT_OK, "");
	expect_reply(fd, "OK.");
	/* Settings act at once. */
	m = (struct ipc_message){ .kind = IPC_SETTINGS, .settings = r.settings };
	m.settings.register_mode = REGISTER_OFF;
	rig_say(r.monitor, &m);
	usleep(300000);
	fd = rig_dial(&r, "127.0.0.1");
	rig_send_text(fd, RIG_JSON);
	expect_reply(fd, "The guard takes no registrations.");
	rig_stop(&r);
}

static void limits(void **state)
{
	struct ipc_settings s = { .register_mode = REGISTER_ANYONE,
				  .connections_max = 6,
				  .connections_per_source = 4 };
	struct ipc_message m;
	struct rig r;
	int flood[5];
	int fd;

	(void)state;
	rig_start(&r, &s);
	for (int i = 0; i < 4; i++)
		flood[i] = rig_dial(&r, "127.0.0.1");
	flood[4] = rig_dial(&r, "127.0.0.1");
	expect_reply(flood[4], "Too many connections at once from this address");
	/* Two more sources fill it; a third pushes out the newest of whoever holds most. */
	int second = rig_dial(&r, "127.0.0.2");
	int third = rig_dial(&r, "127.0.0.3");

	fd = rig_dial(&r, "127.0.0.4");
	rig_send_text(fd, RIG_JSON);
	rig_hear(r.engine, IPC_REGISTER, &m);
	rig_answer(&r, m.request, RESULT_OK, "");
	expect_reply(fd, "OK.");
	expect_reply(flood[3], "Too many connections at once;");
	for (int i = 0; i < 3; i++)
		close(flood[i]);
	close(second);
	close(third);
	rig_stop(&r);
}

#define OPENING                                                           \
	"{\"rouse\":1,\"lease\":{\"pairing\":\"yMnKy8zNzs_Q\",\"nonce\":" \
	"\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"}}\n"

/* After a restart of the guard they all come at once; each is one connection, not two. */
static void sleepers_that_come_at_once(void **state)
{
	struct ipc_settings s = { .register_mode = REGISTER_SELF,
				  .connections_max = 6,
				  .connections_per_source = 2 };
	struct ipc_message m;
	struct rig r;
	int fds[6];

	(void)state;
	rig_start(&r, &s);
	assert_int_equal(kill(r.pid, SIGSTOP), 0);
	for (int i = 0; i < 6; i++) {
		char from[16];

		snprintf(from, sizeof(from), "127.0.0.%d", i + 1);
		fds[i] = rig_dial(&r, from);
		rig_send_text(fds[i], OPENING);
	}
	assert_int_equal(kill(r.pid, SIGCONT), 0);
	for (int i = 0; i < 6; i++) {
		rig_hear(r.engine, IPC_LEASE_OPENING, &m);
		assert_int_equal(m.lease_opening.opening.kind, LEASE_OPEN_LEASE);
		assert_string_equal(m.lease_opening.opening.id, "yMnKy8zNzs_Q");
	}
	/* A seventh has no place, until one of them has proved its key. */
	int seventh = rig_dial(&r, "127.0.0.7");

	expect_reply(seventh, "Too many connections at once;");
	m = (struct ipc_message){ .kind = IPC_LEASE_SEND,
				  .lease_line.connection = m.lease_opening.connection,
				  .lease_line.proved = 1 };
	rig_say(r.engine, &m);
	usleep(300000);
	seventh = rig_dial(&r, "127.0.0.7");
	rig_send_text(seventh, OPENING);
	rig_hear(r.engine, IPC_LEASE_OPENING, &m);
	for (int i = 0; i < 6; i++)
		close(fds[i]);
	close(seventh);
	rig_stop(&r);
}

static void reset(int fd)
{
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
}

static void clients_that_reset_or_leave(void **state)
{
	struct ipc_message m;
	struct rig r;
	int fd;

	(void)state;
	rig_start(&r, &self);
	for (int i = 0; i < 100; i++) {
		fd = rig_dial(&r, "127.0.0.1");
		if (i % 2)
			rig_send_text(fd, "{");
		reset(fd);
	}
	/* Gone while the engine thinks, and while the reply is on its way. */
	fd = rig_dial(&r, "127.0.0.1");
	rig_send_text(fd, RIG_JSON);
	rig_hear(r.engine, IPC_REGISTER, &m);
	reset(fd);
	rig_answer(&r, m.request, RESULT_OK, "");
	fd = rig_dial(&r, "127.0.0.1");
	rig_send_text(fd, RIG_JSON);
	rig_hear(r.engine, IPC_REGISTER, &m);
	rig_answer(&r, m.request, RESULT_OK, "");
	expect_reply(fd, "OK.");
	rig_stop(&r);
}

static void at_most_64_questions_at_once(void **state)
{
	struct ipc_settings s = { .register_mode = REGISTER_SELF,
				  .connections_max = 100,
				  .connections_per_source = 100 };
	struct ipc_message m[65];
	struct rig r;
	int fds[80];

	(void)state;
	rig_start(&r, &s);
	for (size_t i = 0; i < 80; i++) {
		fds[i] = rig_dial(&r, "127.0.0.1");
		rig_send_text(fds[i], RIG_JSON);
	}
	for (size_t i = 0; i < 64; i++)
		rig_hear(r.engine, IPC_REGISTER, &m[i]);
	assert_true(rig_silent(r.engine, 100));
	rig_answer(&r, m[10].request, RESULT_OK, "");
	rig_hear(r.engine, IPC_REGISTER, &m[64]);
	assert_true(rig_silent(r.engine, 20));
	/* No two that are under way have the same id. */
	for (size_t i = 0; i < 65; i++) {
		for (size_t k = 0; k < i; k++)
			assert_true(m[i].request != m[k].request);
	}
	for (size_t i = 0; i < 80; i++)
		close(fds[i]);
	rig_stop(&r);
}

/* An answer that comes again, or too late, is nobody's, whoever has that place by now. */
static void an_answer_counts_once(void **state)
{
	struct ipc_settings s = { .register_mode = REGISTER_SELF,
				  .connections_max = 100,
				  .connections_per_source = 100 };
	struct ipc_message first;
	struct ipc_message m;
	struct rig r;
	int fds[65];

	(void)state;
	rig_start(&r, &s);
	for (size_t i = 0; i < 65; i++) {
		fds[i] = rig_dial(&r, "127.0.0.1");
		rig_send_text(fds[i], RIG_JSON);
		rig_hear(r.engine, IPC_REGISTER, &m);
		if (i > 0)
			continue;
		first = m;
		rig_answer(&r, first.request, RESULT_OK, "");
		expect_reply(fds[0], "OK.");
	}
	rig_answer(&r, first.request, RESULT_OK, "");
	for (size_t i = 1; i < 65; i++) {
		assert_true(rig_silent(fds[i], i == 1 ? 50 : 0));
		close(fds[i]);
	}
	rig_stop(&r);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void silence_ends(void **state)
{
	struct ipc_message m;
	struct rig r;
	double start = seconds();
	int silent, half, asked;

	(void)state;
	rig_start(&r, &self);
	silent = rig_dial(&r, "127.0.0.1");
	half = rig_dial(&r, "127.0.0.1");
	rig_send_text(half, "{\"mac\":");
	asked = rig_dial(&r, "127.0.0.1");
	rig_send_text(asked, RIG_JSON);
	rig_hear(r.engine, IPC_REGISTER, &m);
	/* Dripping bytes does not help. */
	for (int i = 0; i < 9; i++) {
		usleep(500000);
		rig_send_text(half, " ");
	}
	expect_reply(silent, "The JSON was not complete after 5 seconds.");
	expect_reply(half, "The JSON was not complete after 5 seconds.");
	/* With every byte anew it would be 9.5 seconds. */
	assert_true(seconds() - start > 4.9 && seconds() - start < 9);
	expect_reply(asked, "The guard did not answer in time");
	assert_true(seconds() - start > 9.9);
	/* An answer that comes after all is nobody's. */
	rig_answer(&r, m.request, RESULT_OK, "");
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_any_number_of_segments),
		cmocka_unit_test(errors_do_not_reach_the_engine),
		cmocka_unit_test(the_engines_refusal_is_the_reply),
		cmocka_unit_test(sizes),
		cmocka_unit_test(token),
		cmocka_unit_test(no_token_is_set),
		cmocka_unit_test(anyone_and_off),
		cmocka_unit_test(limits),
		cmocka_unit_test(sleepers_that_come_at_once),
		cmocka_unit_test(clients_that_reset_or_leave),
		cmocka_unit_test(at_most_64_questions_at_once),
		cmocka_unit_test(an_answer_counts_once),
		cmocka_unit_test(silence_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
