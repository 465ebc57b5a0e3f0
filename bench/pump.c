/*
 * pump: floods of the lab, bounded in rate and time. Prints "FRAMES SECONDS".
 *
 *	pump IFACE arp TARGET RATE SECONDS        broadcast ARP requests for TARGET, senders vary
 *	pump IFACE syn TARGET DST-MAC PORT COUNT  one SYN from each of COUNT different IPv6 or IPv4 sources
 *	pump IFACE udp TARGET DST-MAC RATE SECONDS  60-byte UDP datagrams to port 7777
 *	pump IFACE out TARGET DST-MAC RATE SECONDS  the same through the queue, where taps see them
 *	pump IFACE junk DST-MAC COUNT             frames with random bytes behind plausible headers
 *
 * It sends to whatever interface it is given: only ever run in a namespace of the lab.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, FRAME = 256 };

static unsigned char frames[BATCH][FRAME];
static size_t lengths[BATCH];
static unsigned char own[ETH_ALEN];
static uint32_t dice = 2463534242u;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint32_t roll(void)
{
	dice ^= dice << 13;
	dice ^= dice >> 17;
	dice ^= dice << 5;
	return dice;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int packet_socket(const char *ifname, int bypass)
{
	struct sockaddr_ll where = { .sll_family = AF_PACKET };
	struct ifreq req = { 0 };
	const int size = 4 << 20;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	strncpy(req.ifr_name, ifname, IFNAMSIZ - 1);
	if (ioctl(fd, SIOCGIFHWADDR, &req) < 0)
		die(ifname);
	memcpy(own, req.ifr_hwaddr.sa_data, ETH_ALEN);
	where.sll_ifindex = (int)if_nametoindex(ifname);
	if (bind(fd, (struct sockaddr *)&where, sizeof(where)) < 0)
		die("bind");
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &bypass, sizeof(bypass));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return fd;
}

static void parse_mac(const char *text, unsigned char *to)
{
	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &to[0], &to[1], &to[2], &to[3], &to[4],
		   &to[5]) != 6) {
		fprintf(stderr, "not a MAC: %s\n", text);
		exit(2);
	}
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint32_t sum16(const unsigned char *at, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)(at[i] << 8 | at[i + 1]);
	return n & 1 ? sum + (uint32_t)(at[n - 1] << 8) : sum;
}

static void put16(unsigned char *at, uint16_t v)
{
	at[0] = (unsigned char)(v >> 8);
	at[1] = (unsigned char)v;
}

static void ether(unsigned char *f, const unsigned char *dst, uint16_t type)
{
	memcpy(f, dst, ETH_ALEN);
	memcpy(f + 6, own, ETH_ALEN);
	put16(f + 12, type);
}

/* Header of either family; returns its end. n counts the sources. */
static unsigned char *ip_header(unsigned char *f, const char *target, uint8_t proto,
				uint16_t payload, uint32_t n)
{
	if (strchr(target, ':')) {
		memset(f + 14, 0, 40);
		f[14] = 0x60;
		put16(f + 18, payload);
		f[20] = proto;
		f[21] = 64;
		inet_pton(AF_INET6, "2001:db8::1:0:0", f + 22);
		put16(f + 34, (uint16_t)(n >> 16));
		put16(f + 36, (uint16_t)(n + 1));
		inet_pton(AF_INET6, target, f + 38);
		return f + 54;
	}
	memset(f + 14, 0, 20);
	f[14] = 0x45;
	put16(f + 16, (uint16_t)(20 + payload));
	f[22] = 64;
	f[23] = proto;
	inet_pton(AF_INET, n & 1 ? "198.51.100.1" : "203.0.113.1", f + 26);
	f[29] = (unsigned char)(1 + (n >> 1) % 254);
	inet_pton(AF_INET, target, f + 30);
	put16(f + 24, fold(sum16(f + 14, 20)));
	return f + 34;
}

static size_t finish_l4(unsigned char *f, unsigned char *l4, size_t n, size_t check, uint8_t proto)
{
	const int six = f[12] == 0x86;
	uint32_t sum = sum16(six ? f + 22 : f + 26, six ? 32 : 8) + proto + (uint32_t)n +
		       sum16(l4, n);

	put16(l4 + check, fold(sum));
	return (size_t)(l4 - f) + n;
}

static size_t make_syn(unsigned char *f, const char *target, const unsigned char *dst,
		       uint16_t port, uint32_t n)
{
	unsigned char *l4;

	ether(f, dst, strchr(target, ':') ? ETH_P_IPV6 : ETH_P_IP);
	l4 = ip_header(f, target, IPPROTO_TCP, 20, n);
	memset(l4, 0, 20);
	put16(l4, (uint16_t)(20000 + n / 508));
	put16(l4 + 2, port);
	put16(l4 + 6, (uint16_t)n);
	l4[12] = 0x50;
	l4[13] = 2;
	put16(l4 + 14, 64240);
	return finish_l4(f, l4, 20, 16, IPPROTO_TCP);
}

static size_t make_udp(unsigned char *f, const char *target, const unsigned char *dst)
{
	unsigned char *l4;

	ether(f, dst, strchr(target, ':') ? ETH_P_IPV6 : ETH_P_IP);
	l4 = ip_header(f, target, IPPROTO_UDP, 26, 0);
	memset(l4, 0, 26);
	put16(l4, 7776);
	put16(l4 + 2, 7777);
	put16(l4 + 4, 26);
	return finish_l4(f, l4, 26, 6, IPPROTO_UDP);
}

static size_t make_arp(unsigned char *f, const char *target, uint32_t n)
{
	static const unsigned char head[] = { 0, 1, 8, 0, 6, 4, 0, 1 };

	memset(f, 0xff, ETH_ALEN);
	ether(f, f, ETH_P_ARP);
	memcpy(f + 14, head, sizeof(head));
	memcpy(f + 22, own, ETH_ALEN);
	inet_pton(AF_INET, "192.0.2.1", f + 28);
	f[31] = (unsigned char)(100 + n % 100);
	memset(f + 32, 0, ETH_ALEN);
	inet_pton(AF_INET, target, f + 38);
	return 42;
}

static size_t make_junk(unsigned char *f, const unsigned char *dst)
{
	static const uint16_t types[] = { ETH_P_IP,    ETH_P_IPV6, ETH_P_ARP,
					  ETH_P_8021Q, 0x0842,	   0x88b5 };
	const uint16_t type = types[roll() % 6];
	const size_t n = 14 + roll() % (FRAME - 14);

	ether(f, dst, type);
	for (size_t i = 14; i < n; i++)
		f[i] = (unsigned char)roll();
	if (n > 60 && roll() % 4) {
		static const unsigned char protos[] = { 6, 17, 1, 58, 0, 43, 44, 60 };

		f[type == ETH_P_IPV6 ? 20 : 23] = protos[roll() % 8];
		f[14] = (unsigned char)(type == ETH_P_IPV6 ? 0x60 : 0x40 | (5 + roll() % 4));
		if (type == ETH_P_IP)
			inet_pton(AF_INET, "192.0.2.50", f + 30);
		if (type == ETH_P_IPV6)
			inet_pton(AF_INET6, "2001:db8::50", f + 38);
	}
	return n < 60 ? 60 : n;
}

static void send_batch(int fd, unsigned n)
{
	struct mmsghdr messages[BATCH] = { 0 };
	struct iovec parts[BATCH];
	unsigned done = 0;

	for (unsigned i = 0; i < n; i++) {
		parts[i] = (struct iovec){ frames[i], lengths[i] };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (done < n) {
		const int r = sendmmsg(fd, messages + done, n - done, 0);

		if (r <= 0)
			return;
		done += (unsigned)r;
	}
}

/* Sends what fill() makes until `count` frames or the time is over, at `rate` a second (0: as fast as it goes). */
static void run(int fd, uint64_t count, uint64_t rate, double seconds,
		size_t (*fill)(unsigned char *, uint32_t))
{
	const uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9);
	uint64_t sent = 0;

	while (sent < count && now_ns() < end) {
		const unsigned n = (unsigned)(count - sent < BATCH ? count - sent : BATCH);

		for (unsigned i = 0; i < n; i++)
			lengths[i] = fill(frames[i], (uint32_t)(sent + i));
		send_batch(fd, n);
		sent += n;
		while (rate && (now_ns() - start) * rate / 1000000000u < sent)
			usleep(100);
	}
	printf("%llu %.6f\n", (unsigned long long)sent, (double)(now_ns() - start) / 1e9);
}

static const char *target;
static unsigned char dst[ETH_ALEN];
static uint16_t port;

static size_t fill_arp(unsigned char *f, uint32_t n)
{
	return make_arp(f, target, n);
}
static size_t fill_syn(unsigned char *f, uint32_t n)
{
	return make_syn(f, target, dst, port, n);
}
static size_t fill_junk(unsigned char *f, uint32_t n)
{
	(void)n;
	return make_junk(f, dst);
}
static size_t fill_udp(unsigned char *f, uint32_t n)
{
	/* All the same: made once, so that the rate is the network's and not this program's. */
	return n < BATCH ? make_udp(f, target, dst) : lengths[n % BATCH];
}

int main(int argc, char **argv)
{
	int fd;

	if (argc < 5)
		return 2;
	alarm(300);
	fd = packet_socket(argv[1], strcmp(argv[2], "out") != 0);
	target = argv[3];
	if (strcmp(argv[2], "arp") == 0 && argc == 6) {
		run(fd, UINT64_MAX, strtoul(argv[4], NULL, 10), atof(argv[5]), fill_arp);
	} else if (strcmp(argv[2], "syn") == 0 && argc == 7) {
		parse_mac(argv[4], dst);
		port = (uint16_t)atoi(argv[5]);
		run(fd, strtoul(argv[6], NULL, 10), 0, 60, fill_syn);
	} else if ((strcmp(argv[2], "udp") == 0 || strcmp(argv[2], "out") == 0) && argc == 7) {
		parse_mac(argv[4], dst);
		run(fd, UINT64_MAX, strtoul(argv[5], NULL, 10), atof(argv[6]), fill_udp);
	} else if (strcmp(argv[2], "junk") == 0 && argc == 5) {
		parse_mac(argv[3], dst);
		run(fd, strtoul(argv[4], NULL, 10), 0, 60, fill_junk);
	} else {
		return 2;
	}
	return 0;
}
