/* test_arp: ARP messages against frames that scapy made. */
#include "wire/arp.h"

#include "support.h"
#include "wire/ether.h"

#include <errno.h>

#define ANNOUNCEMENT                                           \
	"ffffffffffff0200000000200806000108000604000102000000" \
	"0020c0000232000000000000c0000232000000000000000000000000000000000000"
#define REPLY                                                  \
	"0200000000100200000000200806000108000604000202000000" \
	"0020c0000232020000000010c000020a000000000000000000000000000000000000"

static void check_encoded(const struct frame_arp *arp, const char *eth_dst, const char *expected)
{
	struct bytes want = bytes_of(expected);
	uint8_t bytes[ETHER_MIN];
	struct writer w = writer_over(bytes, sizeof(bytes));
	struct mac dst = mac_of(eth_dst);
	struct mac src = mac_of("02:00:00:00:00:20");

	arp_encode(&w, &dst, &src, arp);
	assert_false(w.failed);
	assert_int_equal(w.used, want.n);
	assert_memory_equal(bytes, want.at, want.n);
	free(want.at);
}

static void encodes_what_scapy_encodes(void **state)
{
	struct mac guard = mac_of("02:00:00:00:00:20");
	struct mac client = mac_of("02:00:00:00:00:10");
	struct addr machine = address("192.0.2.50");
	struct addr asker = address("192.0.2.10");
	struct frame_arp announcement = arp_announcement(&guard, &machine);
	struct frame_arp reply = arp_reply(&guard, &machine, &client, &asker);

	(void)state;
	check_encoded(&announcement, "ff:ff:ff:ff:ff:ff", ANNOUNCEMENT);
	check_encoded(&reply, "02:00:00:00:00:10", REPLY);
}

static void decodes_every_field(void **state)
{
	struct frame f;
	struct mac guard = mac_of("02:00:00:00:00:20");
	struct mac client = mac_of("02:00:00:00:00:10");
	struct addr machine = address("192.0.2.50");
	struct addr asker = address("192.0.2.10");

	(void)state;
	assert_int_equal(decode_hex(REPLY, &f), 0);
	assert_int_equal(f.kind, FRAME_ARP);
	assert_int_equal(f.ethertype, 0x0806);
	assert_true(mac_equal(&f.dst, &client) && mac_equal(&f.src, &guard));
	assert_int_equal(f.arp.op, ARP_REPLY);
	assert_true(mac_equal(&f.arp.sha, &guard) && mac_equal(&f.arp.tha, &client));
	assert_true(addr_equal(&f.arp.spa, &machine) && addr_equal(&f.arp.tpa, &asker));
	assert_false(f.tagged);
	assert_int_equal(f.l4_length, 0);
}

static void a_probe_has_no_sender_address(void **state)
{
	struct mac sha = mac_of("02:00:00:00:00:50");
	struct addr tpa = address("192.0.2.50");
	struct frame_arp probe = arp_probe(&sha, &tpa);
	struct frame_arp request = arp_request(&sha, &tpa, &tpa);

	(void)state;
	assert_int_equal(probe.op, ARP_REQUEST);
	assert_int_equal(probe.spa.family, 4);
	assert_true(addr_is_unspecified(&probe.spa));
	assert_true(addr_equal(&probe.tpa, &tpa));
	assert_false(addr_is_unspecified(&request.spa));
}

static void strange_ones(void **state)
{
	static const struct decode_row rows[] = {
		{ "as it is", REPLY, { { 0 } }, 0, FRAME_ARP },
		{ "IEEE 802 hardware", REPLY, { { 15, 6 } }, 0, FRAME_ARP },
		{ "other hardware", REPLY, { { 15, 2 } }, -EBADMSG, 0 },
		{ "hardware type 0x101", REPLY, { { 14, 1 } }, -EBADMSG, 0 },
		{ "other protocol", REPLY, { { 16, 0x86 }, { 17, 0xdd } }, -EBADMSG, 0 },
		{ "hardware length", REPLY, { { 18, 5 } }, -EBADMSG, 0 },
		{ "hardware length 0", REPLY, { { 18, 0 } }, -EBADMSG, 0 },
		{ "protocol length", REPLY, { { 19, 16 } }, -EBADMSG, 0 },
		{ "operation 0", REPLY, { { 21, 0 } }, 0, FRAME_OTHER },
		{ "InARP", REPLY, { { 21, 8 } }, 0, FRAME_OTHER },
		{ "operation 0x102", REPLY, { { 20, 1 } }, 0, FRAME_OTHER },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void truncated(void **state)
{
	(void)state;
	check_truncations(REPLY, 42);
}

static void fails_with_the_writer(void **state)
{
	struct mac m = mac_of("02:00:00:00:00:20");
	struct addr a = address("192.0.2.50");
	struct frame_arp arp = arp_announcement(&m, &a);

	(void)state;
	for (size_t n = 0; n < ETHER_MIN; n++) {
		struct bytes b = bytes_copy(REPLY, n);
		struct writer w = writer_over(b.at, n);

		arp_encode(&w, &m, &m, &arp);
		assert_true(w.failed);
		free(b.at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes_what_scapy_encodes),
		cmocka_unit_test(decodes_every_field),
		cmocka_unit_test(a_probe_has_no_sender_address),
		cmocka_unit_test(strange_ones),
		cmocka_unit_test(truncated),
		cmocka_unit_test(fails_with_the_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
