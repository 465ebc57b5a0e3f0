/*
 * register: `rouse register`, run on the machine itself: tells a guard to stand in for it. Finds its own MAC and
 * addresses: those of the interface that leads to the guard.
 */
#include "cli/cli.h"
#include "cli/dial.h"
#include "cli/own.h"
#include "cli/spec_options.h"

#include "proto/registration.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_MS 5000
#define ANSWER_SECONDS 15

struct registering {
	struct cli *cli;
	struct dial guard;
	const char *interface;
	const char *name;
	const char *token_file;
	struct registration what;
};

/* What the options did not say: MAC, addresses, name. */
static bool complete(struct registering *r, int fd)
{
	struct spec *s = &r->what.spec;
	struct addr end = dial_own_end(fd);
	struct own own = { .addresses_n = 0 };
	bool given = s->addresses_n > 0;
	bool known = r->interface ? own_by_name(r->interface, &own) == 0
				  : own_by_address(&end, &own) == 0;

	if (!known && r->interface)
		cli_complain(r->cli, "there is no interface '%s'", r->interface);
	if (!known && r->interface)
		return false;
	if (mac_is_zero(&s->mac))
		s->mac = own.mac;
	if (mac_is_zero(&s->mac)) {
		cli_complain(r->cli,
			     "the way to %s is not an Ethernet interface; name one with "
			     "--interface, or give --mac",
			     r->guard.host);
		return false;
	}
	own_machine_name(r->name, &s->mac, s->name);
	for (size_t i = 0; i < own.addresses_n && !given; i++)
		(void)spec_add_address(s, &own.addresses[i]);
	if (s->addresses_n == 0) {
		cli_complain(r->cli, "this machine has no address there; give one with --address");
		return false;
	}
	return true;
}

/* The first line of the file. */
static bool take_token(struct registering *r)
{
	char line[REGISTRATION_TOKEN_MAX + 2] = "";
	FILE *f;
	bool read;

	if (!r->token_file)
		return true;
	f = strcmp(r->token_file, "-") == 0 ? stdin : fopen(r->token_file, "re");
	if (!f) {
		cli_complain(r->cli, "%s: %s", r->token_file, strerror(errno));
		return false;
	}
	read = fgets(line, sizeof(line), f) != NULL;
	if (f != stdin)
		(void)fclose(f);
	line[strcspn(line, "\r\n")] = 0;
	if (!read || line[0] == 0 || strlen(line) > REGISTRATION_TOKEN_MAX) {
		cli_complain(r->cli, "%s: its first line is no token of 1 to %d bytes",
			     r->token_file, REGISTRATION_TOKEN_MAX);
		return false;
	}
	memcpy(r->what.token, line, strlen(line) + 1);
	return true;
}

/* Sends the JSON; the guard's text in `reply`, without its NUL. */
static bool exchange(struct registering *r, int fd, char *reply, size_t size)
{
	char json[16384];
	int n = registration_encode(&r->what, json, sizeof(json));
	size_t used = 0;
	ssize_t got = 1;

	if (n < 0 || !dial_send(fd, json, (size_t)n)) {
		cli_complain(r->cli, "cannot send to %s: %s", r->guard.host,
			     strerror(n < 0 ? -n : errno));
		return false;
	}
	while (used < size - 1 && (got = recv(fd, reply + used, size - 1 - used, 0)) > 0) {
		used += (size_t)got;
		if (memchr(reply, 0, used))
			break;
	}
	reply[used] = 0;
	if (used == 0) {
		cli_complain(r->cli, "%s does not answer: %s", r->guard.host,
			     got < 0 ? strerror(errno) : "it ended the connection");
		return false;
	}
	return true;
}

static void say_done(const struct registering *r)
{
	const struct spec *s = &r->what.spec;
	char mac[MAC_TEXT];
	char address[ADDR_TEXT];

	cli_put(r->cli->out, s->name);
	fprintf(r->cli->out, ": registered at ");
	cli_put(r->cli->out, r->guard.host);
	fprintf(r->cli->out, " with %s", mac_format(&s->mac, mac));
	for (uint16_t i = 0; i < s->addresses_n; i++)
		fprintf(r->cli->out, " %s", addr_format(&s->addresses[i], address));
	fputc('\n', r->cli->out);
}

static enum cli_exit do_register(struct registering *r)
{
	char reply[1024];
	char problem[DIAL_PROBLEM];
	bool ok;
	int fd;

	if (!take_token(r))
		return CLI_FAILED;
	fd = dial_open(&r->guard, CONNECT_MS, ANSWER_SECONDS, problem);
	if (fd < 0) {
		cli_complain(r->cli, "%s", problem);
		return CLI_FAILED;
	}
	ok = complete(r, fd) && exchange(r, fd, reply, sizeof(reply));
	close(fd);
	if (!ok)
		return CLI_FAILED;
	if (strcmp(reply, REGISTRATION_OK) != 0) {
		cli_complain(r->cli, "%s refused: %s", r->guard.host, reply);
		return CLI_FAILED;
	}
	say_done(r);
	return CLI_DONE;
}

enum { OPTION_GUARD = SPEC_OPTION_END, OPTION_NAME, OPTION_TOKEN_FILE, OPTION_NO_GOODBYE };

static const char *take_option(int o, struct registering *r)
{
	switch (o) {
	case OPTION_GUARD:
		return dial_parse(optarg, &r->guard) ? NULL : "is no HOST or HOST:PORT";
	case OPTION_NAME:
		r->name = optarg;
		return spec_name_valid(optarg, strlen(optarg))
			       ? NULL
			       : "is no machine's name: 1 to 63 bytes without '/'";
	case OPTION_TOKEN_FILE:
		r->token_file = optarg;
		return NULL;
	case OPTION_NO_GOODBYE:
		r->what.goodbye = false;
		return NULL;
	case SPEC_OPTION_INTERFACE:
		r->interface = optarg;
		return NULL;
	default:
		return spec_option_take(o, optarg, &r->what.spec);
	}
}

enum cli_exit cli_register(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "guard", required_argument, NULL, OPTION_GUARD },
		{ "name", required_argument, NULL, OPTION_NAME },
		{ "interface", required_argument, NULL, SPEC_OPTION_INTERFACE },
		{ "mac", required_argument, NULL, SPEC_OPTION_MAC },
		{ "address", required_argument, NULL, SPEC_OPTION_ADDRESS },
		{ "on", required_argument, NULL, SPEC_OPTION_ON },
		{ "secureon", required_argument, NULL, SPEC_OPTION_SECUREON },
		{ "token-file", required_argument, NULL, OPTION_TOKEN_FILE },
		{ "no-goodbye", no_argument, NULL, OPTION_NO_GOODBYE },
		{ NULL, 0, NULL, 0 },
	};
	struct registering r = { .cli = c, .what.goodbye = true };
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		const char *why;

		if (o == '?')
			return cli_usage(c, NULL);
		why = take_option(o, &r);
		if (why)
			return cli_usage(c, "'%s' %s", optarg, why);
	}
	if (optind != argc)
		return cli_usage(c, "'%s' is not expected here", argv[optind]);
	if (!r.guard.host[0])
		return cli_usage(c, "--guard is needed");
	return do_register(&r);
}
