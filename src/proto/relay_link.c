#include "proto/relay_link.h"

#include "base/addr.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

static const struct scheme {
	const char *prefix, *name;
	bool tls;
	uint16_t port;
} schemes[] = {
	{ "https://", "https", true, 443 },
	{ "http://", "http", false, 80 },
	{ "wss://", "https", true, 443 },
	{ "ws://", "http", false, 80 },
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool starts(const char *text, const char *prefix)
{
	while (*prefix && lower(*text) == *prefix) {
		text++;
		prefix++;
	}
	return *prefix == 0;
}

/* A name or an IPv4 address; what ends it is at the return value, NULL when it is none. */
static const char *read_name(const char *at, struct relay_url *url)
{
	size_t n = 0;

	for (; (lower(*at) >= 'a' && lower(*at) <= 'z') || (*at >= '0' && *at <= '9') ||
	       *at == '-' || *at == '.';
	     at++) {
		if (n == RELAY_HOST_MAX)
			return NULL;
		url->host[n++] = lower(*at);
	}
	url->host[n] = 0;
	return n > 0 && url->host[0] != '.' && url->host[0] != '-' ? at : NULL;
}

/* "[2001:db8::1]" */
static const char *read_bracketed(const char *at, struct relay_url *url)
{
	const char *end = strchr(at, ']');
	struct addr a;

	if (!end || end - at - 1 >= ADDR_TEXT)
		return NULL;
	memcpy(url->host, at + 1, (size_t)(end - at - 1));
	url->host[end - at - 1] = 0;
	if (addr_parse(url->host, &a) < 0 || a.family != 6)
		return NULL;
	(void)addr_format(&a, url->host);
	return end + 1;
}

static const char *read_port(const char *at, uint16_t *port)
{
	char digits[6];
	uint64_t v;
	size_t n = strspn(at, "0123456789");

	if (n == 0 || n >= sizeof(digits))
		return NULL;
	memcpy(digits, at, n);
	digits[n] = 0;
	if (digits[0] == '0' || text_parse_u64(digits, UINT16_MAX, &v) < 0)
		return NULL;
	*port = (uint16_t)v;
	return at + n;
}

static int write_origin(struct relay_url *url, const struct scheme *s)
{
	struct text t = text_over(url->origin, sizeof(url->origin));
	bool brackets = strchr(url->host, ':') != NULL;

	text_string(&t, s->name);
	text_string(&t, brackets ? "://[" : "://");
	text_string(&t, url->host);
	if (brackets)
		text_char(&t, ']');
	if (url->port != s->port) {
		text_char(&t, ':');
		text_u64(&t, url->port);
	}
	return t.cut ? -EINVAL : 0;
}

int relay_url_read(const char *text, struct relay_url *ret_url, const char **ret_rest)
{
	struct relay_url url = { .port = 0 };
	const struct scheme *s = schemes;
	const char *at;

	while (s < schemes + sizeof(schemes) / sizeof(schemes[0]) && !starts(text, s->prefix))
		s++;
	if (s == schemes + sizeof(schemes) / sizeof(schemes[0]))
		return -EINVAL;
	at = text + strlen(s->prefix);
	at = *at == '[' ? read_bracketed(at, &url) : read_name(at, &url);
	url.tls = s->tls;
	url.port = s->port;
	if (at && *at == ':')
		at = read_port(at + 1, &url.port);
	if (!at || (*at && *at != '/' && *at != '#') || write_origin(&url, s) < 0)
		return -EINVAL;
	if (*at == '/')
		at++;
	if (!ret_rest && *at)
		return -EINVAL;
	if (ret_rest)
		*ret_rest = at;
	*ret_url = url;
	return 0;
}

int relay_invitation_read(const char *text, struct relay_url *ret_url,
			  char ret_invitation[static RELAY_INVITATION_TEXT])
{
	static const char prefix[] = "#invitation.";
	uint8_t bytes[RELAY_INVITATION_SIZE];
	struct relay_url url;
	const char *rest;

	if (relay_url_read(text, &url, &rest) < 0 || !starts(rest, prefix))
		return -EINVAL;
	rest += sizeof(prefix) - 1;
	if (b64_decode(rest, strlen(rest), bytes, sizeof(bytes)) < 0)
		return -EINVAL;
	memcpy(ret_invitation, rest, RELAY_INVITATION_TEXT);
	*ret_url = url;
	return 0;
}

/* The text of n bytes up to a '.' or the end, checked. */
static const char *read_part(const char *at, size_t n, char *to)
{
	uint8_t bytes[RELAY_KEY_SIZE];
	size_t length = strcspn(at, ".");

	if (length != B64_LENGTH(n) || b64_decode(at, length, bytes, n) < 0)
		return NULL;
	memcpy(to, at, length);
	to[length] = 0;
	return at[length] == '.' ? at + length + 1 : at + length;
}

int relay_link_read(const char *text, struct relay_link *ret_link)
{
	struct relay_link link;
	const char *at;

	memset(&link, 0, sizeof(link));
	if (relay_url_read(text, &link.url, &at) < 0 || *at != '#')
		return -EINVAL;
	at = read_part(at + 1, RELAY_HOME_SIZE, link.home);
	if (at)
		at = read_part(at, RELAY_GRANT_SIZE, link.grant);
	if (!at || b64_decode(at, strlen(at), link.secret, sizeof(link.secret)) < 0)
		return -EINVAL;
	*ret_link = link;
	return 0;
}

char *relay_link_write(const char *origin, const char *home, const char *grant,
		       const uint8_t secret[static RELAY_KEY_SIZE], char to[static RELAY_LINK_TEXT])
{
	struct text t = text_over(to, RELAY_LINK_TEXT);
	char key[RELAY_KEY_TEXT];

	text_string(&t, origin);
	text_string(&t, "/#");
	text_string(&t, home);
	text_char(&t, '.');
	text_string(&t, grant);
	text_char(&t, '.');
	text_string(&t, b64_encode(secret, RELAY_KEY_SIZE, key));
	return to;
}
