#include "base/event.h"

#include <string.h>

static const char *const state_names[MACHINE_STATES] = {
	[MACHINE_UNKNOWN] = "unknown", [MACHINE_AWAKE] = "awake",   [MACHINE_DROWSY] = "drowsy",
	[MACHINE_ASLEEP] = "asleep",   [MACHINE_WAKING] = "waking",
};

static const char *const by_names[BY_KINDS] = {
	[BY_NOBODY] = "nobody", [BY_KNOCK] = "knock", [BY_REQUEST] = "request",
	[BY_HAND] = "hand",	[BY_EXIT] = "exit",   [BY_GRANT] = "grant",
};

static const char *const kind_names[EVENT_KINDS] = {
	[EVENT_ADDED] = "added",
	[EVENT_UPDATED] = "updated",
	[EVENT_REMOVED] = "removed",
	[EVENT_GOODBYE] = "goodbye",
	[EVENT_STAYED_AWAKE] = "stayed-awake",
	[EVENT_ASLEEP] = "asleep",
	[EVENT_KNOCK] = "knock",
	[EVENT_REQUEST] = "request",
	[EVENT_ATTEMPT] = "attempt",
	[EVENT_AWAKE] = "awake",
	[EVENT_READY] = "ready",
	[EVENT_REPLAYED] = "replayed",
	[EVENT_NO_SIGN_OF_LIFE] = "no-sign-of-life",
	[EVENT_CONFLICT] = "conflict",
	[EVENT_YIELDED] = "yielded",
	[EVENT_RECLAIMED] = "reclaimed",
	[EVENT_NIC_ANSWERS] = "nic-answers",
	[EVENT_GATE_OVER] = "gate-over",
	[EVENT_SCANNER] = "scanner",
	[EVENT_WAKE_LIMIT] = "wake-limit",
	[EVENT_LEFT_OUT] = "left-out",
	[EVENT_PAIRED] = "paired",
	[EVENT_UNPAIRED] = "unpaired",
	[EVENT_STAYS] = "stays",
};

static const char *const knock_names[KNOCK_KINDS] = {
	[KNOCK_NONE] = "",   [KNOCK_TCP] = "tcp",   [KNOCK_TCP_DATA] = "tcp",
	[KNOCK_UDP] = "udp", [KNOCK_ECHO] = "echo",
};

const char *machine_state_name(enum machine_state s)
{
	return state_names[s];
}

const char *wake_by_name(enum wake_by b)
{
	return by_names[b];
}

const char *event_kind_name(enum event_kind k)
{
	return kind_names[k];
}

const char *knock_kind_name(enum knock_kind k)
{
	return knock_names[k];
}

bool event_sane(const struct event *e)
{
	return e->kind < EVENT_KINDS && e->by < BY_KINDS && e->knock < KNOCK_KINDS &&
	       addr_sane(&e->from) && addr_sane(&e->to) && memchr(e->name, 0, sizeof(e->name)) &&
	       memchr(e->who, 0, sizeof(e->who));
}

bool machine_past_sane(const struct machine_past *p)
{
	const struct wake_record *w = &p->last_wake;

	return p->state < MACHINE_STATES && w->by < BY_KINDS && w->knock < KNOCK_KINDS &&
	       addr_sane(&w->from) && addr_sane(&w->to) && memchr(w->who, 0, sizeof(w->who));
}
