#include "guard/local.h"

#include "base/heap.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/packet.h"
#include "wire/filter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOK_EVERY 200000 /* us: how long the host's first packet waits at most before it is seen */
#define WRITE_AGAIN \
	5000000 /* us: before the kernel starts to doubt an entry (15 s at the earliest) */
#define IDLE \
	70000000 /* us without a packet: an entry goes. A client's SYNs are up to 64 s apart; between them the kernel must \
		  * not ask the machine itself, which may be up before its service */
#define TAP_BUFFER (256U << 10)

static void look(void *context);

int local_init(struct local *l, struct loop *loop, struct lan *lan,
	       void (*tap)(void *context, uint8_t slot, int fd), void *context)
{
	memset(l, 0, sizeof(*l));
	l->lan = lan;
	l->tap = tap;
	l->context = context;
	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++)
		l->taps[slot] = -1;
	return loop_timer_init(&l->timer, loop, look, l);
}

static struct local_entry *find(struct local *l, uint8_t slot, const struct addr *a)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->entries[i].slot == slot && addr_equal(&l->entries[i].addr, a))
			return &l->entries[i];
	}
	return NULL;
}

static void write_entry(struct local *l, struct local_entry *e, const struct mac *mac, uint64_t now)
{
	const struct lan_interface *i = &l->lan->slots[e->slot];
	char text[ADDR_TEXT];
	int r;

	if (i->ifindex == 0)
		return;
	r = net_neighbour_set(l->lan->net, i->ifindex, &e->addr, mac);
	if (r < 0)
		log_warning("%s: cannot point this host to %s: %s%s", i->said.name,
			    addr_format(&e->addr, text), strerror(-r),
			    r == -EPERM ? " (local = yes needs CAP_NET_ADMIN)" : "");
	e->mac = *mac;
	e->written = now;
}

static void drop_entry(struct local *l, struct local_entry *e)
{
	*e = l->entries[--l->n];
}

static void delete_neighbour(struct local *l, uint8_t slot, const struct addr *a)
{
	const struct lan_interface *i = &l->lan->slots[slot];

	if (i->ifindex != 0)
		(void)net_neighbour_delete(l->lan->net, i->ifindex, a);
}

static void close_tap(struct local *l, uint8_t slot)
{
	if (l->taps[slot] < 0)
		return;
	close(l->taps[slot]);
	l->taps[slot] = -1;
	l->tap(l->context, slot, -1);
}

static bool open_tap(struct local *l, uint8_t slot, uint64_t now)
{
	const struct lan_interface *i = &l->lan->slots[slot];
	struct sock_filter code[FILTER_OUTGOING_LENGTH];
	int n;
	int r;

	if (l->taps[slot] >= 0)
		return true;
	n = filter_outgoing(&i->said.claim, code, FILTER_OUTGOING_LENGTH);
	if (n < 0)
		return false;
	r = packet_open(i->ifindex, code, (size_t)n, PACKET_SEE_OUTGOING, TAP_BUFFER,
			&l->taps[slot]);
	if (r < 0) {
		l->taps[slot] = -1;
		log_warning("%s: cannot see what this host sends: %s", i->said.name, strerror(-r));
		return false;
	}
	l->heard[slot] = now;
	l->tap(l->context, slot, l->taps[slot]);
	return true;
}

struct look {
	struct local *local;
	uint8_t slot;
	uint64_t now;
	size_t n;
	struct addr wanted[16]; /* of one look: more come with the next */
};

static void take_neighbour(void *context, const struct netlink_neighbour *n)
{
	struct look *k = context;

	if (n->state != NEIGHBOUR_INCOMPLETE || k->n == sizeof(k->wanted) / sizeof(k->wanted[0]))
		return;
	if (lan_claimed(k->local->lan, k->slot, &n->addr))
		k->wanted[k->n++] = n->addr;
}

/* The tap first, so that it sees the packets the kernel lets go when it has its entry. */
static void start(struct local *l, uint8_t slot, const struct addr *a, uint64_t now)
{
	const struct lan_interface *i = &l->lan->slots[slot];
	struct local_entry *e = find(l, slot, a);

	if (!open_tap(l, slot, now))
		return;
	if (!e) {
		if (l->n == LOCAL_ENTRIES_MAX)
			return;
		e = &l->entries[l->n++];
		*e = (struct local_entry){ .addr = *a, .slot = slot };
	}
	e->asked = now;
	write_entry(l, e, &i->said.claim, now);
}

static void look_at(struct local *l, uint8_t slot, uint64_t now)
{
	const struct lan_interface *i = &l->lan->slots[slot];
	struct look k = { .local = l, .slot = slot, .now = now };
	struct packet_counts counts;

	if (i->ifindex == 0 || i->claims.count == 0) {
		close_tap(l, slot);
		return;
	}
	if (net_neighbours(l->lan->net, i->ifindex, take_neighbour, &k) < 0)
		return;
	for (size_t n = 0; n < k.n; n++)
		start(l, slot, &k.wanted[n], now);
	if (l->taps[slot] >= 0 && packet_counts(l->taps[slot], &counts) == 0 && counts.received > 0)
		l->heard[slot] = now;
}

static bool any_entry(const struct local *l, uint8_t slot)
{
	for (size_t n = 0; n < l->n; n++) {
		if (l->entries[n].slot == slot)
			return true;
	}
	return false;
}

/* Keeps entries fresh while the host talks; takes them away when it has been silent. */
static void tend_entries(struct local *l, uint64_t now)
{
	for (size_t n = 0; n < l->n;) {
		struct local_entry *e = &l->entries[n];
		uint64_t last = l->heard[e->slot] > e->asked ? l->heard[e->slot] : e->asked;

		if (l->taps[e->slot] < 0 || now - last > IDLE) {
			delete_neighbour(l, e->slot, &e->addr);
			drop_entry(l, e);
			continue;
		}
		if (now - e->written > WRITE_AGAIN) {
			struct mac mac = e->mac;

			write_entry(l, e, &mac, now);
		}
		n++;
	}
	/* The tap costs something for each packet that this host sends: it ends with the last entry. */
	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++) {
		if (!any_entry(l, slot))
			close_tap(l, slot);
	}
}

static void look(void *context)
{
	struct local *l = context;
	uint64_t now = clock_monotonic_us();
	bool claims = false;

	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++) {
		look_at(l, slot, now);
		claims = claims || l->lan->slots[slot].claims.count > 0;
	}
	tend_entries(l, now);
	/* Nothing is claimed: nothing to look for, and no reason to wake up. */
	loop_timer_set(&l->timer, l->on && (claims || l->n > 0) ? now + LOOK_EVERY : NEVER);
}

void local_set(struct local *l, bool on)
{
	if (!on && l->on)
		local_restart(l);
	l->on = on;
	loop_timer_set(&l->timer, on ? clock_monotonic_us() : NEVER);
}

void local_claimed(struct local *l, uint8_t slot, const struct addr *a)
{
	if (!l->on)
		return;
	/* What the kernel knows is where the machine was; without it the next packet makes it ask. */
	if (!find(l, slot, a))
		delete_neighbour(l, slot, a);
	if (l->timer.at == NEVER)
		loop_timer_set(&l->timer, clock_monotonic_us() + LOOK_EVERY);
}

void local_released(struct local *l, uint8_t slot, const struct addr *a, const struct mac *machine)
{
	struct local_entry *e = find(l, slot, a);

	if (!e)
		return;
	if (machine)
		write_entry(l, e, machine, clock_monotonic_us());
	else
		delete_neighbour(l, slot, a);
	drop_entry(l, e);
}

void local_point(struct local *l, uint8_t slot, const struct addr *a, const struct mac *machine)
{
	struct local_entry *e = find(l, slot, a);

	if (e)
		write_entry(l, e, machine ? machine : &l->lan->slots[slot].said.claim,
			    clock_monotonic_us());
}

void local_restart(struct local *l)
{
	for (uint8_t slot = 0; slot < LAN_INTERFACES; slot++)
		close_tap(l, slot);
	for (size_t n = 0; n < l->n; n++)
		delete_neighbour(l, l->entries[n].slot, &l->entries[n].addr);
	l->n = 0;
}

void local_done(struct local *l)
{
	if (!l->lan)
		return;
	local_restart(l);
	loop_timer_done(&l->timer);
}
