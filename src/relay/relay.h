/*
 * relay: what the parts of the running relay share. One thread has all of it; the store's writer is the only other one.
 */
#ifndef ROUSE_RELAY_RELAY_H
#define ROUSE_RELAY_RELAY_H

#include "base/list.h"
#include "relay/config.h"
#include "relay/limits.h"
#include "relay/metrics.h"
#include "relay/route.h"
#include "relay/store.h"
#include "relay/stream.h"
#include "relay/wheel.h"

struct relay {
	struct config config;
	struct loop *loop;
	struct wheel wheel;
	struct stream_hub hub;
	struct limits limits;
	struct store *store;
	struct route route;
	struct metrics metrics;
	struct buffer
		out; /* an answer while it is being written; kept, so that none is allocated each time */
	struct tls_context *tls; /* NULL: plain */
	struct list visitors; /* every connection */
	uint32_t visitors_n;
	uint32_t strangers_n; /* of these, those that have not shown a request or a key yet */
	bool https; /* what people see is TLS, ours or a proxy's */
	bool draining;
	uint64_t guard_serial;
	uint8_t run[8];
	char run_text[B64_TEXT(8)];
	char date[32]; /* the Date field's value, of `date_s` */
	uint64_t date_s;
};

#endif
