/* test_wol: magic packets against frames that scapy made; finding one anywhere. */
#include "wire/wol.h"

#include "support.h"

#include <errno.h>

#define FOUR "beeffacec0debeeffacec0debeeffacec0debeeffacec0de"
#define MAGIC "ffffffffffff" FOUR FOUR FOUR FOUR

static const struct secureon none = { .length = 0 };
static const struct secureon four = { 4, { 1, 2, 3, 4 } };
static const struct secureon six = { 6, { 1, 2, 3, 4, 5, 6 } };

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
	struct mac target = mac_of("be:ef:fa:ce:c0:de");
	struct mac guard = mac_of("02:00:00:00:00:20");
	struct mac to = mac_of("02:00:00:00:00:10");
	struct envelope v4 = { MAC_BROADCAST, guard, address("192.0.2.20"),
			       address("255.255.255.255") };
	struct envelope v6 = { mac_of("33:33:00:00:00:01"), guard, address("fe80::20"),
			       address("ff02::1") };
	uint8_t bytes[ETHER_ENCODED_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));

	(void)state;
	wol_encode_udp(&w, &v4, &target, &none);
	check_encoded(bytes, &w,
		      "ffffffffffff0200000000200800450000820000400040117857c0000214ffffffff00090009"
		      "006e9314" MAGIC);
	w = writer_over(bytes, sizeof(bytes));
	wol_encode_udp(&w, &v6, &target, &four);
	check_encoded(bytes, &w,
		      "33330000000102000000002086dd6000000000721140fe80000000000000000000000000002"
		      "0ff0200000000000000000000000000010009000900725376" MAGIC "01020304");
	w = writer_over(bytes, sizeof(bytes));
	wol_encode(&w, &to, &guard, &target, &six);
	check_encoded(bytes, &w, "0200000000100200000000200842" MAGIC "010203040506");
}

static void payload_is_found(void **state)
{
	static const struct secureon *const all[] = { &none, &four, &six };
	struct mac target = mac_of("be:ef:fa:ce:c0:de");

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		uint8_t bytes[WOL_PAYLOAD + 6];
		struct writer w = writer_over(bytes, sizeof(bytes));
		struct secureon secureon = { .length = 9 };
		struct mac mac = MAC_ZERO;

		wol_payload(&w, &target, all[i]);
		assert_false(w.failed);
		assert_int_equal(w.used, (size_t)WOL_PAYLOAD + all[i]->length);
		assert_int_equal(wol_find(bytes, w.used, &mac, &secureon), 0);
		assert_true(mac_equal(&mac, &target));
		assert_int_equal(secureon.length, all[i]->length);
		assert_memory_equal(secureon.b, all[i]->b, 6);
	}
}

#define FF_MAC4 "ffff00000001ffff00000001ffff00000001ffff00000001"
#define BROADCAST4 "ffffffffffffffffffffffffffffffffffffffffffffffff"

static void found_or_not(void **state)
{
	static const struct {
		const char *hex;
		int result;
		uint8_t secureon;
	} rows[] = {
		{ MAGIC, 0, 0 },
		{ "00" MAGIC, 0, 0 },
		{ "ff" MAGIC, 0, 0 },
		{ "ffffffffffffff" MAGIC "0000", 0, 0 }, /* a longer run of ff */
		{ MAGIC "00", 0, 0 },
		{ MAGIC "01020304", 0, 4 },
		{ MAGIC "0102030405", 0, 0 },
		{ MAGIC "010203040506", 0, 6 },
		{ MAGIC "01020304050607", 0, 0 },
		{ "ffffffffffff" FF_MAC4 FF_MAC4 FF_MAC4 FF_MAC4, -ENOENT, 0 }, /* a group's */
		{ "ffffffffffff" BROADCAST4 BROADCAST4 BROADCAST4 BROADCAST4, -ENOENT, 0 },
		{ "ffffffffff" FOUR FOUR FOUR FOUR, -ENOENT, 0 },
		{ "ffffffffffff" FOUR FOUR FOUR "beeffacec0debeeffacec0debeeffacec0debeeffacec0",
		  -ENOENT, 0 },
		{ "ffffffffffff" FOUR FOUR FOUR "beeffacec0debeeffacec0debeeffacec0debeeffacec0df",
		  -ENOENT, 0 },
		{ "ffffffffffff" FOUR FOUR
		  "beeffacec0debeeffacec0debeeffacec0deceeffacec0de" FOUR FOUR,
		  -ENOENT, 0 },
		{ "", -ENOENT, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes b = bytes_of(rows[i].hex);
		struct secureon secureon = { .length = 9 };
		struct mac mac = MAC_ZERO;

		if (wol_find(b.at, b.n, &mac, &secureon) != rows[i].result)
			fail_msg("row %zu", i);
		assert_int_equal(secureon.length, rows[i].result < 0 ? 9 : rows[i].secureon);
		assert_int_equal(mac.b[0], rows[i].result < 0 ? 0 : 0xbe);
		free(b.at);
	}
}

static void fails_with_the_writer(void **state)
{
	struct mac m = mac_of("02:00:00:00:00:20");
	struct envelope e = { m, m, address("192.0.2.20"), address("192.0.2.255") };

	(void)state;
	for (size_t n = 0; n < 42 + WOL_PAYLOAD + 6; n++) {
		uint8_t *exact = malloc(n > 0 ? n : 1);
		struct writer w = writer_over(exact, n);

		assert_non_null(exact);
		wol_encode_udp(&w, &e, &m, &six);
		assert_true(w.failed);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes_what_scapy_encodes),
		cmocka_unit_test(payload_is_found),
		cmocka_unit_test(found_or_not),
		cmocka_unit_test(fails_with_the_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
