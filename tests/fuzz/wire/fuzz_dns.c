/* fuzz_dns: queries and answers of multicast DNS; guards that are found can be written, and are found again. */
#include "wire/dns.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct dns_service *s)
{
	uint8_t bytes[2 * DNS_ANSWER_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));
	struct dns_service again;

	assert(s->port && s->addresses_n > 0 && s->addresses_n <= DNS_ADDRESSES);
	assert(memchr(s->instance, 0, sizeof(s->instance)) && s->instance[0]);
	assert(memchr(s->host, 0, sizeof(s->host)));
	if (!s->host[0])
		return;
	dns_answer_encode(&w, s, true);
	assert(!w.failed && dns_answer_decode(bytes, w.used, &again, 1) == 1);
	assert(strcmp(s->instance, again.instance) == 0 && s->port == again.port);
	assert(s->addresses_n == again.addresses_n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dns_service own = { .instance = "pi", .host = "h", .port = 1 };
	struct dns_service found[4];
	struct dns_wanted wanted;
	int n = dns_answer_decode(data, size, found, 4);
	int r = dns_query_decode(data, size, &own, &wanted);

	/* Nothing is both. */
	assert(n <= 4 && (n < 0 || r < 0));
	for (int i = 0; i < n; i++)
		check_again(&found[i]);
	return 0;
}
