/*
 * What is decided without looking at anything: how Wake-on-LAN is armed (arm.c), why the program is to end (jobs.c), which
 * addresses are guarded first (port.c), where a guard may be (ends.c).
 */
#include "sleeper/arm.h"
#include "sleeper/ends.h"
#include "sleeper/jobs.h"
#include "sleeper/options.h"
#include "sys/ethtool.h"
#include "sys/net.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_arm(void **state)
{
	static const uint32_t all = ETHTOOL_WAKE_PHY | ETHTOOL_WAKE_MAGIC | ETHTOOL_WAKE_SECURE;
	static const struct {
		struct arm_seen seen;
		bool leave;
		struct arm_plan plan;
	} cases[] = {
		/* Nothing armed, or something else: the magic packet is added to it. */
		{ { 0, all, 0, ARM_WAKEUP_ENABLED },
		  false,
		  { true, false, ETHTOOL_WAKE_MAGIC, PORT_WAKE_ARMED } },
		{ { 0, all, ETHTOOL_WAKE_PHY, ARM_WAKEUP_DISABLED },
		  false,
		  { true, true, ETHTOOL_WAKE_PHY | ETHTOOL_WAKE_MAGIC, PORT_WAKE_ARMED } },
		/* Armed, and with a password: that is left as it is. */
		{ { 0, all, ETHTOOL_WAKE_MAGIC, ARM_WAKEUP_NONE },
		  false,
		  { false, false, ETHTOOL_WAKE_MAGIC, PORT_WAKE_ARMED } },
		{ { 0, all, ETHTOOL_WAKE_SECURE, ARM_WAKEUP_ENABLED },
		  false,
		  { false, false, ETHTOOL_WAKE_SECURE, PORT_WAKE_ARMED } },
		/* Armed, but the device may not wake. */
		{ { 0, all, ETHTOOL_WAKE_MAGIC, ARM_WAKEUP_DISABLED },
		  false,
		  { false, true, ETHTOOL_WAKE_MAGIC, PORT_WAKE_ARMED } },
		{ { -EOPNOTSUPP, 0, 0, ARM_WAKEUP_DISABLED },
		  false,
		  { false, false, 0, PORT_WAKE_UNSUPPORTED } },
		{ { 0, ETHTOOL_WAKE_PHY, ETHTOOL_WAKE_PHY, ARM_WAKEUP_DISABLED },
		  false,
		  { false, false, ETHTOOL_WAKE_PHY, PORT_WAKE_UNSUPPORTED } },
		{ { -EPERM, 0, 0, ARM_WAKEUP_NONE }, false, { false, false, 0, PORT_WAKE_FAILED } },
		/* wake-on-lan = leave */
		{ { 0, all, 0, ARM_WAKEUP_DISABLED }, true, { false, false, 0, PORT_WAKE_LEFT } },
		{ { 0, all, ETHTOOL_WAKE_MAGIC, ARM_WAKEUP_DISABLED },
		  true,
		  { false, false, ETHTOOL_WAKE_MAGIC, PORT_WAKE_LEFT } },
		{ { 0, all, ETHTOOL_WAKE_MAGIC, ARM_WAKEUP_ENABLED },
		  true,
		  { false, false, ETHTOOL_WAKE_MAGIC, PORT_WAKE_ARMED } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arm_plan p = arm_decide(&cases[i].seen, cases[i].leave);

		if (p.set != cases[i].plan.set || p.enable != cases[i].plan.enable ||
		    p.armed != cases[i].plan.armed || p.wake != cases[i].plan.wake)
			fail_msg("case %zu: set %d enable %d armed %x wake %s", i, p.set, p.enable,
				 p.armed, port_wake_name(p.wake));
	}
}

static enum jobs_verdict jobs(const char *const (*list)[2], size_t n)
{
	enum jobs_verdict v = JOBS_NONE;

	for (size_t i = 0; i < n; i++)
		v = jobs_take(v, list[i][0], list[i][1]);
	return v;
}

static void test_jobs(void **state)
{
	static const char *const restart[][2] = { { "rouse-sleeper.service", "restart" } };
	static const char *const rescue[][2] = { { "rescue.target", "start" },
						 { "rouse-sleeper.service", "stop" } };
	static const char *const poweroff[][2] = { { "umount.target", "start" },
						   { "poweroff.target", "start" },
						   { "reboot.target", "stop" } };
	static const char *const reboot[][2] = { { "shutdown.target", "start" },
						 { "reboot.target", "start" } };
	static const char *const both[][2] = { { "reboot.target", "start" },
					       { "poweroff.target", "start" } };

	(void)state;
	assert_int_equal(jobs(NULL, 0), JOBS_NONE);
	assert_int_equal(jobs(restart, 1), JOBS_NONE);
	assert_int_equal(jobs(rescue, 2), JOBS_NONE);
	assert_int_equal(jobs(poweroff, 3), JOBS_POWEROFF);
	assert_int_equal(jobs(reboot, 2), JOBS_REBOOT);
	assert_int_equal(jobs(both, 2), JOBS_REBOOT);
	assert_int_equal(jobs_take(JOBS_POWEROFF, "kexec.target", "start"), JOBS_REBOOT);
	assert_int_equal(jobs_take(JOBS_NONE, "halt.target", "start"), JOBS_HALT);
	assert_int_equal(jobs_of_logind("soft-reboot"), JOBS_REBOOT);
	assert_int_equal(jobs_of_logind("poweroff"), JOBS_POWEROFF);
	assert_int_equal(jobs_of_logind("whatever"), JOBS_NONE);
}

static struct netlink_address address(const char *text, bool temporary, bool deprecated,
				      bool tentative)
{
	struct netlink_address a = { .temporary = temporary,
				     .deprecated = deprecated,
				     .tentative = tentative };

	assert_int_equal(addr_parse(text, &a.addr), 0);
	return a;
}

static void test_addresses(void **state)
{
	struct netlink_address all[SPEC_ADDRESSES_MAX + 4] = {
		address("2001:db8::dead", false, true, false),
		address("2001:db8::7", true, false, false),
		address("fe80::1", false, false, false),
		address("2001:db8::1", false, false, false),
		address("2001:db8::2", false, false, true),
		address("192.0.2.50", false, false, false),
	};
	static const char *const order[] = { "192.0.2.50", "2001:db8::1", "fe80::1", "2001:db8::7",
					     "2001:db8::dead" };
	struct net_interface i = { .addresses = all, .addresses_n = 6 };
	struct addr got[SPEC_ADDRESSES_MAX];
	char text[ADDR_TEXT];

	(void)state;
	assert_int_equal(port_addresses(&i, got), 5);
	for (size_t n = 0; n < 5; n++)
		assert_string_equal(addr_format(&got[n], text), order[n]);
	/* Too many: the deprecated one goes first. */
	for (size_t n = 6; n < SPEC_ADDRESSES_MAX + 4; n++) {
		all[n] = address("198.51.100.1", false, false, false);
		all[n].addr.b[3] = (uint8_t)n;
	}
	i.addresses_n = SPEC_ADDRESSES_MAX + 4;
	assert_int_equal(port_addresses(&i, got), SPEC_ADDRESSES_MAX);
	for (size_t n = 0; n < SPEC_ADDRESSES_MAX; n++)
		assert_string_not_equal(addr_format(&got[n], text), "2001:db8::dead");
}

/* A VLAN on a bridge with a bond of two cards and a virtual machine's port below it. */
static void test_hardware(void **state)
{
	char folder[] = "/tmp/rouse-sysfs-XXXXXX";
	char command[512];
	struct port p = { .physical_n = 3 };

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(command, sizeof(command),
		       "cd %s && mkdir -p vlan/lower_br br/lower_bond br/lower_tap bond/lower_eth0 "
		       "bond/lower_eth1 eth0/device eth1/device tap wifi/device loop/lower_loop",
		       folder);
	assert_int_equal(system(command), 0);
	port_hardware(&p, folder, "vlan");
	assert_int_equal(p.physical_n, 2);
	assert_true(strcmp(p.physical[0].name, p.physical[1].name) != 0);
	for (size_t i = 0; i < 2; i++)
		assert_memory_equal(p.physical[i].name, "eth", 3);
	port_hardware(&p, folder, "eth1");
	assert_int_equal(p.physical_n, 1);
	assert_string_equal(p.physical[0].name, "eth1");
	port_hardware(&p, folder, "tap");
	assert_int_equal(p.physical_n, 0);
	port_hardware(&p, folder, "loop");
	assert_int_equal(p.physical_n, 0);
	port_hardware(&p, folder, "none");
	assert_int_equal(p.physical_n, 0);
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

static void test_ends(void **state)
{
	char host[ENDS_HOST];
	struct link_end end, same;
	struct ends e = { .n = 0 };
	uint16_t port = 0;

	(void)state;
	assert_int_equal(ends_split("pi.example", host, &port), 0);
	assert_string_equal(host, "pi.example");
	assert_int_equal(port, 13717);
	assert_int_equal(ends_split("192.0.2.1:99", host, &port), 0);
	assert_string_equal(host, "192.0.2.1");
	assert_int_equal(port, 99);
	assert_int_equal(ends_split("[2001:db8::1]:99", host, &port), 0);
	assert_string_equal(host, "2001:db8::1");
	assert_int_equal(ends_split("2001:db8::1", host, &port), 0);
	assert_int_equal(port, 13717);
	assert_int_equal(ends_split("", host, &port), -EINVAL);
	assert_int_equal(ends_split("a:0", host, &port), -EINVAL);
	assert_int_equal(ends_split("a:99999", host, &port), -EINVAL);
	assert_int_equal(ends_split("[::1", host, &port), -EINVAL);
	assert_int_equal(ends_split("[::1]x", host, &port), -EINVAL);

	assert_false(ends_literal("pi.example", 1, &end));
	assert_true(ends_literal("fe80::1%lo", 7, &end));
	assert_int_equal(end.scope, 1);
	ends_add(&e, &end);
	same = end;
	ends_add(&e, &same);
	assert_int_equal(e.n, 1);
	for (uint16_t i = 0; i < ENDS_MAX + 2; i++) {
		same.port = (uint16_t)(100 + i);
		ends_add(&e, &same);
	}
	assert_int_equal(e.n, ENDS_MAX);
	for (size_t i = 0; i < ENDS_MAX; i++)
		assert_true(ends_next(&e, &end));
	assert_false(ends_next(&e, &end));
}

static int options(const char *a, const char *b, struct options *ret, char *wrong)
{
	char *argv[] = { (char *)(uintptr_t) "rouse-sleeper", (char *)(uintptr_t)a,
			 (char *)(uintptr_t)b, NULL };

	return options_parse(b ? 3 : 2, argv, ret, wrong);
}

static void test_options(void **state)
{
	char wrong[OPTIONS_WRONG];
	struct options o;

	(void)state;
	assert_int_equal(options("--goodbye", "hibernate", &o, wrong), 0);
	assert_int_equal(o.action, OPTIONS_GOODBYE);
	assert_int_equal(o.why, WHY_HIBERNATE);
	assert_int_equal(options("--goodbye", "reboot", &o, wrong), -EINVAL);
	assert_int_equal(options("--goodbye", NULL, &o, wrong), -EINVAL);
	assert_int_equal(options("-c", NULL, &o, wrong), -EINVAL);
	assert_int_equal(options("--none", NULL, &o, wrong), -EINVAL);
	assert_int_equal(options("--hello", NULL, &o, wrong), 0);
	assert_int_equal(o.action, OPTIONS_HELLO);
	assert_int_equal(options("-c", "/x", &o, wrong), 0);
	assert_string_equal(o.file, "/x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arm),	  cmocka_unit_test(test_jobs),
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_ends),
		cmocka_unit_test(test_options),	  cmocka_unit_test(test_hardware),
	};

	return cmocka_run_group_tests_name("sleeper/decisions", tests, NULL, NULL);
}
