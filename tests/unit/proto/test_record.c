/*
 * test_record: lines of the journal, byte by byte, and what of other versions is skipped or refused.
 */
#include "proto/record.h"

#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The checksum is put in front. */
static int decode(const char *payload, struct record *ret_record)
{
	char line[1024];
	int n = snprintf(line, sizeof(line), "%08x %s", record_checksum(payload, strlen(payload)),
			 payload);

	return record_decode(line, (size_t)n, ret_record);
}

static void writes_these_bytes(void **state)
{
	struct spec s = { .name = "my nas 100%",
			  .origin = SPEC_ADDED,
			  .mac = { { 0xbe, 0xef, 0xfa, 0xce, 0xc0, 0xde } } };
	struct addr a;
	struct rule r;
	char line[RECORD_MAX];
	struct event e = { .id = 3,
			   .wall_ms = 1700000000123,
			   .machine = 7,
			   .kind = EVENT_KNOCK,
			   .by = BY_KNOCK,
			   .knock = KNOCK_TCP_DATA,
			   .from_port = 51234,
			   .to_port = 22,
			   .name = "nas" };

	(void)state;
	assert_int_equal(addr_parse("192.0.2.50", &a), 0);
	assert_int_equal(spec_add_address(&s, &a), 0);
	e.to = a;
	assert_int_equal(rule_parse("tcp/22", &r), 0);
	assert_int_equal(spec_add_rule(&s, &r), 0);
	r.address = 0;
	assert_int_equal(spec_add_rule(&s, &r), 0);
	(void)record_machine(7, &s, line);
	assert_string_equal(
		line + 9, "machine id=7 name=my%20nas%20100%25 mac=be:ef:fa:ce:c0:de origin=added "
			  "address=192.0.2.50 wake-on=tcp/22 wake-on=tcp/22@0\n");
	(void)record_event(&e, line);
	assert_string_equal(
		line + 9,
		"event id=3 at=1700000000123 kind=knock machine=7 name=nas by=knock knock=tcp-data "
		"from-port=51234 to=192.0.2.50 to-port=22\n");
	(void)record_gone(7, line);
	/* python3 -c "import zlib; print('%08x' % zlib.crc32(b'gone id=7'))" */
	assert_string_equal(line, "4e14fa45 gone id=7\n");
}

static void skips_what_is_newer(void **state)
{
	struct record r;

	(void)state;
	assert_int_equal(decode("gone id=7", &r), 0);
	assert_int_equal(decode("grant id=7 key=x", &r), RECORD_STRANGE);
	assert_int_equal(decode("event id=7 kind=applause", &r), RECORD_STRANGE);
	assert_int_equal(decode("past id=7 state=dreaming", &r), RECORD_STRANGE);
	assert_int_equal(decode("gone id=7 why=because%20of%20it", &r), 0);
	assert_int_equal(decode("machine id=7 name=a mac=02:00:00:00:00:01 colour=red", &r), 0);
	assert_string_equal(r.spec.name, "a");
	/* But a rule that is not understood is not left out: no rule at all means any TCP port. */
	assert_int_equal(decode("machine id=7 name=a mac=02:00:00:00:00:01 wake-on=sctp/7", &r),
			 -EBADMSG);
	assert_int_equal(decode("machine id=7 name=a mac=02:00:00:00:00:01 origin=relay", &r),
			 -EBADMSG);
}

static void refuses_what_is_wrong(void **state)
{
	static const char *const wrong[] = {
		"",
		"gone",
		"gone id=0",
		"gone id=-1",
		"gone id=4294967296",
		"gone id",
		"gone  id=7",
		"past",
		"past state=awake",
		"past id=1 from=banana",
		"past id=1 attempts=65536",
		"event kind=knock",
		"event id=1 name=a%2",
		"event id=1 name=a%zz",
		"event id=1 name=a%00b",
		"event id=1 name=a/b",
		"event id=1 name=a%0ab",
		"event id=18446744073709551616",
		"machine id=7",
		"machine id=7 name=a",
		"machine id=7 mac=02:00:00:00:00:01",
		"machine id=0 name=a mac=02:00:00:00:00:01",
		"machine id=7 name= mac=02:00:00:00:00:01",
		"machine id=7 name=a mac=02:00:00:00:00:01 wake-on=tcp/22@0",
		"machine id=7 name=a mac=02:00:00:00:00:01 address=192.0.2.1 wake-on=tcp/22@1",
		"machine id=7 name=a mac=02:00:00:00:00:01 address=192.0.2.1 wake-on=tcp/22@16",
		"machine id=7 name=a mac=02:00:00:00:00:01 address=192.0.2.1 address=192.0.2.1",
		"machine id=7 name=a mac=02:00:00:00:00:01 interface=0123456789abcdef",
		"machine id=7 name=a mac=02:00:00:00:00:01 secureon=01:02",
	};
	struct record r;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (decode(wrong[i], &r) != -EBADMSG)
			fail_msg("taken: %s", wrong[i]);
	}
	assert_int_equal(record_decode("", 0, &r), -EBADMSG);
	assert_int_equal(record_decode("12345678", 8, &r), -EBADMSG);
	assert_int_equal(record_decode("gone id=7", 9, &r), -EBADMSG);
}

static void too_many_of_a_list(void **state)
{
	char payload[8192] = "machine id=7 name=a mac=02:00:00:00:00:01";
	char line[8300];
	struct record r;

	(void)state;
	for (int i = 0; i <= SPEC_SOURCES_MAX; i++) {
		int n = snprintf(line, sizeof(line), "%08x %s",
				 record_checksum(payload, strlen(payload)), payload);

		assert_int_equal(record_decode(line, (size_t)n, &r), 0);
		assert_int_equal(r.spec.from_n, i);
		strcat(payload, " from=192.0.2.1");
	}
	assert_int_equal(decode(payload, &r), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_these_bytes),
		cmocka_unit_test(skips_what_is_newer),
		cmocka_unit_test(refuses_what_is_wrong),
		cmocka_unit_test(too_many_of_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
