/*
 * life: is the machine there? Signs of life and silence, and the steps of the life cycle that follow from them.
 *
 * Owns struct life. Refuses to know what a frame was: evidence comes in as "any" or "must".
 */
#ifndef ROUSE_CORE_LIFE_H
#define ROUSE_CORE_LIFE_H

#include "core/home_state.h"

/* Starts guarding; `past` may be NULL. */
void life_begin(struct home *h, struct machine *m, const struct machine_past *past);
/* What is known has to be verified: link or interface were away. Claims stay. */
void life_verify(struct home *h, struct machine *m);
/* The settings changed. */
void life_retune(struct home *h, struct machine *m);
/*
 * A frame of the machine. must: not one that a NIC gives while the machine sleeps. False when it proves nothing,
 * because only the NIC answers.
 */
bool life_seen(struct home *h, struct machine *m, bool must);
/* The machine answered for the address. */
void life_answered(struct home *h, struct machine *m, struct claim *c);
void life_goodbye(struct home *h, struct machine *m);
/* It says that it is there, and takes a goodbye back. */
void life_stay(struct home *h, struct machine *m);
/* Whether it is watched has changed. */
void life_watch(struct home *h, struct machine *m);
/* Somebody asked for the address; in `observe` a question that is repeated is evidence of silence. */
void life_asked(struct home *h, struct claim *c, const struct mac *asker);
/* It is taken for asleep: addresses are claimed. */
void life_fell_asleep(struct home *h, struct machine *m);
/* It is back without having answered: nothing can be asked, or nothing is claimed. */
void life_is_awake(struct home *h, struct machine *m);
uint64_t life_due(const struct machine *m);
/* Asks a port of its rules, and for an echo: what a NIC does not answer by itself. */
void life_ask_more(struct home *h, struct machine *m);
/* Only its NIC was heard since it slept. */
bool life_nic_alone(const struct machine *m);
void life_tick(struct home *h, struct machine *m);

#endif
