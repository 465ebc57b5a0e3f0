#include "proto/relay_auth.h"

#include "proto/keys.h"

void relay_part(struct writer *w, const void *bytes, size_t n)
{
	writer_be32(w, (uint32_t)n);
	writer_bytes(w, bytes, n);
}

void relay_part_text(struct writer *w, const char *text)
{
	relay_part(w, text, strlen(text));
}

void relay_home_of(const uint8_t key[static RELAY_KEY_SIZE],
		   uint8_t ret_home[static RELAY_HOME_SIZE])
{
	static const char label[] = "rouse-home-v1";
	uint8_t bytes[sizeof(label) - 1 + RELAY_KEY_SIZE];
	uint8_t digest[KEYS_HASH_SIZE];

	memcpy(bytes, label, sizeof(label) - 1);
	memcpy(bytes + sizeof(label) - 1, key, RELAY_KEY_SIZE);
	keys_hash(bytes, sizeof(bytes), digest);
	memcpy(ret_home, digest, RELAY_HOME_SIZE);
}

size_t relay_join_signed(const char *origin, const uint8_t challenge[static RELAY_CHALLENGE_SIZE],
			 uint8_t to[static RELAY_JOIN_SIGNED_MAX])
{
	struct writer w = writer_over(to, RELAY_JOIN_SIGNED_MAX);

	relay_part_text(&w, "rouse-join-v1");
	relay_part_text(&w, origin);
	relay_part(&w, challenge, RELAY_CHALLENGE_SIZE);
	return w.failed ? 0 : w.used;
}
