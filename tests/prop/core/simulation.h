/*
 * simulation: the words of prop_simulation.c: what happens on the virtual LAN, its clients, its machine.
 */
#ifndef ROUSE_TESTS_CORE_SIMULATION_H
#define ROUSE_TESTS_CORE_SIMULATION_H

#include "../../unit/core/world.h"

#define EVENTS 4096
#define CLIENTS 3
#define ADDRESSES 2
#define LIMIT (300 * MS) /* from listening to connected */

enum sim_kind {
	GUARD_SOLICIT,
	GUARD_HEARD,
	GUARD_PACKET,
	GUARD_PORT,
	MACHINE_MAGIC,
	MACHINE_ASKED, /* for an address, by the guard or a client */
	MACHINE_SYN,
	MACHINE_PROBED, /* a port */
	MACHINE_USED, /* a frame that says somebody has its address */
	MACHINE_STEP,
	CLIENT_MOVED, /* an announcement, or a frame that works like one */
	CLIENT_ANSWERED, /* an ordinary answer */
	CLIENT_SYNACK,
	CLIENT_RST,
	CLIENT_SYN,
	CLIENT_ASK,
	GOODBYE,
	POWER_OFF,
};

struct sim_event {
	uint64_t at;
	uint64_t order;
	enum sim_kind kind;
	uint32_t life; /* of the machine: what was to happen in an earlier one does not */
	uint8_t who; /* client; CLIENTS: the guard */
	uint8_t address;
	uint8_t step;
	struct mac mac; /* the sender, or what is said */
	bool flag; /* answer; open; probing */
};

struct client {
	struct mac mac;
	const char *ip[ADDRESSES];
	uint8_t address; /* which of the machine's it talks to */
	bool cached;
	struct mac cache;
	uint64_t moved_at;
	bool connecting, connected;
	uint64_t started, done;
	uint32_t syns, asks;
	bool classic;
	bool raced;
};

struct sim {
	struct world *w;
	struct machine *m;
	uint64_t seed, rng, order;
	struct sim_event events[EVENTS];
	size_t events_n;
	struct client clients[CLIENTS];
	uint32_t clients_n;
	uint32_t life;
	bool on; /* power, or shutting down */
	bool up[ADDRESSES], tentative[ADDRESSES];
	bool listens, noisy, pings;
	uint64_t boot, dad[ADDRESSES], service, listens_at, up_at;
	uint32_t loss; /* in thousandths */
	const char *failure;
	bool verbose; /* tell each thing that happens */
};

#endif
