/*
 * gate: a held connection goes to its machine when the service listens, not before. One gate per (address, port).
 *
 * Owns struct gate and keeps the clients that wait pointed at the guard. Refuses to know the packets (hold has them).
 */
#ifndef ROUSE_CORE_GATE_H
#define ROUSE_CORE_GATE_H

#include "core/home_state.h"

struct gate {
	struct list node; /* of its machine, or free */
	uint8_t address;
	bool probing; /* the address answered */
	bool open; /* the port answered, or was waited for long enough; kept until the address is handed back */
	uint16_t port;
	uint64_t since; /* probed since */
	uint64_t refused_at; /* last RST, or 0 */
	uint64_t probe_at; /* or NEVER */
};

void gate_init(struct home *h, const struct home_memory *memory);
struct gate *gate_of(const struct machine *m, uint8_t address, uint16_t port);
/* A closed one: somebody waits. */
bool gate_any(const struct machine *m, uint8_t address);
/* The gate of that port, made when there is none; NULL when there are too many. */
struct gate *gate_make(struct home *h, struct machine *m, const struct claim *c, uint16_t port);
/* Removes those of the address that nobody waits at. */
void gate_sweep(struct home *h, struct machine *m);
void gate_drop_address(struct home *h, struct machine *m, uint8_t address);
/* Those of addresses that `to` has as well become its; the rest goes. */
void gate_inherit(struct home *h, struct machine *from, struct machine *to);
/* The address answered: its ports are asked from now on. */
void gate_begin(struct home *h, struct machine *m, const struct claim *c);
/* The machine is up and nothing of it is claimed: whoever still waits gets through at once. */
void gate_release_all(struct home *h, struct machine *m);
/* The machine fell asleep again: nothing is asked until it answers. */
void gate_stop(struct home *h, struct machine *m);
/* The port answered. */
void gate_answer(struct home *h, struct machine *m, struct claim *c, uint16_t port, bool open);
/* A frame of the machine that others may hear: its clients may have learned its MAC from it. */
void gate_repoint_soon(struct home *h, struct machine *m);
uint64_t gate_due(const struct home *h, const struct machine *m);
void gate_tick(struct home *h, struct machine *m);

#endif
