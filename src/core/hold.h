/*
 * hold: packets of clients, kept while their machine boots. Bounded per flow, source, machine and altogether. A SYN that was
 * replayed is kept a second longer and sent again, twice: it may have been lost.
 *
 * Owns the slots. Refuses to know when a packet may go: gate and life say so. A held packet goes to its machine or nowhere.
 */
#ifndef ROUSE_CORE_HOLD_H
#define ROUSE_CORE_HOLD_H

#include "core/home_state.h"

struct hold_slot {
	struct list node; /* of its machine, or free */
	struct knocker *source; /* who is charged for it; NULL for a replay */
	uint64_t at; /* captured; of a replay: first sent */
	uint8_t sent; /* times */
	uint8_t address; /* which of the machine's */
	uint8_t knock; /* enum knock_kind */
	bool local;
	uint16_t src_port, dst_port;
	struct addr src;
	struct mac src_mac;
	uint32_t length;
	uint8_t bytes[HOLD_PACKET_MAX];
};

void hold_init(struct home *h, const struct home_memory *memory);
/* False when there is no room for it, or it cannot be held. */
bool hold_add(struct home *h, struct machine *m, const struct claim *c, const struct packet *p);
/* The next slot of this address and, for SYNs, port (else 0), after `after` (NULL: the first). */
struct hold_slot *hold_next(const struct machine *m, const struct hold_slot *after, uint8_t address,
			    bool syn, uint16_t port);
/* Gives those to the machine and forgets them, SYNs after they were sent again; returns how many. */
uint32_t hold_send(struct home *h, struct machine *m, uint8_t address, bool syn, uint16_t port);
void hold_drop(struct home *h, struct machine *m, uint8_t address, bool syn, uint16_t port);
void hold_drop_address(struct home *h, struct machine *m, uint8_t address);
/* What is held for addresses that `to` has as well becomes its; the rest is let go. */
void hold_inherit(struct home *h, struct machine *from, struct machine *to);
/* The machine is not there any more: nothing is sent again. */
void hold_stop_replays(struct home *h, struct machine *m);
/* A packet of the flow came by here: what was replayed of it arrived, or is overtaken. */
void hold_seen(struct home *h, struct machine *m, uint8_t address, const struct packet *p);
uint64_t hold_due(const struct home *h, const struct machine *m);
void hold_tick(struct home *h, struct machine *m);
/* The packet goes to the machine at once. */
void hold_forward(struct home *h, struct machine *m, const struct packet *p);

#endif
