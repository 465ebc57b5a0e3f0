/*
 * engine_paired: which machines are paired, and what the rest of the engine wants to know and to say of that.
 *
 * Owns the table. Refuses to know how a pairing comes about, and connections.
 */
#include "guard/engine_lease.h"

#include "proto/keys.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdlib.h>
#include <string.h>

struct paired *lease_by_id(const struct leases *l, const char *id)
{
	for (size_t i = 0; i < l->paired_n; i++) {
		if (strcmp(l->paired[i]->pairing.id, id) == 0)
			return l->paired[i];
	}
	return NULL;
}

struct paired *lease_by_mac(const struct leases *l, const struct mac *mac)
{
	for (size_t i = 0; i < l->paired_n; i++) {
		if (mac_equal(&l->paired[i]->pairing.mac, mac))
			return l->paired[i];
	}
	return NULL;
}

struct machine *lease_machine(const struct leases *l, const struct paired *p)
{
	return home_by_mac(l->engine->home, &p->pairing.mac);
}

/* Also those that have proved nothing yet: their keys are of a pairing that is no more. */
static void break_all(struct leases *l, const struct paired *p, const char *word, const char *text)
{
	list_each_safe(it, &l->sessions)
	{
		struct session *s = container_of(it, struct session, in);

		if (s->paired == p)
			session_break(l, s, word, text);
	}
}

static void watch(const struct leases *l, const struct paired *p, bool has_sleeper)
{
	struct machine *m = lease_machine(l, p);

	if (m)
		home_watch(l->engine->home, m, has_sleeper, clock_now());
}

void engine_lease_machine(struct engine *e, struct machine *m, struct moment now)
{
	home_watch(e->home, m, lease_by_mac(e->leases, machine_mac(m)) != NULL, now);
}

void engine_paired(struct engine *e, const struct pairing *p)
{
	struct leases *l = e->leases;
	struct paired *known = lease_by_id(l, p->id);

	l->due_known = false;
	if (!known)
		known = lease_by_mac(l, &p->mac);
	if (!known) {
		known = l->paired_n < PAIRINGS_MAX ? calloc(1, sizeof(*known)) : NULL;
		if (!known) {
			log_error("engine: no room for the pairing of %s", p->name);
			return;
		}
		l->paired[l->paired_n++] = known;
	} else {
		break_all(l, known, "replaced", "the machine was paired anew");
	}
	known->pairing = *p;
	known->test.step = TEST_NONE;
	watch(l, known, true);
}

void engine_pair_stored(struct engine *e, const struct ipc_message *m)
{
	e->leases->due_known = false;
	code_stored(e->leases, m);
}

void engine_unpaired(struct engine *e, const char *id)
{
	struct leases *l = e->leases;
	struct paired *p = lease_by_id(l, id);
	size_t i = 0;

	if (!p)
		return;
	l->due_known = false;
	break_all(l, p, "unpaired", "the guard ended the pairing");
	watch(l, p, false);
	while (l->paired[i] != p)
		i++;
	l->paired[i] = l->paired[--l->paired_n];
	keys_wipe(p, sizeof(*p));
	free(p);
}

bool engine_lease_owns(const struct engine *e, const struct spec *s)
{
	const struct leases *l = e->leases;

	if (lease_by_mac(l, &s->mac))
		return true;
	for (uint16_t i = 0; i < s->addresses_n; i++) {
		for (uint8_t n = 0; n < HOME_INTERFACES; n++) {
			const struct machine *m = home_by_address(e->home, n, &s->addresses[i]);

			if (m && lease_by_mac(l, machine_mac(m)))
				return true;
		}
	}
	return false;
}

void engine_lease_status(const struct engine *e, const struct machine *m,
			 struct ipc_sleeper *ret_sleeper)
{
	const struct paired *p = lease_by_mac(e->leases, machine_mac(m));

	*ret_sleeper = (struct ipc_sleeper){ .paired = 0 };
	if (!p)
		return;
	ret_sleeper->paired = 1;
	ret_sleeper->held = p->held;
	ret_sleeper->since_ms = p->since_ms;
	ret_sleeper->source = p->source;
}

void engine_lease_event(struct engine *e, const struct event *event)
{
	const struct machine *m = event->machine ? home_by_id(e->home, event->machine) : NULL;
	struct paired *p = m ? lease_by_mac(e->leases, machine_mac(m)) : NULL;

	if (p && p->test.step != TEST_NONE)
		test_event(p, event, clock_now());
	e->leases->due_known = false;
}

void engine_lease_port_open(struct engine *e, uint8_t interface, const struct addr *a,
			    uint16_t port, struct moment now)
{
	e->leases->due_known = false;
	for (size_t i = 0; i < e->leases->paired_n; i++)
		test_port_open(e->leases->paired[i], interface, a, port, now);
}
