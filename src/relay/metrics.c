#include "relay/metrics.h"

struct metric_text {
	const char *name, *help;
};

static const struct metric_text texts[METRICS] = {
	[METRIC_CONNECTIONS] = { "connections", "Connections accepted" },
	[METRIC_REFUSED] = { "connections_refused", "Connections closed at once: too many" },
	[METRIC_REQUESTS] = { "http_requests", "HTTP requests" },
	[METRIC_LIMITED] = { "http_limited", "HTTP requests answered 429" },
	[METRIC_JOINS] = { "joins", "Guards that joined" },
	[METRIC_JOINS_REFUSED] = { "joins_refused", "Guards that were refused" },
	[METRIC_REPLACED] = { "guards_replaced", "Guards replaced by a newer connection" },
	[METRIC_GUARD_SILENT] = { "guards_silent", "Guards closed for silence" },
	[METRIC_SEALED] = { "sealed_requests", "Sealed requests given to guards" },
	[METRIC_TOKENS] = { "token_requests", "Requests by plain token given to guards" },
	[METRIC_ANSWERS] = { "answers", "Answers from guards" },
	[METRIC_OFFLINE] = { "requests_offline", "Requests for guards that are away" },
	[METRIC_LOST] = { "requests_lost", "Requests whose guard was lost before its answer" },
	[METRIC_UNANSWERED] = { "requests_unanswered", "Requests that no guard answered in time" },
	[METRIC_STORED] = { "stored", "Operations stored" },
	[METRIC_NOT_STORED] = { "not_stored", "Operations that could not be stored" },
};

static void put(struct buffer *to, const char *name, const char *suffix, const char *type,
		const char *help, uint64_t value)
{
	const char *const parts[] = { "# HELP rouse_relay_",	name, suffix, " ", help,
				      ".\n# TYPE rouse_relay_", name, suffix, " ", type,
				      "\nrouse_relay_",		name, suffix, " " };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		buffer_text(to, parts[i]);
	buffer_u64(to, value);
	buffer_text(to, "\n");
}

void metrics_write(const struct metrics *m, const struct metric_levels *l, struct buffer *to)
{
	for (unsigned int i = 0; i < METRICS; i++)
		put(to, texts[i].name, "_total", "counter", texts[i].help, m->counters[i]);
	put(to, "guards", "", "gauge", "Guards connected", l->guards);
	put(to, "connections_open", "", "gauge", "Connections open", l->connections);
	put(to, "streams", "", "gauge", "Live streams open", l->streams);
	put(to, "requests_waiting", "", "gauge", "Requests waiting for answers", l->waiting);
	put(to, "storing", "", "gauge", "Operations waiting to be stored", l->storing);
	put(to, "storage_ok", "", "gauge", "Whether the database can be written", l->storage_ok);
}
