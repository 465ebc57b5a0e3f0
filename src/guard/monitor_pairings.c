/*
 * monitor_pairings: pairings of sleepers: the engine has them stored, control has them listed and ended.
 *
 * A key goes to the store and to the engine, and nowhere else. Refuses to know how a pairing comes about.
 */
#include "guard/monitor.h"

#include "proto/keys.h"
#include "sys/clock.h"

#include <stdio.h>
#include <string.h>

#define PAGE 32

static void answer(struct monitor *m, enum role_kind role, enum ipc_kind kind, uint32_t request,
		   const struct ipc_result *r)
{
	struct ipc_message q = { .kind = kind, .request = request };

	q.result = *r;
	role_tell(m, role, &q);
}

/* What its machine is called now, or what its sleeper called itself. */
static const char *name_of(const struct monitor *m, const struct pairing *p,
			   struct store_machine *scratch)
{
	uint32_t id = store_by_mac(m->store, &p->mac);

	return id && store_machine(m->store, id, scratch) == 0 ? scratch->spec.name : p->name;
}

static void tell_event(struct monitor *m, struct event e, const struct pairing *p)
{
	struct store_machine machine;

	e.wall_ms = clock_wall_ms();
	e.machine = store_by_mac(m->store, &p->mac);
	(void)snprintf(e.name, sizeof(e.name), "%s", name_of(m, p, &machine));
	monitor_event(m, &e);
}

static void tell_engine(struct monitor *m, const struct pairing *p)
{
	struct ipc_message q = { .kind = IPC_PAIRING };

	q.pairing.pairing = *p;
	role_tell(m, ROLE_ENGINE, &q);
	keys_wipe(&q, sizeof(q));
}

void pairings_tell_all(struct monitor *m)
{
	const struct pairing *p;

	for (size_t i = 0; (p = store_pairing(m->store, i)) != NULL; i++)
		tell_engine(m, p);
}

void pairings_pair(struct monitor *m, const struct ipc_message *q)
{
	struct pairing p = q->pairing.pairing;
	struct ipc_result r = { .code = RESULT_OK };
	int e;

	p.since_ms = clock_wall_ms();
	e = store_pair(m->store, &p);
	if (e < 0) {
		r.code = RESULT_FULL;
		(void)snprintf(r.text, sizeof(r.text), "it could not be stored in %s: %s",
			       m->config.state_dir, strerror(-e));
	} else {
		tell_engine(m, &p);
		tell_event(m, (struct event){ .kind = EVENT_PAIRED, .from = q->pairing.from }, &p);
	}
	answer(m, ROLE_ENGINE, IPC_PAIR_STORED, q->request, &r);
	keys_wipe(&p, sizeof(p));
}

/* By the name of its machine; one without a machine by its own. */
static const struct pairing *find(const struct monitor *m, const char *name)
{
	struct store_machine machine;
	uint32_t id = store_by_name(m->store, name);
	const struct pairing *p = NULL;

	/* Another one may have called itself so as well, when nobody was. */
	if (id && store_machine(m->store, id, &machine) == 0)
		p = store_pairing_of(m->store, &machine.spec.mac);
	if (p)
		return p;
	for (size_t i = 0; (p = store_pairing(m->store, i)) != NULL; i++) {
		if (strcmp(name_of(m, p, &machine), name) == 0)
			return p;
	}
	return NULL;
}

void pairings_unpair(struct monitor *m, const struct ipc_message *q)
{
	const struct pairing *p = find(m, q->name.name);
	struct ipc_message gone = { .kind = IPC_UNPAIRED };
	struct event e = { .kind = EVENT_UNPAIRED, .by = BY_REQUEST };
	struct ipc_result r = { .code = RESULT_OK };
	struct pairing was;

	if (!p) {
		r.code = store_by_name(m->store, q->name.name) ? RESULT_REFUSED : RESULT_NOT_FOUND;
		(void)snprintf(r.text, sizeof(r.text), "%s",
			       r.code == RESULT_REFUSED ? "it is not paired" : "");
		answer(m, ROLE_CONTROL, IPC_RESULT, q->request, &r);
		return;
	}
	was = *p;
	(void)snprintf(e.who, sizeof(e.who), "uid %u", q->name.uid);
	if (store_unpair(m->store, was.id) == 0) {
		memcpy(gone.pairing_id, was.id, sizeof(gone.pairing_id));
		role_tell(m, ROLE_ENGINE, &gone);
		tell_event(m, e, &was);
	}
	keys_wipe(&was, sizeof(was));
	answer(m, ROLE_CONTROL, IPC_RESULT, q->request, &r);
}

void pairings_list(struct monitor *m, const struct ipc_message *q)
{
	struct ipc_message a = { .kind = IPC_PAIRING_ENTRY, .request = q->request };
	struct ipc_result end = { .code = RESULT_OK };
	size_t i = (size_t)q->page.id;
	struct store_machine machine;
	const struct pairing *p;

	for (size_t n = 0; n < PAGE && (p = store_pairing(m->store, i)) != NULL; n++, i++) {
		a.pairing.pairing = *p;
		memset(a.pairing.pairing.key, 0, sizeof(p->key));
		(void)snprintf(a.pairing.pairing.name, sizeof(p->name), "%s",
			       name_of(m, p, &machine));
		role_tell(m, ROLE_CONTROL, &a);
	}
	end.code = store_pairing(m->store, i) ? RESULT_MORE : RESULT_OK;
	end.id = (uint32_t)i;
	answer(m, ROLE_CONTROL, IPC_RESULT, q->request, &end);
}
