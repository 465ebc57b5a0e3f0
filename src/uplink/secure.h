/*
 * secure: TLS 1.2 and 1.3 on the client's side of a descriptor: the relay proves that it is the host we were told to
 * join. The door to OpenSSL.
 *
 * Trusts what the system trusts. Refuses to know what is carried.
 */
#ifndef ROUSE_UPLINK_SECURE_H
#define ROUSE_UPLINK_SECURE_H

#include <stddef.h>
#include <sys/types.h>

struct secure;

/* Once, before the sandbox closes. */
void secure_init(void);
int secure_new(int fd, const char *host, struct secure **ret_secure);
/* Says goodbye to the other side, if it can be said at once; NULL is fine. */
void secure_free(struct secure *s);

/* What a call has to wait for. */
enum { SECURE_READ = -1001, SECURE_WRITE = -1002 };
/* 0: done; SECURE_…, or a negative errno. */
int secure_handshake(struct secure *s);
/* Bytes; 0: the end; SECURE_…, or a negative errno. */
ssize_t secure_read(struct secure *s, void *to, size_t n);
ssize_t secure_write(struct secure *s, const void *bytes, size_t n);
/* Why the handshake failed, for a person. */
const char *secure_problem(const struct secure *s);

#endif
