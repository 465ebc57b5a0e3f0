/* test_ip: IPv4 with options, IPv6 with extension headers; lengths that lie; fragments. */
#include "wire/ip.h"

#include "support.h"

#include <errno.h>

#define ETH4 "0200000000500200000000100800"
#define ETH6 "02000000005002000000001086dd"
#define TO4 "c000020ac0000232"
#define TO6 "20010db800000000000000000000001020010db8000000000000000000000050"
#define SYN "9c40001600000000000000007002200065f70000020405b403030700"

#define V4_SYN ETH4 "45000030000100004006f68a" TO4 SYN
#define V4_OPTIONS ETH4 "460000340001000040066182" TO4 "94040000" SYN
#define V6_SYN ETH6 "60000000001c0640" TO6 SYN
#define V6_CHAIN                                                              \
	ETH6 "6000000000440040" TO6                                           \
	     "3c000502000001002b00010400000000060200000000000020010db8000000" \
	     "000000000000000050" SYN
#define V6_ROUTED                                                                      \
	ETH6 "6000000000442b40" TO6 "060400010000000020010db8000000000000000000000050" \
	     "20010db8000000000000000000000050" SYN
#define V6_AH ETH6 "6000000000343340" TO6 "060400000000000000000000000000000000000000000000" SYN
#define V6_WHOLE ETH6 "6000000000242c40" TO6 "0600000000000000" SYN
#define V6_FIRST ETH6 "6000000000242c40" TO6 "0600000100000000" SYN
#define V6_LATER ETH6 "6000000000242c40" TO6 "060000a100000000" SYN

static void v4_fields(void **state)
{
	struct addr src = address("192.0.2.10");
	struct addr dst = address("192.0.2.50");
	struct frame f;

	(void)state;
	assert_int_equal(decode_hex(V4_OPTIONS "0000000000", &f), 0);
	assert_int_equal(f.kind, FRAME_TCP);
	assert_true(addr_equal(&f.ip_src, &src) && addr_equal(&f.ip_dst, &dst));
	assert_int_equal(f.hop_limit, 64);
	assert_int_equal(f.protocol, PROTOCOL_TCP);
	assert_int_equal(f.l3_at, 14);
	assert_int_equal(f.l3_length, 52); /* not the padding */
	assert_int_equal(f.l4_at, 38);
	assert_int_equal(f.l4_length, 28);
	assert_int_equal(f.dst_port, 22);
}

static void v6_fields(void **state)
{
	struct addr src = address("2001:db8::10");
	struct addr dst = address("2001:db8::50");
	struct frame f;

	(void)state;
	assert_int_equal(decode_hex(V6_CHAIN "00", &f), 0);
	assert_int_equal(f.kind, FRAME_TCP);
	assert_true(addr_equal(&f.ip_src, &src) && addr_equal(&f.ip_dst, &dst));
	assert_int_equal(f.hop_limit, 64);
	assert_int_equal(f.protocol, PROTOCOL_TCP);
	assert_int_equal(f.l3_at, 14);
	assert_int_equal(f.l3_length, 108);
	assert_int_equal(f.l4_at, 14 + 80);
	assert_int_equal(f.l4_length, 28);
	assert_int_equal(f.dst_port, 22);
	assert_false(f.routed);
	assert_false(f.fragment_header);
}

static void offsets_behind_a_tag(void **state)
{
	struct frame f;

	(void)state;
	assert_int_equal(decode_hex("02000000005002000000001081000000"
				    "0800"
				    "45000030000100004006f68a" TO4 SYN,
				    &f),
			 0);
	assert_int_equal(f.l3_at, 18);
	assert_int_equal(f.l4_at, 38);
}

static void extension_headers_say_more(void **state)
{
	struct frame f;

	(void)state;
	assert_int_equal(decode_hex(V6_ROUTED, &f), 0);
	assert_true(f.routed && f.kind == FRAME_TCP);
	assert_int_equal(decode_hex(V6_AH, &f), 0);
	assert_true(f.kind == FRAME_TCP && f.l4_at == 14 + 40 + 24 && f.dst_port == 22);
	assert_int_equal(decode_hex(V6_WHOLE, &f), 0);
	assert_true(f.kind == FRAME_TCP && f.fragment_header && !f.more_fragments);
	assert_int_equal(decode_hex(V6_FIRST, &f), 0);
	assert_true(f.kind == FRAME_TCP && f.fragment_header && f.more_fragments);
	assert_int_equal(decode_hex(V6_LATER, &f), 0);
	assert_true(f.kind == FRAME_FRAGMENT && f.protocol == PROTOCOL_TCP && !f.more_fragments);
	assert_int_equal(f.l4_length, 0);
	assert_int_equal(f.dst_port, 0);
}

static void v4_strange_ones(void **state)
{
	static const struct decode_row rows[] = {
		{ "as it is", V4_SYN, { { 0 } }, 0, FRAME_TCP },
		{ "version 6", V4_SYN, { { 14, 0x65 } }, -EBADMSG, 0 },
		{ "version 0", V4_SYN, { { 14, 0x05 } }, -EBADMSG, 0 },
		{ "header of 16", V4_SYN, { { 14, 0x44 } }, -EBADMSG, 0 },
		{ "header of 0", V4_SYN, { { 14, 0x40 } }, -EBADMSG, 0 },
		{ "header behind the total", V4_SYN, { { 14, 0x4f } }, -EBADMSG, 0 },
		{ "total longer than the bytes", V4_SYN, { { 17, 0x31 } }, -EBADMSG, 0 },
		{ "total shorter than the header", V4_SYN, { { 17, 19 } }, -EBADMSG, 0 },
		{ "total 0", V4_SYN, { { 17, 0 } }, -EBADMSG, 0 },
		{ "total cuts the TCP header", V4_SYN, { { 17, 0x27 } }, -EBADMSG, 0 },
		{ "first fragment", V4_SYN, { { 20, 0x20 } }, 0, FRAME_TCP },
		{ "later fragment", V4_SYN, { { 20, 0x20 }, { 21, 1 } }, 0, FRAME_FRAGMENT },
		{ "last fragment", V4_SYN, { { 20, 0x1f }, { 21, 0xff } }, 0, FRAME_FRAGMENT },
		{ "do not fragment", V4_SYN, { { 20, 0x40 } }, 0, FRAME_TCP },
		{ "the evil bit", V4_SYN, { { 20, 0x80 } }, 0, FRAME_TCP },
		{ "ICMPv6 over IPv4", V4_SYN, { { 23, 58 } }, 0, FRAME_OTHER },
		{ "GRE", V4_SYN, { { 23, 47 } }, 0, FRAME_OTHER },
		{ "an IPv6 fragment header over IPv4", V4_SYN, { { 23, 44 } }, 0, FRAME_OTHER },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void v6_strange_ones(void **state)
{
	static const struct decode_row rows[] = {
		{ "as it is", V6_SYN, { { 0 } }, 0, FRAME_TCP },
		{ "version 4", V6_SYN, { { 14, 0x40 } }, -EBADMSG, 0 },
		{ "longer than the bytes", V6_SYN, { { 19, 0x1d } }, -EBADMSG, 0 },
		{ "cuts the TCP header", V6_SYN, { { 19, 0x13 } }, -EBADMSG, 0 },
		{ "no payload, TCP", V6_SYN, { { 19, 0 } }, -EBADMSG, 0 },
		{ "no next header", V6_SYN, { { 20, 59 } }, 0, FRAME_OTHER },
		{ "ICMP over IPv6", V6_SYN, { { 20, 1 } }, 0, FRAME_OTHER },
		{ "ESP", V6_SYN, { { 20, 50 } }, 0, FRAME_OTHER },
		{ "hop-by-hop that is too long", V6_CHAIN, { { 55, 9 } }, -EBADMSG, 0 },
		{ "hop-by-hop behind another", V6_CHAIN, { { 54, 0 } }, -EBADMSG, 0 },
		{ "hop-by-hop behind destination options", V6_CHAIN, { { 62, 0 } }, -EBADMSG, 0 },
		{ "routing header that is too long", V6_CHAIN, { { 71, 200 } }, -EBADMSG, 0 },
		{ "AH that is too long", V6_AH, { { 55, 255 } }, -EBADMSG, 0 },
		{ "no next header behind options", V6_CHAIN, { { 62, 59 } }, 0, FRAME_OTHER },
		{ "later fragment whose bytes look like TCP",
		  V6_LATER,
		  { { 0 } },
		  0,
		  FRAME_FRAGMENT },
		{ "reserved bits of the fragment header", V6_WHOLE, { { 57, 6 } }, 0, FRAME_TCP },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

/* n destination option headers of 8 bytes, then a TCP header. */
static int decode_chain(uint8_t n, struct frame *ret_frame)
{
	struct bytes syn = bytes_of(V6_SYN);
	uint8_t bytes[512];
	size_t used = 54;
	int r;

	memcpy(bytes, syn.at, used);
	memset(bytes + used, 0, 8U * n);
	for (uint8_t i = 0; i < n; i++, used += 8)
		bytes[used] = i + 1 == n ? PROTOCOL_TCP : 60;
	memcpy(bytes + used, syn.at + 54, syn.n - 54);
	bytes[20] = n ? 60 : PROTOCOL_TCP;
	bytes[19] = (uint8_t)(8 * n + syn.n - 54);
	r = frame_decode(bytes, used + syn.n - 54, ret_frame);
	free(syn.at);
	return r;
}

static void long_chains_are_refused(void **state)
{
	struct frame f;

	(void)state;
	for (uint8_t n = 0; n <= 8; n++) {
		assert_int_equal(decode_chain(n, &f), 0);
		assert_int_equal(f.kind, FRAME_TCP);
		assert_int_equal(f.l4_at, 54 + 8 * n);
	}
	assert_int_equal(decode_chain(9, &f), -EBADMSG);
	assert_int_equal(decode_chain(20, &f), -EBADMSG);
}

static void truncated(void **state)
{
	static const char *const frames[] = { V4_SYN, V4_OPTIONS, V6_SYN,   V6_CHAIN, V6_ROUTED,
					      V6_AH,  V6_WHOLE,	  V6_FIRST, V6_LATER };

	(void)state;
	for (size_t i = 0; i < COUNT(frames); i++)
		check_truncations(frames[i], strlen(frames[i]) / 2);
}

/* An IPv6 packet whose own length ends within each byte of its headers. */
static void truncated_by_its_own_length(void **state)
{
	struct bytes b = bytes_of(V6_CHAIN);

	(void)state;
	for (uint8_t n = 0; n < 60; n++) {
		struct frame f;

		b.at[19] = n;
		assert_int_equal(frame_decode(b.at, 54U + n, &f), -EBADMSG);
		assert_int_equal(frame_decode(b.at, b.n, &f), -EBADMSG);
	}
	free(b.at);
}

static void v4_header_checksum(void **state)
{
	struct envelope e = { mac_of("02:00:00:00:00:50"), mac_of("02:00:00:00:00:20"),
			      address("192.0.2.20"), address("192.0.2.50") };
	uint8_t bytes[ETHER_MIN];
	struct writer w = writer_over(bytes, sizeof(bytes));
	struct ip_frame at = ip_begin(&w, &e, PROTOCOL_UDP, 1, 8);

	(void)state;
	writer_zero(&w, 8);
	ip_end(&w, &e, at, 6);
	assert_false(w.failed);
	assert_int_equal(checksum_fold(checksum_add(0, bytes + 14, 20)), 0);
	assert_int_equal(bytes[22], 1); /* time to live */
	assert_int_equal(w.used, ETHER_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(v4_fields),
		cmocka_unit_test(v6_fields),
		cmocka_unit_test(offsets_behind_a_tag),
		cmocka_unit_test(extension_headers_say_more),
		cmocka_unit_test(v4_strange_ones),
		cmocka_unit_test(v6_strange_ones),
		cmocka_unit_test(long_chains_are_refused),
		cmocka_unit_test(truncated),
		cmocka_unit_test(truncated_by_its_own_length),
		cmocka_unit_test(v4_header_checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
