/*
 * setup_pair: the machine's side of pairing (docs/lease-protocol.md, 2): over one connection to the guard, with the six digits
 * that `rouse pair` shows there. What comes of it is stored where rouse-sleeper reads it.
 */
#include "cli/setup.h"

#include "cli/own.h"

#include "base/bytes.h"
#include "proto/keys.h"
#include "proto/lease.h"
#include "proto/pairing_state.h"
#include "sys/entropy.h"
#include "sys/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECT_MS 5000
#define ANSWER_SECONDS 10 /* the guard stores the pairing before it answers */
#define TRIES 3

/* One exchange. */
struct exchange {
	int fd;
	size_t used, taken;
	char bytes[LEASE_LINE_MAX];
	char problem[SETUP_TEXT]; /* why it ended */
	bool wrong_code;
	bool proved; /* both knew the code: what is missing is the guard's word that it stored the pairing */
};

/* The guard's next object: 0, or -1 with x->problem. */
static int hear(struct exchange *x, enum lease_opening_kind expected, struct lease_opening *ret)
{
	const char *end;
	size_t n;

	while (!(end = memchr(x->bytes + x->taken, '\n', x->used - x->taken))) {
		ssize_t got = -1;

		errno = EMSGSIZE;
		if (x->used < sizeof(x->bytes))
			got = recv(x->fd, x->bytes + x->used, sizeof(x->bytes) - x->used, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			(void)snprintf(x->problem, sizeof(x->problem),
				       "the guard does not answer: %s%s",
				       got < 0 ? strerror(errno) : "it ended the connection",
				       x->proved ? " (it may have paired all the same: pair again)"
						 : "");
			return -1;
		}
		x->used += (size_t)got;
	}
	n = (size_t)(end - (x->bytes + x->taken));
	if (lease_opening_read(x->bytes + x->taken, n, ret) < 0 ||
	    (ret->kind != expected && ret->kind != LEASE_ERROR)) {
		(void)snprintf(x->problem, sizeof(x->problem),
			       "what answers there is no guard, or one of another version");
		return -1;
	}
	x->taken += n + 1;
	if (ret->kind != LEASE_ERROR)
		return 0;
	x->wrong_code = strcmp(ret->word, "wrong-code") == 0;
	(void)snprintf(x->problem, sizeof(x->problem), "the guard says: %s", ret->text);
	return -1;
}

static int say(struct exchange *x, const struct lease_opening *o)
{
	char line[1024];
	int n = lease_opening_write(o, line, sizeof(line));

	if (n > 0 && dial_send(x->fd, line, (size_t)n))
		return 0;
	(void)snprintf(x->problem, sizeof(x->problem), "cannot send to the guard: %s",
		       n < 0 ? strerror(-n) : strerror(errno));
	return -1;
}

/* Both sides prove that they know the code; *ret_outcome is good only with 0. */
static int prove(struct exchange *x, const struct pairing_half *half, struct pairing_outcome *ret,
		 char id[static PAIRING_ID_TEXT])
{
	struct lease_opening o = { .kind = LEASE_PAIR_TAG };
	struct lease_opening heard;

	if (hear(x, LEASE_PAIR_SHARE, &heard) < 0)
		return -1;
	memcpy(id, heard.id, PAIRING_ID_TEXT);
	if (pairing_finish(half, heard.share, id, ret) < 0 ||
	    !bytes_equal_secret(ret->expected, heard.tag, sizeof(heard.tag))) {
		x->wrong_code = true;
		(void)snprintf(x->problem, sizeof(x->problem),
			       "the code is wrong (or somebody on the LAN interferes)");
		return -1;
	}
	memcpy(o.tag, ret->tag, sizeof(o.tag));
	if (say(x, &o) < 0)
		return -1;
	x->proved = true;
	if (hear(x, LEASE_PAIRED, &heard) < 0)
		return -1;
	if (strcmp(heard.id, id) == 0)
		return 0;
	(void)snprintf(x->problem, sizeof(x->problem), "the guard stored another pairing");
	return -1;
}

static int exchange(struct exchange *x, const char *code, struct pairing_state *p)
{
	struct lease_opening o = { .kind = LEASE_OPEN_PAIR };
	struct pairing_outcome outcome = { .key = { 0 } };
	struct pairing_half half;
	uint8_t random[PAIRING_RANDOM];
	int r = -1;

	entropy_bytes(o.about.session, sizeof(o.about.session));
	entropy_bytes(random, sizeof(random));
	o.about.mac = p->mac;
	memcpy(o.about.name, p->name, sizeof(o.about.name));
	pairing_start(&half, PAIRING_SLEEPER, code, &o.about, random);
	memcpy(o.share, half.share, sizeof(o.share));
	if (say(x, &o) == 0)
		r = prove(x, &half, &outcome, p->id);
	if (r == 0)
		memcpy(p->key, outcome.key, sizeof(p->key));
	pairing_wipe(&half, &outcome);
	keys_wipe(random, sizeof(random));
	return r;
}

/* --- storing --- */

static int store(const struct setup *s, const struct pairing_state *p)
{
	char text[PAIRING_STATE_MAX];
	int n = pairing_state_write(p, text, sizeof(text));
	int dir;
	int r;

	if (n < 0)
		return n;
	r = file_directory_open(s->state, &dir);
	if (r == 0) {
		r = file_replace(dir, PAIRING_STATE_FILE, text, (size_t)n, 0600);
		close(dir);
	}
	keys_wipe(text, sizeof(text));
	return r;
}

/* --- the step --- */

/* The code that was given, or is typed now. */
static bool take_code(const struct setup *s, int try, char code[static PAIRING_CODE_DIGITS + 1])
{
	char typed[64];
	bool known;

	if (s->code)
		return try == 0 && pairing_code_parse(s->code, code) == 0;
	if (try == 0)
		setup_tell(s, "On the guard's box run: sudo rouse pair");
	for (int i = 0; i < TRIES; i++) {
		if (!setup_ask(s, "The six digits that it shows:", typed, sizeof(typed)))
			return false;
		known = pairing_code_parse(typed, code) == 0;
		keys_wipe(typed, sizeof(typed));
		if (known)
			return true;
		setup_tell(s, "That is no code: six digits.");
	}
	return false;
}

static bool keepable(const struct setup *s)
{
	const struct box *b = s->box;
	struct dial d;

	if (b->paired != 0 || s->again || !mac_equal(&b->pairing.mac, &b->mac))
		return false;
	if (s->name && strcmp(s->name, b->pairing.name) != 0)
		return false;
	/* The running sleeper knows better than the file. */
	if (b->sleeper.error == 0 &&
	    (strcmp(b->sleeper.lease, "unpaired") == 0 || strcmp(b->sleeper.lease, "refused") == 0))
		return false;
	return !s->guard || (dial_parse(s->guard, &d) && strcmp(d.host, b->pairing.guard) == 0);
}

/* What is to be paired. */
static struct pairing_state describe(const struct setup *s)
{
	const struct box *b = s->box;
	struct pairing_state p = { .mac = b->mac };

	own_machine_name(s->name, &b->mac, p.name);
	memcpy(p.guard, b->guard.host, sizeof(p.guard));
	(void)snprintf(p.interface, sizeof(p.interface), "%s", b->name);
	p.port = (uint16_t)strtoul(b->guard.port, NULL, 10);
	return p;
}

static bool try_codes(struct setup *s, struct pairing_state *p,
		      char code[static PAIRING_CODE_DIGITS + 1])
{
	static struct exchange x;
	char problem[DIAL_PROBLEM];
	bool ok = false;

	for (int i = 0; i < TRIES && !ok; i++) {
		if (!take_code(s, i, code))
			return i > 0 ? false
				     : setup_say(s, "pairing", SETUP_FAILED,
						 "needs the six digits that `sudo rouse pair` "
						 "shows on "
						 "the guard's box: --code 123456");
		x = (struct exchange){ .fd = dial_open(&s->box->guard, CONNECT_MS, ANSWER_SECONDS,
						       problem) };
		if (x.fd < 0)
			return setup_say(s, "pairing", SETUP_FAILED, "%s", problem);
		ok = exchange(&x, code, p) == 0;
		close(x.fd);
		if (!ok && (!x.wrong_code || s->code || i + 1 == TRIES))
			return setup_say(
				s, "pairing", SETUP_FAILED,
				"%s; `sudo rouse pair` on the guard's box shows a new code",
				x.problem);
		if (!ok)
			setup_tell(s, "%s. Try again.", x.problem);
	}
	return ok;
}

bool setup_pair(struct setup *s)
{
	struct box *b = s->box;
	struct pairing_state p;
	char code[PAIRING_CODE_DIGITS + 1];
	bool paired;
	int r;

	if (keepable(s)) {
		s->keeps = s->paired = true;
		return setup_say(s, "pairing", SETUP_KEPT,
				 "paired with %s as %s already (--again pairs anew)",
				 b->pairing.guard, b->pairing.name);
	}
	p = describe(s);
	paired = try_codes(s, &p, code);
	keys_wipe(code, sizeof(code));
	if (!paired) {
		if (!s->failed)
			(void)setup_say(s, "pairing", SETUP_FAILED, "no code was given");
		return false;
	}
	r = store(s, &p);
	b->pairing = p;
	b->paired = r;
	keys_wipe(&p, sizeof(p));
	if (r < 0)
		return setup_say(s, "pairing", SETUP_FAILED,
				 "the guard is paired, but %s/" PAIRING_STATE_FILE
				 " cannot be written: %s; mend that and pair again",
				 s->state, strerror(-r));
	s->paired = true;
	return setup_say(s, "pairing", SETUP_DONE, "paired with %s as %s", b->pairing.guard,
			 b->pairing.name);
}
