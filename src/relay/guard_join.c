/*
 * guard_join: proving the key, enrolling a new home, taking the place of an older connection.
 */
#include "proto/json.h"
#include "proto/keys.h"
#include "relay/guard_state.h"
#include "relay/live.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdio.h>
#include <stdlib.h>

#define JOINED_IN_MAX 66000 /* a whole message and its header */

struct join {
	uint8_t key[RELAY_KEY_SIZE], signature[RELAY_SIGNATURE_SIZE];
	uint8_t invitation[RELAY_INVITATION_SIZE];
	uint8_t home[RELAY_HOME_SIZE];
	bool invited;
	char name[RELAY_NAME_MAX + 1], guard[RELAY_NAME_MAX + 1];
};

static void refuse(struct guard *g, const char *why)
{
	struct relay *r = g->visitor->relay;
	char text[128], client[ADDR_TEXT];
	uint8_t key[LIMIT_ADDRESS_MAX];
	int n = snprintf(text, sizeof(text), "{\"t\":\"refused\",\"why\":\"%s\"}", why);

	r->metrics.counters[METRIC_JOINS_REFUSED]++;
	log_info("a guard from %s is refused: %s", addr_format(&g->joining->client, client), why);
	(void)limits_take(&r->limits, LIMIT_FAILURE, key, limit_address(&g->joining->client, key),
			  &r->config.failures, clock_monotonic_us());
	guard_send(g, text, (size_t)n);
	guard_close(g, WS_POLICY, why);
}

static int read_b64(const struct json *root, const char *key, void *to, size_t n)
{
	const char *text = json_word(json_member(root, key));

	return text ? b64_decode(text, strlen(text), to, n) : -1;
}

static bool read_name(const struct json *root, const char *key, char to[static RELAY_NAME_MAX + 1])
{
	const char *text = json_word(json_member(root, key));

	if (!text || !relay_name_valid(text))
		return false;
	memcpy(to, text, strlen(text) + 1);
	return true;
}

static bool read_join(struct slice text, struct join *j)
{
	char problem[JSON_PROBLEM];
	struct json *root;
	const char *type;
	bool good;

	if (json_read(text.at, text.n, &root, problem) < 0)
		return false;
	type = json_word(json_member(root, "t"));
	good = type && strcmp(type, "join") == 0 &&
	       read_b64(root, "key", j->key, sizeof(j->key)) == 0 &&
	       read_b64(root, "signature", j->signature, sizeof(j->signature)) == 0 &&
	       read_name(root, "name", j->name) && read_name(root, "guard", j->guard);
	j->invited = json_word(json_member(root, "invitation")) != NULL;
	/* One that makes no sense is one that is unknown. */
	if (j->invited)
		(void)read_b64(root, "invitation", j->invitation, sizeof(j->invitation));
	json_drop(root);
	return good;
}

static bool proved(const struct guard *g, const struct join *j)
{
	uint8_t bytes[RELAY_JOIN_SIGNED_MAX];
	size_t n = relay_join_signed(g->visitor->relay->config.public_url, g->joining->challenge,
				     bytes);

	return keys_verify(j->key, j->signature, bytes, n);
}

static struct store_op *store_op_of(const struct join *j, enum store_kind kind)
{
	struct store_op *op = store_op_new(kind, j->home);

	if (!op)
		return NULL;
	op->join = calloc(1, sizeof(*op->join));
	if (!op->join) {
		store_op_free(op);
		return NULL;
	}
	memcpy(op->join->key, j->key, sizeof(op->join->key));
	memcpy(op->join->name, j->name, sizeof(op->join->name));
	memcpy(op->join->guard, j->guard, sizeof(op->join->guard));
	op->join->invited = j->invited;
	keys_hash(j->invitation, sizeof(j->invitation), op->join->invitation);
	op->now_ms = clock_wall_ms();
	return op;
}

static void say_joined(struct guard *g, const uint8_t *home, uint64_t last_event)
{
	struct relay *r = g->visitor->relay;
	char text[256], id[RELAY_HOME_TEXT];
	int n = snprintf(text, sizeof(text),
			 "{\"t\":\"joined\",\"home\":\"%s\",\"heartbeat\":%llu,\"event\":%llu,"
			 "\"run\":\"%s\"}",
			 b64_encode(home, RELAY_HOME_SIZE, id),
			 (unsigned long long)(r->config.heartbeat_us / 1000000),
			 (unsigned long long)last_event, r->run_text);

	guard_send(g, text, (size_t)n);
}

/* It is the home's guard from now on. */
static void joined(struct guard *g, const uint8_t *home, uint64_t last_event)
{
	struct relay *r = g->visitor->relay;
	struct route_home *h = route_take(&r->route, home);
	struct guard *before;

	if (!h) {
		refuse(g, "busy");
		return;
	}
	free(g->joining);
	g->joining = NULL;
	g->home = h;
	g->reader.message_max = JSON_TEXT_MAX;
	g->visitor->stream.in_max = JOINED_IN_MAX;
	visitor_trusted(g->visitor);
	r->metrics.counters[METRIC_JOINS]++;
	wheel_set(&r->wheel, &g->visitor->timer, r->config.heartbeat_us * 5 / 2);
	before = route_attach(&r->route, h, g, clock_wall_ms());
	if (before) {
		before->home = NULL;
		r->metrics.counters[METRIC_REPLACED]++;
		guard_close(before, GUARD_REPLACED, "replaced");
	} else {
		live_tell_online(r, h, true);
	}
	say_joined(g, home, last_event);
}

static void on_stored(struct store_op *op)
{
	static const char *const why[] = { "", "invitation-unknown", "invitation-used",
					   "invitation-expired" };
	struct guard *g = op->context;

	if (!g || g->over)
		return;
	g->joining->storing = NULL;
	if (op->result == 0)
		joined(g, op->home, 0);
	else
		refuse(g, op->result > 0 ? why[op->result] : "busy");
}

/* Where everybody may bring homes, not so many that the database is theirs. */
static bool may_enrol(const struct guard *g)
{
	struct relay *r = g->visitor->relay;
	uint8_t key[LIMIT_ADDRESS_MAX];

	return limits_take(&r->limits, LIMIT_ENROLMENT, key,
			   limit_address(&g->joining->client, key), &r->config.enrolments,
			   clock_monotonic_us()) == 0;
}

static void enrol(struct guard *g, struct join *j)
{
	struct relay *r = g->visitor->relay;
	struct store_op *op;

	if (!j->invited && !r->config.enrolment_open) {
		refuse(g, "not-enrolled");
		return;
	}
	if (r->config.enrolment_open && !may_enrol(g)) {
		refuse(g, "busy");
		return;
	}
	j->invited = j->invited && !r->config.enrolment_open;
	op = store_op_of(j, STORE_JOIN);
	if (!op) {
		refuse(g, "busy");
		return;
	}
	op->done = on_stored;
	op->context = g;
	g->joining->storing = op;
	store_submit(r->store, op);
}

static void welcome_back(struct guard *g, const struct join *j, const struct store_home *home)
{
	struct relay *r = g->visitor->relay;
	struct store_op *op;

	if (strcmp(home->name, j->name) != 0 || strcmp(home->guard, j->guard) != 0) {
		op = store_op_of(j, STORE_TOUCH);
		if (op)
			store_submit(r->store, op);
	}
	joined(g, j->home, home->last_event);
}

void guard_join(struct guard *g, struct slice text)
{
	struct relay *r = g->visitor->relay;
	struct store_home home;
	struct join j = { 0 };
	int known;

	/* Nothing more is heard while a new home is being stored. */
	if (g->joining->storing) {
		guard_close(g, WS_POLICY, "");
		return;
	}
	if (!read_join(text, &j) || !proved(g, &j)) {
		refuse(g, "signature");
		return;
	}
	relay_home_of(j.key, j.home);
	known = store_find_home(r->store, j.home, &home);
	if (known == 1 && memcmp(home.key, j.key, sizeof(home.key)) == 0)
		welcome_back(g, &j, &home);
	else if (known == 0)
		enrol(g, &j);
	else
		refuse(g, known < 0 ? "busy" : "signature");
}
