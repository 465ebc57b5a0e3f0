#include "sys/entropy.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void entropy_bytes(void *to, size_t n)
{
	uint8_t *at = to;

	while (n) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			abort();
		at += got;
		n -= (size_t)got;
	}
}

void entropy_id(void *to, size_t n)
{
	do
		entropy_bytes(to, n);
	while (n && *(const uint8_t *)to >> 2 == 62);
}

uint32_t entropy_u32(void)
{
	uint32_t v;

	entropy_bytes(&v, sizeof(v));
	return v;
}
