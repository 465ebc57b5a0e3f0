/*
 * responder: the bare one-process responder that the guard's latency is compared with.
 *
 * It does nothing but what no wake-on-knock tool can leave out: recv on a packet socket, answer ARP for one address
 * with its own NIC's MAC, match a SYN for that address, send the magic packet. No state, no limits, no IPv6.
 *
 *	responder IFACE ADDRESS MACHINE-MAC [COUNT]
 *
 * Ends after COUNT magic packets (default: until SIGTERM) or 10 minutes.
 */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static unsigned char own[ETH_ALEN], machine[ETH_ALEN];
static struct in_addr address;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int packet_socket(const char *ifname)
{
	/* ARP, or TCP over IPv4 to the one address: as cheap as the guard's own filter. */
	const uint32_t target = ntohl(address.s_addr);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 5),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 30),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, target, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog prog = { .len = sizeof(code) / sizeof(code[0]), .filter = code };
	struct sockaddr_ll where = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	const int one = 1;
	struct ifreq req = { 0 };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0)
		die("filter");
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	where.sll_ifindex = (int)if_nametoindex(ifname);
	if (bind(fd, (struct sockaddr *)&where, sizeof(where)) < 0)
		die("bind");
	strncpy(req.ifr_name, ifname, IFNAMSIZ - 1);
	if (ioctl(fd, SIOCGIFHWADDR, &req) < 0)
		die("hwaddr");
	memcpy(own, req.ifr_hwaddr.sa_data, ETH_ALEN);
	return fd;
}

static void answer_arp(int fd, const unsigned char *frame, ssize_t length)
{
	unsigned char reply[42];

	if (length < 42 || frame[21] != 1 || memcmp(frame + 38, &address, 4) != 0)
		return;
	memcpy(reply, frame + 22, ETH_ALEN);
	memcpy(reply + 6, own, ETH_ALEN);
	memcpy(reply + 12, frame + 12, 8);
	reply[20] = 0;
	reply[21] = 2;
	memcpy(reply + 22, own, ETH_ALEN);
	memcpy(reply + 28, &address, 4);
	memcpy(reply + 32, frame + 22, 10);
	(void)!send(fd, reply, sizeof(reply), 0);
}

static int is_syn(const unsigned char *frame, ssize_t length)
{
	const ssize_t tcp = 14 + (frame[14] & 15) * 4;

	return length >= tcp + 20 && (frame[tcp + 13] & 0x12) == 0x02;
}

static void send_magic(int fd)
{
	unsigned char magic[14 + 102];

	memset(magic, 0xff, 6);
	memcpy(magic + 6, own, ETH_ALEN);
	magic[12] = 0x08;
	magic[13] = 0x42;
	memset(magic + 14, 0xff, 6);
	for (int i = 0; i < 16; i++)
		memcpy(magic + 20 + i * ETH_ALEN, machine, ETH_ALEN);
	(void)!send(fd, magic, sizeof(magic), 0);
}

int main(int argc, char **argv)
{
	unsigned char frame[2048];
	long left = argc > 4 ? atol(argv[4]) : -1;
	int fd;

	if (argc < 4 || inet_pton(AF_INET, argv[2], &address) != 1 ||
	    sscanf(argv[3], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &machine[0], &machine[1], &machine[2],
		   &machine[3], &machine[4], &machine[5]) != 6) {
		fprintf(stderr, "usage: responder IFACE ADDRESS MACHINE-MAC [COUNT]\n");
		return 2;
	}
	alarm(600);
	fd = packet_socket(argv[1]);
	printf("ready\n");
	fflush(stdout);
	while (left != 0) {
		const ssize_t length = recv(fd, frame, sizeof(frame), 0);

		if (length < 34)
			continue;
		if (frame[12] == 0x08 && frame[13] == 0x06) {
			answer_arp(fd, frame, length);
		} else if (is_syn(frame, length)) {
			send_magic(fd);
			left--;
		}
	}
	return 0;
}
