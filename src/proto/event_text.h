/*
 * event_text: an event as one line for people, and as JSON for programs. The only place that has words for events:
 * the guard's log and `rouse log` say the same.
 *
 * What came from the network is escaped in both.
 */
#ifndef ROUSE_PROTO_EVENT_TEXT_H
#define ROUSE_PROTO_EVENT_TEXT_H

#include "base/event.h"
#include "proto/json_write.h"

#define EVENT_LINE 768 /* bytes of the longest line, with NUL */
#define EVENT_JSON 2560 /* names that are all escapes, twice, and again in the words */

/* "nas: knock from 192.0.2.10:51234 to tcp/22; magic packet sent (1/3)"; no line end; returns `to`. */
char *event_line(const struct event *e, char to[static EVENT_LINE]);
/*
 * One object with the same keys for every kind (null where one does not apply): id, at, machine, event, by, who, from, to,
 * address, mac, attempt, attempts, seconds, replayed, late, local, observed, text.
 */
void event_write_json(struct json_writer *w, const struct event *e);

/* "192.0.2.10:51234", "[2001:db8::1]:51234"; without port ("192.0.2.10") when it is 0. */
void event_put_endpoint(struct text *t, const struct addr *a, uint16_t port);
/* What was knocked at: "tcp/22", "udp/9987", "echo"; nothing for KNOCK_NONE. */
void event_put_service(struct text *t, enum knock_kind k, uint16_t port);

#endif
