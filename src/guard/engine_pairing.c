/*
 * engine_pairing: the code that somebody shows on the guard, and sleepers that prove to know it (docs/lease-protocol.md, 2).
 * One code at a time, five minutes, three tries.
 *
 * A try is spent when the guard answers, since from its answer one guess can be checked; it is given back to whoever
 * proves right. Refuses to know who asked for the code, and leases.
 */
#include "guard/engine_lease.h"

#include "base/bytes.h"
#include "proto/keys.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE_SECONDS 300
#define TRIES 3
#define EXCHANGES 8 /* at once */
#define REMEMBERED 600000000 /* us: so long `code-spent` is said instead of `no-code` */

enum exchange_step {
	EXCHANGE_NONE,
	EXCHANGE_CHECKED, /* by the monitor: is its source on link? */
	EXCHANGE_ANSWERED, /* a try is spent: its tag is waited for */
	EXCHANGE_STORED, /* it is right; by the monitor */
};

struct exchange {
	enum exchange_step step;
	bool late; /* STORED, but its code is over: nobody waits for the news */
	uint32_t connection; /* 0: it went away */
	uint32_t request; /* of CHECKED and STORED */
	struct addr peer;
	struct lease_opening opening;
	struct pairing_outcome outcome;
	char id[PAIRING_ID_TEXT];
};

struct code {
	bool open;
	char digits[PAIRING_CODE_DIGITS + 1];
	unsigned int left; /* tries */
	uint64_t until; /* monotonic */
	uint64_t spent_at; /* the last one ended without success; 0: none did */
	struct exchange exchanges[EXCHANGES];
};

int code_init(struct leases *l)
{
	l->code = calloc(1, sizeof(*l->code));
	return l->code ? 0 : -ENOMEM;
}

static void tell_control(struct leases *l, uint32_t request, const struct ipc_pair_news *news)
{
	struct ipc_message m = { .kind = IPC_PAIR_NEWS, .request = request };

	m.pair_news = *news;
	if (channel_send(l->engine->control, &m, ipc_length(&m), NULL, 0) < 0)
		log_warning("engine: control does not hear what comes of a pairing");
	keys_wipe(&m, sizeof(m));
}

static void tell_monitor(struct leases *l, uint32_t seconds)
{
	struct ipc_message m = { .kind = IPC_PAIRING_OPEN, .id = seconds };

	engine_tell_monitor(l->engine, &m);
}

static void wipe(struct exchange *x)
{
	keys_wipe(x, sizeof(*x));
}

/*
 * Whoever is still at it is sent away. But what goes to the disk cannot be called back: its sleeper hears what comes of it,
 * so that there is no pairing that the guard alone has.
 */
static void shut(struct leases *l)
{
	struct code *c = l->code;

	c->open = false;
	keys_wipe(c->digits, sizeof(c->digits));
	for (size_t i = 0; i < EXCHANGES; i++) {
		struct exchange *x = &c->exchanges[i];

		if (x->step == EXCHANGE_STORED) {
			x->late = true;
			continue;
		}
		if (x->step != EXCHANGE_NONE)
			lease_refuse(l, x->connection, "code-spent", "the code is over");
		wipe(x);
	}
	tell_monitor(l, 0);
}

static void end(struct leases *l, const struct ipc_pair_news *news)
{
	if (news->what == PAIR_EXPIRED || news->what == PAIR_SPENT)
		l->code->spent_at = clock_now().us;
	shut(l);
	tell_control(l, 0, news);
}

void code_open(struct leases *l, uint32_t request, struct moment now)
{
	struct code *c = l->code;
	struct ipc_pair_news news = { .what = PAIR_CODE, .left = TRIES, .seconds = CODE_SECONDS };
	uint8_t random[8];

	if (c->open) {
		engine_result(l->engine, request, RESULT_BUSY, 0,
			      "a code is shown already, by another `rouse pair`");
		return;
	}
	entropy_bytes(random, sizeof(random));
	pairing_code(random, c->digits);
	c->open = true;
	c->left = TRIES;
	c->until = now.us + CODE_SECONDS * (uint64_t)1000000;
	c->spent_at = 0;
	memcpy(news.code, c->digits, sizeof(news.code));
	tell_monitor(l, CODE_SECONDS);
	tell_control(l, request, &news);
	keys_wipe(&news, sizeof(news));
	keys_wipe(random, sizeof(random));
	engine_result(l->engine, request, RESULT_OK, 0, "");
}

void code_close(struct leases *l)
{
	if (l->code->open)
		shut(l);
}

/* --- exchanges --- */

static struct exchange *find(struct code *c, uint32_t connection)
{
	for (size_t i = 0; i < EXCHANGES; i++) {
		if (c->exchanges[i].step != EXCHANGE_NONE &&
		    c->exchanges[i].connection == connection)
			return &c->exchanges[i];
	}
	return NULL;
}

static struct exchange *unused(struct code *c)
{
	for (size_t i = 0; i < EXCHANGES; i++) {
		if (c->exchanges[i].step == EXCHANGE_NONE)
			return &c->exchanges[i];
	}
	return NULL;
}

/* One of this code, not of an earlier one. */
static bool any_at(const struct code *c, enum exchange_step step)
{
	for (size_t i = 0; i < EXCHANGES; i++) {
		if (c->exchanges[i].step == step && !c->exchanges[i].late)
			return true;
	}
	return false;
}

/* Is a code to be tried at all? Says so to who has to hear that it is not. */
static bool may_try(struct leases *l, uint32_t connection)
{
	const struct code *c = l->code;
	uint64_t now = clock_now().us;

	if (c->open && c->left > 0)
		return true;
	if (c->open || (c->spent_at && now - c->spent_at < REMEMBERED))
		lease_refuse(l, connection, "code-spent",
			     "three tries or five minutes are over: run `rouse pair` on the guard "
			     "again");
	else
		lease_refuse(l, connection, "no-code",
			     "no pairing is open: run `rouse pair` on the guard");
	return false;
}

static void on_pair(struct leases *l, const struct ipc_lease_opening *o)
{
	struct code *c = l->code;
	const struct machine *named = home_by_name(l->engine->home, o->opening.about.name);
	struct exchange *x;

	if (!may_try(l, o->connection))
		return;
	if (!pairing_share_valid(o->opening.share)) {
		lease_refuse(l, o->connection, "invalid", "this share is none");
		return;
	}
	x = unused(c);
	if (!x) {
		lease_refuse(l, o->connection, "busy", "too many pair at once; try again");
		return;
	}
	if (named && !mac_equal(machine_mac(named), &o->opening.about.mac) &&
	    !home_by_mac(l->engine->home, &o->opening.about.mac)) {
		lease_refuse(l, o->connection, "invalid",
			     "another machine of the guard has that name: choose another");
		return;
	}
	x->step = EXCHANGE_CHECKED;
	x->connection = o->connection;
	x->peer = o->peer;
	x->opening = o->opening;
	x->request = lease_check_peer(l, &o->opening.about.mac, &o->peer);
}

/* Step 2: from here on whoever knows the code can know that he does. */
static void answer(struct leases *l, struct exchange *x)
{
	struct code *c = l->code;
	struct lease_opening o = { .kind = LEASE_PAIR_SHARE };
	uint8_t random[PAIRING_RANDOM];
	uint8_t id[PAIRING_ID_SIZE];
	struct pairing_half half;
	int r;

	entropy_bytes(id, sizeof(id));
	b64_encode(id, sizeof(id), x->id);
	entropy_bytes(random, sizeof(random));
	pairing_start(&half, PAIRING_GUARD, c->digits, &x->opening.about, random);
	r = pairing_finish(&half, x->opening.share, x->id, &x->outcome);
	memcpy(o.id, x->id, sizeof(o.id));
	memcpy(o.share, half.share, sizeof(o.share));
	memcpy(o.tag, x->outcome.tag, sizeof(o.tag));
	keys_wipe(random, sizeof(random));
	keys_wipe(&half, sizeof(half));
	if (r < 0) {
		lease_refuse(l, x->connection, "invalid", "this share is none");
		wipe(x);
		return;
	}
	c->left--;
	x->step = EXCHANGE_ANSWERED;
	lease_open(l, x->connection, &o, false);
}

/* Somebody had another code, or interfered. */
static void failed(struct leases *l, struct exchange *x)
{
	struct code *c = l->code;
	struct ipc_pair_news news = { .what = PAIR_WRONG,
				      .left = (uint8_t)c->left,
				      .from = x->peer };
	char peer[ADDR_TEXT];

	log_notice("a pairing from %s failed: it has another code; %u %s left",
		   addr_format(&x->peer, peer), c->left, c->left == 1 ? "try is" : "tries are");
	wipe(x);
	tell_control(l, 0, &news);
	if (c->left == 0 && !any_at(c, EXCHANGE_ANSWERED) && !any_at(c, EXCHANGE_STORED))
		end(l, &(struct ipc_pair_news){ .what = PAIR_SPENT });
}

/* Step 3. */
static void on_tag(struct leases *l, const struct ipc_lease_opening *o)
{
	struct code *c = l->code;
	struct exchange *x = find(c, o->connection);
	struct ipc_message m = { .kind = IPC_PAIR };
	struct pairing *p = &m.pairing.pairing;

	if (!x || x->step != EXCHANGE_ANSWERED) {
		lease_refuse(l, o->connection, "invalid", "this makes no sense here");
		return;
	}
	if (!bytes_equal_secret(o->opening.tag, x->outcome.expected, sizeof(x->outcome.expected))) {
		lease_refuse(l, o->connection, "wrong-code",
			     "the code is another one, or somebody interferes");
		failed(l, x);
		return;
	}
	/* It is good for one, and its person hears of one. */
	if (any_at(c, EXCHANGE_STORED)) {
		lease_refuse(l, o->connection, "code-spent", "another machine was faster");
		wipe(x);
		return;
	}
	c->left++;
	x->step = EXCHANGE_STORED;
	x->request = m.request = lease_number(l);
	memcpy(p->id, x->id, sizeof(p->id));
	p->mac = x->opening.about.mac;
	memcpy(p->key, x->outcome.key, sizeof(p->key));
	memcpy(p->name, x->opening.about.name, sizeof(p->name));
	m.pairing.from = x->peer;
	engine_tell_monitor(l->engine, &m);
	keys_wipe(&m, sizeof(m));
}

void code_opening(struct leases *l, const struct ipc_lease_opening *o)
{
	if (o->opening.kind == LEASE_PAIR_TAG)
		on_tag(l, o);
	else if (find(l->code, o->connection))
		lease_refuse(l, o->connection, "invalid", "one pairing a connection");
	else
		on_pair(l, o);
}

bool code_checked(struct leases *l, const struct ipc_message *m)
{
	for (size_t i = 0; i < EXCHANGES; i++) {
		struct exchange *x = &l->code->exchanges[i];

		if (x->step != EXCHANGE_CHECKED || x->request != m->request)
			continue;
		if (m->result.code != RESULT_OK) {
			lease_refuse(l, x->connection, "invalid", m->result.text);
			wipe(x);
		} else if (!may_try(l, x->connection)) {
			wipe(x);
		} else {
			answer(l, x);
		}
		return true;
	}
	return false;
}

static struct exchange *find_stored(struct code *c, uint32_t request)
{
	for (size_t i = 0; i < EXCHANGES; i++) {
		if (c->exchanges[i].step == EXCHANGE_STORED && c->exchanges[i].request == request)
			return &c->exchanges[i];
	}
	return NULL;
}

/* Whoever had the code said the MAC: its person sees which machine that is here. */
static struct ipc_pair_news news_of(const struct leases *l, const struct exchange *x,
				    const struct ipc_result *r)
{
	const struct machine *known = home_by_mac(l->engine->home, &x->opening.about.mac);
	struct ipc_pair_news news = { .what = r->code == RESULT_OK ? PAIR_DONE : PAIR_FAILED,
				      .guarded = known != NULL,
				      .from = x->peer,
				      .mac = x->opening.about.mac };

	(void)snprintf(news.name, sizeof(news.name), "%s",
		       known ? machine_name(known) : x->opening.about.name);
	if (r->code != RESULT_OK)
		(void)snprintf(news.text, sizeof(news.text), "%s", r->text);
	return news;
}

void code_stored(struct leases *l, const struct ipc_message *m)
{
	struct exchange *x = find_stored(l->code, m->request);
	struct lease_opening paired = { .kind = LEASE_PAIRED };
	struct ipc_pair_news news;
	bool late;

	if (!x)
		return;
	news = news_of(l, x, &m->result);
	late = x->late;
	memcpy(paired.id, x->id, sizeof(paired.id));
	if (x->connection && news.what == PAIR_DONE)
		lease_open(l, x->connection, &paired, true);
	else if (x->connection)
		lease_refuse(l, x->connection, "failed", m->result.text);
	wipe(x);
	if (!late)
		end(l, &news);
}

void code_gone(struct leases *l, uint32_t connection)
{
	struct exchange *x = find(l->code, connection);

	if (!x)
		return;
	/* It saw our tag and had nothing to say: its code is another one. */
	if (x->step == EXCHANGE_ANSWERED)
		failed(l, x);
	else if (x->step == EXCHANGE_STORED)
		x->connection = 0;
	else
		wipe(x);
}

/* --- time --- */

/* What is being stored came in time, and is its end. */
uint64_t code_due(const struct leases *l)
{
	return l->code->open && !any_at(l->code, EXCHANGE_STORED) ? l->code->until : NEVER;
}

void code_tick(struct leases *l, struct moment now)
{
	if (code_due(l) <= now.us)
		end(l, &(struct ipc_pair_news){ .what = PAIR_EXPIRED });
}
