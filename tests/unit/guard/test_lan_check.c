/* lan_check: which addresses of a machine can be guarded together. */
#include "guard/lan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Two links of a guard: 192.0.2.0/24 and 198.51.100.0/24, both with link-local addresses. */
struct rig {
	struct loop *loop;
	struct netlink_address addresses[2][2];
	struct net_interface nets[2];
	struct lan lan;
	struct spec spec;
};

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static int setup(void **state)
{
	static struct rig r;
	static const char *const own[2][2] = { { "192.0.2.1", "fe80::1" },
					       { "198.51.100.1", "fe80::2" } };

	memset(&r, 0, sizeof(r));
	assert_int_equal(loop_new(&r.loop), 0);
	/* This host's own, which are not looked at here. */
	assert_int_equal(net_view_new(r.loop, NULL, NULL, &r.lan.net), 0);
	for (size_t i = 0; i < 2; i++) {
		for (size_t k = 0; k < 2; k++)
			r.addresses[i][k] = (struct netlink_address){ .addr = address(own[i][k]),
								      .prefix = k ? 64 : 24 };
		r.nets[i].addresses = r.addresses[i];
		r.nets[i].addresses_n = 2;
		r.lan.slots[i].ifindex = 1 + (int)i;
		r.lan.slots[i].net = &r.nets[i];
	}
	r.spec = (struct spec){ .origin = SPEC_REGISTERED,
				.mac = { { 2, 0, 0, 0, 0, 5 } },
				.name = "nas" };
	*state = &r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	net_view_free(r->lan.net);
	loop_free(r->loop);
	return 0;
}

/* What is to be left out; without it there is nothing to be said against the machine. */
static void check(struct rig *r, const char *const *addresses, size_t n, uint32_t faulty)
{
	struct spec left = r->spec;
	char text[256] = "";

	r->spec.addresses_n = 0;
	for (size_t i = 0; i < n; i++) {
		struct addr a = address(addresses[i]);

		assert_int_equal(spec_add_address(&r->spec, &a), 0);
		if (!(faulty >> i & 1))
			assert_int_equal(spec_add_address(&left, &a), 0);
	}
	assert_int_equal(lan_faulty(&r->lan, &r->spec), faulty);
	assert_int_equal(lan_check(&r->lan, &r->spec, text, sizeof(text)) < 0, faulty != 0);
	assert_int_equal(lan_check(&r->lan, &left, text, sizeof(text)), 0);
	r->spec.addresses_n = 0;
}

#define CHECK(r, faulty, ...)                          \
	check(r, (const char *const[]){ __VA_ARGS__ }, \
	      sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *), faulty)

static void what_cannot_be_guarded_is_named(void **state)
{
	struct rig *r = *state;

	CHECK(r, 0, "192.0.2.5");
	CHECK(r, 0, "192.0.2.5", "192.0.2.6", "fe80::5");
	CHECK(r, 1, "203.0.113.5", "192.0.2.5");
	CHECK(r, 6, "192.0.2.5", "192.0.2.255", "ff02::1");
}

/* Each alone is good; together they are on no link. */
static void those_of_another_link_are_left_out(void **state)
{
	struct rig *r = *state;

	CHECK(r, 2, "192.0.2.5", "198.51.100.5");
	CHECK(r, 1, "198.51.100.5", "192.0.2.5");
	CHECK(r, 5, "198.51.100.5", "192.0.2.5", "203.0.113.5", "fe80::5");
	CHECK(r, 0, "198.51.100.5", "fe80::5");
	memcpy(r->spec.interface, "second", sizeof("second"));
	memcpy(r->lan.slots[1].said.name, "second", sizeof("second"));
	CHECK(r, 2, "198.51.100.5", "192.0.2.5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_cannot_be_guarded_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(those_of_another_link_are_left_out, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
