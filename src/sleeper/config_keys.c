#include "sleeper/config_keys.h"

#include "base/text.h"

#include <string.h>

/* --- kinds of values --- */

static const char *parse_duration(const struct config_key *k, const char *word, void *field)
{
	uint64_t us;

	if (k->most == 0 && strcmp(word, "off") == 0) {
		*(uint64_t *)field = CONFIG_OFF;
		return NULL;
	}
	if (text_parse_duration(word, &us) < 0 || us < k->least || (k->most && us > k->most))
		return k->most ? "expected a duration within its range, like 30s"
			       : "expected a duration within its range, like 20min, or off";
	*(uint64_t *)field = us;
	return NULL;
}

static void print_duration(const struct config_key *k, const void *field, FILE *to)
{
	uint64_t us = *(const uint64_t *)field;
	char text[DURATION_TEXT];

	(void)k;
	fputs(us == CONFIG_OFF ? "off" : text_format_duration(us, text), to);
}

static const char *parse_choice(const struct config_key *k, const char *word, void *field)
{
	for (uint64_t i = 0; k->choices[i]; i++) {
		if (strcmp(word, k->choices[i]) == 0) {
			*(uint64_t *)field = i;
			return NULL;
		}
	}
	return "expected one of its words";
}

static void print_choice(const struct config_key *k, const void *field, FILE *to)
{
	fputs(k->choices[*(const uint64_t *)field], to);
}

static const char *parse_text(const struct config_key *k, const char *word, void *field)
{
	size_t n = strlen(word);

	if (n > k->most)
		return "it is too long";
	memcpy(field, word, n + 1);
	return NULL;
}

static void print_text(const struct config_key *k, const void *field, FILE *to)
{
	(void)k;
	fputs(field, to);
}

static const char *parse_path(const struct config_key *k, const char *word, void *field)
{
	return word[0] == '/' ? parse_text(k, word, field) : "expected an absolute path";
}

static const char *parse_host(const struct config_key *k, const char *word, void *field)
{
	return strpbrk(word, " \t/") ? "expected HOST or HOST:PORT" : parse_text(k, word, field);
}

static const char *parse_name(const struct config_key *k, const char *word, void *field)
{
	if (!spec_name_valid(word, strlen(word)))
		return "expected a machine's name: 1 to 63 bytes without '/'";
	return parse_text(k, word, field);
}

static const char *parse_interface(const struct config_key *k, const char *word, void *field)
{
	if (strpbrk(word, " \t/:") || strlen(word) > k->most)
		return "expected the name of an interface";
	return parse_text(k, word, field);
}

static const char *parse_rule(const struct config_key *k, const char *word, void *field)
{
	struct config_rules *all = field;

	(void)k;
	if (all->n == CONFIG_RULES_MAX)
		return "these are too many";
	if (rule_parse(word, &all->list[all->n]) < 0)
		return "expected rules like tcp/22, udp/9987, tcp/8000-8010";
	all->n++;
	return NULL;
}

static void print_rules(const struct config_key *k, const void *field, FILE *to)
{
	const struct config_rules *all = field;
	char text[RULE_TEXT];

	(void)k;
	for (size_t i = 0; i < all->n; i++)
		fprintf(to, "%s%s", i ? " " : "", rule_format(&all->list[i], text));
}

static const struct config_type duration = { false, parse_duration, print_duration };
static const struct config_type choice = { false, parse_choice, print_choice };
static const struct config_type plain = { false, parse_text, print_text };
static const struct config_type path = { false, parse_path, print_text };
static const struct config_type host = { false, parse_host, print_text };
static const struct config_type name = { false, parse_name, print_text };
static const struct config_type interface = { false, parse_interface, print_text };
static const struct config_type rules = { true, parse_rule, print_rules };

/* --- the keys --- */

static const char *const wakes[] = { "arm", "leave", NULL };
static const char *const sessions[] = { "ignore", "active", "any", NULL };
static const char *const needs[] = { "ignore", "need", NULL };
static const char *const obeys[] = { "ignore", "obey", NULL };
static const char *const timers[] = { "ignore", "wake", NULL };
static const char *const levels[] = { "error", "warning", "notice", "info", "debug", NULL };

#define SECOND UINT64_C(1000000)
#define AT(member) offsetof(struct config, member)
#define AT_CHECK(member) offsetof(struct config_check, member)

const struct config_key config_keys[] = {
	{ "sleeper", "guard", &host, AT(guard), "", 0, CONFIG_PATH_MAX, NULL },
	{ "sleeper", "token-file", &path, AT(token_file), "", 0, CONFIG_PATH_MAX, NULL },
	{ "sleeper", "name", &name, AT(name), "", 0, SPEC_NAME_MAX, NULL },
	{ "sleeper", "interface", &interface, AT(interface), "", 0, 15, NULL },
	{ "sleeper", "wake-on-lan", &choice, AT(wake_on_lan), "arm", 0, 0, wakes },
	{ "sleeper", "state-dir", &path, AT(state_dir), "/var/lib/rouse-sleeper", 0,
	  CONFIG_PATH_MAX, NULL },
	{ "sleeper", "control", &path, AT(control), "/run/rouse-sleeper/control.sock", 0, 100,
	  NULL },
	{ "sleeper", "log-level", &choice, AT(log_level), "info", 0, 0, levels },
	{ "services", "on", &rules, AT(services_on), "", 0, 0, NULL },
	{ "services", "off", &rules, AT(services_off), "", 0, 0, NULL },
	{ "idle", "after", &duration, AT(idle_after), "off", 10 * SECOND, 0, NULL },
	{ "idle", "grace", &duration, AT(idle_grace), "10min", 0, 86400 * SECOND, NULL },
	{ "idle", "interval", &duration, AT(idle_interval), "30s", 5 * SECOND, 600 * SECOND, NULL },
	{ "idle", "lease", &choice, AT(idle_lease), "need", 0, 0, needs },
	{ "idle", "traffic", &config_bytes, AT(idle_traffic), "1KiB", 1, 1U << 30, NULL },
	{ "idle", "sessions", &choice, AT(idle_sessions), "active", 0, 0, sessions },
	{ "idle", "inhibitors", &choice, AT(idle_inhibitors), "obey", 0, 0, obeys },
	{ "idle", "load", &config_decimal, AT(idle_load), "0.8", 1, 1000000, NULL },
	{ "idle", "pressure", &config_decimal, AT(idle_pressure), "10", 1, 10000, NULL },
	{ "idle", "disk", &config_bytes, AT(idle_disk), "500KiB", 1, 1U << 30, NULL },
	{ "idle", "network", &config_bytes, AT(idle_network), "10KiB", 1, 1U << 30, NULL },
	{ "idle", "units", &config_names_type, AT(idle_units), "", 1, CONFIG_NAME_MAX, NULL },
	{ "idle", "processes", &config_names_type, AT(idle_processes), "", 0, CONFIG_NAME_MAX,
	  NULL },
	{ "idle", "timers", &choice, AT(idle_timers), "wake", 0, 0, timers },
	{ "idle", "wake-for", &config_names_type, AT(idle_wake_for), "", 1, CONFIG_NAME_MAX, NULL },
	{ "idle", "timer-near", &duration, AT(idle_timer_near), "5min", 60 * SECOND, 86400 * SECOND,
	  NULL },
	{ "check", "command", &plain, AT_CHECK(command), "", 0, CONFIG_PATH_MAX, NULL },
	{ "check", "user", &plain, AT_CHECK(user), "nobody", 0, CONFIG_NAME_MAX, NULL },
	{ "check", "timeout", &duration, AT_CHECK(timeout_us), "10s", SECOND, 60 * SECOND, NULL },
	{ "check", "every", &duration, AT_CHECK(every_us), "1min", 5 * SECOND, 86400 * SECOND,
	  NULL },
};
const size_t config_keys_n = sizeof(config_keys) / sizeof(config_keys[0]);

const struct config_key *config_key(const char *section, const char *name_)
{
	for (size_t i = 0; i < config_keys_n; i++) {
		const struct config_key *k = &config_keys[i];

		if (strcmp(k->section, section) == 0 && strcmp(k->name, name_) == 0)
			return k;
	}
	return NULL;
}
