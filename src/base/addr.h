/*
 * addr: MAC addresses, IP addresses of both families, prefixes; their text forms and their classes.
 *
 * Values only: nothing here knows which addresses exist, or asks the system. The C library's
 * inet_pton and inet_ntop are not used because wire and core must link without it.
 */
#ifndef ROUSE_BASE_ADDR_H
#define ROUSE_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mac {
	uint8_t b[6];
};

#define MAC_TEXT 18 /* "aa:bb:cc:dd:ee:ff" and NUL */
#define ADDR_TEXT 46 /* longest IPv6 text and NUL, as INET6_ADDRSTRLEN */
#define PREFIX_TEXT (ADDR_TEXT + 4)

extern const struct mac MAC_BROADCAST;
extern const struct mac MAC_ZERO;

bool mac_equal(const struct mac *a, const struct mac *b);
int mac_compare(const struct mac *a, const struct mac *b);
bool mac_is_zero(const struct mac *m);
/* Group bit set: multicast or broadcast. */
bool mac_is_group(const struct mac *m);
/* "aa:bb:cc:dd:ee:ff" or all with '-', either case; -EINVAL otherwise. */
int mac_parse(const char *text, struct mac *ret_mac);
/* Lower case with ':'; returns `to`. */
char *mac_format(const struct mac *m, char to[static MAC_TEXT]);

/* An IP address; IPv4 in the first four bytes, the rest zero, so that equality is one memcmp. */
struct addr {
	uint8_t family; /* 0 none, 4, 6 */
	uint8_t b[16];
};

#define ADDR_NONE ((struct addr){ 0 })

struct addr addr_v4(const uint8_t b[static 4]);
struct addr addr_v6(const uint8_t b[static 16]);
size_t addr_size(const struct addr *a); /* 4, 16, or 0 for none */
bool addr_equal(const struct addr *a, const struct addr *b);
/* For values that crossed a process boundary: a known family, and zeros where equality looks but the family does not. */
bool addr_sane(const struct addr *a);
/* "192.0.2.1" or any RFC 4291 text form without zone; -EINVAL otherwise. */
int addr_parse(const char *text, struct addr *ret_addr);
/* RFC 5952 form; "-" for none; returns `to`. */
char *addr_format(const struct addr *a, char to[static ADDR_TEXT]);

bool addr_is_unspecified(const struct addr *a);
bool addr_is_loopback(const struct addr *a);
bool addr_is_multicast(const struct addr *a);
bool addr_is_limited_broadcast(const struct addr *a);
bool addr_is_link_local(const struct addr *a);
/* The solicited-node multicast address (RFC 4291, 2.7.1) of an IPv6 address. */
struct addr addr_solicited_node(const struct addr *a);
/* The group MAC that carries an IPv6 multicast address (RFC 2464, 7). */
struct mac addr_group_mac(const struct addr *group);

struct prefix {
	struct addr addr;
	uint8_t length;
};

/* "192.0.2.0/24", "2001:db8::/64", or a bare address (full length). Host bits may be set: they are cleared. */
int prefix_parse(const char *text, struct prefix *ret_prefix);
bool prefix_contains(const struct prefix *p, const struct addr *a);
char *prefix_format(const struct prefix *p, char to[static PREFIX_TEXT]);

#endif
