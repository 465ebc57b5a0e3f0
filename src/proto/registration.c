#include "proto/registration.h"

#include "base/text.h"
#include "proto/json.h"
#include "proto/json_write.h"
#include "proto/spec_json.h"

#include <errno.h>
#include <string.h>

#define BAD_JSON \
	"An error has been found in the JSON. Please check the types, key names and structure."
#define BAD_MAC "Invalid MAC address format."
#define BAD_ADDRESS "Invalid IP address format."
#define BAD_DUPLICATE                                                                             \
	"A duplicate IP has been found in the JSON, please merge all ports in an array for this " \
	"IP."
#define BAD_PORT "Invalid port value."
#define BAD_NAME "Invalid Name format."
#define BAD_NAME_LENGTH "Name value is too long (max 63 char)."

/* One registration being decoded. The first complaint ends it. */
struct reading {
	struct registration *to;
	struct text error;
	size_t entry; /* of monitor */
};

/* Begins the complaint: Wakupator's text, then where. The caller adds why. */
static struct text *complain(struct reading *r, const char *known, const char *where)
{
	text_string(&r->error, known);
	text_char(&r->error, ' ');
	text_string(&r->error, where);
	text_string(&r->error, ": ");
	return &r->error;
}

/* The same for monitor[entry].key, or monitor[entry].key[item]. */
#define NO_ITEM SIZE_MAX
static struct text *complain_entry(struct reading *r, const char *known, const char *key,
				   size_t item)
{
	struct text *t = &r->error;

	text_string(t, known);
	text_string(t, " monitor[");
	text_u64(t, r->entry);
	text_char(t, ']');
	if (key) {
		text_char(t, '.');
		text_string(t, key);
	}
	if (item != NO_ITEM) {
		text_char(t, '[');
		text_u64(t, item);
		text_char(t, ']');
	}
	text_string(t, ": ");
	return t;
}

/* What was sent, escaped and short. */
static void quote(struct text *t, const char *s)
{
	size_t n = strlen(s);

	text_char(t, '"');
	text_escaped_utf8(t, s, n < 60 ? n : 60);
	text_string(t, n < 60 ? "\"" : "\"...");
}

static int wrong_kind(struct text *t, const struct json *v, const char *expected)
{
	if (json_kind_of(v) == JSON_KIND_NOTHING) {
		text_string(t, "missing");
	} else {
		text_string(t, json_kind_words(json_kind_of(v)));
		text_string(t, ", not ");
		text_string(t, expected);
	}
	return -EINVAL;
}

void registration_default_name(const struct mac *mac, char name[static SPEC_NAME_MAX + 1])
{
	struct text t = text_over(name, SPEC_NAME_MAX + 1);

	text_string(&t, "m-");
	for (size_t i = 0; i < sizeof(mac->b); i++)
		text_hex(&t, mac->b[i], 2);
}

static int read_mac(struct reading *r, const struct json *v)
{
	const char *word = json_word(v);
	const char *why;

	if (!word)
		return wrong_kind(complain(r, BAD_JSON, "mac"), v, "a string");
	why = spec_json_put_mac(&r->to->spec, word);
	if (!why)
		return 0;
	quote(complain(r, BAD_MAC, "mac"), word);
	text_string(&r->error, why);
	return -EINVAL;
}

static int read_name(struct reading *r, const struct json *v)
{
	const char *word = json_word(v);
	size_t n = word ? strlen(word) : 0;

	if (!v) {
		registration_default_name(&r->to->spec.mac, r->to->spec.name);
		return 0;
	}
	if (!word)
		return wrong_kind(complain(r, BAD_JSON, "name"), v, "a string");
	if (n > SPEC_NAME_MAX) {
		text_u64(complain(r, BAD_NAME_LENGTH, "name"), n);
		text_string(&r->error, " bytes");
		return -EINVAL;
	}
	if (!spec_name_valid(word, n)) {
		quote(complain(r, BAD_NAME, "name"), word);
		text_string(&r->error,
			    n == 0 ? " is empty"
				   : " has '/', a control character, or a blank at an end");
		return -EINVAL;
	}
	memcpy(r->to->spec.name, word, n + 1);
	return 0;
}

/* --- monitor: addresses and ports --- */

/* The ports of one address, as a set; RULE_ANY when the list was empty. */
struct ports {
	bool any;
	uint64_t set[65536 / 64];
};

static bool ports_has(const struct ports *p, uint32_t port)
{
	return p->set[port / 64] >> port % 64 & 1;
}

static bool ports_equal(const struct ports *a, const struct ports *b)
{
	return a->any == b->any && memcmp(a->set, b->set, sizeof(a->set)) == 0;
}

static int read_ports(struct reading *r, const struct json *list, struct ports *p)
{
	size_t n = json_count(list);

	memset(p, 0, sizeof(*p));
	if (json_kind_of(list) != JSON_KIND_LIST)
		return wrong_kind(complain_entry(r, BAD_JSON, "port", NO_ITEM), list, "an array");
	p->any = n == 0;
	for (size_t i = 0; i < n; i++) {
		const struct json *v = json_item(list, i);
		int64_t port = json_whole(v);

		if (json_kind_of(v) != JSON_KIND_WHOLE)
			return wrong_kind(complain_entry(r, BAD_PORT, "port", i), v,
					  "a whole number");
		if (port < 1 || port > 65535) {
			struct text *t = complain_entry(r, BAD_PORT, "port", i);

			if (port < 0)
				text_char(t, '-');
			text_u64(t, port < 0 ? 0 - (uint64_t)port : (uint64_t)port);
			text_string(t, " is not in 1..65535");
			return -EINVAL;
		}
		p->set[port / 64] |= UINT64_C(1) << port % 64;
	}
	return 0;
}

static int refuse_duplicate(struct reading *r, const char *word, const struct addr *a)
{
	const struct spec *s = &r->to->spec;
	size_t first = 0;

	while (!addr_equal(&s->addresses[first], a))
		first++;
	quote(complain_entry(r, BAD_DUPLICATE, "ip", NO_ITEM), word);
	text_string(&r->error, " is the address of monitor[");
	text_u64(&r->error, first);
	text_string(&r->error, "] too");
	return -EINVAL;
}

static int read_address(struct reading *r, const struct json *v)
{
	const char *word = json_word(v);
	const char *why;
	struct addr a;
	int error;

	if (!word)
		return wrong_kind(complain_entry(r, BAD_JSON, "ip", NO_ITEM), v, "a string");
	why = spec_json_parse_address(word, &a);
	if (why) {
		quote(complain_entry(r, BAD_ADDRESS, "ip", NO_ITEM), word);
		text_string(&r->error, why);
		return -EINVAL;
	}
	error = spec_add_address(&r->to->spec, &a);
	if (error == -EEXIST)
		return refuse_duplicate(r, word, &a);
	if (error < 0) {
		text_string(complain_entry(r, BAD_JSON, "ip", NO_ITEM), "a machine has at most ");
		text_u64(&r->error, SPEC_ADDRESSES_MAX);
		text_string(&r->error, " addresses");
	}
	return error;
}

static int add_rule(struct reading *r, enum rule_kind kind, uint8_t address, uint32_t first,
		    uint32_t last)
{
	struct rule rule = { .kind = (uint8_t)kind,
			     .address = address,
			     .first = (uint16_t)first,
			     .last = (uint16_t)last };

	if (spec_add_rule(&r->to->spec, &rule) == 0)
		return 0;
	text_string(complain_entry(r, BAD_PORT, "port", NO_ITEM), "together more than ");
	/* A range of ports is a rule for TCP and one for UDP. */
	text_u64(&r->error, SPEC_RULES_MAX / 2);
	text_string(&r->error, " separate ports and ranges; an empty array means all");
	return -EINVAL;
}

/* A port that is listed wakes by TCP and by UDP: Wakupator's form has no word for which. */
static int add_ports(struct reading *r, const struct ports *p, uint8_t address)
{
	int error = 0;

	if (p->any)
		return add_rule(r, RULE_ANY, address, 0, 65535);
	for (uint32_t first = 1; first <= 65535 && error == 0; first++) {
		uint32_t last = first;

		/* Lists are short: most of the set is empty. */
		if (first % 64 == 0 && p->set[first / 64] == 0) {
			first += 63;
			continue;
		}
		if (!ports_has(p, first))
			continue;
		while (last < 65535 && ports_has(p, last + 1))
			last++;
		error = add_rule(r, RULE_TCP, address, first, last);
		if (error == 0)
			error = add_rule(r, RULE_UDP, address, first, last);
		first = last;
	}
	return error;
}

/* First every entry is checked; where all have the same ports, the rules are for any address. */
static int check_monitor(struct reading *r, const struct json *list, struct ports *first,
			 bool *ret_same)
{
	struct ports ports;

	*ret_same = true;
	for (r->entry = 0; r->entry < json_count(list); r->entry++) {
		const struct json *entry = json_item(list, r->entry);
		struct ports *p = r->entry == 0 ? first : &ports;
		int error;

		if (json_kind_of(entry) != JSON_KIND_MAP)
			return wrong_kind(complain_entry(r, BAD_JSON, NULL, NO_ITEM), entry,
					  "an object");
		error = read_address(r, json_member(entry, "ip"));
		if (error == 0)
			error = read_ports(r, json_member(entry, "port"), p);
		if (error != 0)
			return error;
		*ret_same = *ret_same && (p == first || ports_equal(p, first));
	}
	return 0;
}

static int read_monitor(struct reading *r, const struct json *list, bool with_rules)
{
	struct ports ports = { 0 };
	bool same;
	int error;

	if (json_kind_of(list) != JSON_KIND_LIST || json_count(list) == 0) {
		if (json_kind_of(list) != JSON_KIND_LIST)
			return wrong_kind(complain(r, BAD_JSON, "monitor"), list, "an array");
		text_string(complain(r, BAD_JSON, "monitor"),
			    "an empty array; at least one address is needed");
		return -EINVAL;
	}
	error = check_monitor(r, list, &ports, &same);
	if (error < 0 || with_rules)
		return error;
	r->entry = 0;
	if (same)
		return add_ports(r, &ports, SPEC_ANY_ADDRESS);
	for (r->entry = 0; r->entry < json_count(list) && error == 0; r->entry++) {
		error = read_ports(r, json_member(json_item(list, r->entry), "port"), &ports);
		if (error == 0)
			error = add_ports(r, &ports, (uint8_t)r->entry);
	}
	return error;
}

/* --- our own keys --- */

static int read_rules(struct reading *r, const struct json *list)
{
	if (!list)
		return 0;
	if (json_kind_of(list) != JSON_KIND_LIST)
		return wrong_kind(complain(r, BAD_JSON, "rules"), list, "an array");
	for (size_t i = 0; i < json_count(list); i++) {
		const char *word = json_word(json_item(list, i));
		struct rule rule;

		if (!word)
			return wrong_kind(complain(r, BAD_JSON, "rules"), json_item(list, i),
					  "a string");
		if (rule_parse(word, &rule) < 0) {
			quote(complain(r, BAD_JSON, "rules"), word);
			text_string(&r->error, " is no rule; rules are like tcp/22, udp/9987, "
					       "tcp/8000-8010, any, echo");
			return -EINVAL;
		}
		if (spec_add_rule(&r->to->spec, &rule) < 0) {
			text_string(complain(r, BAD_JSON, "rules"), "too many");
			return -EINVAL;
		}
	}
	return 0;
}

static int read_goodbye(struct reading *r, const struct json *v)
{
	r->to->goodbye = !v || json_truth(v);
	if (v && json_kind_of(v) != JSON_KIND_BOOL)
		return wrong_kind(complain(r, BAD_JSON, "goodbye"), v, "true or false");
	return 0;
}

static int read_token(struct reading *r, const struct json *v)
{
	const char *word = json_word(v);

	if (!v)
		return 0;
	if (!word)
		return wrong_kind(complain(r, BAD_JSON, "token"), v, "a string");
	if (strlen(word) > REGISTRATION_TOKEN_MAX) {
		text_string(complain(r, BAD_JSON, "token"), "longer than 128 bytes");
		return -EINVAL;
	}
	memcpy(r->to->token, word, strlen(word) + 1);
	return 0;
}

static int read_secureon(struct reading *r, const struct json *v)
{
	const char *word = json_word(v);

	if (!v)
		return 0;
	if (!word)
		return wrong_kind(complain(r, BAD_JSON, "secureon"), v, "a string");
	if (secureon_parse(word, &r->to->spec.secureon) < 0) {
		/* It is a password of a kind: not repeated. */
		text_string(complain(r, BAD_JSON, "secureon"),
			    "not four or six bytes like 01:02:03:04:05:06");
		return -EINVAL;
	}
	return 0;
}

static int read_all(struct reading *r, const struct json *root)
{
	const struct json *rules = json_member(root, "rules");
	int error = read_mac(r, json_member(root, "mac"));

	if (error == 0)
		error = read_name(r, json_member(root, "name"));
	if (error == 0)
		error = read_monitor(r, json_member(root, "monitor"), rules != NULL);
	if (error == 0)
		error = read_rules(r, rules);
	if (error == 0)
		error = read_goodbye(r, json_member(root, "goodbye"));
	if (error == 0)
		error = read_token(r, json_member(root, "token"));
	if (error == 0)
		error = read_secureon(r, json_member(root, "secureon"));
	return error;
}

int registration_decode(const char *bytes, size_t n, struct registration *ret,
			char error[static REGISTRATION_ERROR])
{
	struct registration decoded = { .spec.origin = SPEC_REGISTERED };
	struct reading r = { .to = &decoded, .error = text_over(error, REGISTRATION_ERROR) };
	char problem[JSON_PROBLEM];
	struct json *root;
	int result = json_read(bytes, n, &root, problem);

	if (result == -ENOMEM)
		text_string(&r.error, REGISTRATION_NO_MEMORY);
	if (result == -EINVAL) {
		text_string(&r.error, BAD_JSON " ");
		text_string(&r.error, problem);
	}
	if (result < 0)
		return result;
	result = read_all(&r, root);
	json_drop(root);
	if (result < 0)
		return -EINVAL;
	*ret = decoded;
	return 0;
}

/* --- the other side --- */

/* What a server of Wakupator's makes of the rules: single TCP and UDP ports; anything else is "all". */
static void write_ports(struct json_writer *w, const struct spec *s)
{
	bool plain = true;

	for (uint16_t i = 0; i < s->rules_n; i++)
		plain = plain && s->rules[i].kind <= RULE_UDP &&
			s->rules[i].first == s->rules[i].last;
	json_write_key(w, "port");
	json_write_open(w, '[');
	for (uint16_t i = 0; i < s->rules_n && plain; i++)
		json_write_u64(w, s->rules[i].first);
	json_write_close(w, ']');
}

static void write_monitor(struct json_writer *w, const struct spec *s)
{
	char address[ADDR_TEXT];

	json_write_key(w, "monitor");
	json_write_open(w, '[');
	for (uint16_t i = 0; i < s->addresses_n; i++) {
		json_write_open(w, '{');
		json_write_key(w, "ip");
		json_write_word(w, addr_format(&s->addresses[i], address));
		write_ports(w, s);
		json_write_close(w, '}');
	}
	json_write_close(w, ']');
}

int registration_encode(const struct registration *r, char *to, size_t size)
{
	struct json_writer w = json_writer_over(to, size);
	char mac[MAC_TEXT];

	json_write_open(&w, '{');
	json_write_key(&w, "name");
	json_write_word(&w, r->spec.name);
	json_write_key(&w, "mac");
	json_write_word(&w, mac_format(&r->spec.mac, mac));
	write_monitor(&w, &r->spec);
	/* Rules for single addresses cannot be said here; nobody makes such a registration. */
	spec_json_rules(&w, &r->spec);
	json_write_key(&w, "goodbye");
	json_write_bool(&w, r->goodbye);
	if (r->token[0]) {
		json_write_key(&w, "token");
		json_write_word(&w, r->token);
	}
	if (r->spec.secureon.length)
		spec_json_secureon(&w, &r->spec);
	json_write_close(&w, '}');
	return w.out.cut ? -ENOSPC : (int)w.out.used;
}
