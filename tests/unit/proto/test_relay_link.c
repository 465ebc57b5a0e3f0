/*
 * test_relay_link: what people paste, and what is none.
 */
#include "proto/relay_link.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HOME "Mt0gsSCH40JTQSoYQ0I7hg"
#define GRANT "yMnKy8zNzs_Q"
#define SECRET "MjM0NTY3ODk6Ozw9Pj9AQUJDREVGR0hJSktMTU5PUFE"

static void addresses(void **state)
{
	static const struct {
		const char *text, *origin, *host;
		uint16_t port;
		bool tls;
	} good[] = {
		{ "https://relay.example", "https://relay.example", "relay.example", 443, true },
		{ "HTTPS://Relay.EXAMPLE/", "https://relay.example", "relay.example", 443, true },
		{ "https://relay.example:443", "https://relay.example", "relay.example", 443,
		  true },
		{ "wss://relay.example:8443", "https://relay.example:8443", "relay.example", 8443,
		  true },
		{ "http://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1", 8080, false },
		{ "ws://[2001:DB8:0::1]", "http://[2001:db8::1]", "2001:db8::1", 80, false },
	};
	static const char *const wrong[] = {
		"",
		"relay.example",
		"ftp://relay.example",
		"https://",
		"https://:1",
		"https://a:0",
		"https://a:65536",
		"https://a:080",
		"https://a:",
		"https://a/b",
		"https://a b",
		"https://a@b",
		"https://-a",
		"https://[::1",
		"https://[192.0.2.1]",
		"https://a#x",
		"https://a?",
		"https://a//",
		"https://\xc3\xa4.example",
	};
	struct relay_url u;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(relay_url_read(good[i].text, &u, NULL), 0);
		assert_string_equal(u.origin, good[i].origin);
		assert_string_equal(u.host, good[i].host);
		assert_int_equal(u.port, good[i].port);
		assert_int_equal(u.tls, good[i].tls);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(relay_url_read(wrong[i], &u, NULL), -EINVAL);
}

static void links(void **state)
{
	static const char link[] = "https://relay.example/#" HOME "." GRANT "." SECRET;
	static const char *const wrong[] = {
		"https://relay.example/#" HOME "." GRANT,
		"https://relay.example/#" HOME "." GRANT ".",
		"https://relay.example/#" HOME "." GRANT "." SECRET "A",
		"https://relay.example/#" HOME "." GRANT "." SECRET " ",
		"https://relay.example/#" GRANT "." HOME "." SECRET,
		"https://relay.example/" HOME "." GRANT "." SECRET,
		"https://relay.example/#" HOME "/" GRANT "." SECRET,
	};
	struct relay_link l;
	char text[RELAY_LINK_TEXT];

	(void)state;
	assert_int_equal(relay_link_read(link, &l), 0);
	assert_string_equal(l.home, HOME);
	assert_string_equal(l.grant, GRANT);
	assert_string_equal(relay_link_write(l.url.origin, l.home, l.grant, l.secret, text), link);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(relay_link_read(wrong[i], &l), -EINVAL);
}

static void invitations(void **state)
{
	struct relay_url u;
	char invitation[RELAY_INVITATION_TEXT];

	(void)state;
	assert_int_equal(relay_invitation_read(
				 "https://relay.example/#invitation.AAECAwQFBgcICQoLDA0ODxAREhM",
				 &u, invitation),
			 0);
	assert_string_equal(invitation, "AAECAwQFBgcICQoLDA0ODxAREhM");
	assert_string_equal(u.origin, "https://relay.example");
	assert_int_equal(relay_invitation_read("https://relay.example/#invitation.AAEC", &u,
					       invitation),
			 -EINVAL);
	assert_int_equal(relay_invitation_read("https://relay.example", &u, invitation), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(links),
		cmocka_unit_test(invitations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
