#include "proto/event_text.h"

#include "proto/time_text.h"

#include <string.h>

void event_put_endpoint(struct text *t, const struct addr *a, uint16_t port)
{
	char address[ADDR_TEXT];
	bool brackets = a->family == 6 && port != 0;

	if (brackets)
		text_char(t, '[');
	text_string(t, addr_format(a, address));
	if (brackets)
		text_char(t, ']');
	if (port != 0) {
		text_char(t, ':');
		text_u64(t, port);
	}
}

void event_put_service(struct text *t, enum knock_kind k, uint16_t port)
{
	text_string(t, knock_kind_name(k));
	if (k != KNOCK_NONE && k != KNOCK_ECHO) {
		text_char(t, '/');
		text_u64(t, port);
	}
}

/* --- the words --- */

static void put_address(struct text *t, const struct addr *a)
{
	event_put_endpoint(t, a, 0);
}

static void put_mac(struct text *t, const struct mac *m)
{
	char mac[MAC_TEXT];

	text_string(t, mac_format(m, mac));
}

/* "6.4 s"; above two minutes nobody wants tenths: "10 min". */
static void put_duration(struct text *t, uint64_t us)
{
	if (us >= 120000000) {
		text_u64(t, (us + 30000000) / 60000000);
		text_string(t, " min");
		return;
	}
	text_seconds(t, us);
	text_string(t, " s");
}

static void put_count(struct text *t, uint32_t n, const char *one, const char *many)
{
	text_u64(t, n);
	text_char(t, ' ');
	text_string(t, n == 1 ? one : many);
}

static void put_source(struct text *t, const struct event *e)
{
	if (e->local)
		text_string(t, "this host, ");
	event_put_endpoint(t, &e->from, e->from_port);
}

/* Only TCP has a gate, whether the event says so or not. */
static enum knock_kind service_of(const struct event *e)
{
	bool gate = e->kind == EVENT_READY || e->kind == EVENT_GATE_OVER;

	return gate && e->knock == KNOCK_NONE ? KNOCK_TCP : (enum knock_kind)e->knock;
}

static void put_magic(struct text *t, const struct event *e)
{
	if (e->observed) {
		text_string(t, "would send a magic packet");
		return;
	}
	text_string(t, "magic packet sent (");
	text_u64(t, e->attempt);
	text_char(t, '/');
	text_u64(t, e->attempts);
	text_char(t, ')');
}

static void put_replayed(struct text *t, const struct event *e)
{
	put_count(t, e->replayed, "packet", "packets");
	text_string(t, e->observed ? " would be replayed" : " replayed");
}

/* " by uid 1000", where somebody asked who has a name. */
static void put_asker(struct text *t, const struct event *e)
{
	if ((e->by != BY_GRANT && e->by != BY_REQUEST) || !e->who[0])
		return;
	text_string(t, " by ");
	text_escaped_utf8(t, e->who, strnlen(e->who, sizeof(e->who)));
	if (e->by == BY_GRANT)
		text_string(t, " over the relay");
}

static void say_added(struct text *t, const struct event *e)
{
	text_string(t, e->observed ? "observed from now on" : "guarded from now on");
	if (e->who[0])
		text_string(t, ", added");
	put_asker(t, e);
}

static void say_updated(struct text *t, const struct event *e)
{
	(void)e;
	text_string(t, "its description changed");
}

static void say_removed(struct text *t, const struct event *e)
{
	text_string(t, e->observed ? "not observed any more" : "not guarded any more");
	if (e->who[0])
		text_string(t, ", removed");
	put_asker(t, e);
}

static void say_goodbye(struct text *t, const struct event *e)
{
	text_string(t, "said goodbye");
	if (e->by == BY_NOBODY && e->who[0]) {
		text_string(t, " (");
		text_escaped_utf8(t, e->who, strnlen(e->who, sizeof(e->who)));
		text_char(t, ')');
	}
	if (e->from.family) {
		text_string(t, " from ");
		put_address(t, &e->from);
	}
	text_string(t, e->observed ? "; would probe until it is silent"
				   : "; probing until it is silent");
}

static void say_stayed_awake(struct text *t, const struct event *e)
{
	text_string(t, "said goodbye but is still awake");
	if (e->took_us) {
		text_string(t, " after ");
		put_duration(t, e->took_us);
	}
	text_string(t, "; taken as awake again");
}

static void say_asleep(struct text *t, const struct event *e)
{
	text_string(t, "asleep");
	if (e->took_us) {
		text_string(t, ", silent for ");
		put_duration(t, e->took_us);
	}
	text_string(t, e->observed ? "; would answer for its addresses"
				   : "; answering for its addresses");
}

static void say_knock(struct text *t, const struct event *e)
{
	text_string(t, "knock from ");
	put_source(t, e);
	text_string(t, " to ");
	event_put_service(t, e->knock, e->to_port);
	if (e->knock == KNOCK_TCP_DATA)
		text_string(t, " (data)");
	text_string(t, "; ");
	put_magic(t, e);
}

static void say_request(struct text *t, const struct event *e)
{
	text_string(t, e->by == BY_EXIT ? "the guard stops" : "wake requested");
	put_asker(t, e);
	if (e->from.family) {
		text_string(t, " from ");
		put_address(t, &e->from);
	}
	text_string(t, "; ");
	put_magic(t, e);
}

static void say_attempt(struct text *t, const struct event *e)
{
	text_string(t, "no answer yet; ");
	put_magic(t, e);
}

static void say_awake(struct text *t, const struct event *e)
{
	if (e->by == BY_NOBODY) {
		text_string(t, "awake");
	} else if (e->by == BY_HAND) {
		text_string(t, "awake, started by hand or by somebody else's magic packet");
	} else {
		text_string(t, "awake after ");
		put_duration(t, e->took_us);
		if (e->late)
			text_string(t, ", late: all attempts had failed");
	}
}

static void say_ready(struct text *t, const struct event *e)
{
	event_put_service(t, service_of(e), e->to_port);
	text_string(t, " answered after ");
	put_duration(t, e->took_us);
	text_string(t, "; ");
	put_replayed(t, e);
}

static void say_replayed(struct text *t, const struct event *e)
{
	put_replayed(t, e);
	if (e->took_us) {
		text_string(t, " after ");
		put_duration(t, e->took_us);
	}
}

static void say_no_sign_of_life(struct text *t, const struct event *e)
{
	text_string(t, "no sign of life");
	if (e->attempts) {
		text_string(t, " after ");
		put_count(t, e->attempts, "attempt", "attempts");
	}
	text_string(
		t,
		"; check its power, its cable, and that Wake-on-LAN is on in firmware and system");
}

static void say_conflict(struct text *t, const struct event *e)
{
	text_string(t, "another host, ");
	put_mac(t, &e->from_mac);
	text_string(t, ", uses ");
	put_address(t, &e->to);
	text_string(t,
		    e->observed ? "; would not answer for it" : "; not answering for it any more");
}

static void say_yielded(struct text *t, const struct event *e)
{
	text_string(t, "another guard, ");
	put_mac(t, &e->from_mac);
	text_string(t, ", answers for ");
	put_address(t, &e->to);
	text_string(t, e->observed ? "; would leave it to that" : "; leaving it to that");
}

static void say_reclaimed(struct text *t, const struct event *e)
{
	text_string(t, e->observed ? "would answer for " : "answering for ");
	put_address(t, &e->to);
	text_string(t, " again");
}

static void say_nic_answers(struct text *t, const struct event *e)
{
	(void)e;
	text_string(t, "asleep, although its network card still answers for it");
}

static void say_gate_over(struct text *t, const struct event *e)
{
	event_put_service(t, service_of(e), e->to_port);
	text_string(t, " did not answer");
	if (e->took_us) {
		text_string(t, " within ");
		put_duration(t, e->took_us);
	}
	text_string(t, "; held packets dropped");
}

static void say_scanner(struct text *t, const struct event *e)
{
	put_address(t, &e->from);
	text_string(t, e->observed ? " looks like a scanner; it would wake nothing for a while"
				   : " looks like a scanner; it wakes nothing for a while");
}

static void say_wake_limit(struct text *t, const struct event *e)
{
	put_address(t, &e->from);
	text_string(t, e->observed ? " woke too many machines; it would wake nothing for a while"
				   : " woke too many machines; it wakes nothing for a while");
}

static void say_left_out(struct text *t, const struct event *e)
{
	put_count(t, e->replayed, "event", "events");
	text_string(t, " left out");
}

static void say_paired(struct text *t, const struct event *e)
{
	text_string(t, "paired");
	if (e->from.family) {
		text_string(t, " from ");
		put_address(t, &e->from);
	}
	text_string(t, "; only its sleeper speaks for it from now on");
}

static void say_unpaired(struct text *t, const struct event *e)
{
	text_string(t, "unpaired");
	put_asker(t, e);
}

static void say_stays(struct text *t, const struct event *e)
{
	(void)e;
	text_string(t, "takes its goodbye back; awake");
}

/* Which fields mean something; the rest is null in JSON. */
enum {
	HAS_FROM = 1,
	HAS_SERVICE = 2,
	HAS_ADDRESS = 4,
	HAS_MAC = 8,
	HAS_ATTEMPT = 16,
	HAS_SECONDS = 32,
	HAS_COUNT = 64
};

static const struct wording {
	void (*say)(struct text *t, const struct event *e);
	unsigned int has;
} wordings[EVENT_KINDS] = {
	[EVENT_ADDED] = { say_added, 0 },
	[EVENT_UPDATED] = { say_updated, 0 },
	[EVENT_REMOVED] = { say_removed, 0 },
	[EVENT_GOODBYE] = { say_goodbye, HAS_FROM },
	[EVENT_STAYED_AWAKE] = { say_stayed_awake, HAS_SECONDS },
	[EVENT_ASLEEP] = { say_asleep, HAS_SECONDS },
	[EVENT_KNOCK] = { say_knock, HAS_FROM | HAS_SERVICE | HAS_ADDRESS | HAS_MAC | HAS_ATTEMPT },
	[EVENT_REQUEST] = { say_request, HAS_FROM | HAS_ATTEMPT },
	[EVENT_ATTEMPT] = { say_attempt, HAS_ATTEMPT },
	[EVENT_AWAKE] = { say_awake, HAS_ATTEMPT | HAS_SECONDS },
	[EVENT_READY] = { say_ready, HAS_SERVICE | HAS_ADDRESS | HAS_SECONDS | HAS_COUNT },
	[EVENT_REPLAYED] = { say_replayed, HAS_SERVICE | HAS_ADDRESS | HAS_SECONDS | HAS_COUNT },
	[EVENT_NO_SIGN_OF_LIFE] = { say_no_sign_of_life, HAS_ATTEMPT | HAS_SECONDS },
	[EVENT_CONFLICT] = { say_conflict, HAS_ADDRESS | HAS_MAC },
	[EVENT_YIELDED] = { say_yielded, HAS_ADDRESS | HAS_MAC },
	[EVENT_RECLAIMED] = { say_reclaimed, HAS_ADDRESS },
	[EVENT_NIC_ANSWERS] = { say_nic_answers, HAS_ADDRESS },
	[EVENT_GATE_OVER] = { say_gate_over, HAS_SERVICE | HAS_ADDRESS | HAS_SECONDS },
	[EVENT_SCANNER] = { say_scanner, HAS_FROM | HAS_MAC },
	[EVENT_WAKE_LIMIT] = { say_wake_limit, HAS_FROM | HAS_MAC },
	[EVENT_LEFT_OUT] = { say_left_out, HAS_COUNT },
	[EVENT_PAIRED] = { say_paired, HAS_FROM },
	[EVENT_UNPAIRED] = { say_unpaired, 0 },
	[EVENT_STAYS] = { say_stays, 0 },
};

char *event_line(const struct event *e, char to[static EVENT_LINE])
{
	struct text t = text_over(to, EVENT_LINE);

	if (e->name[0]) {
		text_escaped_utf8(&t, e->name, strnlen(e->name, sizeof(e->name)));
		text_string(&t, ": ");
	}
	wordings[e->kind].say(&t, e);
	return to;
}

/* --- JSON --- */

/* A string that may be missing: it is when nothing was put. */
struct scrap {
	char bytes[80];
	struct text t;
};

static struct text *scrap_begin(struct scrap *s)
{
	s->t = text_over(s->bytes, sizeof(s->bytes));
	return &s->t;
}

static void write_scrap(struct json_writer *w, const char *key, const struct scrap *s)
{
	json_write_key(w, key);
	if (s->t.used)
		json_write_word(w, s->bytes);
	else
		json_write_null(w);
}

static void write_who(struct json_writer *w, const struct event *e, unsigned int has)
{
	struct scrap s;

	scrap_begin(&s);
	if (has & HAS_FROM && e->from.family)
		event_put_endpoint(&s.t, &e->from, e->from_port);
	write_scrap(w, "from", &s);
	scrap_begin(&s);
	if (has & HAS_SERVICE)
		event_put_service(&s.t, service_of(e), e->to_port);
	write_scrap(w, "to", &s);
	scrap_begin(&s);
	if (has & HAS_ADDRESS && e->to.family)
		put_address(&s.t, &e->to);
	write_scrap(w, "address", &s);
	scrap_begin(&s);
	if (has & HAS_MAC && !mac_is_zero(&e->from_mac))
		put_mac(&s.t, &e->from_mac);
	write_scrap(w, "mac", &s);
}

static void write_number(struct json_writer *w, const char *key, bool has, uint64_t v)
{
	json_write_key(w, key);
	if (has)
		json_write_u64(w, v);
	else
		json_write_null(w);
}

static void write_numbers(struct json_writer *w, const struct event *e, unsigned int has)
{
	/* A machine that nobody woke was not awake "after" anything. */
	bool timed = has & HAS_SECONDS && e->took_us != 0;

	write_number(w, "attempt", has & HAS_ATTEMPT && e->attempt, e->attempt);
	write_number(w, "attempts", has & HAS_ATTEMPT && e->attempts, e->attempts);
	json_write_key(w, "seconds");
	if (timed)
		json_write_seconds(w, e->took_us);
	else
		json_write_null(w);
	write_number(w, "replayed", has & HAS_COUNT, e->replayed);
}

static void write_flag(struct json_writer *w, const char *key, bool v)
{
	json_write_key(w, key);
	json_write_bool(w, v);
}

static void write_what(struct json_writer *w, const struct event *e)
{
	char at[TIME_TEXT];

	json_write_key(w, "id");
	json_write_u64(w, e->id);
	json_write_key(w, "at");
	json_write_word(w, time_text(e->wall_ms, 0, at));
	json_write_key(w, "machine");
	if (e->name[0])
		json_write_word(w, e->name);
	else
		json_write_null(w);
	json_write_key(w, "event");
	json_write_word(w, event_kind_name(e->kind));
	json_write_key(w, "by");
	if (e->by == BY_NOBODY)
		json_write_null(w);
	else
		json_write_word(w, wake_by_name(e->by));
	json_write_key(w, "who");
	if ((e->by == BY_GRANT || e->by == BY_REQUEST) && e->who[0])
		json_write_word(w, e->who);
	else
		json_write_null(w);
}

void event_write_json(struct json_writer *w, const struct event *e)
{
	unsigned int has = wordings[e->kind].has;
	char line[EVENT_LINE];

	json_write_open(w, '{');
	write_what(w, e);
	write_who(w, e, has);
	write_numbers(w, e, has);
	write_flag(w, "late", e->late);
	write_flag(w, "local", e->local);
	write_flag(w, "observed", e->observed);
	json_write_key(w, "text");
	json_write_word(w, event_line(e, line));
	json_write_close(w, '}');
}
