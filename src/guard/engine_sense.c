/*
 * engine_sense: bytes of the LAN -> frame -> evidence for the core. It decides nothing: to the core an ARP request and
 * a neighbour solicitation are the same thing, and so are their answers.
 */
#include "guard/engine.h"

#include "wire/arp.h"
#include "wire/frame.h"
#include "wire/l4.h"

struct sight {
	struct engine *engine;
	const struct ipc_interface *on;
	const struct frame *frame;
	struct moment now;
};

static void hear(const struct sight *s, struct heard x)
{
	x.interface = s->on->index;
	x.mac = s->frame->src;
	if (addr_is_unspecified(&x.addr))
		x.addr = ADDR_NONE;
	else if (x.addr.family && x.claims)
		engine_verify_heard(s->engine, &x.addr, &x.said, s->now);
	engine_lease_heard(s->engine, &x.addr, &x.said, s->now);
	home_heard(s->engine->home, &x, s->now);
}

static void sense_arp(const struct sight *s)
{
	const struct frame_arp *a = &s->frame->arp;
	bool probe = addr_is_unspecified(&a->spa);
	bool reply = a->op == ARP_REPLY;
	bool to_us = reply && mac_equal(&s->frame->dst, &s->on->own) &&
		     mac_equal(&a->tha, &s->on->own);
	/* Our announcement is a request too: a NIC that answers for its machine answers that. */
	bool to_claim = reply && mac_equal(&s->frame->dst, &s->on->claim);

	hear(s, (struct heard){ .said = a->sha,
				.addr = a->spa,
				.answer = to_us,
				.lasting = to_us,
				.claims = !probe,
				.must = !to_us && !to_claim });
	if (a->op == ARP_REQUEST && !addr_equal(&a->spa, &a->tpa))
		home_solicit(s->engine->home,
			     &(struct solicit){ .interface = s->on->index,
						.target = a->tpa,
						.asker_mac = s->frame->src,
						.asker_said = a->sha,
						.asker = a->spa },
			     s->now);
}

static void sense_solicitation(const struct sight *s)
{
	const struct frame *f = s->frame;
	struct mac said = f->nd.has_link ? f->nd.link : f->src;

	hear(s, (struct heard){ .said = said,
				.addr = f->ip_src,
				.claims = !addr_is_unspecified(&f->ip_src),
				.must = true });
	home_solicit(s->engine->home,
		     &(struct solicit){ .interface = s->on->index,
					.target = f->nd.target,
					.asker_mac = f->src,
					.asker_said = said,
					.asker = f->ip_src },
		     s->now);
}

static void sense_advertisement(const struct sight *s)
{
	const struct frame *f = s->frame;
	bool answer = f->nd.solicited && mac_equal(&f->dst, &s->on->own);

	hear(s, (struct heard){ .said = f->nd.has_link ? f->nd.link : f->src,
				.addr = f->nd.target,
				.answer = answer,
				.lasting = answer && f->nd.override,
				.claims = true,
				.must = !answer });
}

/* Something the machine sent that says no more than that it lives. */
static void sense_life(const struct sight *s)
{
	hear(s, (struct heard){ .said = s->frame->src, .must = true });
}

static enum knock_kind knock_of(const struct frame *f)
{
	if (f->kind == FRAME_UDP)
		return KNOCK_UDP;
	if (f->kind == FRAME_ECHO_REQUEST)
		return KNOCK_ECHO;
	if (f->kind != FRAME_TCP || (f->tcp_flags & (TCP_RST | TCP_FIN)))
		return KNOCK_NONE;
	if (f->tcp_flags & TCP_SYN)
		return f->tcp_flags & TCP_ACK ? KNOCK_NONE : KNOCK_TCP;
	return f->tcp_flags & TCP_ACK && f->payload_length > 0 ? KNOCK_TCP_DATA : KNOCK_NONE;
}

static bool is_probe_answer(const struct sight *s)
{
	const struct frame *f = s->frame;

	if (!mac_equal(&f->dst, &s->on->own))
		return false;
	if (f->kind == FRAME_ECHO_REPLY)
		return f->echo_id == s->on->echo_id;
	return f->kind == FRAME_TCP && f->dst_port == s->on->gate_port &&
	       ((f->tcp_flags & TCP_RST) ||
		(f->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK));
}

static void hear_port(const struct sight *s, uint16_t port, bool open)
{
	const struct addr *from = &s->frame->ip_src;

	home_port_answer(s->engine->home, s->on->index, from, port, open, s->now);
	engine_relay_port_answer(s->engine, s->on->index, from, port, open, s->now);
}

/* The address alone says little: a router passes on what somebody far away wrote into a packet. */
static bool from_its_machine(const struct sight *s)
{
	const struct machine *m = home_by_address(s->engine->home, s->on->index, &s->frame->ip_src);

	return m && mac_equal(machine_mac(m), &s->frame->src);
}

static void sense_probe_answer(const struct sight *s)
{
	const struct frame *f = s->frame;

	sense_life(s);
	if (!from_its_machine(s))
		return;
	if (f->kind == FRAME_ECHO_REPLY)
		home_echo_answer(s->engine->home, s->on->index, &f->ip_src, s->now);
	else
		hear_port(s, f->src_port, !(f->tcp_flags & TCP_RST));
}

/* An IP packet for the virtual MAC; `local` when this host sent it. */
static void sense_packet(const struct sight *s, struct packet_frame *raw, bool local)
{
	const struct frame *f = s->frame;
	uint8_t *l3 = raw->bytes + f->l3_at;
	struct packet p = {
		.interface = s->on->index,
		.local = local,
		.dropped = raw->truncated || f->more_fragments,
		.knock = (uint8_t)knock_of(f),
		.src_mac = f->src,
		.src = f->ip_src,
		.dst = f->ip_dst,
		.src_port = f->src_port,
		.dst_port = f->dst_port,
		.payload_length = f->payload_length,
		.bytes = l3,
		.length = f->l3_length,
	};

	/* A sender on this host or in a guest leaves the checksum to hardware that is not there; a large (GSO) packet keeps
	 * its partial one, because it is sent on with the header it came with. */
	if (raw->partial_checksum && !raw->large && l4_finish_checksum(l3, f->l3_length) < 0)
		p.dropped = true;
	s->engine->current = raw;
	s->engine->current_packet = l3;
	/* A knock comes first: somebody waits for what follows from it. */
	home_packet(s->engine->home, &p, s->now);
	s->engine->current = NULL;
	s->engine->current_packet = NULL;
	if (!local)
		sense_life(s);
}

static void sense_frame(const struct sight *s, struct packet_frame *raw)
{
	const struct frame *f = s->frame;

	switch ((enum frame_kind)f->kind) {
	case FRAME_ARP:
		sense_arp(s);
		return;
	case FRAME_NS:
		sense_solicitation(s);
		return;
	case FRAME_NA:
		sense_advertisement(s);
		return;
	case FRAME_ND_OTHER:
		sense_life(s);
		return;
	case FRAME_TCP:
	case FRAME_UDP:
	case FRAME_ECHO_REQUEST:
	case FRAME_ECHO_REPLY:
	case FRAME_FRAGMENT:
	case FRAME_OTHER:
		break;
	case FRAME_KINDS:
		return;
	}
	if (is_probe_answer(s))
		sense_probe_answer(s);
	else if (f->l3_length > 0 && mac_equal(&f->dst, &s->on->claim))
		sense_packet(s, raw, false);
	else
		sense_life(s);
}

/* What this host sends is evidence of nothing but a wish: only packets to the virtual MAC count. */
static void sense_own_frame(const struct sight *s, struct packet_frame *raw)
{
	if (s->frame->l3_length > 0 && mac_equal(&s->frame->dst, &s->on->claim))
		sense_packet(s, raw, true);
}

void engine_sense(struct engine *e, struct engine_interface *i, bool tap, struct packet_frame *raw,
		  struct moment now)
{
	struct frame f;

	/* A tag that is not priority alone belongs to the VLAN's own interface. */
	if (raw->vlan != 0 || frame_decode(raw->bytes, raw->length, &f) < 0 || f.tagged)
		return;

	struct sight s = { .engine = e, .on = &i->said, .frame = &f, .now = now };
	bool own = mac_equal(&f.src, &i->said.own) || mac_equal(&f.src, &i->said.claim);

	if (tap)
		sense_own_frame(&s, raw);
	else if (!own)
		sense_frame(&s, raw);
}
