/* test_l4: TCP, UDP and echo against packets that scapy made; completing partial checksums. */
#include "wire/l4.h"

#include "support.h"
#include "wire/ip.h"

#include <errno.h>

#define ETH4 "0200000000500200000000100800"
#define ETH6 "02000000005002000000001086dd"
#define TO4 "c000020ac0000232"
#define TO6 "20010db800000000000000000000001020010db8000000000000000000000050"

#define DATA4                                                                          \
	ETH4 "4500002d000100004006f68d" TO4 "9c40001601020304050607085018200000000000" \
	     "68656c6c6f"
#define UDP4 ETH4 "45000021000100004011f68e" TO4 "9c402703000d748168656c6c6f"
#define UDP6 ETH6 "60000000000d1140" TO6 "9c402703000d9cec68656c6c6f"
#define ECHO4                                      \
	ETH4 "45000021000100004001f69e" TO4 "0800" \
	     "0000"                                \
	     "00050006"                            \
	     "68656c6c6f"
#define ECHO6                              \
	ETH6 "60000000000d3a40" TO6 "8000" \
	     "0000"                        \
	     "00050006"                    \
	     "68656c6c6f"

static void tcp_fields(void **state)
{
	struct frame f;

	(void)state;
	assert_int_equal(decode_hex(DATA4 "00", &f), 0);
	assert_int_equal(f.kind, FRAME_TCP);
	assert_int_equal(f.src_port, 40000);
	assert_int_equal(f.dst_port, 22);
	assert_int_equal(f.tcp_seq, 0x01020304);
	assert_int_equal(f.tcp_ack, 0x05060708);
	assert_int_equal(f.tcp_flags, TCP_ACK | 0x08);
	assert_int_equal(f.payload_length, 5);
}

static void udp_and_echo_fields(void **state)
{
	static const char *const udp[] = { UDP4 "0000", UDP6 };
	static const char *const echo[] = { ECHO4, ECHO6 "00" };
	struct frame f;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(decode_hex(udp[i], &f), 0);
		assert_int_equal(f.kind, FRAME_UDP);
		assert_int_equal(f.src_port, 40000);
		assert_int_equal(f.dst_port, 9987);
		assert_int_equal(f.payload_length, 5);
		assert_int_equal(decode_hex(echo[i], &f), 0);
		assert_int_equal(f.kind, FRAME_ECHO_REQUEST);
		assert_int_equal(f.echo_id, 5);
		assert_int_equal(f.echo_sequence, 6);
		assert_int_equal(f.payload_length, 5);
	}
}

static void strange_ones(void **state)
{
	static const struct decode_row rows[] = {
		{ "TCP header of 16", DATA4, { { 46, 0x40 } }, -EBADMSG, 0 },
		{ "TCP header of 24", DATA4, { { 46, 0x60 } }, 0, FRAME_TCP },
		{ "TCP header behind the end", DATA4, { { 46, 0x70 } }, -EBADMSG, 0 },
		{ "TCP header of 60", DATA4, { { 46, 0xf0 } }, -EBADMSG, 0 },
		{ "UDP of 7", UDP4, { { 39, 7 } }, -EBADMSG, 0 },
		{ "UDP of 0", UDP6, { { 59, 0 } }, -EBADMSG, 0 },
		{ "UDP of 8 and more behind it", UDP4, { { 39, 8 } }, 0, FRAME_UDP },
		{ "UDP longer than the packet", UDP4, { { 39, 14 } }, -EBADMSG, 0 },
		{ "UDP longer, first fragment", UDP4, { { 39, 14 }, { 20, 0x20 } }, 0, FRAME_UDP },
		{ "echo reply", ECHO4, { { 34, 0 } }, 0, FRAME_ECHO_REPLY },
		{ "echo reply, IPv6", ECHO6, { { 54, 129 } }, 0, FRAME_ECHO_REPLY },
		{ "echo of code 1", ECHO4, { { 35, 1 } }, 0, FRAME_OTHER },
		{ "echo of code 1, IPv6", ECHO6, { { 55, 1 } }, 0, FRAME_OTHER },
		{ "port unreachable", ECHO4, { { 34, 3 }, { 35, 3 } }, 0, FRAME_OTHER },
		{ "packet too big", ECHO6, { { 54, 2 } }, 0, FRAME_OTHER },
		{ "echo of 7 bytes", ECHO4, { { 17, 27 } }, -EBADMSG, 0 },
		{ "ICMP of 3 bytes", ECHO4, { { 17, 23 }, { 34, 3 } }, -EBADMSG, 0 },
		{ "ICMP of 4 bytes", ECHO4, { { 17, 24 }, { 34, 3 } }, 0, FRAME_OTHER },
		{ "ICMPv6 of 3 bytes", ECHO6, { { 19, 3 }, { 54, 1 } }, -EBADMSG, 0 },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void truncated(void **state)
{
	static const char *const frames[] = { DATA4, UDP4, UDP6, ECHO4, ECHO6 };

	(void)state;
	for (size_t i = 0; i < COUNT(frames); i++)
		check_truncations(frames[i], strlen(frames[i]) / 2);
}

static struct envelope envelope(const char *ip_src, const char *ip_dst)
{
	return (struct envelope){ mac_of("02:00:00:00:00:10"), mac_of("02:00:00:00:00:20"),
				  address(ip_src), address(ip_dst) };
}

static void check_encoded(const uint8_t *bytes, const struct writer *w, const char *expected)
{
	struct bytes want = bytes_of(expected);

	assert_false(w->failed);
	assert_int_equal(w->used, want.n);
	assert_memory_equal(bytes, want.at, want.n);
	free(want.at);
}

#define SCAPY_SYN4                                                                                 \
	"02000000001002000000002008004500002c000040004006b685c0000214c0000232ee480016010203040000" \
	"00006002faf0268a0000020405b40000"
#define SCAPY_SYN6                                                                                 \
	"02000000001002000000002086dd600000000018064020010db800000000000000000000002020010db80000" \
	"00000000000000000050ee48001601020304000000006002faf04f030000020405a0"
#define SCAPY_ECHO4                                                                                \
	"02000000001002000000002008004500003c000040004001b67ac0000214c00002320800e5c4123400070000" \
	"000000000000000000000000000000000000000000000000000000000000"
#define SCAPY_ECHO6                                                                                \
	"02000000001002000000002086dd6000000000283a4020010db800000000000000000000002020010db80000" \
	"000000000000000000508000118012340007"                                                     \
	"0000000000000000000000000000000000000000000000000000000000000000"

static void encodes_what_scapy_encodes(void **state)
{
	struct envelope v4 = envelope("192.0.2.20", "192.0.2.50");
	struct envelope v6 = envelope("2001:db8::20", "2001:db8::50");
	uint8_t bytes[ETHER_ENCODED_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));

	(void)state;
	tcp_encode_syn(&w, &v4, 61000, 22, 0x01020304);
	check_encoded(bytes, &w, SCAPY_SYN4);
	w = writer_over(bytes, sizeof(bytes));
	tcp_encode_syn(&w, &v6, 61000, 22, 0x01020304);
	check_encoded(bytes, &w, SCAPY_SYN6);
	w = writer_over(bytes, sizeof(bytes));
	echo_encode_request(&w, &v4, 0x1234, 7);
	check_encoded(bytes, &w, SCAPY_ECHO4);
	w = writer_over(bytes, sizeof(bytes));
	echo_encode_request(&w, &v6, 0x1234, 7);
	check_encoded(bytes, &w, SCAPY_ECHO6);
}

/*
 * Frames whose checksum scapy computed: with rubbish in its place they are completed to the same; `at` is the field's
 * place in the frame.
 */
static void checksums_are_completed(void **state)
{
	static const struct {
		const char *hex;
		size_t at;
	} rows[] = {
		{ SCAPY_SYN4, 50 },
		{ SCAPY_SYN6, 70 },
		{ SCAPY_ECHO4, 36 },
		{ SCAPY_ECHO6, 56 },
		{ UDP4 "0000000000", 40 },
		{ UDP6, 60 },
		/* IPv4 options; hop-by-hop, destination options, routing with nothing left; a fragment header */
		{ ETH4 "460000340001000040066182" TO4
		       "940400009c4000160000000000000000700220003d8c0000020405b403030700",
		  54 },
		{ ETH6
		  "6000000000440040" TO6
		  "3c000502000001002b00010400000000060200000000000020010db80000"
		  "000000000000000000509c40001600000000000000007002200065f70000020405b403030700",
		  110 },
		{ ETH6 "6000000000242c40" TO6
		       "06000000000000009c40001600000000000000007002200065f70000020405b403030700",
		  78 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes want = bytes_of(rows[i].hex);
		struct bytes l3 = bytes_copy(want.at + 14, want.n - 14);

		l3.at[rows[i].at - 14] = 0x5a;
		l3.at[rows[i].at - 13] ^= 0xff;
		assert_int_equal(l4_finish_checksum(l3.at, l3.n), 0);
		if (memcmp(l3.at, want.at + 14, l3.n) != 0)
			fail_msg("row %zu", i);
		free(l3.at);
		free(want.at);
	}
}

/* With these the checksum stays whatever it is; patches are places in the frame. */
static void checksums_that_are_left_alone(void **state)
{
	static const struct {
		const char *hex;
		struct patch patches[2];
	} rows[] = {
		{ UDP4, { { 40, 0 }, { 41, 0 } } }, /* none was wanted */
		{ UDP4, { { 20, 0x20 }, { 41, 0 } } }, /* a first fragment */
		{ UDP4, { { 21, 1 }, { 41, 0 } } }, /* a later one */
		{ UDP4, { { 23, 132 }, { 41, 0 } } }, /* SCTP */
		{ ETH6 "6000000000242c40" TO6
		       "06000001000000009c40001600000000000000007002200065f70000020405b403030700",
		  { { 78, 1 } } },
		{ ETH6
		  "6000000000442b40" TO6
		  "060400010000000020010db800000000000000000000005020010db80000"
		  "000000000000000000509c40001600000000000000007002200065f70000020405b403030700",
		  { { 110, 1 } } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes frame = bytes_of(rows[i].hex);
		struct bytes l3;

		for (size_t p = 0; p < 2 && rows[i].patches[p].at; p++)
			frame.at[rows[i].patches[p].at] = rows[i].patches[p].value;
		l3 = bytes_copy(frame.at + 14, frame.n - 14);
		assert_int_equal(l4_finish_checksum(l3.at, l3.n), 0);
		if (memcmp(l3.at, frame.at + 14, l3.n) != 0)
			fail_msg("row %zu", i);
		free(l3.at);
		free(frame.at);
	}
}

/* A computed 0 is sent as ffff (RFC 768); over IPv6, a 0 in the field is no permission to leave it so. */
static void udp_checksum_zero(void **state)
{
	struct bytes frame = bytes_of(UDP6);
	uint8_t *udp = frame.at + 54;
	uint32_t sum;

	(void)state;
	udp[6] = udp[7] = 0;
	assert_int_equal(l4_finish_checksum(frame.at + 14, frame.n - 14), 0);
	assert_int_equal(udp[6], 0x9c);
	assert_int_equal(udp[7], 0xec);
	/* Data that is larger by the checksum makes the sum all ones. */
	sum = 0x9cec + (uint32_t)(udp[10] << 8 | udp[11]);
	sum = (sum & 0xffff) + (sum >> 16);
	udp[10] = (uint8_t)(sum >> 8);
	udp[11] = (uint8_t)sum;
	assert_int_equal(l4_finish_checksum(frame.at + 14, frame.n - 14), 0);
	assert_int_equal(udp[6], 0xff);
	assert_int_equal(udp[7], 0xff);
	free(frame.at);
}

/* UDP covers what UDP says, not what IP says. */
static void udp_with_a_tail(void **state)
{
	struct bytes a = bytes_of(ETH4 "45000023000100004011f68c" TO4 "9c402703000d000168656c6c6f"
				       "0000");
	struct bytes b = bytes_copy(a.at, a.n);

	(void)state;
	b.at[b.n - 1] = 0xff;
	assert_int_equal(l4_finish_checksum(a.at + 14, a.n - 14), 0);
	assert_int_equal(l4_finish_checksum(b.at + 14, b.n - 14), 0);
	assert_int_equal(a.at[40], 0x74);
	assert_int_equal(a.at[41], 0x81);
	assert_memory_equal(a.at + 40, b.at + 40, 2);
	free(b.at);
	free(a.at);
}

static void malformed_packets_stay_as_they_are(void **state)
{
	struct bytes syn = bytes_of(SCAPY_SYN6);

	(void)state;
	for (size_t n = 0; n < syn.n - 14; n++) {
		struct bytes cut = bytes_copy(syn.at + 14, n);

		assert_int_equal(l4_finish_checksum(cut.at, n), -EBADMSG);
		assert_memory_equal(cut.at, syn.at + 14, n);
		free(cut.at);
	}
	syn.at[14] = 0x50;
	assert_int_equal(l4_finish_checksum(syn.at + 14, syn.n - 14), -EBADMSG);
	free(syn.at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_fields),
		cmocka_unit_test(udp_and_echo_fields),
		cmocka_unit_test(strange_ones),
		cmocka_unit_test(truncated),
		cmocka_unit_test(encodes_what_scapy_encodes),
		cmocka_unit_test(checksums_are_completed),
		cmocka_unit_test(checksums_that_are_left_alone),
		cmocka_unit_test(udp_checksum_zero),
		cmocka_unit_test(udp_with_a_tail),
		cmocka_unit_test(malformed_packets_stay_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
