/*
 * times: how long answers took. Keeps them in memory of its own, prints percentiles; asks no clock.
 */
#ifndef ROUSE_BENCH_TIMES_H
#define ROUSE_BENCH_TIMES_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define TIMES_MAX 4000000

struct times {
	double *seconds;
	size_t n;
};

static inline bool times_init(struct times *t)
{
	t->seconds = calloc(TIMES_MAX, sizeof(*t->seconds));
	return t->seconds;
}

static inline void times_keep(struct times *t, double seconds)
{
	t->seconds[t->n++ % TIMES_MAX] = seconds;
}

static inline int times_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts what was kept, and prints a member of a JSON object for each percentile. */
static inline void times_print(struct times *t, const char *prefix)
{
	static const unsigned int percents[] = { 50, 99, 100 };
	size_t n = t->n < TIMES_MAX ? t->n : TIMES_MAX;

	qsort(t->seconds, n, sizeof(*t->seconds), times_compare);
	for (size_t i = 0; n && i < sizeof(percents) / sizeof(percents[0]); i++)
		printf(",\"%sp%u_us\":%.1f", prefix, percents[i],
		       t->seconds[(n - 1) * percents[i] / 100] * 1e6);
}

#endif
