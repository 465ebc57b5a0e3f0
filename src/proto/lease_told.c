/* What the guard tells, of lease.h. */
#include "proto/lease.h"
#include "proto/lease_parts.h"

#include <errno.h>
#include <string.h>

#define WHOLE_MAX ((UINT64_C(1) << 53) - 1) /* beyond it JSON's numbers are not exact */
#define SECONDS_MAX 1000000.0 /* of something measured */

/* "ok" or "refused" */
static int read_outcome(const struct json *root, struct lease_told *t)
{
	const char *result = json_word(json_member(root, "result"));

	if (!result || (strcmp(result, "ok") != 0 && strcmp(result, "refused") != 0))
		return -EINVAL;
	t->ok = result[0] == 'o';
	return 0;
}

static int read_result(const struct json *root, struct lease_told *t)
{
	uint64_t seconds = 0;

	if (read_outcome(root, t) < 0 || lease_get_whole(root, "of", 1, WHOLE_MAX, &t->of) < 0)
		return -EINVAL;
	if (json_member(root, "seconds") &&
	    lease_get_whole(root, "seconds", 0, UINT32_MAX, &seconds) < 0)
		return -EINVAL;
	t->seconds = (uint32_t)seconds;
	lease_get_text(root, "text", t->text);
	return 0;
}

static int read_ask(const struct json *root, struct lease_told *t)
{
	const char *what = json_word(json_member(root, "what"));
	uint64_t ask = 0;

	if (!what || strcmp(what, "sleep") != 0 ||
	    lease_get_whole(root, "ask", 0, UINT32_MAX, &ask) < 0)
		return -EINVAL;
	t->ask = (uint32_t)ask;
	lease_get_text(root, "who", t->text);
	return 0;
}

/* A number of seconds, 0 when it is not there. */
static int get_seconds(const struct json *map, const char *key, uint64_t *ret_us)
{
	const struct json *v = json_member(map, key);
	enum json_kind kind = json_kind_of(v);
	double s = json_amount(v);

	*ret_us = 0;
	if (kind == JSON_KIND_NOTHING)
		return 0;
	if (kind != JSON_KIND_WHOLE && kind != JSON_KIND_FRACTION)
		return -EINVAL;
	if (!(s >= 0) || s > SECONDS_MAX)
		return -EINVAL;
	*ret_us = (uint64_t)(s * 1e6 + 0.5);
	return 0;
}

static int read_ready(const struct json *list, struct lease_told *t)
{
	size_t n = json_count(list);

	if (list && (json_kind_of(list) != JSON_KIND_LIST || n > LEASE_PORTS))
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		const struct json *item = json_item(list, i);
		const char *port = json_word(json_member(item, "port"));
		struct rule rule;

		if (!port || rule_parse(port, &rule) < 0 ||
		    get_seconds(item, "seconds", &t->ready[i].us) < 0)
			return -EINVAL;
		rule_format(&rule, t->ready[i].port);
	}
	t->ready_n = (uint32_t)n;
	return 0;
}

static int read_tested(const struct json *root, struct lease_told *t)
{
	const struct json *error = json_member(root, "error");

	if (error && !json_word(error))
		return -EINVAL;
	t->ok = !error;
	lease_get_text(root, "error", t->text);
	if (get_seconds(root, "asleep_seconds", &t->asleep_us) < 0 ||
	    get_seconds(root, "awake_seconds", &t->awake_us) < 0)
		return -EINVAL;
	return read_ready(json_member(root, "ready"), t);
}

static const struct {
	const char *name;
	int (*read)(const struct json *root, struct lease_told *t);
} forms[TELL_KINDS] = {
	[TELL_RESULT] = { "result", read_result },
	[TELL_ASK] = { "ask", read_ask },
	[TELL_TESTED] = { "tested", read_tested },
};

static int read_root(const struct json *root, struct lease_told *t)
{
	const char *word = json_word(json_member(root, "tell"));

	for (unsigned int k = 0; word && k < TELL_KINDS; k++) {
		if (strcmp(word, forms[k].name) == 0) {
			t->tell = (enum lease_tell)k;
			return forms[k].read(root, t);
		}
	}
	return -EINVAL;
}

int lease_told_read(const char *json, size_t n, struct lease_told *ret)
{
	struct lease_told told = { .tell = TELL_RESULT };
	char problem[JSON_PROBLEM];
	struct json *root;
	int r = json_read(json, n, &root, problem);

	if (r < 0)
		return r;
	r = read_root(root, &told);
	json_drop(root);
	if (r == 0)
		*ret = told;
	return r;
}

/* --- writing --- */

static void put_seconds(struct json_writer *w, const char *key, uint64_t us)
{
	if (us == 0)
		return;
	json_write_key(w, key);
	json_write_seconds(w, us);
}

static void write_result(struct json_writer *w, const struct lease_told *t)
{
	lease_put_u64(w, "of", t->of);
	lease_put_word(w, "result", t->ok ? "ok" : "refused");
	lease_put_word(w, "text", t->text);
	lease_put_u64(w, "seconds", t->seconds);
}

static void write_ask(struct json_writer *w, const struct lease_told *t)
{
	lease_put_u64(w, "ask", t->ask);
	lease_put_word(w, "what", "sleep");
	lease_put_word(w, "who", t->text);
}

static void write_tested(struct json_writer *w, const struct lease_told *t)
{
	put_seconds(w, "asleep_seconds", t->asleep_us);
	put_seconds(w, "awake_seconds", t->awake_us);
	json_write_key(w, "ready");
	json_write_open(w, '[');
	for (uint32_t i = 0; i < t->ready_n && i < LEASE_PORTS; i++) {
		json_write_open(w, '{');
		lease_put_word(w, "port", t->ready[i].port);
		put_seconds(w, "seconds", t->ready[i].us);
		json_write_close(w, '}');
	}
	json_write_close(w, ']');
	if (!t->ok)
		lease_put_word(w, "error", t->text);
}

int lease_told_write(const struct lease_told *t, char *to, size_t size)
{
	static void (*const write[TELL_KINDS])(struct json_writer * w,
					       const struct lease_told *t) = {
		[TELL_RESULT] = write_result,
		[TELL_ASK] = write_ask,
		[TELL_TESTED] = write_tested,
	};
	struct json_writer w = json_writer_over(to, size);

	json_write_open(&w, '{');
	lease_put_word(&w, "tell", forms[t->tell].name);
	write[t->tell](&w, t);
	json_write_close(&w, '}');
	return w.out.cut ? -ENOSPC : (int)w.out.used;
}
