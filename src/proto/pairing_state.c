#include "proto/pairing_state.h"

#include "proto/b64.h"
#include "proto/json.h"
#include "proto/json_write.h"
#include "proto/keys.h"

#include <errno.h>
#include <string.h>

#define VERSION 1

/* A word of 1 to size - 1 bytes, without control characters or blanks: these go into messages and to the resolver. */
static int take_word(const struct json *map, const char *key, char *to, size_t size)
{
	const char *word = json_word(json_member(map, key));
	size_t n = word ? strlen(word) : 0;

	if (n == 0 || n >= size)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)word[i] <= ' ' || (unsigned char)word[i] >= 0x7f)
			return -EINVAL;
	}
	memcpy(to, word, n + 1);
	return 0;
}

static int take_bytes(const struct json *map, const char *key, void *to, size_t n)
{
	const char *word = json_word(json_member(map, key));

	return word ? b64_decode(word, strlen(word), to, n) : -EINVAL;
}

static int take_name(const struct json *map, char to[static SPEC_NAME_MAX + 1])
{
	const char *word = json_word(json_member(map, "name"));

	if (!word || !spec_name_valid(word, strlen(word)))
		return -EINVAL;
	memcpy(to, word, strlen(word) + 1);
	return 0;
}

static int take_members(const struct json *map, struct pairing_state *s)
{
	const char *mac = json_word(json_member(map, "mac"));
	int64_t version = json_whole(json_member(map, "pairing"));
	int64_t port = json_whole(json_member(map, "port"));
	uint8_t id[PAIRING_ID_SIZE];

	if (version < 1)
		return -EINVAL;
	if (version > VERSION)
		return -EPROTONOSUPPORT;
	if (port < 1 || port > 65535 || !mac || mac_parse(mac, &s->mac) < 0 ||
	    mac_is_zero(&s->mac) || mac_is_group(&s->mac))
		return -EINVAL;
	s->port = (uint16_t)port;
	if (take_bytes(map, "id", id, sizeof(id)) < 0 ||
	    take_bytes(map, "key", s->key, sizeof(s->key)) < 0 ||
	    take_word(map, "guard", s->guard, sizeof(s->guard)) < 0 ||
	    take_word(map, "interface", s->interface, sizeof(s->interface)) < 0)
		return -EINVAL;
	b64_encode(id, sizeof(id), s->id);
	return take_name(map, s->name);
}

int pairing_state_read(const char *text, size_t n, struct pairing_state *ret)
{
	char problem[JSON_PROBLEM];
	struct pairing_state s = { .port = 0 };
	struct json *root;
	int error;

	if (n > PAIRING_STATE_MAX)
		return -EINVAL;
	error = json_read(text, n, &root, problem);
	if (error < 0)
		return error;
	error = take_members(root, &s);
	json_drop(root);
	if (error == 0)
		*ret = s;
	keys_wipe(&s, sizeof(s));
	return error;
}

static void put_word(struct json_writer *w, const char *key, const char *word)
{
	json_write_key(w, key);
	json_write_word(w, word);
}

int pairing_state_write(const struct pairing_state *s, char *to, size_t size)
{
	struct json_writer w = json_writer_over(to, size);
	char key[B64_TEXT(PAIRING_KEY_SIZE)];
	char mac[MAC_TEXT];

	json_write_open(&w, '{');
	json_write_key(&w, "pairing");
	json_write_u64(&w, VERSION);
	put_word(&w, "id", s->id);
	put_word(&w, "key", b64_encode(s->key, sizeof(s->key), key));
	put_word(&w, "guard", s->guard);
	json_write_key(&w, "port");
	json_write_u64(&w, s->port);
	put_word(&w, "mac", mac_format(&s->mac, mac));
	put_word(&w, "name", s->name);
	put_word(&w, "interface", s->interface);
	json_write_close(&w, '}');
	text_char(&w.out, '\n');
	keys_wipe(key, sizeof(key));
	return w.out.cut ? -ENOSPC : (int)w.out.used;
}
