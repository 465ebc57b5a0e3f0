#include "proto/command.h"

#include "proto/command_reading.h"
#include "proto/json_write.h"
#include "proto/spec_json.h"

#include <errno.h>
#include <string.h>

#define LOG_MOST_DEFAULT 50

static int read_version(struct command_reading *r)
{
	(void)r;
	return 0;
}

static int read_status(struct command_reading *r)
{
	return command_read_name(r, false);
}

/* "wait": true, or a number of seconds. */
static int read_wake(struct command_reading *r)
{
	const struct json *wait = json_member(r->root, "wait");

	r->to->waits = wait && (json_kind_of(wait) != JSON_KIND_BOOL || json_truth(wait));
	if (wait && json_kind_of(wait) != JSON_KIND_BOOL &&
	    command_read_number(r, "wait", 1, COMMAND_WAIT_MAX, &r->to->wait_seconds) < 0)
		return -EINVAL;
	return command_read_name(r, true);
}

static int read_remove(struct command_reading *r)
{
	return command_read_name(r, true);
}

static int read_log(struct command_reading *r)
{
	r->to->most = LOG_MOST_DEFAULT;
	if (json_member(r->root, "most") &&
	    command_read_number(r, "most", 0, COMMAND_LOG_MOST, &r->to->most) < 0)
		return -EINVAL;
	if (command_read_flag(r, "follow", &r->to->follow) < 0)
		return -EINVAL;
	return command_read_name(r, false);
}

/* --- add: lists of text, each item into the spec --- */

static const char *put_source(struct source *to, uint16_t *n, const char *word)
{
	if (*n == SPEC_SOURCES_MAX)
		return " is one too many: at most 32";
	if (source_parse(word, &to[*n]) < 0)
		return " is neither an address, nor a prefix, nor a MAC";
	(*n)++;
	return NULL;
}

static const char *put_from(struct spec *s, const char *word)
{
	return put_source(s->from, &s->from_n, word);
}

static const char *put_ignore(struct spec *s, const char *word)
{
	return put_source(s->ignore, &s->ignore_n, word);
}

static int read_list(struct command_reading *r, const char *field,
		     const char *(*put)(struct spec *s, const char *word))
{
	const struct json *list = json_member(r->root, field);

	if (list && json_kind_of(list) != JSON_KIND_LIST)
		return command_complain_kind(r, field, list, "an array");
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *v = json_item(list, i);
		const char *why;

		if (!json_word(v))
			return command_complain_kind(r, field, v, "a string");
		why = put(&r->to->spec, json_word(v));
		if (why)
			return command_complain_of(r, field, json_word(v), why);
	}
	return 0;
}

static int read_mac(struct command_reading *r)
{
	const struct json *v = json_member(r->root, "mac");
	struct mac *mac = &r->to->spec.mac;

	if (!json_word(v))
		return command_complain_kind(r, "mac", v, "a string");
	if (mac_parse(json_word(v), mac) < 0)
		return command_complain_of(r, "mac", json_word(v),
					   " is not six pairs of hexadecimal digits");
	if (mac_is_group(mac) || mac_is_zero(mac))
		return command_complain_of(r, "mac", json_word(v), " is no single machine's");
	return 0;
}

static int read_secureon(struct command_reading *r)
{
	const struct json *v = json_member(r->root, "secureon");

	if (!v)
		return 0;
	if (!json_word(v))
		return command_complain_kind(r, "secureon", v, "a string");
	if (secureon_parse(json_word(v), &r->to->spec.secureon) < 0)
		return command_complain(r, "secureon",
					"not four or six bytes like 01:02:03:04:05:06");
	return 0;
}

static int read_watts(struct command_reading *r)
{
	uint32_t watts = 0;

	if (!json_member(r->root, "watts"))
		return 0;
	if (command_read_number(r, "watts", 0, UINT16_MAX, &watts) < 0)
		return -EINVAL;
	r->to->spec.watts = (uint16_t)watts;
	return 0;
}

static int read_interface(struct command_reading *r)
{
	const struct json *v = json_member(r->root, "interface");
	const char *word = json_word(v);

	if (!v)
		return 0;
	if (!word)
		return command_complain_kind(r, "interface", v, "a string");
	if (strlen(word) >= sizeof(r->to->spec.interface))
		return command_complain(r, "interface", "no interface has so long a name");
	memcpy(r->to->spec.interface, word, strlen(word) + 1);
	return 0;
}

static int read_add(struct command_reading *r)
{
	static const struct {
		const char *field;
		const char *(*put)(struct spec *s, const char *word);
	} lists[] = { { "addresses", spec_json_put_address },
		      { "rules", spec_json_put_rule },
		      { "from", put_from },
		      { "ignore_from", put_ignore } };
	int error = command_read_name(r, true);

	r->to->spec.origin = SPEC_ADDED;
	memcpy(r->to->spec.name, r->to->name, sizeof(r->to->name));
	if (error == 0)
		error = read_mac(r);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]) && error == 0; i++)
		error = read_list(r, lists[i].field, lists[i].put);
	if (error == 0)
		error = read_secureon(r);
	if (error == 0)
		error = read_interface(r);
	if (error == 0)
		error = read_watts(r);
	return error;
}

static const struct form {
	const char *name;
	int (*read)(struct command_reading *r);
} forms[COMMAND_KINDS] = {
	[COMMAND_VERSION] = { "version", read_version },
	[COMMAND_STATUS] = { "status", read_status },
	[COMMAND_WAKE] = { "wake", read_wake },
	[COMMAND_ADD] = { "add", read_add },
	[COMMAND_REMOVE] = { "remove", read_remove },
	[COMMAND_LOG] = { "log", read_log },
	[COMMAND_EXPORT] = { "export", read_version },
	[COMMAND_RELAY] = { "relay", read_version },
	[COMMAND_JOIN] = { "join", command_read_join },
	[COMMAND_LEAVE] = { "leave", read_version },
	[COMMAND_SHARE] = { "share", command_read_share },
	[COMMAND_GRANTS] = { "grants", read_version },
	[COMMAND_REVOKE] = { "revoke", command_read_revoke },
	[COMMAND_PAIR] = { "pair", read_version },
	[COMMAND_PAIRINGS] = { "pairings", read_version },
	[COMMAND_UNPAIR] = { "unpair", read_remove },
	[COMMAND_SLEEP] = { "sleep", read_remove },
};

const char *command_name(enum command_kind k)
{
	return forms[k].name;
}

static int read_command(struct command_reading *r)
{
	const struct json *v = json_member(r->root, "command");
	const char *word = json_word(v);

	if (!word)
		return command_complain_kind(r, "command", v, "a string");
	for (unsigned int k = 0; k < COMMAND_KINDS; k++) {
		if (strcmp(word, forms[k].name) == 0) {
			r->to->kind = (uint8_t)k;
			return forms[k].read(r);
		}
	}
	return command_complain_of(
		r, "command", word,
		" is none; there are version, status, wake, add, remove, log, export, relay, join, "
		"leave, share, grants, revoke, pair, pairings, unpair, sleep");
}

int command_decode(const char *line, size_t n, struct command *ret,
		   char error[static COMMAND_ERROR])
{
	struct command decoded = { .kind = COMMAND_VERSION };
	struct command_reading r = { .to = &decoded, .error = text_over(error, COMMAND_ERROR) };
	char problem[JSON_PROBLEM];
	struct json *root;
	int result = json_read(line, n, &root, problem);

	if (result < 0) {
		text_string(&r.error, result == -ENOMEM ? "out of memory"
							: "this is not the JSON of a request: ");
		text_string(&r.error, result == -ENOMEM ? "" : problem);
		return result;
	}
	r.root = root;
	result = read_command(&r);
	json_drop(root);
	if (result == 0)
		*ret = decoded;
	return result;
}

/* --- the other side --- */

static void write_add(struct json_writer *w, const struct spec *s)
{
	char word[MAC_TEXT];

	json_write_key(w, "mac");
	json_write_word(w, mac_format(&s->mac, word));
	spec_json_addresses(w, s);
	spec_json_rules(w, s);
	spec_json_sources(w, s);
}

static void write_options(struct json_writer *w, const struct command *c)
{
	if (c->kind == COMMAND_WAKE && c->waits) {
		json_write_key(w, "wait");
		if (c->wait_seconds)
			json_write_u64(w, c->wait_seconds);
		else
			json_write_bool(w, true);
	}
	if (c->kind == COMMAND_LOG) {
		json_write_key(w, "most");
		json_write_u64(w, c->most);
		json_write_key(w, "follow");
		json_write_bool(w, c->follow);
	}
	if (c->kind == COMMAND_ADD) {
		write_add(w, &c->spec);
		if (c->spec.secureon.length)
			spec_json_secureon(w, &c->spec);
		if (c->spec.interface[0]) {
			json_write_key(w, "interface");
			json_write_word(w, c->spec.interface);
		}
		if (c->spec.watts) {
			json_write_key(w, "watts");
			json_write_u64(w, c->spec.watts);
		}
	}
}

int command_encode(const struct command *c, char *to, size_t size)
{
	struct json_writer w = json_writer_over(to, size);

	json_write_open(&w, '{');
	json_write_key(&w, "command");
	json_write_word(&w, forms[c->kind].name);
	if (c->name[0]) {
		json_write_key(&w, "name");
		json_write_word(&w, c->name);
	}
	write_options(&w, c);
	command_write_relay(&w, c);
	json_write_close(&w, '}');
	text_char(&w.out, '\n');
	return w.out.cut ? -ENOSPC : (int)w.out.used;
}
