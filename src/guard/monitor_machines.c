/*
 * monitor_machines: which machines are guarded: the store keeps them, the directory checks the engine's requests against
 * them, the engine runs them. This file keeps the three the same.
 */
#include "guard/monitor.h"

#include "guard/reload.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SYNC_AFTER 500000 /* us: a power cut loses at most this and the disk's own time */

void machines_sync_soon(struct monitor *m)
{
	uint64_t at = clock_monotonic_us() + SYNC_AFTER;

	if (store_dirty(m->store) && m->sync.at == NEVER && !(m->syncer && syncer_busy(m->syncer)))
		loop_timer_set(&m->sync, at);
}

/* Puts a machine into the directory and tells the engine; `request` is the engine's, or 0. */
static void list_and_tell(struct monitor *m, const struct store_machine *s, uint32_t request)
{
	struct ipc_message q = { .kind = IPC_MACHINE, .request = request };
	struct listing *l;

	if (directory_put(&m->directory, s->id, &s->spec, &l) < 0) {
		log_error("%s is not guarded: out of memory", s->spec.name);
		return;
	}
	l->interface = lan_slot_for(&m->lan, s->spec.interface, s->spec.addresses,
				    s->spec.addresses_n);
	if (s->has_past)
		l->state = s->past.state;
	q.machine.id = s->id;
	q.machine.interface = l->interface;
	q.machine.has_past = s->has_past;
	q.machine.past = s->past;
	q.machine.spec = s->spec;
	role_tell(m, ROLE_ENGINE, &q);
	relay_side_machine(m, s->id);
}

static void tell_gone(struct monitor *m, uint32_t id, uint32_t request)
{
	struct ipc_message q = { .kind = IPC_FORGOTTEN, .request = request, .id = id };

	directory_remove(&m->directory, id);
	role_tell(m, ROLE_ENGINE, &q);
	relay_side_machine_gone(m, id);
}

static void put_file_machine(struct monitor *m, uint32_t id, const struct spec *spec)
{
	struct store_machine s = { .spec = *spec };
	const struct addr *off;
	char address[ADDR_TEXT];
	char fault[200];
	int r;

	if (lan_check(&m->lan, spec, fault, sizeof(fault)) < 0) {
		log_error("%s (line %u of the configuration) is not guarded: %s", spec->name,
			  spec->line, fault);
		return;
	}
	r = store_put_machine(m->store, id, spec, &s.id);
	if (r < 0 || store_machine(m->store, s.id, &s) < 0) {
		log_error("%s (line %u of the configuration) is not guarded: %s", spec->name,
			  spec->line, strerror(-r));
		return;
	}
	list_and_tell(m, &s, 0);
	off = lan_off_link(&m->lan, spec);
	if (off)
		log_warning("%s (line %u of the configuration): address %s is on no link of the "
			    "guard's now; it is "
			    "guarded as soon as it is",
			    spec->name, spec->line, addr_format(off, address));
}

static void apply_step(void *who, enum reload_step what, uint32_t id, const struct spec *spec)
{
	struct monitor *m = who;
	struct store_machine other;

	switch (what) {
	case RELOAD_REMOVE:
		if (store_forget(m->store, id) == 0)
			tell_gone(m, id, 0);
		return;
	case RELOAD_CHANGE:
	case RELOAD_ADD:
		put_file_machine(m, id, spec);
		return;
	case RELOAD_CLASH:
		if (store_machine(m->store, id, &other) < 0)
			return;
		log_error("%s (line %u of the configuration) is not guarded: its name or an "
			  "address is taken by machine %s, "
			  "which %s; `rouse remove` that one, then reload",
			  spec->name, spec->line, other.spec.name,
			  other.spec.origin == SPEC_ADDED ? "was added by command"
							  : "registered itself");
		return;
	case RELOAD_STEPS:
		return;
	}
}

int machines_load(struct monitor *m)
{
	return reload_plan(m->store, &m->config, apply_step, m);
}

void machines_reload(struct monitor *m)
{
	int r = reload_plan(m->store, &m->config, apply_step, m);

	if (r < 0)
		log_error("the machines of the configuration were not all taken over: %s",
			  strerror(-r));
	machines_sync_soon(m);
}

void machines_tell_all(struct monitor *m)
{
	struct store_machine s = { .id = 0 };

	while (store_next(m->store, s.id, &s))
		list_and_tell(m, &s, 0);
}

void machines_relocate(struct monitor *m)
{
	struct store_machine s = { .id = 0 };

	while (store_next(m->store, s.id, &s)) {
		struct listing *l = directory_find(&m->directory, s.id);
		uint8_t slot = lan_slot_for(&m->lan, s.spec.interface, s.spec.addresses,
					    s.spec.addresses_n);

		if (l && l->interface != slot)
			list_and_tell(m, &s, 0);
	}
}

static void refuse(struct monitor *m, uint32_t request, enum ipc_code code, const char *why)
{
	struct ipc_message q = { .kind = IPC_REFUSED, .request = request };

	q.result.code = code;
	strncpy(q.result.text, why, sizeof(q.result.text) - 1);
	role_tell(m, ROLE_ENGINE, &q);
}

static void refuse_store(struct monitor *m, uint32_t request, int error)
{
	char why[IPC_TEXT];

	if (error == -EEXIST) {
		refuse(m, request, RESULT_REFUSED, "another machine has its name or MAC");
		return;
	}
	snprintf(why, sizeof(why), "it could not be stored in %s: %s; nothing was changed",
		 m->config.state_dir, strerror(-error));
	refuse(m, request, RESULT_FULL, why);
}

void machines_check(struct monitor *m, const struct ipc_message *q)
{
	struct ipc_message a = { .kind = IPC_CHECKED, .request = q->request };

	a.result.code = RESULT_OK;
	if (lan_check(&m->lan, &q->machine.spec, a.result.text, sizeof(a.result.text)) < 0) {
		a.result.code = RESULT_REFUSED;
		a.result.id = lan_faulty(&m->lan, &q->machine.spec);
	}
	role_tell(m, ROLE_ENGINE, &a);
}

/* A machine of the configuration is its owner's alone. */
static bool is_of_file(const struct monitor *m, uint32_t id, struct store_machine *s)
{
	return store_machine(m->store, id, s) == 0 && s->spec.origin == SPEC_FILE;
}

/* What an engine that does what it should never asks for; NULL: it may. */
static const char *forbids(const struct monitor *m, const struct ipc_machine *asked)
{
	struct store_machine s;

	if (asked->spec.origin == SPEC_FILE || is_of_file(m, asked->id, &s))
		return "the engine asked to store a machine of the configuration";
	if (asked->spec.origin == SPEC_REGISTERED && m->config.register_mode == REGISTER_OFF)
		return "the engine asked to store a registration, with register = off";
	return NULL;
}

void machines_store(struct monitor *m, const struct ipc_message *q)
{
	struct store_machine s = { .id = 0 };
	const char *forbidden = forbids(m, &q->machine);
	char fault[200];
	int r;

	if (forbidden) {
		log_error("%s", forbidden);
		refuse(m, q->request, RESULT_REFUSED, "not permitted");
		return;
	}
	if (lan_check(&m->lan, &q->machine.spec, fault, sizeof(fault)) < 0) {
		refuse(m, q->request, RESULT_REFUSED, fault);
		return;
	}
	if (q->machine.id == 0 && store_machines(m->store) >= m->config.machines_max) {
		refuse(m, q->request, RESULT_FULL,
		       "too many machines (machines-max in roused.conf)");
		return;
	}
	r = store_put_machine(m->store, q->machine.id, &q->machine.spec, &s.id);
	if (r >= 0)
		r = store_machine(m->store, s.id, &s);
	if (r < 0) {
		refuse_store(m, q->request, r);
		return;
	}
	list_and_tell(m, &s, q->request);
}

void machines_forget(struct monitor *m, const struct ipc_message *q)
{
	struct store_machine s;
	int r;

	/* With keep = no one that does not wake is let go, whoever described it. */
	if (m->config.keep && is_of_file(m, q->id, &s)) {
		log_error("the engine asked to forget a machine of the configuration");
		refuse(m, q->request, RESULT_REFUSED, "not permitted");
		/* If it was meant before `keep` changed, the engine thinks it gone. */
		list_and_tell(m, &s, 0);
		return;
	}
	r = store_forget(m->store, q->id);
	if (r < 0 && r != -ENOENT)
		refuse_store(m, q->request, r);
	else
		tell_gone(m, q->id, q->request);
}

void machines_past(struct monitor *m, const struct ipc_message *q)
{
	struct listing *l = directory_find(&m->directory, q->past.id);

	/* It may have been removed while this was on its way. */
	if (!l)
		return;
	l->state = q->past.past.state;
	store_put_past(m->store, q->past.id, &q->past.past);
	relay_side_machine(m, q->past.id);
}
