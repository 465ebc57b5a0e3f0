/*
 * command_relay: the requests about relay and grants: join, share, revoke.
 */
#include "proto/command_reading.h"

#include <errno.h>
#include <string.h>

#define EXPIRES_MAX (10U * 366 * 86400) /* seconds */

static const char *const verbs[] = { "see", "wake", "sleep" };
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

/* A name that may be missing. */
static int read_label(struct command_reading *r, const char *field,
		      char to[static SPEC_NAME_MAX + 1])
{
	const struct json *v = json_member(r->root, field);
	const char *word = json_word(v);

	if (!v || json_kind_of(v) == JSON_KIND_NULL)
		return 0;
	if (!word)
		return command_complain_kind(r, field, v, "a string");
	if (!spec_name_valid(word, strlen(word)))
		return command_complain_of(r, field, word,
					   " is not 1 to 63 bytes of UTF-8 without '/', control "
					   "characters and blanks at the ends");
	memcpy(to, word, strlen(word) + 1);
	return 0;
}

int command_read_join(struct command_reading *r)
{
	struct command_join join = { .origin = "" };
	const struct json *url = json_member(r->root, "url");
	const struct json *invitation = json_member(r->root, "invitation");
	const char *word = json_word(invitation);
	uint8_t bytes[RELAY_INVITATION_SIZE];
	struct relay_url u;

	if (!json_word(url))
		return command_complain_kind(r, "url", url, "a string");
	if (relay_url_read(json_word(url), &u, NULL) < 0)
		return command_complain_of(r, "url", json_word(url),
					   " is no relay's address like https://relay.example");
	if (invitation && json_kind_of(invitation) != JSON_KIND_NULL) {
		if (!word)
			return command_complain_kind(r, "invitation", invitation, "a string");
		if (b64_decode(word, strlen(word), bytes, sizeof(bytes)) < 0)
			return command_complain(r, "invitation",
						"not one of a relay's: 27 characters");
		memcpy(join.invitation, word, sizeof(join.invitation));
	}
	memcpy(join.origin, u.origin, sizeof(join.origin));
	if (read_label(r, "name", join.name) < 0)
		return -EINVAL;
	r->to->join = join;
	return 0;
}

static int read_kind(struct command_reading *r, struct command_share *s)
{
	const struct json *v = json_member(r->root, "kind");
	const char *word = json_word(v);

	if (!v)
		return 0;
	if (!word)
		return command_complain_kind(r, "kind", v, "a string");
	for (unsigned int k = 0; k < RELAY_GRANT_KINDS; k++) {
		if (strcmp(word, grant_kind_name(k)) == 0) {
			s->kind = (uint8_t)k;
			return 0;
		}
	}
	return command_complain_of(r, "kind", word, " is none of link, phrase, plain");
}

static int read_can(struct command_reading *r, struct command_share *s)
{
	const struct json *list = json_member(r->root, "can");

	s->can = s->kind == RELAY_PLAIN ? RELAY_CAN_WAKE : RELAY_CAN_SEE | RELAY_CAN_WAKE;
	if (!list)
		return 0;
	if (json_kind_of(list) != JSON_KIND_LIST)
		return command_complain_kind(r, "can", list, "an array");
	s->can = 0;
	for (size_t i = 0; i < json_count(list); i++) {
		const char *word = json_word(json_item(list, i));
		size_t v = 0;

		while (word && v < VERBS && strcmp(word, verbs[v]) != 0)
			v++;
		if (!word || v == VERBS)
			return command_complain(r, "can", "each is one of see, wake, sleep");
		s->can |= (uint8_t)(1U << v);
	}
	return s->can ? 0 : command_complain(r, "can", "at least one of see, wake, sleep");
}

static int read_machines(struct command_reading *r, struct command_share *s)
{
	const struct json *list = json_member(r->root, "machines");

	if (!list || json_kind_of(list) == JSON_KIND_NULL)
		return 0;
	if (json_kind_of(list) != JSON_KIND_LIST || json_count(list) == 0)
		return command_complain(r, "machines", "not an array with names, or null for all");
	if (json_count(list) > GRANT_MACHINES_MAX)
		return command_complain(r, "machines", "more than 64: leave it out, that is all");
	for (size_t i = 0; i < json_count(list); i++) {
		const char *word = json_word(json_item(list, i));

		if (!word || !spec_name_valid(word, strlen(word)))
			return command_complain(r, "machines", "each is a machine's name");
		memcpy(s->machines[s->machines_n++], word, strlen(word) + 1);
	}
	return 0;
}

/* What fits together. */
static int check_share(struct command_reading *r, const struct command_share *s)
{
	bool one_verb = s->can == RELAY_CAN_WAKE || s->can == RELAY_CAN_SLEEP;

	if (s->kind == RELAY_PLAIN && (s->machines_n != 1 || !one_verb))
		return command_complain(
			r, "kind",
			"a plain token is for exactly one machine and one of wake, sleep");
	if (s->get && s->kind != RELAY_PLAIN)
		return command_complain(r, "get", "only for a plain token");
	if (s->kind == RELAY_PHRASE && !s->label[0] && s->machines_n != 1)
		return command_complain(r, "label",
					"needed for a phrase that is not for exactly one machine");
	return 0;
}

int command_read_share(struct command_reading *r)
{
	/* Too large for a stack that also holds the request, and there is one at a time. */
	static struct command_share s;
	int error;

	memset(&s, 0, sizeof(s));
	error = read_kind(r, &s);
	if (error == 0)
		error = read_can(r, &s);
	if (error == 0)
		error = read_machines(r, &s);
	if (error == 0)
		error = command_read_flag(r, "get", &s.get);
	if (error == 0 && json_member(r->root, "expires"))
		error = command_read_number(r, "expires", 1, EXPIRES_MAX, &s.expires_seconds);
	if (error == 0)
		error = read_label(r, "name", s.name);
	if (error == 0)
		error = read_label(r, "label", s.label);
	if (error == 0)
		error = check_share(r, &s);
	if (error == 0)
		r->to->share = s;
	return error;
}

int command_read_revoke(struct command_reading *r)
{
	const struct json *v = json_member(r->root, "grant");
	const char *word = json_word(v);
	uint8_t bytes[RELAY_GRANT_SIZE];

	if (!word)
		return command_complain_kind(r, "grant", v, "a string");
	if (b64_decode(word, strlen(word), bytes, sizeof(bytes)) < 0)
		return command_complain_of(r, "grant", word, " is no grant's id: 12 characters");
	memcpy(r->to->grant, word, sizeof(r->to->grant));
	return 0;
}

/* --- the other side --- */

static void write_word(struct json_writer *w, const char *key, const char *word)
{
	if (!word[0])
		return;
	json_write_key(w, key);
	json_write_word(w, word);
}

static void write_share(struct json_writer *w, const struct command_share *s)
{
	write_word(w, "kind", grant_kind_name(s->kind));
	write_word(w, "name", s->name);
	write_word(w, "label", s->label);
	json_write_key(w, "can");
	relay_can_write(w, s->can);
	json_write_key(w, "get");
	json_write_bool(w, s->get);
	if (s->expires_seconds) {
		json_write_key(w, "expires");
		json_write_u64(w, s->expires_seconds);
	}
	if (s->machines_n == 0)
		return;
	json_write_key(w, "machines");
	json_write_open(w, '[');
	for (uint16_t i = 0; i < s->machines_n; i++)
		json_write_word(w, s->machines[i]);
	json_write_close(w, ']');
}

void command_write_relay(struct json_writer *w, const struct command *c)
{
	if (c->kind == COMMAND_JOIN) {
		write_word(w, "url", c->join.origin);
		write_word(w, "invitation", c->join.invitation);
		write_word(w, "name", c->join.name);
	}
	if (c->kind == COMMAND_SHARE)
		write_share(w, &c->share);
	if (c->kind == COMMAND_REVOKE)
		write_word(w, "grant", c->grant);
}
