/*
 * home: `rouse home add`, `list` and `remove`: homes that are reached over a relay.
 */
#include "cli/cli.h"
#include "cli/homes.h"
#include "cli/human.h"
#include "cli/remote.h"

#include "base/text.h"
#include "proto/json_write.h"
#include "proto/keys.h"

#include <getopt.h>
#include <string.h>

/* The home's own name as one word that is not used yet. */
static void name_it(const struct homes *h, const char *said, char to[static HOMES_NAME + 1])
{
	char base[HOMES_NAME - 4];
	struct text t = text_over(base, sizeof(base));
	unsigned int number = 1;
	bool taken;

	text_string(&t, strlen(said) < sizeof(base) ? said : "home");
	for (char *c = base; *c; c++) {
		if (*c == ' ' || *c == '\t' || *c == '/')
			*c = '-';
	}
	if (!homes_name_valid(base))
		memcpy(base, "home", sizeof("home"));
	do {
		t = text_over(to, HOMES_NAME + 1);
		text_string(&t, base);
		if (number > 1) {
			text_char(&t, '-');
			text_u64(&t, number);
		}
		taken = false;
		for (size_t i = 0; i < h->n; i++)
			taken = taken || strcmp(h->entries[i].name, to) == 0;
		number++;
	} while (taken);
}

static enum cli_exit add(struct cli *c, struct homes *h, const char *text, const char *name)
{
	struct home_entry *e = &h->entries[h->n];
	char said[SPEC_NAME_MAX + 1];

	if (h->n == HOMES_MAX) {
		cli_complain(c, "there are %d homes already", HOMES_MAX);
		return CLI_FAILED;
	}
	if (relay_link_read(text, &e->link) < 0)
		return cli_usage(c,
				 "that is no link of `rouse share`: https://relay/#home.grant.key");
	if (name && !homes_name_valid(name))
		return cli_usage(c, "'%s' is no name for a home: one word", name);
	for (size_t i = 0; name && i < h->n; i++) {
		if (strcmp(h->entries[i].name, name) == 0)
			return cli_usage(c, "there is a home '%s' already", name);
	}
	if (keys_init() < 0 || !remote_name(c, &e->link, said))
		return CLI_FAILED;
	if (name)
		memcpy(e->name, name, strlen(name) + 1);
	else
		name_it(h, said, e->name);
	h->n++;
	if (homes_write(c, h) < 0)
		return CLI_FAILED;
	cli_put(c->out, e->name);
	fputs(": added; `rouse --home ", c->out);
	cli_put(c->out, e->name);
	fputs(" status` shows its machines\n", c->out);
	return CLI_DONE;
}

static enum cli_exit remove_home(struct cli *c, struct homes *h, const char *name)
{
	const struct home_entry *e = homes_choose(c, h, name);
	size_t i;

	if (!e)
		return CLI_NOT_FOUND;
	i = (size_t)(e - h->entries);
	memmove(h->entries + i, h->entries + i + 1, (h->n - i - 1) * sizeof(h->entries[0]));
	h->n--;
	if (homes_write(c, h) < 0)
		return CLI_FAILED;
	cli_put(c->out, name);
	fputs(": removed here; whoever has its link can still use it (rouse revoke)\n", c->out);
	return CLI_DONE;
}

static void print_json(const struct cli *c, const struct homes *h)
{
	fputs("{\"homes\":[", c->out);
	for (size_t i = 0; i < h->n; i++) {
		const struct home_entry *e = &h->entries[i];
		char bytes[1024];
		struct json_writer w = json_writer_over(bytes, sizeof(bytes));

		json_write_open(&w, '{');
		json_write_key(&w, "name");
		json_write_word(&w, e->name);
		json_write_key(&w, "relay");
		json_write_word(&w, e->link.url.origin);
		json_write_key(&w, "home");
		json_write_word(&w, e->link.home);
		json_write_key(&w, "grant");
		json_write_word(&w, e->link.grant);
		json_write_close(&w, '}');
		fprintf(c->out, "%s%s", i ? "," : "", bytes);
	}
	fputs("]}\n", c->out);
}

static enum cli_exit list(struct cli *c, const struct homes *h, bool as_json)
{
	struct table t;

	if (as_json) {
		print_json(c, h);
		return CLI_DONE;
	}
	if (h->n == 0) {
		fputs("No home was added. `rouse home add LINK` adds one.\n", c->out);
		return CLI_DONE;
	}
	table_init(&t, 3);
	table_add(&t, "NAME", NULL);
	table_add(&t, "RELAY", NULL);
	table_add(&t, "HOME", NULL);
	for (size_t i = 0; i < h->n; i++) {
		table_add(&t, h->entries[i].name, "1");
		table_add(&t, h->entries[i].link.url.origin, NULL);
		table_add(&t, h->entries[i].link.home, NULL);
	}
	table_print(&t, c->out, c->colour);
	table_done(&t);
	return CLI_DONE;
}

enum cli_exit cli_home(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = { { "name", required_argument, NULL, 'n' },
						 { "json", no_argument, NULL, 'j' },
						 { NULL, 0, NULL, 0 } };
	static struct homes h;
	const char *name = NULL;
	bool as_json = false;
	const char *what;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == '?')
			return cli_usage(c, NULL);
		if (o == 'n')
			name = optarg;
		as_json = as_json || o == 'j';
	}
	what = optind < argc ? argv[optind] : "";
	if (homes_read(c, &h) < 0)
		return CLI_FAILED;
	if (strcmp(what, "list") == 0 && argc - optind == 1)
		return list(c, &h, as_json);
	if (strcmp(what, "add") == 0 && argc - optind == 2)
		return add(c, &h, argv[optind + 1], name);
	if (strcmp(what, "remove") == 0 && argc - optind == 2)
		return remove_home(c, &h, argv[optind + 1]);
	return cli_usage(c, "add LINK, list or remove NAME is needed");
}
