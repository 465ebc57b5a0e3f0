#include "sys/group.h"

#include "base/hash.h"
#include "base/list.h"
#include "sys/entropy.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKETS_MAX 64 /* of about 2340 groups each */
#define BUCKETS_FIRST 64

struct membership {
	struct hash_node node;
	int ifindex;
	struct addr group;
	unsigned int count;
	unsigned int socket;
};

struct group_socket {
	int fd;
	bool full; /* until somebody leaves */
};

struct group_set {
	struct hash_table table;
	struct hash_key key;
	struct group_socket sockets[SOCKETS_MAX];
	unsigned int sockets_n;
};

int group_set_new(struct group_set **ret_set)
{
	struct group_set *s = calloc(1, sizeof(*s));
	struct hash_node **buckets = calloc(BUCKETS_FIRST, sizeof(*buckets));

	if (!s || !buckets) {
		free(s);
		free(buckets);
		return -ENOMEM;
	}
	entropy_bytes(&s->key, sizeof(s->key));
	hash_init(&s->table, buckets, BUCKETS_FIRST);
	*ret_set = s;
	return 0;
}

void group_set_free(struct group_set *s)
{
	if (!s)
		return;
	for (unsigned int i = 0; i < s->sockets_n; i++)
		close(s->sockets[i].fd);
	for (size_t i = 0; i < s->table.size; i++) {
		for (struct hash_node *n = s->table.buckets[i], *next; n; n = next) {
			next = n->next;
			free(container_of(n, struct membership, node));
		}
	}
	free(s->table.buckets);
	free(s);
}

static uint64_t membership_hash(const struct group_set *s, int ifindex, const struct addr *group)
{
	uint8_t key[sizeof(ifindex) + sizeof(group->b)];

	memcpy(key, &ifindex, sizeof(ifindex));
	memcpy(key + sizeof(ifindex), group->b, sizeof(group->b));
	return hash_bytes(&s->key, key, sizeof(key));
}

static struct membership *membership_find(const struct group_set *s, int ifindex,
					  const struct addr *group, uint64_t hash)
{
	for (struct hash_node *n = hash_first(&s->table, hash); n; n = hash_next(n)) {
		struct membership *m = container_of(n, struct membership, node);

		if (m->ifindex == ifindex && addr_equal(&m->group, group))
			return m;
	}
	return NULL;
}

static int socket_ask(int fd, int option, int ifindex, const struct addr *group)
{
	struct ipv6_mreq m = { .ipv6mr_interface = (unsigned int)ifindex };

	memcpy(&m.ipv6mr_multiaddr, group->b, sizeof(m.ipv6mr_multiaddr));
	return setsockopt(fd, IPPROTO_IPV6, option, &m, sizeof(m)) < 0 ? -errno : 0;
}

static int socket_open(struct group_set *s)
{
	int fd;

	if (s->sockets_n == SOCKETS_MAX)
		return -ENOMEM;
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	s->sockets[s->sockets_n++] = (struct group_socket){ .fd = fd };
	return 0;
}

/* Joins with the first socket that has room; opens one when none has. */
static int sockets_join(struct group_set *s, int ifindex, const struct addr *group,
			unsigned int *ret_socket)
{
	for (unsigned int i = 0;; i++) {
		int r = i == s->sockets_n ? socket_open(s) : 0;

		if (r < 0)
			return r;
		if (s->sockets[i].full)
			continue;
		r = socket_ask(s->sockets[i].fd, IPV6_JOIN_GROUP, ifindex, group);
		if (r == -ENOMEM || r == -ENOBUFS) {
			s->sockets[i].full = true;
			continue;
		}
		if (r == 0)
			*ret_socket = i;
		return r;
	}
}

/* More buckets when there are more groups than buckets; without memory it only gets slower. */
static void table_grow(struct hash_table *t)
{
	struct hash_node **buckets;

	if (t->count < t->size)
		return;
	buckets = calloc(t->size * 2, sizeof(struct hash_node *));
	if (buckets)
		free(hash_rehash(t, buckets, t->size * 2));
}

int group_join(struct group_set *s, int ifindex, const struct addr *address)
{
	struct addr group = addr_solicited_node(address);
	uint64_t hash = membership_hash(s, ifindex, &group);
	struct membership *m;
	int r;

	if (address->family != 6)
		return 0;
	m = membership_find(s, ifindex, &group, hash);
	if (m) {
		m->count++;
		return 0;
	}
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	*m = (struct membership){ .ifindex = ifindex, .group = group, .count = 1 };
	r = sockets_join(s, ifindex, &group, &m->socket);
	if (r < 0) {
		free(m);
		return r;
	}
	table_grow(&s->table);
	hash_insert(&s->table, &m->node, hash);
	return 0;
}

static void membership_end(struct group_set *s, struct membership *m)
{
	/* Fails when the interface is gone; then the kernel has forgotten it already. */
	(void)socket_ask(s->sockets[m->socket].fd, IPV6_LEAVE_GROUP, m->ifindex, &m->group);
	s->sockets[m->socket].full = false;
	hash_remove(&s->table, &m->node);
	free(m);
}

void group_leave(struct group_set *s, int ifindex, const struct addr *address)
{
	struct addr group = addr_solicited_node(address);
	struct membership *m;

	if (address->family != 6)
		return;
	m = membership_find(s, ifindex, &group, membership_hash(s, ifindex, &group));
	if (m && --m->count == 0)
		membership_end(s, m);
}

void group_forget(struct group_set *s, int ifindex)
{
	for (size_t i = 0; i < s->table.size; i++) {
		for (struct hash_node *n = s->table.buckets[i], *next; n; n = next) {
			struct membership *m = container_of(n, struct membership, node);

			next = n->next;
			if (m->ifindex == ifindex)
				membership_end(s, m);
		}
	}
}
