/*
 * metrics: what is counted, and its form for Prometheus. Counters are plain numbers: one thread has them.
 */
#ifndef ROUSE_RELAY_METRICS_H
#define ROUSE_RELAY_METRICS_H

#include "relay/buffer.h"

#include <stdint.h>

enum metric {
	METRIC_CONNECTIONS, /* accepted */
	METRIC_REFUSED, /* not accepted: too many */
	METRIC_REQUESTS, /* HTTP requests */
	METRIC_LIMITED, /* answered 429 */
	METRIC_JOINS,
	METRIC_JOINS_REFUSED,
	METRIC_REPLACED, /* by a newer connection with the same key */
	METRIC_GUARD_SILENT,
	METRIC_SEALED, /* requests given to guards */
	METRIC_TOKENS,
	METRIC_ANSWERS,
	METRIC_OFFLINE, /* requests for guards that are away */
	METRIC_LOST, /* connection lost before the first answer */
	METRIC_UNANSWERED,
	METRIC_STORED, /* operations */
	METRIC_NOT_STORED,
	METRICS
};

struct metrics {
	uint64_t counters[METRICS];
};

/* What is a level and no count. */
struct metric_levels {
	uint64_t guards, connections, streams, waiting, storing, storage_ok;
};

void metrics_write(const struct metrics *m, const struct metric_levels *l, struct buffer *to);

#endif
