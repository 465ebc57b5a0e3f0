#include "guard/config_keys.h"

#include <string.h>

#define SECOND UINT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static const char *const switches[] = { "no", "yes", NULL };
static const char *const exits[] = { "keep", "wake", NULL };
static const char *const register_modes[] = {
	[REGISTER_OFF] = "off",	      [REGISTER_SELF] = "self", [REGISTER_TOKEN] = "token",
	[REGISTER_ANYONE] = "anyone", [REGISTER_MODES] = NULL,
};

#define OF_CONFIG(member) .offset = offsetof(struct config, member)
#define OF_SPEC(member) .offset = offsetof(struct spec, member)
#define SWITCH .type = &config_choice, .choices = switches, .expected = "yes or no"

const struct config_key config_keys[] = {
	{ "guard", "interface", &config_interface_list, OF_CONFIG(interfaces), .fallback = "",
	  .expected = "names of up to 16 interfaces, separated by blanks",
	  .help = "the interfaces to guard", .empty = "that of the default route",
	  .restart = true },
	{ "guard", "listen", &config_address_list, OF_CONFIG(listen), .fallback = "",
	  .expected = "up to 16 IPv4 or IPv6 addresses of this host, separated by blanks",
	  .help = "where machines register", .empty = "the interfaces' own addresses",
	  .restart = true },
	{ "guard", "port", &config_number, OF_CONFIG(port), .fallback = "13717",
	  .expected = "a port from 1 to 65535", .help = "the registration port", .least = 1,
	  .most = 65535, .restart = true },
	{ "guard", "register", &config_choice, OF_CONFIG(register_mode), .fallback = "self",
	  .expected = "self, token, anyone or off", .help = "who may register a machine",
	  .choices = register_modes },
	{ "guard", "token", &config_string, OF_CONFIG(token), .fallback = "",
	  .expected = "8 to 127 printable characters without blanks",
	  .help = "what register = token asks for", .empty = "none", .least = 8,
	  .most = CONFIG_TOKEN_MAX, .secret = true },
	{ "guard", "virtual-mac", &config_virtual_mac_type, OF_CONFIG(virtual_mac),
	  .fallback = "auto", .expected = "auto, own, or a unicast MAC such as 0a:72:6f:00:00:01",
	  .help = "the MAC under which sleeping machines' addresses are claimed", .restart = true },
	{ "guard", "state-dir", &config_string, OF_CONFIG(state_dir), .fallback = "/var/lib/rouse",
	  .expected = "a path of at most 160 bytes",
	  .help = "where machines, states and events are kept", .least = 1, .most = CONFIG_PATH_MAX,
	  .restart = true },
	{ "guard", "control", &config_string, OF_CONFIG(control),
	  .fallback = "/run/rouse/control.sock", .expected = "a path of at most 107 bytes",
	  .help = "the control socket", .least = 1, .most = 107, .restart = true },
	{ "guard", "on-exit", &config_choice, OF_CONFIG(on_exit_wake), .fallback = "keep",
	  .expected = "keep or wake",
	  .help = "what happens to sleeping machines when the guard is told to stop",
	  .choices = exits },
	{ "guard", "local", SWITCH, OF_CONFIG(local), .fallback = "no",
	  .help = "whether connections that this host makes or forwards wake too",
	  .restart = true },
	{ "guard", "observe", SWITCH, OF_CONFIG(observe), .fallback = "no",
	  .help = "send nothing, log what would have been done" },
	{ "guard", "announce", SWITCH, OF_CONFIG(announce), .fallback = "yes",
	  .help = "answer machines that look for a guard" },
	{ "guard", "scan-limit", &config_rate_type, OF_CONFIG(scan_limit), .fallback = "5/10s",
	  .expected = "NUMBER/DURATION such as 5/10s (up to 65535, 1s to 1h), or off",
	  .help = "what a source may touch without a matching rule" },
	{ "guard", "wake-limit", &config_rate_type, OF_CONFIG(wake_limit), .fallback = "10/1min",
	  .expected = "NUMBER/DURATION such as 10/1min (up to 65535, 1s to 1h), or off",
	  .help = "how many different machines one source may wake" },
	{ "guard", "machines-max", &config_number, OF_CONFIG(machines_max), .fallback = "10000",
	  .expected = "a number from 1 to 100000", .help = "how many machines may register",
	  .least = 1, .most = 100000 },
	{ "guard", "connections-max", &config_number, OF_CONFIG(connections_max), .fallback = "64",
	  .expected = "a number from 1 to 4096",
	  .help = "connections to the registration port at once", .least = 1, .most = 4096 },
	{ "guard", "connections-per-source", &config_number, OF_CONFIG(connections_per_source),
	  .fallback = "16", .expected = "a number from 1 to 4096",
	  .help = "how many of them may come from one address", .least = 1, .most = 4096 },

	{ "wake", "attempts", &config_number, OF_CONFIG(attempts), .fallback = "3",
	  .expected = "a number from 1 to 100", .help = "bursts of magic packets for one wake",
	  .least = 1, .most = 100 },
	{ "wake", "interval", &config_duration, OF_CONFIG(interval), .fallback = "30s",
	  .expected = "a duration from 100ms to 1d such as 30s", .help = "between the bursts",
	  .least = SECOND / 10, .most = DAY },
	{ "wake", "hold", &config_duration, OF_CONFIG(hold), .fallback = "90s",
	  .expected = "a duration from 1s to 1h such as 90s",
	  .help = "how long packets are held for a waking machine", .least = SECOND, .most = HOUR },
	{ "wake", "keep", SWITCH, OF_CONFIG(keep), .fallback = "yes",
	  .help = "keep guarding a machine that did not wake" },
	{ "wake", "shutdown-timeout", &config_duration, OF_CONFIG(shutdown_timeout),
	  .fallback = "10min", .expected = "a duration from 1s to 1000d such as 10min, or never",
	  .help = "a machine still there so long after its goodbye is taken for awake again",
	  .least = SECOND, .most = 1000 * DAY, .special = "never", .special_value = NEVER },
	{ "wake", "probe-interval", &config_duration, OF_CONFIG(probe_interval),
	  .fallback = "250ms", .expected = "a duration from 20ms to 10min such as 250ms",
	  .help = "between two questions to a machine that said goodbye", .least = SECOND / 50,
	  .most = 10 * MINUTE },
	{ "wake", "watch", &config_duration, OF_CONFIG(watch), .fallback = "10s",
	  .expected = "a duration from 1s to 1d such as 10s, or off",
	  .help = "how often a configured, awake machine is looked at", .least = SECOND,
	  .most = DAY, .special = "off", .special_value = 0 },

	{ "machine", "mac", &spec_mac_type, OF_SPEC(mac), .fallback = "",
	  .expected = "the MAC of one NIC such as be:ef:fa:ce:c0:de", .help = "its MAC",
	  .unique = true },
	{ "machine", "address", &spec_address_list, .fallback = "",
	  .expected = "up to 16 IPv4 or IPv6 addresses of the machine, separated by blanks",
	  .help = "its addresses", .empty = "none: woken by request only", .unique = true },
	{ "machine", "wake-on", &spec_rule_list, .fallback = "",
	  .expected = "up to 256 rules such as tcp/22 tcp/8000-8010 tcp/22+data udp/9987 echo any",
	  .help = "what wakes it", .empty = "any TCP port" },
	{ "machine", "from", &spec_from_list, .fallback = "",
	  .expected = "up to 32 addresses, prefixes or MACs, separated by blanks",
	  .help = "only these sources wake it", .empty = "all" },
	{ "machine", "ignore-from", &spec_ignore_list, .fallback = "",
	  .expected = "up to 32 addresses, prefixes or MACs, separated by blanks",
	  .help = "these sources never wake it", .empty = "none" },
	{ "machine", "secureon", &spec_secureon_type, OF_SPEC(secureon), .fallback = "",
	  .expected = "6 bytes such as 01:02:03:04:05:06, or 4",
	  .help = "the SecureOn password of its NIC", .empty = "none" },
	{ "machine", "interface", &spec_interface_type, OF_SPEC(interface), .fallback = "",
	  .expected = "the name of one interface", .help = "the interface it is reached through",
	  .empty = "where its addresses are on link" },
	{ "machine", "watts", &spec_watts_type, OF_SPEC(watts), .fallback = "",
	  .expected = "a number from 1 to 65535",
	  .help = "what it saves asleep, awake minus asleep, for the energy estimate",
	  .empty = "not known", .least = 1, .most = 65535 },
};

const size_t config_keys_n = sizeof(config_keys) / sizeof(config_keys[0]);

const struct config_key *config_key_find(const char *section, const char *key)
{
	for (size_t i = 0; i < config_keys_n; i++) {
		if (strcmp(config_keys[i].section, section) == 0 &&
		    strcmp(config_keys[i].key, key) == 0)
			return &config_keys[i];
	}
	return NULL;
}

#define NEAR_MAX 32

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Letters to insert, remove or replace to make one of the other (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
	size_t row[NEAR_MAX + 1];
	size_t n = strnlen(b, NEAR_MAX);

	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 0; i < NEAR_MAX && a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 1; j <= n; j++) {
			size_t replaced = diagonal + (a[i] != b[j - 1]);

			diagonal = row[j];
			row[j] = least(replaced, least(row[j], row[j - 1]) + 1);
		}
	}
	return row[n];
}

const struct config_key *config_key_nearest(const char *section, const char *key)
{
	const struct config_key *nearest = NULL;
	size_t best = strlen(key) / 3 + 2;

	for (size_t i = 0; i < config_keys_n; i++) {
		size_t d = distance(key, config_keys[i].key);

		if (strcmp(config_keys[i].section, section) == 0 && d < best) {
			best = d;
			nearest = &config_keys[i];
		}
	}
	return nearest;
}

void config_key_format(const struct config_key *k, const void *of, struct text *to)
{
	char word[CONFIG_PATH_MAX + 1];
	struct text t = text_over(word, sizeof(word));

	for (size_t i = 0; k->type->format(k, config_field_const(k, of), i, &t); i++) {
		if (i > 0)
			text_char(to, ' ');
		text_string(to, word);
		t = text_over(word, sizeof(word));
		if (!k->type->list)
			break;
	}
}

bool config_doc(size_t i, struct config_doc *ret_doc)
{
	const struct config_key *k = &config_keys[i];

	if (i >= config_keys_n)
		return false;
	*ret_doc = (struct config_doc){ .section = k->section,
					.key = k->key,
					.expected = k->expected,
					.fallback = k->fallback,
					.help = k->help };
	return true;
}
