#include "uplink/secure.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define NAME_MOST 253 /* of a host, RFC 1035, 2.3.4 */

struct secure {
	SSL_CTX *context;
	SSL *ssl;
	char problem[192];
};

void secure_init(void)
{
	(void)OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}

/* Its name, or its address, must be in the certificate. */
static int expect(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *p = SSL_get0_param(ssl);
	char name[NAME_MOST + 1]; /* the macro below takes const away */

	if (X509_VERIFY_PARAM_set1_ip_asc(p, host) == 1)
		return 1;
	ERR_clear_error();
	X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if ((size_t)snprintf(name, sizeof(name), "%s", host) >= sizeof(name))
		return 0;
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

int secure_new(int fd, const char *host, struct secure **ret_secure)
{
	struct secure *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->context = SSL_CTX_new(TLS_client_method());
	if (s->context) {
		SSL_CTX_set_min_proto_version(s->context, TLS1_2_VERSION);
		SSL_CTX_set_mode(s->context, SSL_MODE_RELEASE_BUFFERS |
						     SSL_MODE_ENABLE_PARTIAL_WRITE |
						     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		SSL_CTX_set_options(s->context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
		SSL_CTX_set_verify(s->context, SSL_VERIFY_PEER, NULL);
		(void)SSL_CTX_set_default_verify_paths(s->context);
		s->ssl = SSL_new(s->context);
	}
	if (!s->ssl || expect(s->ssl, host) != 1 || SSL_set_fd(s->ssl, fd) != 1) {
		secure_free(s);
		return -ENOMEM;
	}
	SSL_set_connect_state(s->ssl);
	*ret_secure = s;
	return 0;
}

void secure_free(struct secure *s)
{
	if (!s)
		return;
	if (s->ssl && SSL_is_init_finished(s->ssl))
		(void)SSL_shutdown(s->ssl);
	ERR_clear_error();
	SSL_free(s->ssl);
	SSL_CTX_free(s->context);
	free(s);
}

/* What OpenSSL said in our words. */
static int verdict(struct secure *s, int result)
{
	int e = errno;

	switch (SSL_get_error(s->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return SECURE_READ;
	case SSL_ERROR_WANT_WRITE:
		return SECURE_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		return e ? -e : -ECONNRESET;
	default:
		return -EPROTO;
	}
}

int secure_handshake(struct secure *s)
{
	const char *reason;
	long why;
	int r;

	errno = 0;
	r = SSL_do_handshake(s->ssl);
	if (r == 1)
		return 0;
	r = verdict(s, r);
	if (r == SECURE_READ || r == SECURE_WRITE)
		return r;
	why = SSL_get_verify_result(s->ssl);
	reason = why != X509_V_OK ? X509_verify_cert_error_string(why)
				  : ERR_reason_error_string(ERR_peek_last_error());
	(void)snprintf(s->problem, sizeof(s->problem), "TLS: %s",
		       reason ? reason : "the other side hung up");
	ERR_clear_error();
	return r == 0 ? -ECONNRESET : r;
}

ssize_t secure_read(struct secure *s, void *to, size_t n)
{
	int r;

	errno = 0;
	r = SSL_read(s->ssl, to, n > INT_MAX ? INT_MAX : (int)n);
	return r > 0 ? r : verdict(s, r);
}

ssize_t secure_write(struct secure *s, const void *bytes, size_t n)
{
	int r;

	errno = 0;
	r = SSL_write(s->ssl, bytes, n > INT_MAX ? INT_MAX : (int)n);
	return r > 0 ? r : verdict(s, r);
}

const char *secure_problem(const struct secure *s)
{
	return s->problem;
}
