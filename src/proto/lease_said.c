/* What the sleeper says, of lease.h. */
#include "proto/lease.h"
#include "proto/lease_parts.h"
#include "proto/spec_json.h"

#include <errno.h>
#include <string.h>

#define RULES_MAX 64
#define TEST_SECONDS_MAX 600

/* One line being decoded. The first complaint ends it. */
struct reading {
	struct lease_said *to;
	const struct json *root;
	struct text error;
};

static int complain(struct reading *r, const char *field, const char *why)
{
	text_string(&r->error, field);
	text_string(&r->error, ": ");
	text_string(&r->error, why);
	return -EINVAL;
}

/* "mac: "x" is …": what was sent, escaped and short. */
static int complain_of(struct reading *r, const char *field, const char *word, const char *why)
{
	size_t n = strlen(word);

	complain(r, field, "\"");
	text_escaped_utf8(&r->error, word, n < 60 ? n : 60);
	text_string(&r->error, n < 60 ? "\"" : "...\"");
	text_string(&r->error, why);
	return -EINVAL;
}

static int complain_kind(struct reading *r, const char *field, const struct json *v,
			 const char *expected)
{
	if (!v)
		return complain(r, field, "missing");
	complain(r, field, json_kind_words(json_kind_of(v)));
	text_string(&r->error, ", not ");
	text_string(&r->error, expected);
	return -EINVAL;
}

static int read_word(struct reading *r, const char *field, const struct json *v,
		     const char *(*put)(struct spec *s, const char *word))
{
	const char *word = json_word(v);
	const char *why;

	if (!word)
		return complain_kind(r, field, v, "a string");
	why = put(&r->to->spec, word);
	return why ? complain_of(r, field, word, why) : 0;
}

static int read_list(struct reading *r, const char *field, size_t least, size_t most,
		     const char *(*put)(struct spec *s, const char *word))
{
	const struct json *list = json_member(r->root, field);
	size_t n = json_count(list);
	int error = 0;

	if (json_kind_of(list) != JSON_KIND_LIST)
		return complain_kind(r, field, list, "an array");
	if (n < least || n > most)
		return complain(r, field, n < least ? "empty" : "too many");
	for (size_t i = 0; i < n && error == 0; i++)
		error = read_word(r, field, json_item(list, i), put);
	return error;
}

static int read_secureon(struct reading *r)
{
	const struct json *v = json_member(r->root, "secureon");

	if (!v)
		return 0;
	if (!json_word(v))
		return complain_kind(r, "secureon", v, "a string");
	/* It is a password of a kind: not repeated. */
	if (secureon_parse(json_word(v), &r->to->spec.secureon) < 0)
		return complain(r, "secureon", "not four or six bytes like 01:02:03:04:05:06");
	return 0;
}

static int read_machine(struct reading *r)
{
	int error = read_word(r, "name", json_member(r->root, "name"), spec_json_put_name);

	r->to->spec.origin = SPEC_REGISTERED;
	if (error == 0)
		error = read_word(r, "mac", json_member(r->root, "mac"), spec_json_put_mac);
	if (error == 0)
		error = read_list(r, "addresses", 1, SPEC_ADDRESSES_MAX, spec_json_put_address);
	if (error == 0)
		error = read_list(r, "rules", 0, RULES_MAX, spec_json_put_rule);
	return error == 0 ? read_secureon(r) : error;
}

static int read_nothing(struct reading *r)
{
	(void)r;
	return 0;
}

static int read_test(struct reading *r)
{
	uint64_t after = 0;

	if (lease_get_whole(r->root, "after", 1, TEST_SECONDS_MAX, &after) < 0)
		return complain(r, "after", "not a whole number in 1..600");
	r->to->after = (uint32_t)after;
	return 0;
}

static int read_answer(struct reading *r)
{
	const char *result = json_word(json_member(r->root, "result"));
	uint64_t ask = 0;

	if (lease_get_whole(r->root, "ask", 0, UINT32_MAX, &ask) < 0)
		return complain(r, "ask", "not a whole number");
	if (!result || (strcmp(result, "ok") != 0 && strcmp(result, "refused") != 0))
		return complain(r, "result", "neither ok nor refused");
	r->to->ask = (uint32_t)ask;
	r->to->ok = result[0] == 'o';
	lease_get_text(r->root, "text", r->to->text);
	return 0;
}

static const struct form {
	const char *name;
	int (*read)(struct reading *r);
	enum lease_why first, last; /* what it may be said for; WHY_NONE: it says none */
	bool machine;
} forms[SAY_KINDS] = {
	[SAY_LEASE] = { "lease", read_machine, WHY_BOOT, WHY_RENEW, true },
	[SAY_GOODBYE] = { "goodbye", read_machine, WHY_SUSPEND, WHY_HALT, true },
	[SAY_STAY] = { "stay", read_nothing, WHY_REBOOT, WHY_STOP, false },
	[SAY_TEST] = { "test", read_test, WHY_NONE, WHY_NONE, false },
	[SAY_ANSWER] = { "answer", read_answer, WHY_NONE, WHY_NONE, false },
};

static int read_why(struct reading *r, const struct form *f)
{
	const struct json *v = json_member(r->root, "why");
	const char *word = json_word(v);

	if (f->first == WHY_NONE)
		return 0;
	if (!word)
		return complain_kind(r, "why", v, "a string");
	for (unsigned int w = f->first; w <= f->last; w++) {
		if (strcmp(word, lease_why_name((enum lease_why)w)) == 0) {
			r->to->why = (enum lease_why)w;
			return 0;
		}
	}
	return complain_of(r, "why", word, " is no reason for this");
}

static int read_root(struct reading *r)
{
	const struct json *v = json_member(r->root, "say");
	const char *word = json_word(v);
	unsigned int k = 0;
	int error;

	if (!word)
		return complain_kind(r, "say", v, "a string");
	while (k < SAY_KINDS && strcmp(word, forms[k].name) != 0)
		k++;
	if (k == SAY_KINDS)
		return complain_of(r, "say", word,
				   " is none; there are lease, goodbye, stay, test, answer");
	r->to->say = (enum lease_say)k;
	error = read_why(r, &forms[k]);
	return error == 0 ? forms[k].read(r) : error;
}

int lease_said_read(const char *json, size_t n, struct lease_said *ret,
		    char error[static LEASE_TEXT])
{
	struct lease_said said = { .say = SAY_LEASE };
	struct reading r = { .to = &said, .error = text_over(error, LEASE_TEXT) };
	char problem[JSON_PROBLEM];
	struct json *root;
	int result = json_read(json, n, &root, problem);

	if (result < 0) {
		text_string(&r.error, result == -ENOMEM ? "out of memory" : problem);
		return result;
	}
	r.root = root;
	result = read_root(&r);
	json_drop(root);
	if (result == 0)
		*ret = said;
	return result;
}

/* --- writing --- */

static void write_machine(struct json_writer *w, const struct spec *s)
{
	char mac[MAC_TEXT];

	lease_put_word(w, "name", s->name);
	lease_put_word(w, "mac", mac_format(&s->mac, mac));
	spec_json_addresses(w, s);
	spec_json_rules(w, s);
	if (s->secureon.length)
		spec_json_secureon(w, s);
}

int lease_said_write(const struct lease_said *s, char *to, size_t size)
{
	struct json_writer w = json_writer_over(to, size);

	json_write_open(&w, '{');
	lease_put_word(&w, "say", forms[s->say].name);
	if (forms[s->say].first != WHY_NONE)
		lease_put_word(&w, "why", lease_why_name(s->why));
	if (forms[s->say].machine)
		write_machine(&w, &s->spec);
	if (s->say == SAY_TEST)
		lease_put_u64(&w, "after", s->after);
	if (s->say == SAY_ANSWER) {
		lease_put_u64(&w, "ask", s->ask);
		lease_put_word(&w, "result", s->ok ? "ok" : "refused");
		lease_put_word(&w, "text", s->text);
	}
	json_write_close(&w, '}');
	return w.out.cut ? -ENOSPC : (int)w.out.used;
}
