/*
 * account: from names of users and groups to their numbers. Asks NSS (files, maybe sockets): only
 * for start-up, before any sandbox.
 */
#ifndef ROUSE_SYS_ACCOUNT_H
#define ROUSE_SYS_ACCOUNT_H

#include <sys/types.h>

/* The user's id and primary group; -ENOENT when there is none, else NSS's own error. */
int account_user(const char *name, uid_t *ret_uid, gid_t *ret_gid);
/* Likewise for a group. */
int account_group(const char *name, gid_t *ret_gid);

#endif
