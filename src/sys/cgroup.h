/*
 * cgroup: from control groups to the systemd units they belong to, by looking through the mounted hierarchy. The direct way from
 * a number to a name, open_by_handle_at(2), needs CAP_DAC_READ_SEARCH.
 *
 * Refuses to know processes, and what a unit does.
 */
#ifndef ROUSE_SYS_CGROUP_H
#define ROUSE_SYS_CGROUP_H

#include <stddef.h>
#include <stdint.h>

#define CGROUP_ROOT "/sys/fs/cgroup"
#define CGROUP_UNIT 96 /* bytes of a unit's name here, with NUL; what is longer is cut */

struct cgroup_name {
	uint64_t id; /* inode; of sock_seen */
	char unit[CGROUP_UNIT]; /* "ssh.service"; empty: not found, or in none */
};

/*
 * Fills in the units of all n names (sorted by nobody, duplicates allowed), in one walk of at most 8192 groups and 16 levels below
 * `root`. Negative errno when the root cannot be read.
 */
int cgroup_units(const char *root, struct cgroup_name *names, size_t n);

/* The innermost service, scope, socket or mount of a path: "/a.slice/b.service/c" is b.service. Empty when there is none. */
void cgroup_unit_of(const char *path, char to[static CGROUP_UNIT]);

#endif
