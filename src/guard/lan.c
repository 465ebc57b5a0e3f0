#include "guard/lan.h"

#include "base/hash.h"
#include "sys/entropy.h"
#include "sys/log.h"
#include "sys/packet.h"
#include "sys/reserve.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_BUFFER (1U << 20) /* bytes; the kernel's limit may be lower */

/* Guards know each other by these first three bytes of their virtual MACs: the lower one keeps a claim. */
static const uint8_t guard_prefix[3] = { 0x0a, 0x72, 0x6f };

/* Stable across restarts, different for each NIC. */
static struct mac derive_claim_mac(const struct mac *own)
{
	static const struct hash_key fixed = { { 0x726f757365, 0x6775617264 } };
	uint64_t h = hash_bytes(&fixed, own->b, sizeof(own->b));

	return (struct mac){ { guard_prefix[0], guard_prefix[1], guard_prefix[2],
			       (uint8_t)(h >> 16), (uint8_t)(h >> 8), (uint8_t)h } };
}

/* Behind these only frames for the interface's own MAC arrive. */
static const char *only_one_mac(const struct net_interface *n)
{
	if (n->wireless)
		return "Wi-Fi passes frames for one MAC only";
	if (strcmp(n->link.kind, "macvlan") == 0 || strcmp(n->link.kind, "ipvlan") == 0)
		return "a macvlan or ipvlan passes frames for one MAC only";
	return NULL;
}

struct mac_choice {
	bool is_virtual;
	struct mac mac;
};

/* Which MAC claims are made with; -EPERM and the reason in i->refused when there is no good one. */
static int choose_mac(const struct lan *lan, struct lan_interface *i, struct mac_choice *ret_choice)
{
	const struct config_mac *wanted = &lan->config->virtual_mac;
	const struct net_interface *n = i->net;
	const char *one = only_one_mac(n);

	if (wanted->kind == VIRTUAL_MAC_GIVEN) {
		*ret_choice = (struct mac_choice){ true, wanted->mac };
		return 0;
	}
	if (wanted->kind == VIRTUAL_MAC_AUTO && !one) {
		*ret_choice = (struct mac_choice){ true, derive_claim_mac(&n->link.mac) };
		return 0;
	}
	if (n->forwards4 || n->forwards6) {
		snprintf(i->refused, sizeof(i->refused),
			 "%s, and this host forwards %s there: its kernel would redirect and "
			 "reject the clients",
			 one ? one : "virtual-mac = own", n->forwards4 ? "IPv4" : "IPv6");
		return -EPERM;
	}
	*ret_choice = (struct mac_choice){ false, n->link.mac };
	return 0;
}

static void warn_own_mac(const struct lan_interface *i)
{
	const char *one = only_one_mac(i->net);

	log_warning("%s: claims are made with its own MAC%s%s; forwarding must stay off there, "
		    "clients that know both "
		    "machines see one MAC for two addresses, and each claimed address costs a "
		    "little per packet",
		    i->said.name, one ? ": " : "", one ? one : " (virtual-mac = own)");
}

static int open_sockets(const struct lan *lan, struct lan_interface *i,
			const struct ipc_interface *said)
{
	struct sock_filter *code;
	int r = lan_make_filter(lan, i, said, &code);

	if (r >= 0)
		r = packet_open(i->net->ifindex, code, (size_t)r, 0, RECEIVE_BUFFER,
				&i->receive_fd);
	free(code);
	if (r < 0)
		return r;
	r = packet_open(i->net->ifindex, NULL, 0, PACKET_SEND_ONLY, 0, &i->send_fd);
	if (r >= 0 && said->virtual_mac)
		r = packet_accept(i->receive_fd, i->net->ifindex, &said->claim);
	return r;
}

static void close_sockets(struct lan_interface *i)
{
	if (i->receive_fd >= 0)
		close(i->receive_fd);
	if (i->send_fd >= 0)
		close(i->send_fd);
	i->receive_fd = -1;
	i->send_fd = -1;
}

/*
 * A voice has one peer, UDP port 9 of this one LAN, or none: an observer's, or one without an IPv4 address, is mute. It
 * never listens. Failures do not matter: the raw frames come from the monitor in any case.
 */
static void tune_voice(const struct lan *lan, const struct lan_interface *i)
{
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	const struct sockaddr_in everybody = { .sin_family = AF_INET,
					       .sin_port = htons(9),
					       .sin_addr = { htonl(INADDR_BROADCAST) } };
	const int one = 1;

	(void)connect(i->voice_fd, &nobody, sizeof(nobody));
	if (i->ifindex == 0 || !i->said.has4 || lan->config->observe)
		return;
	if (setsockopt(i->voice_fd, SOL_SOCKET, SO_BINDTODEVICE, i->said.name,
		       sizeof(i->said.name)) == 0 &&
	    setsockopt(i->voice_fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)) == 0)
		(void)connect(i->voice_fd, (const struct sockaddr *)&everybody, sizeof(everybody));
}

/* Nobody can say anything to it: its one peer is a broadcast address, which sends nothing. */
static int open_voice(struct lan_interface *i)
{
	const int least = 1;

	i->voice_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (i->voice_fd < 0)
		return -errno;
	(void)setsockopt(i->voice_fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
	return 0;
}

static void stop_serving(struct lan *lan, struct lan_interface *i)
{
	if (i->ifindex == 0)
		return;
	group_forget(lan->groups, i->ifindex);
	lan_forget_claims(i);
	close_sockets(i);
	i->ifindex = 0;
	i->net = NULL;
}

static bool has_family(const struct net_interface *n, uint8_t family)
{
	for (size_t k = 0; k < n->addresses_n; k++) {
		if (n->addresses[k].addr.family == family && !n->addresses[k].tentative)
			return true;
	}
	return false;
}

/* What is to be said of an interface that is there. */
static struct ipc_interface describe(const struct lan *lan, const struct lan_interface *i,
				     const struct mac_choice *choice)
{
	struct ipc_interface said = i->said;

	said.present = true;
	said.up = i->net->link.up && i->net->link.carrier;
	said.virtual_mac = choice->is_virtual;
	said.own = i->net->link.mac;
	said.claim = choice->mac;
	said.has4 = has_family(i->net, 4);
	said.has6 = has_family(i->net, 6);
	said.gate_port = lan->gate_port;
	said.echo_id = lan->echo_id;
	return said;
}

/* Serves an interface, or goes on serving it: true when new sockets were opened. */
static bool serve(struct lan *lan, struct lan_interface *i, struct ipc_interface *ret_said)
{
	struct mac_choice choice;
	int r;

	if (!i->net->link.ethernet) {
		snprintf(i->refused, sizeof(i->refused), "it is no Ethernet interface");
		return false;
	}
	if (choose_mac(lan, i, &choice) < 0)
		return false;
	*ret_said = describe(lan, i, &choice);
	if (i->ifindex == i->net->ifindex && mac_equal(&ret_said->own, &i->said.own) &&
	    mac_equal(&ret_said->claim, &i->said.claim))
		return false;
	const struct net_interface *net = i->net;

	stop_serving(lan, i);
	i->net = net;
	r = open_sockets(lan, i, ret_said);
	if (r < 0) {
		close_sockets(i);
		i->net = NULL;
		snprintf(i->refused, sizeof(i->refused), "cannot open a packet socket: %s",
			 strerror(-r));
		return false;
	}
	i->ifindex = net->ifindex;
	if (!ret_said->virtual_mac)
		warn_own_mac(i);
	return true;
}

/* Which addresses of ours can be used there, in any order. */
static uint64_t hash_addresses(const struct net_interface *n)
{
	static const struct hash_key fixed = { { 1, 2 } };
	uint64_t all = 0;

	for (size_t k = 0; n && k < n->addresses_n; k++) {
		if (!n->addresses[k].tentative)
			all += hash_bytes(&fixed, &n->addresses[k].addr,
					  sizeof(n->addresses[k].addr));
	}
	return all;
}

static void say_change(const struct ipc_interface *before, const struct ipc_interface *now,
		       bool readdressed, const char *refused)
{
	if (*refused)
		log_error("%s: not served: %s", now->name, refused);
	else if (!now->present)
		log_warning("%s: is not there%s", now->name,
			    before->present ? " any more" : "; waiting for it");
	else if (!before->present || before->up != now->up)
		log_notice("%s: link is %s", now->name, now->up ? "up" : "down");
	if (now->present && before->present && readdressed)
		log_notice("%s: addresses changed (%s)", now->name,
			   now->has4 && now->has6 ? "IPv4 and IPv6"
			   : now->has4		  ? "IPv4 only"
			   : now->has6		  ? "IPv6 only"
						  : "none: nothing can be asked there");
}

/* Compares what is with what was said, and says the difference. */
static void update_slot(struct lan *lan, uint8_t slot, bool first)
{
	struct lan_interface *i = &lan->slots[slot];
	struct ipc_interface said = { .index = slot };
	const struct net_interface *net = i->wanted ? net_by_name(lan->net, i->said.name) : NULL;
	uint64_t addresses = hash_addresses(net);
	char refused_before[sizeof(i->refused)];
	bool new_socket = false;
	bool readdressed;
	bool changed;

	if (i->said.name[0] == 0)
		return;
	memcpy(said.name, i->said.name, sizeof(said.name));
	memcpy(refused_before, i->refused, sizeof(refused_before));
	i->refused[0] = 0;
	/* The interface went, or one of that name came in its place. */
	if (i->ifindex != 0 && (!net || net->ifindex != i->ifindex))
		stop_serving(lan, i);
	i->net = net;
	if (net)
		new_socket = serve(lan, i, &said);
	if (net && (i->refused[0] || i->ifindex == 0)) {
		stop_serving(lan, i);
		said.present = false;
	}
	readdressed = addresses != i->addresses;
	changed = first || new_socket || readdressed ||
		  memcmp(&said, &i->said, sizeof(said)) != 0 ||
		  strcmp(refused_before, i->refused) != 0;
	if (!changed)
		return;
	say_change(&i->said, &said, readdressed, i->refused);
	i->addresses = addresses;
	i->said = said;
	tune_voice(lan, i);
	if (lan->changed)
		lan->changed(lan->context, slot, new_socket);
}

/* The slot of that name, or a free one; NULL when all are taken. */
static struct lan_interface *slot_named(struct lan *lan, const char *name)
{
	struct lan_interface *unused = NULL;

	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++) {
		struct lan_interface *i = &lan->slots[slot];

		if (strcmp(i->said.name, name) == 0)
			return i;
		if (!unused && i->said.name[0] == 0)
			unused = i;
	}
	return unused;
}

static void want(struct lan *lan, const char *name)
{
	struct lan_interface *i = slot_named(lan, name);

	if (!i) {
		log_error("%s: not served: more than %d interfaces", name, LAN_INTERFACES);
		return;
	}
	i->wanted = true;
	if (i->said.name[0] == 0)
		snprintf(i->said.name, sizeof(i->said.name), "%s", name);
}

/* Without a default route, as while DHCP renews it, what is served already goes on being served. */
static void want_default(struct lan *lan)
{
	const struct net_interface *n = net_default(lan->net);
	bool any = false;

	if (n) {
		want(lan, n->link.name);
		return;
	}
	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++) {
		struct lan_interface *i = &lan->slots[slot];

		i->wanted = i->wanted || i->ifindex != 0;
		any = any || i->wanted;
	}
	if (!any)
		log_error(
			"no interface to serve yet: there is no default route; waiting for one, or "
			"name an interface with `interface =` in the configuration or "
			"--interface");
}

static void want_configured(struct lan *lan)
{
	const struct config_interfaces *c = &lan->config->interfaces;

	for (uint16_t k = 0; k < c->n; k++)
		want(lan, c->names[k]);
	if (c->n == 0)
		want_default(lan);
}

static bool wants_any(const struct lan *lan)
{
	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++) {
		if (lan->slots[slot].wanted)
			return true;
	}
	return false;
}

static void host_changed(void *context)
{
	struct lan *lan = context;

	/* DHCP can be later than the guard. A route that moves later changes nothing. */
	if (!wants_any(lan) && net_default(lan->net))
		want_configured(lan);
	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++)
		update_slot(lan, slot, false);
}

int lan_init(struct lan *lan, struct loop *loop, const struct config *config,
	     void (*changed)(void *context, uint8_t slot, bool new_socket), void *context)
{
	int r;

	memset(lan, 0, sizeof(*lan));
	lan->config = config;
	lan->gate_fd = -1;
	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++) {
		lan->slots[slot].receive_fd = -1;
		lan->slots[slot].send_fd = -1;
		lan->slots[slot].said.index = slot;
		r = open_voice(&lan->slots[slot]);
		if (r < 0)
			return r;
	}
	lan->echo_id = (uint16_t)entropy_u32();
	lan->fold_key = entropy_u32();
	entropy_bytes(&lan->claims_key, sizeof(lan->claims_key));
	r = reserve_port(&lan->gate_port, &lan->gate_fd);
	if (r < 0)
		return r;
	r = group_set_new(&lan->groups);
	if (r < 0)
		return r;
	r = loop_deferred_init(&lan->refilter, loop, lan_refilter, lan);
	if (r < 0)
		return r;
	r = net_view_new(loop, host_changed, lan, &lan->net);
	if (r < 0)
		return r;
	want_configured(lan);
	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++)
		update_slot(lan, slot, true);
	lan->changed = changed;
	lan->context = context;
	return 0;
}

void lan_done(struct lan *lan)
{
	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++) {
		if (lan->groups)
			stop_serving(lan, &lan->slots[slot]);
		lan_forget_claims(&lan->slots[slot]);
		free(lan->slots[slot].claims.buckets);
		if (lan->slots[slot].voice_fd > 0)
			close(lan->slots[slot].voice_fd);
	}
	loop_deferred_done(&lan->refilter);
	net_view_free(lan->net);
	group_set_free(lan->groups);
	if (lan->gate_fd >= 0)
		close(lan->gate_fd);
	memset(lan, 0, sizeof(*lan));
	lan->gate_fd = -1;
}

void lan_reconfigure(struct lan *lan, const struct config *config)
{
	lan->config = config;
	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++)
		lan->slots[slot].wanted = false;
	want_configured(lan);
	host_changed(lan);
	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++) {
		struct lan_interface *i = &lan->slots[slot];

		tune_voice(lan, i);
		if (!i->wanted)
			memset(i->said.name, 0, sizeof(i->said.name));
	}
}

const struct lan_interface *lan_sending(const struct lan *lan, uint8_t slot)
{
	const struct lan_interface *i = slot < LAN_INTERFACES ? &lan->slots[slot] : NULL;

	return i && i->ifindex != 0 && i->said.up ? i : NULL;
}
