/*
 * fuzz_registration: the registration port's JSON. Errors are text that cannot hurt a terminal; what is understood is sane,
 * and comes out the same when it is written and read again. The scanner says the same however the bytes come.
 */
#include "base/text.h"
#include "proto/json.h"
#include "proto/registration.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(const char *error)
{
	size_t n = strlen(error);

	assert(n > 0 && n < REGISTRATION_ERROR);
	for (size_t i = 0; i < n;) {
		size_t length = text_utf8_length(error + i, n - i);

		/* A text that was cut may end within a character. */
		if (length == 0 && n - i < 4)
			break;
		assert(length > 0 && !text_is_control(error + i, length));
		i += length;
	}
}

static void check_scan(const char *text, size_t n)
{
	struct json_scan whole = { .depth = 0 };
	struct json_scan bytewise = { .depth = 0 };

	json_scan(&whole, text, n);
	for (size_t i = 0; i < n; i++)
		json_scan(&bytewise, text + i, 1);
	assert(whole.done == bytewise.done && whole.wrong == bytewise.wrong &&
	       whole.depth == bytewise.depth);
}

/* Rules for single addresses have no written form of their own: they become rules for all. */
static void check_again(const struct registration *r)
{
	static char json[4 * JSON_TEXT_MAX];
	static struct registration once;
	static struct registration twice;
	char error[REGISTRATION_ERROR];
	int n = registration_encode(r, json, sizeof(json));

	assert(n > 0 && n <= JSON_TEXT_MAX);
	assert(registration_decode(json, (size_t)n, &once, error) == 0);
	assert(strcmp(once.spec.name, r->spec.name) == 0 && strcmp(once.token, r->token) == 0);
	assert(mac_equal(&once.spec.mac, &r->spec.mac) && once.goodbye == r->goodbye);
	assert(once.spec.addresses_n == r->spec.addresses_n);
	assert(memcmp(&once.spec.secureon, &r->spec.secureon, sizeof(once.spec.secureon)) == 0);
	n = registration_encode(&once, json, sizeof(json));
	assert(n > 0 && registration_decode(json, (size_t)n, &twice, error) == 0);
	assert(memcmp(&once, &twice, sizeof(once)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct registration r;
	char error[REGISTRATION_ERROR] = "";
	const char *text = (const char *)data;
	int result;

	json_seed(1);
	check_scan(text, size);
	result = registration_decode(text, size, &r, error);
	if (result < 0) {
		check_error(error);
		return 0;
	}
	assert(result == 0 && spec_sane(&r.spec));
	assert(r.spec.addresses_n > 0 && !mac_is_group(&r.spec.mac) && !mac_is_zero(&r.spec.mac));
	check_again(&r);
	return 0;
}
