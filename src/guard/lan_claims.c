/*
 * lan_claims: the addresses that are claimed on an interface, and what follows from them: the solicited-node groups that
 * must be joined, and, with the interface's own MAC, the filter of its socket.
 *
 * Refuses to know why an address is claimed, and sends nothing.
 */
#include "guard/lan.h"

#include "sys/log.h"
#include "sys/packet.h"
#include "wire/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- filters --- */

int lan_make_filter(const struct lan *lan, const struct lan_interface *i,
		    const struct ipc_interface *said, struct sock_filter **ret_code)
{
	struct filter_ours ours = { .virtual_mac = said->claim,
				    .own_mac = said->own,
				    .gate_port = said->gate_port,
				    .echo_id = said->echo_id,
				    .fold_key = lan->fold_key };
	struct addr *claims = calloc(i->claims_n + 1, sizeof(*claims));
	int r = -ENOMEM;

	*ret_code = calloc(BPF_MAXINSNS, sizeof(**ret_code));
	for (size_t k = 0; claims && k < i->claims_n; k++)
		claims[k] = i->claims[k].addr;
	if (*ret_code && claims)
		r = said->virtual_mac ? filter_capture(&ours, *ret_code, BPF_MAXINSNS)
				      : filter_capture_own(&ours, claims, i->claims_n, *ret_code,
							   BPF_MAXINSNS);
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
				  i->said.name, i->claims_n,
				  r == -E2BIG ? "too many for claims with the interface's own MAC"
					      : strerror(-r));
	}
}

/* --- claims --- */

bool lan_claimed(const struct lan_interface *i, const struct addr *a)
{
	for (size_t k = 0; k < i->claims_n; k++) {
		if (addr_equal(&i->claims[k].addr, a))
			return true;
	}
	return false;
}

/* Room for one more; false without memory. */
static bool claims_room(struct lan_interface *i)
{
	if (i->claims_n < i->claims_size)
		return true;
	size_t size = i->claims_size ? 2 * i->claims_size : 16;
	struct lan_claim *claims = realloc(i->claims, size * sizeof(*claims));

	if (!claims)
		return false;
	i->claims = claims;
	i->claims_size = size;
	return true;
}

void lan_claim(struct lan *lan, uint8_t slot, const struct addr *a)
{
	struct lan_interface *i = &lan->slots[slot];
	struct lan_claim c = { .addr = *a };
	char text[ADDR_TEXT];
	int r;

	if (i->ifindex == 0 || lan_claimed(i, a) || !claims_room(i))
		return;
	/* Joining is reported on the LAN: an observer stays silent. */
	if (a->family == 6 && !lan->config->observe) {
		r = group_join(lan->groups, i->ifindex, a);
		c.grouped = r >= 0;
		if (r < 0)
			log_warning("%s: cannot join the solicited-node group of %s: %s; behind a "
				    "switch with MLD "
				    "snooping its clients may not find it",
				    i->said.name, addr_format(a, text), strerror(-r));
	}
	i->claims[i->claims_n++] = c;
	if (!i->said.virtual_mac)
		loop_defer(&lan->refilter);
}

void lan_release(struct lan *lan, uint8_t slot, const struct addr *a)
{
	struct lan_interface *i = &lan->slots[slot];

	for (size_t k = 0; k < i->claims_n; k++) {
		if (!addr_equal(&i->claims[k].addr, a))
			continue;
		if (i->claims[k].grouped)
			group_leave(lan->groups, i->ifindex, a);
		i->claims[k] = i->claims[--i->claims_n];
		if (!i->said.virtual_mac)
			loop_defer(&lan->refilter);
		return;
	}
}

static void forget_claims(struct lan *lan, struct lan_interface *i)
{
	for (size_t k = 0; k < i->claims_n; k++) {
		if (i->claims[k].grouped)
			group_leave(lan->groups, i->ifindex, &i->claims[k].addr);
	}
	i->claims_n = 0;
}

void lan_release_all(struct lan *lan)
{
	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++)
		forget_claims(lan, &lan->slots[slot]);
}
