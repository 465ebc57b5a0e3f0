/*
 * check_traffic: connections to services that are on, and whether data moves over them. An open connection says nothing; a
 * few bytes now and then are keep-alives. Connections that begin and end between two looks are not seen, and UDP has no
 * counters: both show in the rate of the interface (check_here.c).
 */
#include "sleeper/idle_parts.h"

#include "sleeper/services.h"
#include "sys/log.h"

#include <string.h>

static struct idle_flow *flow_of(struct idle_traffic *t, uint64_t cookie)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->flows[i].cookie == cookie)
			return &t->flows[i];
	}
	return NULL;
}

struct seeing {
	struct sleeper_idle *i;
	uint64_t now_us;
};

static uint64_t last_data(const struct sock_seen *s, uint64_t now_us)
{
	uint64_t ago = s->sent_ms_ago < s->received_ms_ago ? s->sent_ms_ago : s->received_ms_ago;

	return ago * 1000 < now_us ? now_us - ago * 1000 : 0;
}

static void see(void *context, const struct sock_seen *s)
{
	const struct seeing *seeing = context;
	struct idle_traffic *t = &seeing->i->traffic;
	uint64_t bytes = s->bytes_acked + s->bytes_received;
	const char *unit;
	struct idle_flow *f;

	if (!s->has_info || addr_is_loopback(&s->peer) || addr_is_loopback(&s->local) ||
	    !services_tcp_on(seeing->i->s, s->local_port, &unit))
		return;
	f = flow_of(t, s->cookie);
	if (!f) {
		if (t->n == IDLE_FLOWS_MAX) {
			t->left_out++;
			return;
		}
		f = &t->flows[t->n++];
		*f = (struct idle_flow){ .cookie = s->cookie };
	}
	f->peer = s->peer;
	f->port = s->local_port;
	f->seen = true;
	if (bytes - f->bytes >= seeing->i->s->config->idle_traffic)
		f->last_us = last_data(s, seeing->now_us);
	f->bytes = bytes;
}

void traffic_look(struct sleeper_idle *i, uint64_t now_us)
{
	struct idle_traffic *t = &i->traffic;
	struct seeing seeing = { .i = i, .now_us = now_us };
	size_t kept = 0;
	int r;

	/* What moved within so short a time would look like little. */
	if (t->looked_us && now_us - t->looked_us < IDLE_SMOOTH_US)
		return;
	t->looked_us = now_us;
	t->left_out = 0;
	for (size_t k = 0; k < t->n; k++)
		t->flows[k].seen = false;
	r = sock_diag_each(SOCK_TCP_ESTABLISHED, see, &seeing);
	if (r < 0 && r != t->error)
		log_warning("cannot see connections (%s): their traffic keeps nothing awake",
			    strerror(-r));
	t->error = r;
	for (size_t k = 0; k < t->n; k++) {
		if (t->flows[k].seen)
			t->flows[kept++] = t->flows[k];
	}
	t->n = kept;
}

static void put_flow(struct sleeper_idle *i, struct text *to, const struct idle_flow *f)
{
	const char *unit;
	char peer[ADDR_TEXT];

	(void)services_tcp_on(i->s, f->port, &unit);
	text_string(to, *unit ? unit : "tcp/");
	if (*unit)
		text_string(to, " (tcp/");
	text_u64(to, f->port);
	text_string(to, *unit ? "), from " : ", from ");
	text_string(to, addr_format(&f->peer, peer));
}

static void put_count(struct text *t, size_t n)
{
	text_u64(t, n);
	text_string(t, n == 1 ? " connection" : " connections");
}

void traffic_tell(struct sleeper_idle *i, uint64_t now_us, const struct addr *except,
		  struct evidences *to)
{
	const struct idle_traffic *t = &i->traffic;
	const struct idle_flow *newest = NULL;
	size_t open = 0, active = 0;
	struct text text;
	struct evidence *e = evidence_add(to, "traffic", &text);

	for (size_t k = 0; k < t->n; k++) {
		const struct idle_flow *f = &t->flows[k];

		if (except && addr_equal(except, &f->peer))
			continue;
		open++;
		active += f->last_us && now_us - f->last_us <= i->s->config->idle_interval;
		if (f->last_us && (!newest || f->last_us > newest->last_us))
			newest = f;
	}
	e->is.said = active || t->left_out ? IDLE_BUSY : IDLE_QUIET;
	e->is.last_us = newest ? newest->last_us : 0;
	if (t->left_out) {
		put_count(&text, open + t->left_out);
		text_string(&text, ": more than can be looked at one by one");
	} else if (newest) {
		put_count(&text, active ? active : open);
		text_string(&text, active ? " moved data, last " : ", data last moved ");
		evidence_put_duration(&text, now_us - newest->last_us);
		text_string(&text, " ago to ");
		put_flow(i, &text, newest);
	} else if (open) {
		put_count(&text, open);
		text_string(&text, " open, no data");
	} else {
		text_string(&text, "no connection to a service");
	}
}
