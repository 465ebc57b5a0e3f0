/*
 * spec: what a person, a configuration file or a registration says about a machine. The shared vocabulary of
 * core, proto and the programs: plain values, their limits, their text forms.
 *
 * It refuses to know what state a machine is in, and where its description came from.
 */
#ifndef ROUSE_BASE_SPEC_H
#define ROUSE_BASE_SPEC_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPEC_NAME_MAX 63 /* bytes of a machine's name */
#define SPEC_ADDRESSES_MAX 16 /* addresses of one machine */
#define SPEC_RULES_MAX 256 /* rules of one machine, adjacent ports merged */
#define SPEC_SOURCES_MAX 32 /* entries of `from`, and of `ignore-from` */
#define SPEC_ANY_ADDRESS 0xff

enum rule_kind {
	RULE_TCP, /* a SYN without ACK */
	RULE_TCP_DATA, /* that, and 2 or more bytes of data on an established connection */
	RULE_UDP, /* a datagram */
	RULE_ECHO, /* an ICMP or ICMPv6 echo request */
	RULE_ANY, /* any SYN, any datagram (not echo) */
	RULE_KINDS
};

/* What wakes: a kind, ports `first` to `last` (0 to 65535 for kinds without), to one address or all. */
struct rule {
	uint8_t kind; /* enum rule_kind */
	uint8_t address; /* index into the spec's addresses, or SPEC_ANY_ADDRESS */
	uint16_t first;
	uint16_t last;
};

#define RULE_TEXT 24

/* "tcp/22", "tcp/8000-8010", "tcp/22+data", "udp/9987", "any", "echo", "tcp", "udp"; -EINVAL otherwise. */
int rule_parse(const char *text, struct rule *ret_rule);
char *rule_format(const struct rule *r, char to[static RULE_TEXT]);

/* A source of knocks: a prefix, or a MAC. */
struct source {
	uint8_t is_mac; /* 0 or 1: a bool of another process could hold neither */
	struct mac mac;
	struct prefix prefix;
};

int source_parse(const char *text, struct source *ret_source);
char *source_format(const struct source *s, char to[static PREFIX_TEXT]);
bool source_matches(const struct source *s, const struct mac *mac, const struct addr *addr);

/* SecureOn: 0, 4 or 6 bytes. */
struct secureon {
	uint8_t length;
	uint8_t b[6];
};

/* "01:02:03:04:05:06" or four bytes, ':' or '-'; four bytes also as a dotted quad. */
int secureon_parse(const char *text, struct secureon *ret_secureon);
#define SECUREON_TEXT 18
/* "01:02:03:04:05:06"; empty for none; returns `to`. */
char *secureon_format(const struct secureon *s, char to[static SECUREON_TEXT]);

enum spec_origin {
	SPEC_FILE, /* a section of the configuration file */
	SPEC_ADDED, /* `rouse add` */
	SPEC_REGISTERED, /* it registered itself */
	SPEC_ORIGINS
};

const char *spec_origin_name(enum spec_origin o);

struct spec {
	char name[SPEC_NAME_MAX + 1];
	uint8_t origin; /* enum spec_origin */
	struct mac mac;
	struct secureon secureon;
	uint16_t addresses_n;
	uint16_t rules_n; /* 0: any TCP port */
	uint16_t from_n;
	uint16_t ignore_n;
	uint32_t line; /* of its section, for SPEC_FILE */
	uint16_t watts; /* what it saves when it sleeps; 0: not said */
	char interface[16]; /* empty: the interface where its addresses are on link */
	struct addr addresses[SPEC_ADDRESSES_MAX];
	struct rule rules[SPEC_RULES_MAX];
	struct source from[SPEC_SOURCES_MAX];
	struct source ignore[SPEC_SOURCES_MAX];
};

/* Names: 1 to 63 bytes of valid UTF-8 without control characters, blanks at the ends, or '/'. */
bool spec_name_valid(const char *name, size_t n);
/* Adds a rule, merging it with one that touches or overlaps it; -ENOSPC beyond SPEC_RULES_MAX. */
int spec_add_rule(struct spec *s, const struct rule *r);
/* Adds an address; -EEXIST when it is there, -ENOSPC beyond the limit. */
int spec_add_address(struct spec *s, const struct addr *a);
/* For values that crossed a process boundary: counts, enums and strings are within bounds. */
bool spec_sane(const struct spec *s);
/* The same in every field; of two sane ones. */
bool spec_equal(const struct spec *a, const struct spec *b);

#endif
