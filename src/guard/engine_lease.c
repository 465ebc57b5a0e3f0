/*
 * engine_lease: connections of sleepers: which pairing they have, whether they know its key, and the lines they say with it.
 * A line that is not authentic is not looked into.
 *
 * Owns the sessions. Refuses to know sockets, and what a lease makes of a machine.
 */
#include "guard/engine_lease.h"

#include "proto/keys.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of requests to the monitor that are ours: the others count from 1. */
#define OURS 0x80000000U
#define TOLD_MAX 4096 /* bytes of what the guard tells, as JSON */

uint32_t lease_number(struct leases *l)
{
	return OURS | ++l->numbers;
}

uint32_t lease_check(struct leases *l, const struct spec *s)
{
	struct ipc_message check = { .kind = IPC_CHECK, .request = lease_number(l) };

	check.machine.interface = HOME_NO_INTERFACE;
	check.machine.spec = *s;
	engine_tell_monitor(l->engine, &check);
	return check.request;
}

uint32_t lease_check_peer(struct leases *l, const struct mac *mac, const struct addr *peer)
{
	struct spec s = { .origin = SPEC_REGISTERED, .mac = *mac, .addresses_n = 1, .name = "-" };

	s.addresses[0] = *peer;
	return lease_check(l, &s);
}

/* --- what goes out --- */

static void send_bytes(struct leases *l, const struct ipc_lease_line *head, const char *bytes)
{
	struct ipc_message m = { .kind = IPC_LEASE_SEND };
	int r;

	m.lease_line = *head;
	r = channel_send_parts(l->engine->control, &m, ipc_length(&m), bytes, head->length);
	if (r < 0)
		log_warning("engine: a line to a sleeper is lost: %s", strerror(-r));
}

void lease_open(struct leases *l, uint32_t connection, const struct lease_opening *o, bool closing)
{
	char line[2 * LEASE_TEXT + 256];
	int n = lease_opening_write(o, line, sizeof(line));

	send_bytes(l,
		   &(struct ipc_lease_line){ .connection = connection,
					     .length = n > 0 ? (uint32_t)n : 0,
					     .close = closing },
		   line);
}

void lease_refuse(struct leases *l, uint32_t connection, const char *word, const char *text)
{
	struct lease_opening o = { .kind = LEASE_ERROR };
	struct text w = text_over(o.word, sizeof(o.word));
	struct text t = text_over(o.text, sizeof(o.text));

	text_string(&w, word);
	text_string(&t, text);
	lease_open(l, connection, &o, true);
}

void session_tell(struct leases *l, struct session *s, const struct lease_told *t)
{
	char json[TOLD_MAX];
	char line[TOLD_MAX + 64];
	int n = lease_told_write(t, json, sizeof(json));

	if (n >= 0)
		n = lease_seal(&s->to_sleeper, json, line, sizeof(line));
	if (n < 0) {
		log_error("engine: what is to be told to %s does not fit", s->paired->pairing.name);
		return;
	}
	send_bytes(l,
		   &(struct ipc_lease_line){
			   .connection = s->connection, .length = (uint32_t)n, .proved = 1 },
		   line);
}

/* --- sessions --- */

static struct session *find_session(const struct leases *l, uint32_t connection)
{
	list_each(it, &l->sessions)
	{
		struct session *s = container_of(it, struct session, in);

		if (s->connection == connection)
			return s;
	}
	return NULL;
}

static void drop_line(struct leases *l, struct session *s, struct line *n)
{
	l->asking -= n->step == LINE_ASKED;
	list_remove(&n->in);
	s->lines_n--;
	/* It may have said a SecureOn password. */
	keys_wipe(n, sizeof(*n));
	free(n);
}

static void set_held(struct paired *p, bool held, struct moment now)
{
	if (p->held == held)
		return;
	p->held = held;
	p->since_ms = now.wall_ms;
}

static void end_session(struct leases *l, struct session *s)
{
	if (s->paired->session == s) {
		s->paired->session = NULL;
		set_held(s->paired, false, clock_now());
	}
	asks_lost(l, s);
	list_each_safe(it, &s->lines) drop_line(l, s, container_of(it, struct line, in));
	list_remove(&s->in);
	l->sessions_n--;
	keys_wipe(s, sizeof(*s));
	free(s);
}

/* Says why, and ends it. */
void session_break(struct leases *l, struct session *s, const char *word, const char *text)
{
	char peer[ADDR_TEXT];

	log_notice("lease of %s from %s ended: %s", s->paired->pairing.name,
		   addr_format(&s->peer, peer), text);
	lease_refuse(l, s->connection, word, text);
	end_session(l, s);
}

static void on_lease_opening(struct leases *l, const struct ipc_lease_opening *o)
{
	struct paired *p = lease_by_id(l, o->opening.id);
	struct session *s;

	if (!p) {
		lease_refuse(l, o->connection, "unknown-pairing",
			     "the guard does not know this pairing: pair again");
		return;
	}
	s = l->sessions_n < LEASE_SESSIONS ? calloc(1, sizeof(*s)) : NULL;
	if (!s) {
		lease_refuse(l, o->connection, "busy", "too many connections of sleepers");
		return;
	}
	s->connection = o->connection;
	s->peer = o->peer;
	s->paired = p;
	s->due = NEVER;
	memcpy(s->nonce, o->opening.nonce, sizeof(s->nonce));
	list_init(&s->lines);
	list_init(&s->asks);
	list_append(&l->sessions, &s->in);
	l->sessions_n++;
	s->check = lease_check_peer(l, &p->pairing.mac, &o->peer);
}

/* Its source is on link, or is not. */
static void source_checked(struct leases *l, struct session *s, const struct ipc_result *r)
{
	struct lease_opening o = { .kind = LEASE_OPENED };

	s->check = 0;
	if (r->code != RESULT_OK) {
		session_break(l, s, "invalid", r->text);
		return;
	}
	entropy_bytes(o.nonce, sizeof(o.nonce));
	lease_ways(s->paired->pairing.key, s->nonce, o.nonce, &s->to_guard, &s->to_sleeper);
	s->opened = true;
	lease_open(l, s->connection, &o, false);
}

/* The first authentic line: whoever had the lease has it no more. */
static void prove(struct leases *l, struct session *s)
{
	struct paired *p = s->paired;
	char was[ADDR_TEXT];
	char is[ADDR_TEXT];

	s->proved = true;
	if (p->session && !addr_equal(&p->session->peer, &s->peer))
		log_warning("the lease of %s was held from %s and is taken over from %s: if that "
			    "is not the same machine its key was stolen; `rouse unpair` it then, "
			    "and pair again",
			    p->pairing.name, addr_format(&p->session->peer, was),
			    addr_format(&s->peer, is));
	if (p->session)
		session_break(l, p->session, "replaced",
			      "a newer connection of the same pairing took its place");
	p->session = s;
	p->source = s->peer;
}

/* --- lines --- */

static void carry_out(struct leases *l, struct session *s, struct line *n, struct moment now)
{
	struct machine *m = lease_machine(l, s->paired);

	switch (n->said.say) {
	case SAY_LEASE:
	case SAY_GOODBYE:
		take_begin(l, s, n, now);
		return;
	case SAY_STAY:
		if (m)
			home_stay(l->engine->home, m, now);
		test_stay(s->paired);
		if (n->said.why == WHY_STOP)
			set_held(s->paired, false, now);
		session_answer(l, s, true, now);
		return;
	case SAY_TEST:
		test_arm(s->paired, n->said.after, now);
		session_answer(l, s, true, now);
		return;
	case SAY_ANSWER:
		asks_answered(l, s, &n->said);
		drop_line(l, s, n);
		return;
	case SAY_KINDS:
		break;
	}
	abort();
}

static void go_on(struct leases *l, struct session *s, struct moment now)
{
	while (!list_empty(&s->lines)) {
		struct line *n = container_of(s->lines.next, struct line, in);

		/* The analyzer does not see that whoever was freed left the list before. */
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		if (n->step != LINE_WAITS)
			return;
		carry_out(l, s, n, now);
	}
}

void session_answer(struct leases *l, struct session *s, bool ok, struct moment now)
{
	struct line *n = container_of(s->lines.next, struct line, in);
	struct lease_told t = {
		.tell = TELL_RESULT, .of = n->of, .ok = ok, .seconds = LEASE_SECONDS
	};
	enum lease_say say = n->said.say;

	memcpy(t.text, n->text, sizeof(t.text));
	drop_line(l, s, n);
	session_tell(l, s, &t);
	if (say == SAY_LEASE && ok) {
		s->due = now.us + LEASE_LIFE;
		set_held(s->paired, true, now);
		test_lease(l, s->paired);
	}
	if (say == SAY_GOODBYE && ok)
		set_held(s->paired, false, now);
}

/* What makes no sense is answered in its turn all the same. */
static void answer_nonsense(struct leases *l, struct session *s, uint64_t of, const char *why)
{
	struct lease_told t = { .tell = TELL_RESULT, .of = of };
	struct text text = text_over(t.text, sizeof(t.text));

	text_string(&text, why);
	session_tell(l, s, &t);
}

/* Does a goodbye wait behind its first line? */
static bool goodbye_waits(const struct session *s)
{
	list_each(it, &s->lines)
	{
		const struct line *n = container_of(it, struct line, in);

		if (it != s->lines.next && n->said.say == SAY_GOODBYE)
			return true;
	}
	return false;
}

static void take_line(struct leases *l, struct session *s, const char *json, size_t n,
		      struct moment now)
{
	struct line *line = s->lines_n < LEASE_WAITING ? calloc(1, sizeof(*line)) : NULL;
	char why[LEASE_TEXT];
	struct line *first;

	if (!line) {
		session_break(l, s, "busy", "too many lines at once");
		return;
	}
	line->of = s->to_guard.counter;
	line->note = text_over(line->text, sizeof(line->text));
	if (lease_said_read(json, n, &line->said, why) < 0) {
		free(line);
		answer_nonsense(l, s, s->to_guard.counter, why);
		return;
	}
	list_append(&s->lines, &line->in);
	s->lines_n++;
	/* Whoever goes has no time to wait until what it said before was looked for on the LAN. */
	first = container_of(s->lines.next, struct line, in);
	if (first != line && first->step == LINE_ASKED && line->said.say == SAY_GOODBYE)
		take_asked(l, s, first, true, now);
	go_on(l, s, now);
}

static void on_line(struct leases *l, const struct ipc_message *m, struct moment now)
{
	struct session *s = find_session(l, m->lease_line.connection);
	const char *json;
	size_t n;

	/* It ended here meanwhile, or never was: control closes it, or has. */
	if (!s || !s->opened) {
		lease_refuse(l, m->lease_line.connection, "invalid",
			     "no lease was opened on this connection");
		if (s)
			end_session(l, s);
		return;
	}
	if (lease_unseal(&s->to_guard, (const char *)ipc_packet(m), m->lease_line.length, &json,
			 &n) < 0) {
		session_break(l, s, "not-authentic", "a line of it is not authentic");
		return;
	}
	if (!s->proved)
		prove(l, s);
	take_line(l, s, json, n, now);
}

static void on_opening(struct leases *l, const struct ipc_lease_opening *o)
{
	if (o->opening.kind == LEASE_OPEN_LEASE && !find_session(l, o->connection))
		on_lease_opening(l, o);
	else if (o->opening.kind == LEASE_OPEN_PAIR || o->opening.kind == LEASE_PAIR_TAG)
		code_opening(l, o);
	else
		lease_refuse(l, o->connection, "invalid", "this makes no sense here");
}

static void on_gone(struct leases *l, uint32_t connection, struct moment now)
{
	struct session *s = find_session(l, connection);

	/* Whoever makes no sense may have begun both. */
	if (s) {
		take_gone(l, s, now);
		end_session(l, s);
	}
	code_gone(l, connection);
}

static void reset(struct leases *l)
{
	list_each_safe(it, &l->sessions) end_session(l, container_of(it, struct session, in));
	code_close(l);
}

/* --- what others of the engine say --- */

void engine_lease_said(struct engine *e, const struct ipc_message *m, struct moment now)
{
	struct leases *l = e->leases;

	l->due_known = false;
	/* Until everything is known a pairing could be missing: whoever comes now is sent away by our RESET, and comes again. */
	if (!e->going && m->kind != IPC_LEASE_RESET)
		return;
	switch (m->kind) {
	case IPC_LEASE_OPENING:
		on_opening(l, &m->lease_opening);
		return;
	case IPC_LEASE_LINE:
		on_line(l, m, now);
		return;
	case IPC_LEASE_GONE:
		on_gone(l, m->id, now);
		return;
	case IPC_LEASE_RESET:
		reset(l);
		return;
	case IPC_PAIR_PLEASE:
		code_open(l, m->request, now);
		return;
	case IPC_PAIR_CANCEL:
		code_close(l);
		return;
	default:
		abort();
	}
}

void engine_lease_go(struct engine *e)
{
	struct ipc_message m = { .kind = IPC_LEASE_RESET };

	e->going = true;
	if (channel_send(e->control, &m, ipc_length(&m), NULL, 0) < 0)
		log_warning("engine: control does not hear that its connections are over");
}

bool engine_lease_checked(struct engine *e, const struct ipc_message *m, struct moment now)
{
	struct leases *l = e->leases;

	if (!(m->request & OURS))
		return false;
	l->due_known = false;
	if (code_checked(l, m))
		return true;
	list_each_safe(it, &l->sessions)
	{
		struct session *s = container_of(it, struct session, in);
		struct line *n = container_of(s->lines.next, struct line, in);

		if (s->check == m->request) {
			source_checked(l, s, &m->result);
			break;
		}
		if (!list_empty(&s->lines) && n->step == LINE_CHECKED && n->request == m->request) {
			take_checked(l, s, n, &m->result, now);
			n = container_of(s->lines.next, struct line, in);
			if (goodbye_waits(s) && n->step == LINE_ASKED)
				take_asked(l, s, n, true, now);
			go_on(l, s, now);
			break;
		}
	}
	return true;
}

void engine_lease_stored(struct engine *e, uint32_t lease, enum ipc_code code, const char *text,
			 struct moment now)
{
	struct leases *l = e->leases;

	l->due_known = false;
	list_each_safe(it, &l->sessions)
	{
		struct session *s = container_of(it, struct session, in);
		struct line *n = container_of(s->lines.next, struct line, in);

		if (list_empty(&s->lines) || n->step != LINE_STORED || n->request != lease)
			continue;
		take_stored(l, s, n, code, text, now);
		go_on(l, s, now);
		return;
	}
}

void engine_lease_heard(struct engine *e, const struct addr *a, const struct mac *mac,
			struct moment now)
{
	/* Everybody's ARP comes by here. */
	if (e->leases->asking == 0)
		return;
	e->leases->due_known = false;
	take_heard(e->leases, a, mac, now);
	/* What came behind a line that is over now. */
	list_each_safe(it, &e->leases->sessions)
		go_on(e->leases, container_of(it, struct session, in), now);
}

/* --- time --- */

static uint64_t session_due(const struct session *s)
{
	const struct line *n = container_of(s->lines.next, struct line, in);
	uint64_t due = s->due;
	uint64_t asks = asks_due(s);

	if (asks < due)
		due = asks;
	if (!list_empty(&s->lines) && n->step == LINE_ASKED && n->due < due)
		due = n->due;
	return due;
}

static uint64_t find_due(const struct leases *l)
{
	uint64_t due = code_due(l);

	list_each(it, &l->sessions)
	{
		uint64_t d = session_due(container_of(it, struct session, in));

		if (d < due)
			due = d;
	}
	for (size_t i = 0; i < l->paired_n; i++) {
		uint64_t d = test_due(l->paired[i]);

		if (d < due)
			due = d;
	}
	return due;
}

/* It is asked for after every frame, and with a thousand sleepers there is much to look at. */
uint64_t engine_lease_due(struct engine *e)
{
	struct leases *l = e->leases;

	if (!l->due_known)
		l->due = find_due(l);
	l->due_known = true;
	return l->due;
}

void engine_lease_tick(struct engine *e, struct moment now)
{
	struct leases *l = e->leases;

	l->due_known = false;
	code_tick(l, now);
	list_each_safe(it, &l->sessions)
	{
		struct session *s = container_of(it, struct session, in);
		struct line *n = container_of(s->lines.next, struct line, in);

		asks_tick(l, s, now);
		if (!list_empty(&s->lines) && n->step == LINE_ASKED && n->due <= now.us) {
			take_asked(l, s, n, false, now);
			go_on(l, s, now);
		}
		if (s->due <= now.us)
			session_break(l, s, "expired", "nothing came for the lease's time");
	}
	for (size_t i = 0; i < l->paired_n; i++) {
		if (test_due(l->paired[i]) <= now.us)
			test_tick(l, l->paired[i], now);
	}
}

int engine_lease_init(struct engine *e)
{
	struct leases *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	e->leases = l;
	l->engine = e;
	list_init(&l->sessions);
	return code_init(l);
}
