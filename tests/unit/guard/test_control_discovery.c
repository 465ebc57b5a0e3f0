/*
 * test_control_discovery: the real control role is asked for the guard while others flood it, on loopback in the place of a LAN.
 */
#include "control_rig.h"

#include "wire/dns.h"

#include <arpa/inet.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define FLOOD 30000
#define A_SECOND 1600 /* datagrams that are looked at, as control_discovery.c has it */
#define ROOM 212992 /* bytes of the socket that is asked at, whatever this box gives others */
#define QUEUED 2000 /* more datagrams than that is room for */

struct place {
	struct rig rig;
	int hear, tell; /* as the monitor makes them; control has the same */
	int answers; /* what is told arrives here */
	uint16_t port; /* of `hear` */
	int fool, asker; /* others on the link, at the port of multicast DNS */
};

static int udp(const char *address, uint16_t port, uint16_t *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t n = sizeof(a);
	int one = 1;

	assert_true(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(inet_pton(AF_INET, address, &a.sin_addr), 1);
	assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	if (ret_port)
		*ret_port = ntohs(a.sin_port);
	return fd;
}

static void connect_to(int fd, uint16_t port)
{
	const struct sockaddr_in a = { .sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
}

static void open_place(struct place *p)
{
	static const struct ipc_settings settings = { .register_mode = REGISTER_SELF,
						      .attempts = 3,
						      .interval = 1000000 };
	struct ipc_message m = {
		.kind = IPC_DISCOVERY,
		.discovery = { .family = 4, .port = 13717, .addresses_n = 2, .name = "box" }
	};
	const int room = ROOM / 2; /* the kernel doubles it */
	uint16_t answers;

	rig_start(&p->rig, &settings);
	p->hear = udp("127.0.0.1", 0, &p->port);
	assert_int_equal(setsockopt(p->hear, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	p->tell = udp("127.0.0.1", 0, NULL);
	p->answers = udp("127.0.0.1", 0, &answers);
	connect_to(p->tell, answers);
	/* The second is the link that is asked from; nobody takes it for a guard's address. */
	assert_int_equal(prefix_parse("192.0.2.20/24", &m.discovery.addresses[0]), 0);
	assert_int_equal(prefix_parse("127.0.0.0/8", &m.discovery.addresses[1]), 0);
	rig_pass(p->rig.monitor, &m, (const int[]){ p->hear, p->tell }, 2);
	p->fool = udp("127.0.0.2", DNS_PORT, NULL);
	p->asker = udp("127.0.0.3", DNS_PORT, NULL);
	connect_to(p->fool, p->port);
	connect_to(p->asker, p->port);
}

static void close_place(struct place *p)
{
	rig_stop(&p->rig);
	close(p->hear);
	close(p->tell);
	close(p->answers);
	close(p->fool);
	close(p->asker);
}

static void ask(const struct place *p)
{
	uint8_t bytes[64];
	struct writer w = writer_over(bytes, sizeof(bytes));

	dns_query_encode(&w);
	rig_send(p->asker, bytes, w.used);
}

static bool answered(const struct place *p, int ms)
{
	struct pollfd wait = { .fd = p->answers, .events = POLLIN };
	struct dns_service service;
	uint8_t bytes[DNS_ANSWER_MAX];
	ssize_t n;

	if (poll(&wait, 1, ms) == 0)
		return false;
	n = recv(p->answers, bytes, sizeof(bytes), 0);
	assert_true(n > 0);
	assert_int_equal(dns_answer_decode(bytes, (size_t)n, &service, 1), 1);
	assert_string_equal(service.instance, "box");
	return true;
}

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Datagrams that came when there was no room for them. */
static uint32_t dropped(const struct place *p)
{
	uint32_t all[SK_MEMINFO_VARS] = { 0 };
	socklen_t n = sizeof(all);

	assert_int_equal(getsockopt(p->hear, SOL_SOCKET, SO_MEMINFO, all, &n), 0);
	return all[SK_MEMINFO_DROPS];
}

static void a_question_behind_junk_is_answered(void **state)
{
	struct place p;

	(void)state;
	open_place(&p);
	for (int i = 0; i < 150; i++)
		rig_send_text(p.fool, "this is no question");
	ask(&p);
	assert_int_equal(dropped(&p), 0);
	assert_true(answered(&p, 10000));
	close_place(&p);
}

static void a_flood_costs_what_it_may(void **state)
{
	double start, seconds;
	struct place p;
	bool found = false;

	(void)state;
	open_place(&p);
	start = now();
	for (int i = 0; i < FLOOD; i++)
		(void)send(p.fool, "junk", 4, MSG_NOSIGNAL);
	seconds = now() - start;
	/* What was not dropped was looked at, or waits. */
	assert_true(dropped(&p) > FLOOD - QUEUED - A_SECOND * seconds);
	for (int i = 0; i < 50 && !found; i++) {
		ask(&p);
		found = answered(&p, 200);
	}
	assert_true(found);
	close_place(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_behind_junk_is_answered),
		cmocka_unit_test(a_flood_costs_what_it_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
