/*
 * life: what sleeper.c keeps for itself, and what daemon.c, which makes and ends everything, wants of it.
 */
#ifndef ROUSE_SLEEPER_LIFE_H
#define ROUSE_SLEEPER_LIFE_H

#include "sleeper/control.h"
#include "sleeper/resume.h"
#include "sleeper/sleeper.h"
#include "sleeper/state.h"

/* Every client of the control socket, logind's lock, the end of the program: none of them crowds out another. */
#define LIFE_WAITING (CONTROL_CLIENTS_MAX + 2)

struct wakupator;

struct life_waiting {
	sleeper_done *done;
	void *context;
};

struct sleeper_life {
	struct loop_signals signals;
	struct loop_timer still_here;
	struct loop_timer lean; /* when starting is over */
	struct resume resume;
	struct state_watch pairing;
	struct wakupator *registration; /* of a machine that is not paired */
	enum lease_why why; /* of the goodbye that is under way, or was said */
	bool shuts_down;
	bool ending; /* SIGTERM came */
	bool errand; /* no daemon: one goodbye */
	size_t waiting_n; /* for that goodbye */
	struct life_waiting waiting[LIFE_WAITING];
};

/* The port's interface, its link, its addresses may be others now. */
void sleeper_look(struct sleeper *s);
/* The file with the pairing may be another one now. */
void sleeper_pairing(struct sleeper *s);
/* The bus, logind, the clock, the file: all that calls back into sleeper.c. */
int sleeper_watch(struct sleeper *s);
/* SIGTERM: loop_stop() when everything is said. */
void sleeper_end(struct sleeper *s);

#endif
