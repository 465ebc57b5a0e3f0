#include "proto/relay_message.h"

#include <errno.h>
#include <string.h>

bool relay_word_valid(const char *word)
{
	size_t n = strlen(word);

	return n >= 1 && n <= RELAY_WORD_MAX &&
	       strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int get_whole(const struct json *map, const char *key, uint64_t least, uint64_t most,
		     uint64_t *ret)
{
	const struct json *v = json_member(map, key);
	int64_t n = json_whole(v);

	if (json_kind_of(v) != JSON_KIND_WHOLE || n < 0 || (uint64_t)n < least ||
	    (uint64_t)n > most)
		return -EINVAL;
	*ret = (uint64_t)n;
	return 0;
}

static int get_b64(const struct json *map, const char *key, void *to, size_t n)
{
	const char *word = json_word(json_member(map, key));

	return word ? b64_decode(word, strlen(word), to, n) : -EINVAL;
}

/* Whoever asked, as the relay says: not worth refusing a request for. */
static struct addr get_address(const struct json *map)
{
	const char *word = json_word(json_member(map, "from"));
	struct addr a;

	return word && addr_parse(word, &a) == 0 ? a : ADDR_NONE;
}

static int read_hello(const struct json *root, struct relay_message *m)
{
	const char *origin = json_word(json_member(root, "origin"));

	if (!origin || strlen(origin) > RELAY_ORIGIN_MAX)
		return -EINVAL;
	memcpy(m->hello.origin, origin, strlen(origin) + 1);
	return get_b64(root, "challenge", m->hello.challenge, sizeof(m->hello.challenge));
}

static int read_joined(const struct json *root, struct relay_message *m)
{
	uint8_t home[RELAY_HOME_SIZE];
	uint64_t heartbeat = 0;

	if (get_b64(root, "home", home, sizeof(home)) < 0 ||
	    get_whole(root, "heartbeat", 25, 55, &heartbeat) < 0 ||
	    get_whole(root, "event", 0, RELAY_WHOLE_MAX, &m->joined.event) < 0)
		return -EINVAL;
	b64_encode(home, sizeof(home), m->joined.home);
	m->joined.heartbeat = (uint32_t)heartbeat;
	return get_b64(root, "run", m->joined.run, sizeof(m->joined.run));
}

static int read_refused(const struct json *root, struct relay_message *m)
{
	const char *why = json_word(json_member(root, "why"));

	if (!why || !relay_word_valid(why))
		return -EINVAL;
	memcpy(m->why, why, strlen(why) + 1);
	return 0;
}

static int read_nothing(const struct json *root, struct relay_message *m)
{
	(void)root;
	(void)m;
	return 0;
}

/* A sealed part of the wrong shape is still to be answered: not authentic. */
static int read_request(const struct json *root, struct relay_message *m)
{
	if (get_whole(root, "id", 0, RELAY_WHOLE_MAX, &m->request.id) < 0)
		return -EINVAL;
	m->request.from = get_address(root);
	m->request.sane = sealed_request_read(json_member(root, "sealed"), &m->request.sealed) == 0;
	return 0;
}

static int read_token(const struct json *root, struct relay_message *m)
{
	const struct json *get = json_member(root, "get");
	uint8_t grant[RELAY_GRANT_SIZE];

	if (get_whole(root, "id", 0, RELAY_WHOLE_MAX, &m->token.id) < 0 ||
	    get_b64(root, "grant", grant, sizeof(grant)) < 0 ||
	    get_b64(root, "token", m->token.token, sizeof(m->token.token)) < 0 ||
	    json_kind_of(get) != JSON_KIND_BOOL)
		return -EINVAL;
	b64_encode(grant, sizeof(grant), m->token.grant);
	m->token.get = json_truth(get);
	m->token.from = get_address(root);
	return 0;
}

static int read_drain(const struct json *root, struct relay_message *m)
{
	uint64_t seconds = 0;
	int r = get_whole(root, "seconds", 0, 3600, &seconds);

	m->seconds = (uint32_t)seconds;
	return r;
}

static const struct {
	const char *type;
	int (*read)(const struct json *root, struct relay_message *m);
} types[RELAY_MESSAGE_KINDS] = {
	[RELAY_HELLO] = { "hello", read_hello },
	[RELAY_JOINED] = { "joined", read_joined },
	[RELAY_REFUSED] = { "refused", read_refused },
	[RELAY_AGAIN] = { "again", read_nothing },
	[RELAY_STORED] = { "stored", read_nothing },
	[RELAY_REQUEST] = { "request", read_request },
	[RELAY_TOKEN] = { "token", read_token },
	[RELAY_DRAIN] = { "drain", read_drain },
	[RELAY_LEFT] = { "left", read_nothing },
};

static int read_root(const struct json *root, struct relay_message *m)
{
	const char *type = json_word(json_member(root, "t"));
	unsigned int kind = 0;

	if (!type)
		return -EINVAL;
	while (kind < RELAY_MESSAGE_KINDS && strcmp(type, types[kind].type) != 0)
		kind++;
	if (kind == RELAY_MESSAGE_KINDS)
		return RELAY_UNKNOWN;
	m->kind = (enum relay_message_kind)kind;
	return types[kind].read(root, m);
}

int relay_message_read(const char *text, size_t n, struct relay_message *ret)
{
	char problem[JSON_PROBLEM];
	struct relay_message m;
	struct json *root;
	int r;

	memset(&m, 0, sizeof(m));
	if (n > RELAY_MESSAGE_MAX || json_read(text, n, &root, problem) < 0)
		return -EINVAL;
	r = read_root(root, &m);
	json_drop(root);
	if (r == 0)
		*ret = m;
	return r;
}
