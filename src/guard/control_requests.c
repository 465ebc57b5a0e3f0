/*
 * control_requests: questions of the control role to the engine and the monitor, at most CONTROL_REQUESTS at once.
 *
 * Owns who waits for which answer, and who waits for a turn to ask. Refuses to know what is asked.
 */
#include "guard/control_state.h"
#include "sys/clock.h"
#include "sys/entropy.h"

#include <assert.h>
#include <stdlib.h>

/* An id says which place it is of, and differs from that place's earlier ones. */
#define PLACE_BITS 8

static void set_free(struct control_request *r)
{
	struct control *c = r->control;

	control_deadline_clear(c, &r->deadline);
	r->id = 0;
	r->owner = NULL;
	list_append(&c->free_requests, &r->in);
}

static void next_turn(struct control *c)
{
	while (!list_empty(&c->turns) && !list_empty(&c->free_requests)) {
		struct control_turn *t = container_of(c->turns.next, struct control_turn, in);

		list_remove(&t->in);
		t->run(t->owner);
	}
}

static void not_answered(void *owner)
{
	struct control_request *r = owner;
	struct control *c = r->control;
	void *asker = r->owner;

	set_free(r);
	if (asker)
		r->answer(asker, NULL);
	next_turn(c);
}

void control_requests_init(struct control *c)
{
	/* The engine may still answer questions of a control before this one. */
	c->asked = entropy_u32();
	list_init(&c->free_requests);
	list_init(&c->turns);
	for (size_t i = 0; i < CONTROL_REQUESTS; i++) {
		struct control_request *r = &c->requests[i];

		r->control = c;
		r->deadline = (struct control_deadline){ .due = not_answered, .owner = r };
		list_append(&c->free_requests, &r->in);
	}
}

void control_turn_take(struct control *c, struct control_turn *t)
{
	list_append(&c->turns, &t->in);
	next_turn(c);
}

static bool is_for_monitor(uint32_t kind)
{
	return kind == IPC_LOG || kind == IPC_JOIN || kind == IPC_LEAVE || kind == IPC_SHARE ||
	       kind == IPC_REVOKE || kind == IPC_GRANTS || kind == IPC_UPLINK_PLEASE ||
	       kind == IPC_UNPAIR || kind == IPC_PAIRINGS;
}

struct control_request *control_ask(struct control *c, struct ipc_message *m,
				    void (*answer)(void *owner, const struct ipc_message *m),
				    void *owner)
{
	struct control_request *r = container_of(c->free_requests.next, struct control_request, in);
	struct channel *to = is_for_monitor(m->kind) ? c->monitor : c->engine;

	assert(!list_empty(&c->free_requests));
	list_remove(&r->in);
	r->id = ++c->asked << PLACE_BITS | (uint32_t)(r - c->requests);
	/* 0 is nobody's; the place alone makes it so only once in 2^24. */
	if (r->id == 0)
		r->id = 1U << PLACE_BITS;
	r->answer = answer;
	r->owner = owner;
	m->request = r->id;
	control_deadline_set(c, &r->deadline, clock_monotonic_us() + CONTROL_REQUEST_US);
	if (channel_send(to, m, ipc_length(m), NULL, 0) < 0)
		control_stop(c, EXIT_FAILURE, "a sister role does not take requests any more");
	return r;
}

void control_request_forget(struct control_request *r)
{
	if (r)
		r->owner = NULL;
}

void control_answered(struct control *c, const struct ipc_message *m)
{
	uint32_t place = m->request & ((1U << PLACE_BITS) - 1);
	bool last = m->kind == IPC_RESULT || m->kind == IPC_LOG_END;
	struct control_request *r;
	void *asker;

	if (place >= CONTROL_REQUESTS) {
		control_stop(c, EXIT_FAILURE, "an answer came to a question that nobody asked");
		return;
	}
	r = &c->requests[place];
	if (r->id != m->request)
		return; /* later than its deadline */
	asker = r->owner;
	if (last)
		set_free(r);
	if (asker)
		r->answer(asker, m);
	if (last)
		next_turn(c);
}
