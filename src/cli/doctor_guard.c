/*
 * doctor_guard: the checks on the guard's box: may it do its work, can claims be made on this interface, and does what it claims
 * arrive.
 */
#include "cli/doctor.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CAP_NET_RAW_BIT 13

void doctor_guard(const struct box *b, struct finding *f)
{
	const struct box_guard *g = &b->roused;

	if (g->error == 0)
		finding_ok(f, "roused answers at %s and guards %zu machine%s", b->cli->socket,
			   g->machines_total, g->machines_total == 1 ? "" : "s");
	else if (g->error == -EACCES)
		finding_unknown(
			f, "sudo rouse doctor, or join the group: sudo usermod -aG rouse $USER",
			"only root and the group rouse may ask roused");
	else
		finding_problem(
			f,
			"systemctl enable --now roused; why it ended: journalctl -u roused; "
			"what it thinks of its configuration: roused --check",
			"%s", g->problem);
}

/* Behind these only frames for the interface's own MAC arrive: as the guard itself sees it. */
static const char *one_mac_only(const struct box *b)
{
	if (b->wireless)
		return "Wi-Fi passes frames for one MAC only";
	if (strcmp(b->interface->link.kind, "macvlan") == 0 ||
	    strcmp(b->interface->link.kind, "ipvlan") == 0)
		return "a macvlan or ipvlan passes frames for one MAC only";
	return NULL;
}

static bool no_interface(const struct box *b, struct finding *f)
{
	if (b->interface)
		return false;
	finding_problem(f,
			"name it in /etc/rouse/roused.conf: [guard] interface = eth0, or here: "
			"--interface NAME",
			"no Ethernet interface with a default route was found");
	return true;
}

void doctor_interface(const struct box *b, struct finding *f)
{
	const char *kind;

	if (no_interface(b, f))
		return;
	kind = b->wireless ? "Wi-Fi" : b->interface->link.kind;
	if (!b->interface->link.ethernet)
		finding_problem(f, "name an Ethernet interface in /etc/rouse/roused.conf",
				"%s is no Ethernet interface", b->name);
	else if (!b->carrier)
		finding_problem(f, "check the cable and the switch's port", "%s has no link",
				b->name);
	else if (one_mac_only(b))
		finding_unknown(
			f,
			"prefer a cable, or the interface below; the guard then answers with "
			"its own MAC, see LAN-FORWARDING",
			"%s is %s: %s", b->name, kind, one_mac_only(b));
	else
		finding_ok(f, "%s has a link and is %s", b->name,
			   kind[0] ? kind : "ordinary Ethernet");
}

void doctor_virtual_mac(const struct box *b, struct finding *f)
{
	if (no_interface(b, f))
		return;
	if (b->roused.own_mac)
		finding_ok(f, "not used: virtual-mac = own");
	else if (one_mac_only(b))
		finding_ok(f, "not used: %s, so the guard answers with its own MAC",
			   one_mac_only(b));
	else
		finding_ok(f, "%s takes a second MAC; whether the switch does, see LAN-SWITCH",
			   b->name);
}

/* With its own MAC the guard's kernel must not forward: it would redirect and reject the clients. */
void doctor_forwarding(const struct box *b, struct finding *f)
{
	bool own = b->interface && (b->roused.own_mac || one_mac_only(b));

	if (no_interface(b, f))
		return;
	if (!own)
		finding_ok(f, "with a virtual MAC it does not matter whether this host forwards");
	else if (b->interface->forwards4 || b->interface->forwards6)
		finding_problem(
			f,
			"switch it off there (sysctl net.ipv4.conf.$PORT.forwarding=0; Docker and "
			"VPNs switch it on), or give the guard an ordinary Ethernet port",
			"the guard must use its own MAC on %s, and this host forwards %s "
			"there: it refuses to guard",
			b->name, b->interface->forwards4 ? "IPv4" : "IPv6");
	else
		finding_ok(f, "this host forwards nothing on %s", b->name);
}

/* --- power --- */

struct daemon {
	const struct box *b;
	unsigned int found, able;
};

static bool take_daemon(void *context, const char *entry)
{
	struct daemon *d = context;
	char text[2048];
	const char *line;

	if (!isdigit((unsigned char)entry[0]) ||
	    box_read(d->b, text, sizeof(text), "proc/%s/cmdline", entry) < 0 ||
	    !strstr(text, "roused"))
		return true;
	if (strstr(text, "roused:")) /* the other roles have none, and shall not */
		return true;
	if (box_read(d->b, text, sizeof(text), "proc/%s/status", entry) < 0)
		return true;
	line = strstr(text, "\nCapEff:");
	if (!line)
		return true;
	d->found++;
	d->able += (strtoull(line + 8, NULL, 16) & 1ULL << CAP_NET_RAW_BIT) != 0;
	return true;
}

void doctor_capability(const struct box *b, struct finding *f)
{
	struct daemon d = { .b = b };

	(void)box_each(b, "proc", take_daemon, &d);
	if (d.found == 0)
		finding_unknown(f, "see GUARD-RUNNING", "no process roused is seen%s",
				b->powerful ? "" : " from here");
	else if (d.able == 0)
		finding_problem(f,
				"start it as a service (systemctl start roused), or as root; the "
				"unit grants CAP_NET_RAW",
				"roused runs without CAP_NET_RAW: it can send no magic packet");
	else
		finding_ok(f, "roused has CAP_NET_RAW");
}

/* --- the port of registration --- */

void doctor_registration(const struct box *b, struct finding *f)
{
	struct dial d = { .host = "" };
	char problem[DIAL_PROBLEM];
	int fd;

	if (no_interface(b, f))
		return;
	if (b->interface->addresses_n == 0) {
		finding_problem(f, "give it one", "%s has no address", b->name);
		return;
	}
	(void)addr_format(&b->interface->addresses[0].addr, d.host);
	(void)snprintf(d.port, sizeof(d.port), "%u", b->roused.port);
	fd = dial_open(&d, 1000, 1, problem);
	if (fd < 0) {
		finding_problem(f,
				"machines cannot register or pair: is roused running, and does "
				"listen = in /etc/rouse/roused.conf name another address?",
				"%s", problem);
		return;
	}
	close(fd);
	finding_ok(f,
		   "%s port %s takes connections from here; a firewall that keeps out the LAN is "
		   "seen by rouse doctor on a machine",
		   d.host, d.port);
}

/* --- claims --- */

static size_t asleep(const struct box_guard *g, const struct box_machine **ret_one)
{
	size_t n = 0;

	for (size_t i = 0; i < g->machines_n; i++) {
		if (!g->machines[i].asleep)
			continue;
		*ret_one = &g->machines[i];
		n++;
	}
	return n;
}

void doctor_claims(const struct box *b, struct finding *f)
{
	const struct box_guard *g = &b->roused;
	const struct box_machine *one = NULL;
	size_t n = asleep(g, &one);

	if (g->error < 0)
		finding_unknown(f, "see GUARD-RUNNING", "roused did not say what it claims");
	else if (g->observes)
		finding_problem(f, "set observe = no in /etc/rouse/roused.conf",
				"the guard only observes: it claims nothing");
	else if (g->conflicted[0])
		finding_problem(
			f,
			"another host has a sleeping machine's address: see NET-LEASE on the "
			"machine, and who has that MAC",
			"%s", g->conflicted);
	else if (n > 0)
		finding_ok(f, "it answers for %zu sleeping machine%s (%s)", n, n == 1 ? "" : "s",
			   one->name);
	else if (g->machines_total == 0)
		finding_unknown(f, "add one: sudo rouse pair, then sudo rouse setup on the machine",
				"it guards no machine yet");
	else
		finding_unknown(f, "put one to sleep and look again", "no machine sleeps now");
}

void doctor_switch(const struct box *b, struct finding *f)
{
	const struct box_guard *g = &b->roused;

	if (g->error < 0)
		finding_unknown(f, "see GUARD-RUNNING", "roused did not say what arrived");
	else if (g->knocked[0])
		finding_ok(f, "clients' packets for a sleeping machine arrive: %s", g->knocked);
	else
		finding_unknown(f,
				"put a machine to sleep and connect to it from a third host: if no "
				"knock follows in rouse log, the switch's port security or ARP "
				"inspection drops the guard's second MAC: allow it, or set "
				"virtual-mac = own",
				"no packet for a sleeping machine arrived yet");
}

/* --- the neighbour table --- */

struct mismatch {
	char text[BOX_TEXT];
	size_t looked;
};

static void compare(const struct box *b, const struct box_machine *m, struct mismatch *to)
{
	struct netlink_neighbour n;
	char address[ADDR_TEXT];
	char here[MAC_TEXT];
	char there[MAC_TEXT];

	if (!m->awake || m->address.family == 0 ||
	    net_neighbour(b->net, b->interface->ifindex, &m->address, &n) < 0 ||
	    n.state == NEIGHBOUR_INCOMPLETE || n.state == NEIGHBOUR_FAILED || mac_is_zero(&n.mac))
		return;
	to->looked++;
	if (!mac_equal(&n.mac, &m->mac))
		(void)snprintf(to->text, sizeof(to->text), "%.63s is %s, but %s is at %s", m->name,
			       mac_format(&m->mac, here), addr_format(&m->address, address),
			       mac_format(&n.mac, there));
}

void doctor_neighbours(const struct box *b, struct finding *f)
{
	struct mismatch m = { .looked = 0 };

	if (b->roused.error < 0) {
		finding_unknown(f, "see GUARD-RUNNING", "roused did not say what it guards");
		return;
	}
	for (size_t i = 0; b->interface && i < b->roused.machines_n; i++)
		compare(b, &b->roused.machines[i], &m);
	if (m.text[0])
		finding_problem(
			f,
			"the address went to another host, or the machine has another MAC: see "
			"NET-LEASE and WOL-MAC there, then pair or add it anew",
			"%s", m.text);
	else if (m.looked > 0)
		finding_ok(f, "awake machines are at the MACs they are known by (%zu looked up)",
			   m.looked);
	else
		finding_unknown(f, "look again when one is awake",
				"no awake machine is in the "
				"neighbour table");
}

/* --- others --- */

static const struct discovered *another(const struct box *b)
{
	for (int i = 0; i < b->found; i++) {
		bool ours = false;

		for (size_t n = 0; n < b->guards[i].addresses_n; n++)
			ours |= net_view_owns(b->net, &b->guards[i].addresses[n]);
		if (!ours)
			return &b->guards[i];
	}
	return NULL;
}

void doctor_others(const struct box *b, struct finding *f)
{
	const struct discovered *d = another(b);
	char address[ADDR_TEXT];

	if (d)
		finding_ok(
			f,
			"another guard is on this LAN: %s at %s; for a machine that both guard the "
			"lower virtual MAC keeps the claim",
			d->name, addr_format(&d->addresses[0], address));
	else if (b->roused.yielded[0])
		finding_ok(f, "another guard has claims: %s", b->roused.yielded);
	else if (b->found < 0)
		finding_unknown(f, "nothing to do", "asking by mDNS failed: %s",
				strerror(-b->found));
	else
		finding_ok(f, "no other guard answers");
}

void doctor_relay(const struct box *b, struct finding *f)
{
	const struct box_guard *g = &b->roused;

	if (g->error < 0 || !g->relay_state[0])
		finding_unknown(f, "see GUARD-RUNNING", "roused did not say");
	else if (strcmp(g->relay_state, "none") == 0)
		finding_ok(f, "no relay is joined: machines are woken from the LAN only");
	else if (strcmp(g->relay_state, "joined") == 0)
		finding_ok(f, "connected to %s", g->relay_url);
	else
		finding_problem(
			f,
			"is it reachable from here (curl URL), is its certificate valid, is "
			"this host's clock right? what the guard says: rouse relay",
			"%s: %s: %s", g->relay_url, g->relay_state,
			g->relay_error[0] ? g->relay_error : "no reason is known");
}
