/*
 * net and netlink: the view follows what ip(8) does in a network namespace of the test's own.
 */
#include "lab.h"

#include "sys/net.h"

#include <net/if.h>
#include <sys/socket.h>

struct lab {
	struct loop *loop;
	struct net_view *view;
	int changes;
};

static bool able;

static void changed(void *context)
{
	struct lab *lab = context;

	lab->changes++;
}

static int enter(void **state)
{
	(void)state;
	able = lab_enter();
	return 0;
}

/* e0 (up, with a partner e1) as the interface of each test. */
static int setup(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	*state = lab;
	if (!able)
		return 0;
	lab_run("ip link add e0 address 0a:00:00:00:00:01 type veth peer name e1 && "
		"ip link set e0 up && ip link set e1 up");
	assert_true(lab_links_ready("e[01]"));
	assert_int_equal(loop_new(&lab->loop), 0);
	assert_int_equal(net_view_new(lab->loop, changed, lab, &lab->view), 0);
	return 0;
}

static int teardown(void **state)
{
	struct lab *lab = *state;

	if (able) {
		net_view_free(lab->view);
		loop_free(lab->loop);
		(void)!system("ip link del e0 2>/dev/null; sysctl -qw net.ipv4.ip_forward=0 "
			      "net.ipv6.conf.all.forwarding=0");
	}
	free(lab);
	return 0;
}

#define NEEDS_LAB()                                                                              \
	do {                                                                                     \
		if (!able) {                                                                     \
			print_message("skipped: needs root, network namespaces and iproute2\n"); \
			skip();                                                                  \
		}                                                                                \
	} while (0)

/* Lets the view settle: default routes are read a moment later. */
static void settle(struct lab *lab)
{
	for (int i = 0; i < 10; i++)
		loop_run_once(lab->loop, 10000);
}

static void run_settled(struct lab *lab, const char *command)
{
	lab_run(command);
	settle(lab);
}

/* The carrier's end is told a moment later. */
static void settle_carrier(struct lab *lab, const char *name)
{
	for (int i = 0; i < 500 && net_by_name(lab->view, name)->link.carrier; i++)
		loop_run_once(lab->loop, 10000);
}

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void test_links(void **state)
{
	struct lab *lab = *state;
	const struct net_interface *i;

	NEEDS_LAB();
	i = net_by_name(lab->view, "e0");
	assert_non_null(i);
	assert_ptr_equal(i, net_by_index(lab->view, (int)if_nametoindex("e0")));
	assert_true(i->link.up && i->link.carrier && i->link.ethernet && !i->link.loopback);
	assert_memory_equal(i->link.mac.b, "\x0a\0\0\0\0\x01", 6);
	assert_string_equal(i->link.kind, "veth");
	assert_int_equal(i->link.mtu, 1500);
	assert_false(i->wireless);
	i = net_by_name(lab->view, "lo");
	assert_true(i && i->link.loopback && !i->link.ethernet);

	run_settled(lab, "ip link set e1 down");
	settle_carrier(lab, "e0");
	i = net_by_name(lab->view, "e0");
	assert_true(i->link.up && !i->link.carrier);
	run_settled(lab,
		    "ip link set e0 down && ip link set e0 name lan address 0a:00:00:00:00:02");
	assert_null(net_by_name(lab->view, "e0"));
	i = net_by_name(lab->view, "lan");
	assert_non_null(i);
	assert_false(i->link.up);
	assert_int_equal(i->link.mac.b[5], 2);
	assert_true(lab->changes >= 2);
	run_settled(lab, "ip addr add 192.0.2.20/24 dev lan");
	run_settled(lab, "ip link add br0 type bridge && ip link set lan master br0 && "
			 "ip link add mv0 link lan type macvlan 2>/dev/null; true");
	assert_int_equal(net_by_name(lab->view, "lan")->link.master, (int)if_nametoindex("br0"));
	assert_string_equal(net_by_name(lab->view, "br0")->link.kind, "bridge");
	/* Leaving a bridge is a DELLINK of the bridge's family: the link itself is still there. */
	run_settled(lab, "ip link set lan nomaster");
	assert_int_equal(net_by_name(lab->view, "lan")->link.master, 0);
	assert_true(net_by_name(lab->view, "lan")->addresses_n > 0);
	run_settled(lab, "ip link del br0; ip link del lan");
	assert_null(net_by_name(lab->view, "lan"));
	assert_null(net_by_name(lab->view, "e1"));
}

static void test_nothing_changed(void **state)
{
	struct lab *lab = *state;
	int before;

	NEEDS_LAB();
	settle(lab);
	before = lab->changes;
	run_settled(lab, "ip link set e0 up && ip link set e0 mtu 1500");
	assert_int_equal(lab->changes, before);
}

static const struct netlink_address *own(struct lab *lab, const char *text)
{
	const struct net_interface *i = net_by_name(lab->view, "e0");
	struct addr a = address(text);

	for (size_t n = 0; i && n < i->addresses_n; n++) {
		if (addr_equal(&i->addresses[n].addr, &a))
			return &i->addresses[n];
	}
	return NULL;
}

static void test_addresses(void **state)
{
	struct lab *lab = *state;
	const struct net_interface *i;
	struct addr a;

	NEEDS_LAB();
	run_settled(lab, "ip addr add 192.0.2.20/24 dev e0 && "
			 "ip addr add 2001:db8::20/64 dev e0 nodad && "
			 "ip addr add 2001:db8::21/64 dev e0 nodad preferred_lft 0");
	i = net_by_name(lab->view, "e0");
	assert_int_equal(own(lab, "192.0.2.20")->prefix, 24);
	assert_false(own(lab, "2001:db8::20")->tentative);
	assert_true(own(lab, "2001:db8::21")->deprecated);
	a = address("192.0.2.20");
	assert_true(net_owns(i, &a) && net_view_owns(lab->view, &a));
	a = address("127.0.0.1");
	assert_true(!net_owns(i, &a) && net_view_owns(lab->view, &a));
	a = address("192.0.2.255");
	assert_true(net_on_link(i, &a) && net_is_broadcast(i, &a));
	a = address("192.0.2.0");
	assert_true(net_is_broadcast(i, &a));
	a = address("192.0.3.7");
	assert_false(net_on_link(i, &a) || net_is_broadcast(i, &a));
	a = address("fe80::77");
	assert_true(net_on_link(i, &a));
	a = address("2001:db8:0:1::1");
	assert_false(net_on_link(i, &a));
	run_settled(lab, "ip addr del 192.0.2.20/24 dev e0");
	assert_null(own(lab, "192.0.2.20"));
}

static void test_tentative(void **state)
{
	struct lab *lab = *state;
	struct addr to = address("2001:db8::9");

	NEEDS_LAB();
	run_settled(lab, "ip addr add 2001:db8::30/64 dev e0");
	assert_true(own(lab, "2001:db8::30")->tentative);
	assert_null(net_source_for(net_by_name(lab->view, "e0"), &to));
	for (int n = 0; n < 60 && own(lab, "2001:db8::30")->tentative; n++)
		settle(lab);
	assert_false(own(lab, "2001:db8::30")->tentative);
	assert_ptr_equal(net_source_for(net_by_name(lab->view, "e0"), &to),
			 own(lab, "2001:db8::30"));
}

static void assert_source(struct lab *lab, const char *to, const char *from)
{
	struct addr a = address(to), b = address(from);
	const struct netlink_address *s = net_source_for(net_by_name(lab->view, "e0"), &a);

	assert_non_null(s);
	if (!addr_equal(&s->addr, &b))
		fail_msg("%s is not the source towards %s", from, to);
}

static void test_sources(void **state)
{
	struct lab *lab = *state;

	NEEDS_LAB();
	run_settled(lab,
		    "ip addr add 198.51.100.1/24 dev e0 && ip addr add 192.0.2.20/24 dev e0 && "
		    "ip addr add 192.0.2.21/24 dev e0 && "
		    "ip addr add 2001:db8::21/64 dev e0 nodad preferred_lft 0 && "
		    "ip addr add 2001:db8::20/64 dev e0 nodad && "
		    "ip addr add fe80::20/64 dev e0 nodad");
	assert_source(lab, "192.0.2.50", "192.0.2.20");
	assert_source(lab, "198.51.100.50", "198.51.100.1");
	assert_source(lab, "2001:db8::50", "2001:db8::20");
	run_settled(lab, "ip addr del 2001:db8::20/64 dev e0");
	/* A deprecated one is better than a link-local one. */
	assert_source(lab, "2001:db8::50", "2001:db8::21");
	assert_true(addr_is_link_local(
		&net_source_for(net_by_name(lab->view, "e0"), &(struct addr){ 6, { 0xfe, 0x80 } })
			 ->addr));
}

static void test_gateways(void **state)
{
	struct lab *lab = *state;
	struct addr gateway = address("192.0.2.1"), second = address("192.0.2.2");
	struct addr six = address("fe80::1");
	const struct net_interface *i;

	NEEDS_LAB();
	assert_null(net_default(lab->view));
	run_settled(lab, "ip addr add 192.0.2.20/24 dev e0 && "
			 "ip -6 route add default via fe80::1 dev e0 metric 5");
	i = net_by_name(lab->view, "e0");
	assert_true(net_is_gateway(i, &six));
	assert_ptr_equal(net_default(lab->view), i);
	run_settled(lab, "ip addr add 198.51.100.20/24 dev e1 && "
			 "ip route add default via 198.51.100.1 dev e1 metric 300");
	/* IPv4 first. */
	assert_ptr_equal(net_default(lab->view), net_by_name(lab->view, "e1"));
	run_settled(lab, "ip route add default metric 200 nexthop via 192.0.2.1 dev e0 "
			 "nexthop via 192.0.2.2 dev e0");
	assert_true(net_is_gateway(i, &gateway) && net_is_gateway(i, &second));
	assert_ptr_equal(net_default(lab->view), net_by_name(lab->view, "e0"));
	/* Not a default route, and another table: neither has a gateway of interest. */
	run_settled(lab, "ip route add 203.0.113.0/24 via 192.0.2.9 && "
			 "ip route add default via 192.0.2.8 table 77");
	assert_int_equal(i->gateways_n, 3);
	/* The kernel says nothing of IPv4 routes that go away with the last address, or the link.
	 */
	run_settled(lab, "ip addr del 198.51.100.20/24 dev e1");
	assert_int_equal(net_by_name(lab->view, "e1")->gateways_n, 0);
	run_settled(lab, "ip addr add 198.51.100.20/24 dev e1 && "
			 "ip route add default via 198.51.100.1 dev e1 metric 300");
	run_settled(lab, "ip link set e0 down");
	assert_false(net_is_gateway(net_by_name(lab->view, "e0"), &gateway));
	assert_ptr_equal(net_default(lab->view), net_by_name(lab->view, "e1"));
}

static void test_forwarding(void **state)
{
	struct lab *lab = *state;
	const struct net_interface *i;

	NEEDS_LAB();
	i = net_by_name(lab->view, "e0");
	assert_false(i->forwards4 || i->forwards6);
	run_settled(lab, "sysctl -qw net.ipv4.conf.e0.forwarding=1");
	assert_true(i->forwards4 && !net_by_name(lab->view, "e1")->forwards4);
	run_settled(lab,
		    "sysctl -qw net.ipv4.ip_forward=0; sysctl -qw net.ipv4.conf.e0.forwarding=0");
	assert_false(i->forwards4);
	run_settled(lab, "sysctl -qw net.ipv4.ip_forward=1");
	assert_true(i->forwards4 && net_by_name(lab->view, "e1")->forwards4);
	run_settled(lab, "sysctl -qw net.ipv6.conf.all.forwarding=1");
	assert_true(i->forwards6);
	/* An interface that comes later forwards as well. */
	run_settled(lab, "ip link add later type bridge");
	assert_true(net_by_name(lab->view, "later")->forwards4);
	assert_true(net_by_name(lab->view, "later")->forwards6);
	run_settled(lab, "ip link del later");
}

struct neighbours {
	int n;
	struct netlink_neighbour last;
};

static void count_neighbour(void *context, const struct netlink_neighbour *n)
{
	struct neighbours *all = context;

	if (addr_is_multicast(&n->addr))
		return;
	all->n++;
	all->last = *n;
}

static void test_neighbours(void **state)
{
	struct lab *lab = *state;
	struct mac mac = { { 0x0a, 0x72, 0x6f, 1, 2, 3 } };
	struct addr four = address("192.0.2.50"), six = address("2001:db8::50");
	struct neighbours all = { 0 };
	struct netlink_neighbour n;
	int e0;

	NEEDS_LAB();
	e0 = (int)if_nametoindex("e0");
	run_settled(lab, "ip addr add 192.0.2.20/24 dev e0 && "
			 "ip addr add 198.51.100.20/24 dev e1");
	assert_int_equal(net_neighbour(lab->view, e0, &four, &n), -ENOENT);
	assert_int_equal(net_neighbour_delete(lab->view, e0, &four), 0);
	assert_int_equal(net_neighbour_set(lab->view, e0, &four, &mac), 0);
	assert_int_equal(net_neighbour_set(lab->view, e0, &six, &mac), 0);
	assert_int_equal(net_neighbour(lab->view, e0, &six, &n), 0);
	assert_true(n.state == NEIGHBOUR_KNOWN && mac_equal(&n.mac, &mac));
	mac.b[5] = 9;
	assert_int_equal(net_neighbour_set(lab->view, e0, &four, &mac), 0);
	assert_int_equal(net_neighbour(lab->view, e0, &four, &n), 0);
	assert_true(mac_equal(&n.mac, &mac));
	lab_run("ip neigh add 198.51.100.9 lladdr 0a:00:00:00:00:09 dev e1");
	assert_int_equal(net_neighbours(lab->view, e0, count_neighbour, &all), 0);
	assert_int_equal(all.n, 2);
	assert_int_equal(net_neighbour_delete(lab->view, e0, &four), 0);
	assert_int_equal(net_neighbour_delete(lab->view, e0, &six), 0);
	assert_int_equal(net_neighbour(lab->view, e0, &four, &n), -ENOENT);
	/* Somebody's permanent entry is not ours to change. */
	lab_run("ip neigh add 192.0.2.50 lladdr 0a:00:00:00:00:09 dev e0 nud permanent");
	assert_int_equal(net_neighbour_set(lab->view, e0, &four, &mac), -EEXIST);
	assert_int_equal(net_neighbour_delete(lab->view, e0, &four), -EEXIST);
	lab_run("ip neigh show 192.0.2.50 dev e0 | grep -q PERMANENT");
}

/* The host wants to talk to somebody who does not answer. */
static void test_incomplete(void **state)
{
	struct lab *lab = *state;
	struct neighbours all = { 0 };
	int e0;

	NEEDS_LAB();
	e0 = (int)if_nametoindex("e0");
	run_settled(lab, "ip addr add 192.0.2.20/24 dev e0");
	lab_run("ip neigh add 192.0.2.51 dev e0 nud incomplete 2>/dev/null || "
		"(ping -c1 -W1 192.0.2.51 >/dev/null 2>&1 &) ; sleep 0.2");
	assert_int_equal(net_neighbours(lab->view, e0, count_neighbour, &all), 0);
	assert_int_equal(all.n, 1);
	assert_in_range(all.last.state, NEIGHBOUR_INCOMPLETE, NEIGHBOUR_FAILED);
	assert_true(mac_is_zero(&all.last.mac));
}

static int set_without_power(void *context)
{
	struct lab *lab = context;
	struct addr a = address("192.0.2.50");
	struct mac mac = { { 0x0a, 0, 0, 0, 0, 9 } };
	int e0 = (int)if_nametoindex("e0");

	if (setresuid(65534, 65534, 65534) < 0)
		return 1;
	return net_neighbour_set(lab->view, e0, &a, &mac) == -EPERM ? 0 : 2;
}

static void test_needs_power(void **state)
{
	NEEDS_LAB();
	assert_int_equal(lab_child(set_without_power, *state), 0);
}

/* More changes than the socket holds: lost ones are made up for by reading everything again. */
static void test_lost_notifications(void **state)
{
	struct lab *lab = *state;

	NEEDS_LAB();
	lab_run("for i in $(seq 1 9000); do echo link set e0 mtu $((1300 + i % 100)); done "
		">/tmp/rouse-net-$PPID; echo 'addr add 192.0.2.77/24 dev e0' "
		">>/tmp/rouse-net-$PPID; "
		"ip -batch /tmp/rouse-net-$PPID; rm /tmp/rouse-net-$PPID");
	/* They really were too many, else this test tests nothing. */
	lab_run("awk -v p=$PPID '$3 == p || $9 > 0 { d += $9 } END { exit !(d > 0) }' "
		"/proc/net/netlink");
	settle(lab);
	assert_non_null(own(lab, "192.0.2.77"));
	assert_int_equal(net_by_name(lab->view, "e0")->link.mtu, 1300 + 9000 % 100);
	run_settled(lab, "ip link set e0 mtu 1400");
	assert_int_equal(net_by_name(lab->view, "e0")->link.mtu, 1400);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_links),
		T(test_nothing_changed),
		T(test_addresses),
		T(test_tentative),
		T(test_sources),
		T(test_gateways),
		T(test_forwarding),
		T(test_neighbours),
		T(test_incomplete),
		T(test_needs_power),
		T(test_lost_notifications),
	};

	return cmocka_run_group_tests_name("sys/net", tests, enter, NULL);
}
