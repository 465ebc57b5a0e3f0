/*
 * wire: one WebSocket connection to a relay, from its name to its messages: resolved, connected, proved, upgraded.
 *
 * Owns the descriptor and what could not be written yet, both bounded. Refuses to know what messages say, and when to
 * try again.
 */
#ifndef ROUSE_UPLINK_WIRE_H
#define ROUSE_UPLINK_WIRE_H

#include "uplink/resolve.h"
#include "uplink/secure.h"
#include "uplink/upgrade.h"

#include <stdbool.h>

#define WIRE_IN 16384 /* the head of the answer, or a relay's longest message, with room */
#define WIRE_OUT_MAX (256U << 10) /* bytes that may wait; then the relay counts as gone */
#define WIRE_WHY 256

enum wire_state {
	WIRE_CLOSED,
	WIRE_RESOLVING,
	WIRE_CONNECTING,
	WIRE_SHAKING, /* TLS */
	WIRE_UPGRADING,
	WIRE_OPEN,
};

struct wire_handler {
	void (*opened)(void *context);
	/* Valid during the call; changes to it are allowed. */
	void (*text)(void *context, char *text, size_t n);
	void (*pong)(void *context, const uint8_t *bytes, size_t n);
	/* Room for more to be written. */
	void (*drained)(void *context);
	/* It is over, or did not come to be: why, in words; `code`: the relay's closing code, or 0. */
	void (*closed)(void *context, const char *why, unsigned int code);
	void *context;
};

struct wire {
	struct loop *loop;
	struct wire_handler handler;
	enum wire_state state;
	struct relay_url url;
	struct resolve *resolve;
	struct resolve_address addresses[RESOLVE_MAX];
	size_t addresses_n, tried;
	char trouble[WIRE_WHY]; /* with the address tried last */
	int fd; /* -1: none */
	bool watching;
	struct loop_watch watch;
	struct loop_timer patience;
	struct loop_deferred ending;
	char why[WIRE_WHY];
	unsigned int code;
	bool ended; /* `closed` is on its way */
	struct secure *tls;
	bool tls_wants_write;
	char key[UPGRADE_KEY_TEXT];
	struct ws_reader reader;
	size_t in_used;
	uint8_t in[WIRE_IN];
	size_t out_at, out_used, out_room;
	uint8_t *out;
};

int wire_init(struct wire *w, struct loop *l, const struct wire_handler *handler);
void wire_done(struct wire *w);
/* From WIRE_CLOSED. `closed` comes in any case, later. */
void wire_open(struct wire *w, const struct relay_url *url);
/* A message; false: there is no room, or no connection, and it is over. */
bool wire_text(struct wire *w, const char *text, size_t n);
void wire_ping(struct wire *w, const void *bytes, size_t n);
size_t wire_waiting(const struct wire *w);
/* Says goodbye with that code and ends; no `closed` comes. */
void wire_close(struct wire *w, uint16_t code);

#endif
