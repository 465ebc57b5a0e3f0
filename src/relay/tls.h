/*
 * tls: TLS 1.2 and 1.3 on the server's side of a descriptor; the door to OpenSSL.
 *
 * Owns contexts (certificate and key, from files) and sessions. A session that is idle keeps no buffers. Renegotiation,
 * compression and session caches are off; resumption is by tickets. Refuses to know what is carried.
 */
#ifndef ROUSE_RELAY_TLS_H
#define ROUSE_RELAY_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tls_context;
struct tls_session;

#define TLS_PROBLEM 256
/* -EINVAL with the problem for a person: a file cannot be read, or key and certificate do not fit. */
int tls_context_new(const char *cert, const char *key, struct tls_context **ret_context,
		    char problem[static TLS_PROBLEM]);
/* NULL is fine; sessions of it live on. */
void tls_context_free(struct tls_context *c);

int tls_session_new(struct tls_context *c, int fd, struct tls_session **ret_session);
/* Says that nothing more is written; NULL is fine. */
void tls_goodbye(struct tls_session *s);
/* NULL is fine. */
void tls_session_free(struct tls_session *s);

/* What a call has to wait for. */
enum { TLS_WANTS_READ = -1001, TLS_WANTS_WRITE = -1002 };
/* 0: done; TLS_WANTS_…, or a negative errno. */
int tls_handshake(struct tls_session *s);
/* Bytes; 0: the end; TLS_WANTS_…, or a negative errno. */
ssize_t tls_read(struct tls_session *s, void *to, size_t n);
/* Whether something was read from the descriptor that tls_read() has not given yet. */
bool tls_has_more(struct tls_session *s);
ssize_t tls_write(struct tls_session *s, const void *bytes, size_t n);

#endif
