#include "guard/config_load.h"

#include "sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_file(const struct options *o, struct config *c, struct config_report *report)
{
	char *bytes;
	size_t n;
	int r = file_read(AT_FDCWD, o->file, CONFIG_FILE_MAX, &bytes, &n);

	if (r == -ENOENT && o->file_optional)
		return 0;
	if (r < 0) {
		fprintf(stderr, "roused: cannot read the configuration %s: %s\n", o->file,
			strerror(-r));
		return r;
	}
	r = config_parse(c, bytes, n, report);
	free(bytes);
	return r;
}

int config_load(const struct options *o, struct config *c)
{
	struct config_report report = { 0 };
	int r = 0;

	config_init(c);
	if (o->file)
		r = read_file(o, c, &report);
	if (r >= 0)
		r = options_apply(o, c, &report);
	config_report_print(&report, o->file ? o->file : "command line", stderr);
	config_report_done(&report);
	return r;
}
