#include "proto/sealed.h"

#include "base/bytes.h"
#include "proto/keys.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define VERSION "1"

/* --- what is authenticated --- */

static void put_number(struct writer *w, uint64_t v)
{
	char bytes[24];
	struct text t = text_over(bytes, sizeof(bytes));

	text_u64(&t, v);
	relay_part_text(w, bytes);
}

size_t sealed_request_signed(const struct sealed_request *r, uint8_t to[static SEALED_SIGNED_MAX])
{
	struct writer w = writer_over(to, SEALED_SIGNED_MAX);
	const char *const parts[] = { "rouse-request-v1", VERSION, r->home,	 r->grant, r->verb,
				      r->machine,	  r->args, r->challenge, r->nonce };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		relay_part_text(&w, parts[i]);
	assert(!w.failed);
	return w.used;
}

size_t sealed_answer_signed(const char *home, const char *grant, const struct sealed_answer *a,
			    uint8_t to[static SEALED_SIGNED_MAX])
{
	struct writer w = writer_over(to, SEALED_SIGNED_MAX);

	relay_part_text(&w, "rouse-answer-v1");
	relay_part_text(&w, home);
	relay_part_text(&w, grant);
	relay_part_text(&w, a->nonce);
	put_number(&w, a->seq);
	relay_part_text(&w, a->body);
	assert(!w.failed);
	return w.used;
}

static void request_mac(const struct sealed_request *r, const uint8_t key[static RELAY_KEY_SIZE],
			uint8_t ret_mac[static RELAY_KEY_SIZE])
{
	uint8_t bytes[SEALED_SIGNED_MAX];

	keys_hmac(key, bytes, sealed_request_signed(r, bytes), ret_mac);
}

static void answer_mac(const char *home, const char *grant, const struct sealed_answer *a,
		       const uint8_t key[static RELAY_KEY_SIZE],
		       uint8_t ret_mac[static RELAY_KEY_SIZE])
{
	uint8_t bytes[SEALED_SIGNED_MAX];

	keys_hmac(key, bytes, sealed_answer_signed(home, grant, a, bytes), ret_mac);
}

void sealed_request_seal(struct sealed_request *r, const uint8_t key[static RELAY_KEY_SIZE])
{
	request_mac(r, key, r->mac);
}

bool sealed_request_authentic(const struct sealed_request *r,
			      const uint8_t key[static RELAY_KEY_SIZE])
{
	uint8_t mac[RELAY_KEY_SIZE];

	request_mac(r, key, mac);
	return bytes_equal_secret(mac, r->mac, sizeof(mac));
}

void sealed_answer_seal(const char *home, const char *grant, struct sealed_answer *a,
			const uint8_t key[static RELAY_KEY_SIZE])
{
	answer_mac(home, grant, a, key, a->mac);
}

bool sealed_answer_authentic(const char *home, const char *grant, const struct sealed_answer *a,
			     const uint8_t key[static RELAY_KEY_SIZE])
{
	uint8_t mac[RELAY_KEY_SIZE];

	answer_mac(home, grant, a, key, mac);
	return bytes_equal_secret(mac, a->mac, sizeof(mac));
}

/* --- JSON --- */

/* A string of less than `size` bytes. */
static bool get_text(const struct json *map, const char *key, char *to, size_t size)
{
	const char *word = json_word(json_member(map, key));
	size_t n = word ? strlen(word) : 0;

	if (!word || n >= size)
		return false;
	memcpy(to, word, n + 1);
	return true;
}

/* The text of n bytes in base64url, in its only spelling. */
static bool get_b64_text(const struct json *map, const char *key, size_t n, char *to)
{
	uint8_t bytes[RELAY_KEY_SIZE];

	assert(n <= sizeof(bytes));
	return get_text(map, key, to, B64_TEXT(n)) && b64_decode(to, strlen(to), bytes, n) == 0;
}

static bool get_mac(const struct json *map, uint8_t to[static RELAY_KEY_SIZE])
{
	const char *word = json_word(json_member(map, "mac"));

	return word && b64_decode(word, strlen(word), to, RELAY_KEY_SIZE) == 0;
}

static bool get_version(const struct json *map)
{
	const struct json *v = json_member(map, "v");

	return json_kind_of(v) == JSON_KIND_WHOLE && json_whole(v) == 1;
}

int sealed_request_read(const struct json *v, struct sealed_request *ret)
{
	struct sealed_request r = { .args = "" };

	if (!get_version(v) || !get_b64_text(v, "home", RELAY_HOME_SIZE, r.home) ||
	    !get_b64_text(v, "grant", RELAY_GRANT_SIZE, r.grant) ||
	    !get_text(v, "verb", r.verb, sizeof(r.verb)) ||
	    !get_text(v, "machine", r.machine, sizeof(r.machine)) ||
	    !get_text(v, "args", r.args, sizeof(r.args)) ||
	    !get_b64_text(v, "challenge", RELAY_NONCE_SIZE, r.challenge) ||
	    !get_b64_text(v, "nonce", RELAY_NONCE_SIZE, r.nonce) || !get_mac(v, r.mac))
		return -EINVAL;
	*ret = r;
	return 0;
}

int sealed_answer_read(const struct json *v, struct sealed_answer *ret)
{
	const struct json *seq = json_member(v, "seq");
	struct sealed_answer a = { .seq = 0 };

	if (!get_version(v) || !get_b64_text(v, "nonce", RELAY_NONCE_SIZE, a.nonce) ||
	    json_kind_of(seq) != JSON_KIND_WHOLE || json_whole(seq) < 0 ||
	    json_whole(seq) > INT32_MAX || !get_text(v, "body", a.body, sizeof(a.body)) ||
	    !get_mac(v, a.mac))
		return -EINVAL;
	a.seq = (uint32_t)json_whole(seq);
	*ret = a;
	return 0;
}

static void put_word(struct json_writer *w, const char *key, const char *word)
{
	json_write_key(w, key);
	json_write_word(w, word);
}

static void put_mac(struct json_writer *w, const uint8_t mac[static RELAY_KEY_SIZE])
{
	char text[RELAY_KEY_TEXT];

	put_word(w, "mac", b64_encode(mac, RELAY_KEY_SIZE, text));
}

void sealed_request_write(struct json_writer *w, const struct sealed_request *r)
{
	json_write_open(w, '{');
	json_write_key(w, "v");
	json_write_u64(w, 1);
	put_word(w, "home", r->home);
	put_word(w, "grant", r->grant);
	put_word(w, "verb", r->verb);
	put_word(w, "machine", r->machine);
	put_word(w, "args", r->args);
	put_word(w, "challenge", r->challenge);
	put_word(w, "nonce", r->nonce);
	put_mac(w, r->mac);
	json_write_close(w, '}');
}

void sealed_answer_write(struct json_writer *w, const struct sealed_answer *a)
{
	json_write_open(w, '{');
	json_write_key(w, "v");
	json_write_u64(w, 1);
	put_word(w, "nonce", a->nonce);
	json_write_key(w, "seq");
	json_write_u64(w, a->seq);
	put_word(w, "body", a->body);
	put_mac(w, a->mac);
	json_write_close(w, '}');
}

static bool ends(const char *text, size_t n)
{
	return memchr(text, 0, n) != NULL;
}

bool sealed_request_sane(const struct sealed_request *r)
{
	return ends(r->home, sizeof(r->home)) && ends(r->grant, sizeof(r->grant)) &&
	       ends(r->verb, sizeof(r->verb)) && ends(r->machine, sizeof(r->machine)) &&
	       ends(r->args, sizeof(r->args)) && ends(r->challenge, sizeof(r->challenge)) &&
	       ends(r->nonce, sizeof(r->nonce));
}

bool sealed_answer_sane(const struct sealed_answer *a)
{
	return ends(a->nonce, sizeof(a->nonce)) && ends(a->body, sizeof(a->body));
}
