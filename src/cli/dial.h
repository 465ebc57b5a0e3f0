/*
 * dial: a TCP connection to a guard's registration port, from "HOST", "HOST:PORT", "[v6]:PORT" or "v6".
 *
 * Says nothing to anybody: what went wrong comes back as text. Refuses to know what is said over it.
 */
#ifndef ROUSE_CLI_DIAL_H
#define ROUSE_CLI_DIAL_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>

#define DIAL_HOST 256
#define DIAL_PROBLEM 400 /* with a host's name in it */

struct dial {
	char host[DIAL_HOST]; /* an IPv6 address without brackets; link-local with its zone */
	char port[8];
};

/* Without a port: that of registration, 13717. */
bool dial_parse(const char *text, struct dial *ret);
/*
 * Connects, each address of the host for at most `ms`; the descriptor blocks, and gives up after `seconds` in which nothing
 * comes. Negative errno and a sentence.
 */
int dial_open(const struct dial *d, int ms, unsigned int seconds,
	      char problem[static DIAL_PROBLEM]);
bool dial_send(int fd, const char *bytes, size_t n);

/* The addresses of the two ends. */
struct addr dial_own_end(int fd);
struct addr dial_other_end(int fd);

#endif
