/*
 * fuzz_home: any sequence of evidence, requests and time into the core. Each byte pair is a step: what happens, and to
 * whom. What must always be true is checked by the stage (world_check_…) after each.
 */
#include "../../unit/core/world.h"

#include "base/bytes.h"
#include "core/hold.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS 400

static const char *const addresses[] = { "192.0.2.50", "2001:db8::50", "192.0.2.51", "192.0.2.52",
					 "fe80::50" };
static const char *const sources[] = { "192.0.2.10", "198.51.100.1", "2001:db8::10", "192.0.2.50" };
static const char *const rules[] = { "", "tcp/22+data", "any echo", "udp/53 tcp/22-23" };

static const struct mac *who(uint8_t n)
{
	static const struct mac *const macs[] = { &NAS,	       &CLIENT, &OTHER,	  &GUARD_LOW,
						  &GUARD_HIGH, &OWN,	&VIRTUAL, &MAC_BROADCAST };

	return macs[n & 7];
}

static void settings(struct world *w, uint8_t n)
{
	w->set.observe = n & 1;
	w->set.keep = !(n & 2);
	w->set.watch = n & 4 ? 0 : 2 * S;
	w->set.hold = n & 8 ? 1 * S : 90 * S;
	w->set.attempts = (uint16_t)(1 + (n >> 4));
	w->set.interval = 1 * S;
	w->set.shutdown_timeout = n & 8 ? NEVER : 5 * S;
	home_configure(w->h, &w->set, w->now);
	home_tick(w->h, w->now); /* a shorter duration may be over already */
}

static void link_is(struct world *w, uint8_t n)
{
	w->link.present = !(n & 1);
	w->link.up = !(n & 2);
	w->link.has4 = !(n & 4);
	w->link.has6 = !(n & 8);
	w->link.virtual_mac = !(n & 16);
	home_interface_set(w->h, 0, &w->link, w->now);
}

static void add(struct world *w, uint8_t n)
{
	struct mac m = NAS;
	char name[2] = { (char)('a' + (n & 3)), 0 };
	struct machine_past past = { .state = (uint8_t)(n >> 2 & 3), .nic_answers = n >> 4 & 1 };
	struct spec s;

	m.b[5] = (uint8_t)(m.b[5] + (n & 3));
	s = world_spec(name, &m, n & 3 ? addresses[n & 3] : "192.0.2.50 fe80::50",
		       rules[n >> 5 & 3]);
	s.origin = n & 64 ? SPEC_REGISTERED : SPEC_FILE;
	if (w->machines_n >= 8 || home_check(w->h, &s, NULL, NULL) < 0)
		return;
	past.last_wake.by = past.state == MACHINE_WAKING ? BY_KNOCK : BY_NOBODY;
	(void)world_add(w, &s, n & 128 ? &past : NULL);
}

static void replace(struct world *w, struct machine *m, uint8_t n)
{
	struct machine *to;
	void *memory;
	struct spec s;

	machine_spec_of(m, &s);
	if (n & 1)
		s.addresses_n = 0;
	if (n & 2)
		s.mac.b[4] ^= 1;
	for (uint16_t i = 0; i < s.rules_n && !s.addresses_n; i++)
		s.rules[i].address = SPEC_ANY_ADDRESS;
	if (n & 4 && s.addresses_n < 4) {
		struct addr a = ip(addresses[n >> 3 & 3]);

		(void)spec_add_address(&s, &a);
	}
	if (home_check(w->h, &s, m, NULL) < 0)
		return;
	memory = malloc(machine_size(&s));
	if (!memory)
		abort();
	to = machine_place(memory, &s, machine_id(m));
	home_replace(w->h, m, to, w->now);
	for (size_t i = 0; i < w->machines_n; i++) {
		if (w->machines[i] == m)
			w->machines[i] = to;
	}
	free(m);
}

static void hears(struct world *w, uint8_t kind, uint8_t n)
{
	struct heard x = { .mac = *who(n), .said = *who(kind & 8 ? (uint8_t)(n >> 3) : n) };

	x.addr = ip(addresses[(n >> 4) % 5]);
	x.answer = kind & 1;
	x.lasting = kind & 2;
	x.claims = kind & 4;
	x.must = !(kind & 1);
	home_heard(w->h, &x, w->now);
}

static void asks(struct world *w, uint8_t kind, uint8_t n)
{
	struct solicit s = { .asker_mac = *who(n), .asker_said = *who(kind & 1 ? 0 : n) };

	s.target = ip(addresses[(n >> 3) % 5]);
	s.asker = kind & 2 ? ADDR_NONE : ip(sources[n >> 6]);
	home_solicit(w->h, &s, w->now);
}

static void packet(struct world *w, uint8_t kind, uint8_t n)
{
	struct packet p = world_packet(kind % KNOCK_KINDS, sources[n & 3], (uint16_t)(n >> 4),
				       addresses[(n >> 2) % 5], kind & 8 ? 22 : (uint16_t)(n >> 3));

	p.local = (kind & 0x30) == 0x30;
	p.src_mac = p.local ? OWN : *who(n >> 5);
	p.dropped = n == 0xff;
	p.payload_length = n & 7;
	home_packet(w->h, &p, w->now);
}

static void remove_one(struct world *w, struct machine *m)
{
	home_remove(w->h, m, w->now);
	world_forget(w, m);
}

/* Steps that concern one machine. */
static void to_machine(struct world *w, struct machine *m, uint8_t op, uint8_t n)
{
	if (op == 0)
		home_goodbye(w->h, m, w->now);
	else if (op == 1)
		(void)!home_wake(w->h, m, n & 1 ? BY_EXIT : BY_REQUEST, w->now);
	else if (op == 2)
		home_move(w->h, m, n & 1 ? HOME_NO_INTERFACE : 0, w->now);
	else if (op == 3 && n > 200)
		remove_one(w, m);
	else if (op == 4)
		replace(w, m, n);
}

static void step(struct world *w, uint8_t op, uint8_t n)
{
	static const uint64_t waits[] = { 1 * MS, 50 * MS, 250 * MS, 1 * S,
					  3 * S,  10 * S,  31 * S,   61 * S };
	struct addr a = ip(addresses[n % 5]);

	if (op < 64)
		world_run(w, waits[n & 7]);
	else if (op < 112)
		packet(w, op & 63, n);
	else if (op < 144)
		hears(w, op & 15, n);
	else if (op < 160)
		asks(w, op & 3, n);
	else if (op < 176)
		home_port_answer(w->h, 0, &a, 22, op & 1, w->now);
	else if (op < 180)
		home_echo_answer(w->h, 0, &a, w->now);
	else if (op < 190)
		settings(w, n);
	else if (op < 205)
		link_is(w, op & 1 ? 0 : n);
	else if (op < 220)
		add(w, n);
	else if (w->machines_n > 0)
		to_machine(w, w->machines[n % w->machines_n], (uint8_t)((op - 220) / 7), n);
	world_check_home(w->h, w->now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_over(data, size);
	struct world *w = world_new(NULL);

	settings(w, cursor_u8(&c) & 0xfe);
	add(w, 0);
	for (int i = 0; i < STEPS && c.left >= 2; i++) {
		uint8_t op = cursor_u8(&c);

		step(w, op, cursor_u8(&c));
	}
	world_run(w, 300 * S);
	world_free(w);
	return 0;
}
