/*
 * guard_parts: what guard.c (who is connected to, when) and guard_lines.c (what is said there) share.
 */
#ifndef ROUSE_SLEEPER_GUARD_PARTS_H
#define ROUSE_SLEEPER_GUARD_PARTS_H

#include "sleeper/ends.h"
#include "sleeper/guard.h"
#include "sleeper/link.h"

#define GUARD_PENDING 8 /* lines without a result yet */

enum guard_stage {
	GUARD_APART, /* no connection: waiting, searching */
	GUARD_DIALLING,
	GUARD_OPENING, /* our nonce is on its way */
	GUARD_SESSION, /* lines are sealed */
	GUARD_STAGES
};

struct guard_pending {
	uint64_t of; /* counter of our line */
	enum lease_say say;
	sleeper_done *done; /* NULL: nobody waits */
	void *context;
};

/* A goodbye, or one taken back, that is under way. */
struct guard_leaving {
	bool on;
	enum lease_say say;
	enum lease_why why;
	sleeper_done *done;
	void *context;
};

struct guard {
	struct sleeper *s;
	enum guard_lease lease;
	struct moment since;
	char error[LEASE_TEXT];

	enum guard_stage stage;
	struct link *link;
	struct link_user user;
	struct link_end end; /* of the connection */
	struct link_end last; /* where it was proven to be; family 0: nowhere yet */
	struct lease_way to_guard, to_sleeper;
	uint8_t nonce[LEASE_NONCE_SIZE];
	bool proven; /* a line of this connection was authentic */
	bool gone; /* goodbye was said: nothing more until guard_kick() */
	enum lease_why why; /* of the next lease */
	struct spec said; /* with the last lease */
	size_t pending_n;
	struct guard_pending pending[GUARD_PENDING];
	struct guard_leaving leaving;

	struct ends ends; /* of this round */
	struct search *search;
	bool searched;
	unsigned int rounds; /* since it was proven */
	enum guard_lease verdict; /* of the round, the worst */
	char problem[LEASE_TEXT];
	uint64_t backoff_us;
	uint64_t refused_us; /* when a lease that was held was refused last; 0: not yet */
	struct loop_timer again, renew, patience, change, deadline, hurry;
};

/* --- guard.c --- */

/* Logs what is new about it. */
void guard_stand(struct guard *g, enum guard_lease l, const char *error);
void guard_drop(struct guard *g);
/* Drops the connection and goes on to the next candidate. */
void guard_failed(struct guard *g, enum guard_lease verdict, const char *problem);
/* The goodbye is over; its `done` is called. */
void guard_leaving_over(struct guard *g, int result, const char *text);

/* --- guard_lines.c --- */

/* A line of the guard: in the clear, and later. Each may drop the connection. */
void guard_lines_opening(struct guard *g, const char *line, size_t n);
void guard_lines_sealed(struct guard *g, const char *line, size_t n);
void guard_lines_lease(struct guard *g, enum lease_why why);
/* Says a lease if the description is another than said. */
void guard_lines_changed(struct guard *g);
/* What is to be said when leaving. */
void guard_lines_leave(struct guard *g);
/* There will be no results any more. */
void guard_lines_forget(struct guard *g);

#endif
