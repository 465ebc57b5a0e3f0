/*
 * engine_grants: who may do what over the relay. It holds the grants' keys, signs for the guard, and judges requests; the
 * uplink, which carries them, can neither read nor make them.
 *
 * Everything wrong with a request up to its mac is answered alike, and takes the same path.
 */
#include "guard/engine_relay.h"

#include "base/bytes.h"
#include "proto/keys.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/log.h"
#include "sys/role.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UPLINK_WAITING (256U << 10) /* bytes of answers for an uplink that is slow */

/* What a holder may ask; what is asked with wrong phrases, of one grant and of all. */
static const struct grant_rate asks = { .burst = 120, .every = 500000 };
static const struct grant_rate token_asks = { .burst = 20, .every = 3000000 };
static const struct grant_rate guesses = { .burst = 10, .every = 60000000 };
static const struct grant_rate all_guesses = { .burst = 30, .every = 20000000 };

void relayed_send(struct relayed *r, struct ipc_message *m)
{
	m->request = r->session;
	/* An uplink that does not read will come back and be told again; the LAN side never waits for it. */
	(void)channel_send(r->uplink, m, ipc_length(m), NULL, 0);
}

void relayed_answer(struct relayed *r, struct ipc_message *m)
{
	m->request = r->session;
	engine_tell_monitor(r->engine, m);
}

static struct holder *find(const struct relayed *r, const char *id)
{
	for (size_t i = 0; i < r->holders_n; i++) {
		if (strcmp(r->holders[i]->grant.id, id) == 0)
			return r->holders[i];
	}
	return NULL;
}

/* --- what the monitor says --- */

void engine_key(struct engine *e, const struct ipc_key *key)
{
	struct relayed *r = e->relayed;
	uint8_t home[RELAY_HOME_SIZE];

	r->key = *key;
	if (!key->there)
		return;
	keys_public(key->seed, r->public_key);
	relay_home_of(r->public_key, home);
	b64_encode(home, sizeof(home), r->home);
}

void engine_granted(struct engine *e, const struct grant *g)
{
	struct relayed *r = e->relayed;
	struct holder *h = find(r, g->id);

	if (!h && r->holders_n < GRANTS_MAX)
		h = r->holders[r->holders_n] = calloc(1, sizeof(*h));
	else if (h)
		r->holders_n--; /* counted again below */
	if (!h) {
		log_error("engine: no room for the grant %s", g->id);
		return;
	}
	r->holders_n++;
	h->grant = *g;
}

void engine_revoked(struct engine *e, const char *id)
{
	struct relayed *r = e->relayed;
	struct holder *h = find(r, id);
	size_t i = 0;

	if (!h)
		return;
	while (r->holders[i] != h)
		i++;
	r->holders[i] = r->holders[--r->holders_n];
	keys_wipe(h, sizeof(*h));
	free(h);
}

/* --- requests --- */

static void not_authentic(struct relayed *r, uint64_t id)
{
	struct ipc_message m = { .kind = IPC_PLAIN_ANSWER };

	m.plain_answer.id = id;
	m.plain_answer.final = 1;
	memcpy(m.plain_answer.outcome, "refused", sizeof("refused"));
	memcpy(m.plain_answer.why, "not-authentic", sizeof("not-authentic"));
	relayed_send(r, &m);
}

/* Whether guesses at the phrase of this grant are still listened to. */
static bool may_guess(const struct relayed *r, const struct holder *h, uint64_t now)
{
	return h->grant.kind != RELAY_PHRASE || (grant_allowed(&h->guesses, guesses, now) &&
						 grant_allowed(&r->guesses, all_guesses, now));
}

/* Who sealed it; NULL: nobody who may. */
static struct holder *authenticate(struct relayed *r, const struct sealed_request *q, uint64_t now)
{
	struct holder *h = find(r, q->grant);
	bool known = h && h->grant.kind != RELAY_PLAIN && strcmp(q->home, r->home) == 0 &&
		     r->key.there && may_guess(r, h, now);

	if (sealed_request_authentic(q, known ? h->grant.request : r->decoy) && known)
		return h;
	if (known && h->grant.kind == RELAY_PHRASE) {
		grant_spend(&h->guesses, guesses, now);
		grant_spend(&r->guesses, all_guesses, now);
	}
	return NULL;
}

static const char *admit(struct relayed *r, struct holder *h, const struct sealed_request *q,
			 struct moment now)
{
	uint8_t challenge[GRANT_BYTES], nonce[GRANT_BYTES];

	if (b64_decode(q->challenge, strlen(q->challenge), challenge, sizeof(challenge)) < 0 ||
	    b64_decode(q->nonce, strlen(q->nonce), nonce, sizeof(nonce)) < 0)
		return "bad-arguments";
	switch (grant_admit(&r->window, challenge, nonce, now.us)) {
	case GRANT_ADMITTED:
		break;
	case GRANT_CHALLENGE_EXPIRED:
		return "challenge-expired";
	case GRANT_REPLAYED:
		return "replayed";
	case GRANT_FULL:
		return "busy";
	}
	if (grant_expired(&h->grant, now.wall_ms))
		return "expired";
	if (!grant_allowed(&h->asks, asks, now.us))
		return "limited";
	grant_spend(&h->asks, asks, now.us);
	return NULL;
}

static unsigned int verb_of(const char *verb)
{
	static const struct {
		const char *word;
		unsigned int can;
	} verbs[] = { { "see", RELAY_CAN_SEE },
		      { "wake", RELAY_CAN_WAKE },
		      { "sleep", RELAY_CAN_SLEEP } };

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verb, verbs[i].word) == 0)
			return verbs[i].can;
	}
	return 0;
}

/* What is asked for, sealed or with a token. */
struct wish {
	unsigned int verb; /* 0: there is no such */
	uint32_t machine;
	const struct addr *from;
};

/* An authentic request that is not too late: does the grant allow it, and is there such a machine? */
static void carry_out(struct relayed *r, struct pending *p, const struct grant *g,
		      const struct wish *w, struct moment now)
{
	struct machine *machine;

	/* Whoever may do anything with a machine may see it. */
	if (w->verb == 0 || !((g->can | RELAY_CAN_SEE) & w->verb) || !grant_names(g, w->machine)) {
		pending_refuse(r, p, "not-permitted");
		return;
	}
	machine = home_by_id(r->engine->home, w->machine);
	if (!machine) {
		pending_refuse(r, p, "no-such-machine");
		return;
	}
	strncpy(p->name, machine_name(machine), sizeof(p->name) - 1);
	if (w->verb == RELAY_CAN_SEE)
		pending_see(r, p, machine);
	else if (w->verb == RELAY_CAN_SLEEP)
		pending_sleep(r, p, machine, g->name, now);
	else
		pending_wake(r, p, machine, g->name, w->from, now);
}

static void on_sealed(struct relayed *r, const struct ipc_sealed *s, struct moment now)
{
	const struct sealed_request *q = &s->request;
	struct holder *h = authenticate(r, q, now.us);
	struct pending over;
	struct pending *p;
	const char *why;
	uint64_t machine = 0;

	if (!h) {
		log_warning("a request over the relay was refused: it is not authentic");
		not_authentic(r, s->id);
		return;
	}
	p = pending_new(r, s->id, &over);
	p->sealed = true;
	memcpy(p->grant, q->grant, sizeof(p->grant));
	memcpy(p->nonce, q->nonce, sizeof(p->nonce));
	memcpy(p->key, h->grant.answer, sizeof(p->key));
	why = p == &over ? "busy" : admit(r, h, q, now);
	if (!why && text_parse_u64(q->machine, UINT32_MAX, &machine) < 0)
		why = "no-such-machine";
	if (!why && q->args[0])
		why = "bad-arguments";
	if (why) {
		log_warning("a request of %s over the relay was refused: %s", h->grant.name, why);
		pending_refuse(r, p, why);
		pending_done(&over);
		return;
	}
	carry_out(r, p, &h->grant, &(struct wish){ verb_of(q->verb), (uint32_t)machine, &s->from },
		  now);
}

/* A token's request is one for each id of a run, whatever the relay says. */
static bool seen_before(struct relayed *r, uint64_t id)
{
	size_t n = r->tokens_n < TOKENS_SEEN ? r->tokens_n : TOKENS_SEEN;

	for (size_t i = 0; i < n; i++) {
		if (r->tokens_seen[i] == id)
			return true;
	}
	r->tokens_seen[r->tokens_n++ % TOKENS_SEEN] = id;
	return false;
}

static const char *judge_token(const struct relayed *r, struct holder *h, const struct ipc_token *t,
			       struct moment now)
{
	uint8_t hash[RELAY_KEY_SIZE];
	bool known = h && h->grant.kind == RELAY_PLAIN && r->key.there;

	keys_hash(t->token, sizeof(t->token), hash);
	if (!bytes_equal_secret(hash, known ? h->grant.hash : r->decoy, sizeof(hash)) || !known)
		return "unknown-token";
	if (grant_expired(&h->grant, now.wall_ms))
		return "expired";
	if (t->get && !h->grant.get)
		return "get-not-allowed";
	if (!grant_allowed(&h->asks, token_asks, now.us))
		return "limited";
	grant_spend(&h->asks, token_asks, now.us);
	return NULL;
}

static void on_token(struct relayed *r, const struct ipc_token *t, struct moment now)
{
	struct holder *h = find(r, t->grant);
	struct pending over;
	struct pending *p;
	const char *why;

	if (seen_before(r, t->id))
		return;
	p = pending_new(r, t->id, &over);
	why = p == &over ? "busy" : judge_token(r, h, t, now);
	if (why) {
		log_warning("a token over the relay was refused: %s", why);
		pending_refuse(r, p, why);
		pending_done(&over);
		return;
	}
	carry_out(r, p, &h->grant, &(struct wish){ h->grant.can, h->grant.machines[0], &t->from },
		  now);
}

/* --- the uplink --- */

static void tell_challenge(struct relayed *r, uint64_t now)
{
	struct ipc_message m = { .kind = IPC_CHALLENGE };
	uint64_t left;
	const uint8_t *value = grant_current(&r->window, now, &left);

	b64_encode(value, GRANT_BYTES, m.challenge.current);
	m.challenge.seconds = (uint32_t)(left / 1000000);
	relayed_send(r, &m);
}

static void rotate(struct relayed *r, uint64_t now)
{
	uint8_t fresh[GRANT_BYTES];

	entropy_bytes(fresh, sizeof(fresh));
	grant_rotate(&r->window, fresh, now);
	r->rotate_at = grant_rotate_due(&r->window);
}

static void on_hello(struct relayed *r, const struct ipc_hello *h)
{
	struct ipc_message m = { .kind = IPC_SIGNED };
	uint8_t bytes[RELAY_JOIN_SIGNED_MAX];
	size_t n = relay_join_signed(h->origin, h->challenge, bytes);

	/* One relay must not pose as this guard at another. */
	if (!r->key.there || n == 0 || strcmp(h->origin, r->key.origin) != 0) {
		m.join_signed.refused = 1;
	} else {
		memcpy(m.join_signed.key, r->public_key, sizeof(m.join_signed.key));
		keys_sign(r->key.seed, bytes, n, m.join_signed.signature);
	}
	relayed_send(r, &m);
}

static void on_joined(struct relayed *r, const struct ipc_joined *j, struct moment now)
{
	bool same = r->has_run && memcmp(r->run, j->run, sizeof(r->run)) == 0;

	if (grant_rotate_due(&r->window) <= now.us)
		rotate(r, now.us);
	r->rotate_at = grant_rotate_due(&r->window);
	tell_challenge(r, now.us);
	if (same) {
		pending_again(r);
		return;
	}
	/* Another run has other ids: nobody waits for these any more. */
	pending_forget_all(r);
	r->tokens_n = 0;
	r->has_run = true;
	memcpy(r->run, j->run, sizeof(r->run));
}

void engine_uplink_said(struct engine *e, const struct ipc_message *m, struct moment now)
{
	struct relayed *r = e->relayed;

	r->session = m->request;
	switch (m->kind) {
	case IPC_HELLO:
		on_hello(r, &m->hello);
		return;
	case IPC_JOINED:
		on_joined(r, &m->joined, now);
		return;
	case IPC_SEALED:
		on_sealed(r, &m->sealed, now);
		return;
	case IPC_TOKEN:
		on_token(r, &m->token, now);
		return;
	default:
		/* It talks with strangers: it is not worth the LAN's service. */
		log_error("engine: the uplink said %s, which is not its to say",
			  ipc_kind_name(m->kind));
	}
}

static void malformed(void *context)
{
	(void)context;
	log_error("engine: a malformed message from the uplink");
}

static void said(void *context, struct channel_message *c)
{
	struct relayed *r = context;
	const struct ipc_message *m = c->bytes;

	if (!ipc_check(m, c->length)) {
		malformed(r);
		return;
	}
	engine_uplink_said(r->engine, m, clock_now());
	engine_set_tick(r->engine);
}

static void ended(void *context, int why)
{
	(void)context;
	/* The monitor holds the other end too: this is our own failure. */
	log_error("engine: the channel to the uplink failed: %s", strerror(-why));
}

/* --- time, events --- */

uint64_t engine_relay_due(const struct engine *e)
{
	uint64_t due = pending_due(e->relayed);

	return e->relayed->rotate_at < due ? e->relayed->rotate_at : due;
}

void engine_relay_tick(struct engine *e, struct moment now)
{
	struct relayed *r = e->relayed;

	if (r->rotate_at <= now.us) {
		rotate(r, now.us);
		tell_challenge(r, now.us);
	}
	pending_tick(r, now);
}

void engine_relay_event(struct engine *e, const struct event *event)
{
	pending_event(e->relayed, event, clock_now());
}

void engine_relay_port_answer(struct engine *e, uint8_t interface, const struct addr *a,
			      uint16_t port, bool open, struct moment now)
{
	if (open)
		pending_port_open(e->relayed, interface, a, port, now);
	if (open)
		engine_lease_port_open(e, interface, a, port, now);
}

int engine_relay_init(struct engine *e)
{
	struct relayed *r = calloc(1, sizeof(*r));
	int f;

	if (!r)
		return -ENOMEM;
	e->relayed = r;
	r->engine = e;
	if (keys_init() < 0)
		return -ENOSYS;
	r->rotate_at = NEVER;
	list_init(&r->pendings);
	entropy_bytes(r->decoy, sizeof(r->decoy));
	f = channel_new(e->loop, ROLE_FD_UPLINK, sizeof(struct ipc_message), UPLINK_WAITING,
			&(struct channel_handler){ said, ended, r }, &r->uplink);
	if (f >= 0)
		channel_bear(r->uplink, malformed);
	return f;
}
