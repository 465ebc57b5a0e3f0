/*
 * engine_requests: what control asks for on behalf of people and machines, and what the store says to it.
 *
 * A machine is guarded only after the monitor has stored it. One store request is under way at a time, the others wait
 * in a queue, so that two registrations cannot both be found free of conflict.
 */
#include "guard/engine.h"

#include "base/text.h"
#include "proto/registration.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STORES_MAX 256 /* requests waiting for the store */

enum store_kind { STORE_ADD, STORE_REGISTER, STORE_FORGET };

struct store_request {
	struct store_request *next;
	enum store_kind kind;
	uint32_t request; /* control's */
	uint32_t uid; /* ADD, FORGET: who asked */
	bool goodbye;
	uint32_t lease; /* REGISTER: the one that said it; 0: none did */
	struct addr peer; /* REGISTER: who did */
	struct ipc_machine machine;
};

struct store_queue {
	struct store_request *first, **last;
	size_t count;
	bool under_way; /* the monitor was asked for the first */
};

int engine_requests_init(struct engine *e)
{
	e->stores = calloc(1, sizeof(*e->stores));
	if (!e->stores)
		return -ENOMEM;
	e->stores->last = &e->stores->first;
	return 0;
}

/* A control that does not listen loses its answer: its client is told that it took too long. */
static void engine_tell_control(struct engine *e, const struct ipc_message *m)
{
	int r = channel_send(e->control, m, ipc_length(m), NULL, 0);

	if (r < 0)
		log_warning("engine: an answer to control is lost: %s", strerror(-r));
}

void engine_result(struct engine *e, uint32_t request, enum ipc_code code, uint32_t id,
		   const char *text)
{
	struct ipc_message m = { .kind = IPC_RESULT, .request = request };
	struct text t = text_over(m.result.text, sizeof(m.result.text));

	if (request == 0)
		return;
	m.result.code = code;
	m.result.id = id;
	text_string(&t, text);
	engine_tell_control(e, &m);
}

/* To who made the request. */
static void tell(struct engine *e, const struct store_request *r, enum ipc_code code, uint32_t id,
		 const char *text)
{
	if (r->lease)
		engine_lease_stored(e, r->lease, code, text, clock_now());
	else
		engine_result(e, r->request, code, id, text);
}

/* What is taken, and by whom, in words. */
static void refuse_conflict(struct engine *e, const struct store_request *r,
			    const struct machine *other)
{
	const struct spec *s = &r->machine.spec;
	struct spec theirs;
	char text[IPC_TEXT];
	char a[ADDR_TEXT];
	struct text t = text_over(text, sizeof(text));

	machine_spec_of(other, &theirs);
	if (mac_equal(&theirs.mac, &s->mac)) {
		text_string(&t, "the MAC address ");
		text_string(&t, mac_format(&s->mac, a));
	} else if (strcmp(theirs.name, s->name) == 0) {
		text_string(&t, "the name");
	} else {
		text_string(&t, "an address");
		for (uint16_t i = 0; i < s->addresses_n; i++) {
			if (home_by_address(e->home, machine_interface(other), &s->addresses[i]) !=
			    other)
				continue;
			t = text_over(text, sizeof(text));
			text_string(&t, addr_format(&s->addresses[i], a));
			break;
		}
	}
	text_string(&t, " is taken by machine ");
	text_escaped_utf8(&t, theirs.name, strlen(theirs.name));
	text_string(&t, "; `rouse remove` it first if it is no more");
	tell(e, r, RESULT_REFUSED, machine_id(other), text);
}

/* Asks the monitor for the first of the queue; what conflicts by now is refused instead. */
static void next_store(struct engine *e)
{
	struct store_queue *q = e->stores;

	/* Whoever is told something may have something new to be stored. */
	while (q->first && !q->under_way) {
		struct store_request *r = q->first;
		const struct machine *other = NULL;
		struct machine *own = home_by_mac(e->home, &r->machine.spec.mac);
		struct ipc_message m = { .request = 1 };

		if (r->kind == STORE_FORGET) {
			m.kind = IPC_FORGET;
			m.id = r->machine.id;
			q->under_way = true;
			engine_tell_monitor(e, &m);
			return;
		}
		if (r->kind == STORE_ADD)
			own = NULL;
		if (home_check(e->home, &r->machine.spec, own, &other) == 0) {
			m.kind = IPC_STORE;
			m.machine = r->machine;
			m.machine.id = own ? machine_id(own) : 0;
			q->under_way = true;
			engine_tell_monitor(e, &m);
			return;
		}
		q->first = r->next;
		if (!q->first)
			q->last = &q->first;
		q->count--;
		refuse_conflict(e, r, other);
		free(r);
	}
}

static void enqueue(struct engine *e, const struct store_request *asked)
{
	struct store_queue *q = e->stores;
	struct store_request *r = q->count < STORES_MAX ? calloc(1, sizeof(*r)) : NULL;

	if (!r) {
		tell(e, asked, RESULT_FULL, 0, "too many requests at once; try again in a second");
		return;
	}
	*r = *asked;
	*q->last = r;
	q->last = &r->next;
	if (q->count++ == 0)
		next_store(e);
}

void engine_store_lease(struct engine *e, uint32_t lease, const struct ipc_machine *im)
{
	enqueue(e,
		&(struct store_request){ .kind = STORE_REGISTER, .lease = lease, .machine = *im });
}

void engine_put_asker(uint32_t uid, char to[static SPEC_NAME_MAX + 1])
{
	struct text t = text_over(to, SPEC_NAME_MAX + 1);

	text_string(&t, "uid ");
	text_u64(&t, uid);
}

/* Takes the request that the monitor has just answered from the queue; the caller frees it, then asks for the next. */
static struct store_request *take_answered(struct engine *e)
{
	struct store_queue *q = e->stores;
	struct store_request *r = q->first;

	if (!r) {
		log_error("engine: the monitor answered a request that nobody made");
		exit(EXIT_FAILURE);
	}
	q->first = r->next;
	if (!q->first)
		q->last = &q->first;
	q->count--;
	q->under_way = false;
	return r;
}

/* Puts a machine into the home, or in place of its earlier self. */
static struct machine *settle(struct engine *e, struct machine *old, const struct ipc_machine *im,
			      struct moment now)
{
	void *memory = calloc(1, machine_size(&im->spec));

	if (!memory) {
		log_error("engine: no memory for machine %s", im->spec.name);
		exit(EXIT_FAILURE);
	}
	struct machine *m = machine_place(memory, &im->spec, im->id);

	if (!old) {
		home_add(e->home, m, im->interface, im->has_past ? &im->past : NULL, now);
		return m;
	}
	home_replace(e->home, old, m, now);
	free(old);
	if (machine_interface(m) != im->interface)
		home_move(e->home, m, im->interface, now);
	return m;
}

static void grow(struct engine *e)
{
	size_t n = home_wants_buckets(e->home);
	struct hash_node **old_address;
	struct hash_node **old_mac;

	if (n == 0)
		return;
	struct hash_node **address = calloc(n, sizeof(*address));
	struct hash_node **mac = calloc(n, sizeof(*mac));

	if (!address || !mac) {
		/* It works on with longer chains. */
		free(address);
		free(mac);
		return;
	}
	home_grow(e->home, address, mac, n, &old_address, &old_mac);
	free(old_address);
	free(old_mac);
}

/* The store's word on the request at the head of the queue; the next one may go. */
static void answer_store(struct engine *e, enum ipc_code code, uint32_t id, const char *text)
{
	struct store_request *r = take_answered(e);

	tell(e, r, code, id, text);
	free(r);
	next_store(e);
}

/* Who made the request that is answered now, if it is of that kind. */
static const uint32_t *asker(const struct engine *e, enum store_kind kind)
{
	const struct store_request *r = e->stores->first;

	return r && r->kind == kind ? &r->uid : NULL;
}

void engine_say_goodbye(struct engine *e, struct machine *m, const struct addr *peer,
			const char *why, struct moment now)
{
	e->registrant = peer;
	e->why = why;
	home_goodbye(e->home, m, now);
	e->registrant = NULL;
	e->why = NULL;
}

/* The file's machines come unasked, and may collide with one that registered meanwhile. */
static void reject_grant(struct engine *e, const struct ipc_message *m, const struct machine *other)
{
	struct ipc_message forget = { .kind = IPC_FORGET, .id = m->machine.id };

	log_warning("%s is not guarded: its name, MAC or an address is taken by machine %s",
		    m->machine.spec.name, machine_name(other));
	if (m->request == 0)
		return;
	engine_tell_monitor(e, &forget);
	answer_store(e, RESULT_REFUSED, machine_id(other),
		     "its name, MAC or an address was taken meanwhile");
}

void engine_machine_granted(struct engine *e, const struct ipc_message *m, struct moment now)
{
	const struct machine *other = NULL;
	struct machine *own = home_by_id(e->home, m->machine.id);

	if (home_check(e->home, &m->machine.spec, own, &other) < 0) {
		reject_grant(e, m, other);
		return;
	}
	grow(e);
	e->asker = m->request != 0 ? asker(e, STORE_ADD) : NULL;
	struct machine *machine = settle(e, own, &m->machine, now);

	engine_lease_machine(e, machine, now);

	e->asker = NULL;
	if (m->request == 0)
		return;
	if (e->stores->first && e->stores->first->kind == STORE_REGISTER &&
	    e->stores->first->goodbye)
		engine_say_goodbye(e, machine, &e->stores->first->peer, NULL, now);
	answer_store(e, RESULT_OK, machine_id(machine), "");
}

void engine_machine_forgotten(struct engine *e, const struct ipc_message *m, struct moment now)
{
	struct machine *machine = home_by_id(e->home, m->id);

	if (machine) {
		e->asker = m->request != 0 ? asker(e, STORE_FORGET) : NULL;
		home_remove(e->home, machine, now);
		e->asker = NULL;
		free(machine);
	}
	if (m->request != 0)
		answer_store(e, RESULT_OK, m->id, "");
}

void engine_store_refused(struct engine *e, const struct ipc_message *m)
{
	if (m->request != 0)
		answer_store(e, m->result.code, 0, m->result.text);
}

/* A registration without a name came with the one made of the MAC: it does not take away a name given earlier. */
static void keep_name(struct spec *s, const char known[static SPEC_NAME_MAX + 1])
{
	char made[SPEC_NAME_MAX + 1];

	registration_default_name(&s->mac, made);
	if (strcmp(s->name, made) == 0)
		memcpy(s->name, known, sizeof(s->name));
}

/* A registration never takes another machine's name. */
static void avoid_taken_name(const struct engine *e, const struct machine *known, struct spec *s)
{
	static const size_t room = SPEC_NAME_MAX - 5;
	const struct machine *named = home_by_name(e->home, s->name);
	size_t n = strlen(s->name);

	if (!named || named == known)
		return;
	while (n > room || (n > 0 && ((uint8_t)s->name[n] & 0xc0) == 0x80))
		n--;
	struct text t = text_over(s->name + n, sizeof(s->name) - n);

	text_char(&t, '-');
	text_hex(&t, (uint64_t)(s->mac.b[4] << 8 | s->mac.b[5]), 4);
}

/*
 * What the owner of the guard said of a machine stands: its own word is only that it goes to sleep. So it is with one
 * that says what it said before, unless something else about it may be on its way to the store.
 */
static bool nothing_new(const struct engine *e, const struct spec *said, const struct spec *known)
{
	return known->origin != SPEC_REGISTERED ||
	       (e->stores->count == 0 && spec_equal(said, known));
}

/* True: it is said that somebody else speaks for it. */
static bool is_paired(struct engine *e, uint32_t request, const struct spec *s)
{
	if (!engine_lease_owns(e, s))
		return false;
	engine_result(e, request, RESULT_REFUSED, 0,
		      "this machine is paired: only its own sleeper (rouse-sleeper) speaks "
		      "for it and its addresses, until `rouse unpair` on the guard");
	return true;
}

void engine_registration_verified(struct engine *e, uint32_t request,
				  const struct ipc_registration *r, struct moment now)
{
	struct machine *known = home_by_mac(e->home, &r->spec.mac);
	struct ipc_machine im = { .interface = HOME_NO_INTERFACE, .spec = r->spec };
	struct spec theirs;

	/* It may have been paired while its addresses were looked at. */
	if (is_paired(e, request, &r->spec))
		return;
	im.spec.origin = SPEC_REGISTERED;
	if (known) {
		machine_spec_of(known, &theirs);
		keep_name(&im.spec, theirs.name);
	}
	avoid_taken_name(e, known, &im.spec);
	if (known && nothing_new(e, &im.spec, &theirs)) {
		if (r->goodbye)
			engine_say_goodbye(e, known, &r->peer, NULL, now);
		engine_result(e, request, RESULT_OK, machine_id(known), "");
	} else if (known && !home_may_change(e->home, known, now)) {
		engine_result(e, request, RESULT_FULL, machine_id(known),
			      "it changes too often; try again in a minute");
	} else {
		enqueue(e, &(struct store_request){ .kind = STORE_REGISTER,
						    .request = request,
						    .goodbye = r->goodbye,
						    .peer = r->peer,
						    .machine = im });
	}
}

static void request_register(struct engine *e, const struct ipc_message *m, struct moment now)
{
	if (!e->going) {
		engine_result(e, m->request, RESULT_FULL, 0,
			      "the guard is just starting; try again");
		return;
	}
	if (is_paired(e, m->request, &m->registration.spec))
		return;
	if (!m->registration.trusted) {
		engine_verify(e, m->request, &m->registration);
		return;
	}
	engine_registration_verified(e, m->request, &m->registration, now);
}

static void request_add(struct engine *e, const struct ipc_message *m)
{
	struct ipc_machine im = m->machine;

	im.id = 0;
	im.spec.origin = SPEC_ADDED;
	enqueue(e,
		&(struct store_request){
			.kind = STORE_ADD, .request = m->request, .uid = im.uid, .machine = im });
}

static void request_remove(struct engine *e, const struct ipc_message *m)
{
	struct machine *machine = home_by_name(e->home, m->name.name);
	struct ipc_machine im = { .interface = HOME_NO_INTERFACE };

	if (!machine) {
		engine_result(e, m->request, RESULT_NOT_FOUND, 0, "no such machine");
		return;
	}
	machine_spec_of(machine, &im.spec);
	if (im.spec.origin == SPEC_FILE) {
		char text[IPC_TEXT];
		struct text t = text_over(text, sizeof(text));

		text_string(&t, "it is in the configuration file, line ");
		text_u64(&t, im.spec.line);
		text_string(&t, ": remove it there and reload roused (SIGHUP)");
		engine_result(e, m->request, RESULT_REFUSED, machine_id(machine), text);
		return;
	}
	im.id = machine_id(machine);
	im.uid = m->name.uid;
	enqueue(e, &(struct store_request){ .kind = STORE_FORGET,
					    .request = m->request,
					    .uid = im.uid,
					    .machine = im });
}

static void request_wake(struct engine *e, const struct ipc_message *m, struct moment now)
{
	struct machine *machine = home_by_name(e->home, m->name.name);
	char who[SPEC_NAME_MAX + 1];

	if (!machine) {
		engine_result(e, m->request, RESULT_NOT_FOUND, 0, "no such machine");
		return;
	}
	engine_put_asker(m->name.uid, who);
	switch (home_wake_asked(e->home, machine, who, now)) {
	case WAKE_STARTED:
		engine_result(e, m->request, RESULT_OK, machine_id(machine), "");
		return;
	case WAKE_ALREADY_AWAKE:
		engine_result(e, m->request, RESULT_ALREADY_AWAKE, machine_id(machine),
			      "it is awake");
		return;
	case WAKE_UNREACHABLE:
		engine_result(e, m->request, RESULT_UNREACHABLE, machine_id(machine),
			      "no interface of the guard with a link leads to it");
		return;
	}
}

static void request_sleep(struct engine *e, const struct ipc_message *m)
{
	const struct machine *machine = home_by_name(e->home, m->name.name);
	char who[SPEC_NAME_MAX + 1];
	enum ipc_code code;
	uint32_t number;

	if (!machine) {
		engine_result(e, m->request, RESULT_NOT_FOUND, 0, "no such machine");
		return;
	}
	if (machine_state_of(machine) == MACHINE_ASLEEP) {
		engine_result(e, m->request, RESULT_ALREADY_ASLEEP, machine_id(machine), "");
		return;
	}
	/* It has said goodbye, and is on its way. */
	if (machine_state_of(machine) == MACHINE_DROWSY) {
		engine_result(e, m->request, RESULT_OK, machine_id(machine), "");
		return;
	}
	engine_put_asker(m->name.uid, who);
	code = engine_lease_ask(e, machine, m->request, who, &number);
	if (code == RESULT_NO_SLEEPER)
		engine_result(e, m->request, code, machine_id(machine),
			      "no sleeper holds a lease for it: is rouse-sleeper running there, "
			      "and paired (`rouse pair`)?");
	else if (code != RESULT_OK)
		engine_result(e, m->request, code, machine_id(machine),
			      "its sleeper is asked already; try again in some seconds");
}

static void send_status(struct engine *e, uint32_t request, const struct machine *machine)
{
	struct ipc_message m = { .kind = IPC_STATUS_ENTRY, .request = request };

	m.machine.id = machine_id(machine);
	m.machine.interface = machine_interface(machine);
	m.machine.has_past = true;
	machine_past_of(machine, &m.machine.past);
	machine_spec_of(machine, &m.machine.spec);
	engine_lease_status(e, machine, &m.machine.sleeper);
	engine_tell_control(e, &m);
}

static void request_status(struct engine *e, const struct ipc_message *m)
{
	const struct machine *machine;
	uint32_t sent = 0;

	if (m->page.name[0]) {
		machine = home_by_name(e->home, m->page.name);
		if (machine)
			send_status(e, m->request, machine);
		engine_result(e, m->request, machine ? RESULT_OK : RESULT_NOT_FOUND, 0,
			      machine ? "" : "no such machine");
		return;
	}
	machine = m->page.id ? home_by_id(e->home, (uint32_t)m->page.id) : NULL;
	/* The one shown last is gone: better an end than the same again. */
	if (m->page.id && !machine) {
		engine_result(e, m->request, RESULT_OK, 0, "");
		return;
	}
	while ((machine = home_next(e->home, machine)) != NULL) {
		send_status(e, m->request, machine);
		if (++sent >= m->page.most) {
			engine_result(e, m->request, RESULT_MORE, machine_id(machine), "");
			return;
		}
	}
	engine_result(e, m->request, RESULT_OK, 0, "");
}

void engine_request(struct engine *e, const struct ipc_message *m, struct moment now)
{
	switch (m->kind) {
	case IPC_REGISTER:
		request_register(e, m, now);
		return;
	case IPC_ADD:
		request_add(e, m);
		return;
	case IPC_REMOVE:
		request_remove(e, m);
		return;
	case IPC_WAKE_PLEASE:
		request_wake(e, m, now);
		return;
	case IPC_STATUS:
		request_status(e, m);
		return;
	case IPC_SLEEP_PLEASE:
		request_sleep(e, m);
		return;
	case IPC_LEASE_OPENING:
	case IPC_LEASE_LINE:
	case IPC_LEASE_GONE:
	case IPC_LEASE_RESET:
	case IPC_PAIR_PLEASE:
	case IPC_PAIR_CANCEL:
		engine_lease_said(e, m, now);
		return;
	default:
		log_error("engine: control said %s, which is not its to say",
			  ipc_kind_name(m->kind));
		engine_blame_control(e);
	}
}
