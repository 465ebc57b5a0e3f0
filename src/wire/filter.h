/*
 * filter: which frames the kernel hands to the engine, as classic BPF programs (data for SO_ATTACH_FILTER).
 *
 * The programs see a frame from its Ethernet header on; a vnet header of the packet socket is no part of it. They are a
 * first sieve and keep other hosts' traffic off the engine; the engine decodes and decides again. A frame too short for
 * what a program looks at is dropped (that is how the kernel runs them).
 */
#ifndef ROUSE_WIRE_FILTER_H
#define ROUSE_WIRE_FILTER_H

#include "base/addr.h"

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

/* What is ours on one interface. */
struct filter_ours {
	struct mac virtual_mac;
	struct mac
		own_mac; /* of the interface; differs from virtual_mac, except for filter_capture_own */
	uint16_t gate_port; /* source port of the ready gate's probes */
	uint16_t echo_id; /* of our echo requests */
	uint32_t fold_key; /* random; for filter_capture_own */
};

#define FILTER_CAPTURE_LENGTH 66 /* instructions of filter_capture */
#define FILTER_OUTGOING_LENGTH 13 /* of filter_outgoing */
/* Claims that fit into filter_capture_own's BPF_MAXINSNS (4096), whatever their families. */
#define FILTER_OWN_ADDRESSES_MAX 3202

/*
 * Everything to the virtual MAC; all ARP; neighbour discovery right behind the IPv6 header; multicast listener reports
 * (RFC 2710, 3810) behind a hop-by-hop header of 8 bytes; to our own MAC: TCP to the gate port and echo replies with our
 * id, unfragmented; DHCP that clients broadcast. Nothing with a VLAN tag, unless its VID is 0. O(1), whatever the number of machines. Returns the number of instructions, or -E2BIG beyond `size`.
 */
int filter_capture(const struct filter_ours *ours, struct sock_filter *to, size_t size);

/*
 * The same where the own MAC must do (virtual_mac is ignored): instead of a MAC, the IPv4 and IPv6 addresses that are
 * claimed, each a balanced tree. An IPv6 destination is compared by a 32-bit fold of it (filter_fold), which one stranger
 * in 2^32 shares. Any order, duplicates do not matter. -E2BIG: more than FILTER_OWN_ADDRESSES_MAX of one
 * family, or more instructions than `size` or BPF_MAXINSNS.
 */
int filter_capture_own(const struct filter_ours *ours, const struct addr *claimed, size_t n,
		       struct sock_filter *to, size_t size);

/* What the guard's own host sends or forwards to the virtual MAC (for a socket without PACKET_IGNORE_OUTGOING). */
int filter_outgoing(const struct mac *virtual_mac, struct sock_filter *to, size_t size);

/* The 32-bit digest of an IPv6 address that filter_capture_own compares; fold_key keeps strangers from choosing one. */
uint32_t filter_fold(uint32_t fold_key, const struct addr *a);

#endif
