/*
 * control_registration: the connections of the registration port, each of which brings one JSON and takes one reply.
 *
 * Owns the connections: their bytes, their limits, their time. Slow, silent, resetting and flooding ones cost the others
 * nothing. Refuses to know who may register what; that is the engine's to find out.
 */
#include "guard/control_state.h"

#include "base/bytes.h"
#include "base/text.h"
#include "proto/json.h"
#include "proto/keys.h"
#include "proto/lease.h"
#include "proto/registration.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define JSON_US 5000000 /* for the whole JSON */
#define GOODBYE_US 2000000 /* for the client to take the reply */
#define DRAIN_MAX (512 * 1024) /* bytes that are thrown away meanwhile */
#define EVICT_AFTER_US 500000 /* a connection younger than that is not pushed out by others */
#define ACCEPTS_AT_ONCE 32

enum stage {
	STAGE_READING, /* the JSON comes in */
	STAGE_ASKING, /* waits for its turn, then for the engine */
	STAGE_LEAVING, /* has its reply; what it still sends is thrown away */
	STAGE_OVER /* to be freed */
};

struct registrant {
	struct list in;
	struct control *control;
	int fd;
	struct loop_watch watch;
	struct control_deadline deadline;
	struct control_turn turn;
	struct control_request *request;
	enum stage stage;
	struct addr peer;
	uint64_t since_us;
	struct json_scan scan;
	char *bytes;
	size_t used, size;
	size_t drained;
};

/* --- the end of a connection --- */

/* Freed later: its watch may be the one that is calling. */
static void over(struct registrant *r)
{
	if (r->stage == STAGE_OVER)
		return;
	r->stage = STAGE_OVER;
	list_remove(&r->turn.in);
	control_request_forget(r->request);
	control_deadline_clear(r->control, &r->deadline);
	(void)loop_watch_set(&r->watch, 0);
	loop_defer(&r->control->reaper);
}

static void registrant_free(struct registrant *r)
{
	over(r);
	list_remove(&r->in);
	r->control->registrations_n--;
	loop_watch_done(&r->watch);
	if (r->fd >= 0)
		close(r->fd);
	free(r->bytes);
	free(r);
}

void control_registration_reap(struct control *c)
{
	/* The analyzer does not see that whoever was freed left the list before. */
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	list_each_safe(it, &c->registrations)
	{
		struct registrant *r = container_of(it, struct registrant, in);

		if (r->stage == STAGE_OVER)
			registrant_free(r);
	}
}

void control_registration_done(struct control *c)
{
	list_each_safe(it, &c->registrations)
		registrant_free(container_of(it, struct registrant, in));
}

/*
 * The reply is text and a NUL. Closing with unread bytes would reset the connection and take the reply back: we say that we are
 * done, and go on reading until the client is, for a while.
 */
static void reply(struct registrant *r, const char *text)
{
	free(r->bytes);
	r->bytes = NULL;
	r->stage = STAGE_LEAVING;
	if (send(r->fd, text, strlen(text) + 1, MSG_NOSIGNAL) < 0 || shutdown(r->fd, SHUT_WR) < 0) {
		over(r);
		return;
	}
	control_deadline_set(r->control, &r->deadline, clock_monotonic_us() + GOODBYE_US);
	(void)loop_watch_set(&r->watch, LOOP_READ);
}

static void refuse(struct registrant *r, const char *text)
{
	char peer[ADDR_TEXT];

	/* `text` has what came from the network escaped already. */
	log_notice("registration from %s refused: %s", addr_format(&r->peer, peer), text);
	reply(r, text);
}

static void too_late(void *owner)
{
	struct registrant *r = owner;

	if (r->stage == STAGE_READING)
		refuse(r, "The JSON was not complete after 5 seconds.");
	else
		over(r);
}

/* --- asking the engine --- */

static void answered(void *owner, const struct ipc_message *m)
{
	struct registrant *r = owner;

	r->request = NULL;
	if (!m)
		refuse(r, "The guard did not answer in time; please try again.");
	else if (m->kind == IPC_RESULT && m->result.code == RESULT_OK)
		reply(r, REGISTRATION_OK);
	else
		refuse(r, m->kind == IPC_RESULT && m->result.text[0] ? m->result.text : "Refused.");
}

/* Whether it need not be verified on the LAN; -EACCES when it may not register at all. */
static int trusted(const struct control *c, const struct registration *reg)
{
	char digest[KEYS_HEX];

	switch ((enum ipc_register_mode)c->settings.register_mode) {
	case REGISTER_SELF:
		return 0;
	case REGISTER_ANYONE:
		return 1;
	case REGISTER_TOKEN:
		(void)keys_hash_hex(reg->token, strlen(reg->token), digest);
		/* An empty setting is no token, not the empty one. */
		if (c->settings.token[0] && bytes_equal_secret(digest, c->settings.token, KEYS_HEX))
			return 1;
		return -EACCES;
	case REGISTER_OFF:
	case REGISTER_MODES:
		break;
	}
	return -EACCES;
}

static void ask(void *owner)
{
	struct registrant *r = owner;
	struct control *c = r->control;
	struct ipc_message m = { .kind = IPC_REGISTER };
	char error[REGISTRATION_ERROR];
	struct registration reg;
	int may;

	if (registration_decode(r->bytes, r->used, &reg, error) < 0) {
		refuse(r, error);
		return;
	}
	may = trusted(c, &reg);
	if (may < 0) {
		refuse(r, c->settings.register_mode == REGISTER_TOKEN
				  ? "The guard takes registrations with the right token only "
				    "(\"token\")."
				  : "The guard takes no registrations.");
		return;
	}
	free(r->bytes);
	r->bytes = NULL;
	m.registration.peer = r->peer;
	m.registration.trusted = may != 0;
	m.registration.goodbye = reg.goodbye;
	m.registration.spec = reg.spec;
	r->request = control_ask(c, &m, answered, r);
}

/* A sleeper's opening: a line. The rest of the connection is another's. */
static bool handed_over(struct registrant *r)
{
	const char *end = memchr(r->bytes, '\n', r->used);
	size_t n = end ? (size_t)(end - r->bytes) : r->used;
	int fd = r->fd;

	if (!r->scan.done || !lease_is_ours(r->bytes, n))
		return false;
	over(r);
	loop_watch_done(&r->watch);
	r->fd = -1;
	control_lease_take(r->control, fd, &r->peer, r->bytes, r->used);
	return true;
}

static void complete(struct registrant *r)
{
	if (handed_over(r))
		return;
	r->stage = STAGE_ASKING;
	control_deadline_clear(r->control, &r->deadline);
	control_turn_take(r->control, &r->turn);
}

/* --- reading --- */

/* Room for more: 2 KiB are enough for most, 64 KiB for everybody. */
static bool make_room(struct registrant *r)
{
	size_t size = r->size ? r->size * 4 : 2048;
	char *bytes;

	if (r->used < r->size)
		return true;
	if (r->size >= JSON_TEXT_MAX + 1)
		return false;
	/* One byte more than a text may have, to see that it has. */
	if (size > JSON_TEXT_MAX)
		size = JSON_TEXT_MAX + 1;
	bytes = realloc(r->bytes, size);
	if (!bytes)
		return false;
	r->bytes = bytes;
	r->size = size;
	return true;
}

static void read_json(struct registrant *r)
{
	ssize_t n;

	if (!make_room(r)) {
		refuse(r, REGISTRATION_NO_MEMORY);
		return;
	}
	n = recv(r->fd, r->bytes + r->used, r->size - r->used, 0);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			over(r);
		return;
	}
	if (n == 0) {
		/* Nothing was said, or all was that will be. */
		if (r->used == 0)
			over(r);
		else
			complete(r);
		return;
	}
	json_scan(&r->scan, r->bytes + r->used, (size_t)n);
	r->used += (size_t)n;
	if (r->scan.done || r->scan.wrong || r->used > JSON_TEXT_MAX)
		complete(r);
}

static void drain(struct registrant *r)
{
	char bytes[16384];
	ssize_t n = recv(r->fd, bytes, sizeof(bytes), 0);

	if (n > 0)
		r->drained += (size_t)n;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || r->drained > DRAIN_MAX)
		over(r);
}

static void ready(void *context, unsigned int what)
{
	struct registrant *r = context;

	(void)what;
	switch (r->stage) {
	case STAGE_READING:
		read_json(r);
		return;
	case STAGE_LEAVING:
		drain(r);
		return;
	case STAGE_ASKING:
		/* Rare enough to disarm only now: it says more than it should, or went away. */
		(void)loop_watch_set(&r->watch, 0);
		return;
	case STAGE_OVER:
		return;
	}
}

/* --- who may come in --- */

static struct addr peer_of(const struct sockaddr_storage *s)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)s;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)s;

	if (s->ss_family == AF_INET)
		return addr_v4((const uint8_t *)&v4->sin_addr);
	if (s->ss_family == AF_INET6 && memcmp(&v6->sin6_addr, mapped, sizeof(mapped)) == 0)
		return addr_v4((const uint8_t *)&v6->sin6_addr + sizeof(mapped));
	if (s->ss_family == AF_INET6)
		return addr_v6((const uint8_t *)&v6->sin6_addr);
	return ADDR_NONE;
}

static size_t connections_of(const struct control *c, const struct addr *peer)
{
	size_t n = 0;

	list_each(it, &c->registrations)
	{
		const struct registrant *r = container_of(it, struct registrant, in);

		n += r->stage != STAGE_OVER && addr_equal(&r->peer, peer);
	}
	return n + control_lease_count(c, peer);
}

/*
 * All places are taken. Whoever has its reply goes first; else the newest of the source that holds most, if that is more
 * than the newcomer's; else, for a source that has none, the oldest that had time enough. False: nobody has to go.
 */
static bool push_one_out(struct control *c, const struct addr *newcomer)
{
	uint64_t now = clock_monotonic_us();
	struct registrant *victim = NULL;
	struct registrant *oldest = NULL;
	size_t most = connections_of(c, newcomer) + 1;

	list_each(it, &c->registrations)
	{
		struct registrant *r = container_of(it, struct registrant, in);
		/* The analyzer does not see that whoever was freed left the list before. */
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		size_t n = r->stage == STAGE_READING ? connections_of(c, &r->peer) : 0;

		if (r->stage == STAGE_LEAVING) {
			over(r);
			return true;
		}
		if (n >= most && n > 1) {
			most = n;
			victim = r;
		}
		if (!oldest && r->stage == STAGE_READING && now - r->since_us > EVICT_AFTER_US)
			oldest = r;
	}
	if (!victim && most == 1)
		victim = oldest;
	if (!victim)
		return control_lease_push_out(c);
	refuse(victim, "Too many connections at once; please try again.");
	over(victim);
	return true;
}

static void turn_away(int fd, const struct addr *peer, const char *text)
{
	char unread[2048];
	char name[ADDR_TEXT];

	log_notice("registration from %s turned away: %s", addr_format(peer, name), text);
	/* What it sent already would reset the connection, and the text would be lost. */
	(void)recv(fd, unread, sizeof(unread), 0);
	(void)send(fd, text, strlen(text) + 1, MSG_NOSIGNAL);
	(void)shutdown(fd, SHUT_WR);
	close(fd);
}

static void admit(struct control *c, int fd, const struct addr *peer)
{
	struct registrant *r = calloc(1, sizeof(*r));

	if (!r || loop_watch_init(&r->watch, c->loop, fd, LOOP_READ, ready, r) < 0) {
		turn_away(fd, peer, REGISTRATION_NO_MEMORY);
		free(r);
		return;
	}
	r->control = c;
	r->fd = fd;
	r->peer = *peer;
	r->since_us = clock_monotonic_us();
	r->deadline = (struct control_deadline){ .due = too_late, .owner = r };
	r->turn = (struct control_turn){ .run = ask, .owner = r };
	list_init(&r->turn.in);
	list_append(&c->registrations, &r->in);
	c->registrations_n++;
	control_deadline_set(c, &r->deadline, r->since_us + JSON_US);
	/* It is usually there already. */
	read_json(r);
}

/* Looks at a source's connections again: those that were reset or ended do not count, and nobody has noticed yet. */
static void look_again(struct control *c, const struct addr *peer)
{
	list_each(it, &c->registrations)
	{
		struct registrant *r = container_of(it, struct registrant, in);

		if (addr_equal(&r->peer, peer))
			ready(r, LOOP_READ);
	}
	control_registration_reap(c);
}

static bool all_places_taken(const struct control *c)
{
	return c->registrations_n + c->sleepers_unproved >= c->settings.connections_max;
}

static void receive(struct control *c, int fd, const struct sockaddr_storage *from)
{
	struct addr peer = peer_of(from);

	if (connections_of(c, &peer) >= c->settings.connections_per_source)
		look_again(c, &peer);
	if (connections_of(c, &peer) >= c->settings.connections_per_source) {
		turn_away(fd, &peer,
			  "Too many connections at once from this address; please try again.");
		return;
	}
	/* Those that are over count as long as they are there. */
	if (all_places_taken(c))
		control_registration_reap(c);
	if (all_places_taken(c)) {
		if (!push_one_out(c, &peer)) {
			turn_away(fd, &peer, "Too many connections at once; please try again.");
			return;
		}
		control_registration_reap(c);
	}
	admit(c, fd, &peer);
}

void control_registration_accept(struct control *c, const struct control_listener *l)
{
	struct sockaddr_storage peer;
	int fd;

	/* Bounded, so that a flood of connections does not keep the others from being served. */
	for (int i = 0; i < ACCEPTS_AT_ONCE && control_accept(l, &peer, &fd) > 0; i++)
		receive(c, fd, &peer);
}
