#include "cli/https.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#define CONNECT_PATIENCE 15L /* seconds */

struct transfer {
	const struct https_request *request;
	bool enough;
};

static size_t take(char *bytes, size_t one, size_t n, void *context)
{
	struct transfer *t = context;

	t->enough = !t->request->take(t->request->context, bytes, one * n);
	return t->enough ? 0 : one * n;
}

static struct curl_slist *headers_of(const struct https_request *q)
{
	char line[256];
	struct curl_slist *headers = NULL;

	if (q->bearer) {
		(void)snprintf(line, sizeof(line), "Authorization: Bearer %s", q->bearer);
		headers = curl_slist_append(headers, line);
	}
	if (q->accept) {
		(void)snprintf(line, sizeof(line), "Accept: %s", q->accept);
		headers = curl_slist_append(headers, line);
	}
	if (q->body)
		headers = curl_slist_append(headers, "Content-Type: application/json");
	return headers;
}

static void set_up(CURL *curl, struct transfer *t, struct curl_slist *headers, char *error)
{
	const struct https_request *q = t->request;

	(void)curl_easy_setopt(curl, CURLOPT_URL, q->url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "rouse/" ROUSE_VERSION);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_PATIENCE);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, q->timeout);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
	if (q->body)
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, q->body);
	(void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, q->method);
}

int https_ask(const struct https_request *q, long *ret_status, char problem[static HTTPS_PROBLEM])
{
	struct transfer t = { .request = q };
	char error[CURL_ERROR_SIZE] = "";
	CURL *curl = curl_easy_init();
	struct curl_slist *headers = curl ? headers_of(q) : NULL;
	CURLcode r = CURLE_OUT_OF_MEMORY;

	*ret_status = 0;
	if (curl) {
		set_up(curl, &t, headers, error);
		r = curl_easy_perform(curl);
		(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
	}
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	if (r == CURLE_OK || (r == CURLE_WRITE_ERROR && t.enough))
		return 0;
	(void)snprintf(problem, HTTPS_PROBLEM, "%s", error[0] ? error : curl_easy_strerror(r));
	return -ECONNREFUSED;
}
