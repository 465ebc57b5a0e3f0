#include "proto/ipc.h"

#include <assert.h>
#include <string.h>

#define HEAD offsetof(struct ipc_message, settings)
#define BODY(member) (sizeof(((struct ipc_message *)0)->member))

/* The payload of each kind. */
static const struct form {
	const char *name;
	size_t body;
	bool (*sane)(const struct ipc_message *m);
} forms[IPC_KINDS];

static bool text_ends(const char *text, size_t n)
{
	return memchr(text, 0, n) != NULL;
}

static bool family_sane(const struct addr *a)
{
	return a->family == 0 || a->family == 4 || a->family == 6;
}

static bool settings_sane(const struct ipc_message *m)
{
	return m->settings.register_mode < REGISTER_MODES &&
	       text_ends(m->settings.token, BODY(settings.token));
}

static bool interface_sane(const struct ipc_message *m)
{
	return m->interface.index < 16 && text_ends(m->interface.name, BODY(interface.name));
}

static bool lan_sane(const struct ipc_message *m)
{
	return m->lan.interface < 16 && family_sane(&m->lan.addr) && family_sane(&m->lan.peer);
}

static bool send_sane(const struct ipc_message *m)
{
	return m->send.interface < 16 && m->send.length <= IPC_PACKET_MAX;
}

static bool machine_sane(const struct ipc_message *m)
{
	return spec_sane(&m->machine.spec) && family_sane(&m->machine.sleeper.source) &&
	       (!m->machine.has_past || machine_past_sane(&m->machine.past)) &&
	       (m->machine.interface < 16 || m->machine.interface == 0xff);
}

static bool registration_sane(const struct ipc_message *m)
{
	return spec_sane(&m->registration.spec) && family_sane(&m->registration.peer);
}

static bool past_sane(const struct ipc_message *m)
{
	return machine_past_sane(&m->past.past);
}

static bool happened_sane(const struct ipc_message *m)
{
	return event_sane(&m->event);
}

static bool page_sane(const struct ipc_message *m)
{
	return text_ends(m->page.name, BODY(page.name));
}

static bool name_sane(const struct ipc_message *m)
{
	return text_ends(m->name.name, BODY(name.name));
}

static bool result_sane(const struct ipc_message *m)
{
	return m->result.code < RESULT_CODES && text_ends(m->result.text, BODY(result.text));
}

static bool listener_sane(const struct ipc_message *m)
{
	return m->listener.kind < LISTENER_KINDS && family_sane(&m->listener.addr);
}

#define ENDS(field) text_ends((field), sizeof(field))

static bool discovery_sane(const struct ipc_message *m)
{
	const struct ipc_discovery *d = &m->discovery;

	if (d->interface >= 16 || (d->family != 4 && d->family != 6) ||
	    d->addresses_n > IPC_DISCOVERY_ADDRESSES || !ENDS(d->name))
		return false;
	for (uint16_t i = 0; i < d->addresses_n; i++) {
		const struct prefix *p = &d->addresses[i];

		if (!addr_sane(&p->addr) || p->length > 8 * addr_size(&p->addr))
			return false;
	}
	return true;
}

static bool key_sane(const struct ipc_message *m)
{
	return ENDS(m->key.origin);
}

static bool shared_sane(const struct ipc_message *m)
{
	return grant_sane(&m->grant);
}

static bool grant_id_sane(const struct ipc_message *m)
{
	return ENDS(m->grant_id);
}

static bool relay_sane(const struct ipc_message *m)
{
	return ENDS(m->relay.joined.origin) && ENDS(m->relay.joined.name) &&
	       ENDS(m->relay.invitation);
}

static bool relay_machine_sane(const struct ipc_message *m)
{
	const struct relay_machine *r = &m->relay_machine;

	return r->state < MACHINE_STATES && ENDS(r->name) && ENDS(r->by) && ENDS(r->who);
}

static bool relay_grant_sane(const struct ipc_message *m)
{
	const struct relay_grant *g = &m->relay_grant;

	return g->kind < RELAY_GRANT_KINDS && ENDS(g->id) && ENDS(g->label) &&
	       g->machines_n <= RELAY_MACHINES_MAX;
}

static bool uplink_sane(const struct ipc_message *m)
{
	return m->uplink.state < UPLINK_STATES && ENDS(m->uplink.home) && ENDS(m->uplink.origin) &&
	       ENDS(m->uplink.text);
}

static bool hello_sane(const struct ipc_message *m)
{
	return ENDS(m->hello.origin);
}

static bool sealed_sane(const struct ipc_message *m)
{
	return family_sane(&m->sealed.from) && sealed_request_sane(&m->sealed.request);
}

static bool token_sane(const struct ipc_message *m)
{
	return family_sane(&m->token.from) && ENDS(m->token.grant);
}

static bool challenge_sane(const struct ipc_message *m)
{
	return ENDS(m->challenge.current);
}

static bool sealed_answered_sane(const struct ipc_message *m)
{
	return ENDS(m->sealed_answer.outcome) && sealed_answer_sane(&m->sealed_answer.answer);
}

static bool plain_answer_sane(const struct ipc_message *m)
{
	return ENDS(m->plain_answer.outcome) && ENDS(m->plain_answer.why) &&
	       ENDS(m->plain_answer.body);
}

static bool pairing_said_sane(const struct ipc_message *m)
{
	return pairing_sane(&m->pairing.pairing) && family_sane(&m->pairing.from);
}

static bool pairing_id_sane(const struct ipc_message *m)
{
	return ENDS(m->pairing_id);
}

static bool lease_opening_sane(const struct ipc_message *m)
{
	const struct lease_opening *o = &m->lease_opening.opening;

	return family_sane(&m->lease_opening.peer) && (unsigned int)o->kind < LEASE_OPENINGS &&
	       ENDS(o->about.name) && ENDS(o->id) && ENDS(o->word) && ENDS(o->text);
}

static bool lease_line_sane(const struct ipc_message *m)
{
	return m->lease_line.length <= LEASE_LINE_MAX;
}

static bool pair_news_sane(const struct ipc_message *m)
{
	const struct ipc_pair_news *n = &m->pair_news;

	return n->what < PAIR_NEWS_KINDS && family_sane(&n->from) && ENDS(n->code) &&
	       ENDS(n->name) && ENDS(n->text);
}

static const struct form forms[IPC_KINDS] = {
	[IPC_SETTINGS] = { "settings", BODY(settings), settings_sane },
	[IPC_INTERFACE] = { "interface", BODY(interface), interface_sane },
	[IPC_GO] = { "go", 0, NULL },
	[IPC_TAP] = { "tap", BODY(interface), interface_sane },
	[IPC_MACHINE] = { "machine", BODY(machine), machine_sane },
	[IPC_FORGOTTEN] = { "forgotten", BODY(id), NULL },
	[IPC_REFUSED] = { "refused", BODY(result), result_sane },
	[IPC_CHECKED] = { "checked", BODY(result), result_sane },
	[IPC_LISTENER] = { "listener", BODY(listener), listener_sane },
	[IPC_DISCOVERY] = { "discovery", BODY(discovery), discovery_sane },
	[IPC_LOG_ENTRY] = { "log-entry", BODY(event), happened_sane },
	[IPC_LOG_END] = { "log-end", 0, NULL },
	[IPC_HAPPENED] = { "happened", BODY(event), happened_sane },
	[IPC_ANSWER] = { "answer", BODY(lan), lan_sane },
	[IPC_ANNOUNCE] = { "announce", BODY(lan), lan_sane },
	[IPC_REPOINT] = { "repoint", BODY(lan), lan_sane },
	[IPC_SOLICIT] = { "solicit", BODY(lan), lan_sane },
	[IPC_PROBE_PORT] = { "probe-port", BODY(lan), lan_sane },
	[IPC_PROBE_ECHO] = { "probe-echo", BODY(lan), lan_sane },
	[IPC_WAKE] = { "wake", BODY(lan), lan_sane },
	[IPC_SEND] = { "send", BODY(send), send_sane },
	[IPC_CLAIM] = { "claim", BODY(lan), lan_sane },
	[IPC_RELEASE] = { "release", BODY(lan), lan_sane },
	[IPC_LOCAL] = { "local", BODY(lan), lan_sane },
	[IPC_REFRESH] = { "refresh", BODY(lan), lan_sane },
	[IPC_CHECK] = { "check", BODY(machine), machine_sane },
	[IPC_STORE] = { "store", BODY(machine), machine_sane },
	[IPC_FORGET] = { "forget", BODY(id), NULL },
	[IPC_PAST] = { "past", BODY(past), past_sane },
	[IPC_EVENT] = { "event", BODY(event), happened_sane },
	[IPC_PAIRING_OPEN] = { "pairing-open", BODY(id), NULL },
	[IPC_BLAME] = { "blame", 0, NULL },
	[IPC_REGISTER] = { "register", BODY(registration), registration_sane },
	[IPC_ADD] = { "add", BODY(machine), machine_sane },
	[IPC_REMOVE] = { "remove", BODY(name), name_sane },
	[IPC_WAKE_PLEASE] = { "wake-please", BODY(name), name_sane },
	[IPC_STATUS] = { "status", BODY(page), page_sane },
	[IPC_RESULT] = { "result", BODY(result), result_sane },
	[IPC_STATUS_ENTRY] = { "status-entry", BODY(machine), machine_sane },
	[IPC_LOG] = { "log", BODY(page), page_sane },
	[IPC_KEY] = { "key", BODY(key), key_sane },
	[IPC_GRANT] = { "grant", BODY(grant), shared_sane },
	[IPC_REVOKED] = { "revoked", BODY(grant_id), grant_id_sane },
	[IPC_GRANT_ENTRY] = { "grant-entry", BODY(grant), shared_sane },
	[IPC_RELAY] = { "relay", BODY(relay), relay_sane },
	[IPC_RELAY_MACHINE] = { "relay-machine", BODY(relay_machine), relay_machine_sane },
	[IPC_RELAY_GONE] = { "relay-gone", BODY(id), NULL },
	[IPC_RELAY_GRANT] = { "relay-grant", BODY(relay_grant), relay_grant_sane },
	[IPC_RELAY_LEAVE] = { "relay-leave", 0, NULL },
	[IPC_JOIN] = { "join", BODY(relay), relay_sane },
	[IPC_LEAVE] = { "leave", 0, NULL },
	[IPC_SHARE] = { "share", BODY(grant), shared_sane },
	[IPC_REVOKE] = { "revoke", BODY(grant_id), grant_id_sane },
	[IPC_GRANTS] = { "grants", BODY(page), page_sane },
	[IPC_UPLINK_PLEASE] = { "uplink-please", 0, NULL },
	[IPC_UPLINK] = { "uplink", BODY(uplink), uplink_sane },
	[IPC_HELLO] = { "hello", BODY(hello), hello_sane },
	[IPC_JOINED] = { "joined", BODY(joined), NULL },
	[IPC_SEALED] = { "sealed", BODY(sealed), sealed_sane },
	[IPC_TOKEN] = { "token", BODY(token), token_sane },
	[IPC_SIGNED] = { "signed", BODY(join_signed), NULL },
	[IPC_CHALLENGE] = { "challenge", BODY(challenge), challenge_sane },
	[IPC_SEALED_ANSWER] = { "sealed-answer", BODY(sealed_answer), sealed_answered_sane },
	[IPC_PAIRING] = { "pairing", BODY(pairing), pairing_said_sane },
	[IPC_UNPAIRED] = { "unpaired", BODY(pairing_id), pairing_id_sane },
	[IPC_PAIR_STORED] = { "pair-stored", BODY(result), result_sane },
	[IPC_PAIRING_ENTRY] = { "pairing-entry", BODY(pairing), pairing_said_sane },
	[IPC_PAIR] = { "pair", BODY(pairing), pairing_said_sane },
	[IPC_PAIR_PLEASE] = { "pair-please", BODY(name), name_sane },
	[IPC_PAIR_CANCEL] = { "pair-cancel", 0, NULL },
	[IPC_SLEEP_PLEASE] = { "sleep-please", BODY(name), name_sane },
	[IPC_LEASE_OPENING] = { "lease-opening", BODY(lease_opening), lease_opening_sane },
	[IPC_LEASE_LINE] = { "lease-line", BODY(lease_line), lease_line_sane },
	[IPC_LEASE_GONE] = { "lease-gone", BODY(id), NULL },
	[IPC_LEASE_RESET] = { "lease-reset", 0, NULL },
	[IPC_LEASE_SEND] = { "lease-send", BODY(lease_line), lease_line_sane },
	[IPC_PAIR_NEWS] = { "pair-news", BODY(pair_news), pair_news_sane },
	[IPC_UNPAIR] = { "unpair", BODY(name), name_sane },
	[IPC_PAIRINGS] = { "pairings", BODY(page), page_sane },
	[IPC_PLAIN_ANSWER] = { "plain-answer", BODY(plain_answer), plain_answer_sane },
};

size_t ipc_length(const struct ipc_message *m)
{
	assert(m->kind < IPC_KINDS && forms[m->kind].name);
	return HEAD + forms[m->kind].body;
}

/* Bytes behind the message itself. */
static size_t following(const struct ipc_message *m)
{
	if (m->kind == IPC_LEASE_LINE || m->kind == IPC_LEASE_SEND)
		return m->lease_line.length;
	return m->kind == IPC_SEND ? m->send.length : 0;
}

bool ipc_check(const struct ipc_message *m, size_t n)
{
	if (n < HEAD || m->kind >= IPC_KINDS || !forms[m->kind].name)
		return false;
	size_t length = ipc_length(m);

	if (n < length || (forms[m->kind].sane && !forms[m->kind].sane(m)))
		return false;
	return n - length == following(m);
}

const char *ipc_kind_name(enum ipc_kind k)
{
	return forms[k].name;
}
