/*
 * latency: from the moment a SYN leaves the client to the moment the magic packet is at the machine's wire.
 *
 *	latency CLIENT-NETNS CLIENT-IFACE WIRE-NETNS WIRE-IFACE
 *
 * For each line "FRAME-IN-HEX MACHINE-MAC" on standard input: sends the frame from the client's interface and waits
 * (at most 1 s) for a magic packet for that MAC. Prints microseconds, or "lost". The start is taken before send(),
 * the end is the kernel's receive time stamp, so the measuring process's own wake-up does not count.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int packet_socket(const char *netns, const char *ifname, int receive)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0842, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0800, 0, 2),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 14 + 20 + 2),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 9, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, (uint32_t)(receive ? 0xffff : 0)),
	};
	const struct sock_fprog prog = { .len = 7, .filter = code };
	struct sockaddr_ll where = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	char path[256];
	const int one = 1;
	int ns, fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
		die(path);
	close(ns);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0)
		die("socket");
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one));
	where.sll_ifindex = (int)if_nametoindex(ifname);
	if (bind(fd, (struct sockaddr *)&where, sizeof(where)) < 0)
		die(ifname);
	return fd;
}

static int64_t wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The kernel's time stamp of the next magic packet for this machine within a second of `start`, or -1. */
static int64_t wait_magic(int fd, const unsigned char *mac, int64_t start)
{
	unsigned char frame[2048];
	char control[256];

	for (;;) {
		struct iovec part = { frame, sizeof(frame) };
		struct msghdr message = { .msg_iov = &part,
					  .msg_iovlen = 1,
					  .msg_control = control,
					  .msg_controllen = sizeof(control) };
		struct pollfd p = { .fd = fd, .events = POLLIN };
		const int64_t left = start + 1000000000 - wall_ns();
		struct timespec stamp;

		if (left <= 0 || poll(&p, 1, (int)(left / 1000000) + 1) <= 0)
			return -1;
		/* Raw, or in a UDP datagram to port 9. */
		size_t at = 0;
		const ssize_t n = recvmsg(fd, &message, 0);

		if (n >= 14 + 102)
			at = frame[12] == 0x08 && frame[13] == 0 ? 14 + 28 : 14;
		if (at == 0 || (size_t)n < at + 102 || memcmp(frame + at + 6, mac, ETH_ALEN) != 0)
			continue;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
			if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
				continue;
			memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
			return (int64_t)stamp.tv_sec * 1000000000 + stamp.tv_nsec;
		}
	}
}

static size_t from_hex(const char *text, unsigned char *to, size_t most)
{
	size_t n = 0;

	while (n < most && sscanf(text + 2 * n, "%2hhx", &to[n]) == 1)
		n++;
	return n;
}

int main(int argc, char **argv)
{
	char hex[4096], mac_text[64];
	unsigned char frame[1600], mac[ETH_ALEN], drain[2048];
	int out, wire;

	if (argc != 5)
		return 2;
	out = packet_socket(argv[1], argv[2], 0);
	wire = packet_socket(argv[3], argv[4], 1);
	printf("ready\n");
	fflush(stdout);
	while (scanf("%4095s %63s", hex, mac_text) == 2) {
		const size_t n = from_hex(hex, frame, sizeof(frame));
		int64_t start, end;

		if (sscanf(mac_text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2],
			   &mac[3], &mac[4], &mac[5]) != 6)
			return 2;
		while (recv(wire, drain, sizeof(drain), MSG_DONTWAIT) > 0)
			;
		start = wall_ns();
		if (send(out, frame, n, 0) < 0)
			die("send");
		end = wait_magic(wire, mac, start);
		if (end < 0)
			printf("lost\n");
		else
			printf("%.1f\n", (double)(end - start) / 1000);
		fflush(stdout);
	}
	return 0;
}
