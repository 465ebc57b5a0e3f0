/* test_ether: tags, padding, the refresh frame, the Internet checksum. */
#include "wire/ether.h"

#include "support.h"

#include <errno.h>

#define ARP "0001080006040001020000000010c000020a000000000000c0000232"
#define MACS "020000000050020000000010"

static void tags(void **state)
{
	static const struct {
		const char *hex;
		bool tagged;
		uint16_t ethertype;
		enum frame_kind kind;
	} rows[] = {
		{ MACS "0806" ARP, false, 0x0806, FRAME_ARP },
		{ MACS "810000000806" ARP, false, 0x0806, FRAME_ARP }, /* VID 0 */
		{ MACS "8100f0000806" ARP, false, 0x0806, FRAME_ARP }, /* VID 0, priority 7, DEI */
		{ MACS "810000010806" ARP, true, 0x0806, FRAME_ARP },
		{ MACS "81000fff0806" ARP, true, 0x0806, FRAME_ARP },
		{ MACS "88a800050806" ARP, true, 0x0806, FRAME_ARP },
		{ MACS "88a80000810000050806" ARP, true, 0x0806, FRAME_ARP },
		{ MACS "88a80005810000000806" ARP, true, 0x0806, FRAME_ARP },
		{ MACS "81000000810000000806" ARP, false, 0x0806, FRAME_ARP },
		{ MACS "8100000081000000810000000806" ARP, false, 0x8100, FRAME_OTHER },
		{ MACS "0026" ARP, false, 0x0026, FRAME_OTHER }, /* a length: IEEE 802.3 */
		{ MACS "88cc", false, 0x88cc, FRAME_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct frame f;

		if (decode_hex(rows[i].hex, &f) < 0 || f.kind != rows[i].kind ||
		    f.tagged != rows[i].tagged || f.ethertype != rows[i].ethertype)
			fail_msg("row %zu", i);
	}
}

static void truncated(void **state)
{
	(void)state;
	check_truncations(MACS "88cc", 14);
	check_truncations(MACS "810000050806" ARP, 46);
	check_truncations(MACS "88a80005810000000806" ARP, 50);
}

static void refresh(void **state)
{
	struct mac vmac = mac_of("0a:72:6f:00:00:01");
	struct mac own = mac_of("02:00:00:00:00:20");
	struct bytes want = bytes_of("0200000000200a726f00000188b5");
	uint8_t bytes[ETHER_MIN + 1];
	struct writer w = writer_over(bytes, sizeof(bytes));

	(void)state;
	memset(bytes, 0xff, sizeof(bytes));
	refresh_encode(&w, &vmac, &own);
	assert_false(w.failed);
	assert_int_equal(w.used, ETHER_MIN);
	assert_memory_equal(bytes, want.at, want.n);
	for (size_t i = want.n; i < ETHER_MIN; i++)
		assert_int_equal(bytes[i], 0);
	assert_int_equal(bytes[ETHER_MIN], 0xff);
	free(want.at);
}

/* The monitor puts a vnet header in front: padding counts from the frame. */
static void appends_behind_what_is_there(void **state)
{
	struct mac m = mac_of("02:00:00:00:00:20");
	uint8_t bytes[10 + ETHER_MIN];
	struct writer w = writer_over(bytes, sizeof(bytes));

	(void)state;
	memset(bytes, 0x77, sizeof(bytes));
	writer_zero(&w, 10);
	refresh_encode(&w, &m, &m);
	assert_false(w.failed);
	assert_int_equal(w.used, sizeof(bytes));
	assert_int_equal(bytes[9], 0);
	assert_memory_equal(bytes + 10, m.b, 6);
}

/* RFC 1071, 3; an odd byte is the high one. */
static void checksums(void **state)
{
	static const uint8_t rfc[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
	static const uint8_t ones[] = { 0xff, 0xff };
	uint64_t halves = checksum_add(checksum_add(0, rfc, 4), rfc + 4, 4);

	(void)state;
	assert_int_equal(checksum_fold(checksum_add(0, rfc, sizeof(rfc))), 0xffff & ~0xddf2);
	assert_int_equal(checksum_fold(halves), 0xffff & ~0xddf2);
	assert_int_equal(checksum_fold(0), 0xffff);
	assert_int_equal(checksum_fold(checksum_add(0, ones, 2)), 0);
	assert_int_equal(checksum_fold(checksum_add(0, rfc + 7, 1)), 0xffff & ~0xf700);
	assert_int_equal(checksum_fold(0xffffffffffff), 0);
}

static void pseudo_headers(void **state)
{
	struct addr a = address("192.0.2.20");
	struct addr b = address("255.255.255.255");
	struct addr c = address("2001:db8::1");

	(void)state;
	assert_true(checksum_pseudo(&a, &b, 17, 0x6e) == 0xc000 + 0x0214 + 0x1fffe + 17 + 0x6e);
	assert_true(checksum_pseudo(&c, &c, 58, 0x12345) ==
		    2 * (0x2001 + 0xdb8 + 1) + 58 + 1 + 0x2345);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags),	     cmocka_unit_test(truncated),
		cmocka_unit_test(refresh),   cmocka_unit_test(appends_behind_what_is_there),
		cmocka_unit_test(checksums), cmocka_unit_test(pseudo_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
