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

/* An answer with n addresses from that one on. */
static void answer(int fd, const char *name, uint16_t port, const char *address, uint8_t n)
{
	struct dns_service s = { .port = port, .addresses_n = n, .host = "rouse-beeffacec0de" };
	uint8_t bytes[DNS_ANSWER_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));

	snprintf(s.instance, sizeof(s.instance), "%s", name);
	for (uint8_t i = 0; i < n; i++) {
		assert_int_equal(addr_parse(address, &s.addresses[i]), 0);
		s.addresses[i].b[3] = (uint8_t)(s.addresses[i].b[3] + i);
	}
	dns_answer_encode(&w, &s, false);
	assert_int_equal(send(fd, bytes, w.used, 0), w.used);
}

static void say(int fd, const char *name)
{
	answer(fd, name, 13717, "192.0.2.20", 1);
}

static bool has(const struct discovered *found, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(found[i].name, name) == 0)
			return true;
	}
	return false;
}

/* With the guard's address, and the one of whoever makes guards up. */
static void make_link(void)
{
	lab_run("ip link add d0 type veth peer name d1 && ip addr add 192.0.2.66/24 dev d0 && "
		"ip addr add 192.0.2.20/24 dev d0 && ip link set d1 up && ip link set d0 up");
}

static bool is_at(const struct discovered *d, uint16_t port, const char *address)
{
	struct addr a;

	assert_int_equal(addr_parse(address, &a), 0);
	for (size_t i = 0; i < d->addresses_n; i++) {
		if (d->port == port && addr_equal(&d->addresses[i], &a))
			return true;
	}
	return false;
}

/* Waits for the guard; how often it is there. */
static size_t find(struct discover *d, uint16_t port, const char *address)
{
	struct discovered found[DISCOVER_GUARDS];
	size_t there = 0;

	for (int k = 0; k < 100 && there == 0; k++) {
		struct pollfd p = { .fd = discover_fd(d), .events = POLLIN };
		size_t n;

		(void)poll(&p, 1, 100);
		n = discover_hear(d, found, DISCOVER_GUARDS);
		for (size_t i = 0; i < n; i++)
			there += is_at(&found[i], port, address);
	}
	return there;
}

static void who_has_the_guards_name_does_not_hide_it(void **state)
{
	struct discover *d;
	int fool, guard;

	(void)state;
	LAB_NEEDS_NAMESPACE();
	make_link();
	assert_int_equal(discover_open("d0", &d), 0);
	fool = speaker("192.0.2.66");
	guard = speaker("192.0.2.20");
	answer(fool, "box", 13717, "192.0.2.100", DNS_ADDRESSES);
	answer(guard, "box", 13717, "192.0.2.20", 2);
	answer(fool, "box", 9, "192.0.2.20", 1);
	/* Its second address by the other family. */
	answer(guard, "box", 13717, "192.0.2.21", 2);
	assert_int_equal(find(d, 9, "192.0.2.20"), 1);
	assert_int_equal(find(d, 13717, "192.0.2.20"), 1);
	assert_int_equal(find(d, 13717, "192.0.2.22"), 1);
	discover_close(d);
	close(fool);
	close(guard);
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
	make_link();
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
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_makes_guards_up_leaves_room),
		cmocka_unit_test(who_has_the_guards_name_does_not_hide_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
