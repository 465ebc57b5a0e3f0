/*
 * config: what the administrator wants of the sleeper: the keys of rouse-sleeper.conf(5) as values.
 *
 * Owns parsing and printing back. Refuses to open what it names, and to know what runs here.
 */
#ifndef ROUSE_SLEEPER_CONFIG_H
#define ROUSE_SLEEPER_CONFIG_H

#include "base/spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_DEFAULT_FILE "/etc/rouse/rouse-sleeper.conf"
#define CONFIG_FILE_MAX 65536
#define CONFIG_PATH_MAX 255
#define CONFIG_RULES_MAX 64
#define CONFIG_NAMES_MAX 32
#define CONFIG_NAME_MAX 127
#define CONFIG_CHECKS_MAX 16
#define CONFIG_OFF UINT64_MAX /* of a duration or limit that may be "off" */

struct config_rules {
	size_t n;
	struct rule list[CONFIG_RULES_MAX];
};

struct config_names {
	size_t n;
	char list[CONFIG_NAMES_MAX][CONFIG_NAME_MAX + 1];
};

/* [check "name"]: a command of the user's own: exit 0 means busy. */
struct config_check {
	uint32_t line; /* of its heading */
	char name[SPEC_NAME_MAX + 1];
	char command[CONFIG_PATH_MAX + 1]; /* for /bin/sh -c */
	char user[CONFIG_NAME_MAX + 1];
	uint64_t timeout_us;
	uint64_t every_us;
};

enum config_sessions { SESSIONS_IGNORE, SESSIONS_ACTIVE, SESSIONS_ANY };

/* Durations in microseconds. */
struct config {
	/* [sleeper] */
	char guard[CONFIG_PATH_MAX + 1]; /* HOST or HOST:PORT; empty: the paired one */
	char token_file[CONFIG_PATH_MAX + 1]; /* for a goodbye in Wakupator's format; empty: none */
	char name[SPEC_NAME_MAX + 1]; /* empty: the host's */
	char interface[16]; /* empty: the one towards the guard */
	char state_dir[CONFIG_PATH_MAX + 1];
	char control[CONFIG_PATH_MAX + 1];
	uint64_t wake_on_lan; /* 0: arm, 1: leave */
	uint64_t log_level; /* enum log_level */
	/* [services] */
	struct config_rules services_on, services_off;
	/* [idle] */
	uint64_t idle_after; /* CONFIG_OFF: it never sleeps by itself */
	uint64_t idle_grace;
	uint64_t idle_interval; /* between two looks */
	uint64_t idle_traffic; /* bytes a connection moves between two looks, or is not needed */
	uint64_t idle_sessions; /* enum config_sessions */
	uint64_t idle_inhibitors; /* 0: ignore, 1: obey */
	uint64_t idle_load; /* hundredths, or CONFIG_OFF */
	uint64_t idle_pressure; /* hundredths of a percent, or CONFIG_OFF */
	uint64_t idle_disk, idle_network; /* bytes a second, or CONFIG_OFF */
	uint64_t idle_lease; /* 0: ignore, 1: need: no sleep that nobody could end */
	uint64_t idle_timers; /* 0: ignore, 1: wake */
	uint64_t idle_timer_near; /* no sleep shorter than that */
	struct config_names idle_units, idle_processes, idle_wake_for;
	/* [check "…"] */
	size_t checks_n;
	struct config_check checks[CONFIG_CHECKS_MAX];
};

/*
 * Reads a whole file's text; says each error on `to` as "name:line: …". 0, or -EINVAL when there was one. What is not said
 * has its default.
 */
int config_parse(struct config *c, const char *bytes, size_t n, const char *name, FILE *to);
/* The file; "cannot be read" is said too. A missing default file is an empty one. */
int config_load(struct config *c, const char *file, FILE *to);
/* Every key with its value, as a file that means the same. */
void config_print(const struct config *c, FILE *to);

#endif
