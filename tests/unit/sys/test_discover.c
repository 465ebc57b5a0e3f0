/*
 * discover: whom it finds among those that make guards up.
 */
#include "lab.h"

#include "sys/discover.h"
#include "wire/dns.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

/* At the port of multicast DNS, with that address, and connected to its group. */
static int speaker(const char *address)
{
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(DNS_PORT) };
	struct sockaddr_in to = from;
	struct ip_mreqn m = { .imr_ifindex = (int)if_nametoindex("d0") };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int one = 1;

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, address, &from.sin_addr), 1);
	memcpy(&to.sin_addr, DNS_GROUP_V4.b, 4);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &m, sizeof(m)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void say(int fd, const char *name)
{
	struct dns_service s = { .port = 13717, .addresses_n = 1, .host = "rouse-beeffacec0de" };
	uint8_t bytes[DNS_ANSWER_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));

	snprintf(s.instance, sizeof(s.instance), "%s", name);
	assert_int_equal(addr_parse("192.0.2.20", &s.addresses[0]), 0);
	dns_answer_encode(&w, &s, false);
	assert_int_equal(send(fd, bytes, w.used, 0), w.used);
}

static bool has(const struct discovered *found, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(found[i].name, name) == 0)
			return true;
	}
	return false;
}

static void who_makes_guards_up_leaves_room(void **state)
{
	struct discovered found[DISCOVER_GUARDS];
	struct discover *d;
	char name[32];
	int fool, guard;
	size_t n = 0;

	(void)state;
	LAB_NEEDS_NAMESPACE();
	lab_run("ip link add d0 type veth peer name d1 && ip addr add 192.0.2.66/24 dev d0 && "
		"ip addr add 192.0.2.20/24 dev d0 && ip link set d1 up && ip link set d0 up");
	assert_int_equal(discover_open("d0", &d), 0);
	fool = speaker("192.0.2.66");
	guard = speaker("192.0.2.20");
	for (int i = 0; i < 2 * DISCOVER_GUARDS; i++) {
		snprintf(name, sizeof(name), "no guard %d", i);
		say(fool, name);
	}
	say(guard, "box");
	for (int i = 0; i < 100 && !has(found, n, "box"); i++) {
		struct pollfd p = { .fd = discover_fd(d), .events = POLLIN };

		(void)poll(&p, 1, 100);
		n = discover_hear(d, found, DISCOVER_GUARDS);
	}
	assert_true(has(found, n, "no guard 0"));
	assert_true(has(found, n, "box"));
	assert_true(n < DISCOVER_GUARDS);
	discover_close(d);
	close(fool);
	close(guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(who_makes_guards_up_leaves_room) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
