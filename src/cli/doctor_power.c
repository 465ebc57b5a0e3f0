/*
 * doctor_power: the checks of how the machine sleeps, and of what else on it saves power: tools that disarm Wake-on-LAN are
 * the commonest reason why it worked once and no more.
 */
#include "cli/doctor.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- sleep states --- */

/* Whether a word is in a list of words with blanks between them. */
static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = strstr(list, word); at; at = strstr(at + 1, word)) {
		if ((at == list || at[-1] == ' ' || at[-1] == '[') &&
		    (at[n] == 0 || at[n] == ' ' || at[n] == ']'))
			return true;
	}
	return false;
}

void doctor_sleep_states(const struct box *b, struct finding *f)
{
	char states[128];
	char mem[128];

	(void)box_read(b, states, sizeof(states), "sys/power/state");
	(void)box_read(b, mem, sizeof(mem), "sys/power/mem_sleep");
	if (!has_word(states, "mem") && has_word(states, "disk"))
		finding_ok(f, "this kernel can hibernate, but not suspend (/sys/power/state: %s)",
			   states);
	else if (!has_word(states, "mem") && !has_word(states, "freeze"))
		finding_problem(f,
				"containers and many virtual machines cannot sleep: let it be "
				"powered off instead, or run rouse-sleeper on the real machine",
				"this kernel cannot suspend (/sys/power/state: %s)",
				states[0] ? states : "empty");
	else if (strstr(mem, "[deep]"))
		finding_ok(f, "suspends to RAM (/sys/power/mem_sleep: %s)", mem);
	else if (has_word(mem, "deep"))
		finding_unknown(
			f,
			"if it does not wake, or saves little, boot with mem_sleep_default=deep on "
			"the kernel's command line; the safe test says: sudo rouse setup",
			"suspends to idle, could suspend to RAM (/sys/power/mem_sleep: %s)", mem);
	else
		finding_unknown(f,
				"whether the card wakes it is up to firmware and driver; the safe "
				"test says: sudo rouse setup",
				"suspends to idle only (/sys/power/mem_sleep: %s)",
				mem[0] ? mem : "none");
}

void doctor_rtc(const struct box *b, struct finding *f)
{
	char flag[32];

	if (!box_has_alarm(b)) {
		finding_problem(f,
				"the safe test has no safety net here: do it where you can reach "
				"the power button; timers cannot wake the machine",
				"there is no clock with an alarm (/sys/class/rtc/rtc*/wakealarm)");
		return;
	}
	if (box_read(b, flag, sizeof(flag), "sys/class/rtc/rtc0/device/power/wakeup") == 0 &&
	    strcmp(flag, "disabled") == 0)
		finding_problem(f, "echo enabled > /sys/class/rtc/rtc0/device/power/wakeup",
				"the clock's alarm may not wake the machine");
	else
		finding_ok(f, "the clock's alarm can wake it: the safety net of the safe test");
}

/* --- firmware --- */

static const struct {
	const char *vendor; /* how its name begins */
	const char *advice;
} firmwares[] = {
	{ "ASRock", "Advanced > ACPI: 'PCIE Devices Power On' enabled, 'Deep Sleep' disabled" },
	{ "ASUS", "Advanced > APM: 'ErP Ready' disabled, 'Power On By PCI-E' enabled" },
	{ "Acer", "Power: 'Wake on LAN' enabled, 'Deep power off mode' (ErP) disabled" },
	{ "Dell", "Power Management: 'Deep Sleep Control' disabled, 'Wake on LAN': LAN only" },
	{ "FUJITSU", "Power: 'Low Power Soft Off' disabled, 'LAN' (wake) enabled" },
	{ "Gigabyte", "Settings > Platform Power: 'ErP' disabled, 'Wake on LAN' enabled" },
	{ "HP", "Advanced > Power: 'S5 Maximum Power Savings' disabled, 'Wake On LAN': boot to "
		"hard drive" },
	{ "Hewlett", "Advanced > Power: 'S5 Maximum Power Savings' disabled, 'Wake On LAN': boot "
		     "to hard drive" },
	{ "Intel",
	  "Power > Secondary: 'Wake on LAN from S4/S5': normal boot, 'Deep S4/S5' disabled" },
	{ "LENOVO",
	  "Power: 'Wake on LAN' primary (or automatic), 'Enhanced Power Saving Mode' disabled" },
	{ "Micro-Star",
	  "Settings > Advanced: 'ErP Ready' disabled, Wake Up Events: 'Resume by PCI-E' enabled" },
	{ "Supermicro",
	  "Advanced > Boot Feature: 'Deep Sleep' disabled; PCIe: 'Wake on LAN' enabled" },
};

static const char *const virtual_vendors[] = { "QEMU",	    "VMware", "innotek", "Xen",
					       "Parallels", "Bochs",  "Amazon",	 "Google" };

static bool begins(const char *text, const char *with)
{
	return strncasecmp(text, with, strlen(with)) == 0;
}

static const char *advice_for(const char *board, const char *system)
{
	for (size_t i = 0; i < sizeof(firmwares) / sizeof(firmwares[0]); i++) {
		if (begins(board, firmwares[i].vendor) || begins(system, firmwares[i].vendor))
			return firmwares[i].advice;
	}
	return "look in its setup for: Wake on LAN (or Power On By PCI-E) enabled, ErP, Deep Sleep "
	       "and S5 power saving disabled";
}

void doctor_firmware(const struct box *b, struct finding *f)
{
	char system[64];
	char board[64];
	char product[64];
	char date[32];

	(void)box_read(b, system, sizeof(system), "sys/class/dmi/id/sys_vendor");
	(void)box_read(b, board, sizeof(board), "sys/class/dmi/id/board_vendor");
	(void)box_read(b, product, sizeof(product), "sys/class/dmi/id/product_name");
	(void)box_read(b, date, sizeof(date), "sys/class/dmi/id/bios_date");
	for (size_t i = 0; i < sizeof(virtual_vendors) / sizeof(virtual_vendors[0]); i++) {
		if (!begins(system, virtual_vendors[i]))
			continue;
		finding_unknown(f,
				"a virtual machine is woken by its host: let the host listen for "
				"the magic packet",
				"this is a virtual machine (%s)", system);
		return;
	}
	if (!system[0] && !board[0])
		finding_unknown(f, "see its vendor's page for Wake-on-LAN",
				"the firmware does not say what it is");
	else
		finding_unknown(f, advice_for(board, system),
				"the firmware's own settings are not seen from here: %s %s, of %s",
				board[0] ? board : system, product, date[0] ? date : "no date");
}

/* --- tools --- */

/* The value of the last line "KEY=value" of a file, without quotes; false: there is none. */
static bool setting(const char *text, const char *key, char *to, size_t size)
{
	bool found = false;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		size_t n = strlen(key);

		line += line != text;
		while (*line == ' ' || *line == '\t')
			line++;
		if (!begins(line, key) || (line[n] != '=' && line[n] != ' '))
			continue;
		line += n + strspn(line + n, "= \"'");
		n = strcspn(line, "\"' \t\n#");
		if (n >= size)
			n = size - 1;
		memcpy(to, line, n);
		to[n] = 0;
		found = true;
	}
	return found;
}

struct tlp {
	const struct box *b;
	char value[16];
};

static bool take_tlp(void *context, const char *name)
{
	struct tlp *t = context;
	char text[16384];

	if (strlen(name) > 5 && strcmp(name + strlen(name) - 5, ".conf") == 0 &&
	    box_read(t->b, text, sizeof(text), "etc/tlp.d/%s", name) == 0)
		(void)setting(text, "WOL_DISABLE", t->value, sizeof(t->value));
	return true;
}

static bool tlp_disarms(const struct box *b)
{
	/* Its default disarms. */
	struct tlp t = { .b = b, .value = "Y" };
	char text[32768];

	if (!box_has(b, "usr/sbin/tlp") && !box_has(b, "usr/bin/tlp"))
		return false;
	(void)box_each(b, "etc/tlp.d", take_tlp, &t);
	if (box_read(b, text, sizeof(text), "etc/tlp.conf") == 0)
		(void)setting(text, "WOL_DISABLE", t.value, sizeof(t.value));
	return toupper((unsigned char)t.value[0]) != 'N';
}

static bool laptop_mode_disarms(const struct box *b)
{
	char text[16384];
	char value[16] = "1";

	if (!box_has(b, "usr/sbin/laptop_mode") ||
	    box_read(b, text, sizeof(text), "etc/laptop-mode/conf.d/ethernet.conf") < 0)
		return false;
	(void)setting(text, "CONTROL_ETHERNET", value, sizeof(value));
	if (strcmp(value, "0") == 0)
		return false;
	return setting(text, "DISABLE_ETHERNET_ON_BATTERY", value, sizeof(value)) &&
	       strcmp(value, "0") != 0;
}

void doctor_tools(const struct box *b, struct finding *f)
{
	if (tlp_disarms(b))
		finding_problem(f, "set WOL_DISABLE=N in /etc/tlp.conf, then: tlp start",
				"TLP is installed and disarms Wake-on-LAN (WOL_DISABLE is not N)");
	else if (box_has(b, "etc/systemd/system/multi-user.target.wants/powertop.service"))
		finding_problem(f,
				"systemctl disable powertop, or restart rouse-sleeper after it: it "
				"arms again",
				"powertop --auto-tune runs at boot (powertop.service): it disarms "
				"Wake-on-LAN too");
	else if (laptop_mode_disarms(b))
		finding_problem(f,
				"set CONTROL_ETHERNET=0 in "
				"/etc/laptop-mode/conf.d/ethernet.conf",
				"laptop-mode-tools switches Ethernet off on battery");
	else
		finding_ok(f, "neither TLP, powertop nor laptop-mode-tools disarms it");
}

/* --- NetworkManager --- */

#define NM_DEFAULT 1
#define NM_MAGIC 64
#define NM_IGNORE 32768

struct manager {
	const struct box *b;
	const char *folder;
	char wrong[128]; /* the file that disarms; empty: none */
	bool unreadable;
};

/* wake-on-lan=N of a file: flags, of which these keep Wake-on-LAN as it is or arm it. */
static bool take_connection(void *context, const char *name)
{
	struct manager *m = context;
	char text[8192];
	char value[16];
	int r = box_read(m->b, text, sizeof(text), "%s/%s", m->folder, name);
	bool found;

	if (r < 0) {
		m->unreadable |= r == -EACCES || r == -EPERM;
		return true;
	}
	found = setting(text, "wake-on-lan", value, sizeof(value)) ||
		setting(text, "ethernet.wake-on-lan", value, sizeof(value));
	if (found && !(strtoul(value, NULL, 0) & (NM_DEFAULT | NM_MAGIC | NM_IGNORE)))
		(void)snprintf(m->wrong, sizeof(m->wrong), "/%s/%.60s", m->folder, name);
	return true;
}

void doctor_network_manager(const struct box *b, struct finding *f)
{
	static const char *const folders[] = { "etc/NetworkManager/conf.d",
					       "etc/NetworkManager/system-connections",
					       "run/NetworkManager/system-connections" };
	struct manager m = { .b = b };

	if (!box_has(b, "run/NetworkManager")) {
		finding_ok(f, "NetworkManager does not run here");
		return;
	}
	m.folder = "etc/NetworkManager";
	(void)take_connection(&m, "NetworkManager.conf");
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		m.folder = folders[i];
		/* Connections hold passwords: the folder itself may be root's. */
		if (!box_each(b, m.folder, take_connection, &m) && errno == EACCES)
			m.unreadable = true;
	}
	if (m.wrong[0])
		finding_problem(f,
				"nmcli connection modify NAME 802-3-ethernet.wake-on-lan magic "
				"(then: nmcli connection up NAME)",
				"%s switches Wake-on-LAN off", m.wrong);
	else if (m.unreadable)
		finding_unknown(f, "only root may read its connections: sudo rouse doctor",
				"NetworkManager runs here");
	else
		finding_ok(f, "NetworkManager runs and leaves Wake-on-LAN alone");
}
