/*
 * lan_claims: the addresses that are claimed on an interface, and what follows from them: the solicited-node groups that
 * must be joined, and, with the interface's own MAC, the filter of its socket.
 *
 * Refuses to know why an address is claimed, and sends nothing.
 */
#include "guard/lan.h"

#include "base/list.h"
#include "sys/log.h"
#include "sys/packet.h"
#include "wire/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 16

/* They are as many as all machines have addresses, and each is looked for: in a table. */
struct lan_claim {
	struct hash_node node;
	struct addr addr;
	bool grouped; /* its solicited-node group is joined */
};

static struct lan_claim *claim_of(struct hash_node *n)
{
	return container_of(n, struct lan_claim, node);
}

/* --- filters --- */

/* All of them, into an array for the caller to free; NULL without memory. */
static struct addr *list_claims(const struct lan_interface *i)
{
	struct addr *claims = calloc(i->claims.count + 1, sizeof(*claims));
	size_t n = 0;

	for (size_t k = 0; claims && k < i->claims.size; k++) {
		for (struct hash_node *at = i->claims.buckets[k]; at; at = at->next)
			claims[n++] = claim_of(at)->addr;
	}
	return claims;
}

int lan_make_filter(const struct lan *lan, const struct lan_interface *i,
		    const struct ipc_interface *said, struct sock_filter **ret_code)
{
	struct filter_ours ours = { .virtual_mac = said->claim,
				    .own_mac = said->own,
				    .gate_port = said->gate_port,
				    .echo_id = said->echo_id,
				    .fold_key = lan->fold_key };
	struct addr *claims = list_claims(i);
	int r = -ENOMEM;

	*ret_code = calloc(BPF_MAXINSNS, sizeof(**ret_code));
	if (*ret_code && claims)
		r = said->virtual_mac ? filter_capture(&ours, *ret_code, BPF_MAXINSNS)
				      : filter_capture_own(&ours, claims, i->claims.count,
							   *ret_code, BPF_MAXINSNS);
	free(claims);
	return r;
}

void lan_refilter(void *context)
{
	struct lan *lan = context;

	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++) {
		struct lan_interface *i = &lan->slots[slot];
		struct sock_filter *code;
		int r;

		if (i->ifindex == 0 || i->said.virtual_mac)
			continue;
		r = lan_make_filter(lan, i, &i->said, &code);
		if (r >= 0)
			r = packet_set_filter(i->receive_fd, code, (size_t)r);
		free(code);
		if (r < 0)
			log_error("%s: the filter for %zu claimed addresses failed: %s",
				  i->said.name, i->claims.count,
				  r == -E2BIG ? "too many for claims with the interface's own MAC"
					      : strerror(-r));
	}
}

/* --- claims --- */

static uint64_t claim_hash(const struct lan *lan, const struct addr *a)
{
	return hash_bytes(&lan->claims_key, a, sizeof(*a));
}

static struct lan_claim *find(const struct lan *lan, const struct lan_interface *i,
			      const struct addr *a)
{
	if (!i->claims.buckets)
		return NULL;
	for (struct hash_node *n = hash_first(&i->claims, claim_hash(lan, a)); n;
	     n = hash_next(n)) {
		if (addr_equal(&claim_of(n)->addr, a))
			return claim_of(n);
	}
	return NULL;
}

bool lan_claimed(const struct lan *lan, uint8_t slot, const struct addr *a)
{
	return find(lan, &lan->slots[slot], a) != NULL;
}

/* In the table; NULL without memory. */
static struct lan_claim *new_claim(const struct lan *lan, struct lan_interface *i,
				   const struct addr *a)
{
	struct hash_table *t = &i->claims;
	size_t size = t->buckets ? 2 * t->size : FIRST_BUCKETS;
	struct lan_claim *c = calloc(1, sizeof(*c));
	struct hash_node **buckets = NULL;

	if (c && (!t->buckets || t->count >= t->size))
		buckets = calloc(size, sizeof(struct hash_node *));
	/* Without memory for more buckets the chains are longer. */
	if (!c || (!t->buckets && !buckets)) {
		free(c);
		return NULL;
	}
	if (buckets && t->buckets)
		free(hash_rehash(t, buckets, size));
	else if (buckets)
		hash_init(t, buckets, size);
	c->addr = *a;
	hash_insert(t, &c->node, claim_hash(lan, a));
	return c;
}

void lan_claim(struct lan *lan, uint8_t slot, const struct addr *a)
{
	struct lan_interface *i = &lan->slots[slot];
	struct lan_claim *c;
	char text[ADDR_TEXT];
	int r;

	if (i->ifindex == 0 || find(lan, i, a))
		return;
	c = new_claim(lan, i, a);
	if (!c)
		return;
	/* Joining is reported on the LAN: an observer stays silent. */
	if (a->family == 6 && !lan->config->observe) {
		r = group_join(lan->groups, i->ifindex, a);
		c->grouped = r >= 0;
		if (r < 0)
			log_warning("%s: cannot join the solicited-node group of %s: %s; behind a "
				    "switch with MLD "
				    "snooping its clients may not find it",
				    i->said.name, addr_format(a, text), strerror(-r));
	}
	if (!i->said.virtual_mac)
		loop_defer(&lan->refilter);
}

void lan_release(struct lan *lan, uint8_t slot, const struct addr *a)
{
	struct lan_interface *i = &lan->slots[slot];
	struct lan_claim *c = find(lan, i, a);

	if (!c)
		return;
	if (c->grouped)
		group_leave(lan->groups, i->ifindex, a);
	hash_remove(&i->claims, &c->node);
	free(c);
	if (!i->said.virtual_mac)
		loop_defer(&lan->refilter);
}

/* Each claim of the interface is taken out and freed; the groups are left with `groups`. */
static void forget_claims(struct lan_interface *i, struct group_set *groups)
{
	for (size_t k = 0; k < i->claims.size; k++) {
		struct hash_node *n;

		while ((n = i->claims.buckets[k])) {
			struct lan_claim *c = claim_of(n);

			if (groups && c->grouped)
				group_leave(groups, i->ifindex, &c->addr);
			hash_remove(&i->claims, n);
			free(c);
		}
	}
}

void lan_forget_claims(struct lan_interface *i)
{
	forget_claims(i, NULL);
}

void lan_release_all(struct lan *lan)
{
	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++)
		forget_claims(&lan->slots[slot], lan->groups);
}
