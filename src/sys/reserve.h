/*
 * reserve: a TCP port that is ours and that nobody listens on, the same for IPv4 and IPv6. The
 * ready gate's half-open SYNs come from it: the kernel answers the SYN-ACKs with resets, so no
 * connection is ever left open at the machine.
 */
#ifndef ROUSE_SYS_RESERVE_H
#define ROUSE_SYS_RESERVE_H

#include <stdint.h>

/*
 * Binds a port of the system's choice; it stays ours until *ret_fd is closed. Neither bind(2), with
 * SO_REUSEADDR or without, nor connect(2) gives it to anybody else meanwhile. Errors of bind(2).
 */
int reserve_port(uint16_t *ret_port, int *ret_fd);

#endif
