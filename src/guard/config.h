/*
 * config: what the administrator wants of the guard: the keys of roused.conf(5) as values.
 *
 * Owns: the table of keys, which parses, checks, prints and documents each of them; the machines of the file. Refuses to
 * know where the bytes come from, and which interfaces and addresses exist: that is the monitor's.
 */
#ifndef ROUSE_GUARD_CONFIG_H
#define ROUSE_GUARD_CONFIG_H

#include "base/heap.h"
#include "base/spec.h"
#include "proto/ipc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_FILE_MAX (16U << 20) /* bytes of a configuration file */
#define CONFIG_INTERFACES_MAX 16
#define CONFIG_LISTEN_MAX 16
#define CONFIG_TOKEN_MAX 127
#define CONFIG_PATH_MAX 160

struct config_interfaces {
	uint16_t n; /* 0: that of the default route */
	char names[CONFIG_INTERFACES_MAX][16];
};

struct config_addresses {
	uint16_t n; /* 0: the interfaces' own */
	struct addr list[CONFIG_LISTEN_MAX];
};

enum config_virtual_mac { VIRTUAL_MAC_AUTO, VIRTUAL_MAC_OWN, VIRTUAL_MAC_GIVEN };

struct config_mac {
	uint8_t kind; /* enum config_virtual_mac */
	struct mac mac; /* when GIVEN */
};

struct config_rate {
	uint16_t limit; /* 0: off */
	uint64_t window; /* microseconds */
};

/* Durations in microseconds. */
struct config {
	/* [guard] */
	struct config_interfaces interfaces;
	struct config_addresses listen;
	uint64_t port;
	uint64_t register_mode; /* enum ipc_register_mode */
	char token[CONFIG_TOKEN_MAX + 1];
	struct config_mac virtual_mac;
	char state_dir[CONFIG_PATH_MAX + 1];
	char control[CONFIG_PATH_MAX + 1];
	uint64_t on_exit_wake; /* 0 keep, 1 wake */
	uint64_t local;
	uint64_t observe;
	uint64_t announce;
	struct config_rate scan_limit;
	struct config_rate wake_limit;
	uint64_t machines_max; /* how many may register */
	uint64_t connections_max; /* at the registration port, at once */
	uint64_t connections_per_source;
	/* [wake] */
	uint64_t attempts;
	uint64_t interval;
	uint64_t hold;
	uint64_t keep;
	uint64_t shutdown_timeout; /* NEVER: for ever */
	uint64_t probe_interval;
	uint64_t watch; /* 0: off */
	/* [machine "…"], in the file's order; origin SPEC_FILE */
	struct spec *machines;
	size_t machines_n;
};

/* What was wrong with a configuration, in the file's order; the texts say what is expected instead. */
struct config_problem {
	uint32_t line; /* 0: of no line (a command line option, or the whole file) */
	bool warning; /* it is usable all the same */
	char *text;
};

#define CONFIG_PROBLEMS_MAX 100 /* kept; the rest is counted */

struct config_report {
	struct config_problem *problems;
	size_t n;
	size_t errors; /* all of them, kept or not */
};

void config_report_done(struct config_report *r);
/* "FILE:LINE: text", one a line; escapes what is not printable. */
void config_report_print(const struct config_report *r, const char *file, FILE *to);

/* Every key at its default, no machine. */
void config_init(struct config *c);
void config_done(struct config *c);
/* The machines alone: once the store has them they need not stay in memory. */
void config_drop_machines(struct config *c);

/*
 * Reads the n bytes of a configuration file into c (initialised by the caller). Everything that is wrong goes to the
 * report (zeroed by the caller). 0, -EINVAL when there were errors (c is then of no use), -ENOMEM.
 */
int config_parse(struct config *c, const char *bytes, size_t n, struct config_report *r)
	__attribute__((warn_unused_result));
/*
 * Sets one key of [guard] or [wake] from elsewhere; `said` is how the person said it ("-nb"). A list is replaced.
 * 0, or -EINVAL and an error in the report.
 */
int config_set(struct config *c, const char *section, const char *key, const char *value,
	       const char *said, struct config_report *r);

/* The configuration as a file that config_parse() understands to be the same: what `--check` shows. */
void config_print(const struct config *c, FILE *to);
/* The part of it that engine and control need. */
void config_settings(const struct config *c, struct ipc_settings *ret_settings);

/* One key as the documentation knows it. */
struct config_doc {
	const char *section; /* "guard", "wake", "machine" */
	const char *key;
	const char *expected; /* what its value looks like */
	const char *fallback; /* its default; empty: none */
	const char *help; /* one line */
};

/* The i-th key of all; false behind the last one. */
bool config_doc(size_t i, struct config_doc *ret_doc);

/*
 * What a reload changes in [guard] and [wake]: calls `changed` for each key whose value differs. `restart` is true for
 * those that act at the next start only. The machines: guard/reload.h.
 */
void config_diff(const struct config *before, const struct config *after,
		 void (*changed)(void *who, const char *section, const char *key, bool restart),
		 void *who);

#endif
