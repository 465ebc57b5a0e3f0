/*
 * test_transmit: what the monitor sends for a request, and above all what it refuses to send whatever the engine asks.
 * The sending socket is one end of a datagram pair: what comes out of the other is what would be on the wire.
 */
#include "guard/transmit.h"

#include "wire/frame.h"
#include "wire/wol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define VNET 10

static const struct mac OWN = { { 0x02, 0, 0, 0, 0, 0x20 } };
static const struct mac CLAIM = { { 0x0a, 0x72, 0x6f, 0, 0, 1 } };
static const struct mac MACHINE = { { 0x02, 0, 0, 0, 0, 0x50 } };
static const struct mac CLIENT = { { 0x02, 0, 0, 0, 0, 0x10 } };

struct world {
	struct config config;
	struct netlink_address own[3];
	struct net_interface net;
	struct lan lan;
	struct directory directory;
	int wire; /* our end */
};

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static int setup(void **state)
{
	static struct world w;
	struct spec s = { .name = "nas", .mac = MACHINE };
	struct listing *l;
	int ends[2];

	memset(&w, 0, sizeof(w));
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
	w.wire = ends[0];
	w.own[0] = (struct netlink_address){ .addr = addr("192.0.2.20"), .prefix = 24 };
	w.own[1] = (struct netlink_address){ .addr = addr("2001:db8::20"), .prefix = 64 };
	w.own[2] = (struct netlink_address){ .addr = addr("fe80::20"), .prefix = 64 };
	w.net = (struct net_interface){
		.ifindex = 7,
		.addresses = w.own,
		.addresses_n = 3,
		.gateways_n = 1,
		.link = { .mac = OWN, .ethernet = true, .up = true, .carrier = true }
	};
	w.net.gateways[0] = (struct netlink_route){ .family = 4, .gateway = addr("192.0.2.1") };
	w.lan.config = &w.config;
	w.lan.slots[0] = (struct lan_interface){ .ifindex = 7, .net = &w.net, .send_fd = ends[1] };
	w.lan.slots[0].said = (struct ipc_interface){ .present = true,
						      .up = true,
						      .virtual_mac = true,
						      .own = OWN,
						      .claim = CLAIM,
						      .gate_port = 40000,
						      .echo_id = 77 };
	assert_int_equal(directory_init(&w.directory), 0);
	s.addresses[0] = addr("192.0.2.50");
	s.addresses[1] = addr("2001:db8::50");
	/* As if the gateway's and the guard's addresses had got into a description. */
	s.addresses[2] = addr("192.0.2.1");
	s.addresses[3] = addr("192.0.2.20");
	s.addresses_n = 4;
	assert_int_equal(directory_put(&w.directory, 5, &s, &l), 0);
	l->interface = 0;
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	close(w->wire);
	close(w->lan.slots[0].send_fd);
	directory_done(&w->directory);
	return 0;
}

static enum transmit_verdict ask(struct world *w, enum ipc_kind kind, struct ipc_lan lan)
{
	struct ipc_message m = { .kind = kind, .lan = lan };

	return transmit_lan(&w->lan, &w->directory, &m);
}

/* The next frame that was sent; fails when there is none. */
static size_t sent(struct world *w, uint8_t *bytes, size_t size, struct frame *f)
{
	ssize_t n = recv(w->wire, bytes, size, 0);

	assert_true(n > VNET);
	assert_int_equal(frame_decode(bytes + VNET, (size_t)n - VNET, f), 0);
	return (size_t)n - VNET;
}

static void nothing_was_sent(struct world *w)
{
	uint8_t byte;

	assert_int_equal(recv(w->wire, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void answers_come_from_the_virtual_mac(void **state)
{
	struct world *w = *state;
	uint8_t bytes[512];
	struct frame f;

	assert_int_equal(ask(w, IPC_ANSWER,
			     (struct ipc_lan){ .machine = 5,
					       .addr = addr("192.0.2.50"),
					       .peer_mac = CLIENT,
					       .peer = addr("192.0.2.10") }),
			 TRANSMIT_SENT);
	sent(w, bytes, sizeof(bytes), &f);
	assert_int_equal(f.kind, FRAME_ARP);
	assert_int_equal(f.arp.op, 2);
	assert_true(mac_equal(&f.src, &CLAIM));
	assert_true(mac_equal(&f.arp.sha, &CLAIM));
	assert_true(mac_equal(&f.dst, &CLIENT));

	assert_int_equal(ask(w, IPC_ANSWER,
			     (struct ipc_lan){ .machine = 5,
					       .addr = addr("2001:db8::50"),
					       .peer_mac = CLIENT,
					       .peer = addr("2001:db8::10") }),
			 TRANSMIT_SENT);
	sent(w, bytes, sizeof(bytes), &f);
	assert_int_equal(f.kind, FRAME_NA);
	assert_true(f.nd.solicited && f.nd.override && f.nd.has_link);
	assert_true(mac_equal(&f.nd.link, &CLAIM));
}

/* DAD is defended towards the prober alone: to ff02::1, in a frame for one host. */
static void a_prober_is_told_alone(void **state)
{
	struct world *w = *state;
	uint8_t bytes[512];
	struct addr all = addr("ff02::1");
	struct frame f;

	assert_int_equal(ask(w, IPC_ANSWER,
			     (struct ipc_lan){ .machine = 5,
					       .addr = addr("2001:db8::50"),
					       .peer_mac = CLIENT,
					       .peer = addr("::") }),
			 TRANSMIT_SENT);
	sent(w, bytes, sizeof(bytes), &f);
	assert_true(mac_equal(&f.dst, &CLIENT));
	assert_true(addr_equal(&f.ip_dst, &all));
	assert_false(f.nd.solicited);
	assert_true(f.nd.override);
}

static void handing_back_names_the_machine(void **state)
{
	struct world *w = *state;
	uint8_t bytes[512];
	struct frame f;

	assert_int_equal(ask(w, IPC_ANNOUNCE,
			     (struct ipc_lan){
				     .machine = 5, .addr = addr("192.0.2.50"), .mac = MACHINE }),
			 TRANSMIT_SENT);
	sent(w, bytes, sizeof(bytes), &f);
	assert_int_equal(f.arp.op, 1);
	assert_true(mac_equal(&f.arp.sha, &MACHINE));
	assert_true(mac_equal(&f.src, &OWN));
	assert_true(addr_equal(&f.arp.spa, &f.arp.tpa));
	/* The IPv6 one speaks from our own address: the claimed one is the machine's again. */
	assert_int_equal(ask(w, IPC_ANNOUNCE,
			     (struct ipc_lan){
				     .machine = 5, .addr = addr("2001:db8::50"), .mac = MACHINE }),
			 TRANSMIT_SENT);
	sent(w, bytes, sizeof(bytes), &f);
	assert_true(mac_equal(&f.nd.link, &MACHINE));
	assert_true(net_owns(&w->net, &f.ip_src));
	/* Nobody else's MAC is ever announced. */
	assert_int_equal(ask(w, IPC_ANNOUNCE,
			     (struct ipc_lan){
				     .machine = 5, .addr = addr("192.0.2.50"), .mac = CLIENT }),
			 TRANSMIT_FORBIDDEN);
	nothing_was_sent(w);
}

static void what_is_not_the_machines_is_refused(void **state)
{
	static const enum ipc_kind kinds[] = { IPC_ANSWER, IPC_ANNOUNCE, IPC_REPOINT,
					       IPC_PROBE_PORT, IPC_PROBE_ECHO };
	static const char *const others[] = { "192.0.2.99", "192.0.2.1", "192.0.2.20",
					      "2001:db8::20" };
	struct world *w = *state;

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct ipc_lan lan = { .machine = 5,
				       .peer_mac = CLIENT,
				       .peer = addr("192.0.2.10") };

		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
			lan.addr = addr(others[i]);
			assert_int_equal(ask(w, kinds[k], lan), TRANSMIT_FORBIDDEN);
		}
		lan.addr = addr("192.0.2.50");
		lan.machine = 6;
		assert_int_equal(ask(w, kinds[k], lan), TRANSMIT_FORBIDDEN);
		lan.machine = 0;
		assert_int_equal(ask(w, kinds[k], lan), TRANSMIT_FORBIDDEN);
	}
	assert_int_equal(ask(w, IPC_WAKE, (struct ipc_lan){ .machine = 6 }), TRANSMIT_FORBIDDEN);
	/* A kind that is no request to the LAN. */
	assert_int_equal(ask(w, IPC_STORE, (struct ipc_lan){ .machine = 5 }), TRANSMIT_FORBIDDEN);
	nothing_was_sent(w);
}

static void we_ask_with_our_own_address(void **state)
{
	struct world *w = *state;
	uint8_t bytes[512];
	struct addr own = addr("192.0.2.20");
	struct frame f;

	assert_int_equal(ask(w, IPC_SOLICIT, (struct ipc_lan){ .addr = addr("192.0.2.99") }),
			 TRANSMIT_SENT);
	sent(w, bytes, sizeof(bytes), &f);
	assert_true(addr_equal(&f.arp.spa, &own));
	assert_true(mac_equal(&f.arp.sha, &OWN));
	/* IPv6: to the group in a frame for the machine, or the answer has no Override. */
	struct addr group = addr("ff02::1:ff00:50");

	assert_int_equal(ask(w, IPC_SOLICIT,
			     (struct ipc_lan){ .addr = addr("2001:db8::50"), .mac = MACHINE }),
			 TRANSMIT_SENT);
	sent(w, bytes, sizeof(bytes), &f);
	assert_int_equal(f.kind, FRAME_NS);
	assert_true(mac_equal(&f.dst, &MACHINE));
	assert_true(addr_equal(&f.ip_dst, &group));
	assert_int_equal(ask(w, IPC_SOLICIT, (struct ipc_lan){ .addr = addr("198.51.100.1") }),
			 TRANSMIT_NOT_NOW);
	nothing_was_sent(w);
}

static void a_burst_is_raw_to_one_raw_to_all_and_udp(void **state)
{
	struct world *w = *state;
	uint8_t bytes[512];
	struct frame f;
	struct mac target;
	struct secureon secureon;
	size_t n;

	assert_int_equal(ask(w, IPC_WAKE, (struct ipc_lan){ .machine = 5 }), TRANSMIT_SENT);
	for (int i = 0; i < 3; i++) {
		n = sent(w, bytes, sizeof(bytes), &f);
		assert_int_equal(wol_find(bytes + VNET, n, &target, &secureon), 0);
		assert_true(mac_equal(&target, &MACHINE));
		assert_true(mac_equal(&f.dst, i == 0 ? &MACHINE : &MAC_BROADCAST));
		assert_int_equal(f.ethertype, i < 2 ? 0x0842 : 0x0800);
	}
	nothing_was_sent(w);
}

static enum transmit_verdict send_packet(struct world *w, uint32_t machine, const uint8_t *packet,
					 uint32_t n)
{
	struct {
		struct ipc_message m;
		uint8_t packet[64];
	} q = { .m = { .kind = IPC_SEND, .send = { .machine = machine, .length = n } } };

	/* The packet follows the message itself, not the union's largest member. */
	memcpy((uint8_t *)&q + ipc_length(&q.m), packet, n);
	return transmit_packet(&w->lan, &w->directory, &q.m);
}

static void packets_go_to_the_machine_alone(void **state)
{
	struct world *w = *state;
	const uint8_t packet[40] = { 0x45, 0,  0,   40, [8] = 64, [9] = 6, [12] = 192, 0,
				     2,	   10, 192, 0,	2,	  50,	   [32] = 0x50 };
	uint8_t bytes[512];
	struct frame f;

	assert_int_equal(send_packet(w, 5, packet, sizeof(packet)), TRANSMIT_SENT);
	sent(w, bytes, sizeof(bytes), &f);
	assert_true(mac_equal(&f.dst, &MACHINE));
	assert_true(mac_equal(&f.src, &OWN));
	assert_int_equal(f.kind, FRAME_TCP);
	assert_int_equal(send_packet(w, 6, packet, sizeof(packet)), TRANSMIT_FORBIDDEN);
	assert_int_equal(send_packet(w, 5, packet, 0), TRANSMIT_FORBIDDEN);
	nothing_was_sent(w);
}

/* Whatever the engine says: the addresses inside have to be the machine's as well. */
static void packets_to_others_are_refused(void **state)
{
	static const uint8_t others[][4] = {
		{ 192, 0, 2, 99 }, { 192, 0, 2, 1 }, { 192, 0, 2, 20 }, { 203, 0, 113, 1 }
	};
	struct world *w = *state;
	uint8_t packet[40] = { 0x45, 0, 0, 40, [8] = 64, [9] = 6, [12] = 192, 0, 2, 10 };
	uint8_t no_ip[40] = { 0x15 };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		memcpy(packet + 16, others[i], 4);
		assert_int_equal(send_packet(w, 5, packet, sizeof(packet)), TRANSMIT_FORBIDDEN);
	}
	memcpy(packet + 16, (uint8_t[]){ 192, 0, 2, 50 }, 4);
	assert_int_equal(send_packet(w, 5, packet, 19), TRANSMIT_FORBIDDEN);
	assert_int_equal(send_packet(w, 5, no_ip, sizeof(no_ip)), TRANSMIT_FORBIDDEN);
	nothing_was_sent(w);
}

/* On another LAN the same address may be another host's. */
static void only_the_machines_own_lan(void **state)
{
	static const enum ipc_kind kinds[] = { IPC_ANSWER, IPC_ANNOUNCE, IPC_REPOINT,
					       IPC_PROBE_PORT, IPC_PROBE_ECHO };
	const uint8_t packet[40] = { 0x45, 0, 0,  40,  [8] = 64, [9] = 6, [12] = 192,
				     0,	   2, 10, 192, 0,	 2,	  50 };
	struct world *w = *state;

	directory_find(&w->directory, 5)->interface = 1;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		assert_int_equal(ask(w, kinds[k],
				     (struct ipc_lan){ .machine = 5,
						       .addr = addr("192.0.2.50"),
						       .peer_mac = CLIENT,
						       .peer = addr("192.0.2.10") }),
				 TRANSMIT_NOT_NOW);
	assert_int_equal(send_packet(w, 5, packet, sizeof(packet)), TRANSMIT_NOT_NOW);
	nothing_was_sent(w);
}

static void an_observer_sends_nothing(void **state)
{
	struct world *w = *state;

	w->config.observe = 1;
	assert_int_equal(ask(w, IPC_WAKE, (struct ipc_lan){ .machine = 5 }), TRANSMIT_NOT_NOW);
	assert_int_equal(ask(w, IPC_REFRESH, (struct ipc_lan){ .interface = 0 }), TRANSMIT_NOT_NOW);
	assert_int_equal(ask(w, IPC_SOLICIT, (struct ipc_lan){ .addr = addr("192.0.2.50") }),
			 TRANSMIT_NOT_NOW);
	nothing_was_sent(w);
}

static void no_link_no_frames(void **state)
{
	struct world *w = *state;

	w->lan.slots[0].said.up = false;
	assert_int_equal(ask(w, IPC_WAKE, (struct ipc_lan){ .machine = 5 }), TRANSMIT_NOT_NOW);
	assert_int_equal(ask(w, IPC_WAKE, (struct ipc_lan){ .machine = 5, .interface = 3 }),
			 TRANSMIT_NOT_NOW);
	nothing_was_sent(w);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_come_from_the_virtual_mac),
		TEST(a_prober_is_told_alone),
		TEST(handing_back_names_the_machine),
		TEST(what_is_not_the_machines_is_refused),
		TEST(we_ask_with_our_own_address),
		TEST(a_burst_is_raw_to_one_raw_to_all_and_udp),
		TEST(packets_go_to_the_machine_alone),
		TEST(packets_to_others_are_refused),
		TEST(only_the_machines_own_lan),
		TEST(an_observer_sends_nothing),
		TEST(no_link_no_frames),
	};

	return cmocka_run_group_tests_name("transmit", tests, NULL, NULL);
}
