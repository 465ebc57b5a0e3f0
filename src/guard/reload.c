#include "guard/reload.h"

#include "guard/config_unique.h"
#include "proto/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct plan {
	const struct store *store;
	const struct config *config;
	void (*step)(void *who, enum reload_step what, uint32_t id, const struct spec *spec);
	void *who;
	struct config_unique holders; /* the machine in the store that has a name or an address */
	bool *waits; /* for each machine of the configuration: not done yet */
	size_t waiting;
};

/* Described alike, line of the file included? */
static bool same(const struct spec *a, const struct spec *b)
{
	static char x[RECORD_MAX];
	static char y[RECORD_MAX];
	size_t n = record_machine(1, a, x);

	return n == record_machine(1, b, y) && memcmp(x, y, n) == 0;
}

/* Machines of the file that the file does not have any more. */
static int remove_gone(const struct plan *p)
{
	struct config_unique macs;
	struct store_machine m = { .id = 0 };
	char said[MAC_TEXT];
	int r = config_unique_init(&macs);

	if (r < 0)
		return r;
	for (size_t i = 0; i < p->config->machines_n && r == 0; i++) {
		size_t other;

		if (config_unique_add(&macs, "mac", mac_format(&p->config->machines[i].mac, said),
				      i, 1, &other) < 0)
			r = -ENOMEM;
	}
	while (r == 0 && store_next(p->store, m.id, &m)) {
		if (m.spec.origin == SPEC_FILE &&
		    config_unique_owner(&macs, "mac", mac_format(&m.spec.mac, said)) == SIZE_MAX)
			p->step(p->who, RELOAD_REMOVE, m.id, NULL);
	}
	config_unique_done(&macs);
	return r;
}

static void find_waiting(struct plan *p)
{
	for (size_t i = 0; i < p->config->machines_n; i++) {
		const struct spec *spec = &p->config->machines[i];
		struct store_machine m;

		if (store_machine(p->store, store_by_mac(p->store, &spec->mac), &m) == 0 &&
		    same(spec, &m.spec))
			continue;
		p->waits[i] = true;
		p->waiting++;
	}
}

static int hold(struct plan *p, const char *kind, const char *value, uint32_t id)
{
	size_t other;

	return config_unique_add(&p->holders, kind, value, id, 1, &other) < 0 ? -ENOMEM : 0;
}

/* Who has which name and address now. */
static int find_holders(struct plan *p)
{
	struct store_machine m = { .id = 0 };
	char said[ADDR_TEXT];
	int r = config_unique_init(&p->holders);

	while (r == 0 && store_next(p->store, m.id, &m)) {
		r = hold(p, "name", m.spec.name, m.id);
		for (uint16_t i = 0; i < m.spec.addresses_n && r == 0; i++)
			r = hold(p, "address", addr_format(&m.spec.addresses[i], said), m.id);
	}
	return r;
}

/* Another machine of the store that has the name or an address of `spec`; 0: none. */
static uint32_t blocker(const struct plan *p, const struct spec *spec, uint32_t self)
{
	char said[ADDR_TEXT];
	size_t holder = config_unique_owner(&p->holders, "name", spec->name);

	for (uint16_t i = 0; holder == SIZE_MAX || holder == self; i++) {
		if (i == spec->addresses_n)
			return 0;
		holder = config_unique_owner(&p->holders, "address",
					     addr_format(&spec->addresses[i], said));
	}
	return (uint32_t)holder;
}

static void done(struct plan *p, size_t i)
{
	p->waits[i] = false;
	p->waiting--;
}

/* Does what nothing is in the way of; the first one that something is in the way of comes out at ret_stuck. */
static bool do_free_ones(struct plan *p, size_t *ret_stuck, uint32_t *ret_blocker)
{
	bool progress = false;

	*ret_blocker = 0;
	for (size_t i = 0; i < p->config->machines_n; i++) {
		const struct spec *spec = &p->config->machines[i];
		uint32_t id = store_by_mac(p->store, &spec->mac);
		uint32_t other = p->waits[i] ? blocker(p, spec, id) : 0;

		if (!p->waits[i])
			continue;
		if (other) {
			*ret_stuck = *ret_blocker ? *ret_stuck : i;
			*ret_blocker = *ret_blocker ? *ret_blocker : other;
			continue;
		}
		p->step(p->who, id ? RELOAD_CHANGE : RELOAD_ADD, id, spec);
		done(p, i);
		progress = true;
	}
	return progress;
}

/*
 * Nothing is free: machines of the file exchange names or addresses in a ring, then one has to go first and comes again as a
 * new one; or the holder is none of the file's, and stays.
 */
static void untangle(struct plan *p, size_t stuck, uint32_t other)
{
	const struct spec *spec = &p->config->machines[stuck];
	struct store_machine m;

	if (store_machine(p->store, other, &m) == 0 && m.spec.origin == SPEC_FILE) {
		p->step(p->who, RELOAD_REMOVE, other, NULL);
		if (store_machine(p->store, other, &m) < 0)
			return;
	}
	p->step(p->who, RELOAD_CLASH, other, spec);
	done(p, stuck);
}

int reload_plan(const struct store *s, const struct config *c,
		void (*step)(void *who, enum reload_step what, uint32_t id,
			     const struct spec *spec),
		void *who)
{
	struct plan p = { .store = s, .config = c, .step = step, .who = who };
	int r = remove_gone(&p);

	if (r < 0 || c->machines_n == 0)
		return r;
	p.waits = calloc(c->machines_n, sizeof(*p.waits));
	if (!p.waits)
		return -ENOMEM;
	find_waiting(&p);
	while (p.waiting > 0 && r == 0) {
		size_t stuck = 0;
		uint32_t other = 0;

		r = find_holders(&p);
		if (r == 0 && !do_free_ones(&p, &stuck, &other))
			untangle(&p, stuck, other);
		config_unique_done(&p.holders);
	}
	free(p.waits);
	return r;
}
