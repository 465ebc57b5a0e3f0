/* The openings of lease.h: the first objects of a connection, in the clear. */
#include "proto/json_pick.h"
#include "proto/keys.h"
#include "proto/lease.h"
#include "proto/lease_parts.h"
#include "proto/spec_json.h"

#include <errno.h>
#include <string.h>

bool lease_is_ours(const char *json, size_t n)
{
	struct json_pick rouse = { .key = "rouse" };

	return json_pick((struct slice){ json, n }, &rouse, 1) == 0 && rouse.value.at;
}

/* The text of a pairing's id, in its only spelling. */
static int get_id(const struct json *map, const char *key, char to[static PAIRING_ID_TEXT])
{
	uint8_t id[PAIRING_ID_SIZE];

	if (lease_get_b64(map, key, id, sizeof(id)) < 0)
		return -EINVAL;
	b64_encode(id, sizeof(id), to);
	return 0;
}

/* Name and MAC are mixed with the code as text: there must be one spelling of them. */
static int read_open_pair(const struct json *map, struct lease_opening *o)
{
	const char *mac = json_word(json_member(map, "mac"));
	const char *name = json_word(json_member(map, "name"));
	char spelling[MAC_TEXT];
	struct spec s;

	if (!mac || !name || spec_json_put_mac(&s, mac) || spec_json_put_name(&s, name) ||
	    strcmp(mac_format(&s.mac, spelling), mac) != 0)
		return -EINVAL;
	o->about.mac = s.mac;
	memcpy(o->about.name, name, strlen(name) + 1);
	if (lease_get_b64(map, "session", o->about.session, sizeof(o->about.session)) < 0)
		return -EINVAL;
	return lease_get_b64(map, "share", o->share, sizeof(o->share));
}

static int read_pair(const struct json *map, struct lease_opening *o)
{
	if (!json_member(map, "share")) {
		o->kind = LEASE_PAIR_TAG;
		return lease_get_b64(map, "tag", o->tag, sizeof(o->tag));
	}
	o->kind = LEASE_PAIR_SHARE;
	if (get_id(map, "id", o->id) < 0 ||
	    lease_get_b64(map, "share", o->share, sizeof(o->share)) < 0)
		return -EINVAL;
	return lease_get_b64(map, "tag", o->tag, sizeof(o->tag));
}

static int read_error(const struct json *root, struct lease_opening *o)
{
	const char *word = json_word(json_member(root, "error"));
	size_t n = word ? strlen(word) : 0;

	o->kind = LEASE_ERROR;
	if (n == 0 || n >= sizeof(o->word) || strspn(word, "abcdefghijklmnopqrstuvwxyz-") != n)
		return -EINVAL;
	memcpy(o->word, word, n + 1);
	lease_get_text(root, "text", o->text);
	return 0;
}

/* The first of a connection: it says the version. */
static int read_first(const struct json *root, struct lease_opening *o)
{
	const struct json *version = json_member(root, "rouse");
	const struct json *pair = json_member(root, "pair");
	const struct json *lease = json_member(root, "lease");

	if (json_kind_of(version) != JSON_KIND_WHOLE)
		return -EINVAL;
	if (json_whole(version) != 1)
		return -EPROTONOSUPPORT;
	if (!pair == !lease)
		return -EINVAL;
	o->kind = pair ? LEASE_OPEN_PAIR : LEASE_OPEN_LEASE;
	if (pair)
		return read_open_pair(pair, o);
	if (get_id(lease, "pairing", o->id) < 0)
		return -EINVAL;
	return lease_get_b64(lease, "nonce", o->nonce, sizeof(o->nonce));
}

static int read_root(const struct json *root, struct lease_opening *o)
{
	const struct json *pair = json_member(root, "pair");
	const struct json *lease = json_member(root, "lease");

	if (json_member(root, "error"))
		return read_error(root, o);
	if (json_member(root, "rouse"))
		return read_first(root, o);
	if (!!pair + !!lease + !!json_member(root, "paired") != 1)
		return -EINVAL;
	if (pair)
		return read_pair(pair, o);
	o->kind = lease ? LEASE_OPENED : LEASE_PAIRED;
	return lease ? lease_get_b64(lease, "nonce", o->nonce, sizeof(o->nonce))
		     : get_id(root, "paired", o->id);
}

int lease_opening_read(const char *json, size_t n, struct lease_opening *ret)
{
	struct lease_opening o = { .kind = LEASE_ERROR };
	char problem[JSON_PROBLEM];
	struct json *root;
	int r;

	if (n >= LEASE_LINE_MAX)
		return -EINVAL;
	r = json_read(json, n, &root, problem);
	if (r < 0)
		return r;
	r = read_root(root, &o);
	json_drop(root);
	if (r == 0)
		*ret = o;
	return r;
}

/* --- writing --- */

static void write_open_pair(struct json_writer *w, const struct lease_opening *o)
{
	char mac[MAC_TEXT];

	lease_put_b64(w, "session", o->about.session, sizeof(o->about.session));
	lease_put_b64(w, "share", o->share, sizeof(o->share));
	lease_put_word(w, "mac", mac_format(&o->about.mac, mac));
	lease_put_word(w, "name", o->about.name);
}

static void write_open_lease(struct json_writer *w, const struct lease_opening *o)
{
	lease_put_word(w, "pairing", o->id);
	lease_put_b64(w, "nonce", o->nonce, sizeof(o->nonce));
}

static void write_share(struct json_writer *w, const struct lease_opening *o)
{
	lease_put_word(w, "id", o->id);
	lease_put_b64(w, "share", o->share, sizeof(o->share));
	lease_put_b64(w, "tag", o->tag, sizeof(o->tag));
}

static void write_tag(struct json_writer *w, const struct lease_opening *o)
{
	lease_put_b64(w, "tag", o->tag, sizeof(o->tag));
}

static void write_nonce(struct json_writer *w, const struct lease_opening *o)
{
	lease_put_b64(w, "nonce", o->nonce, sizeof(o->nonce));
}

static const struct {
	bool first;
	const char *member; /* an object with what `write` says; NULL: no object */
	void (*write)(struct json_writer *w, const struct lease_opening *o);
} forms[LEASE_OPENINGS] = {
	[LEASE_OPEN_PAIR] = { true, "pair", write_open_pair },
	[LEASE_OPEN_LEASE] = { true, "lease", write_open_lease },
	[LEASE_PAIR_SHARE] = { false, "pair", write_share },
	[LEASE_PAIR_TAG] = { false, "pair", write_tag },
	[LEASE_PAIRED] = { false, NULL, NULL },
	[LEASE_OPENED] = { false, "lease", write_nonce },
	[LEASE_ERROR] = { false, NULL, NULL },
};

int lease_opening_write(const struct lease_opening *o, char *to, size_t size)
{
	struct json_writer w = json_writer_over(to, size);

	json_write_open(&w, '{');
	if (forms[o->kind].first)
		lease_put_u64(&w, "rouse", 1);
	if (forms[o->kind].member) {
		json_write_key(&w, forms[o->kind].member);
		json_write_open(&w, '{');
		forms[o->kind].write(&w, o);
		json_write_close(&w, '}');
	} else if (o->kind == LEASE_PAIRED) {
		lease_put_word(&w, "paired", o->id);
	} else {
		lease_put_word(&w, "error", o->word);
		lease_put_word(&w, "text", o->text);
	}
	json_write_close(&w, '}');
	text_char(&w.out, '\n');
	return w.out.cut ? -ENOSPC : (int)w.out.used;
}
