/*
 * group: membership in the solicited-node groups of claimed IPv6 addresses, so that switches with
 * MLD snooping pass neighbour solicitations on to us.
 *
 * Owns ordinary UDP sockets that never receive; about 2340 groups fit one (net.core.optmem_max),
 * so it opens more as needed. Closing them, also by dying, leaves all groups. Several addresses can
 * share a group: joins are counted.
 */
#ifndef ROUSE_SYS_GROUP_H
#define ROUSE_SYS_GROUP_H

#include "base/addr.h"

struct group_set;

int group_set_new(struct group_set **ret_set);
void group_set_free(struct group_set *s);
/*
 * Joins the solicited-node group of `address` (IPv6; for others 0 and nothing) on an interface.
 * -ENODEV no such interface or no IPv6 on it, -EAFNOSUPPORT no IPv6 at all, -ENOMEM, -EMFILE.
 * After an error nothing is counted.
 */
int group_join(struct group_set *s, int ifindex, const struct addr *address);
/* Undoes one join; harmless when there was none. */
void group_leave(struct group_set *s, int ifindex, const struct addr *address);
/* The interface is gone: forgets all its joins, however often counted. */
void group_forget(struct group_set *s, int ifindex);

#endif
