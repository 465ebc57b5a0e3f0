/*
 * test_filter: lengths and limits of the kernel filters, and that the kernel's verdict on real frames is the one that
 * the property test's interpreter gives. The kernel is asked on the loopback of a namespace of its own: needs root.
 */
#include "wire/filter.h"

#include "../../prop/wire/bpf.h"
#include "../../prop/wire/frames.h"
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct filter_ours ours = {
	.virtual_mac = { { 2, 0, 0, 0, 0, 1 } },
	.own_mac = { { 2, 0, 0, 0, 0, 2 } },
	.gate_port = GATE_PORT,
	.echo_id = ECHO_ID,
	.fold_key = 0x9e3779b1,
};

static struct sock_filter code[BPF_MAXINSNS + 1];
static struct addr claimed[FILTER_OWN_ADDRESSES_MAX + 1];

/* Builds into a block of exactly `size` instructions. */
static int build_exact(int which, size_t size)
{
	struct sock_filter *exact = malloc(size > 0 ? size * sizeof(*exact) : 1);
	int r;

	assert_non_null(exact);
	if (which == 0)
		r = filter_capture(&ours, exact, size);
	else if (which == 1)
		r = filter_outgoing(&ours.virtual_mac, exact, size);
	else
		r = filter_capture_own(&ours, claimed, 40, exact, size);
	free(exact);
	return r;
}

static void claim(size_t i, uint8_t family)
{
	uint8_t high = (uint8_t)(i >> 8);
	uint8_t low = (uint8_t)i;

	if (family == 4)
		claimed[i] = (struct addr){ .family = 4, .b = { 198, 51, high, low } };
	else
		claimed[i] = (struct addr){ .family = 6,
					    .b = { 0x20, 1, 0x0d, 0xb8, [14] = high, low } };
}

static void lengths_are_exact(void **state)
{
	static const int lengths[] = { FILTER_CAPTURE_LENGTH, FILTER_OUTGOING_LENGTH, 0 };

	(void)state;
	for (size_t i = 0; i < 40; i++)
		claim(i, i % 2 ? 4 : 6);
	for (int which = 0; which < 3; which++) {
		int n = build_exact(which, BPF_MAXINSNS);

		assert_true(n > 0);
		if (lengths[which])
			assert_int_equal(n, lengths[which]);
		assert_int_equal(build_exact(which, (size_t)n), n);
		for (int size = 0; size < n; size++)
			assert_int_equal(build_exact(which, (size_t)size), -E2BIG);
	}
}

/* An IPv4 or IPv6 packet to our own MAC and this address. */
static bool own_passes(int n, const struct addr *to, size_t *ret_steps)
{
	uint8_t bytes[60] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 9, 8, 0, 0x45 };
	struct bpf_frame b = { .at = bytes, .n = sizeof(bytes) };

	bytes[23] = 17;
	memcpy(bytes + 30, to->b, 4);
	if (to->family == 6) {
		bytes[12] = 0x86;
		bytes[13] = 0xdd;
		bytes[20] = 17;
		memcpy(bytes + 38, to->b, 16);
	}
	return bpf_run(code, (size_t)n, &b, ret_steps) != 0;
}

static void every_mixture_fits_up_to_the_maximum(void **state)
{
	(void)state;
	for (size_t v4 = 0; v4 <= FILTER_OWN_ADDRESSES_MAX; v4 += v4 < 40 ? 1 : 97) {
		for (size_t i = 0; i < FILTER_OWN_ADDRESSES_MAX; i++)
			claim(i, i < v4 ? 4 : 6);
		if (filter_capture_own(&ours, claimed, FILTER_OWN_ADDRESSES_MAX, code,
				       BPF_MAXINSNS) < 0)
			fail_msg("%zu of IPv4", v4);
	}
	for (size_t i = 0; i <= FILTER_OWN_ADDRESSES_MAX; i++)
		claim(i, 4);
	assert_int_equal(filter_capture_own(&ours, claimed, FILTER_OWN_ADDRESSES_MAX + 1, code,
					    sizeof(code) / sizeof(code[0])),
			 -E2BIG);
	assert_int_equal(filter_capture_own(&ours, claimed, FILTER_OWN_ADDRESSES_MAX, code,
					    sizeof(code) / sizeof(code[0])),
			 BPF_MAXINSNS);
}

static void the_tree_knows_its_claims_alone(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 15, 16, 17, 31, 32, 33, 48, 100, 1000, 3200 };

	(void)state;
	for (size_t s = 0; s < COUNT(sizes); s++) {
		size_t steps = 0;
		int n;

		/* Every second address, in falling order. */
		for (size_t i = 0; i < sizes[s]; i++) {
			claim(i, i % 2 ? 4 : 6);
			claimed[i].b[claimed[i].family == 4 ? 1 : 13] = 0x33;
		}
		n = filter_capture_own(&ours, claimed, sizes[s], code, BPF_MAXINSNS);
		assert_true(n > 0);
		for (size_t i = 0; i < sizes[s] + 2; i++) {
			struct addr a;

			for (uint8_t family = 4; family <= 6; family += 2) {
				bool expected = i < sizes[s] && claimed[i].family == family;

				a = (struct addr){ .family = 4,
						   .b = { 198, 0x33, (uint8_t)(i >> 8),
							  (uint8_t)i } };
				if (family == 6)
					a = (struct addr){ .family = 6,
							   .b = { 0x20, 1, 0x0d, 0xb8, [13] = 0x33,
								  (uint8_t)(i >> 8), (uint8_t)i } };
				if (own_passes(n, &a, &steps) != expected)
					fail_msg("%zu claims, address %zu, family %u", sizes[s], i,
						 family);
				assert_true(steps < 90);
			}
		}
	}
}

static void extreme_addresses_and_duplicates(void **state)
{
	static const char *const texts[] = {
		"0.0.0.0",   "255.255.255.255",
		"128.0.0.0", "127.255.255.255",
		"::",	     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
	};
	struct addr twice[2 * COUNT(texts)];
	struct addr stranger = address("0.0.0.1");
	size_t steps;
	int n;

	(void)state;
	for (size_t i = 0; i < COUNT(twice); i++)
		twice[i] = address(texts[i % COUNT(texts)]);
	n = filter_capture_own(&ours, twice, COUNT(twice), code, BPF_MAXINSNS);
	assert_int_equal(n, filter_capture_own(&ours, twice, COUNT(texts), code, BPF_MAXINSNS));
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_true(own_passes(n, &twice[i], &steps));
	assert_false(own_passes(n, &stranger, &steps));
	twice[0] = ADDR_NONE;
	n = filter_capture_own(&ours, twice, 1, code, BPF_MAXINSNS);
	assert_false(own_passes(n, &stranger, &steps));
}

/* Prefixes that differ in their high bits alone: a plain polynomial folded one in 256 of these onto each other. */
static void folds_of_similar_addresses_differ(void **state)
{
	struct addr a = address("2001:db8::1");
	uint32_t fold = filter_fold(ours.fold_key, &a);

	(void)state;
	for (unsigned int i = 1; i < 65536; i++) {
		struct addr b = a;

		b.b[0] = (uint8_t)(a.b[0] ^ i);
		b.b[4] = (uint8_t)(a.b[4] ^ i >> 8);
		assert_true(filter_fold(ours.fold_key, &b) != fold);
	}
	assert_true(filter_fold(1, &a) != filter_fold(3, &a));
}

/* A private loopback that is up; false where that is not allowed. */
static bool enter_namespace(void)
{
	struct ifreq lo = { .ifr_name = "lo" };
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &lo), 0);
	lo.ifr_flags = (short)(lo.ifr_flags | IFF_UP);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	close(fd);
	return true;
}

/* A packet socket on the loopback behind a filter; protocol 0 receives nothing. */
static int open_packet(uint16_t protocol, int n, bool outgoing)
{
	struct sock_fprog program = { .len = (unsigned short)n, .filter = code };
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(protocol),
				  .sll_ifindex = (int)if_nametoindex("lo") };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	int on = 1;

	assert_true(fd >= 0);
	if (n > 0)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
					    sizeof(program)),
				 0);
	if (n > 0)
		assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	if (!outgoing)
		assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on,
					    sizeof(on)),
				 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* The next frame without its vnet header, within a second; its length, or 0 for none. */
static size_t receive(int fd, uint8_t *bytes, size_t size)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&poll_fd, 1, 1000) != 1)
		return 0;
	n = recv(fd, bytes, size, 0);
	assert_true(n > (ssize_t)sizeof(struct virtio_net_hdr));
	n -= (ssize_t)sizeof(struct virtio_net_hdr);
	memmove(bytes, bytes + sizeof(struct virtio_net_hdr), (size_t)n);
	return (size_t)n;
}

/* Passes every filter: ARP, to the virtual MAC. */
static const uint8_t sentinel[60] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 6, 'e', 'n', 'd' };

/* How many frames `fd` gets of this one. */
static int count_passing(int out, int fd, const uint8_t *bytes, size_t n)
{
	uint8_t got[512];
	int count = 0;

	assert_int_equal(send(out, bytes, n, 0), n);
	assert_int_equal(send(out, sentinel, sizeof(sentinel), 0), sizeof(sentinel));
	for (;;) {
		size_t length = receive(fd, got, sizeof(got));

		if (length == 0)
			fail_msg("the sentinel did not come");
		if (length == sizeof(sentinel) && memcmp(got, sentinel, length) == 0)
			return count;
		count++;
	}
}

/* What the kernel shows a filter: the outer tag in the frame's meta data. */
static struct bpf_frame as_kernel(struct made *m)
{
	struct bpf_frame b = { .at = m->b, .n = m->n };

	if (m->b[12] != 0x81 || m->b[13] != 0)
		return b;
	b.tag_present = true;
	b.tag = (uint16_t)(m->b[14] << 8 | m->b[15]);
	memmove(m->b + 12, m->b + 16, m->n - 16);
	b.n -= 4;
	return b;
}

static void compare_with_kernel(int n, const char *name)
{
	int out = open_packet(0, 0, false);
	int in = open_packet(ETH_P_ALL, n, false);
	uint64_t seed = seed_from(getenv("ROUSE_SEED"));
	int counts[2] = { 0, 0 };

	for (int i = 0; i < 3000; i++) {
		struct made m = make_frame(&seed);
		struct bpf_frame b;
		size_t steps;
		int passed;
		int expected;

		if (m.n < 60)
			continue;
		passed = count_passing(out, in, m.b, m.n);
		b = as_kernel(&m);
		expected = bpf_run(code, (size_t)n, &b, &steps) != 0;
		if (passed != expected)
			fail_msg("%s, frame %d: the kernel passes %d, the interpreter %d", name, i,
				 passed, expected);
		counts[expected]++;
	}
	assert_true(counts[0] > 500 && counts[1] > 300);
	close(in);
	close(out);
}

static void kernel_agrees(void **state)
{
	int n;

	(void)state;
	if (!enter_namespace())
		skip();
	n = filter_capture(&ours, code, BPF_MAXINSNS);
	compare_with_kernel(n, "capture");
}

static void kernel_agrees_on_the_own_mac(void **state)
{
	int n;

	(void)state;
	if (!enter_namespace())
		skip();
	for (size_t i = 0; i < 40; i++)
		claimed[i] = (struct addr){
			.family = i % 2 ? 4 : 6,
			.b = { i % 2 ? 192 : 0x20, i % 2 ? 0 : 1, i % 2 ? 2 : 0x0d,
			       i % 2 ? (uint8_t)i : 0xb8, [15] = i % 2 ? 0 : (uint8_t)i }
		};
	n = filter_capture_own(&ours, claimed, 40, code, BPF_MAXINSNS);
	assert_true(n > 0);
	compare_with_kernel(n, "own");
}

static void kernel_takes_the_largest(void **state)
{
	int n;

	(void)state;
	if (!enter_namespace())
		skip();
	for (size_t i = 0; i < FILTER_OWN_ADDRESSES_MAX; i++)
		claim(i, 4);
	n = filter_capture_own(&ours, claimed, FILTER_OWN_ADDRESSES_MAX, code, BPF_MAXINSNS);
	assert_int_equal(n, BPF_MAXINSNS);
	close(open_packet(ETH_P_ALL, n, false));
}

/* On the loopback each frame goes out once and comes in once. */
static void outgoing_sees_what_leaves(void **state)
{
	uint8_t other[60];
	int out;
	int in;

	(void)state;
	if (!enter_namespace())
		skip();
	in = open_packet(ETH_P_ALL, filter_outgoing(&ours.virtual_mac, code, BPF_MAXINSNS), true);
	out = open_packet(0, 0, false);
	memcpy(other, sentinel, sizeof(other));
	other[20] = 1;
	assert_int_equal(count_passing(out, in, other, sizeof(other)), 1);
	other[5] = 2;
	assert_int_equal(count_passing(out, in, other, sizeof(other)), 0);
	close(out);
	close(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths_are_exact),
		cmocka_unit_test(every_mixture_fits_up_to_the_maximum),
		cmocka_unit_test(the_tree_knows_its_claims_alone),
		cmocka_unit_test(extreme_addresses_and_duplicates),
		cmocka_unit_test(folds_of_similar_addresses_differ),
		cmocka_unit_test(kernel_agrees),
		cmocka_unit_test(kernel_agrees_on_the_own_mac),
		cmocka_unit_test(kernel_takes_the_largest),
		cmocka_unit_test(outgoing_sees_what_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
