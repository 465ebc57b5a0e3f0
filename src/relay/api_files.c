/*
 * api_files: the page's files and the API's description.
 */
#include "relay/api.h"
#include "relay/files.h"

#include <stdio.h>

static const struct file_entry *find(struct slice path)
{
	for (const struct file_entry *f = file_entries; f->path; f++)
		if (slice_is(path, f->path))
			return f;
	return NULL;
}

/* Whether If-None-Match names the tag, weak or not. */
static bool matches(struct slice field, const char *tag)
{
	size_t n = strlen(tag);

	return field.at && (slice_is(field, "*") || memmem(field.at, field.n, tag, n) != NULL);
}

static void serve(struct call *c, const struct file_entry *f)
{
	bool packed = http_field_names(c->head->fields[HTTP_ACCEPT_ENCODING], "gzip");
	struct reply reply = { .status = 200, .type = f->type, .may_keep = true };
	char tag[64], fields[256];

	(void)snprintf(tag, sizeof(tag), "\"%s%s\"", f->etag, packed ? "-gz" : "");
	(void)snprintf(fields, sizeof(fields),
		       "ETag: %s\r\nVary: Accept-Encoding\r\nCache-Control: no-cache\r\n%s", tag,
		       packed ? "Content-Encoding: gzip\r\n" : "");
	reply.fields = fields;
	reply.body = (const char *)(packed ? f->packed : f->raw);
	reply.n = packed ? f->packed_n : f->raw_n;
	if (matches(c->head->fields[HTTP_IF_NONE_MATCH], tag)) {
		reply.status = 304;
		reply.n = 0;
	}
	reply_send(c->visitor, &reply);
}

void api_file(struct call *c)
{
	struct slice path = c->head->path;
	const struct file_entry *f;

	/* A home's own address is the page too: which home it is, the page sees for itself. */
	if (slice_is(path, "/") || (slice_starts(path, SLICE("/h/")) && path.n > 3))
		path = SLICE("/index.html");
	f = find(path);
	if (f)
		serve(c, f);
	else
		call_failed(c, PROBLEM_NOT_FOUND, NULL);
}

void api_openapi(struct call *c)
{
	api_file(c);
}
