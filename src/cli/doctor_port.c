/*
 * doctor_port: the checks of the network card: can it wake the machine, is it armed, and does the LAN know it by the MAC that it
 * listens for.
 */
#include "cli/doctor.h"

#include <errno.h>
#include <string.h>

#define AS_ROOT "only root may ask: sudo rouse doctor"
/* These wake it for anything that comes along, which is always soon. */
#define TOO_MUCH \
	(ETHTOOL_WAKE_UNICAST | ETHTOOL_WAKE_MULTICAST | ETHTOOL_WAKE_BROADCAST | ETHTOOL_WAKE_ARP)

static const char *driver_of(const struct box_port *p)
{
	return p->driver_error == 0 && p->driver.name[0] ? p->driver.name : "unknown driver";
}

/* The port that can do most: a bridge's other ports need not wake. */
static const struct box_port *best(const struct box *b)
{
	const struct box_port *can = NULL;

	for (size_t i = 0; i < b->ports_n; i++) {
		const struct box_port *p = &b->ports[i];

		if (p->wol_error == 0 && (p->wol.armed & ETHTOOL_WAKE_MAGIC))
			return p;
		if (!can && p->wol_error == 0 && (p->wol.supported & ETHTOOL_WAKE_MAGIC))
			can = p;
	}
	return can ? can : b->ports_n ? &b->ports[0] : NULL;
}

/* NULL after saying that there is nothing to look at. */
static const struct box_port *port_or_say(const struct box *b, struct finding *f)
{
	const struct box_port *p = best(b);

	if (!p)
		finding_problem(f,
				"connect the machine by cable and give it an address; or name its "
				"interface: rouse doctor --interface NAME",
				"no Ethernet interface was found");
	return p;
}

void doctor_wol_support(const struct box *b, struct finding *f)
{
	const struct box_port *p = port_or_say(b, f);
	char can[ETHTOOL_WAKE_TEXT];

	if (!p)
		return;
	if (p->wol_error == -EPERM || p->wol_error == -EACCES)
		finding_unknown(f, AS_ROOT, "%s (%s)", p->name, driver_of(p));
	else if (p->wol_error == -EOPNOTSUPP)
		finding_problem(
			f,
			"use a port of a card that can: most mainboards can, most USB "
			"adapters and all virtual ones cannot; a newer kernel may know more",
			"%s: its driver (%s) knows no Wake-on-LAN", p->name, driver_of(p));
	else if (p->wol_error < 0)
		finding_unknown(f, "look with: ethtool $PORT", "%s: %s", p->name,
				strerror(-p->wol_error));
	else if (!(p->wol.supported & ETHTOOL_WAKE_MAGIC))
		finding_problem(f,
				"look for Wake-on-LAN in the firmware's setup, else use another "
				"card",
				"%s (%s) can wake by '%s', not by magic packet (g)", p->name,
				driver_of(p), ethtool_wake_text(p->wol.supported, can));
	else
		finding_ok(f, "%s (%s) can wake by '%s'", p->name, driver_of(p),
			   ethtool_wake_text(p->wol.supported, can));
}

void doctor_wol_armed(const struct box *b, struct finding *f)
{
	const struct box_port *p = port_or_say(b, f);
	char armed[ETHTOOL_WAKE_TEXT];

	if (!p)
		return;
	if (p->wol_error == -EPERM || p->wol_error == -EACCES)
		finding_unknown(f, AS_ROOT, "%s", p->name);
	else if (p->wol_error < 0)
		finding_problem(f, "see WOL-SUPPORT", "%s knows no Wake-on-LAN", p->name);
	else if (!(p->wol.armed & ETHTOOL_WAKE_MAGIC))
		finding_problem(
			f,
			"rouse-sleeper arms it at start and at every link-up: systemctl enable "
			"--now rouse-sleeper; by hand, until the next boot: ethtool -s $PORT wol g",
			"%s is armed for '%s', not for a magic packet (g)", p->name,
			ethtool_wake_text(p->wol.armed, armed));
	else if (p->wol.armed & TOO_MUCH)
		finding_problem(
			f,
			"it wakes for nearly every packet and will not stay asleep; arm it for "
			"magic packets alone: ethtool -s $PORT wol g",
			"%s is armed for '%s'", p->name, ethtool_wake_text(p->wol.armed, armed));
	else
		finding_ok(f, "%s is armed for '%s'", p->name,
			   ethtool_wake_text(p->wol.armed, armed));
}

void doctor_wol_wakeup(const struct box *b, struct finding *f)
{
	const struct box_port *p = port_or_say(b, f);
	char flag[32];

	if (!p)
		return;
	if (box_read(b, flag, sizeof(flag), "sys/class/net/%s/device/power/wakeup", p->name) < 0 ||
	    !flag[0])
		finding_unknown(f,
				"some devices wake without one; the safe test says: sudo rouse "
				"setup",
				"%s has no wakeup flag", p->name);
	else if (strcmp(flag, "enabled") == 0)
		finding_ok(f, "/sys/class/net/%s/device/power/wakeup is enabled", p->name);
	else
		finding_problem(f,
				"rouse-sleeper sets it when it arms Wake-on-LAN: systemctl restart "
				"rouse-sleeper; if it does not stay, see POWER-TOOLS",
				"/sys/class/net/%s/device/power/wakeup is %s", p->name, flag);
}

void doctor_link(const struct box *b, struct finding *f)
{
	char speed[32];

	if (!b->name[0])
		(void)port_or_say(b, f);
	else if (!b->carrier)
		finding_problem(f, "check the cable and the switch's port", "%s has no link",
				b->name);
	else if (box_read(b, speed, sizeof(speed), "sys/class/net/%s/speed", b->name) == 0 &&
		 speed[0] && speed[0] != '-')
		finding_ok(f, "%s has a link at %s Mbit/s", b->name, speed);
	else
		finding_ok(f, "%s has a link", b->name);
}

void doctor_wired(const struct box *b, struct finding *f)
{
	if (!b->name[0])
		(void)port_or_say(b, f);
	else if (b->wireless)
		finding_problem(
			f,
			"use a cable: a Wi-Fi card leaves its access point when the machine "
			"sleeps, but for few cards and drivers (WoWLAN)",
			"%s is Wi-Fi", b->name);
	else
		finding_ok(f, "%s is Ethernet by cable", b->name);
}

/* --- the MAC --- */

static bool is_a_ports(const struct box *b, const struct mac *mac)
{
	for (size_t i = 0; i < b->ports_n; i++) {
		if (b->ports[i].permanent_error == 0 && mac_equal(&b->ports[i].permanent, mac))
			return true;
	}
	return false;
}

#define FIX_MAC                                                                                 \
	"in NetworkManager: nmcli connection modify NAME 802-3-ethernet.cloned-mac-address "    \
	"permanent; in systemd.link(5): MACAddressPolicy=persistent; on a bridge: give it the " \
	"port's MAC"

void doctor_mac(const struct box *b, struct finding *f)
{
	char here[MAC_TEXT];
	char there[MAC_TEXT];
	char type[16];
	bool local = (b->mac.b[0] & 2) != 0;

	if (!b->name[0]) {
		(void)port_or_say(b, f);
		return;
	}
	(void)mac_format(&b->mac, here);
	(void)box_read(b, type, sizeof(type), "sys/class/net/%s/addr_assign_type", b->name);
	if (is_a_ports(b, &b->mac) || (strcmp(type, "0") == 0 && !local))
		finding_ok(f, "%s has its card's own MAC, %s", b->name, here);
	else if (b->ports_n && b->ports[0].permanent_error == 0)
		finding_problem(f, FIX_MAC,
				"%s has the MAC %s, its card is %s: that is the one it listens for "
				"when the machine is off, and after a boot it may be another",
				b->name, here, mac_format(&b->ports[0].permanent, there));
	else if (strcmp(type, "1") == 0)
		finding_problem(f, FIX_MAC, "%s has a random MAC, %s: another one after each boot",
				b->name, here);
	else
		finding_unknown(f,
				"compare it with the sticker on the card or board; virtual cards "
				"keep what their host gives them",
				"%s has the MAC %s%s; its card does not say its own", b->name, here,
				local ? ", which somebody made up" : "");
}

void doctor_runtime(const struct box *b, struct finding *f)
{
	const struct box_port *p = port_or_say(b, f);
	char control[16];
	char status[32];

	if (!p)
		return;
	(void)box_read(b, control, sizeof(control), "sys/class/net/%s/device/power/control",
		       p->name);
	(void)box_read(b, status, sizeof(status), "sys/class/net/%s/device/power/runtime_status",
		       p->name);
	if (!control[0])
		finding_unknown(f, "nothing to do unless it does not wake",
				"%s has no runtime power management", p->name);
	else if (strcmp(status, "suspended") == 0 && b->carrier)
		finding_problem(f, "echo on > /sys/class/net/$PORT/device/power/control",
				"%s is suspended by its driver although it has a link", p->name);
	else
		finding_ok(f, "%s: runtime power management is %s, the card is %s", p->name,
			   control, status[0] ? status : "in use");
}
