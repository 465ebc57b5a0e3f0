#include "proto/lease.h"

#include "proto/keys.h"
#include "proto/lease_parts.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define TAG_LENGTH B64_LENGTH(LEASE_TAG_SIZE)

static const char *const why_names[WHY_KINDS] = {
	[WHY_NONE] = "none",	       [WHY_BOOT] = "boot",	      [WHY_RESUME] = "resume",
	[WHY_START] = "start",	       [WHY_CHANGE] = "change",	      [WHY_RENEW] = "renew",
	[WHY_SUSPEND] = "suspend",     [WHY_HIBERNATE] = "hibernate", [WHY_POWEROFF] = "poweroff",
	[WHY_HALT] = "halt",	       [WHY_REBOOT] = "reboot",	      [WHY_RESTART] = "restart",
	[WHY_CANCELLED] = "cancelled", [WHY_STOP] = "stop",
};

const char *lease_why_name(enum lease_why w)
{
	return why_names[w];
}

/* --- tags --- */

static void session_key(const uint8_t key[static PAIRING_KEY_SIZE], const char *direction,
			const uint8_t of_sleeper[static LEASE_NONCE_SIZE],
			const uint8_t of_guard[static LEASE_NONCE_SIZE], struct lease_way *ret)
{
	uint8_t bytes[4 * 4 + sizeof("rouse-lease-v1") + sizeof("to-sleeper") +
		      2 * LEASE_NONCE_SIZE];
	struct writer w = writer_over(bytes, sizeof(bytes));

	relay_part_text(&w, "rouse-lease-v1");
	relay_part_text(&w, direction);
	relay_part(&w, of_sleeper, LEASE_NONCE_SIZE);
	relay_part(&w, of_guard, LEASE_NONCE_SIZE);
	assert(!w.failed);
	keys_hmac(key, bytes, w.used, ret->key);
	ret->counter = 0;
}

void lease_ways(const uint8_t key[static PAIRING_KEY_SIZE],
		const uint8_t of_sleeper[static LEASE_NONCE_SIZE],
		const uint8_t of_guard[static LEASE_NONCE_SIZE], struct lease_way *ret_to_guard,
		struct lease_way *ret_to_sleeper)
{
	session_key(key, "to-guard", of_sleeper, of_guard, ret_to_guard);
	session_key(key, "to-sleeper", of_sleeper, of_guard, ret_to_sleeper);
}

int lease_seal(struct lease_way *way, const char *json, char *to, size_t size)
{
	size_t n = strlen(json);
	uint8_t tag[LEASE_TAG_SIZE];

	if (n > LEASE_LINE_MAX - TAG_LENGTH - 2 || size < TAG_LENGTH + n + 3)
		return -ENOSPC;
	assert(!memchr(json, '\n', n));
	way->counter++;
	keys_hmac_counted(way->key, way->counter, json, n, tag);
	b64_encode(tag, sizeof(tag), to);
	to[TAG_LENGTH] = ' ';
	memcpy(to + TAG_LENGTH + 1, json, n);
	to[TAG_LENGTH + 1 + n] = '\n';
	to[TAG_LENGTH + 2 + n] = 0;
	return (int)(TAG_LENGTH + 2 + n);
}

int lease_unseal(struct lease_way *way, const char *line, size_t n, const char **ret_json,
		 size_t *ret_n)
{
	const size_t head = TAG_LENGTH + 1;
	uint8_t said[LEASE_TAG_SIZE], right[LEASE_TAG_SIZE];
	bool equal;

	if (n <= head || n >= LEASE_LINE_MAX || line[TAG_LENGTH] != ' ' ||
	    b64_decode(line, TAG_LENGTH, said, sizeof(said)) < 0)
		return -EINVAL;
	keys_hmac_counted(way->key, way->counter + 1, line + head, n - head, right);
	equal = bytes_equal_secret(said, right, sizeof(right));
	/* What would have been right is nobody's business. */
	keys_wipe(right, sizeof(right));
	if (!equal)
		return -EBADMSG;
	way->counter++;
	*ret_json = line + head;
	*ret_n = n - head;
	return 0;
}

/* --- parts --- */

int lease_get_b64(const struct json *map, const char *key, void *to, size_t n)
{
	const char *word = json_word(json_member(map, key));

	return word ? b64_decode(word, strlen(word), to, n) : -EINVAL;
}

int lease_get_whole(const struct json *map, const char *key, uint64_t least, uint64_t most,
		    uint64_t *ret)
{
	const struct json *v = json_member(map, key);
	int64_t n = json_whole(v);

	if (json_kind_of(v) != JSON_KIND_WHOLE || n < 0 || (uint64_t)n < least ||
	    (uint64_t)n > most)
		return -EINVAL;
	*ret = (uint64_t)n;
	return 0;
}

void lease_get_text(const struct json *map, const char *key, char to[static LEASE_TEXT])
{
	const char *word = json_word(json_member(map, key));
	size_t n = word ? strlen(word) : 0;
	size_t used = 0;

	for (size_t i = 0; i < n;) {
		size_t length = text_utf8_length(word + i, n - i);
		bool fit = length != 0 && !text_is_control(word + i, length);
		size_t wanted = fit ? length : 1;

		if (used + wanted >= LEASE_TEXT)
			break;
		if (fit)
			memcpy(to + used, word + i, length);
		else
			to[used] = '?';
		used += wanted;
		i += length ? length : 1;
	}
	to[used] = 0;
}

void lease_put_word(struct json_writer *w, const char *key, const char *word)
{
	json_write_key(w, key);
	json_write_word(w, word);
}

void lease_put_b64(struct json_writer *w, const char *key, const void *bytes, size_t n)
{
	char text[B64_TEXT(64)];

	assert(n <= 64);
	lease_put_word(w, key, b64_encode(bytes, n, text));
}

void lease_put_u64(struct json_writer *w, const char *key, uint64_t v)
{
	json_write_key(w, key);
	json_write_u64(w, v);
}
