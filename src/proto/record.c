#include "proto/record.h"

#include "base/bytes.h"
#include "base/text.h"
#include "proto/record_fields.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define CRC_TEXT 8 /* hex digits */
#define AT(member) offsetof(struct record, member)
#define VALUE_MAX 288 /* bytes of a value that somebody here understands, with a NUL */

/* CRC-32 (IEEE 802.3, reflected), a nibble at a time: 64 bytes of table are enough for lines. */
uint32_t record_checksum(const char *bytes, size_t n)
{
	static const uint32_t table[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
					    0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
					    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
					    0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
	uint32_t crc = ~0U;

	for (size_t i = 0; i < n; i++) {
		crc ^= (uint8_t)bytes[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

/* --- writing --- */

static bool is_zero(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	while (n--) {
		if (*p++)
			return false;
	}
	return true;
}

static void put_key(struct text *t, const char *key)
{
	text_char(t, ' ');
	text_string(t, key);
	text_char(t, '=');
}

/* The fields between the offsets `from` and `to` of a record, of which the caller has that part only. */
static void put_fields(struct text *t, const struct record_field *f, size_t from, size_t to,
		       const void *part)
{
	for (; f->key; f++) {
		const char *field;

		if (f->offset < from || f->offset >= to)
			continue;
		field = (const char *)part + (f->offset - from);
		if (is_zero(field, f->form->size))
			continue;
		put_key(t, f->key);
		f->form->put(t, field);
	}
}

static struct text start(char to[static RECORD_MAX], enum record_kind what)
{
	struct text t = text_over(to, RECORD_MAX);

	text_string(&t, "00000000 ");
	text_string(&t, record_verbs[what].name);
	return t;
}

static size_t finish(struct text *t)
{
	char crc[CRC_TEXT + 1];
	struct text c = text_over(crc, sizeof(crc));

	text_hex(&c, record_checksum(t->start + CRC_TEXT + 1, t->used - CRC_TEXT - 1), CRC_TEXT);
	memcpy(t->start, crc, CRC_TEXT);
	text_char(t, '\n');
	/* The longest machine needs less: its limits are in base/spec.h. */
	assert(!t->cut);
	return t->used;
}

static void put_id(struct text *t, uint32_t id)
{
	put_key(t, "id");
	text_u64(t, id);
}

static void put_rules(struct text *t, const struct spec *s)
{
	char said[RULE_TEXT];

	for (uint16_t i = 0; i < s->rules_n; i++) {
		put_key(t, "wake-on");
		text_string(t, rule_format(&s->rules[i], said));
		if (s->rules[i].address == SPEC_ANY_ADDRESS)
			continue;
		text_char(t, '@');
		text_u64(t, s->rules[i].address);
	}
}

static void put_sources(struct text *t, const char *key, const struct source *sources, uint16_t n)
{
	char said[PREFIX_TEXT];

	for (uint16_t i = 0; i < n; i++) {
		put_key(t, key);
		text_string(t, source_format(&sources[i], said));
	}
}

size_t record_machine(uint32_t id, const struct spec *s, char to[static RECORD_MAX])
{
	struct text t = start(to, RECORD_MACHINE);
	char said[ADDR_TEXT];

	put_id(&t, id);
	put_fields(&t, record_verbs[RECORD_MACHINE].fields, AT(spec), AT(spec) + sizeof(*s), s);
	for (uint16_t i = 0; i < s->addresses_n; i++) {
		put_key(&t, "address");
		text_string(&t, addr_format(&s->addresses[i], said));
	}
	put_rules(&t, s);
	put_sources(&t, "from", s->from, s->from_n);
	put_sources(&t, "ignore-from", s->ignore, s->ignore_n);
	return finish(&t);
}

size_t record_gone(uint32_t id, char to[static RECORD_MAX])
{
	struct text t = start(to, RECORD_GONE);

	put_id(&t, id);
	return finish(&t);
}

size_t record_past(uint32_t id, const struct machine_past *p, char to[static RECORD_MAX])
{
	struct text t = start(to, RECORD_PAST);

	put_id(&t, id);
	put_fields(&t, record_verbs[RECORD_PAST].fields, AT(past), AT(past) + sizeof(*p), p);
	return finish(&t);
}

size_t record_event(const struct event *e, char to[static RECORD_MAX])
{
	struct text t = start(to, RECORD_EVENT);

	put_fields(&t, record_verbs[RECORD_EVENT].fields, AT(event), AT(event) + sizeof(*e), e);
	return finish(&t);
}

size_t record_grant(const struct grant *g, char to[static RECORD_MAX])
{
	struct text t = start(to, RECORD_GRANT);

	put_fields(&t, record_verbs[RECORD_GRANT].fields, AT(grant), AT(grant) + sizeof(*g), g);
	for (uint16_t i = 0; i < g->machines_n; i++) {
		put_key(&t, "machine");
		text_u64(&t, g->machines[i]);
	}
	return finish(&t);
}

size_t record_revoked(const char *id, char to[static RECORD_MAX])
{
	struct text t = start(to, RECORD_REVOKED);

	put_key(&t, "id");
	text_string(&t, id);
	return finish(&t);
}

size_t record_relay(const struct relay_joined *r, char to[static RECORD_MAX])
{
	struct text t = start(to, RECORD_RELAY);

	put_fields(&t, record_verbs[RECORD_RELAY].fields, AT(relay), AT(relay) + sizeof(*r), r);
	return finish(&t);
}

size_t record_paired(const struct pairing *p, char to[static RECORD_MAX])
{
	struct text t = start(to, RECORD_PAIRED);

	put_fields(&t, record_verbs[RECORD_PAIRED].fields, AT(pairing), AT(pairing) + sizeof(*p),
		   p);
	return finish(&t);
}

size_t record_unpaired(const char *id, char to[static RECORD_MAX])
{
	struct text t = start(to, RECORD_UNPAIRED);

	put_key(&t, "id");
	text_string(&t, id);
	return finish(&t);
}

size_t record_ids(uint32_t next_machine, uint64_t next_event, char to[static RECORD_MAX])
{
	struct text t = start(to, RECORD_IDS);

	put_key(&t, "next-machine");
	text_u64(&t, next_machine);
	put_key(&t, "next-event");
	text_u64(&t, next_event);
	return finish(&t);
}

/* --- reading --- */

static int get_index(const char *text, uint64_t most, uint64_t *ret_v)
{
	return text_parse_u64(text, most, ret_v) < 0 ? -EBADMSG : 0;
}

/* The bytes up to the next blank or the end. */
static struct cursor take_token(struct cursor *c)
{
	const uint8_t *blank = c->left ? memchr(c->at, ' ', c->left) : NULL;
	struct cursor token = cursor_sub(c, blank ? (size_t)(blank - c->at) : c->left);

	if (blank)
		cursor_skip(c, 1);
	return token;
}

static int unescape(struct cursor c, char to[static VALUE_MAX])
{
	size_t n = 0;

	while (c.left > 0) {
		uint8_t b = cursor_u8(&c);

		if (b == '%') {
			int high = text_hex_digit((char)cursor_u8(&c));
			int low = text_hex_digit((char)cursor_u8(&c));

			if (c.failed || high < 0 || low < 0)
				return -EBADMSG;
			b = (uint8_t)(high << 4 | low);
		}
		if (b == 0 || n == VALUE_MAX - 1)
			return -EBADMSG;
		to[n++] = (char)b;
	}
	to[n] = 0;
	return 0;
}

static bool token_is(const struct cursor *token, const char *text)
{
	size_t n = strlen(text);

	return token->left == n && memcmp(token->at, text, n) == 0;
}

static int get_rule(char *value, struct spec *s)
{
	char *at = strchr(value, '@');
	struct rule r;
	uint64_t index = SPEC_ANY_ADDRESS;

	if (at) {
		*at = 0;
		if (get_index(at + 1, SPEC_ADDRESSES_MAX - 1, &index) < 0)
			return -EBADMSG;
	}
	if (s->rules_n == SPEC_RULES_MAX || rule_parse(value, &r) < 0)
		return -EBADMSG;
	r.address = (uint8_t)index;
	s->rules[s->rules_n++] = r;
	return 0;
}

static int get_source(const char *value, struct source sources[static SPEC_SOURCES_MAX],
		      uint16_t *n)
{
	struct source s;

	if (*n == SPEC_SOURCES_MAX || source_parse(value, &s) < 0)
		return -EBADMSG;
	sources[(*n)++] = s;
	return 0;
}

static int get_address(const char *value, struct spec *s)
{
	struct addr a;

	if (addr_parse(value, &a) < 0 || spec_add_address(s, &a) < 0)
		return -EBADMSG;
	return 0;
}

/* The lists of a machine; keys that are none of them are a newer version's. */
static int get_listed(const struct cursor *key, struct cursor raw, struct spec *s)
{
	static const char *const lists[] = { "address", "wake-on", "from", "ignore-from" };
	char value[VALUE_MAX];
	size_t which = 0;

	while (which < 4 && !token_is(key, lists[which]))
		which++;
	if (which == 4)
		return 0;
	if (unescape(raw, value) < 0)
		return -EBADMSG;
	if (which == 0)
		return get_address(value, s);
	if (which == 1)
		return get_rule(value, s);
	return which == 2 ? get_source(value, s->from, &s->from_n)
			  : get_source(value, s->ignore, &s->ignore_n);
}

/* The machines of a grant. */
static int get_granted(const struct cursor *key, struct cursor raw, struct grant *g)
{
	char value[VALUE_MAX];
	uint64_t id;

	if (!token_is(key, "machine"))
		return 0;
	if (g->machines_n == GRANT_MACHINES_MAX || unescape(raw, value) < 0 ||
	    get_index(value, UINT32_MAX, &id) < 0)
		return -EBADMSG;
	g->machines[g->machines_n++] = (uint32_t)id;
	return 0;
}

static int get_field(struct cursor token, struct record *r)
{
	const uint8_t *equals = token.left ? memchr(token.at, '=', token.left) : NULL;
	struct cursor key;
	char value[VALUE_MAX];

	if (!equals)
		return -EBADMSG;
	key = cursor_sub(&token, (size_t)(equals - token.at));
	cursor_skip(&token, 1);
	for (const struct record_field *f = record_verbs[r->kind].fields; f->key; f++) {
		if (!token_is(&key, f->key))
			continue;
		if (unescape(token, value) < 0)
			return -EBADMSG;
		return f->form->get(value, (char *)r + f->offset);
	}
	if (r->kind == RECORD_GRANT)
		return get_granted(&key, token, &r->grant);
	return r->kind == RECORD_MACHINE ? get_listed(&key, token, &r->spec) : 0;
}

bool pairing_sane(const struct pairing *p)
{
	uint8_t id[PAIRING_ID_SIZE];

	return memchr(p->id, 0, sizeof(p->id)) &&
	       b64_decode(p->id, strlen(p->id), id, sizeof(id)) == 0 && !mac_is_zero(&p->mac) &&
	       !mac_is_group(&p->mac) && memchr(p->name, 0, sizeof(p->name)) &&
	       spec_name_valid(p->name, strlen(p->name));
}

/* Whole, and within the bounds of its kind. */
static bool record_sane(const struct record *r)
{
	switch (r->kind) {
	case RECORD_MACHINE:
		return r->id && !mac_is_zero(&r->spec.mac) && spec_sane(&r->spec);
	case RECORD_GONE:
		return r->id != 0;
	case RECORD_PAST:
		return r->id && machine_past_sane(&r->past);
	case RECORD_EVENT:
		return r->event.id && event_sane(&r->event);
	case RECORD_GRANT:
		return grant_sane(&r->grant);
	case RECORD_REVOKED:
		return r->grant.id[0] != 0;
	case RECORD_PAIRED:
		return pairing_sane(&r->pairing) && !is_zero(r->pairing.key, PAIRING_KEY_SIZE);
	case RECORD_UNPAIRED:
		return r->pairing.id[0] != 0;
	case RECORD_RELAY:
	case RECORD_IDS:
		return true;
	case RECORD_KINDS:
		break;
	}
	return false;
}

static bool crc_right(struct cursor *c)
{
	struct cursor said = take_token(c);
	uint32_t crc = 0;

	if (said.left != CRC_TEXT)
		return false;
	while (said.left > 0) {
		int digit = text_hex_digit((char)cursor_u8(&said));

		if (digit < 0)
			return false;
		crc = crc << 4 | (uint32_t)digit;
	}
	return c->left > 0 && crc == record_checksum((const char *)c->at, c->left);
}

int record_decode(const char *line, size_t n, struct record *ret_record)
{
	struct cursor c = cursor_over(line, n);
	struct record r;
	struct cursor verb;
	bool strange = false;

	memset(&r, 0, sizeof(r));
	if (!crc_right(&c))
		return -EBADMSG;
	verb = take_token(&c);
	while (r.kind < RECORD_KINDS && !token_is(&verb, record_verbs[r.kind].name))
		r.kind++;
	if (r.kind == RECORD_KINDS)
		return RECORD_STRANGE;
	while (c.left > 0) {
		int result = get_field(take_token(&c), &r);

		if (result < 0)
			return result;
		strange |= result == RECORD_STRANGE;
	}
	/* A machine, or a grant, that is understood in part would be woken for the wrong reasons: better to say so. */
	if (strange)
		return r.kind == RECORD_MACHINE || r.kind == RECORD_GRANT ? -EBADMSG
									  : RECORD_STRANGE;
	if (!record_sane(&r))
		return -EBADMSG;
	*ret_record = r;
	return 0;
}
