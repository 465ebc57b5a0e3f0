#include "cli/setup.h"

#include "base/spec.h"
#include "proto/keys.h"
#include "proto/pairing.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const result_names[SETUP_RESULTS] = {
	[SETUP_DONE] = "done",	     [SETUP_KEPT] = "kept",	[SETUP_WARNED] = "warning",
	[SETUP_SKIPPED] = "skipped", [SETUP_FAILED] = "failed",
};

/* --- what the person sees --- */

void setup_tell(const struct setup *s, const char *format, ...)
{
	char line[SETUP_TEXT];
	va_list args;

	if (s->as_json)
		return;
	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	cli_put(s->cli->out, line);
	fputc('\n', s->cli->out);
	(void)fflush(s->cli->out);
}

bool setup_say(struct setup *s, const char *step, enum setup_result r, const char *format, ...)
{
	char text[SETUP_TEXT];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	s->failed |= r == SETUP_FAILED;
	json_write_open(&s->steps, '{');
	json_write_key(&s->steps, "step");
	json_write_word(&s->steps, step);
	json_write_key(&s->steps, "result");
	json_write_word(&s->steps, result_names[r]);
	json_write_key(&s->steps, "text");
	json_write_word(&s->steps, text);
	json_write_close(&s->steps, '}');
	if (r == SETUP_FAILED && !s->as_json)
		cli_complain(s->cli, "%s: %s", step, text);
	else
		setup_tell(s, "%-10s %s%s", step, r == SETUP_WARNED ? "look: " : "", text);
	return r != SETUP_FAILED;
}

bool setup_ask(const struct setup *s, const char *question, char *to, size_t size)
{
	to[0] = 0;
	if (s->yes)
		return false;
	fprintf(s->cli->out, "%s ", question);
	(void)fflush(s->cli->out);
	if (!fgets(to, (int)size, stdin)) {
		fputc('\n', s->cli->out);
		return false;
	}
	to[strcspn(to, "\r\n")] = 0;
	return true;
}

bool setup_agreed(const struct setup *s, const char *question)
{
	char answer[16];

	return s->yes || (setup_ask(s, question, answer, sizeof(answer)) &&
			  (answer[0] == 'y' || answer[0] == 'Y'));
}

/* --- the network card --- */

static const char *wake_word(const struct box *b)
{
	const char *word = "unsupported";

	for (size_t i = 0; i < b->ports_n; i++) {
		const struct box_port *p = &b->ports[i];

		if (p->wol_error == -EPERM)
			return "unknown";
		if (p->wol_error < 0)
			continue;
		if (p->wol.armed & ETHTOOL_WAKE_MAGIC)
			return "armed";
		if (p->wol.supported & ETHTOOL_WAKE_MAGIC)
			word = "supported";
	}
	return word;
}

static bool setup_port(struct setup *s)
{
	struct box *b = s->box;
	const char *wake;
	char mac[MAC_TEXT];

	box_look_at_interface(b, s->interface);
	if (s->interface && strcmp(b->name, s->interface) != 0)
		return setup_say(s, "port", SETUP_FAILED, "there is no interface '%s'",
				 s->interface);
	if (!b->interface || mac_is_zero(&b->mac))
		return setup_say(
			s, "port", SETUP_FAILED,
			"no Ethernet interface leads to the guard: connect a cable, or name "
			"one with --interface");
	(void)mac_format(&b->mac, mac);
	wake = wake_word(b);
	if (strcmp(wake, "unsupported") == 0)
		return setup_say(
			s, "port", SETUP_WARNED,
			"%s, %s: %s knows no Wake-on-LAN by magic packet, so it will not wake; "
			"rouse doctor WOL-SUPPORT says more",
			b->name, mac, b->ports_n ? b->ports[0].name : b->name);
	if (b->wireless)
		return setup_say(s, "port", SETUP_WARNED,
				 "%s, %s, is Wi-Fi: most such cards cannot wake the machine",
				 b->name, mac);
	return setup_say(s, "port", SETUP_DONE, "%s, %s, Wake-on-LAN is %s", b->name, mac,
			 strcmp(wake, "armed") == 0 ? "armed" : "there; rouse-sleeper arms it");
}

/* --- the result --- */

static void put_member(FILE *to, const char *key, const char *word)
{
	char bytes[2 * SETUP_TEXT];
	struct json_writer w = json_writer_over(bytes, sizeof(bytes));

	if (word && word[0])
		json_write_word(&w, word);
	else
		json_write_null(&w);
	fprintf(to, ",\"%s\":%s", key, bytes);
}

static void print_json(struct setup *s)
{
	const struct box *b = s->box;
	FILE *to = s->cli->out;
	char mac[MAC_TEXT];

	fprintf(to, "{\"result\":\"%s\"", s->failed || s->test_failed ? "failed" : "ok");
	fprintf(to, ",\"steps\":%s", s->steps.out.cut ? "[]" : s->room);
	put_member(to, "guard", b->guard.host);
	fprintf(to, ",\"guard_port\":%s", b->guard.host[0] ? b->guard.port : "null");
	put_member(to, "name", s->paired ? b->pairing.name : NULL);
	put_member(to, "interface", b->name);
	put_member(to, "mac", b->name[0] ? mac_format(&b->mac, mac) : NULL);
	put_member(to, "wake_on_lan", b->name[0] ? wake_word(b) : NULL);
	fprintf(to, ",\"paired\":%s,\"kept\":%s", s->paired ? "true" : "false",
		s->keeps && s->paired ? "true" : "false");
	fprintf(to, ",\"services\":%s", s->services ? s->services : "null");
	fprintf(to, ",\"test\":%s}\n", s->test ? s->test : "null");
}

static enum cli_exit finish(struct setup *s)
{
	json_write_close(&s->steps, ']');
	if (!s->as_json)
		fputc('\n', s->cli->out);
	if (s->as_json)
		print_json(s);
	else if (!s->failed && !s->test_failed)
		setup_tell(s, "This machine may sleep now. `rouse why` says what keeps it awake, "
			      "`rouse doctor` what is wrong.");
	free(s->services);
	free(s->test);
	return s->test_failed ? CLI_NO_SIGN_OF_LIFE : s->failed ? CLI_FAILED : CLI_DONE;
}

/* Everything in order, until a step fails. */
static enum cli_exit run(struct setup *s)
{
	static struct box box;
	struct box_options wanted = { .guard = s->guard,
				      .interface = s->interface,
				      .state = s->state };

	s->box = &box;
	s->steps = json_writer_over(s->room, sizeof(s->room));
	json_write_open(&s->steps, '[');
	if (box_open(&box, s->cli, &wanted) < 0) {
		box_close(&box);
		return CLI_FAILED;
	}
	if (setup_guard(s) && setup_port(s) && setup_pair(s) && setup_start(s) && setup_services(s))
		(void)setup_test(s);

	enum cli_exit status = finish(s);

	box_close(&box);
	return status;
}

static const char *take_option(struct setup *s, int o)
{
	struct dial d;
	char code[PAIRING_CODE_DIGITS + 1];

	switch (o) {
	case 'g':
		s->guard = optarg;
		return dial_parse(optarg, &d) ? NULL : "is no HOST or HOST:PORT";
	case 'c':
		s->code = optarg;
		return pairing_code_parse(optarg, code) == 0 ? NULL : "is no code: six digits";
	case 'n':
		s->name = optarg;
		return spec_name_valid(optarg, strlen(optarg))
			       ? NULL
			       : "is no machine's name: 1 to 63 bytes without '/'";
	case 'i':
		s->interface = optarg;
		return NULL;
	case 's':
		s->state = optarg;
		return NULL;
	case 'a':
		s->again = true;
		return NULL;
	case 't':
		s->no_test = true;
		return NULL;
	case 'l':
		s->no_alarm = true;
		return NULL;
	case 'y':
		s->yes = true;
		return NULL;
	default:
		s->as_json = true;
		return NULL;
	}
}

enum cli_exit cli_setup(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "guard", required_argument, NULL, 'g' },
		{ "code", required_argument, NULL, 'c' },
		{ "name", required_argument, NULL, 'n' },
		{ "interface", required_argument, NULL, 'i' },
		{ "state", required_argument, NULL, 's' },
		{ "again", no_argument, NULL, 'a' },
		{ "no-test", no_argument, NULL, 't' },
		{ "no-alarm", no_argument, NULL, 'l' },
		{ "yes", no_argument, NULL, 'y' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	static struct setup s;
	int o;

	s = (struct setup){ .cli = c, .state = PAIRING_STATE_FOLDER };
	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		const char *why;

		if (o == '?')
			return cli_usage(c, NULL);
		why = take_option(&s, o);
		if (why)
			return cli_usage(c, "'%s' %s", optarg, why);
	}
	if (optind != argc)
		return cli_usage(c, "'%s' is not expected here", argv[optind]);
	if (s.as_json && !s.yes)
		return cli_usage(c, "--json asks nothing: give --yes with it");
	if (geteuid() != 0) {
		cli_complain(c, "this needs root: sudo rouse setup");
		return CLI_FAILED;
	}
	if (keys_init() < 0) {
		cli_complain(c, "the cryptographic library does not work here");
		return CLI_FAILED;
	}
	return run(&s);
}
