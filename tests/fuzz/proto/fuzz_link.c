/*
 * fuzz_link: relays' addresses, invitations, links, phrases. A link that is understood is written as one that is the same.
 */
#include "proto/phrase.h"
#include "proto/relay_link.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_url(const struct relay_url *u)
{
	struct relay_url again;

	assert(u->port != 0 && u->host[0]);
	assert(relay_url_read(u->origin, &again, NULL) == 0);
	assert(strcmp(again.origin, u->origin) == 0 && strcmp(again.host, u->host) == 0);
	assert(again.port == u->port && again.tls == u->tls);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[1024];
	char written[RELAY_LINK_TEXT];
	char phrase[PHRASE_TYPED_MAX], twice[PHRASE_TYPED_MAX];
	char invitation[RELAY_INVITATION_TEXT];
	struct relay_link link, again;
	struct relay_url url;
	const char *rest;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	if (relay_url_read(text, &url, &rest) == 0) {
		assert(rest >= text && rest <= text + size);
		check_url(&url);
	}
	if (relay_invitation_read(text, &url, invitation) == 0)
		assert(strlen(invitation) == RELAY_INVITATION_TEXT - 1);
	if (relay_link_read(text, &link) == 0) {
		(void)relay_link_write(link.url.origin, link.home, link.grant, link.secret,
				       written);
		assert(relay_link_read(written, &again) == 0);
		assert(memcmp(again.secret, link.secret, sizeof(link.secret)) == 0);
		assert(strcmp(again.home, link.home) == 0 && strcmp(again.grant, link.grant) == 0);
	}
	if (phrase_normalise(text, phrase) == 0) {
		assert(phrase_normalise(phrase, twice) == 0 && strcmp(phrase, twice) == 0);
		assert(phrase[0] != '-' && phrase[strlen(phrase) - 1] != '-');
	}
	return 0;
}
