/*
 * lan_check: may a machine be guarded, and on which interface? Its MAC and addresses against those of this host, of the
 * gateway, and what is on link now.
 *
 * Only looks; owns nothing.
 */
#include "guard/lan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool any_on_link(const struct lan_interface *i, const struct addr *addresses, size_t n)
{
	/* Link-local addresses are on every link: they decide only when there is nothing else. */
	bool others = false;

	for (size_t k = 0; k < n; k++)
		others = others || !addr_is_link_local(&addresses[k]);
	for (size_t k = 0; k < n; k++) {
		if ((!others || !addr_is_link_local(&addresses[k])) &&
		    net_on_link(i->net, &addresses[k]))
			return true;
	}
	return n == 0;
}

uint8_t lan_slot_for(const struct lan *lan, const char *name, const struct addr *addresses,
		     size_t n)
{
	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++) {
		const struct lan_interface *i = &lan->slots[slot];

		if (i->ifindex == 0)
			continue;
		if (name[0] ? strcmp(name, i->said.name) == 0 : any_on_link(i, addresses, n))
			return slot;
	}
	return 0xff;
}

static const char *mac_fault(const struct lan *lan, const struct mac *m)
{
	if (mac_is_zero(m))
		return "is zero";
	if (mac_is_group(m))
		return "is a multicast or broadcast address, no machine's";
	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++) {
		const struct lan_interface *i = &lan->slots[slot];

		if (i->ifindex != 0 && (mac_equal(m, &i->said.own) || mac_equal(m, &i->said.claim)))
			return "is the guard's own";
	}
	return NULL;
}

static const char *address_fault(const struct lan *lan, const struct addr *a)
{
	if (addr_is_unspecified(a) || addr_is_loopback(a) || addr_is_multicast(a) ||
	    addr_is_limited_broadcast(a))
		return "is no address of a machine";
	if (net_view_owns(lan->net, a))
		return "is the guard's own";
	for (uint8_t k = 0; k < LAN_INTERFACES; k++) {
		const struct lan_interface *i = &lan->slots[k];

		if (i->ifindex == 0)
			continue;
		if (net_is_gateway(i->net, a))
			return "is the gateway's";
		if (net_is_broadcast(i->net, a))
			return "is a broadcast address";
	}
	return NULL;
}

static bool is_off(const struct lan *lan, uint8_t slot, const struct addr *a)
{
	return slot == 0xff || !net_on_link(lan->slots[slot].net, a);
}

const struct addr *lan_off_link(const struct lan *lan, const struct spec *s)
{
	uint8_t slot = lan_slot_for(lan, s->interface, s->addresses, s->addresses_n);

	for (uint16_t k = 0; k < s->addresses_n; k++) {
		if (is_off(lan, slot, &s->addresses[k]))
			return &s->addresses[k];
	}
	return NULL;
}

int lan_check(const struct lan *lan, const struct spec *s, char *text, size_t n)
{
	const char *fault = mac_fault(lan, &s->mac);
	const struct addr *off = NULL;
	char a[ADDR_TEXT];

	if (fault) {
		snprintf(text, n, "mac %s %s", mac_format(&s->mac, a), fault);
		return -EPERM;
	}
	for (uint16_t k = 0; k < s->addresses_n; k++) {
		fault = address_fault(lan, &s->addresses[k]);
		if (!fault)
			continue;
		snprintf(text, n, "address %s %s", addr_format(&s->addresses[k], a), fault);
		return -EPERM;
	}
	/* The file's machines wait for the link: at boot the guard itself may have no address yet. */
	if (s->origin != SPEC_FILE)
		off = lan_off_link(lan, s);
	if (off) {
		snprintf(text, n,
			 "address %s is on no link of the guard's: it must be of the same subnet",
			 addr_format(off, a));
		return -EPERM;
	}
	return 0;
}

uint32_t lan_faulty(const struct lan *lan, const struct spec *s)
{
	struct spec some = *s;
	uint32_t bits = 0;
	uint8_t slot;
	char text[256];

	some.addresses_n = 1;
	for (uint16_t i = 0; i < s->addresses_n; i++) {
		some.addresses[0] = s->addresses[i];
		if (lan_check(lan, &some, text, sizeof(text)) < 0)
			bits |= 1U << i;
	}
	/* Each of the others is good alone, but they may be on several links. */
	some.addresses_n = 0;
	for (uint16_t i = 0; i < s->addresses_n; i++) {
		if (!(bits >> i & 1))
			some.addresses[some.addresses_n++] = s->addresses[i];
	}
	slot = lan_slot_for(lan, s->interface, some.addresses, some.addresses_n);
	for (uint16_t i = 0; i < s->addresses_n && s->origin != SPEC_FILE; i++) {
		if (!(bits >> i & 1) && is_off(lan, slot, &s->addresses[i]))
			bits |= 1U << i;
	}
	return bits;
}
