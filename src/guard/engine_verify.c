/*
 * engine_verify: does a machine register only itself? Each of its addresses, and the one it speaks from, must be at
 * its MAC on the LAN now. Asks with ordinary ARP requests and neighbour solicitations from the guard's own address.
 */
#include "guard/engine.h"

#include "base/list.h"
#include "base/text.h"
#include "sys/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ASK_EVERY 200000 /* us */
#define ASKS 5 /* then what has not answered does not answer */
#define TARGETS (SPEC_ADDRESSES_MAX + 1) /* its addresses and its peer */

struct verification {
	struct list in;
	uint32_t request; /* control's */
	uint32_t check; /* of the CHECK that it waits for */
	struct ipc_registration registration;
	uint64_t due;
	int asked;
	size_t targets_n;
	struct addr targets[TARGETS];
	bool found[TARGETS];
};

struct verify {
	uint32_t checks;
	struct list running, idle;
	struct verification pool[VERIFY_MAX];
};

int engine_verify_init(struct engine *e)
{
	e->verify = calloc(1, sizeof(*e->verify));
	if (!e->verify)
		return -ENOMEM;
	list_init(&e->verify->running);
	list_init(&e->verify->idle);
	for (size_t i = 0; i < VERIFY_MAX; i++)
		list_append(&e->verify->idle, &e->verify->pool[i].in);
	return 0;
}

static void end(struct engine *e, struct verification *v)
{
	list_remove(&v->in);
	list_append(&e->verify->idle, &v->in);
}

static void refuse(struct engine *e, struct verification *v, const struct addr *addr,
		   const struct mac *holder)
{
	char text[IPC_TEXT];
	char a[ADDR_TEXT];
	char m[MAC_TEXT];
	struct text t = text_over(text, sizeof(text));

	text_string(&t, addr_format(addr, a));
	if (holder) {
		text_string(&t, " is at ");
		text_string(&t, mac_format(holder, m));
		text_string(&t, ", not at ");
	} else {
		text_string(&t, " does not answer at ");
	}
	text_string(&t, mac_format(&v->registration.spec.mac, m));
	text_string(&t, ": a machine can register only itself, while it is awake and on this LAN"
			" (register = self in roused.conf)");
	engine_result(e, v->request, RESULT_REFUSED, 0, text);
	end(e, v);
}

static void ask(struct engine *e, struct verification *v, struct moment now)
{
	for (size_t i = 0; i < v->targets_n; i++) {
		/* The monitor sends it only where the address is on link. */
		for (uint8_t n = 0; !v->found[i] && n < HOME_INTERFACES; n++) {
			struct ipc_message m = { .kind = IPC_SOLICIT };

			if (!e->interfaces[n].said.present)
				continue;
			m.lan.interface = n;
			m.lan.addr = v->targets[i];
			engine_tell_monitor(e, &m);
		}
	}
	v->asked++;
	v->due = now.us + ASK_EVERY;
}

static void add_target(struct verification *v, const struct addr *a)
{
	for (size_t i = 0; i < v->targets_n; i++) {
		if (addr_equal(&v->targets[i], a))
			return;
	}
	v->targets[v->targets_n++] = *a;
}

void engine_verify(struct engine *e, uint32_t request, const struct ipc_registration *r)
{
	if (list_empty(&e->verify->idle)) {
		engine_result(e, request, RESULT_FULL, 0,
			      "too many registrations at once; try again in a second");
		return;
	}
	struct verification *v = container_of(e->verify->idle.next, struct verification, in);

	list_remove(&v->in);
	list_append(&e->verify->running, &v->in);
	v->request = request;
	v->registration = *r;
	v->asked = 0;
	v->due = NEVER;
	v->targets_n = 0;
	memset(v->found, 0, sizeof(v->found));
	/* The peer may be an address that is not to be guarded: it still says whose word this is. */
	add_target(v, &r->peer);
	for (uint16_t i = 0; i < r->spec.addresses_n; i++)
		add_target(v, &r->spec.addresses[i]);

	struct ipc_message check = { .kind = IPC_CHECK, .request = ++e->verify->checks };

	v->check = check.request;
	check.machine.interface = HOME_NO_INTERFACE;
	check.machine.spec = r->spec;
	engine_tell_monitor(e, &check);
}

void engine_verify_checked(struct engine *e, const struct ipc_message *m, struct moment now)
{
	list_each_safe(node, &e->verify->running)
	{
		struct verification *v = container_of(node, struct verification, in);

		if (v->check != m->request)
			continue;
		if (m->result.code == RESULT_OK) {
			ask(e, v, now);
			return;
		}
		engine_result(e, v->request, m->result.code, 0, m->result.text);
		end(e, v);
		return;
	}
}

static void found(struct engine *e, struct verification *v, size_t i, struct moment now)
{
	v->found[i] = true;
	for (i = 0; i < v->targets_n; i++) {
		if (!v->found[i])
			return;
	}
	/* The registration is copied: its place may be taken while it goes to the store. */
	struct ipc_registration r = v->registration;
	uint32_t request = v->request;

	end(e, v);
	engine_registration_verified(e, request, &r, now);
}

void engine_verify_heard(struct engine *e, const struct addr *addr, const struct mac *mac,
			 struct moment now)
{
	list_each_safe(node, &e->verify->running)
	{
		struct verification *v = container_of(node, struct verification, in);

		for (size_t i = 0; i < v->targets_n; i++) {
			if (!addr_equal(&v->targets[i], addr))
				continue;
			if (!mac_equal(mac, &v->registration.spec.mac))
				refuse(e, v, addr, mac);
			else if (!v->found[i])
				found(e, v, i, now);
			break;
		}
	}
}

uint64_t engine_verify_due(const struct engine *e)
{
	uint64_t due = NEVER;

	list_each(node, &e->verify->running)
	{
		uint64_t d = container_of(node, struct verification, in)->due;

		if (d < due)
			due = d;
	}
	return due;
}

void engine_verify_tick(struct engine *e, struct moment now)
{
	list_each_safe(node, &e->verify->running)
	{
		struct verification *v = container_of(node, struct verification, in);
		size_t missing = 0;

		if (v->due > now.us)
			continue;
		if (v->asked < ASKS) {
			ask(e, v, now);
			continue;
		}
		while (v->found[missing])
			missing++;
		refuse(e, v, &v->targets[missing], NULL);
	}
}
