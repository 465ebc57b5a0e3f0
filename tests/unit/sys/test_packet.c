/*
 * packet: frames over a veth pair ("v0" - "v1") in a network namespace of the test's own.
 */
#include "lab.h"

#include "sys/packet.h"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>

#define OURS 0x88b5 /* local experimental EtherType */

static const struct sock_filter only_ours[] = {
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OURS, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0x40000),
	BPF_STMT(BPF_RET | BPF_K, 0),
};
static const struct sock_filter only_ip[] = {
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0x40000),
	BPF_STMT(BPF_RET | BPF_K, 0),
};
static const struct sock_filter nothing[] = { BPF_STMT(BPF_RET | BPF_K, 0) };

#define ONLY_OURS only_ours, sizeof(only_ours) / sizeof(only_ours[0])
#define ONLY_IP only_ip, sizeof(only_ip) / sizeof(only_ip[0])

static const struct mac virtual_mac = { { 0x0a, 0x72, 0x6f, 1, 2, 3 } };

static int v0, v1;

static int setup(void **state)
{
	(void)state;
	if (!lab_enter())
		return 0;
	v0 = 0;
	/* No IPv6: its own frames would be in the way. */
	if (system("sysctl -qw net.ipv6.conf.default.disable_ipv6=1; "
		   "ip link add v0 type veth peer name v1 && ip link set v0 up && "
		   "ip link set v1 up") != 0 ||
	    !lab_links_ready("v[01]"))
		return -1;
	v0 = (int)if_nametoindex("v0");
	v1 = (int)if_nametoindex("v1");
	return 0;
}

#define NEEDS_LAB()                                                                              \
	do {                                                                                     \
		if (geteuid() != 0 || v0 == 0) {                                                 \
			print_message("skipped: needs root, network namespaces and iproute2\n"); \
			skip();                                                                  \
		}                                                                                \
	} while (0)

static void frame_to(uint8_t *frame, const struct mac *to, uint16_t type)
{
	memcpy(frame, to->b, 6);
	memcpy(frame + 6, "\x0a\0\0\0\0\1", 6);
	frame[12] = (uint8_t)(type >> 8);
	frame[13] = (uint8_t)type;
}

static int sender(const char *interface)
{
	int fd = -1;

	assert_int_equal(packet_open((int)if_nametoindex(interface), NULL, 0, PACKET_SEND_ONLY, 0,
				     &fd),
			 0);
	return fd;
}

static void send_plain(int fd, uint16_t type, size_t n)
{
	uint8_t *frame = calloc(1, n);

	frame_to(frame, &virtual_mac, type);
	frame[n - 1] = 0x5a;
	assert_int_equal(packet_send(fd, NULL, frame, 14, frame + 14, n - 14), 0);
	free(frame);
}

static int receive(struct packet_batch *b, int fd, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	poll(&p, 1, wait_ms);
	return packet_batch_receive(b, fd);
}

static struct packet_batch *batch_of(size_t frames, size_t size)
{
	struct packet_batch *b;

	assert_int_equal(packet_batch_new(frames, size, &b), 0);
	return b;
}

static void test_frames(void **state)
{
	struct packet_batch *b = batch_of(4, 2000);
	struct packet_frame f;
	struct packet_counts counts;
	int fd, from;

	(void)state;
	NEEDS_LAB();
	from = sender("v0");
	assert_int_equal(packet_open(v1, ONLY_OURS, 0, 0, &fd), 0);
	assert_int_equal(packet_batch_receive(b, fd), 0);
	for (size_t i = 0; i < 6; i++)
		send_plain(from, OURS, 60 + i);
	send_plain(from, 0x1234, 60);
	assert_int_equal(receive(b, fd, 1000), 4);
	packet_batch_frame(b, 3, &f);
	assert_int_equal(f.length, 63);
	assert_int_equal(f.original, 63);
	assert_memory_equal(f.bytes, virtual_mac.b, 6);
	assert_int_equal(f.bytes[62], 0x5a);
	assert_int_equal(f.way, PACKET_TO_OTHER);
	assert_false(f.truncated || f.partial_checksum || f.tagged || f.large);
	/* A socket for sending has nothing to receive. */
	send_plain(fd, OURS, 60);
	assert_int_equal(receive(b, from, 20), 0);
	/* Slots are used again. */
	assert_int_equal(receive(b, fd, 1000), 2);
	packet_batch_frame(b, 1, &f);
	assert_int_equal(f.length, 65);
	assert_int_equal(receive(b, fd, 0), 0);
	assert_int_equal(packet_counts(fd, &counts), 0);
	assert_int_equal(counts.received, 6);
	assert_int_equal(counts.dropped, 0);
	packet_batch_free(b);
	close(fd);
	close(from);
}

static void test_truncated(void **state)
{
	struct packet_batch *b = batch_of(1, 100);
	struct packet_frame f;
	int fd, from;

	(void)state;
	NEEDS_LAB();
	from = sender("v0");
	assert_int_equal(packet_open(v1, ONLY_OURS, 0, 0, &fd), 0);
	send_plain(from, OURS, 1000);
	assert_int_equal(receive(b, fd, 1000), 1);
	packet_batch_frame(b, 0, &f);
	assert_int_equal(f.length, 100);
	assert_int_equal(f.original, 1000);
	assert_true(f.truncated);
	packet_batch_free(b);
	close(fd);
	close(from);
}

static _Noreturn void flood(void)
{
	uint8_t frame[60] = { 0 };
	int fd = sender("v0");

	frame_to(frame, &virtual_mac, 0x1234);
	for (;;)
		packet_send(fd, NULL, frame, sizeof(frame), NULL, 0);
}

/* Never a frame that the filter does not want, however busy the link while the socket opens. */
static void test_no_unfiltered_frame(void **state)
{
	struct packet_batch *b = batch_of(8, 2000);
	int frames = 0, seen = 0, fd;
	struct packet_frame f;
	pid_t child;

	(void)state;
	NEEDS_LAB();
	child = fork();
	if (child == 0)
		flood();
	for (int i = 0; i < 300; i++) {
		assert_int_equal(packet_open(v1, ONLY_OURS, 0, 0, &fd), 0);
		usleep(100);
		frames += packet_batch_receive(b, fd);
		close(fd);
	}
	/* The flood was really there. */
	assert_int_equal(packet_open(v1, (const struct sock_filter[]){ { BPF_RET, 0, 0, 60 } }, 1,
				     0, 0, &fd),
			 0);
	for (int i = 0; i < 50 && !seen; i++)
		seen = receive(b, fd, 100);
	packet_batch_frame(b, 0, &f);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_true(seen > 0);
	assert_int_equal(f.bytes[12], 0x12);
	assert_int_equal(frames, 0);
	close(fd);
	packet_batch_free(b);
}

static void test_outgoing(void **state)
{
	struct packet_batch *b = batch_of(4, 2000);
	struct packet_frame f;
	int deaf, tap, from;

	(void)state;
	NEEDS_LAB();
	from = sender("v0");
	assert_int_equal(packet_open(v0, ONLY_OURS, 0, 0, &deaf), 0);
	assert_int_equal(packet_open(v0, ONLY_OURS, PACKET_SEE_OUTGOING, 0, &tap), 0);
	send_plain(from, OURS, 60);
	assert_int_equal(receive(b, tap, 1000), 1);
	packet_batch_frame(b, 0, &f);
	assert_int_equal(f.way, PACKET_FROM_US);
	assert_int_equal(receive(b, deaf, 20), 0);
	packet_batch_free(b);
	close(deaf);
	close(tap);
	close(from);
}

/* A tag that arrives in the bytes, as from any switch, is taken out of them by the kernel. */
static void test_tagged(void **state)
{
	struct packet_batch *b = batch_of(4, 2000);
	uint8_t frame[64] = { 0 };
	struct packet_frame f;
	int fd, from;

	(void)state;
	NEEDS_LAB();
	from = sender("v0");
	assert_int_equal(packet_open(v1, ONLY_OURS, 0, 0, &fd), 0);
	frame_to(frame, &virtual_mac, ETH_P_8021Q);
	frame[14] = 0xe0; /* priority 7 */
	frame[15] = 5;
	frame[16] = OURS >> 8;
	frame[17] = OURS & 0xff;
	assert_int_equal(packet_send(from, NULL, frame, sizeof(frame), NULL, 0), 0);
	assert_int_equal(receive(b, fd, 1000), 1);
	packet_batch_frame(b, 0, &f);
	assert_true(f.tagged);
	assert_int_equal(f.vlan, 5);
	assert_int_equal(f.length, sizeof(frame) - 4);
	assert_int_equal(f.bytes[12] << 8 | f.bytes[13], OURS);
	packet_batch_free(b);
	close(fd);
	close(from);
}

static void test_filters(void **state)
{
	struct packet_batch *b = batch_of(4, 2000);
	int fd, from;

	(void)state;
	NEEDS_LAB();
	from = sender("v0");
	assert_int_equal(packet_open(v1, nothing, 1, 0, 0, &fd), 0);
	send_plain(from, OURS, 60);
	assert_int_equal(receive(b, fd, 20), 0);
	assert_int_equal(packet_set_filter(fd, ONLY_OURS), 0);
	send_plain(from, OURS, 60);
	assert_int_equal(receive(b, fd, 1000), 1);
	assert_int_equal(packet_set_filter(fd, NULL, 0), -EINVAL);
	close(fd);
	assert_int_equal(packet_open(v1, ONLY_OURS, PACKET_LOCK, 0, &fd), 0);
	assert_int_equal(packet_set_filter(fd, nothing, 1), -EPERM);
	close(fd);
	/* A program that does not end in a return is refused, and nothing is left open. */
	assert_int_equal(packet_open(v1, only_ours, 1, 0, 0, &fd), -EINVAL);
	packet_batch_free(b);
	close(from);
}

/* A TCP segment of n bytes of data over IPv4; checksums: IP finished, TCP over the pseudo-header.
 */
static void tcp_frame(uint8_t *f, size_t n)
{
	uint16_t total = (uint16_t)(40 + n);
	uint32_t sum = 0;
	static const uint8_t ip[20] = { 0x45, 0, 0,   0, 0, 1, 0,   0, 64, 6,
					0,    0, 192, 0, 2, 1, 192, 0, 2,  2 };

	frame_to(f, &virtual_mac, ETH_P_IP);
	memcpy(f + 14, ip, 20);
	f[16] = (uint8_t)(total >> 8);
	f[17] = (uint8_t)total;
	for (size_t i = 0; i < 20; i += 2)
		sum += (uint32_t)f[14 + i] << 8 | f[15 + i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	f[24] = (uint8_t)(sum >> 8);
	f[25] = (uint8_t)sum;
	memset(f + 34, 0, 20);
	f[35] = 80, f[37] = 22, f[46] = 0x50, f[47] = 0x10;
	/* 192.0.2.1 + 192.0.2.2 + protocol + length */
	sum = 0xc000 + 0x0201 + 0xc000 + 0x0202 + 6 + 20 + (uint32_t)n;
	sum = (sum & 0xffff) + (sum >> 16);
	f[50] = (uint8_t)(sum >> 8);
	f[51] = (uint8_t)sum;
	for (size_t i = 0; i < n; i++)
		f[54 + i] = (uint8_t)i;
}

static bool tcp_checksum_good(const uint8_t *f, size_t length)
{
	size_t n = length - 34;
	uint32_t sum = 6 + (uint32_t)n;

	for (size_t i = 26; i < 34; i += 2)
		sum += (uint32_t)f[i] << 8 | f[i + 1];
	for (size_t i = 34; i < length; i += 2)
		sum += (uint32_t)f[i] << 8 | (i + 1 < length ? f[i + 1] : 0);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* A large frame as GRO or a local sender makes it: received whole, sent on, cut by the kernel. */
static void test_large(void **state)
{
	struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				    .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
				    .hdr_len = 54,
				    .gso_size = 1000,
				    .csum_start = 34,
				    .csum_offset = 16 };
	struct packet_batch *b = batch_of(8, 65600), *back = batch_of(8, 65600);
	uint8_t frame[54 + 4000], vnet[PACKET_VNET];
	struct packet_frame f, g;
	int a, c, out;
	size_t data = 0;

	(void)state;
	NEEDS_LAB();
	tcp_frame(frame, 4000);
	memcpy(vnet, &h, sizeof(h));
	out = sender("v0");
	assert_int_equal(packet_open(v1, ONLY_IP, 0, 0, &a), 0);
	assert_int_equal(packet_open(v0, ONLY_IP, 0, 0, &c), 0);
	assert_int_equal(packet_send(out, NULL, frame, 14, frame + 14, sizeof(frame) - 14),
			 -EMSGSIZE);
	assert_int_equal(packet_send(out, vnet, frame, 14, frame + 14, sizeof(frame) - 14), 0);
	assert_int_equal(receive(b, a, 1000), 1);
	packet_batch_frame(b, 0, &f);
	assert_true(f.large && f.partial_checksum && !f.truncated);
	assert_int_equal(f.length, sizeof(frame));
	assert_false(tcp_checksum_good(f.bytes, f.length));

	/* Sent on as it came. */
	assert_int_equal(packet_send(a, f.vnet, f.bytes, 14, f.bytes + 14, f.length - 14), 0);
	assert_int_equal(receive(back, c, 1000), 1);
	packet_batch_frame(back, 0, &g);
	assert_int_equal(g.length, sizeof(frame));

	/*
	 * Without offload, and with a checksum that is nonsense: the kernel computes it anew. (A
	 * veth takes large frames, so what is there is the sum over the pseudo-header again; a NIC
	 * without that gets segments.)
	 */
	memcpy(frame, f.bytes, sizeof(frame));
	frame[50] = frame[51] = 0xee;
	packet_vnet_plain(f.vnet, vnet);
	assert_int_equal(packet_send(a, vnet, frame, 54, frame + 54, sizeof(frame) - 54), 0);
	for (int n = receive(back, c, 1000), i = 0; i < n; i++) {
		packet_batch_frame(back, (size_t)i, &g);
		if (g.partial_checksum)
			assert_memory_equal(g.bytes + 50, f.bytes + 50, 2);
		else
			assert_true(tcp_checksum_good(g.bytes, g.length));
		data += g.length - 54;
	}
	assert_int_equal(data, 4000);
	packet_batch_free(b);
	packet_batch_free(back);
	close(a);
	close(c);
	close(out);
}

static void test_membership(void **state)
{
	const char *listed = "bridge fdb show dev v1 | grep -q 0a:72:6f:01:02:03";
	int fd;

	(void)state;
	NEEDS_LAB();
	assert_int_equal(packet_open(v1, nothing, 1, 0, 0, &fd), 0);
	assert_int_equal(packet_accept(fd, v1, &virtual_mac), 0);
	lab_run(listed);
	assert_int_equal(packet_reject(fd, v1, &virtual_mac), 0);
	assert_true(system(listed) != 0);
	assert_int_equal(packet_accept(fd, v1, &virtual_mac), 0);
	assert_int_equal(packet_accept(fd, 9999, &virtual_mac), -ENODEV);
	/* Ends with the socket: nothing outlives a kill. */
	close(fd);
	assert_true(system(listed) != 0);
}

static void test_link_down_and_gone(void **state)
{
	struct packet_batch *b = batch_of(4, 2000);
	uint8_t frame[60] = { 0 };
	int fd, from;

	(void)state;
	NEEDS_LAB();
	assert_int_equal(packet_open(9999, nothing, 1, 0, 0, &fd), -ENODEV);
	from = sender("v0");
	assert_int_equal(packet_open(v1, ONLY_OURS, 0, 0, &fd), 0);
	lab_run("ip link set v1 down");
	assert_int_equal(packet_batch_receive(b, fd), -ENETDOWN);
	assert_int_equal(packet_batch_receive(b, fd), 0);
	assert_int_equal(packet_send(fd, NULL, frame, 60, NULL, 0), -ENETDOWN);
	lab_run("ip link set v1 up");
	assert_true(lab_links_ready("v[01]"));
	send_plain(from, OURS, 60);
	assert_int_equal(receive(b, fd, 1000), 1);
	lab_run("ip link del v1");
	assert_int_equal(packet_batch_receive(b, fd), -ENETDOWN);
	assert_int_equal(packet_send(fd, NULL, frame, 60, NULL, 0), -ENXIO);
	packet_batch_free(b);
	close(fd);
	close(from);
}

static int open_without_power(void *context)
{
	int fd;

	(void)context;
	if (setresuid(65534, 65534, 65534) < 0)
		return 1;
	return packet_open(v1, nothing, 1, 0, 0, &fd) == -EPERM ? 0 : 2;
}

static void test_needs_power(void **state)
{
	(void)state;
	NEEDS_LAB();
	assert_int_equal(lab_child(open_without_power, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_no_unfiltered_frame),
		cmocka_unit_test(test_outgoing),
		cmocka_unit_test(test_tagged),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_membership),
		cmocka_unit_test(test_needs_power),
		cmocka_unit_test(test_link_down_and_gone), /* last: it removes the link */
	};

	return cmocka_run_group_tests_name("sys/packet", tests, setup, NULL);
}
