#include "cli/cli.h"

#include "base/text.h"
#include "proto/pairing_state.h"

#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#define NAME_WIDTH 10

const struct cli_command cli_commands[] = {
	{ "status", "[NAME] [--json]", "what the guard thinks of its machines",
	  "Shows every machine, or one: its state and since when, its addresses and rules, and its "
	  "last wake.\n\n"
	  "  --json             as data: {\"machines\": [...]}, see rouse(1)\n",
	  "rouse status nas", cli_status },
	{ "wake", "NAME [--wait[=SECONDS]] [--json]", "wake a machine",
	  "Wakes a machine.\n\n"
	  "  --wait[=SECONDS]   until it has answered, at most so long (default: as long as the "
	  "guard tries)\n"
	  "  --json             the result as data, see rouse(1)\n\n"
	  "Exit status with --wait: 0 it is awake, 4 no sign of life, 3 no such machine, 1 "
	  "anything else.\n",
	  "rouse wake nas --wait && ssh nas", cli_wake },
	{ "add", "NAME --mac MAC [--address IP]... [--on RULE]...", "guard a machine from now on",
	  "Guards a machine from now on, also after a restart.\n\n"
	  "  --mac MAC          its MAC address\n"
	  "  --address IP       one of its addresses; without any it is woken by request only\n"
	  "  --on RULE          what wakes it: tcp/22, tcp/22+data, udp/9987, tcp/8000-8010, any, "
	  "echo\n"
	  "                     (default: any TCP connection attempt)\n"
	  "  --from SOURCE      only these wake it: addresses, prefixes or MACs (default: all)\n"
	  "  --ignore-from SRC  these do not\n"
	  "  --secureon PASS    SecureOn password, 01:02:03:04:05:06\n"
	  "  --interface NAME   the guard's interface to it (default: where its addresses are)\n"
	  "  --watts NUMBER     what it saves when it sleeps\n",
	  "rouse add nas --mac be:ef:fa:ce:c0:de --address 192.0.2.50 --on tcp/22 --on tcp/445",
	  cli_add },
	{ "remove", "NAME", "guard a machine no more",
	  "Stops guarding a machine that was added or registered. One that the configuration file "
	  "names\n"
	  "stays: the message says in which line.\n",
	  "rouse remove nas", cli_remove },
	{ "sleep", "[NAME] [--force] [--json]", "send a machine to sleep now",
	  "Asks the sleeper of a paired machine to send it to sleep now; it may refuse, and says "
	  "why.\nWithout NAME: this machine.\n\n"
	  "  --force            this machine, although something is busy\n"
	  "  --json             the result as data, see rouse(1)\n",
	  "rouse sleep nas", cli_sleep },
	{ "why", "[--json]", "what keeps this machine awake",
	  "Says in one screen what keeps this machine awake, or when it will sleep. Looks at every "
	  "check\nof [idle] in rouse-sleeper.conf(5), which takes a moment.\n\n"
	  "  --json             as data, see rouse(1)\n",
	  "rouse why", cli_why },
	{ "services", "[--json]", "what listens on this machine and wakes it",
	  "Lists what listens on this machine: what wakes it, and what is left out and why.\n\n"
	  "  --json             as data, see rouse(1)\n",
	  "rouse services", cli_services },
	{ "service", "RULE on|off", "let a service wake this machine, or not",
	  "From now on, and after a restart: connections that match the rule wake this machine, or "
	  "do not.\nRules: tcp/22, tcp/8000-8010, tcp/22+data, udp/9987, echo.\n",
	  "rouse service tcp/445 off", cli_service },
	{ "pair", "[--list] [--json]", "pair a machine's sleeper with this guard",
	  "Shows six digits, and waits until a machine is paired by typing them there (sudo rouse "
	  "setup).\nThey are good for five minutes and three tries, and over when this command "
	  "ends.\n\n"
	  "  --list             what is paired\n"
	  "  --json             as data, see rouse(1)\n\n"
	  "Exit status: 0 a machine is paired, 4 nobody came in time, 1 anything else.\n",
	  "rouse pair", cli_pair },
	{ "unpair", "NAME", "end a pairing",
	  "Ends the pairing of a machine at once. The machine stays guarded.\n", "rouse unpair nas",
	  cli_unpair },
	{ "log", "[NAME] [-f] [-n NUMBER] [--json]", "what happened",
	  "Shows the last events, of all machines or of one.\n\n"
	  "  -f, --follow       go on with what happens\n"
	  "  -n, --lines N      the last N (default: all that are kept, at most 1000)\n"
	  "  --json             one object a line, see rouse(1)\n",
	  "rouse log nas -f", cli_log },
	{ "register", "--guard HOST[:PORT] [OPTION]...",
	  "tell a guard that this machine goes to sleep",
	  "Runs on the machine itself, before it sleeps: tells the guard to stand in for it.\n\n"
	  "  --guard HOST[:PORT]  the guard (port 13717; an IPv6 address with port in brackets)\n"
	  "  --name NAME          what it is called (default: the host's name)\n"
	  "  --interface NAME     the interface to speak of (default: the one to the guard)\n"
	  "  --mac MAC            its MAC (default: the interface's)\n"
	  "  --address IP         one of its addresses (default: the interface's; may be "
	  "repeated)\n"
	  "  --on RULE            what wakes it, as in rouse add (default: any TCP connection "
	  "attempt)\n"
	  "  --secureon PASS      SecureOn password\n"
	  "  --token-file FILE    what `register = token` asks for; - is standard input\n"
	  "  --no-goodbye         only be guarded from now on: this machine does not sleep yet\n",
	  "rouse register --guard 192.0.2.1 --on tcp/22", cli_register },
	{ "join", "URL [INVITATION] [--name NAME] [--json]", "join a relay",
	  "Joins a relay, so that machines can be woken from outside. The invitation is the "
	  "relay's\n"
	  "operator's (rouse-relay invite); URL may be the whole link of it.\n\n"
	  "  --name NAME        what the home is called there (default: the host's name)\n"
	  "  --json             as data, see rouse(1)\n",
	  "rouse join https://relay.example dGhpcyBpcyBubyBzZWNyZXQuLi4", cli_join },
	{ "relay", "[--json]", "how it stands with the relay",
	  "Says which relay is joined, and whether the guard is connected to it.\n\n"
	  "  --json             as data, see rouse(1)\n",
	  "rouse relay", cli_relay },
	{ "leave", "", "leave the relay",
	  "Leaves the relay, which forgets this home. Grants stay, and work again after a join.\n",
	  "rouse leave", cli_leave },
	{ "share", "[--machine NAME]... [OPTION]...", "let somebody wake machines over the relay",
	  "Makes a grant and prints its link, with a QR code for a phone.\n\n"
	  "  --machine NAME     for this machine; may be repeated (default: all)\n"
	  "  --can VERB         see, wake or sleep; may be repeated (default: see and wake)\n"
	  "  --name NAME        whose it is, for the log: \"Ann's phone\"\n"
	  "  --expires TIME     90d, 12h ... (default: never)\n"
	  "  --phrase           six words to be typed instead of a link\n"
	  "  --label NAME       what is typed with them (default: the machine's name)\n"
	  "  --plain            a token for scripts (curl), which the relay can see in use\n"
	  "  --get              a GET wakes too: link previews will\n"
	  "  --no-qr            without the QR code\n"
	  "  --json             as data, see rouse(1)\n",
	  "rouse share --machine nas --name \"Ann's phone\" --expires 90d", cli_share },
	{ "grants", "[--json]", "what is shared", "Lists the grants.\n", "rouse grants",
	  cli_grants },
	{ "revoke", "ID", "end a grant",
	  "Ends a grant at once, also while the relay is away: the guard decides.\n",
	  "rouse revoke yMnKy8zNzs_Q", cli_revoke },
	{ "home", "add LINK [--name NAME] | list [--json] | remove NAME",
	  "homes that are reached over a relay",
	  "Keeps links of `rouse share` in ~/.config/rouse/homes. Where no guard runs, status, "
	  "wake and "
	  "log\nthen work over the relay; --home NAME in front of the command says which home.\n\n"
	  "  --name NAME        what it is called here (default: its own name)\n"
	  "  --json             as data, see rouse(1)\n",
	  "rouse home add 'https://relay.example/#...' && rouse wake nas --wait", cli_home },
	{ "connect", "NAME PORT [--timeout SECONDS]", "connect to a port of a machine, waking it",
	  "Connects standard input and output to a TCP port of a machine on the LAN, as soon as "
	  "the "
	  "port\nanswers: the connection itself is the knock. For ssh, in ~/.ssh/config:\n\n"
	  "  Host nas\n    ProxyCommand rouse connect %h %p\n\n"
	  "  --timeout SECONDS  give up after (default: 120)\n",
	  "rouse connect nas 22 < /dev/null", cli_connect },
	{ "import", "FILE [--phrase] [--dry-run]", "take over machines from a file",
	  "Reads a file of `rouse export`, or pairs.txt of wol-over-http (- is standard input). "
	  "Lines that "
	  "cannot\nbe used are named by number.\n\n"
	  "  --phrase           make a new phrase for each machine of a pairs.txt (a relay must be "
	  "joined)\n"
	  "  --dry-run          only say what would be done\n",
	  "rouse import pairs.txt --phrase", cli_import },
	{ "export", "[--with-key FOLDER]", "machines and settings as a file",
	  "Prints the guard's machines, and its configuration file if it can be read, for `rouse "
	  "import`.\n\n"
	  "  --config FILE      the configuration (default: /etc/rouse/roused.conf)\n"
	  "  --with-key FOLDER  the guard's private key from its state folder, too: then the copy "
	  "is the "
	  "same home\n",
	  "rouse export > rouse.json", cli_export },
	{ "setup", "[--guard HOST[:PORT]] [--code DIGITS] [OPTION]...",
	  "make this machine sleep and wake, with a proof",
	  "Runs on the machine that shall sleep: finds the guard, pairs with it (run `sudo rouse "
	  "pair` there:\nit shows six digits), starts rouse-sleeper, lists what will wake the "
	  "machine, "
	  "and tests it: the\nmachine falls asleep, the guard wakes it, the clock's alarm is the "
	  "safety "
	  "net. Running it again is\nsafe: it keeps what is good.\n\n"
	  "  --guard HOST[:PORT]  the guard (default: the paired one, or what answers to multicast "
	  "DNS)\n"
	  "  --code DIGITS      the six digits, instead of asking for them\n"
	  "  --name NAME        what the guard calls this machine (default: the host's name)\n"
	  "  --interface NAME   the interface to the LAN (default: the one towards the guard)\n"
	  "  --again            pair anew although there is a pairing\n"
	  "  --no-test          without the test: nothing is suspended\n"
	  "  --no-alarm         test although no clock's alarm is the safety net\n"
	  "  --yes              ask nothing; this agrees to the test\n"
	  "  --json             the result as data, see rouse(1); needs --yes\n"
	  "  --state FOLDER     the sleeper's state (default: " PAIRING_STATE_FOLDER ")\n\n"
	  "Exit status: 0 done, 4 the test failed, 1 anything else.\n",
	  "rouse setup --guard 192.0.2.1 --code 123456", cli_setup },
	{ "doctor", "[CODE] [--json] [OPTION]...", "what keeps machines from sleeping and waking",
	  "Looks at everything that makes Wake-on-LAN fail, on the machine and on the guard's box, "
	  "and "
	  "says\nfor each: ok, problem or cannot know, the evidence, and what to do. Changes "
	  "nothing. With a CODE\nit explains that check; rouse-doctor(7) explains all of them.\n\n"
	  "  --json             as data, see rouse(1)\n"
	  "  --list             the codes and what they are about\n"
	  "  --guard HOST[:PORT]  the guard to look for (default: the paired one, or what answers "
	  "to "
	  "mDNS)\n"
	  "  --interface NAME   the interface to look at (default: the one towards the guard)\n"
	  "  --state FOLDER     the sleeper's state (default: " PAIRING_STATE_FOLDER ")\n\n"
	  "Exit status: 0 no problem, 1 problems.\n",
	  "rouse doctor WOL-ARMED", cli_doctor },
	{ "version", "", "the versions of this program and of the guard",
	  "Prints the version of this program and of the guard that runs here.\n", "rouse version",
	  cli_version },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};

void cli_put(FILE *to, const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n;) {
		size_t length = text_utf8_length(text + i, n - i);

		if (length == 0 || text_is_control(text + i, length)) {
			fprintf(to, "\\x%02x", (unsigned int)(unsigned char)text[i]);
			i++;
		} else {
			fwrite(text + i, 1, length, to);
			i += length;
		}
	}
}

void cli_complain(const struct cli *c, const char *format, ...)
{
	char line[2048];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fputs("rouse: ", c->err);
	cli_put(c->err, line);
	fputc('\n', c->err);
}

static void point_to_help(const struct cli *c)
{
	if (c->command)
		fprintf(c->err, "Try 'rouse %s --help'.\n", c->command->name);
	else
		fputs("Try 'rouse --help'.\n", c->err);
}

enum cli_exit cli_usage(const struct cli *c, const char *format, ...)
{
	char line[1024];
	va_list args;

	if (format) {
		va_start(args, format);
		(void)vsnprintf(line, sizeof(line), format, args);
		va_end(args);
		cli_complain(c, "%s", line);
	}
	point_to_help(c);
	return CLI_USAGE;
}

bool cli_take_name(const struct cli *c, int argc, char *const *argv, bool needed,
		   char to[static SPEC_NAME_MAX + 1])
{
	int n = argc - optind;

	if (n > 1 || (needed && n != 1)) {
		(void)cli_usage(c, needed ? "one machine's name is needed" : "one name at most");
		return false;
	}
	if (n < 1)
		return true;
	if (!spec_name_valid(argv[optind], strlen(argv[optind]))) {
		(void)cli_usage(c, "'%s' is no machine's name: 1 to 63 bytes without '/'",
				argv[optind]);
		return false;
	}
	memcpy(to, argv[optind], strlen(argv[optind]) + 1);
	return true;
}

static void print_help(FILE *to)
{
	fputs("usage: rouse [--socket PATH] COMMAND ...\n\n"
	      "Looks at the guard of this host and steers it.\n\n",
	      to);
	for (const struct cli_command *k = cli_commands; k->name; k++)
		fprintf(to, "  %-*s%s\n", NAME_WIDTH, k->name, k->summary);
	fputs("\n  --socket PATH  the guard's control socket (default: " CLI_SOCKET ")\n"
	      "  --home NAME    a home that was added with rouse home add, over its relay\n"
	      "  --sleeper PATH the socket of this machine's sleeper (default: " CLI_SLEEPER ")\n"
	      "\nrouse COMMAND --help says more. Example: rouse status\n",
	      to);
}

static void print_command_help(FILE *to, const struct cli_command *k)
{
	fprintf(to, "usage: rouse [--socket PATH] %s%s%s\n\n%s\nExample:\n  %s\n", k->name,
		k->arguments[0] ? " " : "", k->arguments, k->help, k->example);
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	}
	return false;
}

static int run_command(struct cli *c, int argc, char **argv)
{
	/* getopt starts its complaints with it. */
	static char name[64];

	for (const struct cli_command *k = cli_commands; k->name; k++) {
		if (strcmp(k->name, argv[0]) != 0)
			continue;
		c->command = k;
		if (wants_help(argc, argv)) {
			print_command_help(c->out, k);
			return CLI_DONE;
		}
		(void)snprintf(name, sizeof(name), "rouse %s", k->name);
		argv[0] = name;
		optind = 0;
		return (int)k->run(c, argc, argv);
	}
	return (int)cli_usage(c, "there is no command '%s'", argv[0]);
}

int cli_run(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "home", required_argument, NULL, 'H' },
		{ "sleeper", required_argument, NULL, 'S' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int o;

	optind = 0;
	/* '+': options behind the command are the command's. */
	while ((o = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		switch (o) {
		case 's':
			c->socket = optarg;
			c->socket_given = true;
			break;
		case 'H':
			c->home = optarg;
			break;
		case 'S':
			c->sleeper = optarg;
			break;
		case 'h':
			print_help(c->out);
			return CLI_DONE;
		case 'V':
			fputs("rouse " ROUSE_VERSION "\n", c->out);
			return CLI_DONE;
		default:
			return (int)cli_usage(c, NULL);
		}
	}
	if (optind == argc) {
		print_help(c->err);
		return CLI_USAGE;
	}
	return run_command(c, argc - optind, argv + optind);
}
