/*
 * config_print: a configuration as text again, and what differs between two.
 */
#include "guard/config_keys.h"

#include <stdlib.h>
#include <string.h>

/* The longest value is a list of 256 rules. */
#define VALUE_MAX (SPEC_RULES_MAX * RULE_TEXT + 1)
/* A longer list goes on in the next line, where a person can read it. */
#define COLUMNS 100

static void print_value(const struct config_key *k, char *value, FILE *to)
{
	size_t column = strlen(k->key) + 3;
	char *rest = value;
	char *word;

	fprintf(to, "%s =", k->key);
	if (!k->type->list) {
		fprintf(to, " %s\n", value);
		return;
	}
	while ((word = strsep(&rest, " "))) {
		if (column + strlen(word) > COLUMNS) {
			fprintf(to, "\n   ");
			column = 4;
		}
		fprintf(to, " %s", word);
		column += strlen(word) + 1;
	}
	fprintf(to, "\n");
}

static void print_key(const struct config_key *k, const void *of, FILE *to)
{
	char value[VALUE_MAX];
	struct text t = text_over(value, sizeof(value));

	config_key_format(k, of, &t);
	if (!*value)
		fprintf(to, "%s =%s%s\n", k->key, k->empty ? " ; " : "", k->empty ? k->empty : "");
	else if (k->secret)
		fprintf(to, "; %s is set, and not shown\n", k->key);
	else
		print_value(k, value, to);
}

static void print_section(const char *section, const void *of, FILE *to)
{
	for (size_t i = 0; i < config_keys_n; i++) {
		if (strcmp(config_keys[i].section, section) == 0)
			print_key(&config_keys[i], of, to);
	}
}

static void print_heading(const char *name, FILE *to)
{
	fprintf(to, "\n[machine \"");
	for (const char *p = name; *p; p++)
		fprintf(to, "%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p);
	fprintf(to, "\"]\n");
}

void config_print(const struct config *c, FILE *to)
{
	fprintf(to, "[guard]\n");
	print_section("guard", c, to);
	fprintf(to, "\n[wake]\n");
	print_section("wake", c, to);
	for (size_t i = 0; i < c->machines_n; i++) {
		print_heading(c->machines[i].name, to);
		print_section("machine", &c->machines[i], to);
	}
}

void config_diff(const struct config *before, const struct config *after,
		 void (*changed)(void *who, const char *section, const char *key, bool restart),
		 void *who)
{
	for (size_t i = 0; i < config_keys_n; i++) {
		const struct config_key *k = &config_keys[i];
		char old[VALUE_MAX];
		char new[VALUE_MAX];
		struct text old_text = text_over(old, sizeof(old));
		struct text new_text = text_over(new, sizeof(new));

		if (strcmp(k->section, "machine") == 0)
			continue;
		config_key_format(k, before, &old_text);
		config_key_format(k, after, &new_text);
		if (strcmp(old, new) != 0)
			changed(who, k->section, k->key, k->restart);
	}
}
