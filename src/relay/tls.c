#include "relay/tls.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

/* Buffers of records that wait for their next use; each is a little more than the 16 KB of a record. */
#define POOL_MOST 32
#define POOL_LEAST 16384
#define POOL_SIZE 17408

/* Only names: an SSL_CTX is what a context is, an SSL what a session is. */
static SSL_CTX *context_of(struct tls_context *c)
{
	return (SSL_CTX *)(void *)c;
}

static SSL *session_of(struct tls_session *s)
{
	return (SSL *)(void *)s;
}

/* --- memory --- */

/*
 * An idle session gives its two buffers back, so each record takes one and frees it: four times a wake. The last few are
 * kept as they are. One thread has all of TLS.
 */
static void *pool[POOL_MOST];
static size_t pool_n;

static void *pool_take(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	if (n <= POOL_LEAST || n > POOL_SIZE)
		return n ? malloc(n) : NULL;
	return pool_n ? pool[--pool_n] : malloc(POOL_SIZE);
}

static void pool_give(void *p, const char *file, int line)
{
	size_t n = p ? malloc_usable_size(p) : 0;

	(void)file;
	(void)line;
	if (n >= POOL_SIZE && n < POOL_SIZE + 64 && pool_n < POOL_MOST)
		pool[pool_n++] = p;
	else
		free(p);
}

static void *pool_change(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	if (n)
		return realloc(p, n);
	free(p);
	return NULL;
}

/* --- the descriptor: recv() and send(), which cost less than the library's read() and write() --- */

static int bio_fd(BIO *b)
{
	return (int)(intptr_t)BIO_get_data(b);
}

static int bio_read(BIO *b, char *to, int n)
{
	ssize_t r = recv(bio_fd(b), to, (size_t)n, 0);

	BIO_clear_retry_flags(b);
	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(b);
	return (int)r;
}

static int bio_write(BIO *b, const char *bytes, int n)
{
	ssize_t r = send(bio_fd(b), bytes, (size_t)n, MSG_NOSIGNAL);

	BIO_clear_retry_flags(b);
	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_write(b);
	return (int)r;
}

static long bio_control(BIO *b, int what, long number, void *p)
{
	(void)b;
	(void)number;
	(void)p;
	return what == BIO_CTRL_FLUSH;
}

static BIO_METHOD *descriptors;

static int set_up_library(void)
{
	if (descriptors)
		return 0;
	/* Refused when the library has memory already: then it goes without. */
	(void)CRYPTO_set_mem_functions(pool_take, pool_change, pool_give);
	descriptors = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "descriptor");
	if (!descriptors)
		return -ENOMEM;
	BIO_meth_set_read(descriptors, bio_read);
	BIO_meth_set_write(descriptors, bio_write);
	BIO_meth_set_ctrl(descriptors, bio_control);
	return 0;
}

/* --- contexts --- */

static void say_problem(const char *what, const char *file, char problem[static TLS_PROBLEM])
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	(void)snprintf(problem, TLS_PROBLEM, "%s %s: %s", what, file, reason ? reason : "unusable");
	ERR_clear_error();
}

static void set_up(SSL_CTX *ctx)
{
	char groups[] = "X25519:P-256"; /* the macro casts const away */

	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20");
	SSL_CTX_set1_groups_list(ctx, groups);
	/* One system call a record, not two. */
	SSL_CTX_set_read_ahead(ctx, 1);
}

int tls_context_new(const char *cert, const char *key, struct tls_context **ret_context,
		    char problem[static TLS_PROBLEM])
{
	SSL_CTX *ctx = set_up_library() == 0 ? SSL_CTX_new(TLS_server_method()) : NULL;

	if (!ctx)
		return -ENOMEM;
	set_up(ctx);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1) {
		say_problem("certificate", cert, problem);
		goto failed;
	}
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1) {
		say_problem("key", key, problem);
		goto failed;
	}
	*ret_context = (struct tls_context *)(void *)ctx;
	return 0;
failed:
	SSL_CTX_free(ctx);
	return -EINVAL;
}

void tls_context_free(struct tls_context *c)
{
	SSL_CTX_free(context_of(c));
}

int tls_session_new(struct tls_context *c, int fd, struct tls_session **ret_session)
{
	SSL *ssl = SSL_new(context_of(c));
	BIO *bio = ssl ? BIO_new(descriptors) : NULL;

	if (!bio) {
		SSL_free(ssl);
		ERR_clear_error();
		return -ENOMEM;
	}
	BIO_set_data(bio, (void *)(intptr_t)fd);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_accept_state(ssl);
	*ret_session = (struct tls_session *)(void *)ssl;
	return 0;
}

void tls_goodbye(struct tls_session *s)
{
	if (s && SSL_is_init_finished(session_of(s)))
		(void)SSL_shutdown(session_of(s));
	ERR_clear_error();
}

void tls_session_free(struct tls_session *s)
{
	SSL_free(session_of(s));
}

/* What the last call, which did not succeed, has to say. */
static int verdict(SSL *ssl, int r)
{
	int saved = errno;
	int why = SSL_get_error(ssl, r);

	ERR_clear_error();
	switch (why) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANTS_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANTS_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return saved ? -saved : -ECONNRESET;
	default:
		/* After a failure nothing may be sent any more, no goodbye either. */
		SSL_set_quiet_shutdown(ssl, 1);
		return -EPROTO;
	}
}

int tls_handshake(struct tls_session *s)
{
	int r;

	errno = 0;
	r = SSL_do_handshake(session_of(s));
	if (r == 1)
		return 0;
	r = verdict(session_of(s), r);
	return r == 0 ? -ECONNRESET : r;
}

ssize_t tls_read(struct tls_session *s, void *to, size_t n)
{
	int r;

	errno = 0;
	r = SSL_read(session_of(s), to, n > INT_MAX ? INT_MAX : (int)n);
	return r > 0 ? r : verdict(session_of(s), r);
}

bool tls_has_more(struct tls_session *s)
{
	return SSL_has_pending(session_of(s));
}

ssize_t tls_write(struct tls_session *s, const void *bytes, size_t n)
{
	int r;

	errno = 0;
	r = SSL_write(session_of(s), bytes, n > INT_MAX ? INT_MAX : (int)n);
	if (r > 0)
		return r;
	r = verdict(session_of(s), r);
	return r == 0 ? -ECONNRESET : r;
}
