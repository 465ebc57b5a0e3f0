/*
 * control_relay: what requests about relay and grants mean.
 *
 * The secret of a grant is made here, said once to who asked, and forgotten; what goes to the monitor and the engine are
 * the keys that are derived from it.
 */
#include "guard/control_relay.h"

#include "guard/control_client.h"
#include "proto/keys.h"
#include "proto/phrase.h"
#include "proto/time_text.h"
#include "sys/clock.h"
#include "sys/entropy.h"

#include <stdlib.h>
#include <string.h>

#define STRETCH_ROUNDS 5000 /* at once: some milliseconds */
#define ANSWER_ROOM 2048

/* A grant that is being made. */
struct sharing {
	struct client *client;
	uint16_t resolved; /* machines whose ids are known */
	struct grant grant;
	uint8_t secret[RELAY_KEY_SIZE];
	char phrase[PHRASE_TEXT];
	struct keys_stretch stretch;
	struct control_deadline more; /* of the stretching */
	bool made;
	char origin[RELAY_ORIGIN_MAX + 1], home[RELAY_HOME_TEXT];
};

static void put_word(struct json_writer *w, const char *key, const char *word)
{
	json_write_key(w, key);
	if (word && word[0])
		json_write_word(w, word);
	else
		json_write_null(w);
}

static void finish_with(struct client *k, struct json_writer *w)
{
	json_write_close(w, '}');
	text_char(&w->out, '\n');
	client_finish(k, w);
}

static struct json_writer begin_ok(char bytes[static ANSWER_ROOM])
{
	struct json_writer w = json_writer_over(bytes, ANSWER_ROOM);

	json_write_open(&w, '{');
	put_word(&w, "result", answer_result_name(ANSWER_OK));
	return w;
}

/* The end that is no success. */
static void finish_refused(struct client *k, const struct ipc_message *m)
{
	enum answer_result r = ANSWER_REFUSED;

	if (!m) {
		client_finish_result(k, ANSWER_FAILED, "the guard did not answer in time");
		return;
	}
	if (m->result.code == RESULT_NOT_FOUND)
		r = ANSWER_NOT_FOUND;
	else if (m->result.code == RESULT_FULL)
		r = ANSWER_BUSY;
	client_finish_result(k, r, m->result.text[0] ? m->result.text : NULL);
}

/* --- how it stands --- */

static const char *state_word(uint32_t state)
{
	static const char *const words[UPLINK_STATES] = {
		[UPLINK_NONE] = "none",	    [UPLINK_OFFLINE] = "offline",
		[UPLINK_JOINED] = "joined", [UPLINK_REFUSED] = "refused",
		[UPLINK_LEFT] = "none",
	};

	return words[state];
}

static void write_relay(struct client *k, const struct ipc_uplink *u)
{
	char bytes[ANSWER_ROOM];
	char at[TIME_TEXT];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	json_write_open(&w, '{');
	json_write_key(&w, "relay");
	json_write_open(&w, '{');
	put_word(&w, "url", u->origin);
	put_word(&w, "home", u->home);
	put_word(&w, "state", state_word(u->state));
	put_word(&w, "since", u->since_ms ? time_text(u->since_ms, 0, at) : NULL);
	json_write_key(&w, "rtt_seconds");
	if (u->rtt_us && u->state == UPLINK_JOINED)
		json_write_seconds(&w, u->rtt_us);
	else
		json_write_null(&w);
	put_word(&w, "error", u->state == UPLINK_JOINED ? NULL : u->text);
	json_write_close(&w, '}');
	json_write_close(&w, '}');
	text_char(&w.out, '\n');
	client_write(k, &w);
}

/* JOIN and RELAY: how it stands, then the result. */
static void relay_answered(void *owner, const struct ipc_message *m)
{
	struct client *k = owner;

	if (m && m->kind == IPC_UPLINK) {
		write_relay(k, &m->uplink);
		return;
	}
	k->request = NULL;
	if (m && m->kind == IPC_RESULT && m->result.code == RESULT_OK)
		client_finish_result(k, ANSWER_OK, m->result.text[0] ? m->result.text : NULL);
	else
		finish_refused(k, m);
}

void client_ask_relay(struct client *k)
{
	struct ipc_message m = { .kind = IPC_UPLINK_PLEASE };

	k->request = control_ask(k->control, &m, relay_answered, k);
}

void client_ask_join(struct client *k)
{
	struct ipc_message m = { .kind = IPC_JOIN };
	const struct command_join *j = &k->command.join;

	memcpy(m.relay.joined.origin, j->origin, sizeof(m.relay.joined.origin));
	memcpy(m.relay.joined.name, j->name[0] ? j->name : "Home", sizeof("Home"));
	if (j->name[0])
		memcpy(m.relay.joined.name, j->name, sizeof(m.relay.joined.name));
	memcpy(m.relay.invitation, j->invitation, sizeof(m.relay.invitation));
	k->request = control_ask(k->control, &m, relay_answered, k);
}

void client_ask_leave(struct client *k)
{
	struct ipc_message m = { .kind = IPC_LEAVE };

	k->request = control_ask(k->control, &m, relay_answered, k);
}

/* --- grants --- */

static void write_grant(struct client *k, const struct grant *g)
{
	char bytes[ANSWER_ROOM];
	char at[TIME_TEXT];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	json_write_open(&w, '{');
	json_write_key(&w, "grant");
	json_write_open(&w, '{');
	put_word(&w, "id", g->id);
	put_word(&w, "kind", grant_kind_name((enum relay_grant_kind)g->kind));
	put_word(&w, "name", g->name);
	put_word(&w, "label", g->label);
	json_write_key(&w, "machines");
	if (g->all) {
		json_write_null(&w);
	} else {
		json_write_open(&w, '[');
		for (uint16_t i = 0; i < g->machines_n; i++)
			json_write_u64(&w, g->machines[i]);
		json_write_close(&w, ']');
	}
	json_write_key(&w, "can");
	relay_can_write(&w, g->can);
	json_write_key(&w, "get");
	json_write_bool(&w, g->get);
	put_word(&w, "made", time_text(g->made_ms, 0, at));
	put_word(&w, "expires", g->expires_ms ? time_text(g->expires_ms, 0, at) : NULL);
	json_write_close(&w, '}');
	json_write_close(&w, '}');
	text_char(&w.out, '\n');
	client_write(k, &w);
}

static void grants_answered(void *owner, const struct ipc_message *m)
{
	struct client *k = owner;

	if (m && m->kind == IPC_GRANT_ENTRY) {
		write_grant(k, &m->grant);
		return;
	}
	k->request = NULL;
	if (m && m->kind == IPC_RESULT && m->result.code == RESULT_MORE) {
		k->after = m->result.id;
		k->page_due = true;
		client_drained(k);
	} else if (m && m->kind == IPC_RESULT && m->result.code == RESULT_OK) {
		client_finish_result(k, ANSWER_OK, NULL);
	} else {
		finish_refused(k, m);
	}
}

void client_ask_grants(struct client *k)
{
	struct ipc_message m = { .kind = IPC_GRANTS };

	m.page.id = k->after;
	k->request = control_ask(k->control, &m, grants_answered, k);
}

static void simply_answered(void *owner, const struct ipc_message *m)
{
	struct client *k = owner;

	k->request = NULL;
	if (m && m->kind == IPC_RESULT && m->result.code == RESULT_OK)
		client_finish_result(k, ANSWER_OK, NULL);
	else
		finish_refused(k, m);
}

void client_ask_revoke(struct client *k)
{
	struct ipc_message m = { .kind = IPC_REVOKE };

	memcpy(m.grant_id, k->command.grant, sizeof(m.grant_id));
	k->request = control_ask(k->control, &m, simply_answered, k);
}

/* --- share --- */

void client_share_done(struct client *k)
{
	struct sharing *s = k->sharing;

	if (!s)
		return;
	control_deadline_clear(k->control, &s->more);
	keys_wipe(s, sizeof(*s));
	free(s);
	k->sharing = NULL;
}

static void say_shared(struct client *k)
{
	struct sharing *s = k->sharing;
	char bytes[ANSWER_ROOM];
	char link[RELAY_LINK_TEXT];
	char token[RELAY_KEY_TEXT];
	struct json_writer w = begin_ok(bytes);
	struct text t = text_over(link, sizeof(link));

	b64_encode(s->secret, sizeof(s->secret), token);
	if (s->grant.kind == RELAY_LINK) {
		(void)relay_link_write(s->origin, s->home, s->grant.id, s->secret, link);
	} else {
		text_string(&t, s->origin);
		text_string(&t, s->grant.kind == RELAY_PLAIN ? "/w/" : "/h/");
		text_string(&t, s->grant.kind == RELAY_PLAIN ? token : s->home);
	}
	put_word(&w, "id", s->grant.id);
	put_word(&w, "kind", grant_kind_name((enum relay_grant_kind)s->grant.kind));
	put_word(&w, "link", link);
	if (s->grant.kind == RELAY_PLAIN)
		put_word(&w, "token", token);
	if (s->grant.kind == RELAY_PHRASE) {
		put_word(&w, "label", s->grant.label);
		put_word(&w, "phrase", s->phrase);
	}
	client_share_done(k);
	finish_with(k, &w);
	keys_wipe(bytes, sizeof(bytes));
	keys_wipe(link, sizeof(link));
	keys_wipe(token, sizeof(token));
}

static void shared(void *owner, const struct ipc_message *m)
{
	struct client *k = owner;

	if (m && m->kind == IPC_UPLINK) {
		memcpy(k->sharing->origin, m->uplink.origin, sizeof(k->sharing->origin));
		memcpy(k->sharing->home, m->uplink.home, sizeof(k->sharing->home));
		return;
	}
	k->request = NULL;
	if (m && m->kind == IPC_RESULT && m->result.code == RESULT_OK) {
		say_shared(k);
		return;
	}
	client_share_done(k);
	finish_refused(k, m);
}

/* The secret is there: the keys that follow from it. */
static void derive(struct sharing *s)
{
	uint8_t view[RELAY_KEY_SIZE];

	s->made = true;
	if (s->grant.kind == RELAY_PLAIN) {
		keys_hash(s->secret, sizeof(s->secret), s->grant.hash);
		return;
	}
	keys_derive(s->secret, "view", s->grant.id, view);
	keys_hash(view, sizeof(view), s->grant.hash);
	keys_derive(s->secret, "request", s->grant.id, s->grant.request);
	keys_derive(s->secret, "answer", s->grant.id, s->grant.answer);
	keys_wipe(view, sizeof(view));
}

static void stretch_more(void *owner)
{
	struct sharing *s = owner;
	struct client *k = s->client;

	if (!keys_stretch_step(&s->stretch, STRETCH_ROUNDS)) {
		control_deadline_set(k->control, &s->more, clock_monotonic_us() + 1);
		return;
	}
	memcpy(s->secret, s->stretch.sum, sizeof(s->secret));
	derive(s);
	control_turn_take(k->control, &k->turn);
}

/* All machines are known: secret, id, and what was asked for. */
static void make(struct client *k)
{
	struct sharing *s = k->sharing;
	const struct command_share *c = &k->command.share;
	struct text name = text_over(s->grant.name, sizeof(s->grant.name));
	struct text label = text_over(s->grant.label, sizeof(s->grant.label));
	uint8_t id[RELAY_GRANT_SIZE], random[PHRASE_RANDOM];

	entropy_id(id, sizeof(id));
	b64_encode(id, sizeof(id), s->grant.id);
	s->grant.kind = c->kind;
	s->grant.can = c->can;
	s->grant.get = c->get;
	s->grant.all = c->machines_n == 0;
	s->grant.machines_n = c->machines_n;
	if (c->expires_seconds)
		s->grant.expires_ms = clock_wall_ms() + c->expires_seconds * UINT64_C(1000);
	text_string(&name, c->name[0] ? c->name : grant_kind_name(c->kind));
	if (c->kind != RELAY_PHRASE) {
		entropy_bytes(s->secret, sizeof(s->secret));
		derive(s);
		return;
	}
	text_string(&label, c->label[0] ? c->label : c->machines[0]);
	entropy_bytes(random, sizeof(random));
	phrase_make(random, s->phrase);
	entropy_bytes(s->grant.salt, sizeof(s->grant.salt));
	keys_stretch_start(&s->stretch, s->phrase, s->grant.salt, sizeof(s->grant.salt),
			   KEYS_STRETCH_ROUNDS);
	control_deadline_set(k->control, &s->more, clock_monotonic_us() + 1);
}

static void machine_answered(void *owner, const struct ipc_message *m)
{
	struct client *k = owner;
	struct sharing *s = k->sharing;

	if (m && m->kind == IPC_STATUS_ENTRY) {
		s->grant.machines[s->resolved] = m->machine.id;
		return;
	}
	k->request = NULL;
	if (m && m->kind == IPC_RESULT && m->result.code == RESULT_OK) {
		s->resolved++;
		client_start_share(k);
		return;
	}
	if (m) {
		char text[ANSWER_ROOM];
		struct text t = text_over(text, sizeof(text));

		text_string(&t, "there is no machine ");
		text_escaped_utf8(&t, k->command.share.machines[s->resolved],
				  strlen(k->command.share.machines[s->resolved]));
		client_share_done(k);
		client_finish_result(k, ANSWER_NOT_FOUND, text);
		return;
	}
	client_share_done(k);
	finish_refused(k, NULL);
}

void client_start_share(struct client *k)
{
	struct sharing *s = k->sharing;

	if (!s) {
		s = k->sharing = calloc(1, sizeof(*s));
		if (!s) {
			client_finish_result(k, ANSWER_BUSY, "out of memory");
			return;
		}
		s->client = k;
		s->more = (struct control_deadline){ .due = stretch_more, .owner = s };
	}
	if (s->resolved == k->command.share.machines_n)
		make(k);
	if (s->made || s->resolved < k->command.share.machines_n)
		control_turn_take(k->control, &k->turn);
}

void client_ask_share(struct client *k)
{
	struct sharing *s = k->sharing;
	struct ipc_message m = { .kind = IPC_SHARE };

	if (!s->made) {
		m.kind = IPC_STATUS;
		m.page.most = 1;
		memcpy(m.page.name, k->command.share.machines[s->resolved], sizeof(m.page.name));
		k->request = control_ask(k->control, &m, machine_answered, k);
		return;
	}
	m.grant = s->grant;
	k->request = control_ask(k->control, &m, shared, k);
	keys_wipe(&m, sizeof(m));
}
