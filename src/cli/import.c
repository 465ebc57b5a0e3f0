/*
 * import: `rouse export` and `rouse import`: machines and settings as a file, and machines of wol-over-http.
 */
#include "cli/cli.h"
#include "cli/connection.h"
#include "cli/pairs.h"

#include "base/text.h"
#include "sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX ((size_t)16 << 20)
#define CONFIG "/etc/rouse/roused.conf"
#define KEY "guard.key"
#define PAIRS_MAX 4096

/* --- export --- */

struct exporting {
	struct cli *cli;
	size_t n;
};

static void take_machine(void *context, const struct json *answer)
{
	struct exporting *x = context;
	const struct json *m = json_member(answer, "export");
	char *text = m ? json_print(m) : NULL;

	if (!text)
		return;
	fprintf(x->cli->out, "%s\n  %s", x->n++ ? "," : "", text);
	free(text);
}

/* A file's text as a JSON string, null when there is none to be read. */
static void put_file(const struct cli *c, int dir, const char *name)
{
	char *bytes = NULL;
	size_t n = 0;
	int r = file_read(dir, name, JSON_TEXT_MAX / 2, &bytes, &n);
	char *text = r == 0 ? malloc(6 * n + 3) : NULL;

	if (text) {
		struct json_writer w = json_writer_over(text, 6 * n + 3);

		json_write_word(&w, bytes);
		fputs(text, c->out);
	} else {
		fputs("null", c->out);
	}
	free(text);
	free(bytes);
}

enum cli_exit cli_export(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
						 { "with-key", required_argument, NULL, 'k' },
						 { NULL, 0, NULL, 0 } };
	struct command request = { .kind = COMMAND_EXPORT };
	struct exporting x = { .cli = c };
	const char *config = CONFIG;
	const char *folder = NULL;
	enum cli_exit status;
	int dir = -1;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == '?')
			return cli_usage(c, NULL);
		if (o == 'c')
			config = optarg;
		else
			folder = optarg;
	}
	if (optind != argc)
		return cli_usage(c, "export takes no arguments");
	if (folder && (dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		cli_complain(c, "cannot open %s: %s", folder, strerror(errno));
		return CLI_FAILED;
	}
	fputs("{\"rouse_export\":1,\"machines\":[", c->out);
	status = connection_ask(c, &request, false, take_machine, &x);
	fputs("\n],\"config\":", c->out);
	put_file(c, AT_FDCWD, config);
	fputs(",\"key\":", c->out);
	if (folder)
		put_file(c, dir, KEY);
	else
		fputs("null", c->out);
	fputs("}\n", c->out);
	if (dir >= 0)
		close(dir);
	return status;
}

/* --- import --- */

struct importing {
	struct cli *cli;
	bool dry, phrases;
	const char *config, *folder;
	size_t added, there, failed;
};

static enum cli_exit ask(const struct cli *c, const struct command *request, struct json **ret)
{
	static struct connection k;
	enum cli_exit status = CLI_FAILED;

	*ret = NULL;
	if (connection_open(&k, c, request, false) < 0)
		return CLI_FAILED;
	if (connection_answer(&k, ret) == 0)
		status = CLI_DONE;
	connection_close(&k);
	return status;
}

/* False: the guard is not there, and there is no use in going on. */
static bool add(struct importing *i, const struct command *request, const char *where)
{
	const struct cli *c = i->cli;
	struct json *answer;
	enum answer_result r;
	const char *error;

	cli_put(c->out, request->name);
	if (i->dry) {
		fputs(": would be added\n", c->out);
		return true;
	}
	if (ask(c, request, &answer) != CLI_DONE)
		return false;
	r = connection_result(answer);
	error = json_word(json_member(answer, "error"));
	if (r == ANSWER_OK) {
		i->added++;
		fputs(": added\n", c->out);
	} else if (r == ANSWER_REFUSED && error && strstr(error, "is taken by machine")) {
		i->there++;
		fputs(": is there already (", c->out);
		cli_put(c->out, error);
		fputs(")\n", c->out);
	} else {
		i->failed++;
		fputs(": not added\n", c->out);
		cli_complain(c, "%s: %s", where, error ? error : "the guard refused");
	}
	json_drop(answer);
	return true;
}

static bool make_phrase(struct importing *i, const char *machine)
{
	struct command request = { .kind = COMMAND_SHARE };
	struct command_share *s = &request.share;
	struct json *answer;
	const char *phrase;

	s->kind = RELAY_PHRASE;
	s->can = RELAY_CAN_SEE | RELAY_CAN_WAKE;
	s->machines_n = 1;
	memcpy(s->machines[0], machine, strlen(machine) + 1);
	if (ask(i->cli, &request, &answer) != CLI_DONE)
		return false;
	phrase = json_word(json_member(answer, "phrase"));
	if (phrase) {
		fputs("  new key: ", i->cli->out);
		cli_put(i->cli->out, phrase);
		fputc('\n', i->cli->out);
	} else {
		i->failed++;
		(void)connection_end(i->cli, "", answer);
	}
	json_drop(answer);
	return true;
}

struct seen_pair {
	unsigned int line;
	struct pair pair;
};

static bool import_pair(struct importing *i, const struct pair *p, unsigned int line)
{
	struct command request = { .kind = COMMAND_ADD };
	char where[32];
	size_t before = i->added;

	(void)snprintf(where, sizeof(where), "line %u", line);
	request.spec.origin = SPEC_ADDED;
	request.spec.mac = p->mac;
	memcpy(request.name, p->label, sizeof(request.name));
	memcpy(request.spec.name, p->label, sizeof(request.spec.name));
	if (!add(i, &request, where))
		return false;
	return !i->phrases || i->added == before || make_phrase(i, p->label);
}

/* The line of an earlier pair with that MAC, or 0. */
static unsigned int earlier(const struct seen_pair *seen, size_t n, const struct pair *p)
{
	for (size_t k = 0; k < n; k++) {
		if (mac_equal(&seen[k].pair.mac, &p->mac))
			return seen[k].line;
	}
	return 0;
}

static void import_pairs(struct importing *i, const char *bytes)
{
	static struct seen_pair seen[PAIRS_MAX];
	size_t seen_n = 0;
	unsigned int line = 0;

	for (const char *at = bytes; at && *at;) {
		const char *end = strchr(at, '\n');
		size_t n = end ? (size_t)(end - at) : strlen(at);
		struct pair p;
		const char *why = pairs_line(at, n, &p);

		line++;
		at = end ? end + 1 : NULL;
		if (why && *why) {
			i->failed++;
			cli_complain(i->cli, "line %u %s", line, why);
		}
		if (why)
			continue;
		if (earlier(seen, seen_n, &p)) {
			fprintf(i->cli->out, "line %u: the same machine as in line %u\n", line,
				earlier(seen, seen_n, &p));
			continue;
		}
		if (seen_n < PAIRS_MAX)
			seen[seen_n++] = (struct seen_pair){ line, p };
		if (!import_pair(i, &p, line)) {
			i->failed++;
			return;
		}
	}
}

static void import_machines(struct importing *i, const struct json *list)
{
	for (size_t k = 0; k < json_count(list); k++) {
		char *text = json_print(json_item(list, k));
		char error[COMMAND_ERROR] = "out of memory";
		char where[32];
		static struct command request;
		bool go_on = true;

		(void)snprintf(where, sizeof(where), "machine %zu", k + 1);
		if (text && command_decode(text, strlen(text), &request, error) == 0 &&
		    request.kind == COMMAND_ADD) {
			go_on = add(i, &request, where);
		} else {
			i->failed++;
			cli_complain(i->cli, "%s: %s", where, error);
		}
		free(text);
		if (!go_on) {
			i->failed++;
			return;
		}
	}
}

/* Writes what the export has as a new file; one that is there stays. */
static void restore(struct importing *i, const char *text, const char *folder, const char *name,
		    mode_t mode)
{
	int dir = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : AT_FDCWD;
	int r = folder && dir < 0 ? -errno : 0;

	if (r == 0 && faccessat(dir, name, F_OK, 0) == 0)
		r = -EEXIST;
	if (r == 0 && !i->dry) {
		int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
		size_t n = strlen(text);

		if (fd < 0 || write(fd, text, n) != (ssize_t)n || fsync(fd) < 0)
			r = -errno;
		if (fd >= 0)
			close(fd);
	}
	if (folder && dir >= 0)
		close(dir);
	if (r < 0) {
		i->failed++;
		cli_complain(i->cli, "%s%s%s is not written: %s", folder ? folder : "",
			     folder ? "/" : "", name, strerror(-r));
		return;
	}
	cli_put(i->cli->out, name);
	fputs(i->dry ? ": would be written\n" : ": written\n", i->cli->out);
}

static void import_export(struct importing *i, const char *bytes, size_t n)
{
	char problem[JSON_PROBLEM];
	struct json *root;
	const char *config, *key;

	if (json_read(bytes, n, &root, problem) < 0) {
		i->failed++;
		cli_complain(i->cli, "this is no file of `rouse export`: %s", problem);
		return;
	}
	if (json_whole(json_member(root, "rouse_export")) != 1) {
		i->failed++;
		cli_complain(i->cli,
			     "this is no file of `rouse export`, or one of a newer version");
	} else {
		config = json_word(json_member(root, "config"));
		key = json_word(json_member(root, "key"));
		if (i->config && config)
			restore(i, config, NULL, i->config, 0644);
		else if (config)
			fputs("its configuration is not taken over: --config FILE writes it\n",
			      i->cli->out);
		if (i->folder && key)
			restore(i, key, i->folder, KEY, 0600);
		import_machines(i, json_member(root, "machines"));
	}
	json_drop(root);
}

static int read_input(const struct cli *c, const char *name, char **ret_bytes, size_t *ret_n)
{
	size_t room = 65536, n = 0;
	char *bytes = malloc(room);
	ssize_t got;
	int r;

	if (strcmp(name, "-") != 0) {
		free(bytes);
		r = file_read(AT_FDCWD, name, FILE_MAX, ret_bytes, ret_n);
		if (r < 0)
			cli_complain(c, "cannot read %s: %s", name, strerror(-r));
		return r;
	}
	while (bytes && n < room - 1 && (got = read(STDIN_FILENO, bytes + n, room - 1 - n)) > 0)
		n += (size_t)got;
	if (!bytes)
		return -ENOMEM;
	bytes[n] = 0;
	*ret_bytes = bytes;
	*ret_n = n;
	return 0;
}

enum cli_exit cli_import(struct cli *c, int argc, char **argv)
{
	static const struct option options[] = { { "phrase", no_argument, NULL, 'p' },
						 { "dry-run", no_argument, NULL, 'd' },
						 { "config", required_argument, NULL, 'c' },
						 { "with-key", required_argument, NULL, 'k' },
						 { NULL, 0, NULL, 0 } };
	struct importing i = { .cli = c };
	char *bytes = NULL;
	size_t n = 0;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == '?')
			return cli_usage(c, NULL);
		i.phrases = i.phrases || o == 'p';
		i.dry = i.dry || o == 'd';
		if (o == 'c')
			i.config = optarg;
		if (o == 'k')
			i.folder = optarg;
	}
	if (argc - optind != 1)
		return cli_usage(c, "a file is needed");
	if (read_input(c, argv[optind], &bytes, &n) < 0)
		return CLI_FAILED;
	if (bytes[strspn(bytes, " \t\r\n")] == '{')
		import_export(&i, bytes, n);
	else
		import_pairs(&i, bytes);
	free(bytes);
	fprintf(c->out, "%zu added, %zu there already, %zu failed\n", i.added, i.there, i.failed);
	if (i.added && !i.phrases)
		fputs("Keys are not taken over: `rouse share --machine NAME --phrase` makes a new "
		      "one.\n",
		      c->out);
	return i.failed ? CLI_FAILED : CLI_DONE;
}
