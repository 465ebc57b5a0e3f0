/*
 * freed: looks through everything that is freed for bytes that should have been wiped before. For programs that are linked
 * with -Wl,--wrap=free.
 */
#ifndef ROUSE_TESTS_FREED_H
#define ROUSE_TESTS_FREED_H

#include <malloc.h>
#include <stddef.h>
#include <string.h>

#define FREED_SECRETS 4

static const void *freed_secrets[FREED_SECRETS];
static size_t freed_lengths[FREED_SECRETS];
static size_t freed_secrets_n;
static int freed_seen; /* so often one of them was in what was freed */

/* The linker's names. */
/* NOLINTBEGIN(bugprone-reserved-identifier) */
void __real_free(void *p);
void __wrap_free(void *p);

void __wrap_free(void *p)
{
	size_t n = p ? malloc_usable_size(p) : 0;

	for (size_t i = 0; i < freed_secrets_n; i++)
		freed_seen += n && memmem(p, n, freed_secrets[i], freed_lengths[i]);
	__real_free(p);
}
/* NOLINTEND(bugprone-reserved-identifier) */

/* From now on; the bytes stay where they are, and are not on the heap. */
static inline void freed_watch(const void *secret, size_t n)
{
	freed_secrets[freed_secrets_n] = secret;
	freed_lengths[freed_secrets_n++] = n;
}

static inline void freed_watch_nothing(void)
{
	freed_secrets_n = 0;
	freed_seen = 0;
}

#endif
