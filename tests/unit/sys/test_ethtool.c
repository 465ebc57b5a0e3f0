/*
 * ethtool: what a virtual port truly says: a driver, no Wake-on-LAN. That real ones are armed is seen on a real machine; here
 * it is the requests, their errors and their letters.
 */
#include "lab.h"

#include "sys/ethtool.h"

static void test_virtual_port(void **state)
{
	struct ethtool_wol wol = { .supported = 7, .armed = 7 };
	struct ethtool_driver driver;
	struct mac mac;
	int fd;

	(void)state;
	LAB_NEEDS_NAMESPACE();
	lab_run("ip link add veth-a type veth peer name veth-b");
	fd = ethtool_open();
	assert_true(fd >= 0);
	assert_int_equal(ethtool_driver(fd, "veth-a", &driver), 0);
	assert_string_equal(driver.name, "veth");
	assert_int_equal(ethtool_wol_get(fd, "veth-a", &wol), -EOPNOTSUPP);
	assert_int_equal(ethtool_wol_set(fd, "veth-a", ETHTOOL_WAKE_MAGIC), -EOPNOTSUPP);
	assert_int_equal(ethtool_permanent_mac(fd, "veth-a", &mac), -EOPNOTSUPP);
	/* What was not learned stays as it was. */
	assert_int_equal(wol.supported, 7);
	close(fd);
}

static void test_no_such_port(void **state)
{
	static const char *const names[] = { "rouse-none", "", "a-name-of-sixteen" };
	struct ethtool_wol wol;
	struct ethtool_driver driver;
	int fd = ethtool_open();

	(void)state;
	assert_true(fd >= 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(ethtool_wol_get(fd, names[i], &wol), -ENODEV);
		assert_int_equal(ethtool_driver(fd, names[i], &driver), -ENODEV);
	}
	close(fd);
}

static void test_letters(void **state)
{
	char text[ETHTOOL_WAKE_TEXT];

	(void)state;
	assert_string_equal(ethtool_wake_text(0, text), "d");
	assert_string_equal(ethtool_wake_text(ETHTOOL_WAKE_MAGIC, text), "g");
	assert_string_equal(ethtool_wake_text(UINT32_MAX, text), "pumbagsf");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_such_port),
		cmocka_unit_test(test_letters),
		cmocka_unit_test(test_virtual_port),
	};

	return cmocka_run_group_tests_name("sys/ethtool", tests, NULL, NULL);
}
