#include "sys/ethtool.h"

#include <errno.h>
#include <string.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

_Static_assert(ETHTOOL_WAKE_MAGIC == WAKE_MAGIC && ETHTOOL_WAKE_FILTER == WAKE_FILTER &&
		       ETHTOOL_WAKE_PHY == WAKE_PHY,
	       "the kernel's own bits");

static int open_socket(int family)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	return fd;
}

int ethtool_open(void)
{
	int fd = open_socket(AF_INET);

	/* A machine without IPv4: any family's socket carries the request. */
	return fd == -EAFNOSUPPORT ? open_socket(AF_INET6) : fd;
}

/* The kernel reads and writes the request at `data`. */
static int request(int fd, const char *port, void *data)
{
	struct ifreq r = { .ifr_data = data };
	size_t n = strlen(port);

	if (n == 0 || n >= sizeof(r.ifr_name))
		return -ENODEV;
	memcpy(r.ifr_name, port, n);
	return ioctl(fd, SIOCETHTOOL, &r) < 0 ? -errno : 0;
}

int ethtool_wol_get(int fd, const char *port, struct ethtool_wol *ret)
{
	struct ethtool_wolinfo w = { .cmd = ETHTOOL_GWOL };
	int error = request(fd, port, &w);

	if (error < 0)
		return error;
	*ret = (struct ethtool_wol){ .supported = w.supported, .armed = w.wolopts };
	_Static_assert(sizeof(ret->password) == sizeof(w.sopass), "SecureOn has six bytes");
	if (w.wolopts & WAKE_MAGICSECURE)
		memcpy(ret->password, w.sopass, sizeof(w.sopass));
	return 0;
}

int ethtool_wol_set(int fd, const char *port, uint32_t armed)
{
	struct ethtool_wolinfo w = { .cmd = ETHTOOL_GWOL };
	int error = request(fd, port, &w);

	if (error < 0)
		return error;
	w.cmd = ETHTOOL_SWOL;
	w.wolopts = armed;
	return request(fd, port, &w);
}

int ethtool_permanent_mac(int fd, const char *port, struct mac *ret)
{
	union {
		struct ethtool_perm_addr a;
		uint8_t room[sizeof(struct ethtool_perm_addr) + 32];
	} p = { .a = { .cmd = ETHTOOL_GPERMADDR, .size = 32 } };
	struct mac mac;
	int error = request(fd, port, &p);

	if (error < 0)
		return error;
	if (p.a.size != sizeof(mac.b))
		return -EOPNOTSUPP;
	memcpy(mac.b, p.a.data, sizeof(mac.b));
	if (mac_is_zero(&mac))
		return -EOPNOTSUPP;
	*ret = mac;
	return 0;
}

/* The driver's strings may lack their NUL. */
static void take_text(char to[static 32], const char *from)
{
	memcpy(to, from, 31);
	to[31] = 0;
}

int ethtool_driver(int fd, const char *port, struct ethtool_driver *ret)
{
	struct ethtool_drvinfo d = { .cmd = ETHTOOL_GDRVINFO };
	int error = request(fd, port, &d);

	if (error < 0)
		return error;
	take_text(ret->name, d.driver);
	take_text(ret->firmware, d.fw_version);
	take_text(ret->bus, d.bus_info);
	return 0;
}

char *ethtool_wake_text(uint32_t bits, char to[static ETHTOOL_WAKE_TEXT])
{
	static const char letters[] = "pumbagsf";
	size_t n = 0;

	for (size_t i = 0; i < sizeof(letters) - 1; i++) {
		if (bits & (1U << i))
			to[n++] = letters[i];
	}
	if (n == 0)
		to[n++] = 'd';
	to[n] = 0;
	return to;
}
