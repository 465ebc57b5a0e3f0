/*
 * cli: the command `rouse`: a table of subcommands, and what they have in common.
 *
 * Commands get a struct cli instead of the process's own streams, so that tests can look at what they print.
 */
#ifndef ROUSE_CLI_CLI_H
#define ROUSE_CLI_CLI_H

#include "base/spec.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CLI_SOCKET "/run/rouse/control.sock"
#define CLI_SLEEPER "/run/rouse-sleeper/control.sock"

enum cli_exit {
	CLI_DONE = 0,
	CLI_FAILED = 1, /* no guard, or it refused */
	CLI_USAGE = 2,
	CLI_NOT_FOUND = 3, /* no such machine */
	CLI_NO_SIGN_OF_LIFE = 4,
};

struct cli {
	FILE *out, *err;
	const char *socket;
	bool socket_given; /* --socket: this guard and no other */
	const char *sleeper; /* the socket of this machine's sleeper */
	const char *home; /* --home: over a relay; NULL: the guard here, if there is one */
	bool colour; /* on `out` */
	uint64_t now_ms; /* wall clock, for "3 min ago" */
	const struct cli_command *command;
};

struct cli_command {
	const char *name;
	const char *arguments; /* behind the name, in the usage line */
	const char *summary; /* one line, for the list */
	const char *help; /* what it does and its options */
	const char *example;
	enum cli_exit (*run)(struct cli *c, int argc, char **argv);
};

/* The table; a NULL name ends it. */
extern const struct cli_command cli_commands[];

/* The whole program but for the process: returns the exit status. */
int cli_run(struct cli *c, int argc, char **argv);

/* "rouse: ...\n" to err. */
__attribute__((format(printf, 2, 3))) void cli_complain(const struct cli *c, const char *format,
							...);
/* The same and where help is; returns CLI_USAGE. */
__attribute__((format(printf, 2, 3))) enum cli_exit cli_usage(const struct cli *c,
							      const char *format, ...);
/*
 * The machine's name behind the options, if there is one; `to` stays as it is without. False: none where one is needed,
 * more than one, or no name; complained already.
 */
bool cli_take_name(const struct cli *c, int argc, char *const *argv, bool needed,
		   char to[static SPEC_NAME_MAX + 1]);
/* Text that somebody else made: control characters become \xNN, valid UTF-8 stays. */
void cli_put(FILE *to, const char *text);

enum cli_exit cli_status(struct cli *c, int argc, char **argv);
enum cli_exit cli_wake(struct cli *c, int argc, char **argv);
enum cli_exit cli_add(struct cli *c, int argc, char **argv);
enum cli_exit cli_remove(struct cli *c, int argc, char **argv);
enum cli_exit cli_log(struct cli *c, int argc, char **argv);
enum cli_exit cli_register(struct cli *c, int argc, char **argv);
enum cli_exit cli_home(struct cli *c, int argc, char **argv);
enum cli_exit cli_connect(struct cli *c, int argc, char **argv);
enum cli_exit cli_import(struct cli *c, int argc, char **argv);
enum cli_exit cli_export(struct cli *c, int argc, char **argv);
enum cli_exit cli_join(struct cli *c, int argc, char **argv);
enum cli_exit cli_relay(struct cli *c, int argc, char **argv);
enum cli_exit cli_leave(struct cli *c, int argc, char **argv);
enum cli_exit cli_share(struct cli *c, int argc, char **argv);
enum cli_exit cli_grants(struct cli *c, int argc, char **argv);
enum cli_exit cli_pair(struct cli *c, int argc, char **argv);
enum cli_exit cli_unpair(struct cli *c, int argc, char **argv);
enum cli_exit cli_sleep_machine(struct cli *c, int argc, char **argv);
enum cli_exit cli_sleep(struct cli *c, int argc, char **argv);
enum cli_exit cli_why(struct cli *c, int argc, char **argv);
enum cli_exit cli_services(struct cli *c, int argc, char **argv);
enum cli_exit cli_service(struct cli *c, int argc, char **argv);
enum cli_exit cli_revoke(struct cli *c, int argc, char **argv);
enum cli_exit cli_setup(struct cli *c, int argc, char **argv);
enum cli_exit cli_doctor(struct cli *c, int argc, char **argv);
enum cli_exit cli_version(struct cli *c, int argc, char **argv);

#endif
