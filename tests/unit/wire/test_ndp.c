/* test_ndp: neighbour discovery against frames that scapy made; the rules of RFC 4861, 7.1. */
#include "wire/ndp.h"

#include "support.h"

#include <errno.h>

#define NA                                                                                         \
	"02000000001002000000002086dd6000000000203aff20010db800000000000000000000005020010db80000" \
	"0000"                                                                                     \
	"0000000000000010880089a86000000020010db80000000000000000000000500201020000000020"
#define NS                                                                                         \
	"3333ff00005002000000002086dd6000000000203aff20010db8000000000000000000000020ff0200000000" \
	"0000"                                                                                     \
	"00000001ff00005087001b4d0000000020010db80000000000000000000000500101020000000020"
#define DAD                                                                                        \
	"3333ff00005002000000005086dd6000000000203aff00000000000000000000000000000000ff0200000000" \
	"0000"                                                                                     \
	"00000001ff0000508700fc510000000020010db80000000000000000000000500e016e6f6e636521"
#define RA                                                                                         \
	"02000000005002000000001086dd6000000000303aff20010db800000000000000000000001020010db80000" \
	"0000"                                                                                     \
	"00000000000000508600a535000807080000000000000000030440c0ffffffffffffffff0000000020010db8" \
	"0000"                                                                                     \
	"00000000000000000000"

/* Where things are in the frames above. */
enum { HOP = 21, SRC = 22, DST = 38, TYPE = 54, CODE = 55, FLAGS = 58, TARGET = 62, OPTION = 78 };

static struct envelope envelope(const char *eth_dst, const char *ip_src, const char *ip_dst)
{
	return (struct envelope){ mac_of(eth_dst), mac_of("02:00:00:00:00:20"), address(ip_src),
				  address(ip_dst) };
}

static void check_encoded(const uint8_t *bytes, const struct writer *w, const char *expected)
{
	struct bytes want = bytes_of(expected);

	assert_false(w->failed);
	assert_int_equal(w->used, want.n);
	assert_memory_equal(bytes, want.at, want.n);
	free(want.at);
}

static void encodes_what_scapy_encodes(void **state)
{
	struct frame_nd nd = { .target = address("2001:db8::50"),
			       .has_link = true,
			       .link = mac_of("02:00:00:00:00:20"),
			       .solicited = true,
			       .override = true };
	struct envelope to_client = envelope("02:00:00:00:00:10", "2001:db8::50", "2001:db8::10");
	struct envelope to_group = envelope("33:33:ff:00:00:50", "2001:db8::20", "ff02::1:ff00:50");
	uint8_t bytes[ETHER_ENCODED_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));

	(void)state;
	ndp_encode_na(&w, &to_client, &nd);
	check_encoded(bytes, &w, NA);
	w = writer_over(bytes, sizeof(bytes));
	ndp_encode_ns(&w, &to_group, &nd);
	check_encoded(bytes, &w, NS);
}

static void flags_are_written_alone(void **state)
{
	struct envelope e = envelope("33:33:00:00:00:01", "2001:db8::50", "ff02::1");

	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		struct frame_nd nd = { .target = address("2001:db8::50"),
				       .router = i & 4,
				       .solicited = i & 2,
				       .override = i & 1 };
		uint8_t bytes[ETHER_ENCODED_MAX];
		struct writer w = writer_over(bytes, sizeof(bytes));

		ndp_encode_na(&w, &e, &nd);
		assert_false(w.failed);
		assert_int_equal(bytes[FLAGS], i << 5);
		w = writer_over(bytes, sizeof(bytes));
		ndp_encode_ns(&w, &e, &nd);
		assert_int_equal(bytes[FLAGS], 0);
	}
}

static void decodes_every_field(void **state)
{
	struct mac guard = mac_of("02:00:00:00:00:20");
	struct addr target = address("2001:db8::50");
	struct frame f;

	(void)state;
	assert_int_equal(decode_hex(NA, &f), 0);
	assert_int_equal(f.kind, FRAME_NA);
	assert_true(addr_equal(&f.nd.target, &target));
	assert_true(f.nd.has_link && mac_equal(&f.nd.link, &guard));
	assert_true(f.nd.solicited && f.nd.override && !f.nd.router && !f.nd.has_nonce);
	assert_int_equal(f.hop_limit, 255);

	assert_int_equal(decode_hex(NS, &f), 0);
	assert_int_equal(f.kind, FRAME_NS);
	assert_true(addr_equal(&f.nd.target, &target));
	assert_true(f.nd.has_link && mac_equal(&f.nd.link, &guard) && !f.nd.has_nonce);

	assert_int_equal(decode_hex(DAD, &f), 0);
	assert_int_equal(f.kind, FRAME_NS);
	assert_true(addr_is_unspecified(&f.ip_src) && f.nd.has_nonce && !f.nd.has_link);
}

static void flags(void **state)
{
	static const uint8_t values[] = { 0, 0x80, 0x40, 0x20, 0xff };

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		struct patch patch = { FLAGS, values[i] };
		struct frame f;

		assert_int_equal(decode_patched(NA, &patch, 1, &f), 0);
		assert_int_equal(f.nd.router, (values[i] & 0x80) != 0);
		assert_int_equal(f.nd.solicited, (values[i] & 0x40) != 0);
		assert_int_equal(f.nd.override, (values[i] & 0x20) != 0);
		assert_int_equal(decode_patched(NS, &patch, 1, &f), 0);
		assert_false(f.nd.router || f.nd.solicited || f.nd.override);
	}
}

static void strange_ones(void **state)
{
	static const struct decode_row rows[] = {
		{ "an NA", NA, { { 0 } }, 0, FRAME_NA },
		{ "hop limit 254", NA, { { HOP, 254 } }, -EBADMSG, 0 },
		{ "hop limit 0", NS, { { HOP, 0 } }, -EBADMSG, 0 },
		{ "hop limit 64, RA", RA, { { HOP, 64 } }, -EBADMSG, 0 },
		{ "code 1", NS, { { CODE, 1 } }, -EBADMSG, 0 },
		{ "code 1, RA", RA, { { CODE, 1 } }, -EBADMSG, 0 },
		{ "an RA", RA, { { 0 } }, 0, FRAME_ND_OTHER },
		{ "an RS", NS, { { TYPE, 133 }, { 62, 1 }, { 63, 3 } }, 0, FRAME_ND_OTHER },
		{ "a redirect that is too short", NA, { { TYPE, 137 } }, -EBADMSG, 0 },
		{ "multicast listener report", NA, { { TYPE, 131 } }, 0, FRAME_OTHER },
		{ "type 138", NA, { { TYPE, 138 } }, 0, FRAME_OTHER },
		{ "option of length 0", NS, { { OPTION + 1, 0 } }, -EBADMSG, 0 },
		{ "option beyond the message", NS, { { OPTION + 1, 2 } }, -EBADMSG, 0 },
		{ "option of length 255", NS, { { OPTION + 1, 255 } }, -EBADMSG, 0 },
		{ "RA with an option of length 0", RA, { { 71, 0 } }, -EBADMSG, 0 },
		{ "RA with an option that is too long", RA, { { 71, 5 } }, -EBADMSG, 0 },
		{ "multicast target", NA, { { TARGET, 0xff } }, -EBADMSG, 0 },
		{ "multicast target, NS", NS, { { TARGET, 0xff } }, -EBADMSG, 0 },
		{ "solicited to multicast", NA, { { DST, 0xff }, { DST + 1, 2 } }, -EBADMSG, 0 },
		{ "to multicast",
		  NA,
		  { { DST, 0xff }, { DST + 1, 2 }, { FLAGS, 0x20 } },
		  0,
		  FRAME_NA },
		{ "DAD", DAD, { { 0 } }, 0, FRAME_NS },
		{ "DAD that names its MAC", DAD, { { OPTION, 1 } }, -EBADMSG, 0 },
		{ "DAD to a unicast address", DAD, { { DST, 0x20 }, { DST + 1, 1 } }, -EBADMSG, 0 },
		{ "DAD to all nodes", DAD, { { DST + 11, 0 }, { DST + 12, 0 } }, -EBADMSG, 0 },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

/* An NS whose option area is given; the message's length follows. */
static int decode_with_options(const char *options, struct frame *ret_frame)
{
	struct bytes ns = bytes_of(NS);
	struct bytes more = bytes_of(options);
	struct bytes whole = { .at = malloc(OPTION + more.n), .n = OPTION + more.n };
	int r;

	assert_non_null(whole.at);
	memcpy(whole.at, ns.at, OPTION);
	memcpy(whole.at + OPTION, more.at, more.n);
	whole.at[19] = (uint8_t)(24 + more.n);
	r = frame_decode(whole.at, whole.n, ret_frame);
	free(whole.at);
	free(more.at);
	free(ns.at);
	return r;
}

static void options(void **state)
{
	static const struct {
		const char *hex;
		int result;
		bool has_link, has_nonce;
		uint8_t last; /* byte of the MAC */
	} rows[] = {
		{ "", 0, false, false, 0 },
		{ "0101020000000021", 0, true, false, 0x21 },
		{ "0e010102030405060101020000000022", 0, true, true, 0x22 },
		{ "01010200000000210101020000000022", 0, true, false, 0x21 }, /* the first counts */
		{ "0201020000000021", 0, false, false, 0 }, /* a target's, in an NS */
		{ "2a0200000000000000000000000000000101020000000023", 0, true, false, 0x23 },
		{ "01020200000000210000000000000000", -EBADMSG, false, false, 0 }, /* 16 bytes */
		{ "0101020000000021"
		  "00",
		  -EBADMSG, false, false, 0 }, /* half a head */
		{ "0101020000000021"
		  "0e01",
		  -EBADMSG, false, false, 0 },
		{ "0101020000000021"
		  "0e0101020304",
		  -EBADMSG, false, false, 0 },
		{ "0101020000000021"
		  "0000",
		  -EBADMSG, false, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct frame f;

		if (decode_with_options(rows[i].hex, &f) != rows[i].result)
			fail_msg("row %zu", i);
		if (rows[i].result < 0)
			continue;
		assert_int_equal(f.nd.has_link, rows[i].has_link);
		assert_int_equal(f.nd.has_nonce, rows[i].has_nonce);
		assert_int_equal(f.nd.link.b[5], rows[i].last);
	}
}

/* RFC 6980: as a fragment, even a whole one, it is ignored. */
static void fragmented(void **state)
{
	struct bytes na = bytes_of(NA);
	uint8_t bytes[128];
	struct frame f;

	(void)state;
	memcpy(bytes, na.at, 54);
	memset(bytes + 54, 0, 8);
	memcpy(bytes + 62, na.at + 54, na.n - 54);
	bytes[19] = (uint8_t)(bytes[19] + 8);
	bytes[20] = 60; /* destination options: allowed */
	bytes[54] = 58;
	assert_int_equal(frame_decode(bytes, na.n + 8, &f), 0);
	assert_int_equal(f.kind, FRAME_NA);
	bytes[20] = 44;
	assert_int_equal(frame_decode(bytes, na.n + 8, &f), -EBADMSG);
	free(na.at);
}

static void truncated(void **state)
{
	(void)state;
	check_truncations(NA, strlen(NA) / 2);
	check_truncations(NS, strlen(NS) / 2);
	check_truncations(RA, strlen(RA) / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes_what_scapy_encodes),
		cmocka_unit_test(flags_are_written_alone),
		cmocka_unit_test(decodes_every_field),
		cmocka_unit_test(flags),
		cmocka_unit_test(strange_ones),
		cmocka_unit_test(options),
		cmocka_unit_test(fragmented),
		cmocka_unit_test(truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
