/*
 * doctor: the checks of `rouse doctor`: one table of code, title, what it is about, and the function that looks. A check judges
 * what box.h gathered, or reads a file below the box's root; it changes nothing.
 *
 * Every code is explained in rouse-doctor(7); tools/check-docs sees that none is missing.
 */
#ifndef ROUSE_CLI_DOCTOR_H
#define ROUSE_CLI_DOCTOR_H

#include "cli/box.h"

enum doctor_result {
	DOCTOR_OK,
	DOCTOR_PROBLEM,
	DOCTOR_UNKNOWN, /* it cannot be known here: the remedy says who knows */
	DOCTOR_RESULTS
};

const char *doctor_result_name(enum doctor_result r); /* "ok", "problem", "cannot know" */

#define DOCTOR_TEXT 512

struct finding {
	enum doctor_result result;
	char evidence[DOCTOR_TEXT]; /* one line */
	char remedy[DOCTOR_TEXT]; /* what to do; empty when all is well */
};

/* What a check says; the remedy is ours and comes as it is, but that "$PORT" becomes the name of the card's port. */
__attribute__((format(printf, 2, 3))) void finding_ok(struct finding *f, const char *evidence, ...);
__attribute__((format(printf, 3, 4))) void finding_problem(struct finding *f, const char *remedy,
							   const char *evidence, ...);
__attribute__((format(printf, 3, 4))) void finding_unknown(struct finding *f, const char *remedy,
							   const char *evidence, ...);

enum { DOCTOR_MACHINE = 1, DOCTOR_GUARD = 2 };

struct doctor_check {
	const char *code; /* stable: scripts and searches know it */
	const char *title;
	const char *about; /* why it matters, for `rouse doctor CODE` */
	unsigned int where; /* DOCTOR_MACHINE, DOCTOR_GUARD */
	void (*look)(const struct box *b, struct finding *f);
};

/* The table; a NULL code ends it. */
extern const struct doctor_check doctor_checks[];

/* doctor_port: the network card */
void doctor_wol_support(const struct box *b, struct finding *f);
void doctor_wol_armed(const struct box *b, struct finding *f);
void doctor_wol_wakeup(const struct box *b, struct finding *f);
void doctor_link(const struct box *b, struct finding *f);
void doctor_wired(const struct box *b, struct finding *f);
void doctor_mac(const struct box *b, struct finding *f);
void doctor_runtime(const struct box *b, struct finding *f);
/* doctor_power: how it sleeps, and what else saves power */
void doctor_sleep_states(const struct box *b, struct finding *f);
void doctor_rtc(const struct box *b, struct finding *f);
void doctor_firmware(const struct box *b, struct finding *f);
void doctor_tools(const struct box *b, struct finding *f);
void doctor_network_manager(const struct box *b, struct finding *f);
/* doctor_net: its place on the LAN */
void doctor_segment(const struct box *b, struct finding *f);
void doctor_lease(const struct box *b, struct finding *f);
void doctor_docker(const struct box *b, struct finding *f);
void doctor_reachable(const struct box *b, struct finding *f);
void doctor_clock(const struct box *b, struct finding *f);
/* doctor_sleeper: pairing and lease */
void doctor_paired(const struct box *b, struct finding *f);
void doctor_sleeper(const struct box *b, struct finding *f);
void doctor_held(const struct box *b, struct finding *f);
/* doctor_guard: the guard's side */
void doctor_guard(const struct box *b, struct finding *f);
void doctor_interface(const struct box *b, struct finding *f);
void doctor_virtual_mac(const struct box *b, struct finding *f);
void doctor_forwarding(const struct box *b, struct finding *f);
void doctor_capability(const struct box *b, struct finding *f);
void doctor_registration(const struct box *b, struct finding *f);
void doctor_claims(const struct box *b, struct finding *f);
void doctor_switch(const struct box *b, struct finding *f);
void doctor_neighbours(const struct box *b, struct finding *f);
void doctor_others(const struct box *b, struct finding *f);
void doctor_relay(const struct box *b, struct finding *f);

#endif
