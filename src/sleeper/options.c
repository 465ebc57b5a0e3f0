#include "sleeper/options.h"

#include "sleeper/config.h"

#include <errno.h>
#include <string.h>

void options_help(FILE *to)
{
	fputs("rouse-sleeper [-c FILE] [--debug]              tells the guard when this machine "
	      "sleeps\n"
	      "rouse-sleeper [-c FILE] --check                says how the configuration is "
	      "understood\n"
	      "rouse-sleeper [-c FILE] --goodbye WHY          for the unit before sleep.target: "
	      "says goodbye,\n"
	      "                                               unless that is done; WHY is suspend, "
	      "hibernate,\n"
	      "                                               poweroff or halt\n"
	      "rouse-sleeper [-c FILE] --hello                and behind it: the machine is awake\n"
	      "rouse-sleeper [-c FILE] --run-check            runs one of the configured checks, "
	      "for "
	      "the socket\n"
	      "                                               of rouse-sleeper-check@.service\n"
	      "rouse-sleeper --help | --version\n"
	      "\n"
	      "FILE is " CONFIG_DEFAULT_FILE " unless -c names another.\n",
	      to);
}

static int complain(char *wrong, const char *what, const char *about)
{
	(void)snprintf(wrong, OPTIONS_WRONG, "%s%s%.100s", what, about[0] ? " " : "", about);
	return -EINVAL;
}

static int take_why(struct options *o, const char *word, char *wrong)
{
	for (int w = WHY_SUSPEND; w <= WHY_HALT; w++) {
		if (strcmp(word, lease_why_name((enum lease_why)w)) == 0) {
			o->action = OPTIONS_GOODBYE;
			o->why = (enum lease_why)w;
			return 0;
		}
	}
	return complain(wrong, "a goodbye is for suspend, hibernate, poweroff or halt, not", word);
}

static int take_flag(struct options *o, const char *word, char *wrong)
{
	static const struct {
		const char *word;
		enum options_action action;
	} actions[] = { { "--run-check", OPTIONS_RUN_CHECK },
			{ "--check", OPTIONS_CHECK },
			{ "--hello", OPTIONS_HELLO },
			{ "--help", OPTIONS_HELP },
			{ "-h", OPTIONS_HELP },
			{ "--version", OPTIONS_VERSION },
			{ "-V", OPTIONS_VERSION } };

	if (strcmp(word, "--debug") == 0 || strcmp(word, "-d") == 0) {
		o->debug = true;
		return 0;
	}
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(word, actions[i].word) == 0) {
			o->action = actions[i].action;
			return 0;
		}
	}
	return complain(wrong, "what is meant by", word);
}

int options_parse(int argc, char *const argv[], struct options *ret_options,
		  char wrong[static OPTIONS_WRONG])
{
	struct options o = { .file = CONFIG_DEFAULT_FILE };

	for (int i = 1; i < argc; i++) {
		bool file = strcmp(argv[i], "-c") == 0 || strcmp(argv[i], "--config") == 0;
		bool goodbye = strcmp(argv[i], "--goodbye") == 0;
		int r = 0;

		if ((file || goodbye) && i + 1 == argc)
			return complain(wrong, "a value is missing behind", argv[i]);
		if (file)
			o.file = argv[++i];
		else if (goodbye)
			r = take_why(&o, argv[++i], wrong);
		else
			r = take_flag(&o, argv[i], wrong);
		if (r < 0)
			return r;
	}
	*ret_options = o;
	return 0;
}
