/*
 * test_doctor: how the checks of `rouse doctor` judge what they see: values that were gathered, and the files of a made-up
 * machine in a folder.
 */
#include "cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/rouse-test-XXXXXX";
static int root = -1;
static struct cli cli = { .socket = "/g", .sleeper = "/s", .now_ms = 1770087906789 };

static int make_root(void **state)
{
	(void)state;
	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	assert_non_null(mkdtemp(folder));
	root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root < 0;
}

static int remove_root(void **state)
{
	char command[128];

	(void)state;
	close(root);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

/* A file of the made-up machine, with its folders. */
static void put(const char *path, const char *text)
{
	char part[256];
	int fd;

	for (const char *at = strchr(path, '/'); at; at = strchr(at + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(at - path), path);
		assert_true(mkdirat(root, part, 0755) == 0 || errno == EEXIST);
	}
	fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static struct box machine(void)
{
	struct box b = {
		.cli = &cli,
		.root = root,
		.made_up = true,
		.name = "eth0",
		.carrier = true,
		.mac = { { 0x3c, 1, 2, 3, 4, 5 } },
		.ports_n = 1,
		.paired = -ENOENT,
		.found = -ENOENT,
	};

	b.ports[0] = (struct box_port){
		.name = "eth0",
		.wol = { .supported = ETHTOOL_WAKE_MAGIC | ETHTOOL_WAKE_PHY,
			 .armed = ETHTOOL_WAKE_MAGIC },
		.permanent = b.mac,
		.driver = { .name = "r8169" },
	};
	return b;
}

static void expect(void (*look)(const struct box *b, struct finding *f), const struct box *b,
		   enum doctor_result result, const char *evidence)
{
	struct finding f = { .result = DOCTOR_RESULTS };

	look(b, &f);
	if (f.result != result || !strstr(f.evidence, evidence))
		fail_msg("is %u: %s; shall be %u: %s", f.result, f.evidence, result, evidence);
	/* All is well, or there is something to do. */
	assert_int_equal(f.remedy[0] != 0, result != DOCTOR_OK);
}

static void support_and_arming(void **state)
{
	struct box b = machine();

	(void)state;
	expect(doctor_wol_support, &b, DOCTOR_OK, "eth0 (r8169) can wake by 'pg'");
	expect(doctor_wol_armed, &b, DOCTOR_OK, "armed for 'g'");
	b.ports[0].wol.armed = ETHTOOL_WAKE_PHY;
	expect(doctor_wol_armed, &b, DOCTOR_PROBLEM, "armed for 'p', not for a magic packet");
	b.ports[0].wol.armed = ETHTOOL_WAKE_MAGIC | ETHTOOL_WAKE_BROADCAST;
	expect(doctor_wol_armed, &b, DOCTOR_PROBLEM, "armed for 'bg'");
	b.ports[0].wol.supported = ETHTOOL_WAKE_PHY;
	b.ports[0].wol.armed = 0;
	expect(doctor_wol_support, &b, DOCTOR_PROBLEM, "not by magic packet");
	b.ports[0].wol_error = -EOPNOTSUPP;
	expect(doctor_wol_support, &b, DOCTOR_PROBLEM, "(r8169) knows no Wake-on-LAN");
	expect(doctor_wol_armed, &b, DOCTOR_PROBLEM, "knows no Wake-on-LAN");
	b.ports[0].wol_error = -EPERM;
	expect(doctor_wol_support, &b, DOCTOR_UNKNOWN, "eth0");
	expect(doctor_wol_armed, &b, DOCTOR_UNKNOWN, "eth0");
	b.ports_n = 0;
	expect(doctor_wol_support, &b, DOCTOR_PROBLEM, "no Ethernet interface");
}

/* The ports of a bridge: one that can and is armed is enough. */
static void best_of_two(void **state)
{
	struct box b = machine();

	(void)state;
	b.ports[1] = b.ports[0];
	memcpy(b.ports[1].name, "eth1", 5);
	b.ports[0].wol_error = -EOPNOTSUPP;
	b.ports_n = 2;
	expect(doctor_wol_armed, &b, DOCTOR_OK, "eth1 is armed");
}

static void wakeup_flag(void **state)
{
	struct box b = machine();

	(void)state;
	expect(doctor_wol_wakeup, &b, DOCTOR_UNKNOWN, "no wakeup flag");
	put("sys/class/net/eth0/device/power/wakeup", "disabled\n");
	expect(doctor_wol_wakeup, &b, DOCTOR_PROBLEM, "is disabled");
	put("sys/class/net/eth0/device/power/wakeup", "enabled\n");
	expect(doctor_wol_wakeup, &b, DOCTOR_OK, "is enabled");
}

static void link_and_kind(void **state)
{
	struct box b = machine();

	(void)state;
	put("sys/class/net/eth0/speed", "1000\n");
	expect(doctor_link, &b, DOCTOR_OK, "1000 Mbit/s");
	put("sys/class/net/eth0/speed", "-1\n");
	expect(doctor_link, &b, DOCTOR_OK, "eth0 has a link");
	b.carrier = false;
	expect(doctor_link, &b, DOCTOR_PROBLEM, "no link");
	expect(doctor_wired, &b, DOCTOR_OK, "by cable");
	b.wireless = true;
	expect(doctor_wired, &b, DOCTOR_PROBLEM, "Wi-Fi");
}

static void macs(void **state)
{
	struct box b = machine();

	(void)state;
	expect(doctor_mac, &b, DOCTOR_OK, "card's own MAC, 3c:01:02:03:04:05");
	b.mac.b[5] = 6;
	expect(doctor_mac, &b, DOCTOR_PROBLEM, "its card is 3c:01:02:03:04:05");
	b.ports[0].permanent_error = -EOPNOTSUPP;
	put("sys/class/net/eth0/addr_assign_type", "0\n");
	expect(doctor_mac, &b, DOCTOR_OK, "own MAC");
	put("sys/class/net/eth0/addr_assign_type", "1\n");
	expect(doctor_mac, &b, DOCTOR_PROBLEM, "random");
	put("sys/class/net/eth0/addr_assign_type", "3\n");
	expect(doctor_mac, &b, DOCTOR_UNKNOWN, "does not say");
	b.mac.b[0] |= 2;
	expect(doctor_mac, &b, DOCTOR_UNKNOWN, "somebody made up");
}

static void runtime(void **state)
{
	struct box b = machine();

	(void)state;
	expect(doctor_runtime, &b, DOCTOR_UNKNOWN, "no runtime");
	put("sys/class/net/eth0/device/power/control", "auto\n");
	put("sys/class/net/eth0/device/power/runtime_status", "active\n");
	expect(doctor_runtime, &b, DOCTOR_OK, "is auto, the card is active");
	put("sys/class/net/eth0/device/power/runtime_status", "suspended\n");
	expect(doctor_runtime, &b, DOCTOR_PROBLEM, "suspended by its driver");
	b.carrier = false;
	expect(doctor_runtime, &b, DOCTOR_OK, "suspended");
}

static void sleep_states(void **state)
{
	static const struct {
		const char *states, *mem;
		enum doctor_result result;
		const char *evidence;
	} cases[] = {
		{ "freeze mem disk\n", "s2idle [deep]\n", DOCTOR_OK, "suspends to RAM" },
		{ "freeze mem disk\n", "[s2idle] deep\n", DOCTOR_UNKNOWN, "could suspend to RAM" },
		{ "freeze mem\n", "[s2idle]\n", DOCTOR_UNKNOWN, "idle only" },
		{ "freeze\n", "", DOCTOR_UNKNOWN, "idle only" },
		{ "disk\n", "", DOCTOR_OK, "hibernate" },
		{ "\n", "", DOCTOR_PROBLEM, "cannot suspend" },
	};
	struct box b = machine();

	(void)state;
	expect(doctor_sleep_states, &b, DOCTOR_PROBLEM, "cannot suspend");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put("sys/power/state", cases[i].states);
		put("sys/power/mem_sleep", cases[i].mem);
		expect(doctor_sleep_states, &b, cases[i].result, cases[i].evidence);
	}
}

static void alarm_clock(void **state)
{
	struct box b = machine();

	(void)state;
	expect(doctor_rtc, &b, DOCTOR_PROBLEM, "no clock");
	put("sys/class/rtc/rtc0/wakealarm", "");
	expect(doctor_rtc, &b, DOCTOR_OK, "can wake it");
	put("sys/class/rtc/rtc0/device/power/wakeup", "disabled\n");
	expect(doctor_rtc, &b, DOCTOR_PROBLEM, "may not");
}

static void firmware(void **state)
{
	struct box b = machine();
	struct finding f;

	(void)state;
	expect(doctor_firmware, &b, DOCTOR_UNKNOWN, "does not say what it is");
	put("sys/class/dmi/id/sys_vendor", "Micro-Star International Co., Ltd.\n");
	put("sys/class/dmi/id/product_name", "MS-7C37\n");
	put("sys/class/dmi/id/bios_date", "07/21/2023\n");
	expect(doctor_firmware, &b, DOCTOR_UNKNOWN, "MS-7C37, of 07/21/2023");
	doctor_firmware(&b, &f);
	assert_non_null(strstr(f.remedy, "Resume by PCI-E"));
	put("sys/class/dmi/id/board_vendor", "ASUSTeK COMPUTER INC.\n");
	put("sys/class/dmi/id/sys_vendor", "System manufacturer\n");
	doctor_firmware(&b, &f);
	assert_non_null(strstr(f.remedy, "Power On By PCI-E"));
	put("sys/class/dmi/id/sys_vendor", "QEMU\n");
	expect(doctor_firmware, &b, DOCTOR_UNKNOWN, "virtual machine");
}

static void power_tools(void **state)
{
	struct box b = machine();

	(void)state;
	expect(doctor_tools, &b, DOCTOR_OK, "neither");
	put("usr/sbin/tlp", "");
	expect(doctor_tools, &b, DOCTOR_PROBLEM, "TLP");
	put("etc/tlp.conf", "#WOL_DISABLE=N\n");
	expect(doctor_tools, &b, DOCTOR_PROBLEM, "TLP");
	put("etc/tlp.conf", "# nothing\nWOL_DISABLE=\"N\"\n");
	expect(doctor_tools, &b, DOCTOR_OK, "neither");
	put("etc/tlp.conf", "");
	put("etc/tlp.d/01-wol.conf", "WOL_DISABLE=N\n");
	expect(doctor_tools, &b, DOCTOR_OK, "neither");
	put("usr/sbin/laptop_mode", "");
	put("etc/laptop-mode/conf.d/ethernet.conf",
	    "CONTROL_ETHERNET=\"auto\"\nDISABLE_ETHERNET_ON_BATTERY=1\n");
	expect(doctor_tools, &b, DOCTOR_PROBLEM, "laptop-mode");
	put("etc/laptop-mode/conf.d/ethernet.conf",
	    "CONTROL_ETHERNET=0\nDISABLE_ETHERNET_ON_BATTERY=1\n");
	expect(doctor_tools, &b, DOCTOR_OK, "neither");
	put("etc/systemd/system/multi-user.target.wants/powertop.service", "");
	expect(doctor_tools, &b, DOCTOR_PROBLEM, "powertop");
}

static void network_manager(void **state)
{
	struct box b = machine();

	(void)state;
	put("etc/NetworkManager/system-connections/a.nmconnection", "[ethernet]\nwake-on-lan=0\n");
	expect(doctor_network_manager, &b, DOCTOR_OK, "does not run");
	put("run/NetworkManager/x", "");
	expect(doctor_network_manager, &b, DOCTOR_PROBLEM,
	       "/etc/NetworkManager/system-connections/a.nmconnection");
	put("etc/NetworkManager/system-connections/a.nmconnection", "[ethernet]\nwake-on-lan=64\n");
	expect(doctor_network_manager, &b, DOCTOR_OK, "alone");
	put("etc/NetworkManager/conf.d/wol.conf", "[connection]\nethernet.wake-on-lan=2\n");
	expect(doctor_network_manager, &b, DOCTOR_PROBLEM, "conf.d/wol.conf");
	put("etc/NetworkManager/conf.d/wol.conf", "[connection]\nethernet.wake-on-lan=32768\n");
	expect(doctor_network_manager, &b, DOCTOR_OK, "alone");
}

static void docker(void **state)
{
	struct box b = machine();

	(void)state;
	expect(doctor_docker, &b, DOCTOR_OK, "does not run");
	put("run/docker.sock", "");
	put("proc/17/comm", "dockerd\n");
	expect(doctor_docker, &b, DOCTOR_UNKNOWN, "perhaps nothing");
	put("proc/18/comm", "docker-proxy\n");
	expect(doctor_docker, &b, DOCTOR_OK, "through 1 docker-proxy");
	put("etc/docker/daemon.json", "{ \"userland-proxy\" : false }");
	expect(doctor_docker, &b, DOCTOR_PROBLEM, "userland-proxy");
}

static void guard_known(void **state)
{
	struct box b = machine();

	(void)state;
	expect(doctor_reachable, &b, DOCTOR_UNKNOWN, "no guard is known");
	expect(doctor_segment, &b, DOCTOR_UNKNOWN, "no guard is known");
	memcpy(b.guard.host, "192.0.2.1", 10);
	memcpy(b.guard.port, "13717", 6);
	b.guard_from = "as named";
	expect(doctor_reachable, &b, DOCTOR_OK, "192.0.2.1 port 13717 (as named)");
	b.guard_error = -ECONNREFUSED;
	memcpy(b.guard_problem, "no guard answers", 17);
	expect(doctor_reachable, &b, DOCTOR_PROBLEM, "no guard answers");
}

static void pairing(void **state)
{
	struct box b = machine();

	(void)state;
	b.sleeper.error = -ENOENT;
	expect(doctor_paired, &b, DOCTOR_PROBLEM, "not paired");
	expect(doctor_sleeper, &b, DOCTOR_PROBLEM, "does not answer at /s");
	expect(doctor_held, &b, DOCTOR_UNKNOWN, "did not say");
	b.sleeper.error = -EACCES;
	b.paired = -EACCES;
	expect(doctor_paired, &b, DOCTOR_UNKNOWN, "only root");
	expect(doctor_sleeper, &b, DOCTOR_UNKNOWN, "only root");
	b.sleeper = (struct box_sleeper){ .pairing = "x", .guard = "g:1", .lease = "held" };
	expect(doctor_paired, &b, DOCTOR_OK, "paired with g:1");
	expect(doctor_held, &b, DOCTOR_OK, "g:1");
	memcpy(b.sleeper.lease, "refused", 8);
	memcpy(b.sleeper.problem, "name is taken", 14);
	expect(doctor_held, &b, DOCTOR_PROBLEM, "refused: name is taken");
	b.paired = 0;
	b.pairing = (struct pairing_state){ .guard = "192.0.2.1", .name = "nas", .mac = b.mac };
	expect(doctor_paired, &b, DOCTOR_OK, "paired with 192.0.2.1 as nas");
	b.pairing.mac.b[0] = 0xaa;
	expect(doctor_paired, &b, DOCTOR_PROBLEM, "but eth0 has 3c:");
	b.paired = -EINVAL;
	expect(doctor_paired, &b, DOCTOR_PROBLEM, "cannot be read");
}

static void guards_side(void **state)
{
	struct net_interface i = { .ifindex = 2, .link = { .name = "eth0", .ethernet = true } };
	struct box b = machine();

	(void)state;
	expect(doctor_interface, &b, DOCTOR_PROBLEM, "no Ethernet interface");
	b.interface = &i;
	expect(doctor_interface, &b, DOCTOR_OK, "ordinary Ethernet");
	i.forwards4 = true;
	expect(doctor_forwarding, &b, DOCTOR_OK, "virtual MAC");
	b.roused.own_mac = true;
	expect(doctor_forwarding, &b, DOCTOR_PROBLEM, "forwards IPv4");
	b.roused.own_mac = false;
	memcpy(i.link.kind, "macvlan", 8);
	expect(doctor_interface, &b, DOCTOR_UNKNOWN, "one MAC only");
	expect(doctor_virtual_mac, &b, DOCTOR_OK, "not used");
	expect(doctor_forwarding, &b, DOCTOR_PROBLEM, "forwards IPv4");
	i.forwards4 = false;
	expect(doctor_forwarding, &b, DOCTOR_OK, "forwards nothing");
}

static void guards_power(void **state)
{
	struct box b = machine();

	(void)state;
	expect(doctor_capability, &b, DOCTOR_UNKNOWN, "no process");
	put("proc/9/cmdline", "roused: engine");
	put("proc/9/status", "Name:\troused\nCapEff:\t0000000000000000\n");
	expect(doctor_capability, &b, DOCTOR_UNKNOWN, "no process");
	put("proc/8/cmdline", "/usr/sbin/roused");
	put("proc/8/status", "Name:\troused\nCapEff:\t0000000000001000\n");
	expect(doctor_capability, &b, DOCTOR_PROBLEM, "without CAP_NET_RAW");
	put("proc/8/status", "Name:\troused\nCapEff:\t0000000000002000\n");
	expect(doctor_capability, &b, DOCTOR_OK, "has CAP_NET_RAW");
}

static void claims(void **state)
{
	struct box b = machine();

	(void)state;
	expect(doctor_claims, &b, DOCTOR_UNKNOWN, "no machine yet");
	b.roused.machines_n = b.roused.machines_total = 1;
	memcpy(b.roused.machines[0].name, "nas", 4);
	expect(doctor_claims, &b, DOCTOR_UNKNOWN, "no machine sleeps");
	b.roused.machines[0].asleep = true;
	expect(doctor_claims, &b, DOCTOR_OK, "1 sleeping machine (nas)");
	memcpy(b.roused.conflicted, "nas: 192.0.2.50 is used", 24);
	expect(doctor_claims, &b, DOCTOR_PROBLEM, "is used");
	b.roused.observes = true;
	expect(doctor_claims, &b, DOCTOR_PROBLEM, "only observes");
	expect(doctor_switch, &b, DOCTOR_UNKNOWN, "arrived yet");
	memcpy(b.roused.knocked, "nas: knock from", 16);
	expect(doctor_switch, &b, DOCTOR_OK, "nas: knock from");
	b.roused.error = -ECONNREFUSED;
	memcpy(b.roused.problem, "no guard answers", 17);
	expect(doctor_guard, &b, DOCTOR_PROBLEM, "no guard answers");
	expect(doctor_claims, &b, DOCTOR_UNKNOWN, "did not say");
	expect(doctor_switch, &b, DOCTOR_UNKNOWN, "did not say");
}

static void relay(void **state)
{
	struct box b = machine();

	(void)state;
	expect(doctor_relay, &b, DOCTOR_UNKNOWN, "did not say");
	memcpy(b.roused.relay_state, "none", 5);
	expect(doctor_relay, &b, DOCTOR_OK, "no relay");
	memcpy(b.roused.relay_state, "joined", 7);
	memcpy(b.roused.relay_url, "https://r.example", 18);
	expect(doctor_relay, &b, DOCTOR_OK, "https://r.example");
	memcpy(b.roused.relay_state, "offline", 8);
	memcpy(b.roused.relay_error, "timed out", 10);
	expect(doctor_relay, &b, DOCTOR_PROBLEM, "offline: timed out");
}

static void clock_check(void **state)
{
	struct cli early = { .now_ms = 1000 };
	struct box b = machine();

	(void)state;
	expect(doctor_clock, &b, DOCTOR_OK, "2026-02-03");
	b.cli = &early;
	expect(doctor_clock, &b, DOCTOR_PROBLEM, "1970");
}

/* What is below bridges, bonds and VLANs, as sysfs shows it. */
static void hardware(void **state)
{
	char names[BOX_PORTS][NETLINK_NAME];
	struct box b = machine();

	(void)state;
	put("sys/class/net/br0.7/lower_br0", "");
	put("sys/class/net/br0/lower_eth0", "");
	put("sys/class/net/br0/lower_tap0", "");
	put("sys/class/net/eth0/device/x", "");
	put("sys/class/net/tap0/x", "");
	assert_int_equal(box_hardware(&b, "br0.7", names, BOX_PORTS), 1);
	assert_string_equal(names[0], "eth0");
	/* Nothing below is hardware: it itself. */
	assert_int_equal(box_hardware(&b, "tap0", names, BOX_PORTS), 1);
	assert_string_equal(names[0], "tap0");
	/* A circle, which sysfs does not make, ends too. */
	put("sys/class/net/l0/lower_l1", "");
	put("sys/class/net/l1/lower_l0", "");
	assert_int_equal(box_hardware(&b, "l0", names, BOX_PORTS), 1);
}

static void codes(void **state)
{
	(void)state;
	for (const struct doctor_check *k = doctor_checks; k->code; k++) {
		assert_true(strlen(k->code) <= 16);
		assert_true(k->where != 0);
		for (const struct doctor_check *o = k + 1; o->code; o++)
			assert_string_not_equal(k->code, o->code);
	}
}

#define IN_ROOT(f) cmocka_unit_test_setup_teardown(f, make_root, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOT(support_and_arming),
		IN_ROOT(best_of_two),
		IN_ROOT(wakeup_flag),
		IN_ROOT(link_and_kind),
		IN_ROOT(macs),
		IN_ROOT(runtime),
		IN_ROOT(sleep_states),
		IN_ROOT(alarm_clock),
		IN_ROOT(firmware),
		IN_ROOT(power_tools),
		IN_ROOT(network_manager),
		IN_ROOT(docker),
		IN_ROOT(guard_known),
		IN_ROOT(pairing),
		IN_ROOT(guards_side),
		IN_ROOT(guards_power),
		IN_ROOT(claims),
		IN_ROOT(relay),
		IN_ROOT(clock_check),
		IN_ROOT(hardware),
		cmocka_unit_test(codes),
	};

	return cmocka_run_group_tests_name("cli/doctor", tests, NULL, NULL);
}
