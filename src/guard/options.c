#include "guard/options.h"

#include "base/text.h"
#include "guard/config_report.h"

#include <errno.h>
#include <string.h>

enum meaning { MEANS_SETTING, MEANS_FILE, MEANS_CHECK, MEANS_DEBUG, MEANS_HELP, MEANS_VERSION };

/* Every option of the line, declared once: how it is written, and which key it sets. */
static const struct option {
	const char *brief; /* with its dash; NULL: none */
	const char *full; /* with its dashes; NULL: none */
	const char *argument; /* NULL: it takes none */
	const char *section, *key; /* of MEANS_SETTING */
	enum meaning means;
	const char *help;
	bool wakupator; /* of its command line */
} options[] = {
	{ "-c", "--config", "FILE", NULL, NULL, MEANS_FILE,
	  "the configuration; default: " OPTIONS_DEFAULT_FILE, false },
	{ NULL, "--check", NULL, NULL, NULL, MEANS_CHECK,
	  "print what was understood of it, or every error, and exit", false },
	{ NULL, "--interface", "NAME...", "guard", "interface", MEANS_SETTING,
	  "the interfaces to guard", false },
	{ NULL, "--state-dir", "FOLDER", "guard", "state-dir", MEANS_SETTING,
	  "where machines and events are kept", false },
	{ NULL, "--control", "PATH", "guard", "control", MEANS_SETTING, "the control socket",
	  false },
	{ "-d", "--debug", NULL, NULL, NULL, MEANS_DEBUG, "log more", false },
	{ "-h", "--help", NULL, NULL, NULL, MEANS_HELP, "this text", false },
	{ "-V", "--version", NULL, NULL, NULL, MEANS_VERSION, "the version", false },
	{ "-H", "--host", "ADDRESS", "guard", "listen", MEANS_SETTING,
	  "address of the registration port", true },
	{ "-p", "--port", "PORT", "guard", "port", MEANS_SETTING, "its number; default: 13717",
	  true },
	{ "-if", "--interface-name", "NAME", "guard", "interface", MEANS_SETTING, "default: eth0",
	  true },
	{ "-nb", "--number-attempt", "NUMBER", "wake", "attempts", MEANS_SETTING,
	  "attempts of one wake; default: 3", true },
	{ "-t", "--time-between-attempt", "SECONDS", "wake", "interval", MEANS_SETTING,
	  "default: 30", true },
	{ "-kc", "--keep-client", "0|1", "wake", "keep", MEANS_SETTING,
	  "keep guarding a machine that did not wake; default: 1", true },
	{ "-st", "--shutdown-timeout", "SECONDS", "wake", "shutdown-timeout", MEANS_SETTING,
	  "for falling silent after a registration; -1: for ever; default: 600", true },
	{ "-pd", "--probe-delay", "SECONDS", "wake", "probe-interval", MEANS_SETTING,
	  "between questions to a machine that said goodbye; default: 4", true },
	/* Wakupator's own spelling. */
	{ "-help", NULL, NULL, NULL, NULL, MEANS_HELP, NULL, true },
};

#define OPTIONS_N (sizeof(options) / sizeof(options[0]))

/* The option a word names; *ret_value is what follows its '=', or NULL. */
static const struct option *find(const char *word, const char **ret_value)
{
	size_t n = strcspn(word, "=");

	*ret_value = NULL;
	for (size_t i = 0; i < OPTIONS_N; i++) {
		const struct option *o = &options[i];

		if (o->brief && strcmp(o->brief, word) == 0)
			return o;
		if (!o->full || strlen(o->full) != n || strncmp(o->full, word, n) != 0)
			continue;
		*ret_value = word[n] ? word + n + 1 : NULL;
		return o;
	}
	return NULL;
}

static int fail(char wrong[static OPTIONS_WRONG], const char *before, const char *word,
		const char *after)
{
	struct text t = text_over(wrong, OPTIONS_WRONG);

	text_string(&t, before);
	text_escaped_utf8(&t, word, strnlen(word, OPTIONS_WRONG / 2));
	text_string(&t, after);
	return -EINVAL;
}

static int take(struct options *r, const struct option *o, const char *said, const char *value,
		char wrong[static OPTIONS_WRONG])
{
	switch (o->means) {
	case MEANS_FILE:
		r->file = value;
		break;
	case MEANS_CHECK:
		r->action = OPTIONS_CHECK;
		break;
	case MEANS_DEBUG:
		r->debug = true;
		break;
	case MEANS_HELP:
		r->action = OPTIONS_HELP;
		break;
	case MEANS_VERSION:
		r->action = OPTIONS_VERSION;
		break;
	case MEANS_SETTING:
		if (r->values_n == OPTIONS_VALUES_MAX)
			return fail(wrong, "too many options at ", said, "");
		r->values[r->values_n++] = (struct options_value){
			.section = o->section, .key = o->key, .said = said, .value = value
		};
		/* Every line of Wakupator's has it: it has no default there. */
		r->wakupator |= strcmp(o->key, "listen") == 0;
		break;
	}
	return 0;
}

int options_parse(int argc, char *const argv[], struct options *ret_options,
		  char wrong[static OPTIONS_WRONG])
{
	struct options r = { .action = OPTIONS_RUN };

	for (int i = 1; i < argc; i++) {
		const char *said = argv[i];
		const char *value;
		const struct option *o = find(said, &value);
		int result;

		if (!o)
			return fail(wrong,
				    said[0] == '-' ? "there is no option " : "unexpected argument ",
				    said, "");
		if (value && !o->argument)
			return fail(wrong, "", o->full, " takes no value");
		if (o->argument && !value) {
			if (i + 1 == argc)
				return fail(wrong, "", said,
					    " needs a value; roused --help shows which");
			value = argv[++i];
		}
		result = take(&r, o, said, value, wrong);
		if (result < 0)
			return result;
		/* Whatever else the line says: nobody who asks for help wants an error. */
		if (r.action == OPTIONS_HELP || r.action == OPTIONS_VERSION)
			break;
	}
	r.wakupator = r.wakupator && !r.file;
	if (!r.file && !r.wakupator) {
		r.file = OPTIONS_DEFAULT_FILE;
		r.file_optional = true;
	}
	*ret_options = r;
	return 0;
}

int options_apply(const struct options *o, struct config *c, struct config_report *r)
{
	static const struct options_value wakupators[] = {
		{ "guard", "interface", "", "eth0" },  { "guard", "on-exit", "", "wake" },
		{ "wake", "attempts", "", "3" },       { "wake", "interval", "", "30" },
		{ "wake", "keep", "", "1" },	       { "wake", "shutdown-timeout", "", "600" },
		{ "wake", "probe-interval", "", "4" },
	};
	int result = 0;

	for (size_t i = 0; o->wakupator && i < sizeof(wakupators) / sizeof(wakupators[0]); i++) {
		const struct options_value *v = &wakupators[i];

		(void)config_set(c, v->section, v->key, v->value, v->said, r);
	}
	for (size_t i = 0; i < o->values_n; i++) {
		const struct options_value *v = &o->values[i];

		if (!*v->value) {
			config_error(r, 0, "%s needs a value", v->said);
			result = -EINVAL;
		} else if (config_set(c, v->section, v->key, v->value, v->said, r) < 0) {
			result = -EINVAL;
		}
	}
	return result;
}

static void help_lines(bool wakupator, FILE *to)
{
	for (size_t i = 0; i < OPTIONS_N; i++) {
		const struct option *o = &options[i];
		char left[64];
		struct text t = text_over(left, sizeof(left));

		if (!o->help || o->wakupator != wakupator)
			continue;
		text_string(&t, o->brief ? o->brief : "");
		text_string(&t, o->brief ? ", " : "    ");
		text_string(&t, o->full);
		if (o->argument) {
			text_char(&t, ' ');
			text_string(&t, o->argument);
		}
		fprintf(to, "  %-34s %s\n", left, o->help);
	}
}

void options_help(FILE *to)
{
	fprintf(to,
		"usage: roused [-c FILE] [options]\n"
		"       roused --check [-c FILE]\n"
		"       roused -H ADDRESS [Wakupator's options]\n\n"
		"Stands in for machines that sleep, and wakes them when somebody connects.\n\n");
	help_lines(false, to);
	fprintf(to,
		"\nWakupator's, with their meaning there; such a start implies on-exit = wake:\n");
	help_lines(true, to);
	fprintf(to, "\nExample: roused --interface eth0\n"
		    "Manual:  man roused, man roused.conf\n");
}
