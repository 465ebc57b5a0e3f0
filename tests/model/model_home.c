/*
 * model: the reachable states of the real home, with one machine of two addresses, two clients, another host and two
 * other guards, breadth first. What must always be true is checked after each step (world_check_…), and from each new
 * state the world is left alone for a while, which must end every wake and every wait. The first rule that breaks is
 * printed with the steps that lead there; breadth first, so there are no shorter ones.
 *
 * A state is told from another by everything but exact times, which are compared in steps. Nothing is copied: a
 * state is its path from the beginning, played again.
 *
 *	model_home [STATES]
 */
#include "../unit/core/world.h"

#include "base/bytes.h"
#include "core/gate.h"
#include "core/hold.h"
#include "core/home_state.h"
#include "core/knock.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define A4 "192.0.2.50"
#define A6 "2001:db8::50"
#define SLOTS 4
#define GATES 3
#define KNOCKERS 3
#define DEPTH 32
#define MACHINE_BYTES 8192

enum action {
	WAIT_NEXT,
	WAIT_1S,
	WAIT_31S,
	NAS_PROBES,
	NAS_ANSWERS_4,
	NAS_ANSWERS_6,
	NAS_ANSWERS_6_NOT_LASTING,
	NAS_ANNOUNCES_4,
	NAS_TALKS,
	SYN_4,
	SYN_6,
	SYN_LOCAL,
	SYN_NO_RULE,
	UDP_4,
	ACK_4,
	OPEN_4,
	REFUSED_4,
	OPEN_6,
	ECHO_4,
	GOODBYE,
	REQUEST,
	OTHER_CLAIMS_4,
	LOW_GUARD_CLAIMS_4,
	HIGH_GUARD_CLAIMS_6,
	CLIENT_ASKS_4,
	OTHER_PROBES_6,
	LINK_DOWN,
	LINK_UP,
	RESTART,
	ACTIONS
};

static const char *const names[ACTIONS] = {
	"wait for the next timer",
	"wait 1 s",
	"wait 31 s",
	"the machine probes for its IPv4 address",
	"the machine answers for IPv4",
	"the machine answers for IPv6",
	"the machine answers for IPv6 without Override",
	"the machine announces IPv4",
	"the machine talks",
	"a SYN to IPv4 tcp/22",
	"a SYN to IPv6 tcp/22",
	"a SYN of the guard's own host to IPv4 tcp/22",
	"a SYN to a port without a rule",
	"a datagram to IPv4 udp/53",
	"a bare ACK to IPv4",
	"IPv4 tcp/22 answers SYN-ACK",
	"IPv4 tcp/22 answers RST",
	"IPv6 tcp/22 answers SYN-ACK",
	"IPv4 answers an echo request",
	"goodbye",
	"a wake request",
	"another host claims IPv4",
	"a guard with a lower MAC claims IPv4",
	"a guard with a higher MAC claims IPv6",
	"a client asks for IPv4",
	"another host probes for IPv6",
	"the link goes down",
	"the link comes up",
	"the guard is killed and restarted",
};

struct stage {
	_Alignas(64) uint8_t home[16384];
	_Alignas(64) uint8_t machine[MACHINE_BYTES];
	struct hold_slot slots[SLOTS];
	struct gate gates[GATES];
	struct knocker knockers[KNOCKERS];
	struct hash_node *buckets[3][8];
	struct home_interface link;
	struct moment now;
	bool claimed[2];
	bool quiet; /* the checks that follow a path: not part of it */
};

static struct stage on;
static struct home *const h = (struct home *)(void *)on.home;
static struct machine *m;
static struct spec nas;

/* The path being played, for the report. */
static uint8_t path[DEPTH + 1];
static int path_n;

static const struct home_settings settings = {
	.attempts = 2,
	.interval = 1 * S,
	.hold = 5 * S,
	.keep = true,
	.shutdown_timeout = 8 * S,
	.probe_interval = 250 * MS,
	.watch = 2 * S,
	.scan_limit = 1,
	.scan_window = 10 * S,
	.wake_limit = 1,
	.wake_window = 10 * S,
};

static void say(const char *text)
{
	(void)!write(STDERR_FILENO, text, strlen(text));
}

/* Whatever aborts (a rule, an assert of the code itself), the way there is told. */
static void report(int signal)
{
	(void)signal;
	say("after:\n");
	for (int i = 0; i < path_n; i++) {
		say("  ");
		say(names[path[i]]);
		say("\n");
	}
	if (on.quiet)
		say("  and then nothing for 200 s\n");
	_exit(1);
}

static void broken(const char *rule)
{
	fprintf(stderr, "broken: %s\n", rule);
	abort();
}

static void take(void *context, const struct effect *e)
{
	bool *claimed = &on.claimed[e->addr.family == 6];

	(void)context;
	world_check_effect(h, e);
	if (e->kind == EFFECT_CLAIM) {
		if (*claimed)
			broken("claimed twice");
		*claimed = true;
	} else if (e->kind == EFFECT_RELEASE) {
		if (!*claimed)
			broken("released without a claim");
		*claimed = false;
	} else if (e->kind == EFFECT_ANSWER && !*claimed) {
		broken("answered without a claim");
	}
}

static void check(void)
{
	world_check_home(h, on.now);
	for (int i = 0; i < 2; i++) {
		if (on.claimed[i] != (m->claims[i].state == CLAIM_HELD))
			broken("what was told of a claim is what it is");
	}
}

static void wait(uint64_t us)
{
	uint64_t end = on.now.us + us;

	for (int i = 0; home_due(h) <= end; i++) {
		if (home_due(h) > on.now.us)
			on.now.us = home_due(h);
		home_tick(h, on.now);
		check();
		if (home_due(h) <= on.now.us)
			broken("after a tick nothing is due");
		if (i > 100000)
			broken("no storm of timers");
	}
	on.now.us = end;
}

static void begin(const struct machine_past *past)
{
	struct home_memory memory = {
		.slots = on.slots,
		.slots_n = SLOTS,
		.gates = on.gates,
		.gates_n = GATES,
		.knockers = on.knockers,
		.knockers_n = KNOCKERS,
		.knocker_buckets = on.buckets[0],
		.knocker_buckets_n = 8,
		.address_buckets = on.buckets[1],
		.address_buckets_n = 8,
		.mac_buckets = on.buckets[2],
		.mac_buckets_n = 8,
	};

	if (home_size() > sizeof(on.home) || machine_size(&nas) > sizeof(on.machine))
		broken("the stage is large enough");
	home_init(h, &settings, &memory, (struct effect_sink){ take, NULL });
	home_interface_set(h, 0, &on.link, on.now);
	m = machine_place(on.machine, &nas, 1);
	home_add(h, m, 0, past, on.now);
	check();
}

/* A new process: everything but the past is gone; nobody answers any more. */
static void restart(void)
{
	struct machine_past past;
	struct moment now = on.now;
	struct home_interface link = on.link;

	machine_past_of(m, &past);
	if (!machine_past_sane(&past))
		broken("the past is sane");
	memset(&on, 0, sizeof(on));
	on.now = now;
	on.link = link;
	begin(&past);
}

static void syn(enum knock_kind kind, const char *from, const char *to, uint16_t port, bool local)
{
	struct packet p = world_packet(kind, from, 5000, to, port);

	p.local = local;
	p.src_mac = local ? OWN : CLIENT;
	home_packet(h, &p, on.now);
}

static void heard(const struct mac *who, const char *address, bool answer, bool lasting)
{
	struct heard x = {
		.mac = *who, .said = *who, .addr = ip(address), .answer = answer, .lasting = lasting
	};

	x.claims = address[0] != 0;
	x.must = !answer;
	home_heard(h, &x, on.now);
}

static void asks(const struct mac *who, const char *from, const char *target)
{
	struct solicit s = {
		.target = ip(target), .asker_mac = *who, .asker_said = *who, .asker = ip(from)
	};

	home_solicit(h, &s, on.now);
}

static void port_answers(const char *address, bool open)
{
	struct addr a = ip(address);

	home_port_answer(h, 0, &a, 22, open, on.now);
}

static void link_is(bool up)
{
	on.link.up = up;
	home_interface_set(h, 0, &on.link, on.now);
}

static void act_of_machine(enum action a)
{
	struct addr four = ip(A4);

	if (a == NAS_PROBES)
		asks(&NAS, "", A4);
	else if (a == NAS_ANSWERS_4)
		heard(&NAS, A4, true, true);
	else if (a == NAS_ANSWERS_6 || a == NAS_ANSWERS_6_NOT_LASTING)
		heard(&NAS, A6, true, a == NAS_ANSWERS_6);
	else if (a == NAS_ANNOUNCES_4)
		heard(&NAS, A4, false, false);
	else if (a == NAS_TALKS)
		heard(&NAS, "", false, false);
	else if (a == OPEN_4 || a == REFUSED_4)
		port_answers(A4, a == OPEN_4);
	else if (a == OPEN_6)
		port_answers(A6, true);
	else if (a == ECHO_4)
		home_echo_answer(h, 0, &four, on.now);
}

static void act_of_client(enum action a)
{
	if (a == SYN_4 || a == SYN_LOCAL)
		syn(KNOCK_TCP, a == SYN_4 ? "192.0.2.10" : "192.0.2.20", A4, 22, a == SYN_LOCAL);
	else if (a == SYN_6)
		syn(KNOCK_TCP, "2001:db8::10", A6, 22, false);
	else if (a == SYN_NO_RULE)
		syn(KNOCK_TCP, "192.0.2.10", A4, 80, false);
	else if (a == UDP_4)
		syn(KNOCK_UDP, "192.0.2.10", A4, 53, false);
	else if (a == ACK_4)
		syn(KNOCK_NONE, "192.0.2.10", A4, 22, false);
}

static void act(enum action a)
{
	if (a == WAIT_NEXT)
		wait(home_due(h) == NEVER
			     ? 0
			     : (home_due(h) > on.now.us ? home_due(h) - on.now.us : 0));
	else if (a == WAIT_1S || a == WAIT_31S)
		wait(a == WAIT_1S ? 1 * S : 31 * S);
	else if (a == GOODBYE)
		home_goodbye(h, m, on.now);
	else if (a == REQUEST)
		(void)!home_wake(h, m, BY_REQUEST, on.now);
	else if (a == OTHER_CLAIMS_4)
		heard(&OTHER, A4, false, false);
	else if (a == LOW_GUARD_CLAIMS_4)
		heard(&GUARD_LOW, A4, false, false);
	else if (a == HIGH_GUARD_CLAIMS_6)
		heard(&GUARD_HIGH, A6, false, false);
	else if (a == CLIENT_ASKS_4)
		asks(&CLIENT, "192.0.2.10", A4);
	else if (a == OTHER_PROBES_6)
		asks(&OTHER, "", A6);
	else if (a == LINK_DOWN || a == LINK_UP)
		link_is(a == LINK_UP);
	else if (a == RESTART)
		restart();
	act_of_machine(a);
	act_of_client(a);
	check();
	on.now.us += 10; /* things happen one after the other */
}

static void play(const uint8_t *steps, int n)
{
	memset(&on, 0, sizeof(on));
	on.now = (struct moment){ .us = 3600 * S, .wall_ms = 1750000000000 };
	on.link = (struct home_interface){
		.present = true,
		.up = true,
		.virtual_mac = true,
		.own = OWN,
		.claim = VIRTUAL,
		.has4 = true,
		.has6 = true,
	};
	path_n = 0;
	begin(NULL);
	for (int i = 0; i < n; i++) {
		path[path_n++] = steps[i];
		act((enum action)steps[i]);
	}
}

/* --- telling states apart --- */

static uint8_t step_of(uint64_t us)
{
	static const uint64_t steps[] = { 0,	 60 * MS, 260 * MS, 510 * MS, 1010 * MS, 3 * S,
					  5 * S, 10 * S,  31 * S,   61 * S,   601 * S,	 NEVER };
	uint8_t i = 0;

	while (us > steps[i])
		i++;
	return i;
}

static uint8_t since(uint64_t then)
{
	return then == 0 ? 99 : step_of(on.now.us - then);
}

static uint8_t until(uint64_t then)
{
	return then == NEVER ? 99 : step_of(then > on.now.us ? then - on.now.us : 0);
}

static void note_claims(struct writer *w)
{
	for (uint16_t i = 0; i < m->claims_n; i++) {
		const struct claim *c = &m->claims[i];

		writer_u8(w, c->state);
		writer_u8(w, (uint8_t)(c->announces | c->real << 4 | c->answered << 5 |
				       c->local << 6));
		writer_u8(w, c->looks);
		writer_u8(w, until(c->announce_at));
		writer_u8(w, until(c->look_at));
		writer_u8(w, since(c->defended_at));
		writer_u8(w, since(c->rival_at));
		writer_u8(w, c->rival.b[5]);
	}
}

static void note_life(struct writer *w)
{
	const struct life *l = &m->life;

	writer_u8(w, m->state);
	writer_u8(w, (uint8_t)(l->restarted | l->nic_answers << 1 | l->proved << 2 | l->moved << 3 |
			       l->adopted << 4));
	writer_u8(w, m->state == MACHINE_UNKNOWN ? l->verify_from : 0);
	writer_u8(w, l->probes < 8 ? l->probes : 8);
	writer_u8(w, since(l->since));
	writer_u8(w, since(l->heard_at));
	writer_u8(w, since(l->must_at));
	writer_u8(w, since(l->run_since));
	writer_u8(w, since(l->answered_at));
	writer_u8(w, since(l->nic_since));
	writer_u8(w, until(l->probe_at));
	writer_u8(w, until(l->repoint_at));
}

static void note_wake(struct writer *w)
{
	const struct wake *k = &m->wake;

	writer_u8(w, (uint8_t)(k->running | k->came_up << 1));
	writer_u8(w, k->by);
	writer_u8(w, k->pending_by);
	writer_u8(w, (uint8_t)k->attempt);
	writer_u8(w, since(k->started));
	writer_u8(w, until(k->next));
	writer_u8(w, since(k->failed_at));
	writer_u8(w, until(k->pending_at));
}

static uint64_t state_hash(void)
{
	static const struct hash_key key = { { 1, 2 } };
	uint8_t bytes[256];
	struct writer w = writer_over(bytes, sizeof(bytes));

	writer_u8(&w, on.link.up);
	note_life(&w);
	note_claims(&w);
	note_wake(&w);
	list_each(it, &m->gates)
	{
		const struct gate *g = container_of(it, struct gate, node);

		writer_u8(&w, (uint8_t)(g->address | g->open << 1 | g->probing << 2 |
					(g->refused_at > 0) << 3));
		writer_u8(&w, (uint8_t)g->port);
		writer_u8(&w, since(g->since));
	}
	list_each(it, &m->holds)
	{
		const struct hold_slot *s = container_of(it, struct hold_slot, node);

		writer_u8(&w, (uint8_t)(s->address | s->local << 1 | s->knock << 2));
		writer_u8(&w, since(s->at));
	}
	list_each(it, &m->replays)
	{
		const struct hold_slot *s = container_of(it, struct hold_slot, node);

		writer_u8(&w, (uint8_t)(s->address | s->sent << 1));
	}
	if (w.failed)
		broken("a state fits");
	return hash_bytes(&key, bytes, w.used);
}

/* --- the search --- */

struct node {
	uint32_t parent;
	uint8_t action;
	uint8_t depth;
};

static struct node *nodes;
static uint32_t nodes_n, nodes_max;
static uint64_t *seen;
static size_t seen_size;
static uint32_t reached[MACHINE_STATES];

static bool seen_before(uint64_t hash)
{
	size_t i = hash & (seen_size - 1);

	hash |= 1;
	while (seen[i] != 0 && seen[i] != hash)
		i = (i + 1) & (seen_size - 1);
	if (seen[i] == hash)
		return true;
	seen[i] = hash;
	return false;
}

static int path_to(uint32_t node, uint8_t *steps)
{
	int n = nodes[node].depth;

	for (int i = n - 1; i >= 0; i--) {
		steps[i] = nodes[node].action;
		node = nodes[node].parent;
	}
	return n;
}

/* Left alone, every wake and every wait ends, and what sleeps is claimed. */
static void left_alone(void)
{
	on.quiet = true;
	if (!on.link.up)
		link_is(true);
	wait(200 * S);
	if (m->state == MACHINE_WAKING || m->state == MACHINE_DROWSY || m->state == MACHINE_UNKNOWN)
		broken("it ends");
	if (m->held > 0 || !list_empty(&m->gates) || !list_empty(&m->replays))
		broken("nobody waits for ever");
	if (m->wake.running || m->wake.pending_by != BY_NOBODY)
		broken("no series is left");
	on.quiet = false;
}

static void expand(uint32_t node)
{
	uint8_t steps[DEPTH];
	int n = path_to(node, steps);

	for (uint8_t a = 0; a < ACTIONS && nodes_n < nodes_max && n < DEPTH; a++) {
		steps[n] = a;
		play(steps, n + 1);
		if (seen_before(state_hash()))
			continue;
		reached[m->state]++;
		nodes[nodes_n++] = (struct node){ node, a, (uint8_t)(n + 1) };
		left_alone();
	}
}

int main(int argc, char **argv)
{
	uint32_t next = 0;

	nodes_max = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 150000;
	for (seen_size = 1024; seen_size < 4 * (size_t)nodes_max; seen_size *= 2)
		;
	nodes = calloc(nodes_max, sizeof(*nodes));
	seen = calloc(seen_size, sizeof(*seen));
	if (!nodes || !seen)
		abort();
	signal(SIGABRT, report);
	nas = world_spec("nas", &NAS, A4 " " A6, "tcp/22 udp/53");
	nodes_n = 1;
	while (next < nodes_n && nodes_n < nodes_max)
		expand(next++);
	printf("%u states, %d steps deep%s:", nodes_n, nodes[nodes_n - 1].depth,
	       next == nodes_n ? ", all" : "");
	for (int s = 0; s < MACHINE_STATES; s++) {
		printf(" %s %u", machine_state_name((enum machine_state)s), reached[s]);
		if (reached[s] == 0)
			broken("every state of the life cycle is reached");
	}
	printf("\n");
	return 0;
}
