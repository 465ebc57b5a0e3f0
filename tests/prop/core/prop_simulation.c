/*
 * simulation: a guard, a machine and its clients on a virtual LAN and a virtual clock, many random lives of them.
 *
 * The models are what was measured of real ones: a client asks for an address three times a second apart and gives up
 * after that, keeps what it learned, lets an announcement move it and ignores an ordinary answer within a second of
 * the last; it sends SYNs on the linear or the classic schedule. A machine asks for its addresses before it uses
 * them, may talk or stay silent, listens some time after that, and resets connections until then.
 *
 * What must come out: the first connection succeeds soon after the service listens, nobody is reset, nobody is told
 * that the host is unreachable, and no address of the machine is found in use by anybody.
 */
#include "simulation.h"

#include "core/machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const sim_names[] = {
	"guard-solicit", "guard-heard",	    "guard-packet",   "guard-port",   "machine-magic",
	"machine-asked", "machine-syn",	    "machine-probed", "machine-used", "machine-step",
	"client-moved",	 "client-answered", "client-synack",  "client-rst",   "client-syn",
	"client-ask",	 "goodbye",	    "power-off",
};

static const char *const addresses[ADDRESSES] = { "192.0.2.50", "2001:db8::50" };

static uint64_t rnd(struct sim *s, uint64_t n)
{
	s->rng ^= s->rng << 13;
	s->rng ^= s->rng >> 7;
	s->rng ^= s->rng << 17;
	return (s->rng >> 11) % n;
}

static void fail(struct sim *s, const char *why)
{
	if (!s->failure)
		s->failure = why;
}

static void at(struct sim *s, uint64_t in, struct sim_event e)
{
	if (s->events_n == EVENTS)
		abort();
	e.at = s->w->now.us + in;
	e.order = s->order++;
	e.life = s->life;
	s->events[s->events_n++] = e;
}

/* One frame on the wire: it takes a moment, and may be lost. */
static void wire(struct sim *s, struct sim_event e)
{
	if (s->loss > 0 && rnd(s, 1000) < s->loss)
		return;
	at(s, 50 + rnd(s, 300), e);
}

/* --- what the guard does --- */

static void to_clients(struct sim *s, uint8_t address, const struct mac *said, bool answer,
		       const struct mac *only)
{
	for (uint8_t i = 0; i < s->clients_n; i++) {
		if (only && !mac_equal(only, &s->clients[i].mac))
			continue;
		wire(s, (struct sim_event){ .kind = answer ? CLIENT_ANSWERED : CLIENT_MOVED,
					    .who = i,
					    .address = address,
					    .mac = *said });
	}
}

static void guard_does(void *context, const struct effect *e)
{
	struct sim *s = context;
	uint8_t address = e->addr.family == 6;
	const struct mac *said = mac_is_zero(&e->mac) ? &VIRTUAL : &e->mac;
	struct sim_event out = { .address = address, .who = CLIENTS, .mac = OWN };

	switch ((enum effect_kind)e->kind) {
	case EFFECT_ANSWER:
	case EFFECT_REPOINT:
		if (mac_equal(&e->peer_mac, &NAS))
			fail(s, "the guard answered the machine");
		to_clients(s, address, said, e->kind == EFFECT_ANSWER, &e->peer_mac);
		break;
	case EFFECT_ANNOUNCE:
		to_clients(s, address, said, false, NULL);
		out.kind = MACHINE_USED;
		wire(s, out);
		break;
	case EFFECT_SOLICIT:
		out.kind = MACHINE_ASKED;
		wire(s, out);
		break;
	case EFFECT_PROBE_PORT:
		out.kind = MACHINE_PROBED;
		wire(s, out);
		break;
	case EFFECT_WAKE:
		out.kind = MACHINE_MAGIC;
		for (int i = 0; i < 4; i++) /* a burst */
			wire(s, out);
		break;
	case EFFECT_SEND:
		out.kind = MACHINE_SYN;
		out.who = e->bytes[59];
		wire(s, out);
		break;
	case EFFECT_PROBE_ECHO:
	case EFFECT_CLAIM:
	case EFFECT_RELEASE:
	case EFFECT_LOCAL:
	case EFFECT_REFRESH:
	case EFFECT_EVENT:
	case EFFECT_PAST:
	case EFFECT_DROP:
	case EFFECT_KINDS:
		break;
	}
}

/* --- the machine --- */

/* It says something everybody hears: clients move to it, the guard takes note. */
static void machine_says(struct sim *s, uint8_t address, bool claims)
{
	wire(s, (struct sim_event){ .kind = GUARD_HEARD,
				    .address = address,
				    .mac = NAS,
				    .flag = false,
				    .step = claims });
	if (claims)
		to_clients(s, address, &NAS, false, NULL);
}

enum { STEP_LINK, STEP_DAD, STEP_UP, STEP_LISTEN };

static void machine_boots(struct sim *s)
{
	s->life++;
	s->on = true;
	at(s, s->boot > 500 * MS ? s->boot - 500 * MS : 0,
	   (struct sim_event){ .kind = MACHINE_STEP, .step = STEP_LINK });
	for (uint8_t a = 0; a < ADDRESSES; a++) {
		at(s, s->boot,
		   (struct sim_event){ .kind = MACHINE_STEP, .step = STEP_DAD, .address = a });
		at(s, s->boot + s->dad[a],
		   (struct sim_event){ .kind = MACHINE_STEP, .step = STEP_UP, .address = a });
	}
	at(s, s->boot + (s->dad[0] > s->dad[1] ? s->dad[0] : s->dad[1]) + s->service,
	   (struct sim_event){ .kind = MACHINE_STEP, .step = STEP_LISTEN });
}

static void machine_step(struct sim *s, const struct sim_event *e)
{
	switch (e->step) {
	case STEP_LINK:
		if (s->noisy)
			machine_says(s, 0, false);
		break;
	case STEP_DAD:
		if (s->dad[e->address] == 0)
			break;
		s->tentative[e->address] = true;
		/* Its question for its own address. */
		wire(s, (struct sim_event){ .kind = GUARD_SOLICIT,
					    .address = e->address,
					    .mac = NAS,
					    .flag = true });
		break;
	case STEP_UP:
		s->tentative[e->address] = false;
		if (!s->up[0] && !s->up[1])
			s->up_at = s->w->now.us;
		s->up[e->address] = true;
		if (s->noisy)
			machine_says(s, e->address, true);
		if (s->pings)
			at(s, 100 * MS + rnd(s, 1000 * MS),
			   (struct sim_event){ .kind = MACHINE_STEP,
					       .step = STEP_LISTEN + 1,
					       .address = e->address });
		break;
	case STEP_LISTEN:
		s->listens = true;
		s->listens_at = s->w->now.us;
		break;
	default:
		machine_says(s, e->address, true);
		break;
	}
}

static void machine_asked(struct sim *s, const struct sim_event *e)
{
	if (!s->up[e->address])
		return;
	if (e->who == CLIENTS)
		wire(s, (struct sim_event){ .kind = GUARD_HEARD,
					    .address = e->address,
					    .mac = NAS,
					    .flag = true });
	else
		wire(s, (struct sim_event){ .kind = CLIENT_ANSWERED,
					    .who = e->who,
					    .address = e->address,
					    .mac = NAS });
}

/* --- the clients --- */

static const uint64_t linear[] = { 0,	 1000,	2000,  3100,  4100,  5100,
				   7100, 11200, 19400, 35500, 68000, 100000 };
static const uint64_t classic[] = { 0, 1000, 3000, 7000, 15000, 31000, 63000 };

static void client_syn(struct sim *s, uint8_t who)
{
	struct client *c = &s->clients[who];
	const uint64_t *times = c->classic ? classic : linear;
	uint32_t n = c->classic ? 7 : 12;

	if (!c->connecting)
		return;
	c->syns++;
	if (c->syns < n)
		at(s, (times[c->syns] - times[c->syns - 1]) * MS,
		   (struct sim_event){ .kind = CLIENT_SYN, .who = who });
	if (!c->cached) {
		if (c->asks == 0)
			at(s, 0, (struct sim_event){ .kind = CLIENT_ASK, .who = who });
		return;
	}
	c->raced = s->w->now.us - c->moved_at < 3 * MS;
	wire(s, (struct sim_event){ .kind = mac_equal(&c->cache, &VIRTUAL) ? GUARD_PACKET
									   : MACHINE_SYN,
				    .who = who,
				    .address = c->address });
}

static void client_asks(struct sim *s, uint8_t who)
{
	struct client *c = &s->clients[who];

	if (!c->connecting || c->cached)
		return;
	if (c->asks++ == 3) {
		if (s->loss == 0)
			fail(s, "no route to host");
		c->asks = 0; /* the next SYN asks again */
		return;
	}
	wire(s, (struct sim_event){
			.kind = GUARD_SOLICIT, .address = c->address, .mac = c->mac, .who = who });
	wire(s, (struct sim_event){ .kind = MACHINE_ASKED, .address = c->address, .who = who });
	at(s, 1000 * MS, (struct sim_event){ .kind = CLIENT_ASK, .who = who });
}

static void client_learns(struct sim *s, const struct sim_event *e)
{
	struct client *c = &s->clients[e->who];
	bool waiting = c->connecting && !c->cached && c->asks > 0;

	if (e->address != c->address)
		return;
	if (!c->cached && (e->kind == CLIENT_MOVED || !waiting))
		return; /* no entry is created (arp_accept = 0) */
	if (c->cached && e->kind == CLIENT_ANSWERED && s->w->now.us - c->moved_at < 1 * S)
		return; /* locktime */
	c->cached = true;
	c->cache = e->mac;
	c->moved_at = s->w->now.us;
	c->asks = 0;
	if (waiting) /* the SYN that waited for it */
		wire(s, (struct sim_event){ .kind = mac_equal(&c->cache, &VIRTUAL) ? GUARD_PACKET
										   : MACHINE_SYN,
					    .who = e->who,
					    .address = c->address });
}

static void machine_syn(struct sim *s, const struct sim_event *e)
{
	struct client *c = &s->clients[e->who];

	if (!s->up[c->address])
		return;
	wire(s,
	     (struct sim_event){ .kind = s->listens ? CLIENT_SYNACK : CLIENT_RST, .who = e->who });
}

static void client_packet(struct sim *s, uint8_t who)
{
	struct client *c = &s->clients[who];
	struct packet p = world_packet(KNOCK_TCP, c->ip[c->address], (uint16_t)(50000 + who),
				       addresses[c->address], 22);
	uint8_t bytes[60] = { 0 };

	bytes[59] = who;
	p.bytes = bytes;
	p.src_mac = c->mac;
	world_sends(s->w, &p);
}

/* --- the stage --- */

static void guard_hears(struct sim *s, const struct sim_event *e)
{
	struct heard x = { .mac = e->mac, .said = e->mac, .must = !e->flag };

	if (e->flag || e->step) {
		x.addr = ip(addresses[e->address]);
		x.claims = true;
		x.answer = e->flag;
		x.lasting = true;
	}
	home_heard(s->w->h, &x, s->w->now);
}

static void happens(struct sim *s, const struct sim_event *e)
{
	struct client *c = &s->clients[e->who % CLIENTS];
	struct addr a = ip(addresses[e->address]);

	switch (e->kind) {
	case GUARD_SOLICIT:
		world_asks(s->w, &e->mac, e->flag ? "" : c->ip[e->address], addresses[e->address]);
		break;
	case GUARD_HEARD:
		guard_hears(s, e);
		break;
	case GUARD_PACKET:
		client_packet(s, e->who);
		break;
	case GUARD_PORT:
		home_port_answer(s->w->h, 0, &a, 22, e->flag, s->w->now);
		break;
	case MACHINE_MAGIC:
		if (!s->on)
			machine_boots(s);
		break;
	case MACHINE_ASKED:
		machine_asked(s, e);
		break;
	case MACHINE_SYN:
		machine_syn(s, e);
		break;
	case MACHINE_PROBED:
		if (s->up[e->address])
			wire(s, (struct sim_event){ .kind = GUARD_PORT,
						    .address = e->address,
						    .flag = s->listens });
		break;
	case MACHINE_USED:
		if (s->tentative[e->address])
			fail(s, "its address was found in use");
		break;
	case MACHINE_STEP:
		if (e->life == s->life)
			machine_step(s, e);
		break;
	case CLIENT_MOVED:
	case CLIENT_ANSWERED:
		client_learns(s, e);
		break;
	case CLIENT_SYNACK:
		if (c->connecting) {
			c->connected = true;
			c->connecting = false;
			c->done = s->w->now.us;
		}
		break;
	case CLIENT_RST:
		/*
		 * Who came when the machine was up already met it as it is; and against a SYN within
		 * moments of the machine's announcement nobody can do anything (frames overtake each other here
		 * by up to 0.3 ms). With losses it is enough that nobody waits for ever.
		 */
		if (c->connecting && c->started < s->up_at && !c->raced && s->loss == 0)
			fail(s, "connection refused");
		c->connected = c->connected || c->connecting;
		c->connecting = false;
		c->done = c->started;
		break;
	case CLIENT_SYN:
		client_syn(s, e->who);
		break;
	case CLIENT_ASK:
		client_asks(s, e->who);
		break;
	case GOODBYE:
		home_goodbye(s->w->h, s->m, s->w->now);
		break;
	case POWER_OFF:
		s->on = false;
		s->listens = false;
		memset(s->up, 0, sizeof(s->up));
		break;
	}
}

static void run_until(struct sim *s, uint64_t end)
{
	while (!s->failure) {
		size_t first = 0;
		struct sim_event e;

		for (size_t i = 1; i < s->events_n; i++) {
			if (s->events[i].at < s->events[first].at ||
			    (s->events[i].at == s->events[first].at &&
			     s->events[i].order < s->events[first].order))
				first = i;
		}
		uint64_t next = s->events_n ? s->events[first].at : NEVER;
		uint64_t due = home_due(s->w->h);

		if ((next < due ? next : due) > end)
			break;
		if (due < next) {
			world_run(s->w, due > s->w->now.us ? due - s->w->now.us : 0);
			continue;
		}
		e = s->events[first];
		s->events[first] = s->events[--s->events_n];
		world_run(s->w, e.at - s->w->now.us);
		if (s->verbose)
			fprintf(stderr, "%14.6f %s who %u address %u step %u mac ..%02x flag %d\n",
				(double)(e.at - 3600 * S) / 1e6, sim_names[e.kind], e.who,
				e.address, e.step, e.mac.b[5], e.flag);
		happens(s, &e);
	}
	if (!s->failure && s->w->now.us < end)
		world_run(s->w, end - s->w->now.us);
}

static void one_cycle(struct sim *s, bool goodbye)
{
	uint64_t start = s->w->now.us;
	uint64_t off = start + 100 * MS + rnd(s, 4000) * MS;
	uint64_t silent_by = off + (goodbye ? 1 * S : 16 * S);
	uint64_t worst = 0;

	s->boot = 100 * MS + rnd(s, rnd(s, 2) ? 3000 : 20000) * MS;
	s->dad[0] = rnd(s, 2) * rnd(s, 1500) * MS;
	s->dad[1] = rnd(s, 4) ? 300 * MS + rnd(s, 1700) * MS : 0;
	s->service = rnd(s, 2) * rnd(s, 5000) * MS;
	s->noisy = rnd(s, 2);
	s->pings = rnd(s, 2);
	if (goodbye)
		at(s, 0, (struct sim_event){ .kind = GOODBYE });
	at(s, off - start, (struct sim_event){ .kind = POWER_OFF });
	for (uint8_t i = 0; i < s->clients_n; i++) {
		struct client *c = &s->clients[i];

		c->connected = false;
		c->connecting = true;
		c->syns = 0;
		c->asks = 0;
		c->classic = rnd(s, 2);
		c->started = silent_by + (i == 0 ? 0 : rnd(s, 2000)) * MS;
		if (rnd(s, 3) == 0)
			c->cached = false;
		at(s, c->started - start, (struct sim_event){ .kind = CLIENT_SYN, .who = i });
	}
	s->w->n = 0;
	s->w->mark = 0;
	run_until(s, silent_by + 200 * S);
	for (uint8_t i = 0; i < s->clients_n && !s->failure; i++) {
		const struct client *c = &s->clients[i];
		uint64_t ready = s->listens_at > c->started ? s->listens_at : c->started;

		if (!c->connected && s->loss == 0)
			fail(s, "a client is not connected");
		else if (c->done > ready && c->done - ready > worst)
			worst = c->done - ready;
	}
	if (!s->failure && s->loss == 0 && worst > LIMIT)
		fail(s, "connected too late");
	if (!s->failure && machine_state_of(s->m) != MACHINE_AWAKE)
		fail(s, "not taken for awake at the end");
	if (!s->failure &&
	    (s->m->held > 0 || !list_empty(&s->m->gates) || machine_holds_claims(s->m)))
		fail(s, "something is still held");
}

static const char *one_life(uint64_t seed, bool verbose, uint32_t loss)
{
	struct sim *s = calloc(1, sizeof(*s));
	struct spec spec;
	const char *failure;

	if (!s)
		abort();
	s->w = world_new(NULL);
	s->w->spy = guard_does;
	s->w->spy_context = s;
	s->seed = seed;
	s->verbose = verbose;
	s->rng = seed * 0x9e3779b97f4a7c15 + 1;
	s->loss = loss;
	s->clients_n = 1 + (uint32_t)rnd(s, CLIENTS);
	for (uint8_t i = 0; i < s->clients_n; i++) {
		static const char *const ips[CLIENTS][ADDRESSES] = {
			{ "192.0.2.10", "2001:db8::10" },
			{ "192.0.2.11", "2001:db8::11" },
			{ "192.0.2.12", "2001:db8::12" }
		};
		struct client *c = &s->clients[i];

		c->mac = CLIENT;
		c->mac.b[5] = (uint8_t)(0x10 + i);
		c->address = (uint8_t)rnd(s, ADDRESSES);
		memcpy(c->ip, ips[i], sizeof(c->ip));
		c->cached = rnd(s, 2);
		c->cache = NAS;
		c->moved_at = s->w->now.us;
	}
	s->on = true;
	s->listens = true;
	s->up[0] = s->up[1] = true;
	spec = world_spec("nas", &NAS, "192.0.2.50 2001:db8::50", "tcp/22");
	s->m = world_add(s->w, &spec, NULL);
	run_until(s, s->w->now.us + 2 * S);
	for (int i = 0; i < 3 && !s->failure; i++)
		one_cycle(s, rnd(s, 3) > 0);
	if (s->failure && verbose) {
		fprintf(stderr,
			"boot %" PRIu64 " dad %" PRIu64 "/%" PRIu64 " service %" PRIu64
			" noisy %d pings %d clients %u\n",
			s->boot, s->dad[0], s->dad[1], s->service, s->noisy, s->pings,
			s->clients_n);
		for (uint8_t i = 0; i < s->clients_n; i++)
			fprintf(stderr,
				"client %u: address %u classic %d started %.3f connected %d done "
				"%.3f syns %u\n",
				i, s->clients[i].address, s->clients[i].classic,
				(double)(s->clients[i].started - 3600 * S) / 1e6,
				s->clients[i].connected, (double)s->clients[i].done / 1e6 - 3600,
				s->clients[i].syns);
		world_dump(s->w);
	}
	failure = s->failure;
	world_free(s->w);
	free(s);
	return failure;
}

static int many_lives(uint64_t first, uint64_t n, uint32_t loss)
{
	int bad = 0;

	for (uint64_t seed = first; seed < first + n; seed++) {
		const char *failure = one_life(seed, n == 1, loss);

		if (failure) {
			printf("seed %" PRIu64 ": %s\n", seed, failure);
			bad++;
		}
	}
	printf("%" PRIu64 " lives from seed %" PRIu64 ", %u of 1000 frames lost: %d failed\n", n,
	       first, loss, bad);
	return bad;
}

/* Without arguments what the tests run; SEED [COUNT [LOST OF 1000]] to look closer. */
int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	uint32_t loss = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;

	if (argc > 1)
		return many_lives(first, n, loss) ? 1 : 0;
	return many_lives(1, 2000, 0) + many_lives(5000, 500, 20) + many_lives(9000, 500, 100) ? 1
											       : 0;
}
