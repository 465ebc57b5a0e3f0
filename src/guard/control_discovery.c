/*
 * control_discovery: answers machines that look for a guard (multicast DNS, RFC 6762), on each interface and family that the
 * monitor gave sockets for.
 *
 * Owns the sockets, and how often is answered: a second at least lies between two answers, a moment before each. Also how much
 * is read: whoever floods costs no more than that, and has others' questions lost by chance, but not all of them. Refuses to
 * answer who is not on the link.
 */
#include "guard/control_state.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "wire/dns.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND 1000000
#define DELAY_LEAST 20000 /* us before an answer that others may give too (RFC 6762, 6) */
#define DELAY_RANGE 100000
#define ROUND 16 /* datagrams that are looked at without a pause */
#define ROUND_PAUSE 10000 /* us to the next round: 1600 a second at most, whoever sends how many */
#define DRAIN_MAX 100

struct discovery {
	struct list in;
	struct control *control;
	int hear, tell;
	struct ipc_discovery said;
	struct dns_service service;
	struct loop_watch watch;
	struct control_deadline answer; /* when it is due */
	struct control_deadline pause; /* more came than one round takes: not reading until then */
	bool due, types;
	uint64_t last_us; /* answered */
};

/* --- answering --- */

/* Nothing that waits is looked at: this was the answer to it. */
static void drain(const struct discovery *d)
{
	uint8_t byte;

	for (int k = 0; k < DRAIN_MAX && recv(d->hear, &byte, 1, MSG_DONTWAIT) >= 0; k++)
		;
}

static void answer(void *owner)
{
	struct discovery *d = owner;
	uint8_t bytes[DNS_ANSWER_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));

	dns_answer_encode(&w, &d->service, d->types);
	/* What does not go out is asked for again. */
	if (!w.failed)
		(void)send(d->tell, bytes, w.used, MSG_DONTWAIT | MSG_NOSIGNAL);
	d->last_us = clock_monotonic_us();
	d->due = false;
	d->types = false;
	drain(d);
	(void)loop_watch_set(&d->watch, LOOP_READ);
}

static void answer_soon(struct discovery *d, bool types)
{
	uint64_t now = clock_monotonic_us();
	uint64_t at = now + DELAY_LEAST + entropy_u32() % DELAY_RANGE;

	d->types = d->types || types;
	if (d->due)
		return;
	d->due = true;
	if (at < d->last_us + SECOND)
		at = d->last_us + SECOND;
	control_deadline_set(d->control, &d->answer, at);
	/* Until then all would get the same answer. */
	(void)loop_watch_set(&d->watch, 0);
}

/* --- hearing --- */

/* On link, and from the port of those who hear what is said to the group. */
static bool may_ask(const struct discovery *d, const struct sockaddr_storage *from)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
	bool is_v4 = from->ss_family == AF_INET;
	struct addr a = is_v4 ? addr_v4((const uint8_t *)&v4->sin_addr)
			      : addr_v6((const uint8_t *)&v6->sin6_addr);

	if ((is_v4 ? v4->sin_port : v6->sin6_port) != htons(DNS_PORT))
		return false;
	for (uint16_t i = 0; i < d->said.addresses_n; i++) {
		if (prefix_contains(&d->said.addresses[i], &a))
			return true;
	}
	return a.family == 6 && addr_is_link_local(&a);
}

/* One datagram; false when there is none. */
static bool hear_one(struct discovery *d)
{
	static uint8_t bytes[DNS_MESSAGE_MAX];
	struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
	socklen_t from_n = sizeof(from);
	struct dns_wanted wanted;
	ssize_t n = recvfrom(d->hear, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC,
			     (struct sockaddr *)&from, &from_n);

	if (n < 0)
		return errno == EINTR;
	if ((size_t)n <= sizeof(bytes) && may_ask(d, &from) &&
	    dns_query_decode(bytes, (size_t)n, &d->service, &wanted) == 0 &&
	    (wanted.service || wanted.types))
		answer_soon(d, wanted.types);
	return true;
}

static void pause_over(void *owner)
{
	struct discovery *d = owner;

	if (!d->due)
		(void)loop_watch_set(&d->watch, LOOP_READ);
}

static void ready(void *context, unsigned int what)
{
	struct discovery *d = context;
	int n = 0;

	(void)what;
	while (n < ROUND && !d->due && hear_one(d))
		n++;
	if (n < ROUND || d->due)
		return;
	/* Nothing is thrown away for it: what the kernel has room for until then may be a question. */
	(void)loop_watch_set(&d->watch, 0);
	control_deadline_set(d->control, &d->pause, clock_monotonic_us() + ROUND_PAUSE);
}

/* --- life --- */

static void discovery_free(struct discovery *d)
{
	list_remove(&d->in);
	control_deadline_clear(d->control, &d->answer);
	control_deadline_clear(d->control, &d->pause);
	loop_watch_done(&d->watch);
	close(d->hear);
	close(d->tell);
	free(d);
}

static struct discovery *find(struct control *c, const struct ipc_discovery *said)
{
	list_each_safe(it, &c->discoveries)
	{
		struct discovery *d = container_of(it, struct discovery, in);

		if (d->said.interface == said->interface && d->said.family == said->family)
			return d;
	}
	return NULL;
}

static int discovery_new(struct control *c, const struct ipc_discovery *said,
			 struct channel_message *carrier, uint64_t last_us)
{
	struct discovery *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->control = c;
	d->said = *said;
	d->hear = carrier->fds[0];
	d->tell = carrier->fds[1];
	d->last_us = last_us;
	d->answer = (struct control_deadline){ .due = answer, .owner = d };
	d->pause = (struct control_deadline){ .due = pause_over, .owner = d };
	memcpy(d->service.instance, said->name, sizeof(d->service.instance));
	dns_host(&said->mac, d->service.host);
	d->service.port = said->port;
	d->service.addresses_n = said->addresses_n;
	for (uint16_t i = 0; i < said->addresses_n; i++)
		d->service.addresses[i] = said->addresses[i].addr;
	list_init(&d->in);
	if (loop_watch_init(&d->watch, c->loop, d->hear, LOOP_READ, ready, d) < 0) {
		free(d);
		return -ENOMEM;
	}
	carrier->fds[0] = carrier->fds[1] = -1;
	list_append(&c->discoveries, &d->in);
	return 0;
}

void control_discovery_said(struct control *c, const struct ipc_discovery *said,
			    struct channel_message *carrier)
{
	struct discovery *old = find(c, said);
	uint64_t last_us = old ? old->last_us : 0;

	if (old)
		discovery_free(old);
	if (carrier->fds_n == 0)
		return;
	if (carrier->fds_n != 2)
		control_stop(c, EXIT_FAILURE, "the monitor sent a discovery that cannot be");
	else if (discovery_new(c, said, carrier, last_us) < 0)
		control_stop(c, EXIT_FAILURE, "out of memory");
}

void control_discovery_done(struct control *c)
{
	list_each_safe(it, &c->discoveries) discovery_free(container_of(it, struct discovery, in));
}
