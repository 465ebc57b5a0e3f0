/*
 * https: one HTTP request to a relay and its answer, piece by piece; the door to libcurl (see docs/adr/0010).
 *
 * Certificates are checked as the system checks them; redirects are not followed: a link says which relay it is for.
 */
#ifndef ROUSE_CLI_HTTPS_H
#define ROUSE_CLI_HTTPS_H

#include <stdbool.h>
#include <stddef.h>

struct https_request {
	const char *method, *url;
	const char *bearer; /* or NULL */
	const char *accept; /* or NULL */
	const char *body; /* JSON, or NULL */
	long timeout; /* seconds; 0: as long as it takes */
	/* A piece of the answer's body; false: that is enough. */
	bool (*take)(void *context, const char *bytes, size_t n);
	void *context;
};

#define HTTPS_PROBLEM 256
/* 0 and the HTTP status; -ECONNREFUSED with the problem in words: there was no whole answer. */
int https_ask(const struct https_request *q, long *ret_status, char problem[static HTTPS_PROBLEM]);

#endif
