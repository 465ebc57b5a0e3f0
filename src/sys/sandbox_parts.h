/*
 * sandbox_parts: what the files of sandbox share. For them alone.
 */
#ifndef ROUSE_SYS_SANDBOX_PARTS_H
#define ROUSE_SYS_SANDBOX_PARTS_H

#include "sys/sandbox.h"

/*
 * Sanitizers look at themselves through /proc, and at the end with ptrace from a thread of their
 * own. Builds with them let that pass; they are for tests.
 */
#ifdef ROUSE_SANITIZED
#define SANDBOX_SANITIZED true
#else
#define SANDBOX_SANITIZED false
#endif

/* Landlock: the ABI now in force, or a negative errno; -ENOSYS, -EOPNOTSUPP: the kernel has none.
 */
int sandbox_landlock(enum sandbox_role role, const struct sandbox_path *paths, size_t n);
/* seccomp: 0, or a negative errno; -ENOSYS: the kernel has none, or does not let us. */
int sandbox_seccomp(enum sandbox_role role);

#endif
