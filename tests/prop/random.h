/*
 * random: seeded random numbers for the property tests. ROUSE_SEED in the environment repeats a run.
 */
#ifndef ROUSE_TESTS_RANDOM_H
#define ROUSE_TESTS_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* splitmix64 (Vigna) */
static inline uint64_t random64(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static inline uint32_t random_below(uint64_t *seed, uint32_t n)
{
	return (uint32_t)(random64(seed) % n);
}

/* The seed of this run, printed. */
static inline uint64_t seed_from(const char *text)
{
	uint64_t seed = text ? strtoull(text, NULL, 0) : 1;

	printf("ROUSE_SEED=0x%llx\n", (unsigned long long)seed);
	return seed;
}

/* An assertion that stays whatever the build, and says where. */
#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition)) {                                            \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			exit(1);                                               \
		}                                                              \
	} while (0)

#endif
