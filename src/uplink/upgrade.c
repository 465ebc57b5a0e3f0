#include "uplink/upgrade.h"

#include "base/text.h"
#include "proto/slice.h"

#include <errno.h>
#include <string.h>

char *upgrade_key(const uint8_t random[static 16], char to[static UPGRADE_KEY_TEXT])
{
	/* base64url is base64 but for two characters and the padding. */
	b64_encode(random, 16, to);
	for (char *c = to; *c; c++)
		*c = (char)(*c == '-' ? '+' : *c == '_' ? '/' : *c);
	memcpy(to + 22, "==", 3);
	return to;
}

size_t upgrade_request(const struct relay_url *url, const char *key,
		       char to[static UPGRADE_REQUEST_MAX])
{
	struct text t = text_over(to, UPGRADE_REQUEST_MAX);

	text_string(&t, "GET /guard HTTP/1.1\r\nHost: ");
	text_string(&t, strstr(url->origin, "://") + 3);
	text_string(&t, "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: rouse.v1\r\n"
			"User-Agent: rouse/" ROUSE_VERSION "\r\nSec-WebSocket-Key: ");
	text_string(&t, key);
	text_string(&t, "\r\n\r\n");
	return t.used;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool equal_ignoring_case(struct slice s, const char *text)
{
	size_t i = 0;

	while (i < s.n && text[i] && lower(s.at[i]) == lower(text[i]))
		i++;
	return i == s.n && text[i] == 0;
}

static struct slice trimmed(struct slice s)
{
	while (s.n > 0 && (*s.at == ' ' || *s.at == '\t')) {
		s.at++;
		s.n--;
	}
	while (s.n > 0 && (s.at[s.n - 1] == ' ' || s.at[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* What must be there, once, and with this value. */
struct fields {
	const char *accept;
	bool upgrade, connection, accepted, protocol, wrong;
};

static void take_field(struct fields *f, struct slice line)
{
	const char *colon = memchr(line.at, ':', line.n);
	struct slice name, value;
	bool *seen;
	bool right;

	if (!colon) {
		f->wrong = true;
		return;
	}
	name = (struct slice){ line.at, (size_t)(colon - line.at) };
	value = trimmed((struct slice){ colon + 1, line.n - name.n - 1 });
	if (equal_ignoring_case(name, "Upgrade")) {
		seen = &f->upgrade;
		right = equal_ignoring_case(value, "websocket");
	} else if (equal_ignoring_case(name, "Connection")) {
		seen = &f->connection;
		right = equal_ignoring_case(value, "Upgrade");
	} else if (equal_ignoring_case(name, "Sec-WebSocket-Accept")) {
		seen = &f->accepted;
		right = slice_is(value, f->accept);
	} else if (equal_ignoring_case(name, "Sec-WebSocket-Protocol")) {
		seen = &f->protocol;
		right = slice_is(value, "rouse.v1");
	} else {
		/* We asked for none. */
		f->wrong = f->wrong || equal_ignoring_case(name, "Sec-WebSocket-Extensions");
		return;
	}
	f->wrong = f->wrong || *seen || !right;
	*seen = true;
}

/* "HTTP/1.1 101 …" */
static int read_status(struct slice line)
{
	int status = 0;

	if (line.n < 12 || memcmp(line.at, "HTTP/1.1 ", 9) != 0 ||
	    (line.n > 12 && line.at[12] != ' '))
		return -EPROTO;
	for (size_t i = 9; i < 12; i++) {
		if (line.at[i] < '0' || line.at[i] > '9')
			return -EPROTO;
		status = 10 * status + (line.at[i] - '0');
	}
	return status >= 100 ? status : -EPROTO;
}

int upgrade_answer(const char *bytes, size_t n, const char *key, size_t *ret_size)
{
	const char *end = memmem(bytes, n, "\r\n\r\n", 4);
	char accept[WS_ACCEPT_TEXT];
	struct fields f = { .accept = ws_accept(key, accept) };
	const char *at, *next;
	int status;

	if (!end)
		return n < UPGRADE_ANSWER_MAX ? UPGRADE_MORE : -EPROTO;
	at = memmem(bytes, n, "\r\n", 2);
	status = read_status((struct slice){ bytes, (size_t)(at - bytes) });
	if (status != 101)
		return status < 0 || status < 300 ? -EPROTO : status;
	for (; at < end; at = next) {
		at += 2;
		next = memmem(at, (size_t)(end + 2 - at), "\r\n", 2);
		take_field(&f, (struct slice){ at, (size_t)(next - at) });
	}
	if (f.wrong || !f.upgrade || !f.connection || !f.accepted || !f.protocol)
		return -EPROTO;
	*ret_size = (size_t)(end - bytes) + 4;
	return UPGRADE_DONE;
}
