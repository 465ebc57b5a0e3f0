/*
 * listeners: the sockets that people and machines come in by: the registration port on each address, and the control
 * socket. Bound here, served by control; they outlive it, so that nobody is turned away while it starts again.
 */
#ifndef ROUSE_GUARD_LISTENERS_H
#define ROUSE_GUARD_LISTENERS_H

#include "guard/config.h"
#include "guard/lan.h"
#include "proto/ipc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LISTENERS_MAX 64

struct listener {
	struct ipc_listener said;
	int ifindex; /* the scope of an IPv6 link-local address */
	int fd;
};

struct listeners {
	struct listener list[LISTENERS_MAX];
	size_t n;
	bool own_path; /* the control socket's file is ours to remove */
	char path[CONFIG_PATH_MAX + 1];
	void (*tell)(void *context, const struct ipc_listener *said, int fd);
	void *context;
};

void listeners_init(struct listeners *l,
		    void (*tell)(void *context, const struct ipc_listener *said, int fd),
		    void *context);
/* Takes over a socket of the service manager; false when it is not one for control. */
bool listeners_adopt(struct listeners *l, int fd, const char *name);
/*
 * Binds the control socket at `path` (0660, owner:group), making its folder. -EADDRINUSE: another guard answers there, and
 * still does after a second (one that was killed is waited for); an old file that nobody answers at is replaced. Nothing when
 * one was adopted.
 */
int listeners_control(struct listeners *l, const char *path, uid_t owner, gid_t group);
/* Binds the registration port where it is not bound yet: the configured addresses, or the served interfaces' own. */
void listeners_registration(struct listeners *l, const struct config *c, const struct lan *lan);
/* Somebody could register: the port is bound somewhere. */
bool listeners_registering(const struct listeners *l);
void listeners_tell_all(const struct listeners *l);
/* Closes all; removes the control socket's file if listeners_control() made it. */
void listeners_done(struct listeners *l);

#endif
