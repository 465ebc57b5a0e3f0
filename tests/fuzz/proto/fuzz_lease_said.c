/*
 * fuzz_lease_said: what a sleeper says: what is taken is sane and comes out as it went in; what is not has a text for a person.
 */
#include "proto/lease.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char json[LEASE_LINE_MAX];
	static struct lease_said s, again;
	char error[LEASE_TEXT] = "";
	int n;

	memset(&s, 0, sizeof(s));
	memset(&again, 0, sizeof(again));
	if (lease_said_read((const char *)data, size, &s, error) < 0) {
		assert(error[0] && memchr(error, 0, sizeof(error)));
		return 0;
	}
	assert(spec_sane(&s.spec) || s.say >= SAY_STAY);
	n = lease_said_write(&s, json, sizeof(json));
	assert(n > 0);
	assert(lease_said_read(json, (size_t)n, &again, error) == 0);
	assert(s.say == again.say && s.why == again.why && s.after == again.after);
	assert(s.ask == again.ask && s.ok == again.ok && strcmp(s.text, again.text) == 0);
	assert(s.say >= SAY_STAY || spec_equal(&s.spec, &again.spec));
	return 0;
}
