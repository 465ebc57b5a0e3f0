/*
 * session: what is said between guard and relay (docs/protocol.md, 3): joining, state, requests and answers, staying alive,
 * coming back.
 */
#include "uplink/uplink.h"

#include "proto/event_text.h"
#include "proto/time_text.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/log.h"

#include <stdio.h>
#include <string.h>

#define SECOND UINT64_C(1000000)
#define JOIN_PATIENCE (15 * SECOND)
#define PONG_PATIENCE (10 * SECOND)
#define STEADY (60 * SECOND) /* joined so long: the next loss is a first one again */
#define BACKOFF_MOST 5 /* 2^5 s */
#define REPLACED_WAIT 60 /* seconds, when another guard has our key */
#define TELL_BELOW 65536 /* bytes waiting: above them no more state is written */
#define TELL_BURST 1500
#define TELL_EVERY (SECOND / 30) /* the relay takes 40 a second */

enum { CODE_REPLACED = 4001, CODE_SILENCE = 4002, CODE_REMOVED = 4003 };

static char message[RELAY_REPLY_MAX];

/* --- how it stands --- */

static void tell_status(struct uplink *u, enum uplink_state state, const char *text)
{
	struct ipc_message m = { .kind = IPC_UPLINK };

	m.uplink.state = state;
	m.uplink.rtt_us = u->rtt_us;
	(void)snprintf(m.uplink.text, sizeof(m.uplink.text), "%s", text);
	uplink_tell_monitor(u, &m);
}

static void stop_timers(struct uplink *u)
{
	loop_timer_set(&u->beat, UINT64_MAX);
	loop_timer_set(&u->silence, UINT64_MAX);
	loop_timer_set(&u->drain, UINT64_MAX);
	loop_timer_set(&u->later, UINT64_MAX);
}

/* Full jitter: many guards that lost one relay must not come back together. */
static uint64_t random_up_to(uint64_t us)
{
	uint64_t r;

	entropy_bytes(&r, sizeof(r));
	return us ? r % us : 0;
}

static void come_back(struct uplink *u, uint64_t at_least_s)
{
	uint64_t most = SECOND << (u->attempts < BACKOFF_MOST ? u->attempts : BACKOFF_MOST);

	u->attempts++;
	loop_timer_set(&u->again, clock_monotonic_us() + at_least_s * SECOND + random_up_to(most));
}

static void lost(struct uplink *u, const char *why, uint64_t at_least_s)
{
	if (u->joined && clock_monotonic_us() - u->joined_at >= STEADY)
		u->attempts = 0;
	u->joined = false;
	u->asking = false;
	stop_timers(u);
	if (u->over)
		return;
	tell_status(u, UPLINK_OFFLINE, why);
	come_back(u, at_least_s);
}

static void drop(struct uplink *u, const char *why, uint16_t code)
{
	wire_close(&u->wire, code);
	lost(u, why, 0);
}

static void over(struct uplink *u, enum uplink_state state, const char *why)
{
	u->over = true;
	u->joined = false;
	stop_timers(u);
	loop_timer_set(&u->again, UINT64_MAX);
	wire_close(&u->wire, WS_NORMAL);
	tell_status(u, state, why);
}

/* --- joining --- */

static void on_hello(struct uplink *u, const struct relay_message *r)
{
	struct ipc_message m = { .kind = IPC_HELLO };
	char why[IPC_TEXT];

	if (strcmp(r->hello.origin, u->url.origin) != 0) {
		(void)snprintf(why, sizeof(why),
			       "the relay calls itself %.100s, not %.100s: join it by that name",
			       r->hello.origin, u->url.origin);
		drop(u, why, WS_POLICY);
		return;
	}
	memcpy(m.hello.challenge, r->hello.challenge, sizeof(m.hello.challenge));
	memcpy(m.hello.origin, r->hello.origin, sizeof(m.hello.origin));
	uplink_tell_engine(u, &m);
}

static void put_word(struct json_writer *w, const char *key, const char *word)
{
	json_write_key(w, key);
	if (word && word[0])
		json_write_word(w, word);
	else
		json_write_null(w);
}

static void send_join(struct uplink *u, const struct ipc_join_signed *s)
{
	struct json_writer w = json_writer_over(message, sizeof(message));
	char key[RELAY_KEY_TEXT], signature[B64_TEXT(RELAY_SIGNATURE_SIZE)];

	if (s->refused) {
		drop(u, "the guard does not sign for this relay", WS_POLICY);
		return;
	}
	json_write_open(&w, '{');
	put_word(&w, "t", "join");
	put_word(&w, "key", b64_encode(s->key, sizeof(s->key), key));
	put_word(&w, "signature", b64_encode(s->signature, sizeof(s->signature), signature));
	put_word(&w, "invitation", u->relay.invitation);
	put_word(&w, "name", u->relay.joined.name);
	put_word(&w, "guard", "rouse/" ROUSE_VERSION);
	json_write_close(&w, '}');
	(void)wire_text(&u->wire, message, w.out.used);
}

static void set_beat(struct uplink *u)
{
	/* A little before it is due, and not with everybody else. */
	uint64_t us = u->heartbeat * SECOND;

	loop_timer_set(&u->beat, clock_monotonic_us() + us - us / 8 - random_up_to(us / 8));
}

static void on_joined(struct uplink *u, const struct relay_message *r)
{
	struct ipc_message m = { .kind = IPC_JOINED };

	u->joined = true;
	u->joined_at = clock_monotonic_us();
	u->heartbeat = r->joined.heartbeat;
	u->event = r->joined.event;
	u->more = true;
	/* Used up: a reconnection needs none. */
	memset(u->relay.invitation, 0, sizeof(u->relay.invitation));
	loop_timer_set(&u->silence, UINT64_MAX);
	tell_status(u, UPLINK_JOINED, "");
	memcpy(m.joined.run, r->joined.run, sizeof(m.joined.run));
	uplink_tell_engine(u, &m);
	state_restart(&u->state);
	/* At once: the round trip is worth knowing. */
	loop_timer_set(&u->beat, u->joined_at + SECOND);
	session_pump(u);
	if (u->leaving)
		session_leave(u);
}

static void on_refused(struct uplink *u, const char *why)
{
	if (strcmp(why, "busy") == 0)
		drop(u, "the relay is busy", WS_NORMAL);
	else
		over(u, UPLINK_REFUSED, why);
}

/* --- requests --- */

static void on_request(struct uplink *u, const struct relay_message *r)
{
	struct ipc_message m = { .kind = IPC_SEALED };
	struct ipc_message no = { .kind = IPC_PLAIN_ANSWER };

	if (r->request.sane) {
		m.sealed.id = r->request.id;
		m.sealed.from = r->request.from;
		m.sealed.request = r->request.sealed;
		uplink_tell_engine(u, &m);
		return;
	}
	no.plain_answer.id = r->request.id;
	no.plain_answer.final = 1;
	memcpy(no.plain_answer.outcome, "refused", sizeof("refused"));
	memcpy(no.plain_answer.why, "not-authentic", sizeof("not-authentic"));
	no.request = u->session;
	session_answer(u, &no);
}

static void on_token(struct uplink *u, const struct relay_message *r)
{
	struct ipc_message m = { .kind = IPC_TOKEN };

	m.token.id = r->token.id;
	m.token.from = r->token.from;
	m.token.get = r->token.get;
	memcpy(m.token.grant, r->token.grant, sizeof(m.token.grant));
	memcpy(m.token.token, r->token.token, sizeof(m.token.token));
	uplink_tell_engine(u, &m);
}

static void begin_answer(struct json_writer *w, uint64_t id, bool final, const char *outcome)
{
	*w = json_writer_over(message, sizeof(message));
	json_write_open(w, '{');
	put_word(w, "t", "answer");
	json_write_key(w, "id");
	json_write_u64(w, id);
	json_write_key(w, "final");
	json_write_bool(w, final);
	put_word(w, "outcome", outcome);
}

static void write_challenge(struct json_writer *w, const struct ipc_challenge *c)
{
	*w = json_writer_over(message, sizeof(message));
	json_write_open(w, '{');
	put_word(w, "t", "challenge");
	put_word(w, "current", c->current);
	json_write_key(w, "seconds");
	json_write_u64(w, c->seconds);
}

static void write_plain(struct json_writer *w, const struct ipc_plain_answer *a)
{
	begin_answer(w, a->id, a->final, a->outcome);
	if (a->body[0]) {
		/* The engine made it: it is JSON. */
		json_write_key(w, "result");
		text_string(&w->out, a->body);
	} else {
		put_word(w, "why", a->why);
	}
}

void session_answer(struct uplink *u, const struct ipc_message *m)
{
	struct json_writer w;

	/* What was meant for a process before this one. */
	if (m->request != u->session)
		return;
	if (m->kind == IPC_SIGNED) {
		if (u->wire.state == WIRE_OPEN && !u->joined)
			send_join(u, &m->join_signed);
		return;
	}
	if (!u->joined)
		return;
	if (m->kind == IPC_CHALLENGE) {
		write_challenge(&w, &m->challenge);
	} else if (m->kind == IPC_SEALED_ANSWER) {
		begin_answer(&w, m->sealed_answer.id, m->sealed_answer.final,
			     m->sealed_answer.outcome);
		json_write_key(&w, "sealed");
		sealed_answer_write(&w, &m->sealed_answer.answer);
	} else {
		write_plain(&w, &m->plain_answer);
	}
	json_write_close(&w, '}');
	(void)wire_text(&u->wire, message, w.out.used);
}

/* --- telling --- */

static void ask_events(struct uplink *u)
{
	struct ipc_message m = { .kind = IPC_LOG, .request = 1 };

	m.page.id = u->event;
	m.page.most = UINT32_MAX;
	u->asking = true;
	u->more = false;
	uplink_tell_monitor(u, &m);
}

/* Whether one more may be told now; else later. */
static bool may_tell(struct uplink *u)
{
	uint64_t now = clock_monotonic_us();

	if (u->full_at > now + TELL_BURST * TELL_EVERY) {
		loop_timer_set(&u->later, now + SECOND);
		return false;
	}
	u->full_at = (u->full_at > now ? u->full_at : now) + TELL_EVERY;
	return true;
}

void session_pump(struct uplink *u)
{
	size_t n;

	while (u->joined && wire_waiting(&u->wire) < TELL_BELOW && may_tell(u)) {
		n = state_next(&u->state, message, sizeof(message));
		if (n == 0)
			break;
		if (!wire_text(&u->wire, message, n))
			return;
	}
	if (u->joined && u->more && !u->asking && wire_waiting(&u->wire) < TELL_BELOW &&
	    may_tell(u))
		ask_events(u);
}

static void relay_event_of(const struct event *e, struct relay_event *r)
{
	struct text to = text_over(r->to, sizeof(r->to));
	bool service = e->kind == EVENT_KNOCK || e->kind == EVENT_READY ||
		       e->kind == EVENT_REPLAYED || e->kind == EVENT_GATE_OVER;
	bool attempts = e->kind == EVENT_KNOCK || e->kind == EVENT_REQUEST ||
			e->kind == EVENT_ATTEMPT || e->kind == EVENT_AWAKE ||
			e->kind == EVENT_NO_SIGN_OF_LIFE;

	*r = (struct relay_event){ .id = e->id,
				   .at_ms = e->wall_ms,
				   .machine = e->machine,
				   .attempt = attempts && e->attempt ? e->attempt : RELAY_NULL,
				   .attempts = attempts && e->attempts ? e->attempts : RELAY_NULL,
				   .seconds_us = e->took_us ? e->took_us : RELAY_NULL,
				   .late = e->late };
	memcpy(r->name, e->name, sizeof(r->name));
	(void)snprintf(r->event, sizeof(r->event), "%s", event_kind_name((enum event_kind)e->kind));
	if (e->by != BY_NOBODY)
		(void)snprintf(r->by, sizeof(r->by), "%s", wake_by_name((enum wake_by)e->by));
	if (e->by == BY_GRANT)
		memcpy(r->who, e->who, sizeof(r->who));
	if (service)
		event_put_service(&to,
				  e->knock == KNOCK_NONE ? KNOCK_TCP : (enum knock_kind)e->knock,
				  e->to_port);
}

/* One of a page: they come in rising order. */
void session_event(struct uplink *u, const struct event *e)
{
	char bytes[RELAY_EVENT_JSON];
	struct json_writer inner = json_writer_over(bytes, sizeof(bytes));
	struct text t = text_over(message, sizeof(message));
	struct relay_event r;

	if (!u->joined || e->id <= u->event)
		return;
	u->event = e->id;
	u->more = true;
	u->full_at += TELL_EVERY;
	relay_event_of(e, &r);
	relay_event_write(&inner, &r);
	text_string(&t, "{\"t\":\"event\",");
	text_string(&t, bytes + 1);
	(void)wire_text(&u->wire, message, t.used);
}

void session_leave(struct uplink *u)
{
	static const char leave[] = "{\"t\":\"leave\"}";

	u->leaving = true;
	if (u->joined)
		(void)wire_text(&u->wire, leave, sizeof(leave) - 1);
}

/* --- what the connection says --- */

static void on_drain(struct uplink *u, uint32_t seconds)
{
	log_info("relay: it is about to stop: coming back within %u s", (unsigned int)seconds);
	loop_timer_set(&u->drain, clock_monotonic_us() + random_up_to(seconds * SECOND + 1));
}

static void heard(void *context, char *text, size_t n)
{
	struct uplink *u = context;
	struct relay_message r;
	int v = relay_message_read(text, n, &r);

	if (v == RELAY_UNKNOWN)
		return;
	if (v < 0) {
		drop(u, "the relay says what makes no sense", WS_POLICY);
		return;
	}
	if (!u->joined) {
		if (r.kind == RELAY_HELLO)
			on_hello(u, &r);
		else if (r.kind == RELAY_JOINED)
			on_joined(u, &r);
		else if (r.kind == RELAY_REFUSED)
			on_refused(u, r.why);
		return;
	}
	switch (r.kind) {
	case RELAY_REQUEST:
		on_request(u, &r);
		return;
	case RELAY_TOKEN:
		on_token(u, &r);
		return;
	case RELAY_AGAIN:
		state_again(&u->state);
		session_pump(u);
		return;
	case RELAY_DRAIN:
		on_drain(u, r.seconds);
		return;
	case RELAY_LEFT:
		if (u->leaving)
			over(u, UPLINK_LEFT, "");
		return;
	case RELAY_HELLO:
	case RELAY_JOINED:
	case RELAY_REFUSED:
	case RELAY_STORED:
	case RELAY_MESSAGE_KINDS:
		return;
	}
}

static void opened(void *context)
{
	struct uplink *u = context;

	loop_timer_set(&u->silence, clock_monotonic_us() + JOIN_PATIENCE);
}

static void closed(void *context, const char *why, unsigned int code)
{
	struct uplink *u = context;

	if (code == CODE_REMOVED) {
		u->over = true;
		lost(u, why, 0);
		tell_status(u, UPLINK_REFUSED, "removed");
	} else if (code == CODE_REPLACED) {
		lost(u, "another guard has joined with the same key: two must not share one",
		     REPLACED_WAIT);
	} else {
		lost(u, why, 0);
	}
}

static void ponged(void *context, const uint8_t *bytes, size_t n)
{
	struct uplink *u = context;
	uint64_t sent;

	if (n != sizeof(sent) || u->pinged == 0)
		return;
	memcpy(&sent, bytes, sizeof(sent));
	if (sent != u->pinged)
		return;
	u->rtt_us = (uint32_t)(clock_monotonic_us() - u->pinged);
	u->pinged = 0;
	loop_timer_set(&u->silence, UINT64_MAX);
	tell_status(u, UPLINK_JOINED, "");
}

static void drained(void *context)
{
	session_pump(context);
}

/* --- time --- */

static void beat_due(void *context)
{
	struct uplink *u = context;

	u->pinged = clock_monotonic_us();
	wire_ping(&u->wire, &u->pinged, sizeof(u->pinged));
	loop_timer_set(&u->silence, u->pinged + PONG_PATIENCE);
	set_beat(u);
}

static void silence_due(void *context)
{
	struct uplink *u = context;

	drop(u, u->joined ? "the relay does not answer any more" : "the relay does not let us join",
	     WS_GOING_AWAY);
}

static void again_due(void *context)
{
	struct uplink *u = context;

	wire_open(&u->wire, &u->url);
}

static void drain_due(void *context)
{
	struct uplink *u = context;

	wire_close(&u->wire, WS_GOING_AWAY);
	lost(u, "the relay is about to stop", 0);
	u->attempts = 0;
	loop_timer_set(&u->again, clock_monotonic_us());
}

static void later_due(void *context)
{
	session_pump(context);
}

void session_go(struct uplink *u)
{
	if (u->told)
		return;
	u->told = true;
	if (relay_url_read(u->relay.joined.origin, &u->url, NULL) < 0) {
		over(u, UPLINK_REFUSED, "that is no address of a relay");
		return;
	}
	wire_open(&u->wire, &u->url);
}

int session_init(struct uplink *u)
{
	const struct wire_handler handler = { opened, heard, ponged, drained, closed, u };
	const struct {
		struct loop_timer *timer;
		void (*due)(void *context);
	} timers[] = { { &u->again, again_due },
		       { &u->beat, beat_due },
		       { &u->silence, silence_due },
		       { &u->drain, drain_due },
		       { &u->later, later_due } };
	int r = wire_init(&u->wire, u->loop, &handler);

	for (size_t i = 0; r >= 0 && i < sizeof(timers) / sizeof(timers[0]); i++)
		r = loop_timer_init(timers[i].timer, u->loop, timers[i].due, u);
	entropy_bytes(&u->session, sizeof(u->session));
	u->session |= 1; /* 0 is nobody's */
	return r;
}

void session_done(struct uplink *u)
{
	wire_done(&u->wire);
	state_done(&u->state);
	loop_timer_done(&u->again);
	loop_timer_done(&u->beat);
	loop_timer_done(&u->silence);
	loop_timer_done(&u->drain);
	loop_timer_done(&u->later);
}
