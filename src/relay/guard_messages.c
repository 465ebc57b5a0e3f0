/*
 * guard_messages: what a guard that has joined says: answers, its challenge, and the state of its home.
 */
#include "relay/guard_state.h"
#include "relay/live.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MAX 4096

/* The members that are looked at without building anything. */
enum { T, ID, FINAL, OUTCOME, SEALED, RESULT, WHY, CURRENT, SECONDS, PICKS };

static void nonsense(struct guard *g, const char *type)
{
	char home[RELAY_HOME_TEXT];

	log_notice("home %s: its guard says something that makes no sense (%s)",
		   b64_encode(g->home->id, RELAY_HOME_SIZE, home), type);
	guard_close(g, WS_POLICY, type);
}

/* --- answers and challenges --- */

static void on_answer(struct guard *g, const struct json_pick *p, size_t n)
{
	struct relay *r = g->visitor->relay;
	struct route_answer a = { .body = p[SEALED].value };
	uint64_t id;

	if (json_pick_is_null(a.body))
		a.body = p[RESULT].value;
	if (json_pick_is_null(a.body))
		a.body.at = NULL;
	if (n > ANSWER_MAX || json_pick_u64(p[ID].value, RELAY_WHOLE_MAX, &id) < 0 ||
	    json_pick_bool(p[FINAL].value, &a.final) < 0 || (a.body.at && a.body.at[0] != '{') ||
	    (!json_pick_is_null(p[OUTCOME].value) &&
	     json_pick_word(p[OUTCOME].value, &a.outcome) < 0) ||
	    a.outcome.n > RELAY_WORD_MAX) {
		nonsense(g, "answer");
		return;
	}
	/* What has no body is a refusal, and the last word. */
	a.final = a.final || !a.body.at;
	r->metrics.counters[METRIC_ANSWERS]++;
	(void)route_answered(&r->route, g->home, id, &a);
}

static void on_challenge(struct guard *g, const struct json_pick *p)
{
	uint64_t seconds;

	if (json_pick_b64(p[CURRENT].value, g->challenge, sizeof(g->challenge)) < 0 ||
	    json_pick_u64(p[SECONDS].value, 60, &seconds) < 0 || seconds < 10) {
		nonsense(g, "challenge");
		return;
	}
	g->challenge_until_us = clock_monotonic_us() + seconds * 1000000;
}

/* --- what comes back from the store --- */

static struct guard *guard_of(struct relay *r, const struct store_op *op)
{
	struct route_home *h = route_find(&r->route, op->home);

	return h && h->guard && h->guard->serial == op->serial ? h->guard : NULL;
}

/* Those who watch see what is stored; while nothing can be stored they see it all the same. */
static void publish(struct relay *r, const struct store_op *op)
{
	struct slice json = { NULL, 0 };
	char gone[32];
	uint32_t id = 0;
	size_t at = 0;

	switch (op->kind) {
	case STORE_MACHINES:
		live_tell_machines(r, op->home);
		break;
	case STORE_MACHINE:
		if (store_op_row(op, &at, &id, &json))
			live_tell(r, op->home, "machine", id, json);
		break;
	case STORE_MACHINE_GONE:
		(void)snprintf(gone, sizeof(gone), "{\"id\":%u}", (uint32_t)op->number);
		live_tell(r, op->home, "machine-gone", (uint32_t)op->number, slice_of(gone));
		break;
	case STORE_EVENT:
		if (store_op_row(op, &at, &id, &json))
			live_tell(r, op->home, "event", id, json);
		break;
	case STORE_GRANTS:
	case STORE_LEAVE:
		live_check_grants(r, op->home);
		break;
	case STORE_JOIN:
	case STORE_TOUCH:
	case STORE_SEEN:
	case STORE_FORGET_REMOVAL:
	case STORE_KINDS:
		break;
	}
}

static void on_stored(struct store_op *op)
{
	struct relay *r = op->context;
	struct route_home *h = route_find(&r->route, op->home);
	struct guard *g;
	char text[64];
	int n;

	r->metrics.counters[op->result == 0 ? METRIC_STORED : METRIC_NOT_STORED]++;
	if (op->result < 0 && op->result != -ENOENT && h)
		h->stale = true;
	publish(r, op);
	/* The home may have gone while it was told. */
	g = guard_of(r, op);
	if (!g || op->result != 0)
		return;
	if (op->kind == STORE_LEAVE) {
		guard_send_text(g, "{\"t\":\"left\"}");
		guard_close(g, WS_NORMAL, "left");
		return;
	}
	if (op->ack == 0)
		return;
	n = snprintf(text, sizeof(text), "{\"t\":\"stored\",\"ack\":%llu}",
		     (unsigned long long)op->ack);
	guard_send(g, text, (size_t)n);
}

/* --- state --- */

static struct store_op *new_op(struct guard *g, enum store_kind kind)
{
	struct store_op *op = store_op_new(kind, g->home->id);

	if (!op)
		return NULL;
	op->done = on_stored;
	op->context = g->visitor->relay;
	op->serial = g->serial;
	op->now_ms = clock_wall_ms();
	return op;
}

static void submit(struct guard *g, struct store_op *op, const struct json *root)
{
	int64_t ack = json_whole(json_member(root, "ack"));

	op->ack = ack > 0 ? (uint64_t)ack : 0;
	store_submit(g->visitor->relay->store, op);
}

static int add_machine(struct store_op *op, const struct json *v)
{
	struct relay_machine m;
	char text[RELAY_MACHINE_JSON];
	struct json_writer w = json_writer_over(text, sizeof(text));

	if (relay_machine_read(v, &m) < 0)
		return -EINVAL;
	relay_machine_write(&w, &m);
	store_op_add_row(op, m.id, text, w.out.used);
	return w.out.cut ? -EINVAL : 0;
}

static int add_grant(struct store_op *op, const struct json *v)
{
	static struct relay_grant grant;

	if (relay_grant_read(v, &grant) < 0)
		return -EINVAL;
	store_op_add_grant(op, &grant);
	return 0;
}

/* What a list is of. */
struct list_kind {
	enum store_kind kind;
	uint16_t most;
	int (*add)(struct store_op *op, const struct json *v);
};

/* A list, maybe in parts: 0 or -EINVAL. */
static int on_list(struct guard *g, const struct json *root, const struct list_kind *kind,
		   struct store_op **op, uint16_t *count)
{
	const struct json *list = json_member(root, "list");
	size_t n = json_count(list);

	if (!*op) {
		*op = new_op(g, kind->kind);
		*count = 0;
	}
	if (!*op || json_kind_of(list) != JSON_KIND_LIST || n > (size_t)(kind->most - *count))
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (kind->add(*op, json_item(list, i)) < 0)
			return -EINVAL;
	*count = (uint16_t)(*count + n);
	if (json_truth(json_member(root, "more")))
		return 0;
	submit(g, *op, root);
	*op = NULL;
	return 0;
}

static int on_machines(struct guard *g, const struct json *root)
{
	static const struct list_kind kind = { STORE_MACHINES, RELAY_MACHINES_MAX, add_machine };

	return on_list(g, root, &kind, &g->machines, &g->machines_n);
}

static int on_grants(struct guard *g, const struct json *root)
{
	static const struct list_kind kind = { STORE_GRANTS, RELAY_GRANTS_MAX, add_grant };

	return on_list(g, root, &kind, &g->grants, &g->grants_n);
}

static int on_machine(struct guard *g, const struct json *root)
{
	struct store_op *op = new_op(g, STORE_MACHINE);

	if (!op || add_machine(op, root) < 0) {
		store_op_free(op);
		return -EINVAL;
	}
	submit(g, op, root);
	return 0;
}

static int on_machine_gone(struct guard *g, const struct json *root)
{
	int64_t id = json_whole(json_member(root, "id"));
	struct store_op *op = new_op(g, STORE_MACHINE_GONE);

	if (!op || id < 1 || id > UINT32_MAX) {
		store_op_free(op);
		return -EINVAL;
	}
	op->number = (uint64_t)id;
	submit(g, op, root);
	return 0;
}

static int on_event(struct guard *g, const struct json *root)
{
	struct store_op *op = new_op(g, STORE_EVENT);
	struct relay_event e;
	char text[RELAY_EVENT_JSON];
	struct json_writer w = json_writer_over(text, sizeof(text));

	if (!op || relay_event_read(root, &e) < 0) {
		store_op_free(op);
		return -EINVAL;
	}
	relay_event_write(&w, &e);
	op->number = e.id;
	store_op_add_row(op, e.machine, text, w.out.used);
	submit(g, op, root);
	return 0;
}

static int on_leave(struct guard *g, const struct json *root)
{
	struct store_op *op = new_op(g, STORE_LEAVE);

	if (!op)
		return -ENOMEM;
	submit(g, op, root);
	return 0;
}

static const struct {
	const char *type;
	int (*take)(struct guard *g, const struct json *root);
} types[] = {
	{ "machines", on_machines },	     { "machine", on_machine }, { "grants", on_grants },
	{ "machine-gone", on_machine_gone }, { "event", on_event },	{ "leave", on_leave },
};

static void on_state(struct guard *g, struct slice type, struct slice text)
{
	char problem[JSON_PROBLEM];
	struct json *root;
	size_t i = 0;

	while (i < sizeof(types) / sizeof(types[0]) && !slice_is(type, types[i].type))
		i++;
	/* Something of a later version. */
	if (i == sizeof(types) / sizeof(types[0]))
		return;
	if (json_read(text.at, text.n, &root, problem) < 0) {
		nonsense(g, types[i].type);
		return;
	}
	if (types[i].take(g, root) < 0)
		nonsense(g, types[i].type);
	json_drop(root);
}

void guard_message(struct guard *g, struct slice text)
{
	static const struct rate rate = { 2400, 60000000 };
	struct json_pick p[PICKS] = {
		[T] = { .key = "t" },
		[ID] = { .key = "id" },
		[FINAL] = { .key = "final" },
		[OUTCOME] = { .key = "outcome" },
		[SEALED] = { .key = "sealed" },
		[RESULT] = { .key = "result" },
		[WHY] = { .key = "why" },
		[CURRENT] = { .key = "current" },
		[SECONDS] = { .key = "seconds" },
	};
	struct relay *r = g->visitor->relay;
	struct slice type;

	if (json_pick(text, p, PICKS) < 0 || json_pick_word(p[T].value, &type) < 0) {
		nonsense(g, "json");
		return;
	}
	/* There are no more answers than there are requests. */
	if (slice_is(type, "answer")) {
		on_answer(g, p, text.n);
		return;
	}
	if (limits_take(&r->limits, LIMIT_STATE, g->home->id, RELAY_HOME_SIZE, &rate,
			clock_monotonic_us()))
		guard_close(g, GUARD_FLOOD, "too many messages");
	else if (slice_is(type, "challenge"))
		on_challenge(g, p);
	else
		on_state(g, type, text);
}
