#include "guard/transmit.h"

#include "sys/entropy.h"
#include "sys/packet.h"
#include "wire/arp.h"
#include "wire/ether.h"
#include "wire/l4.h"
#include "wire/ndp.h"
#include "wire/wol.h"

#include <assert.h>
#include <string.h>

#define FRAME_ROOM 256 /* the largest of our own frames, a neighbour advertisement, is 86 bytes */

static const struct addr all_nodes = { .family = 6, .b = { 0xff, 0x02, [15] = 1 } };

/* One request, with everything that was looked up for it. */
struct request {
	const struct lan_interface *on;
	const struct listing *machine; /* NULL when none was named */
	const struct ipc_lan *lan;
	struct writer w;
	uint8_t frame[FRAME_ROOM];
};

/* Our own address to speak from to `to`; NULL: none of that family. */
static const struct addr *own_address(const struct lan_interface *on, const struct addr *to)
{
	const struct netlink_address *a = net_source_for(on->net, to);

	return a ? &a->addr : NULL;
}

static enum transmit_verdict send_frame(const struct lan_interface *on, const uint8_t *frame,
					size_t n)
{
	return packet_send(on->send_fd, NULL, frame, n, NULL, 0) < 0 ? TRANSMIT_NOT_NOW
								     : TRANSMIT_SENT;
}

static enum transmit_verdict finish(struct request *r)
{
	if (r->w.failed)
		return TRANSMIT_FORBIDDEN;
	return send_frame(r->on, r->w.start, r->w.used);
}

/* `addr` is at `mac`, said to everybody, or to one host alone. */
static void encode_claim(struct request *r, const struct mac *mac, const struct mac *to,
			 const struct addr *to_addr, bool solicited)
{
	const struct addr *addr = &r->lan->addr;
	bool ours = mac_equal(mac, &r->on->said.claim);
	const struct mac *from = ours ? &r->on->said.claim : &r->on->said.own;

	if (addr->family == 4) {
		struct frame_arp arp = solicited ? arp_reply(mac, addr, to, to_addr)
						 : arp_announcement(mac, addr);

		arp_encode(&r->w, to, from, &arp);
		return;
	}
	/* To a host that probes (DAD) the advertisement goes to all nodes, in a frame to that host alone. */
	bool to_all = !to_addr || addr_is_unspecified(to_addr);
	const struct addr *own = own_address(r->on, addr);
	struct mac group = addr_group_mac(&all_nodes);
	struct envelope e = {
		.eth_dst = mac_equal(to, &MAC_BROADCAST) ? group : *to,
		.eth_src = *from,
		.ip_src = ours || !own ? *addr : *own,
		.ip_dst = to_all ? all_nodes : *to_addr,
	};

	ndp_encode_na(&r->w, &e,
		      &(struct frame_nd){ .target = *addr,
					  .has_link = true,
					  .link = *mac,
					  .solicited = solicited && !to_all,
					  .override = true });
}

/* The machine of a request that must name one: permitted() refused those that do not. */
static const struct listing *machine_of(const struct request *r)
{
	assert(r->machine);
	return r->machine;
}

/* The MAC that a request may speak for: the virtual one, or the machine's own. */
static const struct mac *claim_mac(const struct request *r)
{
	const struct mac *own = &machine_of(r)->mac;

	if (mac_is_zero(&r->lan->mac))
		return &r->on->said.claim;
	return mac_equal(&r->lan->mac, own) ? own : NULL;
}

static enum transmit_verdict do_answer(struct request *r)
{
	encode_claim(r, &r->on->said.claim, &r->lan->peer_mac, &r->lan->peer, true);
	return finish(r);
}

static enum transmit_verdict do_announce(struct request *r)
{
	const struct mac *mac = claim_mac(r);

	if (!mac)
		return TRANSMIT_FORBIDDEN;
	encode_claim(r, mac, &MAC_BROADCAST, NULL, false);
	return finish(r);
}

static enum transmit_verdict do_repoint(struct request *r)
{
	const struct mac *mac = claim_mac(r);

	if (!mac || mac_is_group(&r->lan->peer_mac))
		return TRANSMIT_FORBIDDEN;
	encode_claim(r, mac, &r->lan->peer_mac, &r->lan->peer, false);
	return finish(r);
}

static enum transmit_verdict do_solicit(struct request *r)
{
	const struct addr *to = &r->lan->addr;
	const struct addr *own = own_address(r->on, to);
	bool everybody = mac_is_zero(&r->lan->mac);

	/* Asked by registration of addresses that are no machine's yet; what is off link is not to be found here. */
	if (!own || !net_on_link(r->on->net, to))
		return TRANSMIT_NOT_NOW;
	if (to->family == 4) {
		struct frame_arp arp = arp_request(&r->on->said.own, own, to);

		arp_encode(&r->w, everybody ? &MAC_BROADCAST : &r->lan->mac, &r->on->said.own,
			   &arp);
		return finish(r);
	}
	/* Always to the group, also in a frame for the machine alone: to a unicast solicitation Linux answers without
	 * Override, and only Override tells a lasting address from an optimistic one. */
	struct addr group = addr_solicited_node(to);
	struct envelope e = {
		.eth_dst = everybody ? addr_group_mac(&group) : r->lan->mac,
		.eth_src = r->on->said.own,
		.ip_src = *own,
		.ip_dst = group,
	};

	ndp_encode_ns(&r->w, &e,
		      &(struct frame_nd){
			      .target = *to, .has_link = true, .link = r->on->said.own });
	return finish(r);
}

static enum transmit_verdict do_probe(struct request *r, bool port)
{
	const struct addr *own = own_address(r->on, &r->lan->addr);
	uint32_t random = entropy_u32();

	if (!own)
		return TRANSMIT_NOT_NOW;
	struct envelope e = { .eth_dst = machine_of(r)->mac,
			      .eth_src = r->on->said.own,
			      .ip_src = *own,
			      .ip_dst = r->lan->addr };

	if (port)
		tcp_encode_syn(&r->w, &e, r->on->said.gate_port, r->lan->port, random);
	else
		echo_encode_request(&r->w, &e, r->on->said.echo_id, (uint16_t)random);
	return finish(r);
}

static enum transmit_verdict do_refresh(struct request *r)
{
	refresh_encode(&r->w, &r->on->said.claim, &r->on->said.own);
	return finish(r);
}

/* What each request must name before it is looked at. */
static const struct rule_of_request {
	bool machine; /* a guarded machine, on this interface */
	bool address; /* one of its addresses, and never ours or the gateway's */
} rules[IPC_KINDS] = {
	[IPC_ANSWER] = { true, true },	   [IPC_ANNOUNCE] = { true, true },
	[IPC_REPOINT] = { true, true },	   [IPC_PROBE_PORT] = { true, true },
	[IPC_PROBE_ECHO] = { true, true }, [IPC_WAKE] = { true, false },
};

static bool speaks_for(const struct lan_interface *on, const struct listing *machine,
		       const struct addr *a)
{
	return listing_has(machine, a) && !net_owns(on->net, a) && !net_is_gateway(on->net, a);
}

static bool permitted(const struct request *r, uint32_t kind)
{
	if (rules[kind].machine && !r->machine)
		return false;
	return !rules[kind].address || speaks_for(r->on, r->machine, &r->lan->addr);
}

enum transmit_verdict transmit_lan(const struct lan *lan, const struct directory *d,
				   const struct ipc_message *m)
{
	struct request r = { .lan = &m->lan };

	r.on = lan_sending(lan, m->lan.interface);
	r.machine = m->lan.machine ? directory_find(d, m->lan.machine) : NULL;
	r.w = writer_over(r.frame, sizeof(r.frame));
	if (!r.on || lan->config->observe)
		return TRANSMIT_NOT_NOW;
	if (!permitted(&r, m->kind))
		return TRANSMIT_FORBIDDEN;
	/* On another LAN the address may be another host's; it may have moved while this was on its way. */
	if (rules[m->kind].address && r.machine && r.machine->interface != m->lan.interface)
		return TRANSMIT_NOT_NOW;
	switch (m->kind) {
	case IPC_ANSWER:
		return do_answer(&r);
	case IPC_ANNOUNCE:
		return do_announce(&r);
	case IPC_REPOINT:
		return do_repoint(&r);
	case IPC_SOLICIT:
		return do_solicit(&r);
	case IPC_PROBE_PORT:
		return do_probe(&r, true);
	case IPC_PROBE_ECHO:
		return do_probe(&r, false);
	case IPC_REFRESH:
		return do_refresh(&r);
	case IPC_WAKE:
		return transmit_magic(lan, machine_of(&r));
	default:
		return TRANSMIT_FORBIDDEN;
	}
}

/* Where an IP packet goes; family 0: it is none. */
static struct addr destination(const uint8_t *packet, size_t n)
{
	if (n >= 20 && packet[0] >> 4 == 4)
		return addr_v4(packet + 16);
	if (n >= 40 && packet[0] >> 4 == 6)
		return addr_v6(packet + 24);
	return ADDR_NONE;
}

enum transmit_verdict transmit_packet(const struct lan *lan, const struct directory *d,
				      const struct ipc_message *m)
{
	const struct lan_interface *on = lan_sending(lan, m->send.interface);
	const struct listing *machine = directory_find(d, m->send.machine);
	uint8_t head[14];
	struct writer w = writer_over(head, sizeof(head));
	const uint8_t *packet = ipc_packet(m);
	struct addr to = destination(packet, m->send.length);

	if (!on || lan->config->observe)
		return TRANSMIT_NOT_NOW;
	if (!machine || !speaks_for(on, machine, &to))
		return TRANSMIT_FORBIDDEN;
	if (machine->interface != m->send.interface)
		return TRANSMIT_NOT_NOW;
	/* From our own MAC, never the client's: the answer would go to the wrong port of the switch. */
	(void)ether_begin(&w, &machine->mac, &on->said.own, to.family == 6 ? 0x86dd : 0x0800);
	return packet_send(on->send_fd, m->send.large ? m->send.vnet : NULL, head, w.used, packet,
			   m->send.length) < 0
		       ? TRANSMIT_NOT_NOW
		       : TRANSMIT_SENT;
}

static enum transmit_verdict send_raw_magic(const struct lan_interface *on, const struct listing *l,
					    const struct mac *to)
{
	uint8_t frame[FRAME_ROOM];
	struct writer w = writer_over(frame, sizeof(frame));

	wol_encode(&w, to, &on->said.own, &l->mac, &l->secureon);
	return w.failed ? TRANSMIT_FORBIDDEN : send_frame(on, frame, w.used);
}

/* To the limited broadcast address, from an address of ours: some NICs and some helpers only look at UDP. */
static void send_udp_magic(const struct lan_interface *on, const struct listing *l)
{
	static const struct addr everybody = { .family = 4, .b = { 255, 255, 255, 255 } };
	const struct addr *own = own_address(on, &everybody);
	uint8_t frame[FRAME_ROOM];
	struct writer w = writer_over(frame, sizeof(frame));
	struct mac group = addr_group_mac(&all_nodes);
	struct envelope e = { .eth_dst = MAC_BROADCAST,
			      .eth_src = on->said.own,
			      .ip_dst = everybody };

	if (!own) {
		own = own_address(on, &all_nodes);
		if (!own)
			return;
		e.eth_dst = group;
		e.ip_dst = all_nodes;
	}
	e.ip_src = *own;
	wol_encode_udp(&w, &e, &l->mac, &l->secureon);
	if (!w.failed)
		(void)send_frame(on, frame, w.used);
}

enum transmit_verdict transmit_magic(const struct lan *lan, const struct listing *l)
{
	const struct lan_interface *on = lan_sending(lan, l->interface);
	enum transmit_verdict verdict;

	if (!on || lan->config->observe)
		return TRANSMIT_NOT_NOW;
	verdict = send_raw_magic(on, l, &l->mac);
	if (send_raw_magic(on, l, &MAC_BROADCAST) == TRANSMIT_SENT)
		verdict = TRANSMIT_SENT;
	send_udp_magic(on, l);
	return verdict;
}
