/*
 * services_judge: which of the listening sockets are services that shall wake the machine. No I/O.
 */
#include "sleeper/services.h"

#include <stdlib.h>

#define LOOPBACK_INDEX 1 /* the loopback interface is the first of every network namespace */

const char *service_why_name(enum service_why w)
{
	static const char *const names[] = {
		[SERVICE_LISTENING] = "listening",   [SERVICE_CHATTER] = "chatter",
		[SERVICE_EPHEMERAL] = "ephemeral",   [SERVICE_ELSEWHERE] = "elsewhere",
		[SERVICE_CONFIGURED] = "configured", [SERVICE_SWITCHED] = "switched",
	};

	return names[w];
}

static bool is_tcp(const struct rule *r)
{
	return r->kind == RULE_TCP || r->kind == RULE_TCP_DATA;
}

bool services_covers(const struct rule *a, const struct rule *b)
{
	if (a->kind == RULE_ECHO || b->kind == RULE_ECHO)
		return a->kind == b->kind;
	if (a->kind == RULE_ANY)
		return true;
	if (a->kind != b->kind && !(is_tcp(a) && is_tcp(b)))
		return false;
	return a->first <= b->first && b->last <= a->last;
}

/* Ports on which programs talk to the whole LAN, unasked. */
static bool is_chatter(const struct rule *r)
{
	static const struct {
		uint8_t kind;
		uint16_t port;
	} chatter[] = {
		{ RULE_UDP, 67 },    { RULE_UDP, 68 },	 { RULE_UDP, 546 },
		{ RULE_UDP, 547 }, /* DHCP */
		{ RULE_TCP, 111 },   { RULE_UDP, 111 }, /* portmapper */
		{ RULE_UDP, 123 },   { RULE_UDP, 323 }, /* NTP, chronyd's own commands */
		{ RULE_UDP, 137 },   { RULE_UDP, 138 },	 { RULE_TCP, 139 }, /* NetBIOS */
		{ RULE_TCP, 631 },   { RULE_UDP, 631 }, /* CUPS */
		{ RULE_UDP, 1900 }, /* SSDP */
		{ RULE_UDP, 3702 },  { RULE_TCP, 5357 }, /* Web Services Discovery */
		{ RULE_UDP, 5353 }, /* mDNS */
		{ RULE_TCP, 5355 },  { RULE_UDP, 5355 }, /* LLMNR */
		{ RULE_TCP, 13717 }, /* a guard on this machine */
	};

	for (size_t i = 0; i < sizeof(chatter) / sizeof(chatter[0]); i++) {
		if (r->kind == chatter[i].kind && r->first == chatter[i].port)
			return true;
	}
	return false;
}

static bool is_elsewhere(const struct services_view *v, const struct addr *local)
{
	const struct port *p = v->port;

	if (addr_is_unspecified(local) || !p || p->addresses_n == 0)
		return false;
	for (size_t i = 0; i < p->addresses_n; i++) {
		if (addr_equal(&p->addresses[i], local))
			return false;
	}
	return true;
}

static struct service *find(struct services_view *v, const struct rule *r)
{
	for (size_t i = 0; i < v->n; i++) {
		if (v->list[i].rule.kind == r->kind && v->list[i].rule.first == r->first &&
		    v->list[i].rule.last == r->last)
			return &v->list[i];
	}
	return NULL;
}

static struct service *add(struct services_view *v, const struct rule *r)
{
	struct service *s = v->n < SERVICES_MAX ? &v->list[v->n++] : NULL;

	if (s)
		*s = (struct service){ .rule = *r };
	return s;
}

static enum service_why judge(const struct services_view *v, const struct rule *r,
			      const struct addr *local)
{
	if (is_chatter(r))
		return SERVICE_CHATTER;
	if (r->first >= v->ephemeral_first && r->first <= v->ephemeral_last)
		return SERVICE_EPHEMERAL;
	return is_elsewhere(v, local) ? SERVICE_ELSEWHERE : SERVICE_LISTENING;
}

void services_see(struct services_view *v, enum sock_kind kind, const struct sock_seen *s)
{
	struct rule r = { .kind = kind == SOCK_UDP_OPEN ? RULE_UDP : RULE_TCP,
			  .address = SPEC_ANY_ADDRESS,
			  .first = s->local_port,
			  .last = s->local_port };
	enum service_why why;
	struct service *known;

	if (s->local_port == 0 || addr_is_loopback(&s->local) || s->interface == LOOPBACK_INDEX)
		return;
	why = judge(v, &r, &s->local);
	known = find(v, &r);
	/* Bound twice, to IPv4 and IPv6 or address by address: the one that can be reached counts. */
	if (known && (known->why == why || why != SERVICE_LISTENING))
		return;
	if (!known)
		known = add(v, &r);
	if (!known)
		return;
	known->why = why;
	known->on = why == SERVICE_LISTENING;
	known->listens = true;
	known->unit.id = s->cgroup;
}

/* What people said: about what listens, and as a rule of its own ("tcp/22+data", "echo", what does not run now). */
static void take_word(struct services_view *v, const struct config_rules *rules, bool on,
		      enum service_why why)
{
	for (size_t i = 0; rules && i < rules->n; i++) {
		const struct rule *r = &rules->list[i];

		if (!find(v, r))
			(void)add(v, r);
		for (size_t k = 0; k < v->n; k++) {
			if (!services_covers(r, &v->list[k].rule))
				continue;
			v->list[k].on = on;
			v->list[k].why = why;
		}
	}
}

static int in_order(const void *a, const void *b)
{
	const struct rule *x = &((const struct service *)a)->rule;
	const struct rule *y = &((const struct service *)b)->rule;
	int kinds = (is_tcp(x) ? 0 : x->kind) - (is_tcp(y) ? 0 : y->kind);

	if (kinds)
		return kinds;
	return x->first != y->first ? (x->first > y->first) - (x->first < y->first)
				    : (x->last > y->last) - (x->last < y->last);
}

void services_judge(struct services_view *v)
{
	take_word(v, v->configured[true], true, SERVICE_CONFIGURED);
	take_word(v, v->configured[false], false, SERVICE_CONFIGURED);
	take_word(v, v->switched[true], true, SERVICE_SWITCHED);
	take_word(v, v->switched[false], false, SERVICE_SWITCHED);
	if (v->n)
		qsort(v->list, v->n, sizeof(v->list[0]), in_order);
}
