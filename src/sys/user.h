/*
 * user: from names of users and groups to their numbers. Asks NSS (files, maybe sockets): only
 * for start-up, before any sandbox.
 */
#ifndef ROUSE_SYS_USER_H
#define ROUSE_SYS_USER_H

#include <sys/types.h>

/* The user's id and primary group; -ENOENT when there is none, else NSS's own error. */
int user_find(const char *name, uid_t *ret_uid, gid_t *ret_gid);
/* Likewise for a group. */
int group_find(const char *name, gid_t *ret_gid);

#endif
