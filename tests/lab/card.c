/*
 * card: a library that gives the program Ethernet cards that know Wake-on-LAN. A card is a file CARDS/NAME, beside the library,
 * that holds the armed bits as a decimal number; the card can wake by "pg". Other ports are asked as they are.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static FILE *card(const char *name, const char *mode)
{
	char path[4096];
	const char *slash;
	Dl_info self;

	if (!dladdr((void *)card, &self))
		return NULL;
	slash = strrchr(self.dli_fname, '/');
	snprintf(path, sizeof(path), "%.*s/cards/%.16s", (int)(slash - self.dli_fname),
		 self.dli_fname, name);
	return access(path, F_OK) == 0 ? fopen(path, mode) : NULL;
}

/* 0, or -1 with errno, as ioctl() does; 1: this is no card of ours. */
static int answer(const struct ifreq *r)
{
	struct ethtool_wolinfo *w = (void *)r->ifr_data;
	FILE *f;

	if (w->cmd != ETHTOOL_GWOL && w->cmd != ETHTOOL_SWOL)
		return 1;
	f = card(r->ifr_name, w->cmd == ETHTOOL_GWOL ? "r" : "w");
	if (!f)
		return 1;
	if (w->cmd == ETHTOOL_SWOL) {
		fprintf(f, "%u\n", w->wolopts);
	} else {
		w->supported = WAKE_PHY | WAKE_MAGIC;
		if (fscanf(f, "%u", &w->wolopts) != 1)
			w->wolopts = 0;
	}
	return fclose(f);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *data;
	int r = 1;

	va_start(args, request);
	data = va_arg(args, void *);
	va_end(args);
	if (request == SIOCETHTOOL)
		r = answer(data);
	return r == 1 ? (int)syscall(SYS_ioctl, fd, request, data) : r;
}
