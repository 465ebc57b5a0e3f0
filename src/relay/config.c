#include "relay/config.h"

#include "base/text.h"
#include "proto/ini_lines.h"
#include "sys/files.h"
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>

#define FILE_MAX 65536

struct key;

/* What kind of value a key has. */
struct type {
	/* NULL, or what was expected. A list is parsed word by word. */
	const char *(*parse)(const struct key *k, const char *word, struct config *c);
	void (*print)(const struct key *k, const struct config *c, FILE *to);
	bool list;
};

struct key {
	const char *name;
	const struct type *type;
	size_t offset;
	const char *fallback;
	uint64_t least, most;
	const char *const *choices;
};

static void *field(const struct key *k, struct config *c)
{
	return (char *)c + k->offset;
}

static const void *field_const(const struct key *k, const struct config *c)
{
	return (const char *)c + k->offset;
}

/* --- types --- */

static const char *parse_number(const struct key *k, const char *word, struct config *c)
{
	if (text_parse_u64(word, k->most, field(k, c)) < 0 || *(uint64_t *)field(k, c) < k->least)
		return "expected a number within its range";
	return NULL;
}

static void print_number(const struct key *k, const struct config *c, FILE *to)
{
	fprintf(to, "%llu", (unsigned long long)*(const uint64_t *)field_const(k, c));
}

static const char *parse_duration(const struct key *k, const char *word, struct config *c)
{
	uint64_t us;

	if (text_parse_duration(word, &us) < 0 || us < k->least || us > k->most)
		return "expected a duration within its range, like 40s";
	*(uint64_t *)field(k, c) = us;
	return NULL;
}

static void print_duration(const struct key *k, const struct config *c, FILE *to)
{
	char text[DURATION_TEXT];

	fputs(text_format_duration(*(const uint64_t *)field_const(k, c), text), to);
}

static const char *parse_choice(const struct key *k, const char *word, struct config *c)
{
	for (uint8_t i = 0; k->choices[i]; i++) {
		if (strcmp(word, k->choices[i]) == 0) {
			*(uint8_t *)field(k, c) = i;
			return NULL;
		}
	}
	return "expected one of its words";
}

static void print_choice(const struct key *k, const struct config *c, FILE *to)
{
	fputs(k->choices[*(const uint8_t *)field_const(k, c)], to);
}

static const char *parse_path(const struct key *k, const char *word, struct config *c)
{
	if (word[0] && word[0] != '/')
		return "expected an absolute path";
	if (strlen(word) > CONFIG_PATH_MAX)
		return "it is too long";
	memcpy(field(k, c), word, strlen(word) + 1);
	return NULL;
}

static void print_text(const struct key *k, const struct config *c, FILE *to)
{
	fputs(field_const(k, c), to);
}

bool config_origin(const char *text, char to[static RELAY_ORIGIN_MAX + 1])
{
	size_t n = strlen(text);
	size_t scheme = strncmp(text, "https://", 8) == 0 ? 8 : 7;

	if (n && text[n - 1] == '/')
		n--;
	if ((scheme == 7 && strncmp(text, "http://", 7) != 0) || n <= scheme ||
	    n > RELAY_ORIGIN_MAX)
		return false;
	for (size_t i = scheme; i < n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789.-:[]", text[i]))
			return false;
	memcpy(to, text, n);
	to[n] = 0;
	/* The scheme's own port is not written. */
	if (n > 4 && scheme == 8 && strcmp(to + n - 4, ":443") == 0)
		to[n - 4] = 0;
	if (n > 3 && scheme == 7 && strcmp(to + n - 3, ":80") == 0)
		to[n - 3] = 0;
	return true;
}

static const char *parse_origin(const struct key *k, const char *word, struct config *c)
{
	if (word[0] == 0)
		return NULL;
	return config_origin(word, field(k, c)) ? NULL
						: "expected an address like https://relay.example";
}

static const char *parse_rate(const struct key *k, const char *word, struct config *c)
{
	struct rate *rate = field(k, c);
	const char *slash = strchr(word, '/');
	char count[12] = "";
	uint64_t limit, window;

	*rate = (struct rate){ 0 };
	if (strcmp(word, "off") == 0)
		return NULL;
	if (!slash || (size_t)(slash - word) >= sizeof(count))
		return "expected a rate like 30/1min, or off";
	memcpy(count, word, (size_t)(slash - word));
	if (text_parse_u64(count, 1000000, &limit) < 0 || limit == 0 ||
	    text_parse_duration(slash + 1, &window) < 0 || window < 1000000 ||
	    window > 86400000000U)
		return "expected a rate like 30/1min, or off";
	*rate = (struct rate){ .limit = (uint32_t)limit, .window_us = window };
	return NULL;
}

static void print_rate(const struct key *k, const struct config *c, FILE *to)
{
	const struct rate *rate = field_const(k, c);
	char text[DURATION_TEXT];

	if (rate->limit == 0)
		fputs("off", to);
	else
		fprintf(to, "%u/%s", rate->limit, text_format_duration(rate->window_us, text));
}

static const char *parse_listen(const struct key *k, const char *word, struct config *c)
{
	const char *colon = strrchr(word, ':');
	char address[ADDR_TEXT + 2] = "";
	struct config_endpoint e;
	char *start = address;
	uint64_t port;
	size_t n;

	(void)k;
	if (c->listen_n == CONFIG_LISTEN_MAX)
		return "these are too many";
	n = colon ? (size_t)(colon - word) : 0;
	if (!colon || n >= sizeof(address) || text_parse_u64(colon + 1, 65535, &port) < 0)
		return "expected ADDRESS:PORT, like [::]:443";
	memcpy(address, word, n);
	if (n > 2 && address[0] == '[' && address[n - 1] == ']') {
		address[n - 1] = 0;
		start++;
	}
	if (addr_parse(start, &e.addr) < 0 || (e.addr.family == 6) != (start != address))
		return "expected ADDRESS:PORT, like [::]:443";
	e.port = (uint16_t)port;
	c->listen[c->listen_n++] = e;
	return NULL;
}

static void print_listen(const struct key *k, const struct config *c, FILE *to)
{
	(void)k;
	for (size_t i = 0; i < c->listen_n; i++) {
		const struct config_endpoint *e = &c->listen[i];
		char text[ADDR_TEXT];

		fprintf(to, e->addr.family == 6 ? "%s[%s]:%u" : "%s%s:%u", i ? " " : "",
			addr_format(&e->addr, text), e->port);
	}
}

static const char *parse_proxy(const struct key *k, const char *word, struct config *c)
{
	(void)k;
	if (c->proxies_n == CONFIG_PROXIES_MAX)
		return "these are too many";
	if (prefix_parse(word, &c->proxies[c->proxies_n]) < 0)
		return "expected an address or a prefix, like 192.0.2.0/24";
	c->proxies_n++;
	return NULL;
}

static void print_proxy(const struct key *k, const struct config *c, FILE *to)
{
	char text[PREFIX_TEXT];

	(void)k;
	for (size_t i = 0; i < c->proxies_n; i++)
		fprintf(to, "%s%s", i ? " " : "", prefix_format(&c->proxies[i], text));
}

static const struct type number = { parse_number, print_number, false };
static const struct type duration = { parse_duration, print_duration, false };
static const struct type choice = { parse_choice, print_choice, false };
static const struct type path = { parse_path, print_text, false };
static const struct type origin = { parse_origin, print_text, false };
static const struct type rate = { parse_rate, print_rate, false };
static const struct type listen_list = { parse_listen, print_listen, true };
static const struct type proxy_list = { parse_proxy, print_proxy, true };

static const char *const enrolments[] = { "invite", "open", NULL };
static const char *const metrics[] = { "local", "off", "all", NULL };
static const char *const levels[] = { "error", "warning", "notice", "info", "debug", NULL };

#define AT(member) offsetof(struct config, member)

static const struct key keys[] = {
	{ "listen", &listen_list, AT(listen), "[::]:8080", 0, 0, NULL },
	{ "public-url", &origin, AT(public_url), "", 0, 0, NULL },
	{ "tls-cert", &path, AT(tls_cert), "", 0, 0, NULL },
	{ "tls-key", &path, AT(tls_key), "", 0, 0, NULL },
	{ "database", &path, AT(database), "/var/lib/rouse-relay/relay.db", 0, 0, NULL },
	{ "trusted-proxy", &proxy_list, AT(proxies), "", 0, 0, NULL },
	{ "enrolment", &choice, AT(enrolment_open), "invite", 0, 0, enrolments },
	{ "metrics", &choice, AT(metrics), "local", 0, 0, metrics },
	{ "log-level", &choice, AT(log_level), "info", 0, 0, levels },
	{ "heartbeat", &duration, AT(heartbeat_us), "40s", 25000000, 55000000, NULL },
	{ "drain", &duration, AT(drain_us), "30s", 0, 300000000, NULL },
	{ "connections", &number, AT(connections), "16000", 16, 1000000, NULL },
	{ "connections-per-address", &number, AT(connections_per_address), "64", 0, 1000000, NULL },
	{ "handshakes", &number, AT(handshakes), "2000", 1, 1000000, NULL },
	{ "streams-per-home", &number, AT(streams_per_home), "64", 1, 10000, NULL },
	{ "waiting-per-home", &number, AT(waiting_per_home), "64", 1, 100000, NULL },
	{ "events-per-home", &number, AT(events_per_home), "500", 16, 100000, NULL },
	{ "connects-per-address", &rate, AT(connects), "600/1min", 0, 0, NULL },
	{ "requests-per-address", &rate, AT(requests), "300/1min", 0, 0, NULL },
	{ "failures-per-address", &rate, AT(failures), "30/10min", 0, 0, NULL },
	{ "phrases-per-address", &rate, AT(phrases), "30/10min", 0, 0, NULL },
	{ "enrolments-per-address", &rate, AT(enrolments), "20/1h", 0, 0, NULL },
	{ "requests-per-grant", &rate, AT(grants), "30/1min", 0, 0, NULL },
	{ "requests-per-home", &rate, AT(homes), "120/1min", 0, 0, NULL },
};
#define KEYS_N (sizeof(keys) / sizeof(keys[0]))

/* --- reading --- */

struct reading {
	struct config *c;
	const char *name;
	FILE *to;
	bool seen[KEYS_N];
	bool known; /* the section is ours */
	bool failed;
	const struct key *last;
};

static void complain(struct reading *r, uint32_t line, const char *key, const char *what)
{
	fprintf(r->to, "%s:%u: %s%s%s\n", r->name, line, key, key[0] ? ": " : "", what);
	r->failed = true;
}

static void on_heading(void *who, uint32_t line, const char *section, const char *name)
{
	struct reading *r = who;

	r->known = strcmp(section, "relay") == 0 && !name;
	if (!r->known && section[0])
		complain(r, line, "", "there is only the section [relay]");
}

static void on_wrong(void *who, uint32_t line, const char *what)
{
	bool heading = strncmp(what, "a heading", 9) == 0;

	complain(who, line, "", heading ? "the heading is [relay]" : what);
}

static void take_words(struct reading *r, uint32_t line, const struct key *k, const char *value)
{
	char word[CONFIG_PATH_MAX + 2];
	const char *wrong;

	while (*value) {
		size_t n = k->type->list ? strcspn(value, " \t,") : strlen(value);

		if (n >= sizeof(word)) {
			complain(r, line, k->name, "it is too long");
			return;
		}
		memcpy(word, value, n);
		word[n] = 0;
		wrong = n ? k->type->parse(k, word, r->c) : NULL;
		if (wrong)
			complain(r, line, k->name, wrong);
		value += n;
		value += strspn(value, " \t,");
	}
}

static void on_key(void *who, uint32_t line, const char *name, const char *value, bool more)
{
	struct reading *r = who;
	size_t i = 0;

	if (!r->known) {
		complain(r, line, name, "there is no section [relay] above it");
		return;
	}
	while (i < KEYS_N && strcmp(keys[i].name, name) != 0)
		i++;
	if (i == KEYS_N) {
		complain(r, line, name, "there is no such key");
		return;
	}
	if (more && !keys[i].type->list)
		complain(r, line, name, "it has one line only");
	else if (!more && r->seen[i])
		complain(r, line, name, "it is there twice");
	else if (!value[0] && keys[i].fallback[0])
		complain(r, line, name, "it needs a value");
	else
		take_words(r, line, &keys[i], value);
	r->seen[i] = true;
}

static bool wildcard(const struct config *c)
{
	return addr_is_unspecified(&c->listen[0].addr);
}

/* What keys say about each other. */
static void check_whole(struct reading *r)
{
	struct config *c = r->c;
	char text[ADDR_TEXT];
	char url[RELAY_ORIGIN_MAX + 1];

	if (!c->tls_cert[0] != !c->tls_key[0])
		complain(r, 0, "tls-cert", "it goes together with tls-key");
	if (!c->database[0])
		complain(r, 0, "database", "it needs a path");
	if (c->listen_n == 0)
		complain(r, 0, "listen", "it needs an address");
	if (c->public_url[0] || c->listen_n == 0)
		return;
	if (wildcard(c)) {
		complain(r, 0, "public-url",
			 "it is needed: the address people reach this relay at");
		return;
	}
	(void)snprintf(url, sizeof(url),
		       c->listen[0].addr.family == 6 ? "%s://[%s]:%u" : "%s://%s:%u",
		       c->tls_cert[0] ? "https" : "http", addr_format(&c->listen[0].addr, text),
		       c->listen[0].port);
	(void)config_origin(url, c->public_url);
}

int config_parse(struct config *c, const char *bytes, size_t n, const char *name, FILE *to)
{
	struct reading r = { .c = c, .name = name, .to = to };
	const struct ini_listener listener = { on_heading, on_key, on_wrong, &r };
	int result;

	memset(c, 0, sizeof(*c));
	result = ini_lines(bytes, n, &listener);
	for (size_t i = 0; i < KEYS_N; i++)
		if (!r.seen[i])
			take_words(&r, 0, &keys[i], keys[i].fallback);
	if (result == 0)
		check_whole(&r);
	return result < 0 ? result : r.failed ? -EINVAL : 0;
}

int config_load(struct config *c, const char *file, FILE *to)
{
	char *bytes;
	size_t n;
	int r = file_read(AT_FDCWD, file, FILE_MAX, &bytes, &n);

	if (r < 0) {
		fprintf(to, "rouse-relay: cannot read the configuration %s: %s\n", file,
			strerror(-r));
		return r;
	}
	r = config_parse(c, bytes, n, file, to);
	free(bytes);
	return r;
}

void config_print(const struct config *c, FILE *to)
{
	fputs("[relay]\n", to);
	for (size_t i = 0; i < KEYS_N; i++) {
		fprintf(to, "%s = ", keys[i].name);
		keys[i].type->print(&keys[i], c, to);
		fputc('\n', to);
	}
}
