/*
 * config: the relay's configuration: every key declared once, every error with its line.
 *
 * Owns parsing and printing back. Refuses to open what it names.
 */
#ifndef ROUSE_RELAY_CONFIG_H
#define ROUSE_RELAY_CONFIG_H

#include "base/addr.h"
#include "proto/relay_auth.h"
#include "relay/limits.h"

#include <stdio.h>

#define CONFIG_PATH_MAX 1023
#define CONFIG_LISTEN_MAX 8
#define CONFIG_PROXIES_MAX 16
#define CONFIG_DEFAULT_FILE "/etc/rouse/rouse-relay.conf"

/* Who gets /metrics: this host and trusted proxies' hosts; nobody; everybody. */
enum config_metrics { CONFIG_METRICS_LOCAL, CONFIG_METRICS_OFF, CONFIG_METRICS_ALL };

struct config_endpoint {
	struct addr addr;
	uint16_t port;
};

struct config {
	size_t listen_n, proxies_n;
	struct config_endpoint listen[CONFIG_LISTEN_MAX];
	struct prefix proxies[CONFIG_PROXIES_MAX];
	char tls_cert[CONFIG_PATH_MAX + 1], tls_key[CONFIG_PATH_MAX + 1];
	char database[CONFIG_PATH_MAX + 1];
	char public_url[RELAY_ORIGIN_MAX + 1]; /* an origin */
	uint8_t enrolment_open; /* 0: invite, 1: open */
	uint8_t metrics; /* enum config_metrics */
	uint8_t log_level; /* enum log_level */
	uint64_t connections, connections_per_address, handshakes;
	uint64_t streams_per_home, events_per_home, waiting_per_home;
	uint64_t heartbeat_us, drain_us;
	struct rate connects, requests, failures, phrases, enrolments, grants, homes;
};

/*
 * Reads a whole file's text; says each error on `to` as "name:line: …". 0, or -EINVAL when there was one. What is not
 * said has its default.
 */
int config_parse(struct config *c, const char *bytes, size_t n, const char *name, FILE *to);
/* The file; "cannot be read" is said too. */
int config_load(struct config *c, const char *file, FILE *to);
/* Every key with its value, as a file that means the same. */
void config_print(const struct config *c, FILE *to);

/* An origin, "https://relay.example:8443": lower case, no path; a slash at its end is taken off. */
bool config_origin(const char *text, char to[static RELAY_ORIGIN_MAX + 1]);

#endif
