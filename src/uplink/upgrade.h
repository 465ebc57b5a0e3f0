/*
 * upgrade: the HTTP request that opens a WebSocket at a relay, and the relay's answer (RFC 6455, 4.1). Pure.
 */
#ifndef ROUSE_UPLINK_UPGRADE_H
#define ROUSE_UPLINK_UPGRADE_H

#include "proto/relay_link.h"
#include "proto/websocket.h"

#define UPGRADE_KEY_TEXT (WS_KEY_LENGTH + 1)
#define UPGRADE_REQUEST_MAX 768
#define UPGRADE_ANSWER_MAX 8192

/* The base64 of 16 random bytes. */
char *upgrade_key(const uint8_t random[static 16], char to[static UPGRADE_KEY_TEXT]);
/* Returns its length. */
size_t upgrade_request(const struct relay_url *url, const char *key,
		       char to[static UPGRADE_REQUEST_MAX]);

#define UPGRADE_DONE 1
#define UPGRADE_MORE 2
/*
 * UPGRADE_DONE and how many bytes it was; UPGRADE_MORE; -EPROTO: it is no answer to this request; the HTTP status when it is
 * a refusal.
 */
int upgrade_answer(const char *bytes, size_t n, const char *key, size_t *ret_size);

#endif
