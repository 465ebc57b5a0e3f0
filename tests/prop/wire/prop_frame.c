/*
 * prop_frame: what the encoders write, frame_decode reads back; any prefix of any frame gets a verdict without a read
 * behind it (each in a block of exactly its size); a completed checksum is right by plain arithmetic.
 */
#include "wire/arp.h"
#include "wire/frame.h"
#include "wire/ip.h"
#include "wire/l4.h"
#include "wire/ndp.h"
#include "wire/wol.h"

#include "frames.h"

static uint64_t seed;

static struct mac random_mac(void)
{
	struct mac m;

	for (size_t i = 0; i < sizeof(m.b); i++)
		m.b[i] = (uint8_t)random64(&seed);
	return m;
}

/* Any unicast address. */
static struct addr random_addr(uint8_t family)
{
	struct addr a = { .family = family };

	for (size_t i = 0; i < addr_size(&a); i++)
		a.b[i] = (uint8_t)random64(&seed);
	a.b[0] = (uint8_t)(a.b[0] & 0x7f);
	return a;
}

static struct envelope random_envelope(uint8_t family)
{
	return (struct envelope){ random_mac(), random_mac(), random_addr(family),
				  random_addr(family) };
}

/* Decodes from a block of exactly that size; and from every prefix, which must be refused unless only padding goes. */
static struct frame decode_all_prefixes(const struct writer *w, size_t needed)
{
	struct frame whole = { .kind = FRAME_KINDS };

	CHECK(!w->failed && w->used >= 60);
	for (size_t n = 0; n <= w->used; n++) {
		uint8_t *exact = malloc(n > 0 ? n : 1);
		int r;

		CHECK(exact != NULL);
		memcpy(exact, w->start, n);
		r = frame_decode(exact, n, &whole);
		free(exact);
		CHECK((r == 0) == (n >= needed));
	}
	return whole;
}

static void check_link(const struct frame *f, const struct mac *dst, const struct mac *src)
{
	CHECK(mac_equal(&f->dst, dst) && mac_equal(&f->src, src) && !f->tagged);
}

static void check_network(const struct frame *f, const struct envelope *e)
{
	check_link(f, &e->eth_dst, &e->eth_src);
	CHECK(addr_equal(&f->ip_src, &e->ip_src) && addr_equal(&f->ip_dst, &e->ip_dst));
}

/* Sums a packet with its checksum in place: a right one gives zero. */
static void check_checksum(const struct writer *w, const struct frame *f)
{
	const uint8_t *segment = w->start + f->l4_at;
	bool pseudo = f->protocol != PROTOCOL_ICMP;
	uint64_t sum = pseudo ? checksum_pseudo(&f->ip_src, &f->ip_dst, f->protocol, f->l4_length)
			      : 0;

	CHECK(checksum_fold(checksum_add(sum, segment, f->l4_length)) == 0);
}

/* Spoils the checksum, has it completed, and looks whether it came back. */
static void check_completion(struct writer *w, const struct frame *f, size_t field)
{
	uint8_t *at = w->start + f->l4_at + field;
	uint8_t before[2] = { at[0], at[1] };

	at[0] = (uint8_t)(random64(&seed) | 1);
	CHECK(l4_finish_checksum(w->start + f->l3_at, w->used - f->l3_at) == 0);
	CHECK(at[0] == before[0] && at[1] == before[1]);
}

static void arp(struct writer *w)
{
	struct mac dst = random_mac();
	struct mac src = random_mac();
	struct frame_arp arp = { (uint16_t)(1 + random_below(&seed, 2)), random_mac(), random_mac(),
				 random_addr(4), random_addr(4) };
	struct frame f;

	arp_encode(w, &dst, &src, &arp);
	f = decode_all_prefixes(w, 42);
	check_link(&f, &dst, &src);
	CHECK(f.kind == FRAME_ARP && f.arp.op == arp.op);
	CHECK(mac_equal(&f.arp.sha, &arp.sha) && mac_equal(&f.arp.tha, &arp.tha));
	CHECK(addr_equal(&f.arp.spa, &arp.spa) && addr_equal(&f.arp.tpa, &arp.tpa));
}

static void nd(struct writer *w)
{
	struct envelope e = random_envelope(6);
	bool is_na = random_below(&seed, 2);
	uint32_t bits = (uint32_t)random64(&seed);
	struct frame_nd nd = { .target = random_addr(6), .has_link = bits & 1 };
	struct frame f;

	if (nd.has_link)
		nd.link = random_mac();
	if (is_na) {
		nd.router = bits & 2;
		nd.solicited = bits & 4;
		nd.override = bits & 8;
		ndp_encode_na(w, &e, &nd);
	} else {
		ndp_encode_ns(w, &e, &nd);
	}
	f = decode_all_prefixes(w, nd.has_link ? 86 : 78);
	check_network(&f, &e);
	check_checksum(w, &f);
	check_completion(w, &f, 2);
	CHECK(f.kind == (is_na ? FRAME_NA : FRAME_NS));
	CHECK(addr_equal(&f.nd.target, &nd.target) && f.nd.has_link == nd.has_link);
	CHECK(mac_equal(&f.nd.link, &nd.link) && !f.nd.has_nonce);
	CHECK(f.nd.router == nd.router && f.nd.solicited == nd.solicited &&
	      f.nd.override == nd.override);
}

static void syn(struct writer *w)
{
	bool v4 = random_below(&seed, 2);
	struct envelope e = random_envelope(v4 ? 4 : 6);
	uint16_t src_port = (uint16_t)random64(&seed);
	uint16_t dst_port = (uint16_t)random64(&seed);
	uint32_t seq = (uint32_t)random64(&seed);
	struct frame f;

	tcp_encode_syn(w, &e, src_port, dst_port, seq);
	f = decode_all_prefixes(w, v4 ? 58 : 78);
	check_network(&f, &e);
	check_checksum(w, &f);
	check_completion(w, &f, 16);
	CHECK(f.kind == FRAME_TCP && f.tcp_flags == TCP_SYN && f.tcp_seq == seq && f.tcp_ack == 0);
	CHECK(f.src_port == src_port && f.dst_port == dst_port && f.payload_length == 0);
}

static void echo(struct writer *w)
{
	struct envelope e = random_envelope(random_below(&seed, 2) ? 4 : 6);
	uint16_t id = (uint16_t)random64(&seed);
	uint16_t sequence = (uint16_t)random64(&seed);
	struct frame f;

	echo_encode_request(w, &e, id, sequence);
	f = decode_all_prefixes(w, w->used);
	check_network(&f, &e);
	check_checksum(w, &f);
	check_completion(w, &f, 2);
	CHECK(f.kind == FRAME_ECHO_REQUEST && f.echo_id == id && f.echo_sequence == sequence);
}

static void magic(struct writer *w)
{
	struct envelope e = random_envelope(random_below(&seed, 2) ? 4 : 6);
	struct secureon secureon = { .length = (uint8_t)PICK((&(struct made){ .seed = &seed }), 0,
							     4, 6) };
	struct mac target = random_mac();
	struct secureon found;
	struct mac mac;
	struct frame f;

	target.b[0] = (uint8_t)((target.b[0] & 0xfe) | 2);
	for (size_t i = 0; i < secureon.length; i++)
		secureon.b[i] = (uint8_t)random64(&seed);
	wol_encode_udp(w, &e, &target, &secureon);
	f = decode_all_prefixes(w, w->used);
	check_network(&f, &e);
	check_checksum(w, &f);
	check_completion(w, &f, 6);
	CHECK(f.kind == FRAME_UDP && f.src_port == WOL_PORT && f.dst_port == WOL_PORT);
	CHECK(f.payload_length == (uint32_t)WOL_PAYLOAD + secureon.length);
	CHECK(wol_find(w->start, w->used, &mac, &found) == 0);
	CHECK(mac_equal(&mac, &target) && found.length == secureon.length);
	CHECK(memcmp(found.b, secureon.b, sizeof(found.b)) == 0);
}

/* Random frames, cut everywhere: for the sanitizer. A shorter prefix never says more than a longer one. */
static void any_prefix_of_anything(void)
{
	struct made m = make_frame(&seed);
	bool decoded = false;

	for (size_t n = 0; n <= m.n; n++) {
		struct frame f = { .kind = FRAME_KINDS };
		uint8_t *exact = malloc(n > 0 ? n : 1);
		int r;

		CHECK(exact != NULL);
		memcpy(exact, m.b, n);
		r = frame_decode(exact, n, &f);
		CHECK((r == 0) == (f.kind < FRAME_KINDS));
		CHECK(r == 0 || !decoded);
		decoded = r == 0;
		if (decoded && f.l3_length)
			CHECK(l4_finish_checksum(exact + f.l3_at, n - f.l3_at) == 0);
		free(exact);
	}
}

int main(void)
{
	static void (*const properties[])(struct writer *) = { arp, nd, syn, echo, magic };

	seed = seed_from(getenv("ROUSE_SEED"));
	for (int i = 0; i < 2000; i++) {
		for (size_t p = 0; p < sizeof(properties) / sizeof(properties[0]); p++) {
			uint8_t bytes[ETHER_ENCODED_MAX];
			struct writer w = writer_over(bytes, sizeof(bytes));

			properties[p](&w);
		}
		any_prefix_of_anything();
	}
	return 0;
}
