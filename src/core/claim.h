/*
 * claim: answering for an address while its machine sleeps, without ever disturbing the machine; other hosts and other
 * guards that want the same address; giving it back.
 *
 * Owns struct claim. Refuses to know when a machine is asleep or back: life says so.
 */
#ifndef ROUSE_CORE_CLAIM_H
#define ROUSE_CORE_CLAIM_H

#include "core/home_state.h"

enum claim_how {
	CLAIM_ANNOUNCED, /* tell everybody: the neighbours have the machine's MAC */
	CLAIM_QUIETLY, /* they have the virtual MAC, or the machine may be booting */
};

/* Claims every address that nobody else was heard using. */
void claim_all(struct home *h, struct machine *m, enum claim_how how);
/* Gives up without a word; drops what is held for it. */
void claim_release(struct home *h, struct machine *m, struct claim *c);
void claim_release_all(struct home *h, struct machine *m);
/* Gives the address back to its machine and tells everybody. */
void claim_hand_back(struct home *h, struct machine *m, struct claim *c);
/* Hands back unless a port of it is still waited for. */
void claim_try_hand_back(struct home *h, struct machine *m, struct claim *c);
/* The machine may be booting: nothing more is announced for it, not even its own MAC (that fails its DAD, too). */
void claim_hush(struct machine *m);
/* Tells everybody again, `in` microseconds from now. */
void claim_announce_again(struct home *h, struct machine *m, uint64_t in);
/* The machine is back: addresses that others have are looked at no more. */
void claim_forget_others(struct machine *m);
void claim_solicited(struct home *h, struct claim *c, const struct solicit *s);
/* Another host claims the address. */
void claim_rival(struct home *h, struct claim *c, const struct heard *x);
/* It can be asked for: we have an address of that family there. */
bool claim_can_solicit(const struct home *h, const struct claim *c);
bool claim_any_solicit(const struct home *h, const struct machine *m);
void claim_solicit(struct home *h, struct claim *c, bool everybody);
uint64_t claim_due(const struct machine *m);
void claim_tick(struct home *h, struct machine *m);

#endif
