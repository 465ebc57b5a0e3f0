/*
 * ethtool: what a port's driver says about itself and Wake-on-LAN (ethtool(8)'s requests by ioctl), as plain values.
 *
 * Owns nothing: the caller's socket (ethtool_open) carries the requests. Refuses to know which port of a bridge, bond or VLAN
 * matters, and what should be armed.
 */
#ifndef ROUSE_SYS_ETHTOOL_H
#define ROUSE_SYS_ETHTOOL_H

#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>

/* What wakes a machine: the bits of WAKE_* in linux/ethtool.h, and their letters in ethtool(8). */
enum {
	ETHTOOL_WAKE_PHY = 1 << 0, /* p: link change */
	ETHTOOL_WAKE_UNICAST = 1 << 1, /* u: any frame to its MAC: wakes for everything */
	ETHTOOL_WAKE_MULTICAST = 1 << 2, /* m */
	ETHTOOL_WAKE_BROADCAST = 1 << 3, /* b: any broadcast: wakes for everything */
	ETHTOOL_WAKE_ARP = 1 << 4, /* a */
	ETHTOOL_WAKE_MAGIC = 1 << 5, /* g: a magic packet */
	ETHTOOL_WAKE_SECURE = 1 << 6, /* s: SecureOn */
	ETHTOOL_WAKE_FILTER = 1 << 7, /* f */
};

struct ethtool_wol {
	uint32_t supported; /* ETHTOOL_WAKE_... */
	uint32_t armed;
	uint8_t password[6]; /* of SecureOn, when that is armed and we may see it */
};

struct ethtool_driver {
	char name[32]; /* "r8169" */
	char firmware[32]; /* empty: not said */
	char bus[32]; /* "0000:02:00.0" */
};

/* A socket that any of these takes; close(2) it. Negative errno. */
int ethtool_open(void);

/*
 * Negative errno: -EOPNOTSUPP the driver knows no Wake-on-LAN; -ENODEV no such port; -EPERM needs CAP_NET_ADMIN (kernels
 * differ for the first: most let anybody ask only from 6.x on).
 */
int ethtool_wol_get(int fd, const char *port, struct ethtool_wol *ret);
/* Arms exactly these; keeps a SecureOn password that is set. Needs CAP_NET_ADMIN; -EINVAL or -EOPNOTSUPP: it cannot do that. */
int ethtool_wol_set(int fd, const char *port, uint32_t armed);
/* The MAC of the hardware, whatever is set now. -EOPNOTSUPP, also where there is none (all zero). */
int ethtool_permanent_mac(int fd, const char *port, struct mac *ret);
int ethtool_driver(int fd, const char *port, struct ethtool_driver *ret);

/* The bits in ethtool(8)'s letters, "pg"; "d" for none. */
#define ETHTOOL_WAKE_TEXT 10
char *ethtool_wake_text(uint32_t bits, char to[static ETHTOOL_WAKE_TEXT]);

#endif
