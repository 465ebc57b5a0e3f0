/*
 * own: what this host is on an interface: its MAC and addresses there. For `rouse register`.
 */
#ifndef ROUSE_CLI_OWN_H
#define ROUSE_CLI_OWN_H

#include "base/addr.h"
#include "base/spec.h"

#include <stddef.h>

struct own {
	char interface[16];
	struct mac mac; /* zero: it has none */
	struct addr
		addresses[SPEC_ADDRESSES_MAX]; /* no link-local ones; those beyond are left out */
	size_t addresses_n;
};

/* The interface that has this address; -ENODEV when none has. */
int own_by_address(const struct addr *a, struct own *ret);
int own_by_name(const char *interface, struct own *ret);

/* What this machine is called: as `wanted` (NULL: nothing is), else as the host, else after its MAC. */
void own_machine_name(const char *wanted, const struct mac *mac, char to[static SPEC_NAME_MAX + 1]);

#endif
