#include "proto/record_fields.h"

#include <errno.h>
#include <string.h>

static void put_u8(struct text *t, const void *field)
{
	text_u64(t, *(const uint8_t *)field);
}

static void put_u16(struct text *t, const void *field)
{
	text_u64(t, *(const uint16_t *)field);
}

static void put_u32(struct text *t, const void *field)
{
	text_u64(t, *(const uint32_t *)field);
}

static void put_u64(struct text *t, const void *field)
{
	text_u64(t, *(const uint64_t *)field);
}

static int get_number(const char *value, uint64_t most, uint64_t *ret_v)
{
	return text_parse_u64(value, most, ret_v) < 0 ? -EBADMSG : 0;
}

static int get_u8(const char *value, void *field)
{
	uint64_t v;
	int r = get_number(value, UINT8_MAX, &v);

	if (r == 0)
		*(uint8_t *)field = (uint8_t)v;
	return r;
}

static int get_u16(const char *value, void *field)
{
	uint64_t v;
	int r = get_number(value, UINT16_MAX, &v);

	if (r == 0)
		*(uint16_t *)field = (uint16_t)v;
	return r;
}

static int get_u32(const char *value, void *field)
{
	uint64_t v;
	int r = get_number(value, UINT32_MAX, &v);

	if (r == 0)
		*(uint32_t *)field = (uint32_t)v;
	return r;
}

static int get_u64(const char *value, void *field)
{
	return get_number(value, UINT64_MAX, field);
}

static void put_mac(struct text *t, const void *field)
{
	char said[MAC_TEXT];

	text_string(t, mac_format(field, said));
}

static int get_mac(const char *value, void *field)
{
	return mac_parse(value, field) < 0 ? -EBADMSG : 0;
}

static void put_addr(struct text *t, const void *field)
{
	char said[ADDR_TEXT];

	text_string(t, addr_format(field, said));
}

static int get_addr(const char *value, void *field)
{
	return addr_parse(value, field) < 0 ? -EBADMSG : 0;
}

static void put_secureon(struct text *t, const void *field)
{
	char said[SECUREON_TEXT];

	text_string(t, secureon_format(field, said));
}

static int get_secureon(const char *value, void *field)
{
	return secureon_parse(value, field) < 0 ? -EBADMSG : 0;
}

/* Blanks separate, '%' escapes, control characters would end lines. */
static void put_string(struct text *t, const void *field)
{
	for (const char *s = field; *s; s++) {
		uint8_t c = (uint8_t)*s;

		if (c > ' ' && c != '%' && c != 0x7f) {
			text_char(t, *s);
		} else {
			text_char(t, '%');
			text_hex(t, c, 2);
		}
	}
}

static int get_name(const char *value, void *field)
{
	size_t n = strlen(value);

	if (!spec_name_valid(value, n))
		return -EBADMSG;
	memcpy(field, value, n + 1);
	return 0;
}

static int get_interface(const char *value, void *field)
{
	size_t n = strlen(value);

	if (n >= sizeof(((struct spec *)0)->interface))
		return -EBADMSG;
	memcpy(field, value, n + 1);
	return 0;
}

/* Enumerations by name; a value of 0 is not written, so its name only matters for reading. */
static const char *state_word(unsigned int v)
{
	return v < MACHINE_STATES ? machine_state_name(v) : NULL;
}

static const char *by_word(unsigned int v)
{
	return v < BY_KINDS ? wake_by_name(v) : NULL;
}

static const char *kind_word(unsigned int v)
{
	return v < EVENT_KINDS ? event_kind_name(v) : NULL;
}

static const char *origin_word(unsigned int v)
{
	return v < SPEC_ORIGINS ? spec_origin_name(v) : NULL;
}

/* knock_kind_name() says tcp for both. */
static const char *knock_word(unsigned int v)
{
	static const char *const words[KNOCK_KINDS] = { "none", "tcp", "tcp-data", "udp", "echo" };

	return v < KNOCK_KINDS ? words[v] : NULL;
}

static int get_word(const char *value, const char *(*word)(unsigned int v), void *field)
{
	for (uint8_t v = 0; word(v); v++) {
		if (strcmp(word(v), value) == 0) {
			*(uint8_t *)field = v;
			return 0;
		}
	}
	return RECORD_STRANGE;
}

#define WORD_FORM(what)                                               \
	static void put_##what(struct text *t, const void *field)     \
	{                                                             \
		text_string(t, what##_word(*(const uint8_t *)field)); \
	}                                                             \
	static int get_##what(const char *value, void *field)         \
	{                                                             \
		return get_word(value, what##_word, field);           \
	}

WORD_FORM(state)
WORD_FORM(by)
WORD_FORM(kind)
WORD_FORM(origin)
WORD_FORM(knock)

static const char *grant_word(unsigned int v)
{
	return v < RELAY_GRANT_KINDS ? grant_kind_name(v) : NULL;
}

WORD_FORM(grant)

/* Keys, in hex. */
static void put_hex(struct text *t, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		text_hex(t, bytes[i], 2);
}

static int get_hex(const char *value, uint8_t *to, size_t n)
{
	if (strlen(value) != 2 * n)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		int high = text_hex_digit(value[2 * i]);
		int low = text_hex_digit(value[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EBADMSG;
		to[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static void put_key(struct text *t, const void *field)
{
	put_hex(t, field, RELAY_KEY_SIZE);
}

static int get_key(const char *value, void *field)
{
	return get_hex(value, field, RELAY_KEY_SIZE);
}

static void put_salt(struct text *t, const void *field)
{
	put_hex(t, field, RELAY_NONCE_SIZE);
}

static int get_salt(const char *value, void *field)
{
	return get_hex(value, field, RELAY_NONCE_SIZE);
}

static int get_grant_id(const char *value, void *field)
{
	if (strlen(value) != RELAY_GRANT_TEXT - 1)
		return -EBADMSG;
	memcpy(field, value, RELAY_GRANT_TEXT);
	return 0;
}

static int get_relay_origin(const char *value, void *field)
{
	size_t n = strlen(value);

	if (n > RELAY_ORIGIN_MAX)
		return -EBADMSG;
	memcpy(field, value, n + 1);
	return 0;
}

static const struct record_form u8 = { 1, put_u8, get_u8 };
static const struct record_form u16 = { 2, put_u16, get_u16 };
static const struct record_form u32 = { 4, put_u32, get_u32 };
static const struct record_form u64 = { 8, put_u64, get_u64 };
static const struct record_form mac = { sizeof(struct mac), put_mac, get_mac };
static const struct record_form address = { sizeof(struct addr), put_addr, get_addr };
static const struct record_form secureon = { sizeof(struct secureon), put_secureon, get_secureon };
static const struct record_form name = { 1, put_string, get_name };
static const struct record_form interface = { 1, put_string, get_interface };
static const struct record_form state = { 1, put_state, get_state };
static const struct record_form by = { 1, put_by, get_by };
static const struct record_form kind = { 1, put_kind, get_kind };
static const struct record_form origin = { 1, put_origin, get_origin };
static const struct record_form knock = { 1, put_knock, get_knock };

static const struct record_form key = { RELAY_KEY_SIZE, put_key, get_key };
static const struct record_form salt = { RELAY_NONCE_SIZE, put_salt, get_salt };
static const struct record_form grant_id = { 1, put_string, get_grant_id };
static const struct record_form grant_kind = { 1, put_grant, get_grant };
static const struct record_form origin_text = { 1, put_string, get_relay_origin };

/* --- the fields of each record --- */

#define AT(member) offsetof(struct record, member)

static const struct record_field machine_fields[] = {
	{ "id", &u32, AT(id) },
	{ "name", &name, AT(spec.name) },
	{ "mac", &mac, AT(spec.mac) },
	{ "origin", &origin, AT(spec.origin) },
	{ "line", &u32, AT(spec.line) },
	{ "watts", &u16, AT(spec.watts) },
	{ "interface", &interface, AT(spec.interface) },
	{ "secureon", &secureon, AT(spec.secureon) },
	{ NULL, NULL, 0 },
};

static const struct record_field gone_fields[] = {
	{ "id", &u32, AT(id) },
	{ NULL, NULL, 0 },
};

static const struct record_field past_fields[] = {
	{ "id", &u32, AT(id) },
	{ "state", &state, AT(past.state) },
	{ "since", &u64, AT(past.since_wall_ms) },
	{ "nic-answers", &u8, AT(past.nic_answers) },
	{ "by", &by, AT(past.last_wake.by) },
	{ "knock", &knock, AT(past.last_wake.knock) },
	{ "from", &address, AT(past.last_wake.from) },
	{ "from-port", &u16, AT(past.last_wake.from_port) },
	{ "to", &address, AT(past.last_wake.to) },
	{ "to-port", &u16, AT(past.last_wake.to_port) },
	{ "at", &u64, AT(past.last_wake.at_wall_ms) },
	{ "attempts", &u16, AT(past.last_wake.attempts) },
	{ "awake-us", &u64, AT(past.last_wake.awake_us) },
	{ "ready-us", &u64, AT(past.last_wake.ready_us) },
	{ "replayed", &u32, AT(past.last_wake.replayed) },
	{ "who", &name, AT(past.last_wake.who) },
	{ "slept-since", &u64, AT(past.slept_since_ms) },
	{ "slept-ms", &u64, AT(past.slept_ms) },
	{ NULL, NULL, 0 },
};

static const struct record_field event_fields[] = {
	{ "id", &u64, AT(event.id) },
	{ "at", &u64, AT(event.wall_ms) },
	{ "kind", &kind, AT(event.kind) },
	{ "machine", &u32, AT(event.machine) },
	{ "name", &name, AT(event.name) },
	{ "by", &by, AT(event.by) },
	{ "knock", &knock, AT(event.knock) },
	{ "observed", &u8, AT(event.observed) },
	{ "late", &u8, AT(event.late) },
	{ "local", &u8, AT(event.local) },
	{ "from-mac", &mac, AT(event.from_mac) },
	{ "from", &address, AT(event.from) },
	{ "from-port", &u16, AT(event.from_port) },
	{ "to", &address, AT(event.to) },
	{ "to-port", &u16, AT(event.to_port) },
	{ "attempt", &u16, AT(event.attempt) },
	{ "attempts", &u16, AT(event.attempts) },
	{ "took-us", &u64, AT(event.took_us) },
	{ "replayed", &u32, AT(event.replayed) },
	{ "who", &name, AT(event.who) },
	{ NULL, NULL, 0 },
};

static const struct record_field ids_fields[] = {
	{ "next-machine", &u32, AT(next_machine) },
	{ "next-event", &u64, AT(next_event) },
	{ NULL, NULL, 0 },
};

/* The kind "link" is 0, and not written. */
static const struct record_field grant_fields[] = {
	{ "id", &grant_id, AT(grant.id) },
	{ "kind", &grant_kind, AT(grant.kind) },
	{ "can", &u8, AT(grant.can) },
	{ "get", &u8, AT(grant.get) },
	{ "all", &u8, AT(grant.all) },
	{ "made", &u64, AT(grant.made_ms) },
	{ "expires", &u64, AT(grant.expires_ms) },
	{ "name", &name, AT(grant.name) },
	{ "label", &name, AT(grant.label) },
	{ "salt", &salt, AT(grant.salt) },
	{ "hash", &key, AT(grant.hash) },
	{ "request", &key, AT(grant.request) },
	{ "answer", &key, AT(grant.answer) },
	{ NULL, NULL, 0 },
};

static const struct record_field revoked_fields[] = {
	{ "id", &grant_id, AT(grant.id) },
	{ NULL, NULL, 0 },
};

static const struct record_field relay_fields[] = {
	{ "origin", &origin_text, AT(relay.origin) },
	{ "name", &name, AT(relay.name) },
	{ NULL, NULL, 0 },
};

static const struct record_field paired_fields[] = {
	{ "id", &grant_id, AT(pairing.id) }, { "mac", &mac, AT(pairing.mac) },
	{ "key", &key, AT(pairing.key) },    { "since", &u64, AT(pairing.since_ms) },
	{ "name", &name, AT(pairing.name) }, { NULL, NULL, 0 },
};

static const struct record_field unpaired_fields[] = {
	{ "id", &grant_id, AT(pairing.id) },
	{ NULL, NULL, 0 },
};

_Static_assert((int)PAIRING_ID_TEXT == (int)RELAY_GRANT_TEXT, "ids of both are read alike");

const struct record_verb record_verbs[RECORD_KINDS] = {
	[RECORD_MACHINE] = { "machine", machine_fields },
	[RECORD_GONE] = { "gone", gone_fields },
	[RECORD_PAST] = { "past", past_fields },
	[RECORD_EVENT] = { "event", event_fields },
	[RECORD_GRANT] = { "share", grant_fields },
	[RECORD_REVOKED] = { "revoked", revoked_fields },
	[RECORD_RELAY] = { "relay", relay_fields },
	[RECORD_PAIRED] = { "paired", paired_fields },
	[RECORD_UNPAIRED] = { "unpaired", unpaired_fields },
	[RECORD_IDS] = { "ids", ids_fields },
};
