/*
 * local_socket: a Unix socket that listens at a path, as the control sockets do.
 *
 * Refuses to know whose it shall be, and whether somebody answers at the path: what is there goes.
 */
#ifndef ROUSE_SYS_LOCAL_SOCKET_H
#define ROUSE_SYS_LOCAL_SOCKET_H

/*
 * Binds and listens at `path`, mode 0660, making the last component of its folder; what was there before is removed.
 * -ENAMETOOLONG; errors of mkdir(2), unlink(2), bind(2).
 */
int local_socket_listen(const char *path, int backlog, int *ret_fd);

#endif
