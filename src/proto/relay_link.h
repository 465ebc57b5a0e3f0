/*
 * relay_link: addresses of relays and what people paste: "https://relay.example", an invitation, the link of a grant
 * (docs/protocol.md, 2). Strict: a link that is not exactly right is none.
 */
#ifndef ROUSE_PROTO_RELAY_LINK_H
#define ROUSE_PROTO_RELAY_LINK_H

#include "proto/relay_auth.h"

#include <stdbool.h>
#include <stdint.h>

#define RELAY_HOST_MAX 253
#define RELAY_LINK_TEXT 512

struct relay_url {
	bool tls;
	uint16_t port;
	char host[RELAY_HOST_MAX + 1]; /* lower case; an IPv6 address without brackets */
	char origin[RELAY_ORIGIN_MAX +
		    1]; /* scheme, host, and port if it is not the scheme's own */
};

/*
 * "https://Relay.Example:8443/" and what follows it in *ret_rest (may be NULL: then only a '/' may follow). ws and wss are
 * taken as http and https. -EINVAL: it is none.
 */
int relay_url_read(const char *text, struct relay_url *ret_url, const char **ret_rest);

/* "<relay>/#invitation.<b64>"; the invitation as text. */
int relay_invitation_read(const char *text, struct relay_url *ret_url,
			  char ret_invitation[static RELAY_INVITATION_TEXT]);

struct relay_link {
	struct relay_url url;
	char home[RELAY_HOME_TEXT];
	char grant[RELAY_GRANT_TEXT];
	uint8_t secret[RELAY_KEY_SIZE];
};

/* "<relay>/#<home>.<grant>.<secret>" */
int relay_link_read(const char *text, struct relay_link *ret_link);
char *relay_link_write(const char *origin, const char *home, const char *grant,
		       const uint8_t secret[static RELAY_KEY_SIZE],
		       char to[static RELAY_LINK_TEXT]);

#endif
