/*
 * idle_parts: what idle.c and its checks share. Each check adds its evidence; those that ask the bus or run a command count as
 * pending until they have their answer.
 */
#ifndef ROUSE_SLEEPER_IDLE_PARTS_H
#define ROUSE_SLEEPER_IDLE_PARTS_H

#include "base/list.h"
#include "sleeper/config.h"
#include "sleeper/idle.h"

struct sleeper_idle;

#define IDLE_WAITERS_MAX 16
#define IDLE_FLOWS_MAX 512
#define IDLE_SMOOTH_US (5 * UINT64_C(1000000)) /* rates of less time than that say nothing */
#define IDLE_CALL_US (2 * UINT64_C(1000000)) /* logind and systemd have so long to answer */

/* --- check_traffic.c: connections to services --- */

struct idle_flow {
	uint64_t cookie;
	uint64_t bytes; /* moved, at the last look */
	uint64_t last_us; /* data that counts; 0: none */
	struct addr peer;
	uint16_t port; /* of the service */
	bool seen; /* at this look */
};

struct idle_traffic {
	uint64_t looked_us;
	int error;
	size_t n, left_out;
	struct idle_flow flows[IDLE_FLOWS_MAX];
};

void traffic_look(struct sleeper_idle *i, uint64_t now_us);
/* `except`: connections from there do not count (NULL: all do). */
void traffic_tell(struct sleeper_idle *i, uint64_t now_us, const struct addr *except,
		  struct evidences *to);

/* --- check_here.c: load, pressure, disk, network, processes --- */

struct idle_rate {
	uint64_t bytes, looked_us; /* at the last look; 0: never */
	bool known;
	uint64_t per_second;
	uint64_t last_us; /* when it was above its limit */
};

struct idle_here {
	struct idle_rate disk, network;
	uint64_t load_last_us, pressure_last_us;
};

void here_look(struct sleeper_idle *i, uint64_t now_us, struct evidences *to);

/* --- idle_bus.c: questions to logind and systemd --- */

struct sd_bus_message;
struct idle_call;
/* `m` is NULL when there is no answer. `nth`: as given with the question. */
typedef void idle_got(struct sleeper_idle *i, struct sd_bus_message *m, size_t nth);

#define IDLE_CALLS_MAX 80

struct idle_bus {
	struct idle_call *calls; /* IDLE_CALLS_MAX of them */
};

int idle_bus_new(struct sleeper_idle *i);
void idle_bus_free(struct sleeper_idle *i);
/* What is asked, and who gets the answer. */
struct idle_question {
	const char *service, *path, *interface, *method;
	const char *word; /* the one argument, or NULL */
	const char *const *lists[2]; /* arguments, each ending with NULL; or NULL: there is none */
	idle_got *got;
	size_t nth;
};

/* The look waits for the answer; without a bus `got` is called at once. */
void idle_bus_ask(struct sleeper_idle *i, const struct idle_question *q);

/* One property of an a{sv}, as it comes by. */
struct idle_property {
	const char *name;
	char type; /* 's', 'b', 'u', 't' */
	void *to; /* char[size], bool, uint32_t, uint64_t */
	size_t size;
};
/* Reads those that are named out of the answer of GetAll; others are skipped. Negative errno. */
int idle_bus_properties(struct sd_bus_message *m, const struct idle_property *p, size_t n);

/* --- check_logins.c: sessions and inhibitors --- */

struct idle_session {
	char id[32], user[33], type[16], class[24], tty[32], host[64], state[16];
	uint32_t uid;
	bool known; /* its properties came */
	bool remote, idle;
	uint64_t idle_since_us; /* monotonic; 0: not known */
};

#define IDLE_SESSIONS_MAX 32
#define IDLE_INHIBITORS_MAX 16

struct idle_logins {
	bool failed; /* logind did not answer */
	bool inhibitors_failed;
	size_t sessions_n;
	struct idle_session sessions[IDLE_SESSIONS_MAX];
	size_t inhibitors_n;
	struct idle_inhibitor {
		char who[64], why[96];
		uint32_t uid;
		bool sleep; /* blocks sleep itself; else only that it comes by itself */
	} inhibitors[IDLE_INHIBITORS_MAX];
};

void logins_ask(struct sleeper_idle *i);
/* `asker`: whose own session keeps nothing awake; NULL: nobody's. */
void logins_tell(struct sleeper_idle *i, uint64_t now_us, const struct idle_asker *asker,
		 struct evidences *to);
/* Where the session of a program here came from; false: from here, or it has none. */
bool logins_host_of(const struct sleeper_idle *i, const struct idle_asker *asker, struct addr *ret);

/* --- check_units.c: units that run, timers that must fire --- */

struct idle_wake {
	char unit[CONFIG_NAME_MAX + 1]; /* "": none */
	uint64_t at_wall_us;
};

#define IDLE_TIMERS_MAX 40

struct idle_units {
	bool failed, timers_failed;
	char busy[CONFIG_NAME_MAX + 1]; /* the first of `units` that is active; "": none */
	char state[16];
	uint64_t last_us;
	size_t timers_n;
	char timers[IDLE_TIMERS_MAX][CONFIG_NAME_MAX + 1];
	struct idle_wake next; /* the earliest that wants the machine awake */
};

void units_ask(struct sleeper_idle *i);
void units_tell(struct sleeper_idle *i, uint64_t now_us, struct evidences *to);

/* --- check_commands.c: the user's own --- */

struct idle_commands;

int commands_new(struct sleeper_idle *i, struct idle_commands **ret);
void commands_free(struct idle_commands *all);
/* Starts those that are due, or all (`now`): then they are pending. */
void commands_ask(struct sleeper_idle *i, uint64_t now_us, bool now);
void commands_tell(struct sleeper_idle *i, struct evidences *to);

/* --- idle.c --- */

struct idle_waiter {
	idle_looked *looked;
	void *context;
};

struct sleeper_idle {
	struct sleeper *s;
	struct idle_times times;
	struct loop_timer timer;
	struct loop_deferred finish;
	unsigned int pending; /* answers that a look waits for */
	bool looking;
	bool asked_bus; /* this look has asked logind and systemd */
	bool confirming; /* every command was asked because it is about to sleep */
	bool alarm; /* of the clock; is ours */
	uint64_t left_us; /* it was sent to sleep then; 0: it woke since */
	struct list asked; /* who wants it to sleep now: idle.c's own */
	size_t waiters_n;
	struct idle_waiter waiters[IDLE_WAITERS_MAX];
	struct evidences all;
	struct idle_traffic traffic;
	struct idle_here here;
	struct idle_bus bus;
	struct idle_logins logins;
	struct idle_units units;
	struct idle_commands *commands;
};

/* A question of the look that runs was asked, or has its answer (or never will). */
void idle_pending(struct sleeper_idle *i);
void idle_answered(struct sleeper_idle *i);

#endif
