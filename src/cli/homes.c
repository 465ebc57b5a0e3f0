#include "cli/homes.h"

#include "base/text.h"
#include "sys/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "homes"
#define FILE_MAX (HOMES_MAX * (HOMES_NAME + RELAY_LINK_TEXT + 2))

bool homes_name_valid(const char *name)
{
	size_t n = strlen(name);

	return spec_name_valid(name, n) && n <= HOMES_NAME && !strpbrk(name, " \t");
}

/* The folder, made when it is not there. */
static int open_folder(const struct cli *c, bool make, int *ret_dir)
{
	const char *base = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	char path[1024];
	int r;

	if (base && base[0] == '/')
		r = snprintf(path, sizeof(path), "%s", base);
	else
		r = snprintf(path, sizeof(path), "%s/.config", home ? home : "");
	if (r < 0 || (size_t)r + sizeof("/rouse") > sizeof(path) || (!base && !home)) {
		cli_complain(c, "there is no home directory to keep links in (HOME is not set)");
		return -ENOENT;
	}
	if (make)
		(void)mkdir(path, 0700);
	memcpy(path + r, "/rouse", sizeof("/rouse"));
	if (make)
		(void)mkdir(path, 0700);
	else if (access(path, F_OK) < 0)
		return -ENOENT;
	r = file_directory_open(path, ret_dir);
	if (r < 0)
		cli_complain(c, "cannot open %s: %s", path, strerror(-r));
	return r;
}

/* "NAME LINK"; what is not understood is left out, and said. */
static void take_line(const struct cli *c, char *line, unsigned int number, struct homes *h)
{
	char *blank = strchr(line, ' ');
	struct home_entry *e = &h->entries[h->n];

	if (line[0] == 0 || line[0] == '#')
		return;
	if (h->n == HOMES_MAX || !blank || blank - line > HOMES_NAME ||
	    relay_link_read(blank + 1, &e->link) < 0) {
		cli_complain(c, "homes:%u: this line is no home and its link", number);
		return;
	}
	memcpy(e->name, line, (size_t)(blank - line));
	e->name[blank - line] = 0;
	h->n++;
}

int homes_read(const struct cli *c, struct homes *ret)
{
	char *bytes = NULL;
	size_t n = 0;
	unsigned int number = 0;
	int dir = -1;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = open_folder(c, false, &dir);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = file_read(dir, FILE_NAME, FILE_MAX, &bytes, &n);
	close(dir);
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		cli_complain(c, "cannot read the file of homes: %s", strerror(-r));
		return r;
	}
	for (char *line = bytes; line && *line;) {
		char *end = strchr(line, '\n');

		if (end)
			*end = 0;
		take_line(c, line, ++number, ret);
		line = end ? end + 1 : NULL;
	}
	free(bytes);
	return 0;
}

int homes_write(const struct cli *c, const struct homes *h)
{
	static char bytes[FILE_MAX];
	struct text t = text_over(bytes, sizeof(bytes));
	int dir = -1;
	int r = open_folder(c, true, &dir);

	if (r < 0)
		return r;
	for (size_t i = 0; i < h->n; i++) {
		const struct relay_link *l = &h->entries[i].link;
		char link[RELAY_LINK_TEXT];

		text_string(&t, h->entries[i].name);
		text_char(&t, ' ');
		text_string(&t,
			    relay_link_write(l->url.origin, l->home, l->grant, l->secret, link));
		text_char(&t, '\n');
	}
	r = file_replace(dir, FILE_NAME, bytes, t.used, 0600);
	close(dir);
	if (r < 0)
		cli_complain(c, "cannot write the file of homes: %s", strerror(-r));
	return r;
}

const struct home_entry *homes_choose(const struct cli *c, const struct homes *h, const char *name)
{
	for (size_t i = 0; name && name[0] && i < h->n; i++) {
		if (strcmp(h->entries[i].name, name) == 0)
			return &h->entries[i];
	}
	if (name && name[0]) {
		cli_complain(c, "there is no home '%s' (rouse home list)", name);
		return NULL;
	}
	if (h->n == 1)
		return &h->entries[0];
	if (h->n == 0)
		cli_complain(c, "no home was added: rouse home add LINK");
	else
		cli_complain(c, "there are %zu homes: which, with --home NAME? (rouse home list)",
			     h->n);
	return NULL;
}
