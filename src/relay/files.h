/*
 * files: the files of the page, embedded by tools/embed-web.
 */
#ifndef ROUSE_RELAY_FILES_H
#define ROUSE_RELAY_FILES_H

#include <stddef.h>

struct file_entry {
	const char *path; /* NULL: the end of the table */
	const char *type;
	const char *etag; /* without quotes */
	const unsigned char *raw;
	size_t raw_n;
	const unsigned char *packed; /* gzip */
	size_t packed_n;
};

extern const struct file_entry file_entries[];

#endif
