#include "relay/options.h"

#include "relay/config.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *word;
	enum options_action action;
} commands[] = {
	{ "invite", OPTIONS_INVITE },
	{ "homes", OPTIONS_HOMES },
	{ "remove", OPTIONS_REMOVE },
};

void options_help(FILE *to)
{
	fputs("rouse-relay [-c FILE]                          serves guards and people\n"
	      "rouse-relay [-c FILE] --check                  says how the configuration is "
	      "understood\n"
	      "rouse-relay [-c FILE] invite [--name NAME] [--expires 1d] [--json]\n"
	      "                                               lets one more guard join\n"
	      "rouse-relay [-c FILE] homes [--json]           lists the homes\n"
	      "rouse-relay [-c FILE] remove HOME              forgets a home, with all that "
	      "belongs to it\n"
	      "rouse-relay --help | --version\n"
	      "\n"
	      "FILE is " CONFIG_DEFAULT_FILE " unless -c names another.\n",
	      to);
}

static int complain(char *wrong, const char *what, const char *about)
{
	(void)snprintf(wrong, OPTIONS_WRONG, "%s%s%.100s", what, about[0] ? " " : "", about);
	return -EINVAL;
}

/* An option that has a value: where that goes; NULL for others. */
static const char **value_of(struct options *o, const char *word)
{
	if (strcmp(word, "-c") == 0 || strcmp(word, "--config") == 0)
		return &o->file;
	if (strcmp(word, "--name") == 0)
		return &o->name;
	return strcmp(word, "--expires") == 0 ? &o->expires : NULL;
}

static int take_flag(struct options *o, const char *word, char *wrong)
{
	static const struct {
		const char *word;
		enum options_action action;
	} actions[] = { { "--check", OPTIONS_CHECK },
			{ "--help", OPTIONS_HELP },
			{ "-h", OPTIONS_HELP },
			{ "--version", OPTIONS_VERSION },
			{ "--routes", OPTIONS_ROUTES } };

	if (strcmp(word, "--json") == 0) {
		o->json = true;
		return 0;
	}
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(word, actions[i].word) == 0) {
			o->action = actions[i].action;
			return 0;
		}
	}
	return complain(wrong, "there is no option", word);
}

static int take_word(struct options *o, const char *word, char *wrong)
{
	if (o->action == OPTIONS_REMOVE && !o->home) {
		o->home = word;
		return 0;
	}
	for (size_t i = 0; o->action == OPTIONS_RUN && i < sizeof(commands) / sizeof(commands[0]);
	     i++) {
		if (strcmp(word, commands[i].word) == 0) {
			o->action = commands[i].action;
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
		const char **value = value_of(&o, argv[i]);
		int r = 0;

		if (value && i + 1 == argc)
			return complain(wrong, "a value is missing behind", argv[i]);
		if (value)
			*value = argv[++i];
		else if (argv[i][0] == '-')
			r = take_flag(&o, argv[i], wrong);
		else
			r = take_word(&o, argv[i], wrong);
		if (r < 0)
			return r;
	}
	if (o.action == OPTIONS_REMOVE && !o.home)
		return complain(wrong, "remove needs the home's id", "");
	if ((o.name || o.expires) && o.action != OPTIONS_INVITE)
		return complain(wrong, "--name and --expires belong to invite", "");
	*ret_options = o;
	return 0;
}
