/*
 * engine_take: what a lease or a goodbye says of its machine becomes a machine that is guarded. The key says whose word it
 * is; that an address can be guarded, and is at that machine, is looked at once for each address.
 *
 * An address that cannot be guarded is left out and said; the rest is taken. Refuses to know connections.
 */
#include "guard/engine_lease.h"

#include "sys/log.h"

#include <string.h>

#define ASK_EVERY 200000 /* us */
#define ASKS 5 /* then what has not answered does not answer */

static void note(struct line *n, const char *text)
{
	if (n->note.used)
		text_string(&n->note, "; ");
	text_string(&n->note, text);
}

/* "192.0.2.7 is taken by machine nas" */
static void note_address(struct line *n, const struct addr *a, const char *why, const char *whom)
{
	char address[ADDR_TEXT];

	note(n, addr_format(a, address));
	text_string(&n->note, why);
	text_escaped_utf8(&n->note, whom, strlen(whom));
}

static void refuse(struct leases *l, struct session *s, struct line *n, const char *why,
		   struct moment now)
{
	note(n, why);
	session_answer(l, s, false, now);
}

/* Leaves out the addresses of these bits; rules are for all addresses. */
static void leave_out(struct spec *s, uint32_t bits)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < s->addresses_n; i++) {
		if (!(bits >> i & 1))
			s->addresses[kept++] = s->addresses[i];
	}
	for (uint16_t i = kept; i < s->addresses_n; i++)
		s->addresses[i] = ADDR_NONE;
	s->addresses_n = kept;
}

static void say_goodbye(struct leases *l, struct session *s, struct machine *m, enum lease_why why,
			struct moment now)
{
	engine_say_goodbye(l->engine, m, &s->peer, lease_why_name(why), now);
	test_goodbye(s->paired, now);
}

void take_gone(struct leases *l, struct session *s, struct moment now)
{
	struct machine *m = lease_machine(l, s->paired);

	list_each(it, &s->lines)
	{
		const struct line *n = container_of(it, struct line, in);

		if (m && n->step == LINE_WAITS && n->said.say == SAY_GOODBYE &&
		    mac_equal(&n->said.spec.mac, &s->paired->pairing.mac))
			say_goodbye(l, s, m, n->said.why, now);
	}
}

void take_begin(struct leases *l, struct session *s, struct line *n, struct moment now)
{
	struct machine *m = lease_machine(l, s->paired);

	if (!mac_equal(&n->said.spec.mac, &s->paired->pairing.mac)) {
		refuse(l, s, n, "this is not the MAC address that was paired", now);
		return;
	}
	/* Whether it is there or goes is its word alone, whatever comes of its addresses. */
	if (m && n->said.say == SAY_GOODBYE)
		say_goodbye(l, s, m, n->said.why, now);
	else if (m)
		home_stay(l->engine->home, m, now);
	n->step = LINE_CHECKED;
	n->request = lease_check(l, &n->said.spec);
}

/* --- what there is to be said against its addresses --- */

static uint32_t others_addresses(const struct leases *l, struct session *s, struct line *n)
{
	const struct machine *own = lease_machine(l, s->paired);
	const struct spec *said = &n->said.spec;
	uint32_t bits = 0;

	for (uint16_t i = 0; i < said->addresses_n; i++) {
		for (uint8_t k = 0; k < HOME_INTERFACES && !(bits >> i & 1); k++) {
			const struct machine *m = home_by_address(l->engine->home, k,
								  &said->addresses[i]);

			if (!m || m == own)
				continue;
			note_address(n, &said->addresses[i], " is taken by machine ",
				     machine_name(m));
			bits |= 1U << i;
		}
	}
	return bits;
}

static uint32_t unknown_addresses(const struct leases *l, const struct session *s,
				  const struct spec *said)
{
	const struct machine *m = lease_machine(l, s->paired);
	uint32_t bits = said->addresses_n < 32 ? (1U << said->addresses_n) - 1 : UINT32_MAX;
	struct spec known;

	if (!m)
		return bits;
	machine_spec_of(m, &known);
	for (uint16_t i = 0; i < said->addresses_n; i++) {
		for (uint16_t k = 0; k < known.addresses_n; k++) {
			if (addr_equal(&said->addresses[i], &known.addresses[k]))
				bits &= ~(1U << i);
		}
	}
	return bits;
}

static void ask(struct leases *l, struct line *n, struct moment now)
{
	for (uint16_t i = 0; i < n->said.spec.addresses_n; i++) {
		/* The monitor sends it only where the address is on link. */
		for (uint8_t k = 0; n->fresh >> i & 1 && k < HOME_INTERFACES; k++) {
			struct ipc_message m = { .kind = IPC_SOLICIT };

			if (!l->engine->interfaces[k].said.present)
				continue;
			m.lan.interface = k;
			m.lan.addr = n->said.spec.addresses[i];
			engine_tell_monitor(l->engine, &m);
		}
	}
	n->asked++;
	n->due = now.us + ASK_EVERY;
}

/* --- the end of it --- */

static void done(struct leases *l, struct session *s, struct line *n, bool is_new,
		 struct moment now)
{
	struct machine *m = lease_machine(l, s->paired);

	if (is_new && m && n->said.say == SAY_GOODBYE)
		say_goodbye(l, s, m, n->said.why, now);
	else if (is_new && m)
		home_stay(l->engine->home, m, now);
	session_answer(l, s, true, now);
}

/* What is left is what it is. */
static void conclude(struct leases *l, struct session *s, struct line *n, struct moment now)
{
	struct machine *m = lease_machine(l, s->paired);
	struct ipc_machine im = { .interface = HOME_NO_INTERFACE, .spec = n->said.spec };
	struct spec known;

	if (im.spec.addresses_n == 0) {
		refuse(l, s, n, "no address is left that can be guarded", now);
		return;
	}
	im.spec.origin = SPEC_REGISTERED;
	if (m) {
		machine_spec_of(m, &known);
		memcpy(im.spec.name, known.name, sizeof(known.name));
		im.spec.watts = known.watts;
	}
	if (m && known.origin != SPEC_REGISTERED) {
		note(n, known.origin == SPEC_FILE
				? "its name, addresses and rules are those of the guard's "
				  "configuration file"
				: "its name, addresses and rules are those of `rouse add`");
		done(l, s, n, false, now);
		return;
	}
	if (m && spec_equal(&im.spec, &known)) {
		done(l, s, n, false, now);
		return;
	}
	if (m && !home_may_change(l->engine->home, m, now)) {
		refuse(l, s, n, "it changes too often; try again in a minute", now);
		return;
	}
	n->step = LINE_STORED;
	n->request = lease_number(l);
	engine_store_lease(l->engine, n->request, &im);
}

static void found(struct leases *l, struct session *s, struct line *n, struct moment now)
{
	n->step = LINE_CHECKED; /* nothing is waited for; nobody asks for this request again */
	n->request = 0;
	l->asking--;
	conclude(l, s, n, now);
}

void take_checked(struct leases *l, struct session *s, struct line *n, const struct ipc_result *r,
		  struct moment now)
{
	uint32_t bits = 0;

	if (r->code != RESULT_OK) {
		note(n, r->text);
		bits = r->id;
		if (bits == 0) {
			session_answer(l, s, false, now);
			return;
		}
	}
	leave_out(&n->said.spec, bits);
	leave_out(&n->said.spec, others_addresses(l, s, n));
	n->fresh = unknown_addresses(l, s, &n->said.spec);
	if (n->fresh == 0) {
		conclude(l, s, n, now);
		return;
	}
	n->step = LINE_ASKED;
	l->asking++;
	ask(l, n, now);
}

/* Somebody said that one of its new addresses is at `mac`. */
static void heard(struct leases *l, struct session *s, struct line *n, uint16_t i,
		  const struct mac *mac, struct moment now)
{
	struct spec *said = &n->said.spec;
	char holder[MAC_TEXT];
	uint32_t below = (1U << i) - 1;

	if (mac_equal(mac, &said->mac)) {
		n->fresh &= ~(1U << i);
	} else {
		note_address(n, &said->addresses[i], " is at ", mac_format(mac, holder));
		leave_out(said, 1U << i);
		n->fresh = (n->fresh & below) | (n->fresh >> 1 & ~below);
	}
	if (n->fresh == 0)
		found(l, s, n, now);
}

void take_heard(struct leases *l, const struct addr *a, const struct mac *mac, struct moment now)
{
	list_each_safe(it, &l->sessions)
	{
		struct session *s = container_of(it, struct session, in);
		struct line *n = container_of(s->lines.next, struct line, in);

		if (list_empty(&s->lines) || n->step != LINE_ASKED)
			continue;
		for (uint16_t i = 0; i < n->said.spec.addresses_n; i++) {
			if (!(n->fresh >> i & 1) || !addr_equal(&n->said.spec.addresses[i], a))
				continue;
			heard(l, s, n, i, mac, now);
			break;
		}
	}
}

void take_asked(struct leases *l, struct session *s, struct line *n, bool hurry, struct moment now)
{
	if (!hurry && n->asked < ASKS) {
		ask(l, n, now);
		return;
	}
	for (uint16_t i = 0; i < n->said.spec.addresses_n; i++) {
		if (n->fresh >> i & 1)
			note_address(n, &n->said.spec.addresses[i],
				     " does not answer for itself on the LAN", "");
	}
	leave_out(&n->said.spec, n->fresh);
	found(l, s, n, now);
}

void take_stored(struct leases *l, struct session *s, struct line *n, enum ipc_code code,
		 const char *text, struct moment now)
{
	if (code == RESULT_OK)
		done(l, s, n, true, now);
	else
		refuse(l, s, n, text, now);
}
